-- SPDX-License-Identifier: MIT
-- Credential: keys come, die, are switched off and on, and go. A death touches only the credential: picks
-- find out and take the rows of a project without a live one out of rotation.
set check_function_bodies = off;

create or replace function pollux.credential_state(c pollux.credential) returns text
language sql immutable as $$
    select case when c.removed_at is not null then 'removed' when not c.enabled then 'disabled'
                when c.dead_reason is not null then 'dead' else 'ready' end
$$;
comment on function pollux.credential_state(pollux.credential) is
    'removed, disabled, dead or ready; whether a ready one rests is told by the rows of its project.';

create or replace function pollux.credential_event(c pollux.credential, p_to text, p_why text) returns void
language plpgsql volatile as $$
begin
    if pollux.credential_state(c) <> p_to then
        perform pollux.state_event(pollux.now(), c.id, c.project_id, null, pollux.credential_state(c), p_to, p_why,
                                   null);
    end if;
end
$$;
comment on function pollux.credential_event(pollux.credential, text, text) is
    'Notes that the credential that was as given goes to another state.';

-- An error that two keys of different projects get for one request may be an incident at Google rather than
-- the end of both: they are out, but the first probe comes early and decides.
create or replace function pollux.credential_probe_after(e pollux.effect) returns interval
language sql stable as $$
    select pollux.probe_after(case when exists (
               select from pollux.attempt o
               where o.request_id = a.request_id and o.project_id <> a.project_id
                 and o.started_at between a.started_at - interval '1 day' and a.started_at + interval '1 day'
                 and o.outcome = a.outcome and o.status = a.status) then 0 else a.status end, e.outcome)
    from (select) one
    left join pollux.attempt a on a.request_id = e.request_id and a.n = e.n and a.started_at = e.started_at
$$;
comment on function pollux.credential_probe_after(pollux.effect) is
    'How long after its death by this attempt a credential is probed.';

create or replace function pollux.credential_die(p_effects pollux.effect[]) returns void
language plpgsql volatile as $$
declare
    e pollux.effect;
    c pollux.credential;
    v_reason text;
begin
    for e in select distinct on (x.credential_id) x.*
             from unnest(p_effects) x
             where x.penalty ->> 'scope' = 'credential' and x.penalty ->> 'rest' = 'dead'
             order by x.credential_id, x.started_at loop
        select * into c from pollux.credential where id = e.credential_id for no key update;
        continue when c.dead_reason is not null or e.started_at < c.revived_at;
        v_reason := left(coalesce(e.penalty ->> 'reason', e.outcome), 100);
        update pollux.credential
        set dead_reason = v_reason, dead_at = pollux.now(),
            probe_at = pollux.now() + pollux.credential_probe_after(e)
        where id = c.id;
        if pollux.credential_state(c) = 'ready' then
            perform pollux.credential_event(c, 'dead', v_reason);
        end if;
    end loop;
    if exists (select from unnest(p_effects) x where x.penalty ->> 'rest' = 'exact') then
        perform pollux.rule_rest(p_effects);
    end if;
end
$$;
comment on function pollux.credential_die(pollux.effect[]) is
    'Takes out credentials that Google will not have any more, and lets rest what rules about errors say.';

create or replace function pollux.credential_revive(p_id bigint, p_why text) returns boolean
language plpgsql volatile as $$
declare
    c pollux.credential;
begin
    select * into c from pollux.credential where id = p_id and dead_reason is not null for no key update;
    if not found then
        return false;
    end if;
    update pollux.credential
    set dead_reason = null, dead_at = null, probe_at = null, rest_until = null, revived_at = pollux.now()
    where id = p_id;
    if pollux.credential_state(c) = 'dead' then
        perform pollux.credential_event(c, 'ready', p_why);
    end if;
    perform pollux.quota_refresh(array[c.project_id]);
    return true;
end
$$;
comment on function pollux.credential_revive(bigint, text) is
    'A dead credential is in use again. False: it was not dead.';

-- Ids of projects have to become visible in ascending order: quota rows are made by going through them
-- (quota_seed).
create or replace function pollux.project_make(p_names text[]) returns void
language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock(hashtext('pollux project_make'));
    insert into pollux.project (name, created_at)
    select n, pollux.now() from unnest(p_names) with ordinality x(n, i)
    where not exists (select from pollux.project p where p.name = x.n)
    group by n order by min(i);
