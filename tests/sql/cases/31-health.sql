-- SPDX-License-Identifier: MIT
-- Health: what is noted of each credential, and who is blamed for what.
create function pg_temp.bad(p_reason text default 'overloaded') returns jsonb language sql as $$
    select jsonb_build_object('scope', 'quota', 'rest', 'backoff', 'reason', p_reason)
$$;
create function pg_temp.dead(p_reason text default 'suspended') returns jsonb language sql as $$
    select jsonb_build_object('scope', 'credential', 'rest', 'dead', 'reason', p_reason)
$$;
create function pg_temp.h(p_credential bigint) returns text language sql as $$
    select concat_ws(' ', last_status, last_outcome, streak, round(ok::numeric, 1), round(failed::numeric, 1)) from pollux.health
    where credential_id = p_credential and model = 'm'
$$;
create function pg_temp.q(p_project bigint) returns text language sql as $$
    select concat_ws(' ', failures, coalesce(reason, '-'), case when ready_at <= pollux.now() then 'ready' else 'rests' end)
    from pollux.quota where project_id = p_project and model = 'm'
$$;
-- A second attempt of the request, after the first one failed.
create function pg_temp.again(p_permit jsonb, p_failed jsonb, p_to bigint) returns jsonb language sql volatile as $$
    select test.ask1('m', jsonb_build_object('id', p_permit -> 'id', 'attempt', (p_permit ->> 'attempt')::int + 1,
                                             'failed', p_failed, 'credential', p_to))
$$;
create function pg_temp.history(p_credential bigint) returns text language sql as $$
    select string_agg((detail ->> 'from') || '>' || (detail ->> 'to'), ' ' order by at, id) from pollux.event
    where kind = 'state' and detail ->> 'credential_id' = p_credential::text
$$;
create temp table p (permit jsonb);
insert into p values (null);

-- one failure, one recovery
select test.keys(1, 3);
update p set permit = test.ask1('m', '{"credential": 1}');
select test.end(permit, 'overloaded', pg_temp.bad(), '{"status": 503}') from p;
select test.is('a failure is noted', pg_temp.h(1), '503 overloaded -1 0.0 1.0');
select test.is('the breaker is open', pg_temp.q(1), '1 backoff rests');
select test.is('and told so', pg_temp.history(1), 'closed>open');
select test.is('it would be probed in ten minutes', (select next_probe_at - pollux.now() from pollux.health where credential_id = 1), '10 minutes');
select test.later('2 seconds');
update p set permit = test.ask1('m', '{"credential": 1}');
select test.is('half open: one tries it', pg_temp.q(1), '1 trial rests');
select test.is('the view says so', (select breaker from report.health where credential_id = 1), 'half_open');
select test.is('a single one', test.ask1('m', '{"credential": 1}') ->> 'verdict', 'wait');
select test.later('1 second');
select test.end(permit, 'ok', null, '{"status": 200}') from p;
select test.is('a success closes it', pg_temp.q(1), '0 - ready');
select test.is('the whole story', pg_temp.history(1), 'closed>open open>half_open half_open>closed');
select test.is('and ends the streak', pg_temp.h(1), '200 ok 1 1.0 1.0');
select test.is('it is asked again in twelve hours', (select next_probe_at - pollux.now() from pollux.health where credential_id = 1), '12 hours');

-- successes come with the minute
select test.end(test.ask1('m', '{"credential": 2}')) from generate_series(1, 3);
select test.is('successes cost nothing at once', pg_temp.h(2), null);
select test.later('31 seconds');
select pollux.health_fold();
select test.is('but are added up', pg_temp.h(2), '200 ok 3 3.0 0.0');
select test.is('with how long they took', (select latency_ms from pollux.health where credential_id = 2), 10::real);
select test.is('once', pollux.health_fold(), 0);
select test.later('1 day');
select test.end(test.ask1('m', '{"credential": 2}'));
select test.later('31 seconds');
select pollux.health_fold() from generate_series(1, 30);
select test.is('what was a day ago counts half', pg_temp.h(2), '200 ok 4 2.5 0.0');
select test.is('success rate', (select success_rate from report.health where credential_id = 2), 1.000);

-- a spent quota is no failure
update p set permit = test.ask1('m', '{"credential": 3}');
select test.end(permit, 'quota_day', '{"scope": "quota", "rest": "midnight", "reason": "rpd"}', '{"status": 429}') from p;
select test.is('a spent day is no failure', pg_temp.h(3), '429 quota_day 0 0.0 0.0');
select test.is('but a state', pg_temp.history(3), 'closed>resting');
select test.is('until Pacific midnight', (select (until - '2 seconds'::interval) at time zone 'America/Los_Angeles' from report.credential_states where credential_id = 3), '2030-06-17 00:00'::timestamp);

