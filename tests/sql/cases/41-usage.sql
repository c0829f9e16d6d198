-- SPDX-License-Identifier: MIT
-- Usage: rolled up and not, late or lost, none missing and none twice; histograms; days.
select test.is('a histogram counts up to and including a bound', (select pollux.histogram(pollux.histogram_range(ms), 1) from unnest('{0,50,51,100,300000,300001,9999999}'::bigint[]) ms),
               '{2,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,2}');
select test.is('nothing is an empty one', (select pollux.histogram(null, 5)), '{}');
select test.is('two are added up', pollux.histogram_add('{1,2}', '{3,4}'), '{4,6}');
select test.is('the empty one changes nothing', array[pollux.histogram_add('{}', '{1}'), pollux.histogram_add('{1}', '{}'), pollux.histogram_add('{1}', null)], '{{1},{1},{1}}');
create temp table h as select pollux.histogram(pollux.histogram_range(ms), 1) as h from generate_series(1, 1000) ms;
select test.is('percentiles of 1..1000 ms', (select array[pollux.percentile(h, 0.5), pollux.percentile(h, 0.95), pollux.percentile(h, 0.99), pollux.percentile(h, 1)] from h), '{500,950,990,1000}');
select test.is('of nothing', pollux.percentile('{}', 0.5), null);
select test.is('beyond the last bound', pollux.percentile(array_fill(0, array[20]) || 7::bigint, 0.5), 300000::bigint);

select test.keys(1, 1);
select pollux.usage_roll();
create function pg_temp.use(p_n integer) returns void language plpgsql as $$
begin
    for i in 1..p_n loop perform test.end(test.ask1()); end loop;
end $$;
create function pg_temp.sums() returns text language sql as $$
    select coalesce(sum(requests), 0) || ' ' || coalesce(sum(total_tokens), 0) from report.usage_hourly
$$;
select pg_temp.use(3);
select test.is('live', pg_temp.sums(), '3 450');
select test.later('4 minutes');
select pollux.usage_roll();
select test.is('the last minutes are not rolled up', (select count(*) from pollux.usage_hour), 0::bigint);
select test.later('56 minutes');
select pg_temp.use(2);
select test.later('66 minutes');
select pollux.usage_roll(), pollux.usage_roll();
select test.is('rolled', (select sum(requests) from pollux.usage_hour), 5::numeric);
select test.is('the same', pg_temp.sums(), '5 750');
select pg_temp.use(1);
select test.is('both', pg_temp.sums(), '6 900');
select test.later('10 minutes');
select pg_temp.use(1);
select test.later('10 minutes');
select pollux.usage_roll();
select test.is('an hour that goes on is one row', (select string_agg(requests::text, ' ' order by hour) from pollux.usage_hour), '3 2 2');
select test.is('with its times', (select (duration_ms, latency[1], cardinality(latency), first_byte)::text from pollux.usage_hour order by hour desc limit 1), '(20,2,21,{})');
select test.is('usage by client, credential and model', admin.usage(null, null, null) -> 0 ->> 'requests', '7');
select test.is('with names', (select u ->> 'client' || ' ' || (u ->> 'credential') || ' ' || (u ->> 'model') from (select admin.usage(null, null, null) -> 0 as u) x), 'app k1 m');
select test.is('by day', admin.usage(null, null, '{day}') -> 0 ->> 'day', '2030-06-15');
select test.is('of no time', admin.usage('2020-01-01', '2020-01-02', '{client}'), '[]');
select test.is('by nonsense', test.error($$select admin.usage(null, null, '{shoe}')$$), 'usage is grouped by client, credential, model, day or hour');

