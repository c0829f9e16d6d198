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
    v_rows := pollux.usage_add(array(select u from pollux.usage_sums(v_from, v_to) u));
    update pollux.chore set done_to = v_to where name = 'usage';
    return v_rows;
end
$$;
comment on function pollux.usage_roll() is
    'Sums up what ended since the last time, but for the last minutes. Answers how many groups that concerned.';

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

create or replace function admin.usage(p_from timestamptz, p_to timestamptz, p_by text[]) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_by text[] := coalesce(p_by, array['client', 'credential', 'model']);
    v_drop text[] := array(select g from unnest(array['client', 'credential', 'model', 'day', 'hour']) g
                           where g <> all (v_by))
                     || case when 'credential' <> all (v_by) then array['credential_id'] end;
begin
    if not v_by <@ array['client', 'credential', 'model', 'day', 'hour'] then
        raise exception 'usage is grouped by client, credential, model, day or hour'
            using errcode = 'invalid_parameter_value';
    end if;
    return (
        select coalesce(jsonb_agg(to_jsonb(u) - v_drop
                                  order by u.day, u.hour, u.client, u.credential_id, u.model), '[]')
        from (
            select g.day, g.hour, g.client, g.credential, g.credential_id, g.model,
                   sum(g.requests) as requests, sum(g.errors) as errors,
                   sum(g.prompt_tokens) as prompt_tokens, sum(g.cached_tokens) as cached_tokens,
                   sum(g.output_tokens) as output_tokens,
                   sum(g.thoughts_tokens) as thoughts_tokens, sum(g.tool_tokens) as tool_tokens,
                   sum(g.total_tokens) as total_tokens, sum(g.cost) as cost,
                   pollux.percentile(pollux.histogram_sum(g.latency), 0.5) as median_ms,
                   pollux.percentile(pollux.histogram_sum(g.latency), 0.95) as p95_ms
            from (select case when 'client' = any (v_by) then coalesce(client, '-') end as client,
                         case when 'credential' = any (v_by) then coalesce(credential, '-') end as credential,
                         case when 'credential' = any (v_by) then credential_id end as credential_id,
                         case when 'model' = any (v_by) then coalesce(nullif(model, ''), '-') end as model,
                         case when 'day' = any (v_by) then pollux.pacific_date(hour) end as day,
                         case when 'hour' = any (v_by) then hour end as hour,
                         requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens,
                         tool_tokens, total_tokens, cost, latency
                  from report.usage_hourly
                  where (p_from is null or hour >= date_trunc('hour', p_from))
                    and (p_to is null or hour < p_to)) g
            group by g.day, g.hour, g.client, g.credential, g.credential_id, g.model) u);
end
$$;
comment on function admin.usage(timestamptz, timestamptz, text[]) is
    'Array of {client, credential and credential_id, model, day, hour (those of p_by), requests, errors, '
    'prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens, cost (null: no price '
    'known), median_ms, p95_ms (of requests that reached the upstream)}, of whole '
    'hours from the one of p_from on to p_to. Days are those of America/Los_Angeles; null for p_by means '
    'client, credential, model.';