end
$$;
comment on function pollux.project_make(text[]) is 'Makes projects of these names, unless they are there.';

create or replace function admin.credential_add(p_project text, p_label text, p_priority integer,
                                                p_keys jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_ids bigint[];
    v_new integer;
    v_projects bigint[];
    v_back bigint[];
begin
    if p_project ~ '[[:cntrl:]]' or length(p_project) not between 1 and 100 then
        raise exception 'a project needs a name of 1 to 100 characters'
            using errcode = 'invalid_parameter_value';
    elsif p_priority not between 0 and 1000000 then
        raise exception 'a priority is a number from 0 to 1000000' using errcode = 'invalid_parameter_value';
    end if;
    perform pollux.project_make(array(select coalesce(p_project, 'key-' || left(k ->> 'fingerprint', 12))
                                      from jsonb_array_elements(p_keys) k));
    v_back := array(select c.id from jsonb_array_elements(p_keys) k
                    join pollux.credential c on c.fingerprint = decode(k ->> 'fingerprint', 'hex')
                    where c.removed_at is not null order by 1);
    perform pollux.audit_pause(cardinality(v_back) > 1); -- one row for all
    with added as (
        insert into pollux.credential as c (
            project_id, label, priority, fingerprint, sealed, hint, proxy_sealed, proxy_hint, created_at)
        select p.id, p_label, coalesce(p_priority, 100), k.fingerprint, k.sealed, k.hint, k.proxy_sealed, k.proxy_hint,
               pollux.now()
        from (select distinct on (k ->> 'fingerprint')
                     decode(k ->> 'fingerprint', 'hex') as fingerprint,
                     decode(k ->> 'sealed', 'hex') as sealed,
                     left(k ->> 'hint', 8) as hint, i,
                     decode(k -> 'proxy' ->> 'sealed', 'hex') as proxy_sealed, k -> 'proxy' ->> 'hint' as proxy_hint,
                     coalesce(p_project, 'key-' || left(k ->> 'fingerprint', 12)) as project
              from jsonb_array_elements(p_keys) with ordinality x(k, i) order by k ->> 'fingerprint', i) k
        join pollux.project p on p.name = k.project
        order by k.i
        on conflict (fingerprint) do update
        set project_id = excluded.project_id, label = excluded.label, priority = excluded.priority,
            sealed = excluded.sealed, hint = excluded.hint, enabled = true,
            proxy_sealed = excluded.proxy_sealed, proxy_hint = excluded.proxy_hint,
            dead_reason = null, dead_at = null, probe_at = null, removed_at = null, archived_at = null
        where c.removed_at is not null
        returning id, project_id
    )
    select count(*), array_agg(distinct project_id) into v_new, v_projects from added;
    perform pollux.audit_pause(false);
    if cardinality(v_back) > 1 then
        perform pollux.audit(null, 'credential.restore', cardinality(v_back) || ' keys', null, jsonb_build_object('ids', v_back[1:1000]));
    end if;
    select array_agg(c.id order by i) into v_ids
    from jsonb_array_elements(p_keys) with ordinality x(k, i)
    join pollux.credential c on c.fingerprint = decode(k ->> 'fingerprint', 'hex');
    perform pollux.quota_refresh(v_projects);
    return jsonb_build_object('new', v_new, 'known', jsonb_array_length(p_keys) - v_new,
                              'ids', coalesce(to_jsonb(v_ids), '[]'));
end
$$;
comment on function admin.credential_add(text, text, integer, jsonb) is
    'Adds keys [{fingerprint: hex, sealed: hex, hint, proxy: {sealed: hex, hint}, if it has one}] to a project, or each to its own. Answers {new, '
    'known, ids}: ids of all of them, in their order. One that was removed counts as new.';

create or replace function pollux.credential_json(c pollux.credential) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', c.id, 'project', p.name, 'kind', c.kind, 'label', c.label, 'hint', c.hint,
        'priority', c.priority,
        'state', case when not c.enabled then 'disabled' when c.rest_until is not null then 'resting'
                      when c.dead_reason is not null then 'dead'
                      when q.resting then 'resting' else 'ready' end,
        'reason', case when c.enabled then coalesce(c.dead_reason, case when q.resting then q.reason end) end,
        'until', case when c.enabled and c.rest_until is not null then c.rest_until
                      when c.enabled and c.dead_reason is null and q.resting and q.until < 'infinity'
                      then q.until end,
        'proxy', c.proxy_hint,
        'created_at', c.created_at, 'last_used_at', q.last_used_at, 'requests_today', q.today)
    from pollux.project p,
         lateral (select bool_and(ready_at > pollux.now()) as resting, min(ready_at) as until,
                         (array_agg(reason order by ready_at))[1] as reason,
                         max(last_used_at) as last_used_at,
                         coalesce(sum(day_requests) filter (
                             where day = pollux.pacific_date(pollux.now())), 0) as today
                  from pollux.quota where project_id = c.project_id) q
    where p.id = c.project_id
