-- SPDX-License-Identifier: MIT
-- Meter: counters for /metrics that only grow, whoever asks, whichever worker answers, whatever is dropped.
--
-- What ended before pollux.metered() is in the meter_ tables, the rest comes from the log; a reader sees both in
-- one snapshot, so nothing is missing and nothing counted twice. A request belongs to the moment of its settlement,
-- which is read before that commits: a minute is twice what a statement of the workers may take. Rows that say
-- "lost" may be replaced while they are young, so they are counted when the meter takes them and not before.
--
-- Series are bounded: models get their own in the order of their first good answers as long as there is room;
-- names that clients made up never do.
set check_function_bodies = off;

create or replace function pollux.metered() returns timestamptz
language sql stable as $$ select coalesce(max(done_to), '-infinity') from pollux.chore where name = 'meter' $$;
comment on function pollux.metered() is
    'Requests that ended before it are in the meter. Ask for it once, as (select pollux.metered()): in a condition on the log '
    'it would be asked for each row.';

create or replace function pollux.meter_names(p_from timestamptz, p_to timestamptz) returns setof pollux.meter_name
language sql stable as $$
    select model, since from pollux.meter_name
    union all
    (select r.model, min(r.ended_at) from pollux.request r
     where r.ended_at >= p_from and r.ended_at < p_to and r.outcome = 'ok' and r.model <> ''
       and not exists (select from pollux.meter_name n where n.model = r.model)
     group by r.model order by min(r.ended_at), r.model
     limit (select greatest(pollux.setting('metrics_models')::integer - count(*), 0) from pollux.meter_name))
$$;
comment on function pollux.meter_names(timestamptz, timestamptz) is
    'Models with series of their own: those that are known, and those whose first good answer lies '
    'between the two '
    'moments, as far as there is room.';

-- Counted by range first, so that the functions of the histogram run per group and not per request.
create or replace function pollux.meter_models(p_from timestamptz, p_to timestamptz, p_lost boolean)
returns setof pollux.meter_model
language sql stable as $$
    with names as materialized (
        select model, since from pollux.meter_names(p_from, p_to)
    ), counted as (
        select r.model as priced,
               case when n.since <= r.ended_at then r.model when r.model <> '' then 'other' else 'none' end as model,
               coalesce(r.dialect, 'none') as dialect, r.outcome,
               case when r.attempts > 0 then pollux.histogram_range(r.duration_ms) end as latency,
               case when r.attempts > 0 then pollux.histogram_range(r.first_byte_ms) end as first_byte,
               count(*) as requests, sum(r.attempts) as attempts,
               count(*) filter (where r.outcome = 'ok' and r.attempts > 1) as rescued,
               sum(r.prompt_tokens) as prompt, sum(r.cached_tokens) as cached, sum(r.output_tokens) as output,
               sum(r.thoughts_tokens) as thoughts, sum(r.tool_tokens) as tool,
               sum(r.duration_ms) filter (where r.attempts > 0) as duration_ms,
               sum(r.first_byte_ms) filter (where r.attempts > 0) as first_byte_ms
        from pollux.request r left join names n on n.model = r.model
        where r.ended_at >= p_from and r.ended_at < p_to and (p_lost or r.outcome <> 'lost')
        group by 1, 2, 3, 4, 5, 6
    )
    select model, dialect, outcome, sum(requests)::bigint, sum(attempts)::bigint, sum(rescued)::bigint,
           coalesce(sum(prompt), 0)::bigint, coalesce(sum(cached), 0)::bigint, coalesce(sum(output), 0)::bigint,
           coalesce(sum(thoughts), 0)::bigint, coalesce(sum(tool), 0)::bigint,
           coalesce(sum(pollux.cost(priced, prompt::bigint, cached::bigint, output::bigint, thoughts::bigint,
                                    tool::bigint)), 0),
           coalesce(sum(duration_ms), 0)::bigint, coalesce(sum(first_byte_ms), 0)::bigint,
           pollux.histogram(latency, requests), pollux.histogram(first_byte, requests)
    from counted group by 1, 2, 3
$$;
comment on function pollux.meter_models(timestamptz, timestamptz, boolean) is
    'Requests of the log that ended between the two moments, as the meter counts them; lost ones only if '
    'p_lost.';

