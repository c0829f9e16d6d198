-- SPDX-License-Identifier: MIT
-- Quota: the rows Google counts by, one per project and model; how they come into being and what changes
-- them.
--
-- Locks. Whoever holds a quota row may wait for another only in the order (model, slot). Picks go through the
-- models of a batch in that order and, within a model, take rows SKIP LOCKED; they wait only while they hold
-- none of the model, or for rows that were named in advance, in ascending order. Settlements lock all their
-- rows in one ordered pass. Who locks and then changes many rows does it in one statement: rows that came into
-- being between two would be locked out of turn. Before quota rows come credentials and clients (by id); before
-- those of a model its rows in model and model_state. Rows come into being while model_state is locked, so that
-- nobody who holds some waits for another's new ones.
set check_function_bodies = off;

create or replace function pollux.quota_slot(p_project bigint) returns bigint
language sql immutable as $$ select (p_project % 4294967296) * 2654435761 % 4294967296 $$;
comment on function pollux.quota_slot(bigint) is
    'A number below 2^32 for a project: neighbours lie far apart, and no two projects (below 2^32) share '
    'one.';

create or replace function pollux.quota_model(p_model text, p_verb text) returns text
language sql immutable as $$
    select case when p_verb in ('generateContent', 'streamGenerateContent', 'generateAnswer', 'embedContent',
                                'batchEmbedContents', 'predict', 'predictLongRunning')
                then p_model else '' end
$$;
comment on function pollux.quota_model(text, text) is
    'The model whose quota a call uses: counting tokens, looking a model up and the like use none.';

create or replace function pollux.quota_limit(
    p_configured bigint, p_learned bigint, p_learned_at timestamptz, p_learned_since timestamptz
) returns bigint
language sql immutable as $$
    select least(p_configured, case when p_learned_at > p_learned_since then p_learned end)
$$;
comment on function pollux.quota_limit(bigint, bigint, timestamptz, timestamptz) is
    'The limit in force: the smaller of the configured and the learned one; null: unknown, nothing is '
    'enforced.';

create or replace function pollux.quota_today(p_day date, p_requests integer, p_late integer, p_today date)
returns integer
language sql immutable as $$
    select case when p_day >= p_today then p_requests when p_day = p_today - 1 then p_late else 0 end
$$;
comment on function pollux.quota_today(date, integer, integer, date) is
    'Requests that count for today: those of the row''s day, or of the last seconds of the day before.';

create or replace function pollux.quota_priority(p_project bigint) returns integer
language plpgsql stable as $$
begin
    return (
        select min(c.priority) from pollux.credential c
        where c.project_id = p_project and c.enabled and c.dead_reason is null and c.removed_at is null);
end
$$;
comment on function pollux.quota_priority(bigint) is
    'Least priority number of its live credentials; null if it has none.';

-------------------------------------------------------------------------------------------- coming into being

create or replace function pollux.quota_make(p_projects bigint[], p_models text[]) returns integer
language plpgsql volatile as $$
declare
    v_by_priority boolean := pollux.setting('strategy') = 'priority';
    v_made integer;
begin
    insert into pollux.quota (project_id, model, slot, priority, class, ready_at, reason)
    select p.id, m.model, pollux.quota_slot(p.id), coalesce(p.priority, 100),
           case when v_by_priority then coalesce(p.priority, 100) else 100 end,
           case when p.priority is null then 'infinity' else '-infinity' end::timestamptz,
           case when p.priority is null then 'credential' end
    from (select id, pollux.quota_priority(id) as priority from pollux.project
          where id = any (p_projects) offset 0) p,
         unnest(p_models) m(model)
    order by m.model, pollux.quota_slot(p.id)
    on conflict do nothing;
    get diagnostics v_made = row_count;
    return v_made;
end
$$;
comment on function pollux.quota_make(bigint[], text[]) is
    'Makes the rows of these projects for these models, unless they are there. Answers how many it made.';

-- One session at a time goes on with a model; who holds rows of it must not wait for that one (p_wait false).
create or replace function pollux.quota_seed(p_model text, p_projects integer, p_wait boolean) returns integer
language plpgsql volatile as $$
declare
    v_from bigint;
    v_ids bigint[];