-- blame: an error that follows the request
select test.reset();
select test.keys(1, 4);
update p set permit = test.ask1('m', '{"credential": 1}');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'overloaded', pg_temp.bad(), '{"status": 503}'), 2);
select test.is('503 from one project: it rests', pg_temp.q(1), '1 backoff rests');
select test.later('1 second');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'overloaded', pg_temp.bad(), '{"status": 503}'), 3);
select test.is('503 from a second one: neither is blamed, not the first', pg_temp.q(1), '0 - ready');
select test.is('nor the second', pg_temp.q(2), '0 - ready');
select test.is('no streak', (select string_agg(streak || ' ' || failed, ', ' order by credential_id) from pollux.health), '0 0');
select test.later('1 second');
select test.end(permit, 'reset', pg_temp.bad('reset'), '{"status": 0}') from p;
select test.is('nor a third whose connection broke', pg_temp.q(3), '0 - ready');
select test.is('the log says why', (select string_agg(distinct penalty ->> 'followed', ' ') from pollux.attempt), 'true');
select test.is('one state was left and entered again', pg_temp.history(1), 'closed>open open>closed');

select test.reset();
select test.keys(1, 4);
update p set permit = test.ask1('m', '{"credential": 1}');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'overloaded', pg_temp.bad(), '{"status": 503}'), 2);
select test.end(permit, 'ok') from p;
select test.is('503 from one, an answer from the other: the first is blamed', pg_temp.q(1), '1 backoff rests');
update p set permit = test.ask1('m', '{"credential": 3}');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'quota_never', pg_temp.bad('model_denied'), '{"status": 403}'), 4);
select test.is('a 403 for the model', pg_temp.q(3), '1 backoff rests');
select test.end(permit, 'quota_never', pg_temp.bad('model_denied'), '{"status": 403}') from p;
select test.is('from two projects: neither', pg_temp.q(3) || ', ' || pg_temp.q(4), '0 - ready, 0 - ready');
select test.later('1 second');
update p set permit = test.ask1('m', '{"credential": 3}');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'quota_bare', pg_temp.bad('bare'), '{"status": 429}'), 4);
select test.end(permit, 'quota_bare', pg_temp.bad('bare'), '{"status": 429}') from p;
select test.is('quotas are each project''s own', pg_temp.q(3) || ', ' || pg_temp.q(4), '1 backoff rests, 1 backoff rests');
select test.later('10 seconds');
update p set permit = test.ask1('m', '{"credential": 2}');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'overloaded', pg_temp.bad(), '{"status": 503}'), 2);
select test.later('2 seconds');
select test.end(permit, 'overloaded', pg_temp.bad(), '{"status": 503}') from p;
select test.is('twice the same project is its own fault', (select failures > 0 from pollux.quota where project_id = 2 and model = 'm'), true);

select test.reset();
select test.keys(1, 2);
update p set permit = test.ask1('m', '{"credential": 1}');
select test.settle(jsonb_build_array(test.settlement(permit, jsonb_build_array(
    test.attempt(permit, 'overloaded', pg_temp.bad(), '{"status": 503}'),
    test.attempt(permit || '{"attempt": 2, "project_id": 2, "credential_id": 2}', 'overloaded', pg_temp.bad(), '{"status": 503}'))))) from p;
select test.is('both in one settlement: neither', pg_temp.q(1), '0 - ready');
select test.ok('nor the row that came into being', coalesce(pg_temp.q(2), '0 - ready') = '0 - ready');

-- Two that failed each by itself, and meet in one request when they are tried again.
select test.reset();
select test.keys(1, 3);
update p set permit = test.ask1('m', '{"credential": 1}');
select test.end(permit, 'overloaded', pg_temp.bad(), '{"status": 503}') from p;
update p set permit = test.ask1('m', '{"credential": 2}');
select test.end(permit, 'overloaded', pg_temp.bad(), '{"status": 503}') from p;
select test.later('3 seconds');
update p set permit = test.ask1('m', '{"credential": 1}');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'overloaded', pg_temp.bad(), '{"status": 503}'), 2);
update p set permit = pg_temp.again(permit, test.attempt(permit, 'overloaded', pg_temp.bad(), '{"status": 503}'), 3);
select test.is('known to fail: the first goes on resting', pg_temp.q(1), '1 backoff rests');
select test.is('and so does the second', pg_temp.q(2), '2 backoff rests');
select test.end(permit, 'ok') from p;

-- dead, and back
select test.reset();
select test.keys(1, 3);
update p set permit = test.ask1('m', '{"credential": 1}');
select test.end(permit, 'credential_dead', pg_temp.dead(), '{"status": 403}') from p;
select test.is('suspended: dead', (select state || ' ' || reason from report.credentials where id = 1), 'dead suspended');
select test.is('told', pg_temp.history(1), 'ready>dead');
select test.is('looked at in ten days', (select probe_at - pollux.now() from pollux.credential where id = 1), '10 days');
update p set permit = test.ask1('m', '{"credential": 2}');
select test.end(permit, 'credential_dead', pg_temp.dead('API_KEY_INVALID'), '{"status": 400}') from p;
select test.is('invalid: in a day', (select probe_at - pollux.now() from pollux.credential where id = 2), '24:00:00');

select test.reset();
select test.keys(1, 3);
update p set permit = test.ask1('m', '{"credential": 1}');
update p set permit = pg_temp.again(permit, test.attempt(permit, 'credential_dead', pg_temp.dead(), '{"status": 403}'), 2);
select test.end(permit, 'credential_dead', pg_temp.dead(), '{"status": 403}') from p;
select test.is('two die of one request: both are out', (select string_agg(state, ' ' order by id) from report.credentials), 'dead dead ready');
select test.is('but the second is looked at soon: it may be an incident', (select probe_at - pollux.now() from pollux.credential where id = 2), '10 minutes');
