-- SPDX-License-Identifier: MIT
-- Audit: who changed what. Every admin.* function that changes something says so, once, in its own
-- transaction; whoever calls it on somebody's behalf says first who that is (pollux.actor_set).
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
end
$$;
comment on function pollux.audit(text, text, text, jsonb, jsonb) is
    'Writes down a change: action as in credential.disable, subject (id or name), how it was and how it is '
    'now. p_actor null: whoever actor_set() named. No secrets.';

create or replace function pollux.audit_change(
    p_action text, p_subject text, p_before jsonb, p_after jsonb
) returns void
language plpgsql volatile as $$
declare
    v_keys text[] := array(
        select key from jsonb_object_keys(coalesce(p_before, '{}') || coalesce(p_after, '{}')) key
        where p_before -> key is distinct from p_after -> key);
begin
    if cardinality(v_keys) > 0 then
        perform pollux.audit(null, p_action, p_subject,
            (select jsonb_object_agg(key, value) from jsonb_each(p_before) where key = any (v_keys)),
            (select jsonb_object_agg(key, value) from jsonb_each(p_after) where key = any (v_keys)));
    end if;
end
$$;
comment on function pollux.audit_change(text, text, jsonb, jsonb) is
    'Writes down what differs between two states of a thing; nothing when nothing does. Null: not there.';
