-- SPDX-License-Identifier: MIT
-- Affinity: resources and uploads belong to the project that made them.
set check_function_bodies = off;

create or replace function api.remember(
    p_resources text[], p_project bigint, p_credential bigint, p_client bigint, p_hours integer
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    insert into pollux.affinity (resource, project_id, credential_id, client_id, created_at, expires_at)
    select r, p_project, p_credential, nullif(p_client, 0), pollux.now(),
           pollux.now() + make_interval(hours => least(greatest(p_hours, 1), 87600))
    from (select distinct unnest(p_resources)) as given(r) where length(r) between 1 and 500
    order by r
    on conflict (resource) do update
    set project_id = excluded.project_id, credential_id = excluded.credential_id,
        expires_at = greatest(pollux.affinity.expires_at, excluded.expires_at)
$$;
comment on function api.remember(text[], bigint, bigint, bigint, integer) is
    'These resources (files/abc, cachedContents/x, ...) were made by this project; remembered for p_hours.';

create or replace function api.forget(p_resource text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    delete from pollux.affinity where resource = p_resource
$$;
comment on function api.forget(text) is 'The resource was deleted.';

create or replace function api.upload_open(
    p_hash bytea, p_url text, p_project bigint, p_credential bigint, p_client bigint, p_hours integer
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    insert into pollux.upload (id, url, project_id, credential_id, client_id, created_at, expires_at)
    values (p_hash, p_url, p_project, p_credential, nullif(p_client, 0), pollux.now(),
            pollux.now() + make_interval(hours => least(greatest(p_hours, 1), 87600)))
    on conflict (id) do update set url = excluded.url, expires_at = excluded.expires_at
$$;
comment on function api.upload_open(bytea, text, bigint, bigint, bigint, integer) is
    'An upload was begun: Google''s URL for it, under the hash of the id in ours.';

drop function if exists api.upload_find(bytea);
create or replace function api.upload_find(p_hash bytea) returns table (
    url text, project_id bigint, credential_id bigint, client_id bigint, sealed text, fingerprint text,
    client text, proxy text
)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select u.url, u.project_id, u.credential_id, u.client_id, encode(c.sealed, 'hex'),
           encode(c.fingerprint, 'hex'), l.name, encode(c.proxy_sealed, 'hex')
    from pollux.upload u
    join pollux.credential c on c.id = u.credential_id
    left join pollux.client l on l.id = u.client_id
    where u.id = p_hash and u.expires_at > pollux.now() and c.removed_at is null
$$;
comment on function api.upload_find(bytea) is
    'The upload of that hash, with the credential to go on with; no row if there is none.';

create or replace function api.upload_done(p_hash bytea) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    delete from pollux.upload where id = p_hash
$$;
comment on function api.upload_done(bytea) is 'The upload has ended.';

create or replace function pollux.affinity_expire() returns integer
language sql volatile as $$
    with gone as (delete from pollux.affinity where expires_at < pollux.now() returning 1)
    select count(*)::integer from gone
$$;
comment on function pollux.affinity_expire() is 'Forgets whose resources were, after affinity_hours.';

create or replace function pollux.upload_expire() returns integer
language sql volatile as $$
    with gone as (delete from pollux.upload where expires_at < pollux.now() returning 1)
    select count(*)::integer from gone
$$;
comment on function pollux.upload_expire() is 'Forgets uploads that were given up.';
