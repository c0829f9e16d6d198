-- SPDX-License-Identifier: MIT
-- Session: signing in and out of the console.
--
-- Signing in takes two calls. The first counts the attempt and gives the salt; the worker makes argon2id of the
-- password with it; the second compares. The worker's role never sees what a password is compared with, and
-- attempts that come at the same time count as they begin, not when they have failed.
set check_function_bodies = off;

create or replace function pollux.login_address(p_remote text) returns text
language plpgsql immutable as $$
begin
    return case when family(p_remote::inet) = 6 and not p_remote::inet <<= '::ffff:0:0/96'
                then host(network(set_masklen(p_remote::inet, 64))) || '/64' else host(p_remote::inet) end;
exception when data_exception then
    return coalesce(left(p_remote, 64), '');
end
$$;
comment on function pollux.login_address(text) is
    'What counts as one address: an IPv4 address, an IPv6 network of 64 bits.';

-- login_free_attempts are looked at at once. Each one more is followed by a wait: 1, 2, 4, 8 ... seconds. What
-- comes too early does not count, so that whoever keeps trying does not keep himself out for ever.
create or replace function pollux.login_knock(p_key text, p_ceiling integer) returns integer
language plpgsql volatile as $$
declare
    g pollux.login_gate;
    v_now timestamptz := pollux.now();
    v_free integer := pollux.setting('login_free_attempts')::integer;
begin
    insert into pollux.login_gate values (p_key, 0, v_now, v_now) on conflict do nothing;
    select * into g from pollux.login_gate where key = p_key for update;
    if g.open_at > v_now then
        return ceil(extract(epoch from g.open_at - v_now));
    elsif g.last_at < v_now - interval '1 hour' then
        g.attempts := 0;
    end if;
    update pollux.login_gate
    set attempts = g.attempts + 1, last_at = v_now,
        open_at = v_now + case when g.attempts + 1 > v_free then least(
            p_ceiling, 2 ^ least(g.attempts - v_free, 20)) * interval '1 second' else interval '0' end
    where key = p_key;
    return 0;
end
$$;
comment on function pollux.login_knock(text, integer) is
    'Counts an attempt to sign in. Answers 0, or after how many seconds to come again. Waits double up to '
    'p_ceiling seconds and are forgotten an hour after the last attempt.';

-- Someone who guesses at an account from elsewhere must not lock out its owner: where he signed in before,
-- only the address counts. Elsewhere the account's waits end at a minute.
create or replace function pollux.login_wait(p_admin pollux.admin, p_name text, p_remote text)
returns integer
language plpgsql volatile as $$
declare
    v_address text := pollux.login_address(p_remote);
    v_wait integer := 0;
begin
    if v_address <> all (coalesce(p_admin.known_from, '{}')) then
        v_wait := pollux.login_knock('account:' || lower(left(p_name, 64)), 60);
    end if;
    if v_wait = 0 then
        v_wait := pollux.login_knock('address:' || v_address, pollux.setting('login_wait_most')::integer);
    end if;
    return v_wait;
end
$$;
comment on function pollux.login_wait(pollux.admin, text, text) is
    'Counts an attempt for the account and for the address. Answers 0, or the seconds to wait.';

