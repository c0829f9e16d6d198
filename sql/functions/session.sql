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

drop function if exists pollux.login_knock(text, integer);

create or replace function pollux.login_shut(p_keys text[]) returns integer
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
begin
    insert into pollux.login_gate select k, 0, v_now, v_now from unnest(p_keys) k order by k on conflict do nothing;
    perform from pollux.login_gate where key = any (p_keys) order by key for update;
    return (select greatest(ceil(extract(epoch from max(open_at) - v_now)), 0) from pollux.login_gate
            where key = any (p_keys));
end
$$;
comment on function pollux.login_shut(text[]) is
    'For how many seconds one of these gates is shut yet; 0: all are open. They are locked until the transaction ends.';

-- login_free_attempts are looked at at once. Each one more is followed by a wait: 1, 2, 4, 8 ... seconds. What
-- comes too early does not count, so that whoever keeps trying does not keep himself out for ever.
create or replace function pollux.login_count(p_key text, p_ceiling integer) returns void
language sql volatile as $$
    update pollux.login_gate g
    set attempts = n.attempts, last_at = n.at,
        open_at = n.at + case when n.attempts > n.free then least(p_ceiling, 2 ^ least(n.attempts - n.free - 1, 20))
                                                            * interval '1 second' else interval '0' end
    from (select x.key, v.at, pollux.setting('login_free_attempts')::integer as free,
                 1 + case when x.last_at < v.at - interval '1 hour' then 0 else x.attempts end as attempts
          from pollux.login_gate x, (select pollux.now() as at) v where x.key = p_key) n
    where g.key = n.key
$$;
comment on function pollux.login_count(text, integer) is
    'Counts an attempt to sign in at an open gate. Waits double up to p_ceiling seconds and are forgotten an hour after '
    'the last attempt.';

-- Someone who guesses at an account from elsewhere must not lock out its owner: addresses that he signed in from
-- before have a gate of their own for his account, which nobody else's signing in there opens. Elsewhere the
-- account's waits end at a minute. An attempt that one of its gates turns away counts at none of them, so that an
-- address that has to wait does not keep the account shut meanwhile.
create or replace function pollux.login_wait(p_admin pollux.admin, p_name text, p_remote text)
returns integer
language plpgsql volatile as $$
declare
    v_address text := pollux.login_address(p_remote);
    v_known boolean := coalesce(v_address = any (p_admin.known_from), false);
    v_account text := pollux.login_key(p_name, case when v_known then v_address end);
    v_most integer := pollux.setting('login_wait_most')::integer;
    v_wait integer := pollux.login_shut(array[v_account, 'address:' || v_address]);
begin
    if v_wait = 0 then
        perform pollux.login_count(v_account, case when v_known then v_most else 60 end);
        perform pollux.login_count('address:' || v_address, v_most);
    end if;
    return v_wait;
end
$$;
comment on function pollux.login_wait(pollux.admin, text, text) is
    'Counts an attempt for the account and for the address. Answers 0, or the seconds to wait.';

create or replace function pollux.login_key(p_name text, p_address text) returns text
language sql immutable as $$
    select coalesce('known:' || p_address || ' ', 'account:') || lower(left(p_name, 64))
$$;
comment on function pollux.login_key(text, text) is
    'The gate of an account: as a whole, or at an address that its owner signed in from before.';

create or replace function pollux.login_open(p_admin pollux.admin, p_addresses text[]) returns void
language sql volatile as $$
    delete from pollux.login_gate g using (
        select key from pollux.login_gate
        where key = any (array[pollux.login_key(p_admin.name, null)]
                         || array(select unnest(array[pollux.login_key(p_admin.name, a), 'address:' || a])
                                  from unnest(p_addresses) a))
        order by key for update) x
    where g.key = x.key
$$;
comment on function pollux.login_open(pollux.admin, text[]) is
    'Opens the gates of an account, and of these addresses.';

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
    perform pollux.login_open(p_admin, array[v_address]);
    update pollux.admin
    set login_at = pollux.now(),
        known_from = (array[v_address] || array_remove(known_from, v_address))[1:20]
    where id = p_admin.id;
end
$$;
comment on function pollux.login_known(pollux.admin, text) is
    'A right password was given: opens the gates, and remembers the address as the owner''s.';

--------------------------------------------------------------------------------------------- while it is open

drop function if exists pollux.session_enter(text);

create or replace function pollux.session_enter(p_hash text, p_idle boolean) returns bigint
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
    if s.seen_at < v_now - interval '15 seconds' and not p_idle then
        update pollux.session set seen_at = v_now
        where id = (select id from pollux.session where id = s.id for update skip locked);
    end if;
    return s.id;
end
$$;
comment on function pollux.session_enter(text, boolean) is
    'The id of a session that is open, by the hexadecimal hash of its cookie; else an error. p_idle: a page asks by '
    'itself, nobody is at it.';

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
    from pollux.session
    where admin_id = (p ->> '_admin')::bigint and expires_at > pollux.now()
      and seen_at > pollux.now() - pollux.setting('session_idle_minutes')::integer * interval '1 minute'
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
