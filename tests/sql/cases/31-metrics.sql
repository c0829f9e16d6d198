-- SPDX-License-Identifier: MIT
-- Metrics: counters that only grow, whatever is taken into the meter and whatever is dropped; bounded series; the text format.
select test.keys(1, 4);
update pollux.setting set value = '2' where name = 'metrics_models';
update pollux.setting set value = '1' where name = 'metrics_clients';
select admin.client_add('second "quoted" \back', encode(sha256('second'), 'hex'), 'cond', null, null, null, null, null);
select admin.model_set('m', '{"price_input": 1000, "price_output": 2000}');
create function test.metric(p_start text) returns numeric language sql as $$
    select sum(substring(line from '\S+$')::numeric) from regexp_split_to_table(api.metrics(null, true), E'\n') line
    where starts_with(line, p_start)
$$;
-- What grew and what fell since the last look.
create table test.look (series text primary key, value numeric);
create function test.fell() returns text language plpgsql as $$
declare v_fell text;
begin
    create temp table now_seen on commit drop as
    select substring(line from '^(.*) \S+$') as series, substring(line from '\S+$')::numeric as value
    from regexp_split_to_table(api.metrics(null, true), E'\n') line where line ~ '^pollux_\w+(_total|_bucket|_sum|_count)';
    select string_agg(format('%s: %s after %s', l.series, n.value, l.value), '; ') into v_fell
    from test.look l left join now_seen n using (series) where n.value is null or n.value < l.value;
    delete from test.look;
    insert into test.look select * from now_seen;
    return v_fell;
end $$;

-- 1: straight out of the log
select test.end(test.ask1('m')) from generate_series(1, 3);
select test.end(test.ask1('made-up'), 'caller');
select test.is('requests that just ended', test.metric('pollux_requests_total{dialect="native",model="m",outcome="ok"}'), 3::numeric);
select test.is('a name that never answered', test.metric('pollux_requests_total{dialect="native",model="other",outcome="caller"}'), 1::numeric);
select test.is('tokens', test.metric('pollux_tokens_total{kind="prompt",model="m"}'), 300::numeric);
select test.is('cost', test.metric('pollux_cost_total{model="m"}'), 0.6);
select test.is('by client', test.metric('pollux_client_requests_total{client="app"}'), 4::numeric);
select test.is('upstream calls', test.metric('pollux_upstream_calls_total{outcome="ok"}'), 3::numeric);
select test.is('histogram: all of them', test.metric('pollux_request_duration_seconds_count{model="m"}'), 3::numeric);
select test.is('histogram: the last bucket', test.metric('pollux_request_duration_seconds_bucket{model="m",le="+Inf"}'), 3::numeric);
select test.is('histogram: the first bucket', test.metric('pollux_request_duration_seconds_bucket{model="m",le="0.05"}'), 3::numeric);
select test.is('histogram: the sum', test.metric('pollux_request_duration_seconds_sum{model="m"}'), 0.03);
select test.is('to begin with', test.fell(), null);

-- 2: into the meter, in steps, while more comes
select test.later('30 seconds');
select test.end(test.ask1('m', jsonb_build_object('token_hash', encode(sha256('second'), 'hex'))));
select test.later('45 seconds');
select test.is('nothing falls', test.fell(), null);
select test.ok('the meter takes the older ones', pollux.meter_run() > 0);
select test.is('and not the younger', (select sum(requests) from pollux.meter_model), 4::numeric);
select test.is('nothing falls when they go into the meter', test.fell(), null);
select test.is('nor is counted twice', test.metric('pollux_requests_total'), 5::numeric);
select test.is('two that take at once do not take twice', pollux.meter_run(), 0);
select test.is('a client beyond the cap', test.metric('pollux_client_requests_total{client="other"}'), 1::numeric);
select test.later('2 minutes');
select pollux.meter_run();
select test.is('all are in the meter', test.metric('pollux_requests_total') || ' ' || (select sum(requests) from pollux.meter_model), '5 5');
select test.is('nothing falls after that', test.fell(), null);

-- 3: the cap of models; names that came too late stay together
select test.end(test.ask1('second'));
select test.end(test.ask1('third'));
select test.is('room for a second', test.metric('pollux_requests_total{dialect="native",model="second",outcome="ok"}'), 1::numeric);
select test.is('none for a third', test.metric('pollux_requests_total{dialect="native",model="third",outcome="ok"}'), null);
select test.is('it is counted with others', test.metric('pollux_requests_total{dialect="native",model="other",outcome="ok"}'), 1::numeric);
select test.is('nothing falls with new names', test.fell(), null);
select test.later('2 minutes');
select pollux.meter_run();
update pollux.setting set value = '50' where name = 'metrics_models';
select test.end(test.ask1('third'));
select test.end(test.ask1('made-up'));
select test.is('nothing falls when there is room again', test.fell(), null);
select test.is('what was counted with others stays there', test.metric('pollux_requests_total{dialect="native",model="other"'), 2::numeric);
select test.is('a bad name that turns good', test.metric('pollux_requests_total{dialect="native",model="made-up"'), 1::numeric);

