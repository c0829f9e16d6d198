-- SPDX-License-Identifier: MIT
-- Health: how each credential does with each model, and whose fault a failure was.
--
-- Failures reach pollux.health with their settlement (health_settle), which is rare; successes once a minute
-- from the log (health_fold), so that a request that goes well costs nothing here. The breaker of a project
-- and model is its quota row: closed while failures is 0, open while it rests with reason 'backoff',
-- half-open while reason is 'trial' (see quota.sql); a credential that Google will not have any more is out
-- (dead) until a probe finds that it works again (see probe.sql).
set check_function_bodies = off;

create or replace function pollux.fade(p_n real, p_from timestamptz, p_to timestamptz) returns real
language sql immutable as $$
    select (p_n * power(0.5, greatest(extract(epoch from p_to - p_from), 0)::float8 / 86400))::real
$$;
comment on function pollux.fade(real, timestamptz, timestamptz) is
    'What is left of a count: half of it in a day.';

------------------------------------------------------------------------------------------------------- blame

-- Words of pollux.attempt.outcome that speak of the model or the network rather than of a quota.
create or replace function pollux.blame_class(p_outcome text) returns text
language sql immutable as $$
    select case when p_outcome in ('overloaded', 'error_in_200', 'empty', 'truncated', 'reset', 'connect',
                                   'timeout_first_byte', 'timeout_idle', 'timeout_total') then 'trouble'
                when p_outcome not in ('quota_minute', 'quota_day', 'quota_tokens', 'quota_bare') then p_outcome
           end
$$;
comment on function pollux.blame_class(text) is
    'Outcomes of one class may be one and the same error; null: a quota, which is each project''s own.';

create or replace function pollux.blame(p_effects pollux.effect[]) returns pollux.effect[]
language plpgsql volatile as $$
declare
    e pollux.effect;
    v_judged pollux.effect[] := '{}';
    v_others pollux.effect[];
begin
    foreach e in array p_effects loop
        if e.n > 1 and e.penalty ->> 'scope' = 'quota' and e.penalty ->> 'rest' = 'backoff' then
            v_others := pollux.blame_others(e);
            if v_others is not null and not e.ailing then
                e.penalty := e.penalty || '{"scope": "none", "rest": "none", "followed": true}';
                update pollux.attempt set penalty = e.penalty
                where request_id = e.request_id and n = e.n and started_at = e.started_at;
            end if;
            v_judged := v_judged || coalesce(v_others, '{}');
        end if;
        v_judged := v_judged || e;
    end loop;
    return v_judged;
end
$$;
comment on function pollux.blame(pollux.effect[]) is
    'An error that follows a request to a second project is the fault of neither: the later attempt loses '
    'its penalty, unless its row had been failing by itself before, and an effect that takes back that of the '
    'earlier one is put before it.';

create or replace function pollux.blame_others(e pollux.effect) returns pollux.effect[]
language plpgsql volatile as $$
declare
    v_back pollux.effect[];
begin
    with others as (
        update pollux.attempt a
        set penalty = a.penalty || '{"scope": "none", "rest": "none", "followed": true}'
        where a.request_id = e.request_id and a.n < e.n and a.project_id <> e.project_id
          and a.started_at between e.started_at - interval '1 day' and e.started_at
          and a.penalty ->> 'rest' = 'backoff' and (e.model = '' or a.model = e.model)
          and pollux.blame_class(a.outcome) = pollux.blame_class(e.outcome)
        returning a.*
    )
    select array_agg(row(o.request_id, o.n, o.project_id, o.credential_id, e.model, o.started_at, o.outcome,
                         0, 0, false, false, '{"scope": "quota", "rest": "absolve"}')::pollux.effect
                     order by o.n)
    into v_back from others o;
    if v_back is null and exists (
            select from pollux.attempt a
            where a.request_id = e.request_id and a.n < e.n and a.penalty ? 'followed'
              and a.started_at between e.started_at - interval '1 day' and e.started_at
              and pollux.blame_class(a.outcome) = pollux.blame_class(e.outcome)) then
        return '{}';
    end if;
    return v_back;
end
$$;
comment on function pollux.blame_others(pollux.effect) is
    'Effects that take back the penalties of earlier attempts of the same request, on other projects, that '
    'ended in the same way; empty if that was done before, null if there is none.';

-- The row is as it was before the failure, unless something else has happened to it since: one that had been
-- failing by itself before, and was on trial, goes on resting.
create or replace function pollux.quota_absolve(e pollux.effect, p_moment pollux.moment) returns void
language plpgsql volatile as $$
declare
    q pollux.quota;
