-- SPDX-License-Identifier: MIT
-- Probe: one cheap request that finds out whether a credential works, when traffic does not tell.
--
-- What is due stands in pollux.health.next_probe_at, for dead credentials in pollux.credential.probe_at: so long
-- after a good answer, after a 403, after another 4xx, after a 5xx or none (settings probe_after_...).
-- probe_enqueue() makes jobs of it, one per credential at a time; a credential that has answered well in the meantime, with whichever model, is not asked. A worker
-- gets what it needs from api.probe_begin(), makes the one request, and tells api.probe_end() what came: it
-- has the effects that an attempt has. A dead credential that answers well is in use again.
--
-- Counting tokens proves that the key works and costs no quota; it does not prove that the model answers, so
-- where that was the trouble one token is generated instead, and counted.
set check_function_bodies = off;

create or replace function pollux.probe_enqueue() returns integer
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_jobs integer := 0;
    v_due record;
begin
    perform pollux.health_fold();
    perform pollux.probe_cover();
    perform pollux.probe_spare();
    for v_due in
            select * from (
                select x.id, x.model from (
                    select c.id, (select h.model from pollux.health h where h.credential_id = c.id and h.model <> ''
                                  order by h.last_at desc nulls last limit 1) as model
                    from pollux.credential c
                    where c.dead_reason is not null and c.probe_at <= v_now and c.enabled and c.removed_at is null
                      and c.kind = 'api_key'
                    order by c.probe_at limit 1000) x
                union all
                select * from (
                    select distinct on (h.credential_id) h.credential_id, h.model
                    from (select * from pollux.health where next_probe_at <= v_now
                          order by next_probe_at limit 1000) h
                    order by h.credential_id, h.streak >= 0, h.next_probe_at) x) due(id, model)
            order by id loop
        if not exists (select from pollux.job where kind = 'probe' and subject = v_due.id::text
                                                 and done_at is null) then
            perform pollux.job_enqueue('probe', v_due.id::text, jsonb_strip_nulls(jsonb_build_object(
                'model', v_due.model)), v_now);
            v_jobs := v_jobs + 1;
        end if;
    end loop;
    return v_jobs;
end
$$;
comment on function pollux.probe_enqueue() is
    'Asks for the probes that are due, up to a thousand dead and a thousand other credentials at a time. '
    'Answers how many.';

create or replace function pollux.probe_cover() returns void
language sql volatile as $$
    insert into pollux.health (credential_id, model, next_probe_at, faded_at)
    select c.id, pollux.setting('probe_model'),
           greatest(c.created_at + pollux.probe_after(200, 'ok'), pollux.now()), pollux.now()
    from pollux.credential c
    where c.enabled and c.dead_reason is null and c.removed_at is null and c.kind = 'api_key'
      and not exists (select from pollux.health h where h.credential_id = c.id)
    order by c.id limit 5000
    on conflict do nothing
$$;
comment on function pollux.probe_cover() is 'Credentials that nobody has used get a row, and so are probed too.';

create or replace function pollux.probe_spare() returns void
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_good interval := pollux.probe_after(200, 'ok');
    v_spared record;
begin
    for v_spared in
            select h.credential_id, h.model,
                   case when x.id is null then v_now + v_good else x.ok_at + v_good end as next_at
            from pollux.health h
            left join lateral (
                select c.id, (select max(o.ok_at) from pollux.health o where o.credential_id = c.id) as ok_at
                from pollux.credential c
                where c.id = h.credential_id and c.enabled and c.dead_reason is null and c.removed_at is null
                  and c.kind = 'api_key') x on true
            where h.next_probe_at <= v_now
              and (x.id is null or h.streak >= 0 and x.ok_at + v_good > v_now)
            order by h.credential_id, h.model loop
        update pollux.health set next_probe_at = v_spared.next_at
        where credential_id = v_spared.credential_id and model = v_spared.model and next_probe_at <= v_now;
    end loop;
end
$$;
comment on function pollux.probe_spare() is
    'What is due but need not be asked is put off: credentials that have answered well in the meantime, with '
    'whichever model, and those that are out of use (dead ones have a schedule of their own).';

