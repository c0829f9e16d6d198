-- SPDX-License-Identifier: MIT
-- For tests: a clock that stands where a test puts it, short words for long calls, and ok / not ok.

\ir ../lib/clock.sql
grant usage on schema test to public;

create function test.is(p_name text, p_got anyelement, p_wanted anyelement) returns text language sql as $$
    select case when p_got is not distinct from p_wanted then 'ok - ' || p_name
                else format('not ok - %s: got %s, wanted %s', p_name, p_got, p_wanted) end
$$;
create function test.ok(p_name text, p_true boolean) returns text language sql as $$
    select case when p_true then 'ok - ' else 'not ok - ' end || p_name
$$;
-- The error of a statement, or ''.
create function test.error(p_sql text) returns text language plpgsql as $$
begin
    execute p_sql;
    return '';
exception when others then
    return sqlerrm;
end $$;

-- Tables that sql/ fills: they stay as they are.
create table test.declared (name regclass);
do $$
declare v regclass; v_filled boolean;
begin
    for v in select oid from pg_class where relnamespace = 'pollux'::regnamespace and relkind in ('r', 'p') and not relispartition loop
        execute format('select exists (select from %s)', v) into v_filled;
        if v_filled or v = 'pollux.migration'::regclass then insert into test.declared values (v); end if;
    end loop;
end $$;

create function test.reset() returns void language plpgsql as $$
begin
    update pollux.setting set value = preset where value <> preset;
    execute (select 'truncate ' || string_agg(oid::regclass::text, ', ') || ' restart identity cascade'
             from pg_class where relnamespace = 'pollux'::regnamespace and relkind in ('r', 'p') and not relispartition
               and oid <> all (select name from test.declared));
    perform pollux.model_resolve();
    update pollux.chore set started_at = '-infinity', done_at = '-infinity', done_to = null, done_day = null, took = null,
                            result = null, failed = false, done_by = null;
    truncate pollux.ban, pollux.visitor, pollux.pool, pollux.error_rule, pollux.model_rest restart identity;
    perform test.at('2030-06-15 12:00:00 America/Los_Angeles');
    perform admin.client_add('app', encode(sha256('app'), 'hex'), 'app', null, null, null, null, null);
end $$;

-- N keys: of a project, or each of its own. The names k1.. make them different.
create function test.keys(p_first integer, p_last integer, p_project text default null, p_priority integer default null)
returns jsonb language sql as $$
    select admin.credential_add(p_project, 'k' || p_first, p_priority, jsonb_agg(jsonb_build_object(
        'fingerprint', encode(sha256(('k' || i)::bytea), 'hex'), 'sealed', encode(('sealed k' || i)::bytea, 'hex'),
        'hint', right('000' || i, 4))))
    from generate_series(p_first, p_last) i
$$;

create function test.wish(p_model text default 'm', p_more jsonb default '{}') returns jsonb language sql volatile as $$
    select jsonb_build_object(
        'id', gen_random_uuid(), 'kind', 'permit', 'attempt', 1, 'dialect', 'native', 'verb', 'generateContent',
        'token_hash', encode(sha256('app'), 'hex'), 'model', p_model, 'stream', false, 'est_tokens', 100, 'since_ms', 0,
        'exclude', '[]'::jsonb, 'resources', '[]'::jsonb, 'prefer_own', false, 'repeat', false, 'remote', '192.0.2.1')
        || p_more
$$;
create function test.worker() returns uuid language sql immutable as $$ select '00000000-0000-0000-0000-00000000aaaa'::uuid $$;
create function test.ask(p_wishes jsonb) returns jsonb language sql volatile as $$
    select jsonb_agg(jsonb_strip_nulls(to_jsonb(p)) order by n)
    from api.exchange(test.worker(), '[]', p_wishes) with ordinality as p(
        id, verdict, reason, retry_in_ms, attempt, client_id, client, credential_id, project_id, kind, sealed,
        fingerprint, model, upstream_model, started_at, traits, proxy, n)
$$;
create function test.ask1(p_model text default 'm', p_more jsonb default '{}') returns jsonb language sql volatile as $$
    select test.ask(jsonb_build_array(test.wish(p_model, p_more))) -> 0
$$;
-- How many of N wishes may go.
create function test.go(p_n integer, p_model text default 'm', p_more jsonb default '{}') returns bigint language sql volatile as $$
    select count(*) from jsonb_array_elements(test.ask((
        select jsonb_agg(test.wish(p_model, p_more)) from generate_series(1, p_n)))) p
    where p ->> 'verdict' = 'go'
$$;
create function test.attempt(p_permit jsonb, p_outcome text default 'ok', p_penalty jsonb default null, p_more jsonb default '{}')
returns jsonb language sql as $$
    select jsonb_build_object(
        'n', p_permit -> 'attempt', 'credential_id', p_permit -> 'credential_id', 'project_id', p_permit -> 'project_id',
        'model', p_permit -> 'model', 'started_at', p_permit -> 'started_at', 'duration_ms', 5, 'status', 200,
        'outcome', p_outcome, 'est_tokens', 100, 'penalty', p_penalty,
        'usage', case when p_outcome = 'ok' then '{"prompt": 100, "candidates": 50, "total": 150}'::jsonb end) || p_more
$$;
create function test.settlement(p_permit jsonb, p_attempts jsonb, p_more jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object(
        'id', p_permit -> 'id', 'client_id', p_permit -> 'client_id', 'dialect', 'native', 'verb', 'generateContent',
        'model', p_permit -> 'model', 'asked_model', p_permit -> 'model', 'stream', false,
        'started_at', p_permit -> 'started_at', 'status', 200, 'outcome', p_attempts -> -1 -> 'outcome',
        'duration_ms', 10, 'waited_ms', 0, 'usage', p_attempts -> -1 -> 'usage', 'attempts', p_attempts) || p_more
$$;
create function test.settle(p_settlements jsonb) returns jsonb language sql volatile as $$
    select jsonb_strip_nulls(jsonb_build_object('refused', jsonb_agg(to_jsonb(p))))
    from api.exchange(test.worker(), p_settlements, '[]') p
$$;
-- A permit comes to an end in one attempt.
create function test.end(p_permit jsonb, p_outcome text default 'ok', p_penalty jsonb default null, p_more jsonb default '{}')
returns jsonb language sql volatile as $$
    select test.settle(jsonb_build_array(test.settlement(
        p_permit, jsonb_build_array(test.attempt(p_permit, p_outcome, p_penalty, p_more)))))
$$;
create function test.seconds_until_ready(p_model text default 'm') returns numeric language sql as $$
    select round(extract(epoch from min(ready_at) - pollux.now()), 3) from pollux.quota where model = p_model
$$;