begin
    update pollux.quota
    set failures = greatest(failures - 1, 0),
        ready_at = case when reason = 'backoff' and failures = 1 then '-infinity' else ready_at end,
        reason = case when failures > 1 then reason else nullif(reason, 'backoff') end
    where project_id = e.project_id and model = e.model and failures > 0 and failed_at >= e.started_at
    returning * into q;
    if q.failures = 0 then
        perform pollux.state_event(p_moment.at, e.credential_id, e.project_id, e.model, 'open', 'closed',
                                   'the error followed the request to another project', null);
    end if;
end
$$;
comment on function pollux.quota_absolve(pollux.effect, pollux.moment) is
    'Takes back what a failure did to a row.';

------------------------------------------------------------------------------------------------ what is noted

create or replace function pollux.probe_after(p_status integer, p_outcome text) returns interval
language sql stable as $$
    select make_interval(secs => pollux.setting(case
        when p_outcome = 'ok' then 'probe_after_good_s'
        when p_outcome = 'location' or pollux.blame_class(p_outcome) = 'trouble' then 'probe_after_5xx_s'
        when p_status = 403 then 'probe_after_403_s'
        when p_status between 400 and 499 then 'probe_after_4xx_s'
        else 'probe_after_5xx_s' end)::float8)
$$;
comment on function pollux.probe_after(integer, text) is
    'How long after such an answer a credential is probed.';

create or replace function pollux.health_answer(
    p_credential bigint, p_model text, p_status integer, p_outcome text, p_good boolean
) returns void
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_again timestamptz := v_now + pollux.probe_after(p_status, p_outcome);
    v_ok integer := (p_good is true)::integer;
    v_bad integer := (p_good is false)::integer;
begin
    insert into pollux.health as h (
        credential_id, model, next_probe_at, last_at, ok_at, failed_at, faded_at, ok, failed, streak,
        last_status, last_outcome)
    values (p_credential, p_model, v_again, v_now, case when p_good then v_now end,
            case when not p_good then v_now end, v_now, v_ok, v_bad, v_ok - v_bad, p_status, p_outcome)
    on conflict (credential_id, model) do update
    set last_at = v_now, last_status = p_status, last_outcome = p_outcome,
        ok_at = coalesce(excluded.ok_at, h.ok_at), failed_at = coalesce(excluded.failed_at, h.failed_at),
        faded_at = v_now, ok = pollux.fade(h.ok, h.faded_at, v_now) + v_ok,
        failed = pollux.fade(h.failed, h.faded_at, v_now) + v_bad,
        streak = case when p_good then greatest(h.streak, 0) + 1
                      when not p_good then least(h.streak, 0) - 1 else h.streak end,
        next_probe_at = case when p_good is null then h.next_probe_at else v_again end;
end
$$;
comment on function pollux.health_answer(bigint, text, integer, text, boolean) is
    'Notes an answer that was good, bad, or (null) neither, such as a spent quota.';

create or replace function pollux.health_absolve(p_credential bigint, p_model text) returns void
language sql volatile as $$
    update pollux.health
    set failed = greatest(failed - 1, 0), streak = streak + 1,
        next_probe_at = case when streak = -1 then pollux.now() + pollux.probe_after(200, 'ok')
                             else next_probe_at end
    where credential_id = p_credential and model = p_model and streak < 0
$$;
comment on function pollux.health_absolve(bigint, text) is 'Takes back the last failure.';

create or replace function pollux.health_take(p_effects pollux.effect[]) returns void
language plpgsql volatile as $$
declare
    e record;
begin
    for e in select x.credential_id, x.model, x.outcome, x.ailing, a.status,
                    coalesce(x.penalty ->> 'scope', 'none') as scope, x.penalty ->> 'rest' as rest
             from unnest(p_effects) x
             left join pollux.attempt a on a.request_id = x.request_id and a.n = x.n
                                           and a.started_at = x.started_at
             where x.credential_id is not null
             order by x.credential_id, x.model collate "C", x.started_at loop
        if e.rest = 'absolve' then
            perform pollux.health_absolve(e.credential_id, e.model);
        elsif e.scope <> 'none' then
            perform pollux.health_answer(e.credential_id, e.model, e.status, e.outcome,
                                         case when pollux.blame_class(e.outcome) is not null then false end);
        elsif e.ailing and e.outcome = 'ok' then
            perform pollux.health_answer(e.credential_id, e.model, e.status, e.outcome, true);
        end if;
    end loop;
end
$$;
comment on function pollux.health_take(pollux.effect[]) is
    'Notes failures, and successes that end them. Locks rows by credential and model.';

