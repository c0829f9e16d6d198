-- SPDX-License-Identifier: MIT
-- Resets and tests by hand. No table says who asked for them: what does it says so to the audit.
set check_function_bodies = off;

create or replace function admin.reset(p_credential bigint, p_model text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_was jsonb := (select pollux.credential_brief(c) from pollux.credential c where c.id = p_credential and c.removed_at is null);
    v_answer jsonb := case when p_credential is not null then admin.credential_reset(p_credential)
                           when p_model is not null then admin.model_reset(p_model) else admin.reset_all() end;
begin
    if v_answer is not null then
        perform pollux.audit(null, case when p_credential is not null then 'credential.reset'
                                        when p_model is not null then 'model.reset' else 'pool.reset' end,
                             coalesce(p_credential::text, p_model), v_was, case
                                 when p_credential is null then v_answer - 'model'
                                 else (select pollux.credential_brief(c) from pollux.credential c where c.id = p_credential) end);
    end if;
    return v_answer;
end
$$;
comment on function admin.reset(bigint, text) is
    'Ends all automatic states of a credential, of a model, or (both null) of all, and says so to the audit. Answers what '
    'admin.credential_reset(), admin.model_reset() and admin.reset_all() do; null: there is no such thing.';

create or replace function admin.test(p_credential bigint, p_model text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_asked jsonb := case when p_credential is null then admin.credential_test_all(p_model)
                          else jsonb_build_array(admin.credential_test(p_credential, p_model)) end;
    v_n integer := jsonb_array_length(v_asked);
begin
    if v_asked = '[null]' then
        return null;
    elsif p_credential is not null then
        perform pollux.audit(null, 'credential.test', p_credential::text, null, null);
    elsif v_n > 0 then
        perform pollux.audit(null, 'credential.test', case when v_n = 1 then '1 credential' else v_n || ' credentials' end,
                             null, jsonb_build_object('ids', jsonb_path_query_array(v_asked, '$[0 to 999].id')));
    end if;
    return v_asked;
end
$$;
comment on function admin.test(bigint, text) is
    'Has a key, or (null) all keys, probed at once, for a model or (null) for one that each is used for, and says so to the '
    'audit. Answers an array of {id, job}, see admin.credential_test(); null: there is no such key.';

create or replace function admin.credential_enable(p_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_was record;
    v_answer jsonb;
    v_is jsonb;
begin
    select c.enabled, pollux.credential_brief(c) as brief into v_was from pollux.credential c where c.id = p_id and c.removed_at is null;
    v_answer := admin.credential_set_enabled(p_id, true);
    select pollux.credential_brief(c) into v_is from pollux.credential c where c.id = p_id;
    if v_was.enabled and v_was.brief <> v_is then
        perform pollux.audit(null, 'credential.reset', p_id::text, v_was.brief, v_is);
    end if;
    return v_answer;
end
$$;
comment on function admin.credential_enable(bigint) is
    'As admin.credential_set_enabled(p_id, true). To enable what is enabled is to reset it, which this says to the audit.';
