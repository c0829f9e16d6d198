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
        'items', v_items, 'oauth_client', (select jsonb_build_object(
            'client_id', o ->> 'client_id', 'public_url', o ->> 'public_url') from admin.oauth_client_show() o
            where o is not null),
        'next', case when jsonb_array_length(v_items) = v_limit
                     then jsonb_build_array(v_items -> -1 -> 'id')::text end);
end
$$;
comment on function admin.console_account_list(jsonb) is
    'A list (see console.h), newest first. Filter: q (e-mail, label, Google project). Items as '
    'pollux.account_json() gives them; oauth_client: {client_id, public_url}, null while none is configured.';
