-- SPDX-License-Identifier: MIT
-- Console: OAuth accounts, and the door that a session opens besides /admin/api.
set check_function_bodies = off;

create or replace function pollux.console_entered(p jsonb) returns jsonb
language sql stable as $$
    select jsonb_build_object('kind', 'session', 'name', name, 'role', role)
    from pollux.admin where id = (p ->> '_admin')::bigint
$$;
comment on function pollux.console_entered(jsonb) is 'Who is signed in, as api.admin_enter tells of a token.';

create or replace function admin.console_enter_viewer(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.console_entered(p)
$$;
comment on function admin.console_enter_viewer(jsonb) is '{kind: session, name, role} of somebody who may look.';

create or replace function admin.console_enter_operator(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.console_entered(p)
$$;
comment on function admin.console_enter_operator(jsonb) is
    '{kind: session, name, role} of somebody who may change what serves requests.';

create or replace function admin.console_account_list(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_after bigint := coalesce((pollux.param_cursor(p) ->> 0)::bigint, 9223372036854775807);
    v_q text := '%' || regexp_replace(coalesce(pollux.param_text(p, 'q', 100), ''), '([\\%_])', '\\\1', 'g') || '%';
    v_items jsonb;
begin
    select coalesce(jsonb_agg(pollux.account_json(x.c, x.a) order by (x.c).id desc), '[]') into v_items
    from (select c, a from pollux.credential c join pollux.account a on a.credential_id = c.id
          where c.removed_at is null and c.id < v_after
            and (a.email ilike v_q or c.label ilike v_q or a.google_project ilike v_q)
          order by c.id desc limit v_limit) x;
    return jsonb_build_object(
        'items', v_items, 'oauth_client', admin.oauth_client_show(),
        'public_url', nullif(rtrim(pollux.setting('public_url'), '/'), ''),
        'next', case when jsonb_array_length(v_items) = v_limit
                     then jsonb_build_array(v_items -> -1 -> 'id')::text end);
end
$$;
comment on function admin.console_account_list(jsonb) is
    'A list (see console.h), newest first. Filter: q (e-mail, label, Google project). Items as '
    'pollux.account_json() gives them; oauth_client: {client_id, changed_at, accounts}, null while none is configured; '
    'public_url: the setting, null while it is empty.';

create or replace function admin.console_account_refresh(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential := pollux.credential_of(p);
begin
    if c.kind <> 'account' or c.removed_at is not null then
        perform pollux.refuse(409, 'there is nothing to do: the credential is not in a state for that');
    end if;
    perform pollux.account_refresh_now(c.id);
    perform pollux.audit(null, 'account.refresh', c.id::text, null, null);
    return api.account_show(c.id);
end
$$;
comment on function admin.console_account_refresh(jsonb) is
    'p: {id}. Has a worker get the account a new access token at once; what comes of it stands in the account. Answers '
    'it as it is.';

create or replace function pollux.account_refresh_now(p_id bigint) returns bigint
language sql volatile as $$
    select pollux.job_enqueue('refresh', p_id::text, '{"force": true}', null)
$$;
comment on function pollux.account_refresh_now(bigint) is
    'Asks for a new access token of an account, whether it needs one or not, and with Code Assist for tier and project. '
    'Answers the id of the job.';

create or replace function admin.console_account_map_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', coalesce(jsonb_agg(jsonb_build_object(
        'email', email, 'google_project', google_project) order by email), '[]')) from pollux.account_project
$$;
comment on function admin.console_account_map_list(jsonb) is '{items: [{email, google_project}]}.';

create or replace function admin.console_account_map_set(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', admin.account_map(pollux.param_text(p, 'email', 300, true),
                                                         pollux.param_text(p, 'google_project', 100)))
$$;
comment on function admin.console_account_map_set(jsonb) is
    'p: {email, google_project; absent: forget it}. Answers the whole map, as account_map_list.';

create or replace function admin.console_oauth_client_set(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.oauth_client_set(pollux.param_text(p, 'client_id', 300, true), p ->> '_secret')
$$;
comment on function admin.console_oauth_client_set(jsonb) is
    'p: {client_id, secret}; the worker seals the secret. Answers the OAuth client, without it.';

create or replace function admin.console_oauth_client_remove(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.oauth_client_remove()
$$;
comment on function admin.console_oauth_client_remove(jsonb) is 'Answers the OAuth client as it was; null if there was none.';
