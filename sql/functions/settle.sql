-- SPDX-License-Identifier: MIT
-- Settle: what became of requests. Idempotent by request id; a settlement carries all that is needed to make
-- its row and its counts again, should a crash of PostgreSQL have forgotten the reservation.
-- (Those two that join a batch with itself may hash it: a loop in a loop is slow with a hundred settlements.)
set check_function_bodies = off;

-- In a query's FROM it becomes part of that query.
drop function if exists pollux.usage_read(jsonb);
create or replace function pollux.usage_read(p_usage jsonb) returns table (usage bigint[])
language sql stable rows 1 as $$
    select array[pollux.whole(u.prompt, 9007199254740992), pollux.whole(u.cached, 9007199254740992),
                 pollux.whole(u.candidates, 9007199254740992), pollux.whole(u.thoughts, 9007199254740992),
                 pollux.whole(u.tool, 9007199254740992), pollux.whole(u.total, 9007199254740992)]
    from jsonb_to_record(case when jsonb_typeof(p_usage) = 'object' then p_usage end)
         u(prompt numeric, cached numeric, candidates numeric, thoughts numeric, tool numeric, total numeric)
$$;
comment on function pollux.usage_read(jsonb) is
    'Prompt, cached, output, thoughts, tool, total tokens; nulls where there are none.';

-- p_counted: how many attempts of the request were counted at their reservation, as far as known; null: all.
create or replace function pollux.attempt_log(
    p_ids uuid[], p_verbs text[], p_counted integer[], p_attempts jsonb[]
) returns pollux.effect[]
language plpgsql volatile
set enable_hashjoin = on
as $$
declare
    v_effects pollux.effect[];
begin
    with given as materialized (
        select distinct on (t.id, pollux.whole(a.n, 1000))
               t.id, pollux.whole(a.n, 1000)::integer as n,
               coalesce(a.started_at, pollux.now()) as started_at, a.project_id, a.credential_id, a.model,
               pollux.quota_model(a.model, t.verb) as quota_model,
               coalesce(a.outcome, 'unknown') as outcome, pollux.whole(a.status, 999) as status,
               left(a.error, 1000) as error, nullif(a.penalty, 'null') as penalty,
               pollux.whole(a.duration_ms, 1000000000000) as duration_ms,
               pollux.whole(a.first_byte_ms, 1000000000000) as first_byte_ms,
               coalesce(pollux.whole(a.est_tokens, 1000000000), 0) as est,
               u.usage,
               coalesce(a.n > t.counted, false) as recount
        from unnest(p_ids, p_verbs, p_counted, p_attempts) t(id, verb, counted, attempt),
             jsonb_to_record(t.attempt) a(
                 n numeric, credential_id bigint, project_id bigint, model text, started_at timestamptz,
                 first_byte_ms numeric, duration_ms numeric, status numeric, outcome text, error text,
                 est_tokens numeric, usage jsonb, penalty jsonb),
             pollux.usage_read(a.usage) u
        where a.n >= 1
        order by t.id, pollux.whole(a.n, 1000)
    ), logged as (
        insert into pollux.attempt as l (
            request_id, n, started_at, project_id, credential_id, model, outcome, status, error, penalty,
            duration_ms, first_byte_ms, est_tokens, prompt_tokens, cached_tokens, output_tokens,
            thoughts_tokens, tool_tokens, total_tokens)
        select id, n, started_at, project_id, credential_id, model, outcome, status, error, penalty,
               duration_ms, first_byte_ms, est, usage[1], usage[2], usage[3], usage[4],
               usage[5], usage[6]
        from given
        on conflict (request_id, n, started_at) do update
        set (outcome, status, error, penalty, duration_ms, first_byte_ms, prompt_tokens, cached_tokens,
             output_tokens, thoughts_tokens, tool_tokens, total_tokens) =
            (excluded.outcome, excluded.status, excluded.error, excluded.penalty, excluded.duration_ms,
             excluded.first_byte_ms, excluded.prompt_tokens, excluded.cached_tokens, excluded.output_tokens,
             excluded.thoughts_tokens, excluded.tool_tokens, excluded.total_tokens)
        where l.outcome = 'lost'
        returning request_id, n
    ), new as (
        select g.*, coalesce(m.tpm, q.learned_tpm) is not null as fuelled,
               coalesce(q.failures > 0, false) as ailing
        from logged l
        join given g on g.id = l.request_id and g.n = l.n
        left join pollux.quota q on q.project_id = g.project_id and q.model = g.quota_model
        left join pollux.model m on m.name = g.quota_model
    )
    select array_agg(row(id, n, project_id, credential_id, quota_model, started_at, outcome, est,
                         case when fuelled then coalesce(usage[1], est) else est end, recount, ailing,
                         penalty)::pollux.effect order by started_at)
    into v_effects
    from new
    where recount or ailing or fuelled and usage[1] <> est or coalesce(penalty ->> 'scope', 'none') <> 'none';
    if exists (select from unnest(v_effects) where n > 1 and penalty ->> 'rest' = 'backoff') then
        v_effects := pollux.blame(v_effects);
    end if;
    return v_effects;