$$;
comment on function pollux.credential_json(pollux.credential) is
    'A credential as the command line sees it. It rests when its project rests for every model it was used '
    'for; last_used_at and requests_today are those of its project.';

create or replace function admin.credential_list(p_limit integer, p_after bigint) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.credential_json(c) order by c.id), '[]')
    from (select * from pollux.credential where removed_at is null and id > coalesce(p_after, 0)
          order by id limit p_limit) c
$$;
comment on function admin.credential_list(integer, bigint) is
    'Up to p_limit credentials with ids above p_after, an array of {id, project, kind, label, hint, '
    'priority, state: ready | resting | dead | disabled, reason, until, proxy, created_at, '
    'last_used_at, requests_today}.';

create or replace function admin.credential_set_enabled(p_id bigint, p_enabled boolean) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_was pollux.credential;
    c pollux.credential;
begin
    select * into v_was from pollux.credential where id = p_id and removed_at is null for no key update;
    update pollux.credential set enabled = p_enabled, gone_at = null where id = v_was.id returning * into c;
    if c.id is null then
        return null;
    elsif p_enabled then
        perform pollux.credential_event(v_was, 'ready', 'enabled');
        return pollux.credential_reset(c);
    end if;
    perform pollux.credential_event(v_was, 'disabled', 'by the operator');
    perform pollux.quota_refresh(array[c.project_id]);
    return pollux.credential_json(c);
end
$$;
comment on function admin.credential_set_enabled(bigint, boolean) is
    'Takes a credential out, or puts it back in and forgets why it was dead or resting. Answers it as in '
    'credential_list; null if there is none.';

create or replace function pollux.credential_proxy_told(p_id bigint, p_before text, p_after text, p_given boolean)
returns void
language sql volatile as $$
    select pollux.audit(null, 'credential.proxy', p_id::text, null, jsonb_build_object('proxy_hint', p_after))
    where p_given and p_after is not null and p_after is not distinct from p_before
$$;
comment on function pollux.credential_proxy_told(bigint, text, text, boolean) is
    'Writes down that a proxy was given anew whose address, without name and password, is the same: the row''s own trigger '
    'sees no difference.';