create or replace function pollux.probe_how(c pollux.credential, p_model text) returns text
language plpgsql stable as $$
declare
    v_with text := pollux.setting('probe_with');
    v_streak integer;
begin
    if v_with <> 'auto' then
        return v_with;
    elsif c.dead_reason is not null then
        return case when c.dead_reason in ('prepay', 'billing', 'API_KEY_SERVICE_BLOCKED')
                         or c.revived_at > c.dead_at - interval '1 day' then 'generate' else 'count' end;
    end if;
    select streak into v_streak from pollux.health where credential_id = c.id and model = p_model;
    return case when v_streak < 0 or exists (
                     select from pollux.quota where project_id = c.project_id and model = p_model
                                                and reason in ('limit_0', 'backoff', 'trial'))
                then 'generate' else 'count' end;
end
$$;
comment on function pollux.probe_how(pollux.credential, text) is
    'count (tokens; costs nothing) or generate (one token; costs a request): the latter only where the '
    'former proves nothing, or has proved wrong.';

-- A request of our own: counted as one, but it neither ends nor begins a rest.
create or replace function pollux.quota_count(p_project bigint, p_model text, p_tokens bigint) returns void
language plpgsql volatile as $$
declare
    v_moment pollux.moment := pollux.moment(pollux.policy());
begin
    perform pollux.quota_make(array[p_project], array[p_model]);
    update pollux.quota
    set starts = pollux.window_total(seconds, starts, v_moment.second, v_moment.since, 1),
        tokens = pollux.window_total(seconds, tokens, v_moment.second, v_moment.since, p_tokens),
        seconds = pollux.window_seconds(seconds, v_moment.second, v_moment.since),
        day_requests = pollux.quota_today(day, day_requests, late_requests, v_moment.day) + 1,
        late_requests = case when day = v_moment.day then late_requests else 0 end + v_moment.late::integer,
        day = v_moment.day
    where project_id = p_project and model = p_model;
end
$$;
comment on function pollux.quota_count(bigint, text, bigint) is
    'Counts one request and its prompt tokens for a project and model.';

create or replace function pollux.quota_told(p_project bigint, p_model text) returns timestamptz
language sql volatile as $$
    select max(ready_at) from pollux.quota
    where project_id = p_project and model = p_model and ready_at > pollux.now() and ready_at < 'infinity'
      and (reason like 'spent%' or reason like 'told%')
$$;
comment on function pollux.quota_told(bigint, text) is
    'Until when the quota of a project is known to be spent; null: it is not.';

