-- SPDX-License-Identifier: MIT
-- Admin: the people who may enter the console. There is always an owner who can.
set check_function_bodies = off;

create or replace function pollux.admin_json(a pollux.admin) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', a.id, 'name', a.name, 'role', a.role,
        'state', case when a.disabled_at is null then 'active' else 'disabled' end,
        'created_at', a.created_at, 'password_at', a.password_at, 'login_at', a.login_at,
        'sessions', (select count(*) from pollux.session s
                     where s.admin_id = a.id and s.expires_at > pollux.now()
                       and s.seen_at > pollux.now() - pollux.setting('session_idle_minutes')::integer
                                                      * interval '1 minute'))
$$;
comment on function pollux.admin_json(pollux.admin) is 'An administrator as lists show them.';

create or replace function pollux.admin_find(p_id_or_name text) returns pollux.admin
language plpgsql volatile as $$
declare
    a pollux.admin;
begin
    select * into a from pollux.admin
    where lower(name) = lower(p_id_or_name) or id::text = p_id_or_name
    order by lower(name) <> lower(p_id_or_name) limit 1 for update;
    return a;
end
$$;
comment on function pollux.admin_find(text) is 'An administrator by name or id, locked.';

create or replace function pollux.admin_password(p_admin bigint, p_password jsonb) returns void
language sql volatile as $$
    update pollux.admin
    set salt = decode(p_password ->> 'salt', 'hex'), ops = (p_password ->> 'ops')::integer,
        mem = (p_password ->> 'mem')::bigint, password_hash = decode(p_password ->> 'hash', 'hex'),
        password_at = pollux.now()
    where id = p_admin
$$;
comment on function pollux.admin_password(bigint, jsonb) is
    'Sets a password: {salt, hash (both hex), ops, mem}, see pollux.admin.';

-- Two owners who remove each other at the same time must not both succeed.
create or replace function pollux.admin_keep_owner() returns void
language plpgsql volatile as $$
begin
    if not exists (select from pollux.admin where role = 'owner' and disabled_at is null) then
        raise exception 'that would leave nobody with the role owner' using errcode = 'PX409',
            hint = 'Make somebody else an owner first.';
    end if;
end
$$;
comment on function pollux.admin_keep_owner() is 'An error if no owner is left who can sign in.';

create or replace function admin.admin_list() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.admin_json(a) order by a.id), '[]') from pollux.admin a
$$;
comment on function admin.admin_list() is
    'Array of {id, name, role, state: active | disabled, created_at, password_at, login_at, sessions}.';

create or replace function admin.admin_add(p_name text, p_role text, p_password jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    a pollux.admin;
begin
    if coalesce(p_name, '') !~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' then
        raise exception 'a name is 1 to 64 letters, digits and . _ @ -, and begins with a letter or digit'
            using errcode = 'PX400';
    elsif coalesce(p_role, '') not in ('viewer', 'operator', 'owner') then
        raise exception 'a role is viewer, operator or owner' using errcode = 'PX400';
    elsif exists (select from pollux.admin where lower(name) = lower(p_name)) then
        raise exception 'there is an administrator named "%" already', p_name using errcode = 'PX409';
    end if;
    insert into pollux.admin (name, role, salt, ops, mem, password_hash, created_at, password_at)
    values (p_name, p_role, decode(p_password ->> 'salt', 'hex'), (p_password ->> 'ops')::integer,
            (p_password ->> 'mem')::bigint, decode(p_password ->> 'hash', 'hex'), pollux.now(), pollux.now())
    returning * into a;
    return pollux.admin_json(a);
end
$$;
comment on function admin.admin_add(text, text, jsonb) is
    'Adds an administrator; the password as in pollux.admin_password. Answers them as in admin_list.';

create or replace function admin.admin_passwd(p_id_or_name text, p_password jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    a pollux.admin := pollux.admin_find(p_id_or_name);
begin
    if a.id is null then
        return null;
    end if;
    perform pollux.admin_password(a.id, p_password);
    delete from pollux.session where admin_id = a.id;
    perform pollux.login_open(a, coalesce(a.known_from, '{}'));
    return (select pollux.admin_json(x) from pollux.admin x where x.id = a.id);
end
$$;
comment on function admin.admin_passwd(text, jsonb) is
    'Sets somebody''s password, ends their sessions, and lets them try at once, also from where they signed in before. Answers them as in '
    'admin_list; null if there is none of that name or id.';

create or replace function admin.admin_set(p_id_or_name text, p_role text, p_enabled boolean) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    a pollux.admin;
begin
    lock table pollux.admin in share row exclusive mode;
    a := pollux.admin_find(p_id_or_name);
    if a.id is null then
        return null;
    elsif p_role not in ('viewer', 'operator', 'owner') then
        raise exception 'a role is viewer, operator or owner' using errcode = 'PX400';
    end if;
    update pollux.admin
    set role = coalesce(p_role, role),
        disabled_at = case when p_enabled then null when not p_enabled then coalesce(disabled_at, pollux.now())
                           else disabled_at end
    where id = a.id returning * into a;
    perform pollux.admin_keep_owner();
    if a.disabled_at is not null then
        delete from pollux.session where admin_id = a.id;
    end if;
    return pollux.admin_json(a);
end
$$;
comment on function admin.admin_set(text, text, boolean) is
    'Changes somebody''s role, or whether they may sign in; null leaves it. Disabling ends their sessions. '
    'Answers them as in admin_list; null if there is none of that name or id.';

create or replace function admin.admin_remove(p_id_or_name text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    a pollux.admin;
    v_was jsonb;
begin
    lock table pollux.admin in share row exclusive mode;
    a := pollux.admin_find(p_id_or_name);
    if a.id is null then
        return null;
    end if;
    v_was := pollux.admin_json(a);
    delete from pollux.admin where id = a.id;
    perform pollux.admin_keep_owner();
    return v_was;
end
$$;
comment on function admin.admin_remove(text) is
    'Removes an administrator and ends their sessions. Answers them as they were; null if there is none.';
