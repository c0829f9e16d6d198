-- SPDX-License-Identifier: MIT
-- Master key: what is sealed under which key, for `pollux rotate-key` (fcgi/cli/rotate_key.c says how it goes about).
-- The keys are in a file and never here; a sealed value begins with "v1|<key id>|".
set check_function_bodies = off;

create or replace function pollux.sealed_with(p_sealed bytea) returns text
language sql immutable as $$ select split_part(encode(substring(p_sealed for 40), 'escape'), '|', 2) $$;
comment on function pollux.sealed_with(bytea) is 'The id of the master key that this is sealed under.';

-- Uploads are stored as "<fingerprint>:<sealed>", both in hexadecimal.
create or replace function pollux.upload_sealed(p_url text) returns bytea
language sql immutable as $$
    select case when p_url ~ '^[0-9a-f]+:([0-9a-f]{2})+$' then decode(split_part(p_url, ':', 2), 'hex') end
$$;
comment on function pollux.upload_sealed(text) is 'The sealed part of an upload''s address; null if there is none.';

-- Whoever seals something new has to be listed here, in sealed_put() and among the triggers below.
create or replace function pollux.sealed_all()
returns table (place text, id text, name text, sealed bytea)
language sql stable as $$
    select 'credential', c.id::text, 'credential|' || encode(c.fingerprint, 'hex'), c.sealed
    from pollux.credential c where c.sealed is not null
    union all
    select 'proxy', c.id::text, 'proxy|' || encode(c.fingerprint, 'hex'), c.proxy_sealed
    from pollux.credential c where c.proxy_sealed is not null
    union all
    select 'access', a.credential_id::text, 'access|' || encode(c.fingerprint, 'hex'), a.access
    from pollux.account a join pollux.credential c on c.id = a.credential_id where a.access is not null
    union all
    select 'oauth', o.id::text, 'oauth|' || o.client_id, o.secret from pollux.oauth_client o
    union all
    select 'login', l.id::text, 'login|' || l.id, l.verifier from pollux.login l
    union all
    select 'upload', encode(u.id, 'hex'), 'credential|' || split_part(u.url, ':', 1), pollux.upload_sealed(u.url)
    from pollux.upload u where pollux.upload_sealed(u.url) is not null
$$;
comment on function pollux.sealed_all() is
    'Everything that is sealed: where, of which row, under what name (what the vault calls aad), and the value.';

create or replace function pollux.sealed_put(p_place text, p_id text, p_was bytea, p_now bytea) returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
begin
    case p_place
        when 'credential' then update pollux.credential set sealed = p_now where id = p_id::bigint and sealed = p_was;
        when 'proxy' then
            update pollux.credential set proxy_sealed = p_now where id = p_id::bigint and proxy_sealed = p_was;
        when 'access' then
            update pollux.account set access = p_now where credential_id = p_id::bigint and access = p_was;
        when 'oauth' then update pollux.oauth_client set secret = p_now where id = p_id::bigint and secret = p_was;
        when 'login' then update pollux.login set verifier = p_now where id::text = p_id and verifier = p_was;
        when 'upload' then
            update pollux.upload set url = split_part(url, ':', 1) || ':' || encode(p_now, 'hex')
            where id = decode(p_id, 'hex') and pollux.upload_sealed(url) = p_was;
    end case;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.sealed_put(text, text, bytea, bytea) is
    'Puts a value that was sealed anew into the place of the old one, unless that has changed. Answers 1 or 0.';

------------------------------------------------------------------------------------------- the command line

create or replace function admin.sealed_list(p_key text, p_limit integer, p_not jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object('place', s.place, 'id', s.id, 'name', s.name,
                                                 'sealed', encode(s.sealed, 'hex'))), '[]')
    from (select * from pollux.sealed_all()
          where pollux.sealed_with(sealed) <> p_key and not p_not @> to_jsonb(place || ' ' || id) limit p_limit) s
$$;
comment on function admin.sealed_list(text, integer, jsonb) is
    'Some of what is not sealed under this key, and is not among these ["place id"]: [{place, id, name, sealed}].';