create or replace function api.console_login_begin(p_name text, p_from jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_admin pollux.admin;
    v_wait integer;
    v_decoy pollux.admin;
begin
    select * into v_admin from pollux.admin where lower(name) = lower(p_name);
    v_wait := pollux.login_wait(v_admin, coalesce(p_name, ''), p_from ->> 'remote');
    if v_wait > 0 then
        return jsonb_build_object('retry_s', v_wait);
    elsif v_admin.id is null then
        select * into v_decoy from pollux.admin order by id limit 1;
        return jsonb_build_object(
            'salt', left(encode(sha256(convert_to(lower(p_name), 'UTF8') || coalesce(v_decoy.salt, '')), 'hex'),
                         32),
            'ops', coalesce(v_decoy.ops, 2), 'mem', coalesce(v_decoy.mem, 67108864));
    end if;
    return jsonb_build_object('salt', encode(v_admin.salt, 'hex'), 'ops', v_admin.ops, 'mem', v_admin.mem);
end
$$;
comment on function api.console_login_begin(text, jsonb) is
    'An attempt to sign in. p_from: {remote, user_agent}. Answers {salt (hex), ops, mem} for argon2id, or '
    '{retry_s} when it comes too early. Names that nobody has get the same answer, with a salt of their own.';

create or replace function api.console_login_end(
    p_name text, p_password_hash text, p_session text, p_from jsonb
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_admin pollux.admin;
    v_session bigint;
begin
    perform set_config('synchronous_commit', 'on', true);
    select * into v_admin from pollux.admin where lower(name) = lower(p_name) for update;
    perform pollux.actor_set(coalesce(v_admin.name, left(p_name, 64)), p_from ->> 'remote');
    if v_admin.id is null or v_admin.password_hash <> decode(p_password_hash, 'hex')
       or v_admin.disabled_at is not null then
        perform pollux.audit(null, 'session.refused', left(p_name, 64), null, null);
        return null;
    end if;
    perform pollux.login_known(v_admin, p_from ->> 'remote');
    insert into pollux.session (token_hash, admin_id, created_at, seen_at, expires_at, remote, user_agent)
    values (decode(p_session, 'hex'), v_admin.id, pollux.now(), pollux.now(),
            pollux.now() + pollux.setting('session_hours')::integer * interval '1 hour',
            p_from ->> 'remote', left(p_from ->> 'user_agent', 300))
    returning id into v_session;
    perform pollux.audit(null, 'session.login', v_admin.name, null, null);
    return pollux.session_json(v_session);
end
$$;
comment on function api.console_login_end(text, text, text, jsonb) is
    'Opens a session under the hash p_session if the password is right, and answers it as in session_get; '
    'null when name or password are wrong or the account is disabled.';

create or replace function pollux.login_known(p_admin pollux.admin, p_remote text) returns void
language plpgsql volatile as $$
declare
    v_address text := pollux.login_address(p_remote);
begin
    delete from pollux.login_gate
    where key in ('account:' || lower(p_admin.name), 'address:' || v_address);
    update pollux.admin
    set login_at = pollux.now(),
        known_from = (array[v_address] || array_remove(known_from, v_address))[1:20]
    where id = p_admin.id;
end
$$;
comment on function pollux.login_known(pollux.admin, text) is
    'A right password was given: opens the gates, and remembers the address as the owner''s.';

--------------------------------------------------------------------------------------------- while it is open

create or replace function pollux.session_enter(p_hash text) returns bigint
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_idle interval := pollux.setting('session_idle_minutes')::integer * interval '1 minute';
    s pollux.session;
begin
    select x.* into s from pollux.session x join pollux.admin a on a.id = x.admin_id
    where x.token_hash = decode(p_hash, 'hex') and a.disabled_at is null
      and x.expires_at > v_now and x.seen_at > v_now - v_idle;
    if s.id is null then
        perform pollux.refuse(401, 'you are not signed in, or no longer', 'Sign in again.');
    end if;
    if s.seen_at < v_now - interval '15 seconds' then
        update pollux.session set seen_at = v_now
        where id = (select id from pollux.session where id = s.id for update skip locked);
    end if;
    return s.id;
end
$$;
comment on function pollux.session_enter(text) is
    'The id of a session that is open, by the hexadecimal hash of its cookie; else an error.';

create or replace function pollux.session_json(p_session bigint) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'name', a.name, 'role', a.role, 'signed_in_at', s.created_at, 'expires_at', s.expires_at,
        'idle_minutes', pollux.setting('session_idle_minutes')::integer, 'password_at', a.password_at,
        'now', pollux.now())
    from pollux.session s join pollux.admin a on a.id = s.admin_id where s.id = p_session
$$;
comment on function pollux.session_json(bigint) is 'A session as its browser sees it.';

create or replace function pollux.session_expire() returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
begin
    delete from pollux.session
    where expires_at < pollux.now()
       or seen_at < pollux.now() - pollux.setting('session_idle_minutes')::integer * interval '1 minute';
    get diagnostics v_rows = row_count;
    delete from pollux.login_gate where last_at < pollux.now() - interval '1 day';
    return v_rows;
end
$$;
comment on function pollux.session_expire() is
    'Deletes sessions that are over, and failed sign-ins that are forgotten. Answers how many sessions.';

create or replace function admin.console_session_get(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.session_json((p ->> '_session')::bigint)
$$;
comment on function admin.console_session_get(jsonb) is
    '{name, role, signed_in_at, expires_at, idle_minutes, password_at, now}.';

create or replace function admin.console_session_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', coalesce(jsonb_agg(jsonb_build_object(
        'id', id, 'signed_in_at', created_at, 'seen_at', seen_at, 'expires_at', expires_at, 'remote', remote,
        'user_agent', user_agent, 'this', id = (p ->> '_session')::bigint) order by seen_at desc, id), '[]'))
    from pollux.session where admin_id = (p ->> '_admin')::bigint and expires_at > pollux.now()
$$;
comment on function admin.console_session_list(jsonb) is
    '{items: [{id, signed_in_at, seen_at, expires_at, remote, user_agent, this}]}: where one is signed in.';

create or replace function admin.console_session_logout(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from pollux.session where id = (p ->> '_session')::bigint;
    perform pollux.audit(null, 'session.logout', pollux.acting() ->> 'name', null, null);
    return '{}';
end
$$;
comment on function admin.console_session_logout(jsonb) is 'Ends this session.';

create or replace function admin.console_session_logout_all(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_rows integer;
begin
    delete from pollux.session where admin_id = (p ->> '_admin')::bigint;
    get diagnostics v_rows = row_count;
    perform pollux.audit(null, 'session.logout_all', pollux.acting() ->> 'name', null,
                         jsonb_build_object('sessions', v_rows));
    return jsonb_build_object('sessions', v_rows);
end
$$;
comment on function admin.console_session_logout_all(jsonb) is
    'Ends all sessions of this administrator, this one included: {sessions: how many}.';

create or replace function admin.console_session_password(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_admin pollux.admin;
begin
    select * into v_admin from pollux.admin where id = (p ->> '_admin')::bigint for update;
    if v_admin.password_hash <> decode(p ->> 'current_hash', 'hex') then
        perform pollux.refuse(400, 'the current password is wrong');
    end if;
    perform pollux.login_known(v_admin, pollux.acting() ->> 'remote');
    perform pollux.admin_password(v_admin.id, p -> 'password');
    delete from pollux.session where admin_id = v_admin.id and id <> (p ->> '_session')::bigint;
    update pollux.session set token_hash = decode(p ->> 'session', 'hex') where id = (p ->> '_session')::bigint;
    return pollux.session_json((p ->> '_session')::bigint);
end
$$;
comment on function admin.console_session_password(jsonb) is
    'p: {current_hash, password: {salt, ops, mem, hash}, session}, all made by the worker. Sets the password, '
    'ends all other sessions and puts this one under a new cookie; answers it as in session_get. 400 when '
    'the current password is wrong.';