create or replace function api.probe_begin(p_job bigint, p_attempt integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    j pollux.job;
    c pollux.credential;
    v_model text;
    v_how text;
    v_until timestamptz;
begin
    select * into j from pollux.job where id = p_job and attempts = p_attempt and done_at is null;
    select * into c from pollux.credential
    where id = j.subject::bigint and removed_at is null and kind = 'api_key';
    if c.id is null or not c.enabled and not j.detail ? 'manual' then
        return null;
    end if;
    v_model := pollux.probe_model(c, j.detail ->> 'model');
    v_how := pollux.probe_how(c, v_model);
    v_until := case when v_how = 'generate' then pollux.quota_told(c.project_id, v_model) end;
    if v_until is not null and j.detail ? 'manual' then
        v_how := 'count';
    elsif v_until is not null then
        update pollux.health set next_probe_at = v_until + interval '1 minute'
        where credential_id = c.id and model = v_model;
        return null;
    end if;
    if v_how = 'generate' then
        perform pollux.quota_count(c.project_id, v_model, 2);
    end if;
    update pollux.job set detail = detail || jsonb_build_object(
        'model', v_model, 'with', v_how, 'project_id', c.project_id, 'began', pollux.now()) where id = j.id;
    return jsonb_build_object(
        'credential_id', c.id, 'sealed', encode(c.sealed, 'hex'), 'fingerprint', encode(c.fingerprint, 'hex'),
        'proxy', encode(c.proxy_sealed, 'hex'),
        'model', v_model, 'with', v_how, 'upstream_model',
        coalesce((select m.upstream_name from pollux.model m where m.name = v_model), v_model));
end
$$;
comment on function api.probe_begin(bigint, integer) is
    'What a worker needs for the probe that it has taken: {credential_id, sealed, fingerprint, proxy (sealed, or null), model, '
    'upstream_model, with: count | generate}; null: there is nothing to be done.';

create or replace function pollux.probe_model(c pollux.credential, p_asked text) returns text
language sql stable as $$
    select coalesce((select a.model from pollux.model_alias a where a.alias = p_asked), nullif(p_asked, ''),
                    (select h.model from pollux.health h where h.credential_id = c.id and h.model <> ''
                     order by h.ok_at desc nulls last limit 1),
                    pollux.setting('probe_model'))
$$;
comment on function pollux.probe_model(pollux.credential, text) is
    'The model to probe with: the one asked for, else the one it last answered for, else the setting.';

create or replace function api.probe_end(p_worker uuid, p_job bigint, p_attempt integer, p_result jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    j pollux.job;
    v_result jsonb;
begin
    -- The credential first and then its job, as those lock them who ask for a test.
    perform from pollux.credential where id = (select subject::bigint from pollux.job where id = p_job and kind = 'probe')
    for no key update;
    select * into j from pollux.job
    where id = p_job and attempts = p_attempt and taken_by = p_worker and done_at is null for update;
    if not found then
        return null;
    end if;
    v_result := (p_result - 'penalty') || pollux.probe_apply(
        j.subject::bigint, (j.detail ->> 'project_id')::bigint, j.detail ->> 'model', j.detail ->> 'with',
        (j.detail ->> 'began')::timestamptz, pollux.whole((p_result ->> 'status')::numeric, 999)::integer,
        coalesce(p_result ->> 'outcome', 'unknown'), p_result -> 'penalty');
    perform api.job_done(p_worker, p_job, p_attempt, true, v_result);
    return v_result;
end
$$;
comment on function api.probe_end(uuid, bigint, integer, jsonb) is
    'What came of a probe: {status, outcome, error, duration_ms, penalty: as of an attempt}. Applies it, closes '
    'the job, answers its result: what was given and {model, with, state, reason, next_probe_at}; null if '
    'the job is not this worker''s any more.';

create or replace function pollux.probe_apply(
    p_credential bigint, p_project bigint, p_model text, p_with text, p_began timestamptz, p_status integer,
    p_outcome text, p_penalty jsonb
) returns jsonb
language plpgsql volatile as $$
declare
    v_policy pollux.policy := pollux.policy();
    v_quota_model text := case when p_with = 'generate' then p_model else '' end;
    v_ailing boolean := exists (select from pollux.quota where project_id = p_project
                                                           and model = v_quota_model and failures > 0);
    v_effects pollux.effect[] := array[row(null, 1, p_project, p_credential, v_quota_model, p_began, p_outcome,
                                           0, 0, false, v_ailing, nullif(p_penalty, 'null'))::pollux.effect];
    v_again interval := pollux.probe_after(p_status, p_outcome);
begin
    perform pollux.credential_die(v_effects);
    if p_outcome = 'ok' then
        perform pollux.credential_revive(p_credential, 'a probe was answered well');
    else
        update pollux.credential set probe_at = pollux.now() + v_again
        where id = p_credential and dead_reason is not null;
    end if;
    perform pollux.health_answer(p_credential, p_model, p_status, p_outcome, case
        when p_outcome = 'ok' then true
        when p_penalty ->> 'scope' <> 'none' and pollux.blame_class(p_outcome) is not null then false end);
    update pollux.health
    set probed_at = pollux.now(), probe_status = p_status, probe_outcome = p_outcome,
        next_probe_at = pollux.now() + v_again
    where credential_id = p_credential and model = p_model;
    perform pollux.quota_apply(v_effects, pollux.moment(v_policy), v_policy);
    if p_outcome = 'ok' and p_with = 'generate' then
        perform pollux.quota_prove(v_effects[1]);
    end if;
    return (
        select jsonb_build_object('model', p_model, 'with', p_with, 'state', pollux.credential_state(c),
                                  'reason', c.dead_reason, 'next_probe_at', pollux.now() + v_again)
        from pollux.credential c where c.id = p_credential);
end
$$;
comment on function pollux.probe_apply(bigint, bigint, text, text, timestamptz, integer, text, jsonb) is
    'Lets the answer to a probe have its effects. Answers {model, with, state, reason, next_probe_at}.';

create or replace function pollux.quota_prove(e pollux.effect) returns void
language plpgsql volatile as $$
declare
    v_was pollux.quota;
begin
    select * into v_was from pollux.quota
    where project_id = e.project_id and model = e.model and reason in ('limit_0', 'backoff', 'trial')
    for no key update;
    update pollux.quota set ready_at = '-infinity', reason = null, failures = 0
    where project_id = v_was.project_id and model = v_was.model;
    perform pollux.quota_state(e, v_was, 'closed', 'a probe was answered well', null);
end
$$;
comment on function pollux.quota_prove(pollux.effect) is
    'A project has just answered for a model that it was thought not to: it is in use again.';

-------------------------------------------------------------------------------------------------- by hand

create or replace function admin.credential_test(p_id bigint, p_model text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential;
begin
    select * into c from pollux.credential where id = p_id and removed_at is null;
    if c.kind <> 'api_key' then
        raise exception 'credential % is an account: `pollux account refresh` tests it', p_id
            using errcode = 'invalid_parameter_value';
    elsif p_model ~ '(AIza|AQ[.]|plx_|ya29[.])[A-Za-z0-9._-]{16}' then
        raise exception 'what stands in the model''s place looks like a key or a token'
            using errcode = 'invalid_parameter_value';
    elsif p_model is not null and (p_model !~ '^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,199}$') then
        raise exception '"%" cannot be the name of a model', left(p_model, 40)
            using errcode = 'invalid_parameter_value';
    end if;
    return (
        select jsonb_build_object('id', c.id, 'job', pollux.job_enqueue('probe', c.id::text, jsonb_strip_nulls(
                   jsonb_build_object('manual', true, 'model', regexp_replace(p_model, '^models/', ''))),
                   '-infinity'))
        where c.id is not null);
end
$$;
comment on function admin.credential_test(bigint, text) is
    'Has a credential probed at once, for a model or (null) for one that it is used for. Answers {id, job}: '
    'admin.job_get tells what came of it; null: there is no such credential.';

create or replace function admin.credential_test_all(p_model text) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(admin.credential_test(c.id, p_model)), '[]')
    from (select id from pollux.credential where removed_at is null and kind = 'api_key' order by id offset 0) c
$$;
comment on function admin.credential_test_all(text) is
    'Has all keys probed at once. Answers an array of {id, job}.';

create or replace function admin.credential_test_results(p_jobs bigint[]) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
               'id', j.subject::bigint, 'job', j.id, 'done', j.done_at is not null, 'ok', coalesce(j.ok, false)
                   and j.result ->> 'outcome' = 'ok',
               'project', p.name, 'label', c.label, 'hint', c.hint, 'model', j.result -> 'model',
               'with', j.result -> 'with', 'status', j.result -> 'status', 'outcome', j.result -> 'outcome',
               'error', j.result -> 'error', 'duration_ms', j.result -> 'duration_ms',
               'state', pollux.credential_state(c), 'next_probe_at', j.result -> 'next_probe_at')
           order by j.subject::bigint), '[]')
    from pollux.job j
    left join pollux.credential c on c.id = j.subject::bigint
    left join pollux.project p on p.id = c.project_id
    where j.id = any (p_jobs) and j.kind = 'probe'