end
$$;
comment on function pollux.attempt_log(uuid[], text[], integer[], jsonb[]) is
    'Logs attempts, each once, and answers the effects of those that were new and have any on quota rows or '
    'credentials.';

create or replace function pollux.settle_read(p_settlements jsonb) returns setof pollux.settlement
language sql stable as $$
    select distinct on (x.id)
        x.id, x.started_at, x.worker, x.client_id, x.stream, pollux.whole(x.status, 999)::integer,
        coalesce(left(x.outcome, 40), 'unknown'), left(x.dialect, 40), left(x.verb, 100), left(x.model, 300),
        left(x.asked_model, 300), left(x.error, 2000), left(x.remote, 100), left(x.user_agent, 500),
        pollux.whole(x.bytes_in, 1000000000000000), pollux.whole(x.bytes_out, 1000000000000000),
        pollux.whole(x.duration_ms, 1000000000000), pollux.whole(x.first_byte_ms, 1000000000000),
        pollux.whole(x.waited_ms, 1000000000000), u.usage,
        case when jsonb_typeof(x.attempts) = 'array' then x.attempts else '[]' end
    from jsonb_to_recordset(p_settlements) x(
        id uuid, started_at timestamptz, worker uuid, client_id bigint, stream boolean, status numeric,
        outcome text, dialect text, verb text, model text, asked_model text, error text, remote text,
        user_agent text, bytes_in numeric, bytes_out numeric, duration_ms numeric, first_byte_ms numeric,
        waited_ms numeric, usage jsonb, attempts jsonb),
        pollux.usage_read(x.usage) u
    order by x.id
$$;
comment on function pollux.settle_read(jsonb) is
    'Settlements as rows, each id once, with numbers and texts cut to size.';

-- A request that was swept as lost and then went on (its worker had only been asleep) has been opened a second time:
-- the row to replace is that of its first permit.
create or replace function pollux.settle_log(
    p_worker uuid, p_settlements jsonb,
    out ids uuid[], out verbs text[], out counted integer[], out attempts jsonb[],
    out clients bigint[], out moments timestamptz[], out more bigint[], out anew boolean[]
)
language plpgsql volatile
set enable_hashjoin = on
as $$
declare
    v_now timestamptz := pollux.now();
begin
    with s as materialized (
        select * from pollux.settle_read(p_settlements)
    ), closed as (
        delete from pollux.open_request where id = any (array(select s.id from s))
        returning id, started_at, attempt, est_tokens
    ), fate as materialized (
        select s.*, coalesce(k.started_at, s.started_at, c.started_at, v_now) as began,
               coalesce(c.started_at, k.started_at, s.started_at) is not null as admitted,
               case when k.outcome is null then coalesce(c.attempt, 0) end as counted,
               coalesce(k.outcome, 'lost') = 'lost' as fresh,
               coalesce(c.est_tokens, pollux.whole((s.attempts -> 0 ->> 'est_tokens')::numeric, 1000000000),
                        0) as est
        from s
        left join closed c on c.id = s.id
        left join lateral (select r.started_at, r.outcome from pollux.request r
                           where c.id is null and r.id = s.id
                             and r.started_at >= least(s.started_at, v_now) - interval '2 days'
                             and r.started_at <= v_now + interval '1 day'
                           limit 1) k on true
    ), logged as (
        insert into pollux.request as l (
            id, started_at, ended_at, worker, client_id, project_id, credential_id,
            prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens,
            bytes_in, bytes_out, duration_ms, first_byte_ms, waited_ms, status, attempts, stream, outcome,
            dialect, verb, model, asked_model, error, remote, user_agent)
        select f.id, began, v_now, coalesce(worker, p_worker), client_id,
               (f.attempts -> -1 ->> 'project_id')::bigint, (f.attempts -> -1 ->> 'credential_id')::bigint,
               usage[1], usage[2], usage[3], usage[4], usage[5], usage[6],
               bytes_in, bytes_out, duration_ms, first_byte_ms, waited_ms, status,
               jsonb_array_length(f.attempts), stream, outcome,
               dialect, verb, model, asked_model, error, remote, user_agent
        from fate f where fresh order by f.id
        on conflict (id, started_at) do update
        set (ended_at, worker, client_id, project_id, credential_id,
             prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens,
             bytes_in, bytes_out, duration_ms, first_byte_ms, waited_ms, status, attempts, stream, outcome,
             dialect, verb, model, asked_model, error, remote, user_agent) =
            (excluded.ended_at, excluded.worker, excluded.client_id, excluded.project_id,
             excluded.credential_id, excluded.prompt_tokens, excluded.cached_tokens, excluded.output_tokens,
             excluded.thoughts_tokens, excluded.tool_tokens, excluded.total_tokens,
             excluded.bytes_in, excluded.bytes_out, excluded.duration_ms, excluded.first_byte_ms,
             excluded.waited_ms, excluded.status, excluded.attempts, excluded.stream, excluded.outcome,
             excluded.dialect, excluded.verb, excluded.model, excluded.asked_model, excluded.error,
             excluded.remote, excluded.user_agent)
        where l.outcome = 'lost'
    ), a as (
        select array_agg(f.id) as ids, array_agg(f.verb) as verbs, array_agg(f.counted) as counted,
               array_agg(j) as attempts
        from fate f, jsonb_array_elements(f.attempts) j
        where f.fresh and jsonb_typeof(j) = 'object'
    ), c as (
        select array_agg(f.client_id) as clients, array_agg(f.began) as moments,
               array_agg(coalesce(f.usage[6], 0) - case when f.counted = 0 then 0 else f.est end) as more,
               array_agg(coalesce(f.counted = 0, false)) as anew
        from fate f join pollux.client l on l.id = f.client_id
        where f.fresh and f.admitted and coalesce(l.rpm, l.tpm, l.daily_tokens) is not null
    )
    select a.*, c.* into ids, verbs, counted, attempts, clients, moments, more, anew from a, c;
