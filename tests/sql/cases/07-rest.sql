-- SPDX-License-Identifier: MIT
-- What an answer does to a project: rests, streaks, trials, learned limits.
select test.keys(1, 1);
create temporary table p (permit jsonb);
create function pg_temp.fail(p_outcome text, p_penalty jsonb) returns void language plpgsql as $$
declare a jsonb := test.ask1();
begin
    if a ->> 'verdict' <> 'go' then raise 'not granted: %', a; end if;
    perform test.end(a, p_outcome, p_penalty);
end $$;
create function pg_temp.state() returns text language sql as $$
    select concat_ws(' ', case when ready_at = '-infinity' then 'ready' when ready_at = 'infinity' then 'never'
                               else extract(epoch from ready_at - pollux.now())::numeric(9, 1)::text end, reason)
    from pollux.quota where project_id = 1 and model = 'm'
$$;
select pg_temp.fail('quota_minute', '{"scope": "quota", "rest": "ms", "ms": 30000, "reason": "rpm"}');
select test.is('RetryInfo of 30 s', pg_temp.state(), '30.0 told_rpm');
select test.is('everybody waits that long', test.ask1() ->> 'retry_in_ms', '30002');
delete from pollux.waiter;
select test.later('30 seconds');
select test.is('then it is ready', test.go(5), 5::bigint);
select pg_temp.fail('quota_minute', '{"scope": "quota", "rest": "ms", "ms": 100, "reason": "rpm"}');
select test.is('a tenth of a second becomes the floor', pg_temp.state(), '2.0 told_rpm');
select test.later('2 seconds');
select pg_temp.fail('quota_minute', '{"scope": "quota", "rest": "ms", "ms": 1e15, "reason": "rpm"}');
select test.is('ages become the ceiling', pg_temp.state(), '3600.0 told_rpm');
select test.later('1 hour');
select pg_temp.fail('quota_day', '{"scope": "quota", "rest": "midnight", "ms": 10000, "reason": "rpd"}');
select test.is('a spent day: until midnight, whatever RetryInfo says',
               (select ready_at from pollux.quota), '2030-06-16 00:00:02 America/Los_Angeles'::timestamptz);
select test.at('2030-06-16 23:59:59 America/Los_Angeles');
insert into p select test.ask1();
select test.at('2030-06-17 00:00:03 America/Los_Angeles');
select test.end(permit, 'quota_day', '{"scope": "quota", "rest": "midnight", "reason": "rpd"}') from p;
select test.is('the day meant is that of the attempt, not of its end', test.go(1), 1::bigint);

-- failures in a row
select pg_temp.fail('overloaded', '{"scope": "quota", "rest": "backoff", "reason": "503"}');
select test.ok('1 s, give or take a fifth', (select extract(epoch from ready_at - pollux.now()) between 0.8 and 1.2 from pollux.quota));
select test.later('2 seconds');
select test.is('one trial', test.go(5), 1::bigint);
select test.is('no second while it runs', test.go(5), 0::bigint);
select test.is('those who wait ask again soon, not in a minute', (test.ask1() ->> 'retry_in_ms')::integer < 500, true);
delete from pollux.waiter;
select test.later('60 seconds');
select test.is('a trial that nobody heard of again makes room for another', test.go(5), 1::bigint);
delete from pollux.waiter;
select test.later('60 seconds');
select pg_temp.fail('overloaded', '{"scope": "quota", "rest": "backoff", "reason": "503"}');
select test.ok('the second time 2 s', (select extract(epoch from ready_at - pollux.now()) between 1.6 and 2.4 from pollux.quota));
select test.later('3 seconds');
select pg_temp.fail('connect', '{"scope": "quota", "rest": "backoff", "reason": "connect"}');
select test.ok('then 4 s', (select extract(epoch from ready_at - pollux.now()) between 3.2 and 4.8 from pollux.quota));
update pollux.quota set failures = 30;
select test.later('5 seconds');
select pg_temp.fail('connect', '{"scope": "quota", "rest": "backoff", "reason": "connect"}');
select test.ok('never more than 5 minutes and a fifth', (select extract(epoch from ready_at - pollux.now()) between 240 and 360 from pollux.quota));
select test.later('6 minutes');
truncate p;
insert into p select test.ask1();
select test.later('1 second');
select test.end(permit) from p;
select test.is('a success ends the streak', (select failures || ' ' || pg_temp.state() from pollux.quota), '0 ready');
select test.is('and all may go', test.go(9), 9::bigint);
truncate p;
insert into p select jsonb_array_elements(test.ask((select jsonb_agg(test.wish()) from generate_series(1, 20))));
select test.later('1 second');
select test.end(permit, 'overloaded', '{"scope": "quota", "rest": "backoff", "reason": "503"}') from p;
select test.is('20 that fail together are one failure', (select failures from pollux.quota), 1);
select test.later('2 seconds');
truncate p;
insert into p select test.ask1();
select test.later('1 second');
select test.end(permit || jsonb_build_object('id', gen_random_uuid(), 'started_at', pollux.now() - interval '1 minute')) from p;
select test.is('a success that began before the failure proves nothing', (select failures from pollux.quota), 1);
select test.end(permit, 'client_gone') from p;
select test.is('a trial whose client left makes room for the next', test.go(3), 1::bigint);
delete from pollux.waiter;
select test.later('61 seconds');
truncate p;
insert into p select test.ask1();
select test.later('1 second');
select test.end(permit, 'caller') from p;
select test.is('an answer that blames the caller is a success of the project', test.go(3), 3::bigint);