begin
    if p_wait then
        select seeded_to into v_from from pollux.model_state where model = p_model for no key update;
    else
        select seeded_to into v_from from pollux.model_state where model = p_model
        for no key update skip locked;
    end if;
    if v_from is null then
        return null;
    end if;
    select array_agg(id) into v_ids
    from (select id from pollux.project where id > v_from order by id limit p_projects) p;
    if v_ids is null then
        return 0;
    end if;
    update pollux.model_state set seeded_to = v_ids[cardinality(v_ids)] where model = p_model;
    perform pollux.quota_make(v_ids, array[p_model]);
    return cardinality(v_ids);
end
$$;
comment on function pollux.quota_seed(text, integer, boolean) is
    'Makes the rows of the next projects, in the order of their ids. Answers how many projects it went '
    'through; null: another session is about it.';

create or replace function pollux.quota_refresh(p_projects bigint[]) returns void
language plpgsql volatile as $$
declare
    v_by_priority boolean := pollux.setting('strategy') = 'priority';
begin
    with held as materialized (
        select project_id, model from pollux.quota
        where project_id = any (p_projects) order by model, slot for no key update
    )
    update pollux.quota q
    set priority = coalesce(p.priority, q.priority),
        class = case when v_by_priority then coalesce(p.priority, q.priority) else 100 end,
        ready_at = case when p.priority is null then 'infinity' when q.reason = 'credential' then '-infinity'
                        else q.ready_at end,
        reason = case when p.priority is null then 'credential' when q.reason = 'credential' then null
                      else q.reason end
    from (select id, pollux.quota_priority(id) as priority from unnest(p_projects) id offset 0) p, held
    where q.project_id = p.id and q.project_id = held.project_id and q.model = held.model
      and (q.priority is distinct from p.priority or q.reason = 'credential'
           or q.class <> case when v_by_priority then coalesce(p.priority, q.priority) else 100 end);
end
$$;
comment on function pollux.quota_refresh(bigint[]) is
    'After a credential of these projects came, went or changed: their rows leave or enter rotation, in '
    'the right class.';

create or replace function pollux.quota_classify() returns void
language plpgsql volatile as $$
declare
    v_by_priority boolean := pollux.setting('strategy') = 'priority';
begin
    with held as materialized (
        select project_id, model from pollux.quota
        where class <> case when v_by_priority then priority else 100 end
        order by model, slot for no key update
    )
    update pollux.quota q set class = case when v_by_priority then q.priority else 100 end
    from held where q.project_id = held.project_id and q.model = held.model;
end
$$;
comment on function pollux.quota_classify() is
    'After the strategy changed: puts rows into the classes it goes by.';

------------------------------------------------------------------------------------ what attempts do to a row

create or replace function pollux.quota_lock(p_effects pollux.effect[]) returns void
language plpgsql volatile as $$
begin
    perform 1 from pollux.quota q
    where (q.project_id, q.model) in (select e.project_id, e.model from unnest(p_effects) e)
    order by q.model, q.slot for no key update;
end
$$;
comment on function pollux.quota_lock(pollux.effect[]) is 'Locks the rows of these effects, in order.';

create or replace function pollux.quota_apply(p_effects pollux.effect[], p_moment pollux.moment,
                                              p_policy pollux.policy)
returns void
language plpgsql volatile as $$
declare
    e pollux.effect;
begin
    perform pollux.quota_lock(p_effects);
    if exists (select from unnest(p_effects) where recount) then
        perform pollux.quota_recount(p_effects, p_moment);
    end if;
    if exists (select from unnest(p_effects) x where x.used <> x.reserved and not x.recount) then
        perform pollux.quota_correct(p_effects);
    end if;
    foreach e in array p_effects loop
        if e.penalty ->> 'scope' = 'quota' then
            perform pollux.quota_rest(e, p_moment, p_policy);
        elsif e.ailing then
            perform pollux.quota_heal(e, e.outcome in ('ok', 'caller'));
        end if;
    end loop;
end
$$;
comment on function pollux.quota_apply(pollux.effect[], pollux.moment, pollux.policy) is
    'Lets attempts have their effect on quota rows. They come from settle_attempts(), each once.';

create or replace function pollux.quota_recount(p_effects pollux.effect[], p_moment pollux.moment)
returns void
language plpgsql volatile as $$
declare
    e pollux.effect;
    v_second bigint;
