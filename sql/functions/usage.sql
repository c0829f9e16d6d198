-- SPDX-License-Identifier: MIT
-- Usage: requests, tokens, times and cost, summed up by the hour in which requests ended, client, credential and
-- model. What ended before pollux.usage_rolled() is in usage_hour, the rest comes from the log; together they
-- are report.usage_hourly. Each request is in one of the two, however late it is settled: its ended_at is the
-- moment of its settlement. Rows that say "lost" may yet be replaced by a settlement, so they stay out of
-- usage_hour until the log of their day is dropped.
set check_function_bodies = off;

create or replace function pollux.hour_of(p_at timestamptz) returns timestamptz
language sql immutable as $$ select date_bin('1 hour', p_at, '2000-01-01 00:00+00') $$;
comment on function pollux.hour_of(timestamptz) is
    'The hour (UTC) a moment lies in, whatever the time zone of the session.';

create or replace function pollux.local_date(p_at timestamptz) returns date
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select (p_at at time zone pollux.setting('time_zone'))::date
$$;
comment on function pollux.local_date(timestamptz) is 'The operator''s day at that moment (setting time_zone).';

create or replace function pollux.usage_rolled() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(max(done_to), '-infinity') from pollux.chore where name = 'usage'
$$;
comment on function pollux.usage_rolled() is 'Requests that ended before it are in usage_hour.';

-- Counted by range first, so that the functions of the histogram run per group and not per request.
create or replace function pollux.usage_sums(p_from timestamptz, p_to timestamptz)
returns setof pollux.usage_hour
language sql stable as $$
    with counted as (
        select pollux.hour_of(ended_at) as hour, client_id, credential_id, model,
               case when attempts > 0 then pollux.histogram_range(duration_ms) end as latency,
               case when attempts > 0 then pollux.histogram_range(first_byte_ms) end as first_byte,
               count(*) as requests, count(*) filter (where outcome <> 'ok') as errors,
               sum(prompt_tokens) as prompt, sum(cached_tokens) as cached, sum(output_tokens) as output,
               sum(thoughts_tokens) as thoughts, sum(tool_tokens) as tool, sum(total_tokens) as total,
               sum(duration_ms) filter (where attempts > 0) as duration_ms,
               sum(first_byte_ms) filter (where attempts > 0) as first_byte_ms
        from pollux.request
        where ended_at >= p_from and ended_at < p_to and outcome <> 'lost'
        group by 1, 2, 3, 4, 5, 6
    ), summed as (
        select hour, client_id, credential_id, model, sum(requests)::bigint as requests,
               sum(errors)::bigint as errors, coalesce(sum(prompt), 0)::bigint as prompt,
               coalesce(sum(cached), 0)::bigint as cached, coalesce(sum(output), 0)::bigint as output,
               coalesce(sum(thoughts), 0)::bigint as thoughts, coalesce(sum(tool), 0)::bigint as tool,
               coalesce(sum(total), 0)::bigint as total, coalesce(sum(duration_ms), 0)::bigint as duration_ms,
               coalesce(sum(first_byte_ms), 0)::bigint as first_byte_ms,
               pollux.histogram(latency, requests) as latency,
               pollux.histogram(first_byte, requests) as first_byte
        from counted group by 1, 2, 3, 4
    )
    select hour, client_id, credential_id, model, requests, errors, prompt, cached, output, thoughts, tool, total,
           duration_ms, first_byte_ms, latency, first_byte,
           pollux.cost(model, prompt, cached, output, thoughts, tool)
    from summed
$$;
comment on function pollux.usage_sums(timestamptz, timestamptz) is
    'Requests that ended between the two moments (the second one excluded), summed up; lost ones are not in it. '
    'Times are those of requests that reached the upstream.';

create or replace function pollux.usage_lost(p_before timestamptz)
returns setof pollux.usage_hour
language sql stable as $$
    select pollux.hour_of(ended_at), client_id, credential_id, model, count(*), count(*),
           0, 0, 0, 0, 0, 0, 0, 0, '{}'::bigint[], '{}'::bigint[], null::numeric
    from pollux.request
    where outcome = 'lost' and started_at < p_before
    group by 1, 2, 3, 4
$$;
comment on function pollux.usage_lost(timestamptz) is
    'Requests that began before that moment and got lost, summed up: errors without tokens or times.';

create or replace function pollux.usage_rest() returns setof pollux.usage_hour
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from pollux.usage_sums(pollux.usage_rolled(), 'infinity')
    union all
    select * from pollux.usage_lost('infinity')
$$;
comment on function pollux.usage_rest() is 'What is in the log and not in usage_hour yet, summed up.';

