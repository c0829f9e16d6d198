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

-- As pollux.credential_search(): few are found by one look at all, many are soon met on the way through the list. (To
-- compare without regard to case takes several times as long by the rules of a language. Addresses and projects of Google
-- have ASCII letters; a label stands in lower case in credential.search.)
create or replace function pollux.account_search(p_q text) returns text
language plpgsql stable as $$
declare
    v_like text := '%' || regexp_replace(p_q, '([\\%_])', '\\\1', 'g') || '%';
    v_google text := format('(lower(a.email collate "C") like %1$L or lower(a.google_project collate "C") like %1$L)', lower(v_like));
    v_label text := format('(c.search like %L and c.label ilike %L)', lower(v_like), v_like);
    v_ids bigint[];
begin
    execute format(
        'select array_agg(id) from (
             (select a.credential_id as id from pollux.account a where %s limit 10001)
             union
             (select c.id from pollux.credential c where c.kind = ''account'' and %s limit 10001)) x', v_google, v_label) into v_ids;
    if coalesce(cardinality(v_ids), 0) <= 10000 then
        return format('c.id = any (%L::bigint[])', coalesce(v_ids, '{}'));
    end if;
    return format('(%s or %s)', v_google, v_label);
end
$$;
comment on function pollux.account_search(text) is
    'SQL condition: a text stands in the e-mail address or Google project of account a or in the label of its credential c.';

create or replace function admin.console_account_list(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_after bigint := coalesce((pollux.param_cursor(p) ->> 0)::bigint, 9223372036854775807);
    v_q text := pollux.param_text(p, 'q', 100);
    v_items jsonb;
begin
    execute format(
        'select coalesce(jsonb_agg(pollux.account_json(x.c, x.a) order by (x.c).id desc), ''[]'')
         from (select c, a from pollux.credential c join pollux.account a on a.credential_id = c.id
               where c.removed_at is null and c.id < %L and %s
               order by c.id desc limit %s) x',
        v_after, case when v_q is null then 'true' else pollux.account_search(v_q) end, v_limit) into v_items;
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