begin
    foreach e in array p_effects loop
        continue when not e.recount;
        v_second := pollux.second_of(e.started_at);
        update pollux.quota q
        set day_requests = q.day_requests + (pollux.pacific_date(e.started_at) = q.day)::integer
        where q.project_id = e.project_id and q.model = e.model;
        update pollux.quota
        set starts = pollux.window_total(seconds, starts, v_second, p_moment.since, 1),
            tokens = pollux.window_total(seconds, tokens, v_second, p_moment.since, e.used),
            seconds = pollux.window_seconds(seconds, v_second, p_moment.since)
        where project_id = e.project_id and model = e.model and v_second > p_moment.since;
    end loop;
end
$$;
comment on function pollux.quota_recount(pollux.effect[], pollux.moment) is
    'Counts again attempts whose reservation a crash of PostgreSQL forgot.';

create or replace function pollux.quota_correct(p_effects pollux.effect[]) returns void
language plpgsql volatile as $$
begin
    update pollux.quota q
    set tokens = pollux.window_shift(q.seconds, q.tokens, c.seconds, c.more),
        ready_at = case when q.reason = 'spent_tpm' then '-infinity' else q.ready_at end,
        reason = case when q.reason = 'spent_tpm' then null else q.reason end
    from (select e.project_id, e.model,
                 array_agg(pollux.second_of(e.started_at) order by e.started_at) as seconds,
                 array_agg(e.used - e.reserved order by e.started_at) as more
          from unnest(p_effects) e
          where e.used <> e.reserved and not e.recount
          group by e.project_id, e.model) c
    where q.project_id = c.project_id and q.model = c.model;
end
$$;
comment on function pollux.quota_correct(pollux.effect[]) is
    'Replaces estimated by actual tokens in the window; a row that rested for its tokens is looked at again.';

create or replace function pollux.quota_heal(p_effect pollux.effect, p_well boolean) returns void
language plpgsql volatile as $$
declare
    v_was pollux.quota;
begin
    select * into v_was from pollux.quota
    where project_id = p_effect.project_id and model = p_effect.model and failures > 0
      and p_effect.started_at > failed_at;
    update pollux.quota q
    set failures = case when p_well then 0 else q.failures end,
        ready_at = case when q.reason = 'trial' or (p_well and q.reason = 'backoff') then '-infinity'
                        else q.ready_at end,
        reason = case when q.reason = 'trial' or (p_well and q.reason = 'backoff') then null else q.reason end
    where q.project_id = v_was.project_id and q.model = v_was.model;
    if p_well then
        perform pollux.quota_state(p_effect, v_was, 'closed', p_effect.outcome, null);
    end if;
end
$$;
comment on function pollux.quota_heal(pollux.effect, boolean) is
    'An attempt that began after the last failure and was no failure: a success ends the streak; anything '
    'else (the client left, say) only makes room for the next trial.';

create or replace function pollux.quota_state(
    p_effect pollux.effect, p_was pollux.quota, p_to text, p_why text, p_until timestamptz
) returns void
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_from text := case when p_was.failures > 0 and p_was.reason = 'trial' then 'half_open'
                        when p_was.failures > 0 then 'open' when p_was.reason = 'limit_0' then 'out'
                        else 'closed' end;
begin
    if p_was.project_id is null or v_from = p_to
       or p_to = 'resting' and p_until < v_now + interval '10 minutes' then
        return;
    elsif v_from = 'half_open' then
        perform pollux.state_event(p_effect.started_at, p_effect.credential_id, p_was.project_id, p_was.model,
                                   'open', 'half_open', 'trial', null);
    end if;
    perform pollux.state_event(v_now, p_effect.credential_id, p_was.project_id, p_was.model, v_from, p_to,
                               p_why, p_until);
end
$$;
comment on function pollux.quota_state(pollux.effect, pollux.quota, text, text, timestamptz) is
    'Notes that the row that was as given goes to another state (see pollux.state_event). Rests of less than '
    'ten minutes are no change.';

-- Of several calls that fail together only the first counts: the others began before the rest it caused.
create or replace function pollux.quota_rest(p_effect pollux.effect, p_moment pollux.moment,
                                             p_policy pollux.policy)
returns void
language plpgsql volatile as $$
declare
    v_rest text := p_effect.penalty ->> 'rest';
    v_was pollux.quota;
    v_new pollux.quota;