create or replace function pollux.usage_add(p_rows pollux.usage_hour[]) returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
begin
    insert into pollux.usage_hour as u
    select * from unnest(p_rows) r
    on conflict (hour, client_id, credential_id, model) do update
    set requests = u.requests + excluded.requests, errors = u.errors + excluded.errors,
        prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
        cached_tokens = u.cached_tokens + excluded.cached_tokens,
        output_tokens = u.output_tokens + excluded.output_tokens,
        thoughts_tokens = u.thoughts_tokens + excluded.thoughts_tokens,
        tool_tokens = u.tool_tokens + excluded.tool_tokens,
        total_tokens = u.total_tokens + excluded.total_tokens,
        duration_ms = u.duration_ms + excluded.duration_ms,
        first_byte_ms = u.first_byte_ms + excluded.first_byte_ms,
        latency = pollux.histogram_add(u.latency, excluded.latency),
        first_byte = pollux.histogram_add(u.first_byte, excluded.first_byte),
        cost = coalesce(u.cost + excluded.cost, u.cost, excluded.cost);
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.usage_add(pollux.usage_hour[]) is
    'Adds sums to those that are there, group by group. Answers how many groups.';

-- A settlement's ended_at is read before it commits; five minutes are ten times what a statement of the workers
-- may take.
create or replace function pollux.usage_roll() returns integer
language plpgsql volatile as $$
declare
    v_from timestamptz;
    v_to timestamptz := pollux.chore_step('5 minutes', pollux.now() - interval '5 minutes');
    v_rows integer;
begin
    select coalesce(done_to, (select pollux.hour_of(min(ended_at)) from pollux.request), v_to) into v_from
    from pollux.chore where name = 'usage' for no key update;
    if v_to < v_from then
        return 0;
    end if;
    v_to := least(v_to, v_from + interval '2 days');
    v_rows := pollux.usage_add(array(select u from pollux.usage_sums(v_from, v_to) u));
    update pollux.chore set done_to = v_to where name = 'usage';
    return v_rows;
end
$$;
comment on function pollux.usage_roll() is
    'Sums up what ended since the last time, but for the last minutes; two days at the most, so that it ends in time '
    'after a long outage and is continued the next time. Answers how many groups that concerned.';

create or replace function pollux.usage_fold(p_before timestamptz) returns void
language plpgsql volatile as $$
begin
    perform pollux.usage_add(array(select u from pollux.usage_lost(p_before) u));
    delete from pollux.request_default where started_at < p_before and outcome = 'lost';
end
$$;
comment on function pollux.usage_fold(timestamptz) is
    'Takes what got lost of the requests that began before that moment into usage_hour: nothing can replace them '
    'any more, since their log is dropped in the same transaction.';

-- The ranges are summed up one by one, which is ten times as fast as adding arrays: a day of 100,000 credentials has a
-- million rows.
create or replace function pollux.usage_models(p_from timestamptz)
returns table (model text, requests numeric, errors numeric, prompt_tokens numeric, cached_tokens numeric,
               output_tokens numeric, thoughts_tokens numeric, tool_tokens numeric, total_tokens numeric, cost numeric,
               latency bigint[], first_byte bigint[])
language sql stable as $$
    select nullif(u.model, ''), sum(u.requests), sum(u.errors), sum(u.prompt_tokens), sum(u.cached_tokens),
           sum(u.output_tokens), sum(u.thoughts_tokens), sum(u.tool_tokens), sum(u.total_tokens), sum(u.cost),
           array[sum(u.latency[1]), sum(u.latency[2]), sum(u.latency[3]), sum(u.latency[4]),
               sum(u.latency[5]), sum(u.latency[6]), sum(u.latency[7]), sum(u.latency[8]), sum(u.latency[9]),
               sum(u.latency[10]), sum(u.latency[11]), sum(u.latency[12]), sum(u.latency[13]),
               sum(u.latency[14]), sum(u.latency[15]), sum(u.latency[16]), sum(u.latency[17]),
               sum(u.latency[18]), sum(u.latency[19]), sum(u.latency[20]), sum(u.latency[21])]::bigint[],
           array[sum(u.first_byte[1]), sum(u.first_byte[2]), sum(u.first_byte[3]), sum(u.first_byte[4]),
               sum(u.first_byte[5]), sum(u.first_byte[6]), sum(u.first_byte[7]), sum(u.first_byte[8]),
               sum(u.first_byte[9]), sum(u.first_byte[10]), sum(u.first_byte[11]), sum(u.first_byte[12]),
               sum(u.first_byte[13]), sum(u.first_byte[14]), sum(u.first_byte[15]), sum(u.first_byte[16]),
               sum(u.first_byte[17]), sum(u.first_byte[18]), sum(u.first_byte[19]), sum(u.first_byte[20]),
               sum(u.first_byte[21])]::bigint[]
    from (select * from pollux.usage_hour where hour >= p_from
          union all
          select * from pollux.usage_rest() where hour >= p_from) u
    group by 1
$$;
comment on function pollux.usage_models(timestamptz) is
    'Use by model in the hours that begin at that moment or later; histograms as in functions/histogram.sql, with nulls '
    'where nothing was.';