-- learned limits
select test.later('70 seconds');
select pg_temp.fail('quota_minute', '{"scope": "quota", "rest": "ms", "ms": 5000, "reason": "rpm", "learn": {"rpm": 3}}');
select test.is('an event tells', (select detail ->> 'rpm' from pollux.event where kind = 'limit_learned'), '3');
select test.later('5 seconds');
select test.is('what was started before counts: two more', test.go(9), 2::bigint);
delete from pollux.waiter;
select test.later('70 seconds');
select test.is('then three a minute', test.go(9), 3::bigint);
delete from pollux.waiter;
select test.later('169 hours');
select test.is('until it is forgotten', test.go(9), 9::bigint);
select admin.model_set('m', '{"rpm": 5}');
update pollux.quota set learned_rpm = 50, learned_at = pollux.now();
select test.later('70 seconds');
select test.is('the smaller of learned and configured', test.go(9), 5::bigint);
delete from pollux.waiter;

-- limit 0
select test.later('70 seconds');
select pg_temp.fail('quota_never', '{"scope": "quota", "rest": "never", "reason": "limit_0"}');
select test.is('limit 0', pg_temp.state(), 'never limit_0');
select test.is('nobody can have it', test.ask1() ->> 'reason', 'model_unavailable');
select test.is('other models can', test.go(1, 'other'), 1::bigint);
select test.later('169 hours');
select pollux.quota_return();
select test.is('tried again after a week', test.go(5), 1::bigint);

-- the attempt that failed comes with the next wish, and again with the settlement
select test.reset();
select test.keys(1, 2);
create temporary table q as select test.ask1('m', '{"id": "11111111-1111-1111-1111-111111111111", "credential": 1}') as a1;
alter table q add a2 jsonb;
update q set a2 = test.ask1('m', jsonb_build_object('id', a1 -> 'id', 'attempt', 2, 'exclude', '[1]'::jsonb,
    'failed', test.attempt(a1, 'overloaded', '{"scope": "quota", "rest": "backoff", "reason": "503"}')));
select test.is('the second attempt goes to the other project', (select a2 ->> 'project_id' from q), '2');
select test.is('the first is logged', (select outcome from pollux.attempt), 'overloaded');
select test.is('and its project rests', (select failures from pollux.quota where project_id = 1), 1);
select test.settle(jsonb_build_array(test.settlement(a1, jsonb_build_array(
    test.attempt(a1, 'overloaded', '{"scope": "quota", "rest": "backoff", "reason": "503"}'), test.attempt(a2))))) from q;
select test.is('its penalty is applied once', (select failures from pollux.quota where project_id = 1), 1);
select test.is('one row per attempt', (select string_agg(outcome, ' ' order by n) from pollux.attempt), 'overloaded ok');
select test.is('one per request', (select outcome || ' ' || attempts from pollux.request), 'ok 2');
select test.is('it began with its first permit', (select started_at from pollux.request), (select (a1 ->> 'started_at')::timestamptz from q));
