-- SPDX-License-Identifier: MIT
-- Heartbeats, sweeping, maintenance.
select test.keys(1, 1);
select test.is('settings come with the heartbeat', api.beat(test.worker(), '{"host": "h", "pid": 7}') -> 'settings' -> 'wait_limit_ms', '30000');
select test.go(3);
select test.later('14 seconds');
select api.beat('00000000-0000-0000-0000-00000000bbbb', '{"host": "h", "pid": 8}');
select test.is('14 s without a heartbeat: alive', (select count(*) from report.open_requests), 3::bigint);
select test.later('2 seconds');
select test.is('16 s: its requests are lost', api.beat('00000000-0000-0000-0000-00000000bbbb', '{}') ->> 'swept', '3');
select test.is('and logged', (select string_agg(outcome, ' ') from pollux.request), 'lost lost lost');
select test.is('it is dead', (select state from report.workers where pid = 7), 'dead');
select test.is('its quota stays counted', (select day_requests from pollux.quota), 3);
select api.beat(test.worker(), '{"host": "h", "pid": 7}');
select test.is('it was only asleep', (select state from report.workers where pid = 7), 'alive');
select api.bye(test.worker());
select test.is('it left', (select state from report.workers where pid = 7), 'left');
select test.go(1);
update pollux.open_request set worker = gen_random_uuid();
select test.later('29 minutes');
select test.is('a request without a worker', pollux.worker_strays(), 0);
select test.later('2 minutes');
select test.is('is lost after half an hour', pollux.worker_strays(), 1);

select pollux.maintain();
select test.is('maintenance does what is due', (select string_agg(name || ': ' || coalesce(result, '-'), ', ') from report.maintenance where result like 'failed%' or done_at + every < pollux.now()), null);
select test.is('and no more', pollux.maintain(), 0);
select test.later('4 days');
select api.beat(test.worker(), '{}');
select test.is('a worker does what nobody did', (select count(*) from report.maintenance where done_at > pollux.now() - interval '1 minute'), 1::bigint);

select test.at('2031-02-03 04:05+00');
select test.is('a day without a partition', test.go(1), 1::bigint);
select test.end(jsonb_build_object('id', id, 'attempt', 1, 'credential_id', 1, 'project_id', 1, 'model', 'm', 'started_at', started_at)) from pollux.open_request;
select test.is('goes to the default one', (select count(*) from pollux.request_default), 1::bigint);
select test.is('partitions for today and three days', pollux.partition_ahead(3), 8);
select test.is('made once', pollux.partition_ahead(3), 0);
select test.is('the rows move', (select count(*) from pollux.request_20310203) || ' ' || (select count(*) from pollux.request_default), '1 0');
select test.is('and attempts', (select count(*) from pollux.attempt_20310203), 1::bigint);
select test.later('33 days');
select pollux.partition_drop(30);
select test.is('old ones are dropped', (select to_regclass('pollux.request_20310203') is null and to_regclass('pollux.attempt_20310203') is null), true);
select test.is('young ones stay', (select to_regclass('pollux.request_20310206') is not null), true);

-- usage: rolled up and not
select test.reset();
select test.keys(1, 1);
select pollux.usage_roll(24);
create function pg_temp.use(p_n integer) returns void language plpgsql as $$
begin
    for i in 1..p_n loop perform test.end(test.ask1()); end loop;
end $$;
create function pg_temp.sums() returns text language sql as $$
    select coalesce(sum(requests), 0) || ' ' || coalesce(sum(total_tokens), 0) from report.usage_hourly
$$;
select pg_temp.use(3);
select test.is('live', pg_temp.sums(), '3 450');
select test.later('1 hour');
select pg_temp.use(2);
select test.later('66 minutes');
select pollux.usage_roll(24), pollux.usage_roll(24);
select test.is('rolled', (select sum(requests) from pollux.usage_hour), 5::numeric);
select test.is('the same', pg_temp.sums(), '5 750');
select pg_temp.use(1);
select test.is('both', pg_temp.sums(), '6 900');
select test.is('usage by client, credential and model', admin.usage(null, null, null) -> 0 ->> 'requests', '6');
select test.is('with names', (select u ->> 'client' || ' ' || (u ->> 'credential') || ' ' || (u ->> 'model') from (select admin.usage(null, null, null) -> 0 as u) x), 'app k1 m');
select test.is('by day', admin.usage(null, null, '{day}') -> 0 ->> 'day', '2030-06-15');
select test.is('of no time', admin.usage('2020-01-01', '2020-01-02', '{client}'), '[]');
select test.is('by nonsense', test.error($$select admin.usage(null, null, '{shoe}')$$), 'usage is grouped by client, credential, model, day or hour');
select test.ask1();
select pollux.worker_lose(array(select id from pollux.open_request));
select test.is('a lost request is an error without tokens', pg_temp.sums(), '7 900');
