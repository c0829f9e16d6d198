-- SPDX-License-Identifier: MIT
-- Admin token: by which scripts enter, and what each role may. Our own errors have a SQLSTATE that ends in the
-- HTTP status they become: PX401 who are you, PX403 you may not, PX404 not there, PX409 not now, PX429 too often.
set check_function_bodies = off;

create or replace function pollux.role_rank(p_role text) returns integer
language sql immutable as $$ 
    select array_position(array['self', 'metrics', 'viewer', 'operator', 'owner'], p_role)
$$;
comment on function pollux.role_rank(text) is
    'Roles in ascending order, each may what those before it may (self: whoever is known at all); null '
    'if unknown.';

create or replace function pollux.actor_must(p_actor pollux.actor, p_least text) returns void
language plpgsql stable as $$
begin
    if pollux.role_rank(p_actor.role) >= pollux.role_rank(p_least) then
        return;
    end if;
    raise exception 'this needs the role %, and "%" has the role %', p_least, p_actor.name, p_actor.role
        using errcode = 'PX403',
              hint = 'an owner gives roles: pollux admin token add NAME --role ' || p_least;
end
$$;
comment on function pollux.actor_must(pollux.actor, text) is
    'An error unless the actor has this role or a higher one.';

create or replace function pollux.actor_of_token(p_token_hash text) returns pollux.actor
language plpgsql volatile as $$
declare
    t pollux.admin_token;
    v_hash bytea := decode(coalesce(p_token_hash, ''), 'hex');
begin
    select * into t from pollux.admin_token where token_hash = v_hash;
    if t.id is null and exists (select from pollux.client where token_hash = v_hash) then
        raise exception 'a client token does not open the administration' using errcode = 'PX403',
            hint = 'make an admin token: pollux admin token add NAME --role viewer';
    elsif t.id is null or t.revoked_at is not null or t.expires_at <= pollux.now() then
        raise exception '%', case when t.id is null then 'this admin token is not valid'
                                  when t.revoked_at is not null then 'this admin token was revoked'
                                  else 'this admin token has expired' end
            using errcode = 'PX401', hint = 'make one: pollux admin token add NAME --role viewer';
    end if;
    if coalesce(t.last_used_at, '-infinity') < pollux.now() - interval '1 minute' then
        update pollux.admin_token set last_used_at = pollux.now() where id = t.id;
    end if;
    return row('token', t.id, t.name, t.role)::pollux.actor;
end
$$;
comment on function pollux.actor_of_token(text) is
    'Whose admin token this is, by its hexadecimal SHA-256; an error in plain words if it is nobody''s.';

create or replace function api.admin_enter(p_token_hash text, p_least text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_actor pollux.actor := pollux.actor_of_token(p_token_hash);
begin
    perform pollux.actor_must(v_actor, p_least);
    return to_jsonb(v_actor);
end
$$;
comment on function api.admin_enter(text, text) is
    'Lets an admin token in if it has at least this role: {kind, id, name, role}. Otherwise an error: '
    'PX401, PX403.';

create or replace function pollux.admin_token_json(t pollux.admin_token) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', t.id, 'name', t.name, 'role', t.role, 'hint', t.hint, 'created_at', t.created_at,
        'expires_at', t.expires_at, 'last_used_at', t.last_used_at, 'revoked_at', t.revoked_at,
        'state', case when t.revoked_at is not null then 'revoked'
                      when t.expires_at <= pollux.now() then 'expired' else 'active' end)
$$;
comment on function pollux.admin_token_json(pollux.admin_token) is
    'An admin token for people; neither token nor hash.';

create or replace function admin.token_add(
    p_name text, p_hash text, p_hint text, p_role text, p_expires timestamptz
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    t pollux.admin_token;
begin
    if coalesce(p_name, '') !~ '^[^[:cntrl:]]{1,100}$' then
        raise exception 'an admin token needs a name of 1 to 100 characters'
            using errcode = 'invalid_parameter_value';
    elsif coalesce(p_role, '') not in ('metrics', 'viewer', 'operator', 'owner') then
        raise exception 'a role is metrics, viewer, operator or owner, not "%"', left(coalesce(p_role, ''), 40)
            using errcode = 'invalid_parameter_value';
    elsif p_expires <= pollux.now() then
        raise exception 'that is in the past: %', p_expires using errcode = 'invalid_parameter_value';
    elsif exists (select from pollux.admin_token where name = p_name and revoked_at is null) then
        raise exception 'there is an admin token named "%" already', p_name using errcode = 'unique_violation',
            hint = 'give another name, or revoke that one first: pollux admin token revoke NAME';
    end if;
    insert into pollux.admin_token (name, role, token_hash, hint, expires_at, created_at)
    values (p_name, p_role, decode(p_hash, 'hex'), p_hint, p_expires, pollux.now())
    returning * into t;
    perform pollux.audit(null, 'token.add', t.name, null, jsonb_build_object('role', t.role, 'expires_at', t.expires_at));
    return pollux.admin_token_json(t);
end
$$;
comment on function admin.token_add(text, text, text, text, timestamptz) is
    'Adds an admin token by the hexadecimal SHA-256 of it; p_role: metrics, viewer, operator, owner. '
    'Answers it as in '
    'token_list.';

create or replace function admin.token_list() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.admin_token_json(t) order by t.id), '[]') from pollux.admin_token t
$$;
comment on function admin.token_list() is
    'Array of {id, name, role, hint, created_at, expires_at, last_used_at, revoked_at, state}; state: '
    'active, expired, '
    'revoked.';

create or replace function admin.token_revoke(p_id_or_name text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    t pollux.admin_token;
begin
    select * into t from pollux.admin_token
    where id = coalesce((select id from pollux.admin_token where name = p_id_or_name and revoked_at is null),
                        (select id from pollux.admin_token where id::text = p_id_or_name))
    for update;
    if t.id is null then
        return null;
    elsif t.revoked_at is null then
        update pollux.admin_token set revoked_at = pollux.now() where id = t.id returning * into t;
        perform pollux.audit(null, 'token.revoke', t.name, '{"revoked_at": null}', jsonb_build_object('revoked_at', t.revoked_at));
    end if;
    return pollux.admin_token_json(t);
end
$$;
comment on function admin.token_revoke(text) is
    'Revokes an admin token by name or id. Answers it as in token_list; null if there is none.';