$$;
comment on function admin.credential_test_results(bigint[]) is
    'What came of these probes: an array of {id, job, done, ok, project, label, hint, model, with, status, '
    'outcome, error, duration_ms, state, next_probe_at}.';

create or replace function pollux.health_reset(p_credential bigint, p_model text) returns void
language plpgsql volatile as $$
begin
    with held as materialized (
        select credential_id, model from pollux.health
        where (credential_id = p_credential or p_credential is null) and (model = p_model or p_model is null)
          and streak < 0
        order by credential_id, model for no key update
    )
    update pollux.health h set streak = 0, next_probe_at = pollux.now() + pollux.probe_after(200, 'ok')
    from held where h.credential_id = held.credential_id and h.model = held.model;
end
$$;
comment on function pollux.health_reset(bigint, text) is
    'Ends streaks of failures: of a credential, of a model, or (null) of all.';

create or replace function pollux.credential_reset(c pollux.credential) returns jsonb
language plpgsql volatile as $$
begin
    perform pollux.health_reset(c.id, null);
    perform pollux.credential_revive(c.id, 'reset by hand');
    perform pollux.quota_reset(c.project_id);
    perform pollux.quota_refresh(array[c.project_id]);
    return (select pollux.credential_json(n) from pollux.credential n where n.id = c.id);
