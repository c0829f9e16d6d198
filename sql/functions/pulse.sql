-- SPDX-License-Identifier: MIT
-- Pulse: the log by the minute. A minute is summed up once, some seconds after it is over; the console adds the
-- running one from the log.
set check_function_bodies = off;

create or replace function pollux.pulse_sums(p_from timestamptz, p_to timestamptz) returns setof pollux.pulse
language sql stable as $$
    with counted as (
        select date_trunc('minute', ended_at) as minute, model,
               case when attempts > 0 then pollux.histogram_range(duration_ms) end as latency,
               case when attempts > 0 then pollux.histogram_range(first_byte_ms) end as first_byte,
               count(*) as requests,
               count(*) filter (where outcome in ('exhausted', 'upstream_error', 'truncated', 'unavailable', 'lost'))
                   as failed,
               count(*) filter (where outcome = 'ok' and attempts > 1) as saved,
               coalesce(sum(prompt_tokens), 0)::bigint as prompt, coalesce(sum(cached_tokens), 0)::bigint as cached,
               coalesce(sum(output_tokens), 0)::bigint as output,
               coalesce(sum(thoughts_tokens), 0)::bigint as thoughts, coalesce(sum(tool_tokens), 0)::bigint as tool
        from pollux.request
        where ended_at >= p_from and ended_at < p_to and started_at >= p_from - interval '2 days'
        group by 1, 2, 3, 4
    ), priced as (
        select minute, sum(pollux.cost(model, prompt, cached, output, thoughts, tool)) as cost
        from (select minute, model, sum(prompt)::bigint as prompt, sum(cached)::bigint as cached,
                     sum(output)::bigint as output, sum(thoughts)::bigint as thoughts, sum(tool)::bigint as tool
              from counted group by 1, 2) m
        group by 1
    )
    select c.minute, sum(c.requests)::bigint, sum(c.failed)::bigint, sum(c.saved)::bigint,
           sum(c.prompt + c.tool)::bigint, sum(c.output + c.thoughts)::bigint, max(p.cost),
           pollux.histogram(c.latency, c.requests), pollux.histogram(c.first_byte, c.requests)
    from counted c join priced p using (minute) group by 1
$$;
comment on function pollux.pulse_sums(timestamptz, timestamptz) is
    'The requests that ended between the two moments, by minute. Minutes without any are not among them.';

create or replace function pollux.pulse_roll(p_most interval) returns integer
language plpgsql volatile as $$
declare
    v_to timestamptz := date_trunc('minute', pollux.now() - interval '5 seconds');
    v_from timestamptz;
    v_rows integer;
begin
    if not pg_try_advisory_xact_lock(hashtext('pollux pulse')) then
        return 0;
    end if;
    select coalesce(max(minute) + interval '1 minute', v_to - interval '1 day') into v_from from pollux.pulse;
    v_from := greatest(v_from, v_to - interval '15 days');
    v_to := least(v_to, v_from + p_most);
    insert into pollux.pulse
    select m, coalesce(s.requests, 0), coalesce(s.failed, 0), coalesce(s.saved, 0), coalesce(s.tokens_in, 0),
           coalesce(s.tokens_out, 0), s.cost, coalesce(s.latency, '{}'), coalesce(s.first_byte, '{}')
    from generate_series(v_from, v_to - interval '1 minute', interval '1 minute') m
    left join pollux.pulse_sums(v_from, v_to) s on s.minute = m;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.pulse_roll(interval) is
    'Sums up the minutes that are over, at most so long a time of them. Answers how many.';

create or replace function pollux.pulse_keep() returns integer
language plpgsql volatile as $$
begin
    delete from pollux.pulse where minute < pollux.now() - interval '15 days';
    return pollux.pulse_roll('1 day');
end
$$;
comment on function pollux.pulse_keep() is 'Sums up what is over and deletes what is old. Answers how many minutes are new.';

-- The running minute is counted from the log, unless that would take long.
create or replace function pollux.pulse_live(p_since timestamptz) returns setof pollux.pulse
language plpgsql stable as $$
declare
    v_to timestamptz := coalesce((select max(minute) + interval '1 minute' from pollux.pulse), pollux.now());
begin
    return query select * from pollux.pulse where minute >= p_since;
    if coalesce((select requests from pollux.pulse order by minute desc limit 1), 0) < 20000 then
        return query select * from pollux.pulse_sums(greatest(v_to, pollux.now() - interval '10 minutes'), 'infinity');
    end if;
end
$$;
comment on function pollux.pulse_live(timestamptz) is 'The minutes since then, the running one included.';
