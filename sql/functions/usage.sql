-- SPDX-License-Identifier: MIT
-- Usage: requests and tokens, summed up. Hours that are over are summed into usage_hour; the rest comes
-- from the log.
set check_function_bodies = off;

create or replace function pollux.usage_rolled() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(max(done_to), '-infinity') from pollux.chore where name = 'usage'
$$;
comment on function pollux.usage_rolled() is 'Requests that ended before it are in usage_hour.';

create or replace function pollux.usage_roll(p_hours integer) returns integer
language plpgsql volatile as $$
declare
    v_from timestamptz;
    v_to timestamptz;
    v_rows integer;
begin
    select coalesce(done_to, date_trunc('hour', pollux.now()) - interval '1 day') into v_from
    from pollux.chore where name = 'usage' for update;
    v_to := least(date_trunc('hour', pollux.now() - interval '5 minutes'),
                  v_from + make_interval(hours => p_hours));
    if v_from is null or v_to <= v_from then
        return 0;
    end if;
    insert into pollux.usage_hour
    select date_trunc('hour', ended_at), client_id, credential_id, model, count(*),
           count(*) filter (where outcome <> 'ok'),
           coalesce(sum(prompt_tokens), 0), coalesce(sum(cached_tokens), 0), coalesce(sum(output_tokens), 0),
           coalesce(sum(thoughts_tokens), 0), coalesce(sum(tool_tokens), 0), coalesce(sum(total_tokens), 0)
    from pollux.request
    where ended_at >= v_from and ended_at < v_to and outcome <> 'lost'
    group by 1, 2, 3, 4;
    get diagnostics v_rows = row_count;
    update pollux.chore set done_to = v_to where name = 'usage';
    return v_rows;
end
$$;
comment on function pollux.usage_roll(integer) is
    'Sums up hours that are over, at most so many. Answers how many rows that made.';

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
                   sum(g.total_tokens) as total_tokens
            from (select case when 'client' = any (v_by) then coalesce(client, '-') end as client,
                         case when 'credential' = any (v_by) then coalesce(credential, '-') end as credential,
                         case when 'credential' = any (v_by) then credential_id end as credential_id,
                         case when 'model' = any (v_by) then coalesce(nullif(model, ''), '-') end as model,
                         case when 'day' = any (v_by) then pollux.pacific_date(hour) end as day,
                         case when 'hour' = any (v_by) then hour end as hour,
                         requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens,
                         tool_tokens, total_tokens
                  from report.usage_hourly
                  where (p_from is null or hour >= date_trunc('hour', p_from))
                    and (p_to is null or hour < p_to)) g
            group by g.day, g.hour, g.client, g.credential, g.credential_id, g.model) u);
end
$$;
comment on function admin.usage(timestamptz, timestamptz, text[]) is
    'Array of {client, credential and credential_id, model, day, hour (those of p_by), requests, errors, '
    'prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens}, of whole '
    'hours from the one of p_from on to p_to. Days are those of America/Los_Angeles; null for p_by means '
    'client, credential, model.';
