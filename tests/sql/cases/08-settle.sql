-- SPDX-License-Identifier: MIT
-- Settling: once whatever happens, also after a crash forgot the reservation.
select test.keys(1, 1);
create temporary table p as select test.ask1('m') as permit;
create function pg_temp.rows() returns text language sql as $$
    select format('%s open, %s requests, %s attempts, %s counted', (select count(*) from pollux.open_request),
                  (select count(*) from pollux.request), (select count(*) from pollux.attempt),
                  (select coalesce(sum(day_requests), 0) from pollux.quota))
$$;
select test.is('admitted', pg_temp.rows(), '1 open, 0 requests, 0 attempts, 1 counted');
select test.end(permit) from p;
select test.is('settled', pg_temp.rows(), '0 open, 1 requests, 1 attempts, 1 counted');
select test.end(permit, 'reset') from p;
select test.is('settled again: ignored', pg_temp.rows(), '0 open, 1 requests, 1 attempts, 1 counted');
select test.is('the first settlement stays', (select outcome from pollux.request), 'ok');
select test.is('tokens', (select prompt_tokens || ' ' || output_tokens || ' ' || total_tokens from pollux.request), '100 50 150');
select test.is('in the same batch twice', (select test.settle(jsonb_build_array(s, s))::text from (
    select test.settlement(a, jsonb_build_array(test.attempt(a))) as s from test.ask1() a) x), '{}');
select test.is('one row', pg_temp.rows(), '0 open, 2 requests, 2 attempts, 2 counted');

-- refused before it was admitted
create function pg_temp.refused() returns jsonb language sql as $$
    select test.settle('[{"id": "22222222-2222-2222-2222-222222222222", "started_at": null, "status": 429, "outcome": "refused",
                          "client_id": 1, "model": "m", "attempts": []}]')
$$;
select pg_temp.refused();
select test.later('1 second');
select pg_temp.refused();
select test.is('a refusal is logged once, though it has no time of its own', pg_temp.rows(), '0 open, 3 requests, 2 attempts, 2 counted');

-- the crash of PostgreSQL forgot the reservation
update p set permit = test.ask1('m');
delete from pollux.open_request;
update pollux.quota set day_requests = 2, seconds = '{}', starts = '{}', tokens = '{}';
select test.later('3 seconds');
select test.end(permit) from p;
select test.is('a forgotten reservation is counted by its settlement', pg_temp.rows(), '0 open, 4 requests, 3 attempts, 3 counted');
select test.is('also in the window', (select requests_this_minute from report.quota where model = 'm'), 1::bigint);
select test.end(permit) from p;
select test.is('once', pg_temp.rows(), '0 open, 4 requests, 3 attempts, 3 counted');

-- lost, then settled after all
update p set permit = test.ask1('m');
select test.is('swept', pollux.worker_lose(array(select id from pollux.open_request)), 1);
select test.is('as lost', (select outcome from pollux.request order by started_at desc, outcome limit 1), 'lost');
select test.is('its attempt too', (select count(*) from pollux.attempt where outcome = 'lost'), 1::bigint);
select test.end(permit) from p;
select test.is('the settlement replaces the lost row', (select count(*) from pollux.request where outcome = 'lost'), 0::bigint);
select test.is('and the lost attempt', pg_temp.rows(), '0 open, 5 requests, 4 attempts, 4 counted');
select test.is('swept twice is nothing', pollux.worker_lose(array[(select (permit ->> 'id')::uuid from p)]), 0);

-- the answer of a wish was lost with the connection
update p set permit = test.wish('m', '{"repeat": false}');
create temporary table twice as select test.ask(jsonb_build_array(permit)) -> 0 as first from p;
alter table twice add second jsonb;
update twice set second = test.ask(jsonb_build_array((select permit || '{"repeat": true}' from p))) -> 0;
select test.is('a repeated wish gets what it got', (select first = second from twice), true);
select test.is('and is counted once', pg_temp.rows(), '1 open, 5 requests, 4 attempts, 5 counted');

-- one bad item among good ones
create function pg_temp.mixed() returns jsonb language plpgsql as $$
declare a jsonb := test.ask(jsonb_build_array(test.wish(), test.wish('m', '{"id": "no uuid"}'), test.wish('m', '{"est_tokens": 1e40, "since_ms": -1e30}'),
                                              test.wish('m', '{"attempt": "one"}'), test.wish()));
begin return a; end $$;
select test.is('a bad wish does not hurt the others', (select string_agg(concat_ws(' ', a ->> 'verdict', a ->> 'reason'), ', ')
    from jsonb_array_elements(pg_temp.mixed()) a), 'go, no malformed, go, no malformed, go');
create temporary table b as select test.ask1() as x, test.ask1() as y;
select test.is('nor does a bad settlement', (select jsonb_array_length(test.settle(jsonb_build_array(
    test.settlement(x, jsonb_build_array(test.attempt(x))),
    '{"id": "33333333-3333-3333-3333-333333333333", "started_at": "yesterday evening", "attempts": []}',
    test.settlement(y, jsonb_build_array(test.attempt(y)), '{"bytes_out": 1e40, "duration_ms": -5, "user_agent": "\u00e4\u2603"}'))) -> 'refused') from b), 1);
select test.is('the good ones are logged', (select count(*) from pollux.request r, b where r.id in ((x ->> 'id')::uuid, (y ->> 'id')::uuid)), 2::bigint);
select test.is('an event tells of the bad one', (select count(*) from pollux.event where kind = 'refused_settlement'), 1::bigint);
select test.is('odd attempts do no harm', (select test.settle(jsonb_build_array(test.settlement(a, '[null, 5, {}]'))) ? 'refused' from test.ask1() a), false);