-- 4: lost ones, and the settlement that replaces one of them
create temp table late as select test.ask1('m') as permit;
select pollux.worker_lose(array[(select (permit ->> 'id')::uuid from late)]);
select test.is('lost ones are not counted while they are young', test.metric('pollux_requests_total{dialect="native",model="m",outcome="lost"}'), null);
select test.end(permit) from late;
select test.is('the settlement that came later is', test.metric('pollux_requests_total{dialect="native",model="m",outcome="ok"}'), 5::numeric);
select test.is('nothing falls when it replaces', test.fell(), null);
create temp table gone as select test.ask1('m') as permit;
select pollux.worker_lose(array[(select (permit ->> 'id')::uuid from gone)]);
select test.later('2 minutes');
select pollux.meter_run();
select test.is('a lost one is counted by the meter', test.metric('pollux_requests_total{dialect="native",model="m",outcome="lost"}'), 1::numeric);
select test.is('nothing falls', test.fell(), null);
select test.end(permit) from gone;
select test.is('nothing falls when that one comes back', test.fell(), null);

-- 5: the log is dropped
select test.later('2 minutes');
select pollux.meter_run();
truncate pollux.request, pollux.attempt;
select test.is('nothing falls when the log is dropped', test.fell(), null);

-- 6: a good answer after a bad call; nobody's model
create temp table twice as select test.ask1('m') as permit;
select test.settle(jsonb_build_array(test.settlement(permit, jsonb_build_array(
    test.attempt(permit, 'overloaded'), test.attempt(permit, 'ok', null, '{"n": 2}'))))) from twice;
select test.is('rescued', test.metric('pollux_rescued_requests_total{model="m"}'), 1::numeric);
select test.is('both calls are counted', test.metric('pollux_upstream_calls_total{outcome="overloaded"}'), 1::numeric);

-- 7: the text
select test.is('a label with quotes and a backslash', pollux.metric_line('x', jsonb_build_object('client', E'a"b\\c\nd'), 1), 'x{client="a\"b\\c\nd"} 1');
select test.is('no label', pollux.metric_line('x', '{}', 1.500), 'x 1.5');
select test.is('every metric is declared', (select string_agg(distinct s.name, ' ') from (select * from pollux.metric_gauges() union all select * from pollux.metric_counters()) s
    where s.name not in (select name from pollux.metric_help())), null);
select test.is('every series once', (select string_agg(s, ' ') from (select substring(line from '^(.*) \S+$') as s from regexp_split_to_table(api.metrics(null, true), E'\n') line
    where line <> '' and line !~ '^#' group by 1 having count(*) > 1) d), null);
select test.is('no series of a credential', (select count(*) from regexp_split_to_table(api.metrics(null, true), E'\n') line where line ~ 'credential_id|fingerprint|project='), 0::bigint);

-- 8: the door
select test.is('elsewhere without a token', test.error('select api.metrics(null, false)'), 'this needs an admin token of role metrics, or a caller on this machine');
select admin.token_add('prometheus', encode(sha256('prometheus'), 'hex'), 'heus', 'metrics', null) ->> 'role' as role \gset
select test.ok('with a token', api.metrics(encode(sha256('prometheus'), 'hex'), false) like '# HELP%');
select test.is('with a client''s token', test.error($$select api.metrics(encode(sha256('app'), 'hex'), true)$$), 'a client token does not open the administration');
update pollux.setting set value = 'off' where name = 'metrics_local';
select test.is('the local door closed', test.error('select api.metrics(null, true)'), 'this needs an admin token of role metrics, or a caller on this machine');
select test.is('that of the status too', test.error('select api.status_text(null, true, 10000)'), 'this needs an admin token of role metrics, or a caller on this machine');
update pollux.setting set value = 'on' where name = 'metrics_local';

-- 9: the status text
select test.ok('the models, most used first', api.status_text(null, true, 100000) ~ E'\nm +\\d+ +\\d+ +[0-9.]+% ');
select test.ask1('model-' || repeat('x', 180) || i) from generate_series(1, 60) i;
select test.is('it is no longer than it may be', octet_length(api.status_text(null, true, 8000)) <= 8000, true);
select test.ok('and says what is left out', api.status_text(null, true, 8000) ~ E'\\.\\.\\. and \\d+ models more\n$');
select test.is('a line for the log', api.usage_line(60) - 'pool', '{"requests": 1, "errors": 0, "prompt_tokens": 100, "cached_tokens": 0, "output_tokens": 50, "total_tokens": 150, "clients": 1, "credentials": 1}');

-- 10: for people in psql
select test.is('the same figures as a view', (select value from report.metrics where name = 'pollux_rescued_requests_total' and labels ->> 'model' = 'm'), 1::numeric);
set role pollux_read;
select test.ok('which readers may read', (select count(*) > 20 from report.metrics));
select test.ok('tokens without their hashes', (select string_agg(to_jsonb(t)::text, '') from report.admin_tokens t) !~ 'hash|[0-9a-f]{64}');
reset role;