-- An exchange that both settles and wishes holds quota rows when it comes here a second time: whoever cannot
-- have a row of health soon does without it, rather than lie in a circle with somebody who waits for quota.
create or replace function pollux.health_settle(p_effects pollux.effect[]) returns void
language plpgsql volatile as $$
declare
    v_timeout text := current_setting('lock_timeout');
begin
    if not exists (select from unnest(p_effects) where ailing or outcome <> 'ok') then
        return;
    end if;
    begin
        perform set_config('lock_timeout', '100ms', true);
        perform pollux.health_take(p_effects);
        perform set_config('lock_timeout', v_timeout, true);
    exception when lock_not_available or deadlock_detected then
        perform pollux.event('health_skipped', jsonb_build_object('attempts', cardinality(p_effects)));
    end;
end
$$;
comment on function pollux.health_settle(pollux.effect[]) is
    'health_take(), unless that would mean to wait for more than a tenth of a second: a note about health is '
    'not worth it, and nothing that decides about a request hangs on it.';

create or replace function pollux.health_fold() returns integer
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_from timestamptz;
    v_to timestamptz;
    v_rows integer;
begin
    insert into pollux.health_folded (to_at) values (v_now - interval '1 hour') on conflict do nothing;
    select greatest(to_at, v_now - interval '1 day') into v_from
    from pollux.health_folded for update skip locked;
    v_to := v_now - interval '30 seconds';
    if v_from is null or v_to <= v_from then
        return 0;
    end if;
    update pollux.health_folded set to_at = v_to;
    insert into pollux.health as h (
        credential_id, model, next_probe_at, last_at, ok_at, faded_at, ok, streak, latency_ms, first_byte_ms,
        last_status, last_outcome)
    select r.credential_id, r.model, max(r.ended_at) + pollux.probe_after(200, 'ok'), max(r.ended_at),
           max(r.ended_at), max(r.ended_at), count(*), count(*),
           avg(r.duration_ms - coalesce(r.waited_ms, 0)) filter (where r.attempts = 1),
           avg(r.first_byte_ms - coalesce(r.waited_ms, 0)) filter (where r.attempts = 1), 200, 'ok'
    from pollux.request r
    join pollux.credential c on c.id = r.credential_id and c.removed_at is null
    where r.ended_at >= v_from and r.ended_at < v_to and r.started_at >= v_from - interval '1 day'
      and r.outcome = 'ok' and r.model <> ''
    group by r.credential_id, r.model order by r.credential_id, r.model collate "C"
    on conflict (credential_id, model) do update
    set ok = pollux.fade(h.ok, h.faded_at, v_to) + excluded.ok,
        failed = pollux.fade(h.failed, h.faded_at, v_to), faded_at = v_to,
        latency_ms = pollux.health_mean(h.latency_ms, pollux.fade(h.ok, h.faded_at, v_to),
                                        excluded.latency_ms, excluded.ok),
        first_byte_ms = pollux.health_mean(h.first_byte_ms, pollux.fade(h.ok, h.faded_at, v_to),
                                           excluded.first_byte_ms, excluded.ok),
        ok_at = greatest(h.ok_at, excluded.ok_at), last_at = greatest(h.last_at, excluded.last_at),
        last_status = case when h.last_at > excluded.last_at then h.last_status else 200 end,
        last_outcome = case when h.last_at > excluded.last_at then h.last_outcome else 'ok' end,
        streak = case when h.failed_at > excluded.ok_at then h.streak
                      else greatest(h.streak, 0) + excluded.streak end,
        next_probe_at = case when h.streak < 0 and not h.failed_at > excluded.ok_at
                             then excluded.next_probe_at else h.next_probe_at end;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.health_fold() is
    'Adds the successes of the log since the last time, a day of it at the most. Answers how many rows.';

create or replace function pollux.health_mean(p_old real, p_weight real, p_new real, p_n real) returns real
language sql immutable as $$
    select coalesce((p_old * p_weight + p_new * p_n) / nullif(p_weight + p_n, 0), p_new, p_old)
$$;
comment on function pollux.health_mean(real, real, real, real) is
    'The mean of an old one with its weight and of a new one with its number; either may be null.';

create or replace function pollux.health_expire() returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
begin
    delete from pollux.health h
    where coalesce(greatest(h.last_at, h.probed_at), h.faded_at)
              < pollux.now() - make_interval(days => pollux.setting('retention_days')::integer)
       or not exists (select from pollux.credential c where c.id = h.credential_id and c.removed_at is null);
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.health_expire() is
    'Forgets credentials that were removed, and models that a credential has not been used for in '
    'retention_days.';
