-- SPDX-License-Identifier: MIT
-- Audit: who changed what. What is configured lies in tables whose changes are written down by triggers, whoever
-- makes them and with what: console, command line, scripts, psql. Other acts (signing in, resets, tests) are written
-- down by their functions. Whoever acts on somebody's behalf says first who that is (pollux.actor_set).
set check_function_bodies = off;

create or replace function pollux.actor_set(p_name text, p_remote text) returns void
language sql volatile as $$
    select set_config('pollux.actor', jsonb_build_object('name', p_name, 'remote', p_remote)::text, true)
$$;
comment on function pollux.actor_set(text, text) is
    'Says on whose behalf, and from which address, this transaction works. Holds until it ends.';

create or replace function pollux.acting() returns jsonb
language sql stable as $$
    select coalesce(nullif(current_setting('pollux.actor', true), '')::jsonb,
                    jsonb_build_object('name', session_user || coalesce(
                        ' (' || nullif(current_setting('application_name', true), '') || ')', '')))
$$;
comment on function pollux.acting() is
    'Who is at work: {name, remote}. Unless somebody was named: the role of the database and its program.';

create or replace function pollux.audit(
    p_actor text, p_action text, p_subject text, p_before jsonb, p_after jsonb
) returns void
language plpgsql volatile as $$
declare
    v_actor jsonb := pollux.acting();
begin
    insert into pollux.audit (at, actor, remote, action, subject, before, after)
    values (pollux.now(), left(coalesce(p_actor, v_actor ->> 'name'), 200), v_actor ->> 'remote', p_action,
            left(p_subject, 500), p_before, p_after);
    perform pollux.console_forget();
end
$$;
comment on function pollux.audit(text, text, text, jsonb, jsonb) is
    'Writes down a change: action as in credential.disable, subject (id or name), how it was and how it is '
    'now. p_actor null: whoever actor_set() named. No secrets.';

------------------------------------------------------------------------------------------- tables that tell

-- Arguments of the trigger: the noun, the column that names the row, and the columns to be written down. Only those:
-- counters and secrets are not among them.
create or replace function pollux.audit_row() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_shown text[] := string_to_array(tg_argv[2], ' ');
    v_old jsonb := to_jsonb(old);
    v_new jsonb := to_jsonb(new);
    v_keys text[] := array(select k from unnest(v_shown) k where v_old -> k is distinct from v_new -> k);
begin
    if cardinality(v_keys) > 0 and current_setting('pollux.audit_rows', true) is distinct from 'off' then
        perform pollux.audit(null, tg_argv[0] || '.' || pollux.audit_verb(tg_op, v_keys, v_old, v_new),
            coalesce(v_new, v_old) ->> tg_argv[1],
            (select jsonb_object_agg(key, value) from jsonb_each(v_old) where key = any (v_keys)),
            (select jsonb_object_agg(key, value) from jsonb_each(v_new) where key = any (v_keys)));
    end if;
    return null;
end
$$;
comment on function pollux.audit_row() is 'Trigger: writes down what changed in a row.';

create or replace function pollux.audit_pause(p_on boolean) returns void
language sql volatile as $$
    select set_config('pollux.audit_rows', case when p_on then 'off' else '' end, true)
$$;
comment on function pollux.audit_pause(boolean) is
    'Changed rows are not written down (true) until they are again (false) or the transaction ends: for who tells of the '
    'whole in a row of their own.';

create or replace function pollux.audit_verb(p_op text, p_keys text[], p_old jsonb, p_new jsonb) returns text
language sql immutable as $$
    select case when p_op = 'INSERT' then 'add' when p_op = 'DELETE' then 'remove'
                when 'removed_at' = any (p_keys) then case when p_new ->> 'removed_at' is null then 'restore' else 'remove' end
                when 'archived_at' = any (p_keys) and p_new ->> 'archived_at' is null then 'purge'
                when 'revoked_at' = any (p_keys) then 'revoke'
                when 'password_at' = any (p_keys) then 'password'
                when 'enabled' = any (p_keys) then case when (p_new ->> 'enabled')::boolean then 'enable' else 'disable' end
                when 'disabled_at' = any (p_keys) then case when p_new ->> 'disabled_at' is null then 'enable' else 'disable' end
                else 'set' end
$$;
comment on function pollux.audit_verb(text, text[], jsonb, jsonb) is 'What was done to a row, in a word.';

create or replace function pollux.audit_many() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_ids bigint[] := array(select id from fresh where kind = 'api_key' order by id limit 1000);
    v_n bigint := (select count(*) from fresh where kind = 'api_key');
begin
    if v_n > 0 then
        perform pollux.audit(null, 'credential.add', case when v_n = 1 then '1 key' else v_n || ' keys' end, null, jsonb_build_object('ids', v_ids));
    end if;
    return null;
end
$$;
comment on function pollux.audit_many() is 'Trigger: writes down, in one row, that keys were added. Accounts are written down by who adds them.';

create or replace procedure pollux.audit_table(p_table regclass, p_noun text, p_subject text, p_columns text)
language plpgsql as $$
begin
    execute format('create or replace trigger audit_update after update of %s on %s for each row
                    execute function pollux.audit_row(%L, %L, %L)', replace(p_columns, ' ', ', '), p_table,
                   p_noun, p_subject, p_columns);
    execute format('create or replace trigger audit_delete after delete on %s for each row
                    execute function pollux.audit_row(%L, %L, %L)', p_table, p_noun, p_subject, p_columns);
    if p_noun <> 'credential' then
        execute format('create or replace trigger audit_insert after insert on %s for each row
                        execute function pollux.audit_row(%L, %L, %L)', p_table, p_noun, p_subject, p_columns);
    end if;
end
$$;
comment on procedure pollux.audit_table(regclass, text, text, text) is
    'Has the changes of a table written down: noun, column that names a row, columns to tell.';

-- All columns but those that count, that are secret, or that change by themselves.
create or replace function pollux.audit_columns(p_table regclass, p_not text) returns text
language sql stable as $$
    select string_agg(attname, ' ' order by attnum) from pg_attribute
    where attrelid = p_table and attnum > 0 and not attisdropped and attgenerated = ''
      and attname <> all (string_to_array(p_not, ' '))
$$;
comment on function pollux.audit_columns(regclass, text) is 'The columns of a table without some.';

call pollux.audit_table('pollux.client', 'client', 'name', 'name rpm tpm daily_tokens models expires_at revoked_at');
call pollux.audit_table('pollux.credential', 'credential', 'id',
                        'project_id label priority enabled removed_at archived_at notes tags proxy_hint');
call pollux.audit_table('pollux.model', 'model', 'name',
                        pollux.audit_columns('pollux.model', 'created_at updated_at traits'));
call pollux.audit_table('pollux.model_alias', 'alias', 'alias', 'model');
call pollux.audit_table('pollux.admin', 'admin', 'name', 'name role disabled_at password_at');
call pollux.audit_table('pollux.setting', 'setting', 'name', 'value');
call pollux.audit_table('pollux.error_rule', 'policy', 'id',
                        pollux.audit_columns('pollux.error_rule', 'id created_at updated_at'));
create or replace trigger audit_insert after insert on pollux.credential referencing new table as fresh
    for each statement execute function pollux.audit_many();
drop trigger if exists audit_insert on pollux.setting;
drop trigger if exists audit_delete on pollux.setting;