end
$$;
comment on function pollux.settle_log(uuid, jsonb) is
    'Closes open requests and logs them, each once; a row that says lost is replaced. Answers the attempts '
    'to log, each with how many of its request were counted at reservation, and what clients with limits '
    'used more than was reserved.';

create or replace function pollux.settle_clients(
    p_clients bigint[], p_moments timestamptz[], p_more bigint[], p_anew boolean[]
) returns void
language plpgsql volatile as $$
declare
    c record;
begin
    for c in select client, array_agg(pollux.second_of(at) order by at) as seconds,
                    array_agg(more order by at) as more, array_agg(pollux.pacific_date(at) order by at) as days
             from unnest(p_clients, p_moments, p_more, p_anew) x(client, at, more, anew)
             where not anew group by client order by client loop
        perform pollux.client_correct(c.client, c.seconds, c.more, c.days);
    end loop;
    for c in select client, at, more
             from unnest(p_clients, p_moments, p_more, p_anew) x(client, at, more, anew)
             where anew order by client loop
        perform pollux.client_count(c.client, 1, c.more, c.at);
    end loop;
end
$$;
comment on function pollux.settle_clients(bigint[], timestamptz[], bigint[], boolean[]) is
    'Corrects what clients with limits were charged, and charges requests whose reservation was forgotten.';

create or replace function pollux.settle_batch(p_worker uuid, p_settlements jsonb) returns void
language plpgsql volatile as $$
declare
    v_policy pollux.policy;
    v_effects pollux.effect[];
    v_models text[];
    l record;
begin
    l := pollux.settle_log(p_worker, p_settlements);
    v_effects := pollux.attempt_log(l.ids, l.verbs, l.counted, l.attempts);
    if v_effects is not null then
        perform pollux.credential_die(v_effects);
        perform pollux.health_settle(v_effects);
    end if;
    if l.clients is not null then
        perform pollux.settle_clients(l.clients, l.moments, l.more, l.anew);
    end if;
    if v_effects is not null then
        v_policy := pollux.policy();
        perform pollux.quota_apply(v_effects, pollux.moment(v_policy), v_policy);
    end if;
    select array_agg(s.model) into v_models
    from (select distinct pollux.quota_model(a ->> 'model', verb) as model
          from unnest(l.attempts, l.verbs) x(a, verb) where a ->> 'outcome' = 'ok' offset 0) o
    join pollux.model_state s on s.model = o.model and not s.confirmed;
    if v_models is not null then
        perform pollux.model_confirm(v_models);
    end if;
    if exists (select from pollux.waiter) then
        delete from pollux.waiter
        where id in (select (x ->> 'id')::uuid from jsonb_array_elements(p_settlements) x);
    end if;
end
$$;
comment on function pollux.settle_batch(uuid, jsonb) is 'Settles a batch.';