end
$$;
comment on function pollux.credential_reset(pollux.credential) is
    'Forgets that it was dead, its failures, and the rests of its project.';

create or replace function admin.credential_reset(p_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential;
begin
    select * into c from pollux.credential where id = p_id and removed_at is null for no key update;
    return case when c.id is not null then pollux.credential_reset(c) end;
end
$$;
comment on function admin.credential_reset(bigint) is
    'Ends all automatic states of a credential and its project: dead, resting, failing. What an operator '
    'disabled stays so. Answers it as in credential_list; null if there is none.';

create or replace function pollux.quota_reset_where(p_model text) returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
begin
    delete from pollux.model_rest where p_model is null or model = p_model;
    with held as materialized (
        select project_id, model from pollux.quota
        where (model = p_model or p_model is null) and reason is distinct from 'credential'
          and (ready_at > '-infinity' or failures > 0 or learned_at is not null)
        order by model, slot for no key update
    )
    update pollux.quota q
    set ready_at = '-infinity', reason = null, failures = 0, failed_at = null, learned_rpm = null,
        learned_tpm = null, learned_rpd = null, learned_at = null
    from held where q.project_id = held.project_id and q.model = held.model;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.quota_reset_where(text) is
    'Ends rests and failures, and forgets learned limits, of a model or (null) of all. Answers of how many '
    'rows.';

create or replace function admin.model_reset(p_name text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_name text := regexp_replace(p_name, '^models/', '');
    v_rows integer;
begin
    select coalesce((select a.model from pollux.model_alias a where a.alias = v_name), v_name) into v_name;
    if not exists (select from pollux.model_state where model = v_name)
       and not exists (select from pollux.model where name = v_name) then
        return null;
    end if;
    perform pollux.health_reset(null, v_name);
    v_rows := pollux.quota_reset_where(v_name);
    perform pollux.event('reset', jsonb_build_object('model', v_name, 'projects', v_rows));
    return jsonb_build_object('model', v_name, 'projects', v_rows);
end
$$;
comment on function admin.model_reset(text) is
    'Ends all automatic states of a model: rests, failures, "may not use it", learned limits. Answers {model, '
    'projects: of how many}; null if nobody has asked for that model yet.';

create or replace function admin.reset_all() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_id bigint;
    v_revived integer := 0;
    v_rows integer;
begin
    for v_id in select id from pollux.credential where removed_at is null and dead_reason is not null
                order by id for no key update loop
        v_revived := v_revived + pollux.credential_revive(v_id, 'reset by hand')::integer;
    end loop;
    perform pollux.health_reset(null, null);
    v_rows := pollux.quota_reset_where(null);
    perform pollux.event('reset', jsonb_build_object('credentials', v_revived, 'rows', v_rows));
    return jsonb_build_object('credentials', v_revived, 'rows', v_rows);
end
$$;
comment on function admin.reset_all() is
    'Ends all automatic states there are. Answers {credentials: that were dead, rows: of a project and model '
    'that rested, failed or had learned a limit}. What an operator disabled stays so.';