begin
    if v_rest = 'absolve' then
        perform pollux.quota_absolve(p_effect, p_moment);
        return;
    end if;
    select * into v_was from pollux.quota where project_id = p_effect.project_id and model = p_effect.model;
    update pollux.quota q
    set failures = q.failures + case when v_rest = 'backoff' then 1 else 0 end,
        failed_at = case when v_rest = 'backoff' then p_moment.at else q.failed_at end
    where q.project_id = p_effect.project_id and q.model = p_effect.model
      and (q.failed_at is null or p_effect.started_at > q.failed_at or v_rest <> 'backoff')
    returning * into v_new;
    if v_new.project_id is not null then
        perform pollux.quota_learn(p_effect, p_moment);
        update pollux.quota q
        set ready_at = r.until, reason = r.reason, rested_at = p_moment.at
        from pollux.quota_rest_until(p_effect, v_new.failures, p_moment, p_policy) r
        where q.project_id = p_effect.project_id and q.model = p_effect.model
          and (r.until > q.ready_at or q.reason = 'trial') and q.reason is distinct from 'credential'
        returning q.* into v_new;
        if found then
            perform pollux.quota_state(p_effect, v_was,
                                       case v_rest when 'backoff' then 'open' when 'never' then 'out'
                                                   else 'resting' end,
                                       coalesce(p_effect.penalty ->> 'reason', v_new.reason), v_new.ready_at);
        end if;
    end if;
end
$$;
comment on function pollux.quota_rest(pollux.effect, pollux.moment, pollux.policy) is
    'Sends a row to rest, for as long as the penalty says; a longer rest that it already has stays.';

create or replace function pollux.quota_rest_until(
    p_effect pollux.effect, p_failures integer, p_moment pollux.moment, p_policy pollux.policy,
    out until timestamptz, out reason text
)
language plpgsql volatile as $$
declare
    v_rest text := p_effect.penalty ->> 'rest';
    v_ms bigint := coalesce(pollux.whole((p_effect.penalty ->> 'ms')::numeric, 86400000000), 0);
begin
    reason := case v_rest when 'never' then 'limit_0' when 'backoff' then 'backoff'
                          when 'exact' then pollux.rule_reason(p_effect)
                          else 'told_' || left(coalesce(p_effect.penalty ->> 'reason', 'quota'), 60) end;
    until := case v_rest
        when 'never' then 'infinity'
        when 'midnight' then
            pollux.pacific_midnight(pollux.pacific_date(p_effect.started_at) + 1) + interval '2 seconds'
        when 'exact' then p_moment.at + v_ms * interval '1 millisecond'
        when 'backoff' then
            p_moment.at + interval '1 second' * (0.8 + 0.4 * random())
                          * least(power(2, least(greatest(p_failures, 1) - 1, 20)), 300)
        else p_moment.at + interval '1 millisecond'
                           * least(greatest(v_ms, p_policy.floor_ms), p_policy.ceiling_ms)
    end;
end
$$;
comment on function pollux.quota_rest_until(pollux.effect, integer, pollux.moment, pollux.policy) is
    'Until when a penalty lets a row rest: that long between floor and ceiling; next Pacific midnight '
    'after the attempt; for ever; or 1, 2, 4, ... 300 seconds with the streak of failures, give or take a '
    'fifth.';

create or replace function pollux.quota_learn(p_effect pollux.effect, p_moment pollux.moment) returns void
language plpgsql volatile as $$
declare
    v_learn jsonb := p_effect.penalty -> 'learn';
    v_rpm bigint := nullif(pollux.whole((v_learn ->> 'rpm')::numeric, 2147483647), 0);
    v_tpm bigint := nullif(pollux.whole((v_learn ->> 'tpm')::numeric, 9007199254740992), 0);
    v_rpd bigint := nullif(pollux.whole((v_learn ->> 'rpd')::numeric, 2147483647), 0);
    q pollux.quota;
begin
    if coalesce(v_rpm, v_tpm, v_rpd) is null then
        return;
    end if;
    select * into q from pollux.quota where project_id = p_effect.project_id and model = p_effect.model;
    update pollux.quota
    set learned_rpm = coalesce(v_rpm, learned_rpm), learned_tpm = coalesce(v_tpm, learned_tpm),
        learned_rpd = coalesce(v_rpd, learned_rpd), learned_at = p_moment.at
    where project_id = q.project_id and model = q.model;
    if v_rpm <> coalesce(q.learned_rpm, -1) or v_tpm <> coalesce(q.learned_tpm, -1)
       or v_rpd <> coalesce(q.learned_rpd, -1) then
        perform pollux.event('limit_learned',
                             jsonb_build_object('project_id', q.project_id, 'model', q.model) || v_learn);
    end if;
end
$$;
comment on function pollux.quota_learn(pollux.effect, pollux.moment) is 'Keeps to a limit that a 429 named.';