create or replace function pollux.meter_clients(p_from timestamptz, p_to timestamptz, p_lost boolean)
returns setof pollux.meter_client
language sql stable as $$
    select client_id, sum(requests)::bigint, sum(errors)::bigint, coalesce(sum(tokens), 0)::bigint,
           coalesce(sum(pollux.cost(model, prompt::bigint, cached::bigint, output::bigint, thoughts::bigint,
                                    tool::bigint)), 0)
    from (select coalesce(client_id, 0) as client_id, model, count(*) as requests,
                 count(*) filter (where outcome <> 'ok') as errors, sum(total_tokens) as tokens,
                 sum(prompt_tokens) as prompt, sum(cached_tokens) as cached, sum(output_tokens) as output,
                 sum(thoughts_tokens) as thoughts, sum(tool_tokens) as tool
          from pollux.request
          where ended_at >= p_from and ended_at < p_to and (p_lost or outcome <> 'lost')
          group by 1, 2) counted
    group by client_id
$$;
comment on function pollux.meter_clients(timestamptz, timestamptz, boolean) is 'The same by client.';

-- An attempt has no moment of settlement of its own: it is found by its request.
create or replace function pollux.meter_attempts(p_from timestamptz, p_to timestamptz, p_lost boolean)
returns setof pollux.meter_attempt
language sql stable as $$
    with ended as materialized (
        select id, started_at from pollux.request
        where ended_at >= p_from and ended_at < p_to and attempts > 0 and (p_lost or outcome <> 'lost')
    )
    select a.outcome, count(*) from ended r join pollux.attempt a on a.request_id = r.id
    where a.started_at >= (select min(started_at) from ended)
    group by 1
$$;
comment on function pollux.meter_attempts(timestamptz, timestamptz, boolean) is
    'The same by outcome of each upstream call.';

create or replace function pollux.meter_run() returns integer
language plpgsql volatile as $$
declare
    v_from timestamptz;
    v_to timestamptz := date_trunc('second', pollux.now() - interval '1 minute');
    v_rows integer;
begin
    select coalesce(done_to, '-infinity') into v_from from pollux.chore where name = 'meter' for no key update;
    if v_from is null or v_to <= v_from then
        return 0;
    end if;
    insert into pollux.meter_model as m
    select * from pollux.meter_models(v_from, v_to, true)
    on conflict (model, dialect, outcome) do update
    set requests = m.requests + excluded.requests, attempts = m.attempts + excluded.attempts,
        rescued = m.rescued + excluded.rescued, prompt_tokens = m.prompt_tokens + excluded.prompt_tokens,
        cached_tokens = m.cached_tokens + excluded.cached_tokens,
        output_tokens = m.output_tokens + excluded.output_tokens,
        thoughts_tokens = m.thoughts_tokens + excluded.thoughts_tokens,
        tool_tokens = m.tool_tokens + excluded.tool_tokens, cost = m.cost + excluded.cost,
        duration_ms = m.duration_ms + excluded.duration_ms, first_byte_ms = m.first_byte_ms + excluded.first_byte_ms,
        latency = pollux.histogram_add(m.latency, excluded.latency),
        first_byte = pollux.histogram_add(m.first_byte, excluded.first_byte);
    get diagnostics v_rows = row_count;
    insert into pollux.meter_client as m
    select * from pollux.meter_clients(v_from, v_to, true)
    on conflict (client_id) do update
    set requests = m.requests + excluded.requests, errors = m.errors + excluded.errors,
        tokens = m.tokens + excluded.tokens, cost = m.cost + excluded.cost;
    insert into pollux.meter_attempt as m
    select * from pollux.meter_attempts(v_from, v_to, true)
    on conflict (outcome) do update set attempts = m.attempts + excluded.attempts;
    insert into pollux.meter_name select * from pollux.meter_names(v_from, v_to) on conflict do nothing;
    update pollux.chore set done_to = v_to where name = 'meter';
    return v_rows;
end
$$;
comment on function pollux.meter_run() is
    'Takes what ended since the last time, but for the last minute, into the meter. Answers how many '
    'groups that concerned.';