create or replace function admin.sealed_put(p_values jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_one jsonb;
    v_rows integer := 0;
begin
    for v_one in select x from jsonb_array_elements(p_values) x order by x ->> 'place', x ->> 'id' loop
        v_rows := v_rows + pollux.sealed_put(v_one ->> 'place', v_one ->> 'id', decode(v_one ->> 'was', 'hex'),
                                             decode(v_one ->> 'now', 'hex'));
    end loop;
    return to_jsonb(v_rows);
end
$$;
comment on function admin.sealed_put(jsonb) is
    'Values that were sealed anew: [{place, id, was, now}], the last two in hexadecimal. What has changed meanwhile '
    'stays. Answers how many were put.';

create or replace function admin.sealed_count() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_object_agg(key, n), '{}')
    from (select pollux.sealed_with(sealed) as key, count(*) as n from pollux.sealed_all() group by 1) c
$$;
comment on function admin.sealed_count() is 'How many values are sealed under each master key: {id: n}.';

create or replace function admin.master_key_workers(p_key text, p_seals boolean) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(distinct coalesce(host, '?')), '[]') from pollux.worker
    where left_at is null and swept_at is null and beat_at > pollux.now() - interval '15 seconds'
      and not coalesce(case when p_seals then master_keys[1] = p_key else p_key = any (master_keys) end, false)
$$;
comment on function admin.master_key_workers(text, boolean) is
    'Hosts with living workers that do not know this master key yet; or, p_seals, do not seal with it.';

create or replace function admin.master_key_retire(p_keep text, p_keys jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from pollux.retired_master_key where id = p_keep;
    insert into pollux.retired_master_key (id, retired_at)
    select k, pollux.now() from jsonb_array_elements_text(p_keys) k where k <> p_keep
    on conflict do nothing;
    return to_jsonb(pg_current_xact_id()::text);
end
$$;
comment on function admin.master_key_retire(text, jsonb) is
    'From now on nothing can be sealed with these keys, an array of ids, only with p_keep. Answers the id of this '
    'transaction, for master_key_settled().';

create or replace function admin.master_key_settled(p_xact text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select to_jsonb(pg_snapshot_xmin(pg_current_snapshot()) > p_xact::xid8)
$$;
comment on function admin.master_key_settled(text) is
    'Whether all transactions are over that may not have seen what that one did.';

create or replace function admin.master_key_rotated(p_key text, p_count bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pollux.audit(null, 'master_key.rotate', p_key, null, jsonb_build_object('sealed_anew', p_count));
    perform pollux.event('master_key', jsonb_build_object('id', p_key, 'sealed_anew', p_count));
end
$$;
comment on function admin.master_key_rotated(text, bigint) is
    'Writes down that this master key took the place of all others, and how many values were sealed anew.';

------------------------------------------------------------------------------------------------- the guard

-- A process that read its key file before the rotation must not leave something behind that nobody can open.
create or replace function pollux.sealed_guard() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_new jsonb;
    v_old jsonb;
    v_column text;
    v_value bytea;
    v_key text;
begin
    if not exists (select from pollux.retired_master_key) then
        return new;
    end if;
    v_new := to_jsonb(new);
    v_old := case when tg_op = 'UPDATE' then to_jsonb(old) end;
    foreach v_column in array tg_argv loop
        continue when v_new -> v_column = v_old -> v_column;
        v_value := case when v_column = 'url' then pollux.upload_sealed(v_new ->> 'url')
                        else (v_new ->> v_column)::bytea end;
        select id into v_key from pollux.retired_master_key where id = pollux.sealed_with(v_value);
        if v_key is not null then
            raise exception 'this was sealed with the master key %, which has been replaced', v_key
                using errcode = 'PX503',
                      hint = 'Copy the master key file of the host on which `pollux rotate-key` ran, and try again.';
        end if;
    end loop;
    return new;
end
$$;
comment on function pollux.sealed_guard() is
    'Trigger: nothing is stored that is sealed under a master key that has been replaced. Arguments: the columns.';

create or replace trigger sealed_guard before insert or update of sealed, proxy_sealed on pollux.credential
    for each row execute function pollux.sealed_guard('sealed', 'proxy_sealed');
create or replace trigger sealed_guard before insert or update of access on pollux.account
    for each row execute function pollux.sealed_guard('access');
create or replace trigger sealed_guard before insert or update of secret on pollux.oauth_client
    for each row execute function pollux.sealed_guard('secret');
create or replace trigger sealed_guard before insert or update of verifier on pollux.login
    for each row execute function pollux.sealed_guard('verifier');
create or replace trigger sealed_guard before insert or update of url on pollux.upload
    for each row execute function pollux.sealed_guard('url');