-- late and lost
select test.reset();
select test.keys(1, 1);
select test.at('2030-06-15 10:05+00');
select pollux.partition_ahead(1), pollux.usage_roll();
create temp table p as select test.ask1() as late, test.ask1() as never, test.ask1() as long;
select test.later('2 hours');
select pollux.worker_lose(array(select (x ->> 'id')::uuid from p, unnest(array[late, never]) x));
select test.is('lost requests are errors without tokens', pg_temp.sums(), '2 0');
select test.later('30 minutes');
select pollux.usage_roll();
select test.is('not rolled up yet', (select count(*) from pollux.usage_hour), 0::bigint);
select test.later('20 hours');
select test.end(late) from p;
select test.is('one is settled after all: it is no error any more', pg_temp.sums() || ' ' || (select sum(errors) from report.usage_hourly), '2 150 1');
select test.end(late) from p;
select test.end(long) from p;
select test.is('a second settlement is none', pg_temp.sums(), '3 300');
select test.later('1 hour');
select pollux.usage_roll();
select test.is('nor rolled up', pg_temp.sums() || ' ' || (select sum(requests) from pollux.usage_hour), '3 300 2');
select test.end(late) from p;
select pollux.usage_roll();
select test.is('nor later', pg_temp.sums(), '3 300');
select admin.setting_set('retention_days', '2');
select test.at('2030-06-18 00:01+00');
select pollux.usage_roll(), pollux.partition_keep();
select test.is('the log of the day is dropped: nothing is missing', pg_temp.sums() || ' ' || (select count(*) from pollux.request), '3 300 0');
select pollux.partition_keep();
select test.is('and nothing twice', pg_temp.sums(), '3 300');
select test.at('2030-06-25 00:01+00');
select pollux.usage_roll();
select test.is('who was away for long sums up two days at a time', pollux.usage_rolled(), '2030-06-19 23:55+00'::timestamptz);
select pollux.usage_roll(), pollux.usage_roll(), pollux.usage_roll();
select pollux.partition_keep();
select test.settle(jsonb_build_array(test.settlement(jsonb_build_object('id', gen_random_uuid(), 'attempt', 1, 'credential_id', 1, 'project_id', 1, 'model', 'm',
    'started_at', '2030-06-15 10:07+00'), '[{"n": 1, "credential_id": 1, "project_id": 1, "model": "m", "started_at": "2030-06-15 10:07+00", "outcome": "ok", "usage": {"prompt": 7, "total": 7}}]')));
select test.is('one settled when the log of its day is long gone counts', pg_temp.sums(), '4 307');
select pollux.partition_keep();
select test.is('is kept until it is rolled up', (select count(*) from pollux.request_default), 1::bigint);
select test.later('1 hour');
select pollux.usage_roll(), pollux.partition_keep();
select test.is('and not for ever', pg_temp.sums() || ' ' || (select count(*) from pollux.request_default) || ' ' || (select count(*) from pollux.attempt_default), '4 307 0 0');
select test.is('a log that is not summed up is not dropped', (select pollux.partition_oldest()), '2030-06-23'::date);
update pollux.chore set done_to = '2030-06-20 05:00+00' where name = 'usage';
select test.is('however old it is', (select pollux.partition_oldest()), '2030-06-19'::date);

-- days and cost
select test.reset();
select test.keys(1, 1);
select admin.model_set('m', '{"price_input": 2, "price_output": 10}');
select admin.setting_set('time_zone', 'Asia/Tokyo');
select test.at('2030-06-15 14:59+00');
select pollux.usage_roll();
select pg_temp.use(1);
select test.at('2030-06-15 15:01+00');
select pg_temp.use(2);
select test.at('2030-06-16 06:59+00');
select pg_temp.use(4);
select test.at('2030-06-16 07:00+00');
select pg_temp.use(8);
select test.is('days in Tokyo', (select string_agg(day || ' ' || requests, ', ' order by day) from report.usage_daily), '2030-06-15 1, 2030-06-16 14');
select test.is('days in Los Angeles', (select string_agg(day || ' ' || requests, ', ' order by day) from report.usage_pacific), '2030-06-15 7, 2030-06-16 8');
select test.is('the cost of 100 tokens in and 50 out each', (select sum(cost) from report.usage_daily), 15 * 0.0007);
select test.later('2 hours');
select pollux.usage_roll();
select test.is('the same rolled up', (select sum(cost) from pollux.usage_hour), 15 * 0.0007);
select admin.model_set('m', '{"price_input": 200}');
select test.is('a new price changes nothing that was', (select sum(cost) from report.usage_by_model), 15 * 0.0007);
select test.is('medians', (select string_agg(median_ms::text, ' ') from report.usage_daily), '25 25');
set timezone = 'Asia/Kolkata';
select test.is('an hour is an hour whatever the zone of the session', extract(minute from pollux.hour_of('2030-06-15 10:20+00') at time zone 'UTC'), 0::numeric);
reset timezone;

-- what is kept
select test.at('2032-01-01 00:00+00');
select pollux.usage_roll();
select pollux.clean_up();
select test.is('usage is kept for usage_days', (select count(*) from pollux.usage_hour), 0::bigint);
select test.is('events for retention_days', (select count(*) from pollux.event), 0::bigint);
