-- SPDX-License-Identifier: MIT
-- Error rule: what errors of the upstream mean, where the operator knows better than the table that is built in
-- (fcgi/upstream/outcome.c). Workers hold the rules and read them again with the heartbeat after a change, which a change
-- brings about at once.
set check_function_bodies = off;

create or replace function pollux.error_rule_json(r pollux.error_rule) returns jsonb
language sql immutable as $$
    select jsonb_build_object(
        'id', r.id, 'position', r.position, 'status_from', r.status_from, 'status_to', r.status_to,
        'text', r.text, 'action', r.action, 'scope', r.scope, 'rest_ms', r.rest_ms, 'note', r.note,
        'enabled', r.enabled, 'created_at', r.created_at, 'updated_at', r.updated_at)
$$;
comment on function pollux.error_rule_json(pollux.error_rule) is 'A rule as the command line and the workers see it.';

create or replace function pollux.error_rules_json() returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(pollux.error_rule_json(r) order by r.position, r.id), '[]') from pollux.error_rule r
$$;
comment on function pollux.error_rules_json() is 'All rules, in their order.';

create or replace function pollux.error_rule_changed() returns trigger
language plpgsql as $$
begin
    update pollux.error_rules set version = version + 1;
    notify pollux_setting;
    return null;
end
$$;
comment on function pollux.error_rule_changed() is 'Trigger: workers read the rules again.';

create or replace trigger error_rule_changed after insert or update or delete or truncate on pollux.error_rule
    for each statement execute function pollux.error_rule_changed();

create or replace function pollux.error_rules_since(p_version bigint) returns jsonb
language sql stable as $$
    select case when version is distinct from p_version
                then jsonb_build_object('version', version, 'rules', pollux.error_rules_json()) end
    from pollux.error_rules
$$;
comment on function pollux.error_rules_since(bigint) is
    '{version, rules} if there is another version than this, else null.';

------------------------------------------------------------------------------------------------------ what they do

-- A credential that rests by a rule is out like a dead one, but knows when it is back. Rows of credentials and
-- of models that rest are locked before those of quotas (see credential_die).
create or replace function pollux.rule_rest(p_effects pollux.effect[]) returns void
language plpgsql volatile as $$
declare
    e record;
begin
    for e in select x.credential_id, max(x.started_at) as started_at, max(pollux.rule_ms(x)) as ms,
                    max(pollux.rule_reason(x)) as reason
             from unnest(p_effects) x
             where x.penalty ->> 'scope' = 'credential' and x.penalty ->> 'rest' = 'exact'
             group by x.credential_id order by x.credential_id loop
        perform pollux.rule_rest_credential(e.credential_id, e.started_at, e.ms, e.reason);
    end loop;
    insert into pollux.model_rest as o (model, until, reason)
    select x.model, pollux.now() + max(pollux.rule_ms(x)) * interval '1 millisecond', max(pollux.rule_reason(x))
    from unnest(p_effects) x
    where x.penalty ->> 'scope' = 'model' and x.penalty ->> 'rest' = 'exact' and x.model <> ''
    group by x.model order by x.model
    on conflict (model) do update
    set until = greatest(o.until, excluded.until), reason = excluded.reason;
end
$$;
comment on function pollux.rule_rest(pollux.effect[]) is
    'Sends credentials and models to rest as rules about errors said; projects are for quota_rest.';

create or replace function pollux.rule_ms(e pollux.effect) returns bigint
language sql immutable as $$ select coalesce(pollux.whole((e.penalty ->> 'ms')::numeric, 31536000000), 0) $$;
comment on function pollux.rule_ms(pollux.effect) is 'How long a rule lets rest.';

create or replace function pollux.rule_reason(e pollux.effect) returns text
language sql immutable as $$ select left(coalesce(e.penalty ->> 'reason', 'rule'), 60) $$;
comment on function pollux.rule_reason(pollux.effect) is 'Which rule: rule_<number>.';

create or replace function pollux.rule_rest_credential(p_id bigint, p_began timestamptz, p_ms bigint, p_reason text)
returns void
language plpgsql volatile as $$
declare
    c pollux.credential;
begin
    select * into c from pollux.credential where id = p_id for no key update;
    if c.dead_reason is not null or p_began < c.revived_at then
        return;
    end if;
    update pollux.credential
    set dead_reason = p_reason, dead_at = pollux.now(), probe_at = null,
        rest_until = pollux.now() + p_ms * interval '1 millisecond'
    where id = p_id;
    if pollux.credential_state(c) = 'ready' then
        perform pollux.credential_event(c, 'dead', p_reason);
    end if;
end
$$;
comment on function pollux.rule_rest_credential(bigint, timestamptz, bigint, text) is
    'Lets a credential rest that is in use: so long, from now on.';

create or replace function pollux.credential_wake() returns integer
language plpgsql volatile as $$
declare
    v_ids bigint[];
    v_id bigint;
begin
    if not exists (select from pollux.credential where rest_until <= pollux.now()) then
        return 0;
    end if;
    select array_agg(id order by id) into v_ids
    from (select id from pollux.credential where rest_until <= pollux.now()
          order by id for no key update skip locked) c;
    foreach v_id in array coalesce(v_ids, '{}') loop
        perform pollux.credential_revive(v_id, 'its rest is over');
    end loop;
    update pollux.credential set rest_until = null where id = any (v_ids) and rest_until is not null;
    return coalesce(cardinality(v_ids), 0);
end
$$;
comment on function pollux.credential_wake() is
    'Credentials whose rest by a rule is over are in use again. Answers how many; asked with each heartbeat.';

------------------------------------------------------------------------------------------------------ editing them