create or replace function admin.credential_set(p_id bigint, p_patch jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential;
    v_was bigint;
    v_hint text;
    v_field text;
begin
    select k into v_field from jsonb_object_keys(p_patch) k
    where k not in ('label', 'priority', 'project', 'proxy', 'tags', 'notes') limit 1;
    if v_field is not null then
        raise exception 'a key has no "%"', v_field using errcode = 'invalid_parameter_value';
    elsif p_patch ->> 'label' ~ '[[:cntrl:]]' or length(p_patch ->> 'label') > 200 then
        raise exception 'a label has up to 200 characters' using errcode = 'invalid_parameter_value';
    elsif length(p_patch ->> 'notes') > 10000 then
        raise exception 'notes have up to 10000 characters' using errcode = 'invalid_parameter_value';
    elsif p_patch ? 'project' and coalesce(p_patch ->> 'project', '') !~ '^[^[:cntrl:]]{1,100}$' then
        raise exception 'a project needs a name of 1 to 100 characters' using errcode = 'invalid_parameter_value';
    end if;
    if p_patch ? 'project' then
        perform pollux.project_make(array[p_patch ->> 'project']);
    end if;
    select * into c from pollux.credential where id = p_id and removed_at is null for no key update;
    if c.id is null then
        return null;
    end if;
    v_was := c.project_id;
    v_hint := c.proxy_hint;
    c.label := case when p_patch ? 'label' then nullif(p_patch ->> 'label', '') else c.label end;
    c.priority := coalesce(pollux.model_number(p_patch, 'priority', c.priority, 1000000), 100);
    c.project_id := coalesce((select id from pollux.project where name = p_patch ->> 'project'), c.project_id);
    if p_patch ? 'proxy' then
        c.proxy_sealed := decode(p_patch -> 'proxy' ->> 'sealed', 'hex');
        c.proxy_hint := p_patch -> 'proxy' ->> 'hint';
    end if;
    c.notes := case when p_patch ? 'notes' then nullif(p_patch ->> 'notes', '') else c.notes end;
    c.tags := case when p_patch ? 'tags' then coalesce(pollux.words(p_patch -> 'tags', 'tags'), '{}') else c.tags end;
    update pollux.credential
    set label = c.label, priority = c.priority, project_id = c.project_id, proxy_sealed = c.proxy_sealed,
        proxy_hint = c.proxy_hint, notes = c.notes, tags = c.tags
    where id = c.id;
    perform pollux.credential_proxy_told(c.id, v_hint, c.proxy_hint, p_patch ? 'proxy');
    perform pollux.quota_refresh(array[v_was, c.project_id]);
    return pollux.credential_json(c);
end
$$;
comment on function admin.credential_set(bigint, jsonb) is
    'Changes a credential: {label, priority, project, proxy: {sealed: hex, hint}, tags: [...], notes}; null clears, what '
    'is absent stays. '
    'Answers it as in credential_list; null if there is none.';

create or replace function admin.credential_fingerprint(p_id bigint) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select to_jsonb(encode(fingerprint, 'hex')) from pollux.credential where id = p_id and removed_at is null
$$;
comment on function admin.credential_fingerprint(bigint) is
    'The fingerprint by whose name what belongs to the credential is sealed, hexadecimal; null if there is none.';

create or replace function pollux.quota_reset(p_project bigint) returns void
language plpgsql volatile as $$
begin
    with held as materialized (
        select model from pollux.quota where project_id = p_project order by model, slot for no key update
    )
    update pollux.quota q
    set ready_at = '-infinity', reason = null, failures = 0, failed_at = null, learned_rpm = null,
        learned_tpm = null, learned_rpd = null, learned_at = null
    from held
    where q.project_id = p_project and q.model = held.model
      and (q.ready_at > '-infinity' or q.failures > 0 or q.learned_at is not null);
end
$$;
comment on function pollux.quota_reset(bigint) is
    'Ends all rests of a project and forgets the limits learned for it. Its counters stay: what is spent goes '
    'back to rest at the next pick.';

create or replace function admin.credential_remove(p_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential;
    v_was jsonb;
begin
    select * into c from pollux.credential where id = p_id and sealed is not null for update;
    v_was := pollux.credential_json(c);
    update pollux.credential
    set removed_at = coalesce(removed_at, pollux.now()), archived_at = null, sealed = null where id = c.id;
    if c.removed_at is null and c.id is not null then
        perform pollux.credential_event(c, 'removed', 'by the operator');
    end if;
    update pollux.account set access = null, access_expires_at = null, lease = null where credential_id = c.id;
    perform pollux.quota_refresh(array[c.project_id]);
    return v_was;
end
$$;
comment on function admin.credential_remove(bigint) is
    'Removes a credential and its secret, also out of the archive; its id and label stay for the log. Answers '
    'it as it was; null if there is none.';

create or replace function api.health() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('credentials', c -> 'total', 'disabled', c -> 'disabled', 'dead', c -> 'broken',
                              'resting', c -> 'resting', 'ready', c -> 'ready')
        || case when pollux.setting('credentials_minimum') = '0' then '{}'::jsonb
                else jsonb_build_object('minimum', pollux.setting('credentials_minimum')::bigint) end
    from (select pollux.credential_count(case when pollux.pool_large() then pollux.console_cached('resting')
                                              else pollux.count_resting() end) as c) x
$$;
comment on function api.health() is
    'How many credentials there are and how they are: {credentials, ready, resting, dead, disabled}, and the '
    'setting credentials_minimum as minimum, if it is set. Of this moment, but for a large pool (see console_cache.sql).';
