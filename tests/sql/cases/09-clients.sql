-- SPDX-License-Identifier: MIT
-- Limits of clients.
select test.keys(1, 5);
create function pg_temp.client(p_name text, p_rpm integer, p_tpm bigint, p_daily bigint) returns jsonb language sql as $$
    select admin.client_add(p_name, encode(sha256(p_name::bytea), 'hex'), 'x', p_rpm, p_tpm, p_daily, null, null)
$$;
create function pg_temp.as_(p_name text, p_more jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object('token_hash', encode(sha256(p_name::bytea), 'hex')) || p_more
$$;
create function pg_temp.why(p_name text, p_more jsonb default '{}') returns text language sql as $$
    select concat_ws(' ', a ->> 'verdict', a ->> 'reason', a ->> 'retry_in_ms') from test.ask1('m', pg_temp.as_(p_name, p_more)) a
$$;
select pg_temp.client('slow', 10, null, null);
select test.is('10 a minute, in one batch', test.go(15, 'm', pg_temp.as_('slow')), 10::bigint);
select test.is('why not, and when', pg_temp.why('slow'), 'no client_rpm 61000');
select test.later('61 seconds');
select test.is('a minute later', test.go(15, 'm', pg_temp.as_('slow')), 10::bigint);
select test.later('61 seconds');
select test.is('second attempts do not count', (select count(*) from generate_series(1, 20) i,
    test.ask1('m', pg_temp.as_('slow', '{"attempt": 2}')) a where a ->> 'verdict' = 'go'), 20::bigint);
select test.is('nor do wishes that were not granted', test.go(20, 'm', pg_temp.as_('slow', '{"exclude": [1, 2, 3, 4, 5]}')), 0::bigint);
select test.is('they have taken nothing', test.go(15, 'm', pg_temp.as_('slow')), 10::bigint);
select pg_temp.client('small', null, 1000, null);
select test.is('1000 tokens a minute', test.go(15, 'm', pg_temp.as_('small')), 10::bigint);
select test.is('why not', pg_temp.why('small'), 'no client_tpm 61000');
select test.later('61 seconds');
create temporary table p as select test.ask1('m', pg_temp.as_('small', '{"est_tokens": 900}')) as permit;
select test.is('reserved', pg_temp.why('small', '{"est_tokens": 200}'), 'no client_tpm 61000');
select test.end(permit, 'ok', null, '{"est_tokens": 900}') from p;
select test.is('settled with 150 of all kinds', pg_temp.why('small', '{"est_tokens": 850}'), 'go');
select pg_temp.client('poor', null, null, 1000);
select test.is('1000 tokens a day', test.go(15, 'm', pg_temp.as_('poor')), 10::bigint);
select test.is('until midnight', (select a ->> 'reason' || ' ' || pollux.pacific_date(pollux.now() + (a ->> 'retry_in_ms')::integer * interval '1 ms')
    from test.ask1('m', pg_temp.as_('poor')) a), 'client_budget 2030-06-16');
select test.at('2030-06-16 00:00:00 America/Los_Angeles');
select test.is('next day', test.go(3, 'm', pg_temp.as_('poor')), 3::bigint);
update p set permit = test.ask1('m', pg_temp.as_('poor', '{"est_tokens": 600}'));
select test.is('nine hundred are reserved', (select day_tokens from pollux.client where name = 'poor'), 900::bigint);
select test.end(permit, 'overloaded', null, '{"est_tokens": 600}') from p;
select test.is('a failure gives them back', (select day_tokens from pollux.client where name = 'poor'), 300::bigint);
update p set permit = test.ask1('m', pg_temp.as_('poor', '{"est_tokens": 100}'));
select test.later('30 hours');
select test.end(permit, 'ok', null, '{"usage": {"total": 5000}}') from p;
select test.is('what ends on another day does not count for it', test.go(1, 'm', pg_temp.as_('poor')), 1::bigint);
update p set permit = test.ask1('m', pg_temp.as_('poor', '{"est_tokens": 100}'));
delete from pollux.open_request;
update pollux.client set day_tokens = 0, seconds = '{}', starts = '{}', tokens = '{}' where name = 'poor';
select test.end(permit) from p;
select test.is('a forgotten reservation is charged by its settlement', (select day_tokens from pollux.client where name = 'poor'), 150::bigint);
select test.is('clients without limits are not written to', (select day is null from pollux.client where name = 'app'), true);