create or replace function pollux.error_rule_patch(r pollux.error_rule, p jsonb) returns pollux.error_rule
language plpgsql stable as $$
declare
    v_field text;
begin
    select k into v_field from jsonb_object_keys(p) k
    where k not in ('position', 'status_from', 'status_to', 'text', 'action', 'scope', 'rest_ms', 'note', 'enabled')
    limit 1;
    if v_field is not null then
        raise exception 'a rule has no "%"', v_field using errcode = 'invalid_parameter_value';
    end if;
    r.status_from := pollux.model_number(p, 'status_from', r.status_from, 1000);
    r.status_to := coalesce(pollux.model_number(p, 'status_to', case when p ? 'status_from' then null
                                                                     else r.status_to end, 1000), r.status_from);
    r.position := coalesce(pollux.model_number(p, 'position', r.position, 1000000),
                           (select coalesce(max(position), 0) + 10 from pollux.error_rule));
    r.rest_ms := coalesce(pollux.model_number(p, 'rest_ms', r.rest_ms, 31536000000), 0);
    r.text := case when p ? 'text' then nullif(p ->> 'text', '') else r.text end;
    r.note := case when p ? 'note' then nullif(p ->> 'note', '') else r.note end;
    r.action := case when p ? 'action' then p ->> 'action' else r.action end;
    r.scope := coalesce(case when p ? 'scope' then p ->> 'scope' else r.scope end, 'none');
    r.rest_ms := case when r.scope = 'none' and not p ? 'rest_ms' then 0 else r.rest_ms end;
    r.enabled := coalesce(case when p ? 'enabled' then (p ->> 'enabled')::boolean else r.enabled end, true);
    r.updated_at := pollux.now();
    return r;
end
$$;
comment on function pollux.error_rule_patch(pollux.error_rule, jsonb) is 'A rule after a patch, not checked yet.';

create or replace function pollux.error_rule_check(r pollux.error_rule) returns void
language plpgsql immutable as $$
declare
    v_wrong text := case
        when r.status_from is null or not r.status_from between 100 and 599
             or not r.status_to between r.status_from and 599
            then 'the status is a number from 100 to 599, or a range such as 500-599'
        when coalesce(r.action, '') not in ('stop', 'another') then 'the action is stop or another'
        when r.scope not in ('none', 'credential', 'quota', 'model')
            then 'who rests is none, credential, quota (project and model) or model'
        when (r.scope = 'none') <> (r.rest_ms = 0) then 'who rests, and how long, belong together'
        when length(r.text) > 200 or r.text ~ '[[:cntrl:]]' then 'the text has up to 200 characters, in one line'
        when length(r.note) > 200 or r.note ~ '[[:cntrl:]]' then 'the note has up to 200 characters, in one line'
    end;
begin
    if v_wrong is not null then
        raise exception '%', v_wrong using errcode = 'invalid_parameter_value';
    end if;
end
$$;
comment on function pollux.error_rule_check(pollux.error_rule) is 'An error in plain words unless it can be a rule.';

create or replace function admin.policy_list() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$ select pollux.error_rules_json() $$;
comment on function admin.policy_list() is
    'The rules about errors of the upstream, in their order: an array of {id, position, status_from, status_to, text, '
    'action: stop | another, scope: none | credential | quota | model, rest_ms, note, enabled, created_at, updated_at}.';

create or replace function admin.policy_add(p_rule jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r pollux.error_rule := pollux.error_rule_patch(null, p_rule);
begin
    perform pollux.error_rule_check(r);
    if (select count(*) from pollux.error_rule) >= 500 then
        raise exception 'there are 500 rules already' using errcode = 'invalid_parameter_value';
    end if;
    insert into pollux.error_rule (position, status_from, status_to, text, action, scope, rest_ms, note, enabled,
                                   created_at, updated_at)
    values (r.position, r.status_from, r.status_to, r.text, r.action, r.scope, r.rest_ms, r.note, r.enabled,
            pollux.now(), pollux.now())
    returning * into r;
    perform pollux.event('error_rule', pollux.error_rule_json(r));
    return pollux.error_rule_json(r);
end
$$;
comment on function admin.policy_add(jsonb) is
    'Adds a rule: {status_from, status_to, text, action, scope, rest_ms, position, note, enabled}, of which status_from '
    'and action are needed; without a position it goes to the end. Answers it as in policy_list.';

create or replace function admin.policy_set(p_id bigint, p_patch jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r pollux.error_rule;
begin
    select * into r from pollux.error_rule where id = p_id for update;
    if r.id is null then
        return null;
    end if;
    r := pollux.error_rule_patch(r, p_patch);
    perform pollux.error_rule_check(r);
    update pollux.error_rule
    set position = r.position, status_from = r.status_from, status_to = r.status_to, text = r.text,
        action = r.action, scope = r.scope, rest_ms = r.rest_ms, note = r.note, enabled = r.enabled,
        updated_at = r.updated_at
    where id = p_id;
    perform pollux.event('error_rule', pollux.error_rule_json(r));
    return pollux.error_rule_json(r);
end
$$;
comment on function admin.policy_set(bigint, jsonb) is
    'Changes a rule: fields as in policy_add, what is absent stays. Answers it as in policy_list; null if there is none.';

create or replace function admin.policy_remove(p_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    r pollux.error_rule;
begin
    delete from pollux.error_rule where id = p_id returning * into r;
    if r.id is null then
        return null;
    end if;
    perform pollux.event('error_rule', pollux.error_rule_json(r) || '{"removed": true}');
    return pollux.error_rule_json(r);
end
$$;
comment on function admin.policy_remove(bigint) is 'Removes a rule. Answers it as it was; null if there is none.';