-- Times are worked out for the rows that are answered and not for all: a day of 100,000 credentials has a million
-- groups. The key stands for a group, so that the second look is a join by a number.
create or replace function pollux.usage_groups(
    p_from timestamptz, p_to timestamptz, p_by text[], p_limit integer, p_offset integer
)
returns table (day date, hour timestamptz, client text, credential text, credential_id bigint, model text,
               requests numeric, errors numeric, prompt_tokens numeric, cached_tokens numeric, output_tokens numeric,
               thoughts_tokens numeric, tool_tokens numeric, total_tokens numeric, cost numeric, median_ms bigint,
               p95_ms bigint)
language sql stable as $$
    with used as materialized (
        select k.*, hash_record_extended(k, 0) as key, u.requests, u.errors, u.prompt_tokens, u.cached_tokens,
               u.output_tokens, u.thoughts_tokens, u.tool_tokens, u.total_tokens, u.cost, u.latency
        from report.usage_hourly u,
             lateral (select case when 'day' = any (p_by) then pollux.pacific_date(u.hour) end as day,
                             case when 'hour' = any (p_by) then u.hour end as hour,
                             case when 'client' = any (p_by) then coalesce(u.client, '-') end as client,
                             case when 'credential' = any (p_by) then coalesce(u.credential, '-') end as credential,
                             case when 'credential' = any (p_by) then u.credential_id end as credential_id,
                             case when 'model' = any (p_by) then coalesce(nullif(u.model, ''), '-') end as model) k
        where (p_from is null or u.hour >= pollux.hour_of(p_from)) and (p_to is null or u.hour < p_to)
    ), page as materialized (
        select day, hour, client, credential, credential_id, model, key, sum(requests) as requests,
               sum(errors) as errors, sum(prompt_tokens) as prompt_tokens, sum(cached_tokens) as cached_tokens,
               sum(output_tokens) as output_tokens, sum(thoughts_tokens) as thoughts_tokens,
               sum(tool_tokens) as tool_tokens, sum(total_tokens) as total_tokens, sum(cost) as cost
        from used group by day, hour, client, credential, credential_id, model, key
        order by day, hour, client, credential_id, model, credential limit p_limit offset p_offset
    ), times as (
        select key, array[sum(latency[1]), sum(latency[2]), sum(latency[3]), sum(latency[4]),
               sum(latency[5]), sum(latency[6]), sum(latency[7]), sum(latency[8]), sum(latency[9]),
               sum(latency[10]), sum(latency[11]), sum(latency[12]), sum(latency[13]),
               sum(latency[14]), sum(latency[15]), sum(latency[16]), sum(latency[17]),
               sum(latency[18]), sum(latency[19]), sum(latency[20]), sum(latency[21])]::bigint[] as latency
        from used where key in (select key from page) group by key
    )
    select p.day, p.hour, p.client, p.credential, p.credential_id, p.model, p.requests, p.errors, p.prompt_tokens,
           p.cached_tokens, p.output_tokens, p.thoughts_tokens, p.tool_tokens, p.total_tokens, p.cost,
           pollux.percentile(t.latency, 0.5), pollux.percentile(t.latency, 0.95)
    from page p join times t using (key)
    order by p.day, p.hour, p.client, p.credential_id, p.model, p.credential
$$;
comment on function pollux.usage_groups(timestamptz, timestamptz, text[], integer, integer) is
    'Usage of whole hours from that of p_from on to p_to, by client, credential, model, day and hour, whichever p_by names '
    '(null elsewhere); p_limit rows (null: all) after p_offset, in an order that stays.';

create or replace function pollux.usage_json(
    p_from timestamptz, p_to timestamptz, p_by text[], p_limit integer, p_offset integer
) returns jsonb
language plpgsql stable as $$
declare
    v_drop text[] := array(select g from unnest(array['client', 'credential', 'model', 'day', 'hour']) g
                           where g <> all (p_by))
                     || case when 'credential' <> all (p_by) then array['credential_id'] end;
begin
    if not p_by <@ array['client', 'credential', 'model', 'day', 'hour'] then
        raise exception 'usage is grouped by client, credential, model, day or hour'
            using errcode = 'invalid_parameter_value';
    end if;
    return (select coalesce(jsonb_agg(to_jsonb(u) - v_drop order by n), '[]')
            from (select row_number() over () as n, g
                  from pollux.usage_groups(p_from, p_to, p_by, p_limit, p_offset) g) x(n, u));
end
$$;
comment on function pollux.usage_json(timestamptz, timestamptz, text[], integer, integer) is
    'The same as an array of objects, with those members alone that p_by names.';

create or replace function admin.usage(p_from timestamptz, p_to timestamptz, p_by text[]) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.usage_json(p_from, p_to, coalesce(p_by, array['client', 'credential', 'model']), null, 0)
$$;
comment on function admin.usage(timestamptz, timestamptz, text[]) is
    'Array of {client, credential and credential_id, model, day, hour (those of p_by), requests, errors, '
    'prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens, cost (null: no price '
    'known), median_ms, p95_ms (of requests that reached the upstream)}, of whole '
    'hours from the one of p_from on to p_to. Days are those of America/Los_Angeles; null for p_by means '
    'client, credential, model.';
