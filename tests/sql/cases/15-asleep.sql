-- SPDX-License-Identifier: MIT
-- A worker that was only asleep (stopped, swapped out, cut off): what it had open was closed as lost meanwhile, and now
-- goes on. However it goes on, a request stays one row.
select test.keys(1, 2);
create temporary table z as select test.ask1() as one, null::jsonb as two;
create function pg_temp.sweep() returns integer language sql as $$ select pollux.worker_lose(array(select id from pollux.open_request)) $$;
create function pg_temp.go_on() returns text language sql as $$
    update z set two = test.ask(jsonb_build_array(test.wish('m', jsonb_build_object(
        'id', one -> 'id', 'attempt', 2, 'failed', test.attempt(one, 'overloaded'))))) -> 0;
    select two ->> 'verdict' from z
$$;
create function pg_temp.finish() returns jsonb language sql as $$
    select test.settle(jsonb_build_array(test.settlement(one, jsonb_build_array(
        test.attempt(one, 'overloaded'), test.attempt(two))))) from z
$$;
create function pg_temp.rows() returns text language sql as $$
    select concat_ws(', ', (select string_agg(outcome || ' ' || attempts, ' and ') from pollux.request),
                     (select string_agg(outcome, ' and ' order by n) from pollux.attempt),
                     (select sum(day_requests) from pollux.quota))
$$;

select test.later('1 minute');
select test.is('swept', pg_temp.sweep(), 1);
select test.is('it goes on with a second attempt', pg_temp.go_on(), 'go');
select test.later('1 minute');
select pg_temp.finish();
select test.is('and is one row, with both', pg_temp.rows(), 'ok 2, overloaded and ok, 2');

truncate pollux.request, pollux.attempt;
update pollux.quota set failures = 0, ready_at = '-infinity', reason = null, day_requests = 0;
update z set one = test.ask1();
select test.later('1 minute');
select pg_temp.sweep();
select test.is('asleep twice: it goes on', pg_temp.go_on(), 'go');
select test.later('1 minute');
select pg_temp.sweep();
select test.is('and is swept again, as one row', (select count(*) from pollux.open_request) || ' ' || (select count(*) from pollux.request), '0 1');
select pg_temp.finish();
select test.is('which is replaced in the end', pg_temp.rows(), 'ok 2, overloaded and ok, 2');

-- Granted after its request was settled: the connection had broken while the server waited for a lock.
truncate pollux.request, pollux.attempt;
update pollux.quota set failures = 0, ready_at = '-infinity', reason = null, day_requests = 0;
update z set one = test.wish();
select test.settle(jsonb_build_array(test.settlement(one, '[]', '{"started_at": null, "status": 503, "outcome": "unavailable"}'))) from z;
select test.later('1 second');
select test.is('a wish is granted late', (select test.ask(jsonb_build_array(one)) -> 0 ->> 'verdict' from z), 'go');
select test.is('another one in time', test.ask1() ->> 'verdict', 'go');
select test.later('1 minute');
select api.beat(test.worker(), '{"host": "h", "pid": 7}');
select test.is('what nobody waits for any more is closed', pollux.sweep(), 1);
select test.is('the other goes on', (select string_agg((o.id = (one ->> 'id')::uuid)::text, ' ') from pollux.open_request o, z), 'false');
select test.is('the request is what it was', (select string_agg(outcome, ' ') from pollux.request), 'unavailable');
select test.is('both stay counted', (select sum(day_requests) from pollux.quota), 2::bigint);
