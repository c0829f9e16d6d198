-- SPDX-License-Identifier: MIT
-- Usage: requests, tokens, times and cost, summed up by the hour in which requests ended, client, credential and
-- model. What ended before pollux.usage_rolled() is in usage_hour, the rest comes from the log; together they
-- are report.usage_hourly. Each request is in one of the two, however late it is settled: its ended_at is the
-- moment of its settlement. Rows that say "lost" may yet be replaced by a settlement, so they stay out of
-- usage_hour until the log of their day is dropped.
--
-- usage_brief holds the same requests without telling credentials apart: what is not asked by credential is read
-- there, so that a pool of 100,000 answers as fast as one of ten; whole days of it, where nobody asks for hours, in
-- usage_day.
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
comment on function pollux.usage_rolled() is
    'Requests that ended before it are in usage_hour. Ask for it once, as (select pollux.usage_rolled()): in a condition on '
    'the log it would be asked for each row.';

-- Counted by range first, so that the functions of the histogram run per group and not per request.
drop function if exists pollux.usage_sums(timestamptz, timestamptz);
drop function if exists pollux.usage_sums(timestamptz, timestamptz, boolean);
create or replace function pollux.usage_sums(
    p_from timestamptz, p_to timestamptz, p_credentials boolean default true, p_ids bigint[] default null
) returns setof pollux.usage_hour
language sql stable as $$
    with counted as (
        select pollux.hour_of(ended_at) as hour, client_id,
               case when p_credentials then credential_id end as credential_id, model,
               case when attempts > 0 then pollux.histogram_range(duration_ms) end as latency,
               case when attempts > 0 then pollux.histogram_range(first_byte_ms) end as first_byte,
               count(*) as requests, count(*) filter (where outcome <> 'ok') as errors,
               sum(prompt_tokens) as prompt, sum(cached_tokens) as cached, sum(output_tokens) as output,
               sum(thoughts_tokens) as thoughts, sum(tool_tokens) as tool, sum(total_tokens) as total,
               sum(duration_ms) filter (where attempts > 0) as duration_ms,
               sum(first_byte_ms) filter (where attempts > 0) as first_byte_ms
        from pollux.request
        where ended_at >= p_from and ended_at < p_to and outcome <> 'lost'
          and (p_ids is null or coalesce(credential_id, 0) in (select unnest(p_ids)))
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
comment on function pollux.usage_sums(timestamptz, timestamptz, boolean, bigint[]) is
    'Requests that ended between the two moments (the second one excluded), summed up, by credential or (false) not; '
    'those of the credentials p_ids alone, 0 being none (null: all); lost ones are not in it. Times are those of requests '
    'that reached the upstream.';

drop function if exists pollux.usage_lost(timestamptz);
drop function if exists pollux.usage_lost(timestamptz, boolean);
create or replace function pollux.usage_lost(
    p_before timestamptz, p_credentials boolean default true, p_ids bigint[] default null
) returns setof pollux.usage_hour
language sql stable as $$
    select pollux.hour_of(ended_at), client_id, case when p_credentials then credential_id end, model, count(*), count(*),
           0, 0, 0, 0, 0, 0, 0, 0, '{}'::bigint[], '{}'::bigint[], null::numeric
    from pollux.request
    where outcome = 'lost' and started_at < p_before
      and (p_ids is null or coalesce(credential_id, 0) in (select unnest(p_ids)))
    group by 1, 2, 3, 4
$$;
comment on function pollux.usage_lost(timestamptz, boolean, bigint[]) is
    'Requests that began before that moment and got lost, summed up: errors without tokens or times. By credential as in '
    'usage_sums.';

-- (Planned for this very moment: that it is a few minutes of the log and not a third of it makes four times the speed.)
create or replace function pollux.usage_unsummed(
    p_from timestamptz, p_credentials boolean, p_ids bigint[] default null
) returns setof pollux.usage_hour
language plpgsql stable as $$
begin
    return query execute 'select * from pollux.usage_sums($1, ''infinity'', $2, $3)'
        using greatest(p_from, pollux.usage_rolled()), p_credentials, p_ids;
end
$$;
comment on function pollux.usage_unsummed(timestamptz, boolean, bigint[]) is
    'Requests that ended at that moment or later and are not in usage_hour yet, summed up as in usage_sums.';

create or replace function pollux.usage_rest() returns setof pollux.usage_hour
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from pollux.usage_unsummed('-infinity', true)
    union all
    select * from pollux.usage_lost('infinity')
$$;
comment on function pollux.usage_rest() is 'What is in the log and not in usage_hour yet, summed up.';

create or replace function pollux.usage_rest_brief() returns setof pollux.usage_hour
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from pollux.usage_unsummed('-infinity', false)
    union all
    select * from pollux.usage_lost('infinity', false)
$$;
comment on function pollux.usage_rest_brief() is 'The same for usage_brief.';

create or replace function pollux.usage_by_day(p_sums pollux.usage_hour[]) returns setof pollux.usage_hour
language sql stable as $$
    select date_trunc('day', u.hour, 'America/Los_Angeles') as day, u.client_id, null::bigint, u.model, sum(u.requests)::bigint,
           sum(u.errors)::bigint, sum(u.prompt_tokens)::bigint, sum(u.cached_tokens)::bigint, sum(u.output_tokens)::bigint,
           sum(u.thoughts_tokens)::bigint, sum(u.tool_tokens)::bigint, sum(u.total_tokens)::bigint, sum(u.duration_ms)::bigint,
           sum(u.first_byte_ms)::bigint, pollux.histogram_sum(u.latency), pollux.histogram_sum(u.first_byte), sum(u.cost)
    from unnest(p_sums) u group by day, u.client_id, u.model
$$;
comment on function pollux.usage_by_day(pollux.usage_hour[]) is 'Sums of hours as those of days of America/Los_Angeles.';

-- The sums go into the table as they come: two days of a large pool are more than fits into an array.
drop function if exists pollux.usage_add(pollux.usage_hour[]);
drop function if exists pollux.usage_add(text, pollux.usage_hour[]);
drop function if exists pollux.usage_add(text, text);
create or replace function pollux.usage_add(p_table text, p_sums text, p_few pollux.usage_hour[] default null) returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
begin
    execute format($sql$
    insert into pollux.%I as u
    select * from %s
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
        cost = coalesce(u.cost + excluded.cost, u.cost, excluded.cost) $sql$, p_table, p_sums) using p_few;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.usage_add(text, text, pollux.usage_hour[]) is
    'Adds sums (p_sums: SQL, a call of usage_sums or usage_lost, or of p_few, as $1) to those that are there (usage_hour, usage_brief or '
    'usage_day), group by group. Answers how many groups.';

create or replace function pollux.usage_add_brief(p_sums pollux.usage_hour[]) returns void
language plpgsql volatile as $$
begin
    perform pollux.usage_add('usage_brief', 'unnest($1)', p_sums);
    perform pollux.usage_add('usage_day', 'pollux.usage_by_day($1)', p_sums);
end
$$;
comment on function pollux.usage_add_brief(pollux.usage_hour[]) is 'Adds sums that do not tell credentials apart, by hour and by day.';

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
    v_rows := pollux.usage_add('usage_hour', format('pollux.usage_sums(%L, %L)', v_from, v_to));
    perform pollux.usage_add_brief(array(select u from pollux.usage_sums(v_from, v_to, false) u));
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
    perform pollux.usage_add('usage_hour', format('pollux.usage_lost(%L)', p_before));
    perform pollux.usage_add_brief(array(select u from pollux.usage_lost(p_before, false) u));
    delete from pollux.request_default where started_at < p_before and outcome = 'lost';
end
$$;
comment on function pollux.usage_fold(timestamptz) is
    'Takes what got lost of the requests that began before that moment into usage_hour: nothing can replace them '
    'any more, since their log is dropped in the same transaction.';

create or replace function pollux.usage_days(p_from timestamptz, p_to timestamptz, out begins_at timestamptz, out ends_at timestamptz)
language sql stable as $$
    select least(x.first, p_to), greatest(least(x.first, p_to), d.last)
    from (select date_trunc('day', p_from, 'America/Los_Angeles') as first, date_trunc('day', p_to, 'America/Los_Angeles') as last) d,
         lateral (select case when d.first = p_from then p_from
                              else date_trunc('day', d.first + interval '36 hours', 'America/Los_Angeles') end as first) x
$$;
comment on function pollux.usage_days(timestamptz, timestamptz) is
    'The whole days of America/Los_Angeles that lie between the two moments: from begins_at on to ends_at; both are p_to '
    'where there is none, and no midnight between.';

-- What was used, by whom: the one place that knows where to look. (A plain function, so that the planner sees through
-- it: only those tables are read that are needed.)
drop function if exists pollux.usage_from(timestamptz, timestamptz, boolean, bigint[]);
create or replace function pollux.usage_from(
    p_from timestamptz, p_to timestamptz, p_credentials boolean, p_hours boolean, p_ids bigint[] default null
) returns setof pollux.usage_hour
language sql stable as $$
    select * from pollux.usage_hour u
    where p_credentials and p_ids is null and u.hour >= p_from and u.hour < p_to
    union all
    select u.* from unnest(p_ids) i(id) join pollux.usage_hour u on u.credential_id = i.id
    where p_credentials and u.hour >= p_from and u.hour < p_to
    union all
    select * from pollux.usage_hour u
    where p_credentials and 0 = any (p_ids) and u.credential_id is null and u.hour >= p_from and u.hour < p_to
    union all
    select * from pollux.usage_brief u where not p_credentials and p_hours and u.hour >= p_from and u.hour < p_to
    union all
    select u.* from pollux.usage_days(p_from, p_to) d join pollux.usage_day u on u.hour >= d.begins_at and u.hour < d.ends_at
    where not p_credentials and not p_hours
    union all
    select u.* from pollux.usage_days(p_from, p_to) d join pollux.usage_brief u on u.hour >= p_from and u.hour < d.begins_at
    where not p_credentials and not p_hours
    union all
    select u.* from pollux.usage_days(p_from, p_to) d join pollux.usage_brief u on u.hour >= d.ends_at and u.hour < p_to
    where not p_credentials and not p_hours
    union all
    select * from pollux.usage_unsummed(p_from, p_credentials, p_ids) u
    where u.hour >= p_from and u.hour < p_to
    union all
    select * from pollux.usage_lost('infinity', p_credentials, p_ids) u where u.hour >= p_from and u.hour < p_to
$$;
comment on function pollux.usage_from(timestamptz, timestamptz, boolean, boolean, bigint[]) is
    'Use in the hours from p_from on to p_to, some rows of a group perhaps: by credential (of those with these ids alone, 0 '
    'being none; null: all), or, if not p_credentials, without telling them apart; then, if not p_hours, whole days of '
    'America/Los_Angeles as one, by their first hour.';

-- The ranges are summed up one by one, which is ten times as fast as adding arrays.
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
    from pollux.usage_from(p_from, 'infinity', false, false) u
    group by 1
$$;
comment on function pollux.usage_models(timestamptz) is
    'Use by model in the hours that begin at that moment or later; histograms as in functions/histogram.sql, with nulls '
    'where nothing was.';

-- Times are worked out for the rows that are answered and not for all: a day of 100,000 credentials has a million
-- groups. The key stands for a group, so that the second look is a join by a number.
drop function if exists pollux.usage_groups(timestamptz, timestamptz, text[], integer, integer);
create or replace function pollux.usage_groups(
    p_from timestamptz, p_to timestamptz, p_by text[], p_limit integer, p_offset bigint, p_ids bigint[] default null
)
returns table (day date, hour timestamptz, client text, credential text, credential_id bigint, model text,
               requests numeric, errors numeric, prompt_tokens numeric, cached_tokens numeric, output_tokens numeric,
               thoughts_tokens numeric, tool_tokens numeric, total_tokens numeric, cost numeric, median_ms bigint,
               p95_ms bigint)
language sql stable as $$
    with used as materialized (
        select k.*, hash_record_extended(k, 0) as key, u.requests, u.errors, u.prompt_tokens, u.cached_tokens,
               u.output_tokens, u.thoughts_tokens, u.tool_tokens, u.total_tokens, u.cost, u.latency
        from pollux.usage_from(coalesce(pollux.hour_of(p_from), '-infinity'), coalesce(p_to, 'infinity'),
                               'credential' = any (p_by), 'hour' = any (p_by), p_ids) u
        left join pollux.client c on c.id = u.client_id,
             lateral (select case when 'day' = any (p_by) then pollux.pacific_date(u.hour) end as day,
                             case when 'hour' = any (p_by) then u.hour end as hour,
                             case when 'client' = any (p_by) then coalesce(c.name, '-') end as client,
                             case when 'credential' = any (p_by) then u.credential_id end as credential_id,
                             case when 'model' = any (p_by) then coalesce(nullif(u.model, ''), '-') end as model) k
    ), page as materialized (
        select day, hour, client, credential_id, model, key, sum(requests) as requests,
               sum(errors) as errors, sum(prompt_tokens) as prompt_tokens, sum(cached_tokens) as cached_tokens,
               sum(output_tokens) as output_tokens, sum(thoughts_tokens) as thoughts_tokens,
               sum(tool_tokens) as tool_tokens, sum(total_tokens) as total_tokens, sum(cost) as cost
        from used group by day, hour, client, credential_id, model, key
        order by credential_id nulls first, day, hour, client, model limit p_limit offset p_offset
    ), times as (
        select key, array[sum(latency[1]), sum(latency[2]), sum(latency[3]), sum(latency[4]),
               sum(latency[5]), sum(latency[6]), sum(latency[7]), sum(latency[8]), sum(latency[9]),
               sum(latency[10]), sum(latency[11]), sum(latency[12]), sum(latency[13]),
               sum(latency[14]), sum(latency[15]), sum(latency[16]), sum(latency[17]),
               sum(latency[18]), sum(latency[19]), sum(latency[20]), sum(latency[21])]::bigint[] as latency
        from used where key in (select key from page) group by key
    )
    select p.day, p.hour, p.client,
           case when 'credential' = any (p_by) then coalesce((
               select coalesce(k.label, r.name) from pollux.credential k join pollux.project r on r.id = k.project_id
               where k.id = p.credential_id), '-') end,
           p.credential_id, p.model,
           p.requests, p.errors, p.prompt_tokens, p.cached_tokens, p.output_tokens, p.thoughts_tokens, p.tool_tokens,
           p.total_tokens, p.cost, pollux.percentile(t.latency, 0.5), pollux.percentile(t.latency, 0.95)
    from page p join times t using (key)
    order by p.credential_id nulls first, p.day, p.hour, p.client, p.model
$$;
comment on function pollux.usage_groups(timestamptz, timestamptz, text[], integer, bigint, bigint[]) is
    'Usage of whole hours from that of p_from on to p_to, by client, credential, model, day and hour, whichever p_by names '
    '(null elsewhere), of the credentials p_ids alone (see usage_from); p_limit rows (null: all) after p_offset, in an '
    'order that stays: that of credentials first.';

-- What is in the log alone: its credentials are found there.
create or replace function pollux.usage_credentials_rest(p_from timestamptz, p_to timestamptz) returns bigint[]
language sql stable as $$
    select coalesce(array_agg(id), '{}') from (
        select coalesce(credential_id, 0) as id from pollux.request
        where ended_at >= (select greatest(p_from, pollux.usage_rolled())) and pollux.hour_of(ended_at) < p_to
        union
        select coalesce(credential_id, 0) from pollux.request
        where outcome = 'lost' and ended_at >= p_from and pollux.hour_of(ended_at) < p_to) x
$$;
comment on function pollux.usage_credentials_rest(timestamptz, timestamptz) is
    'The credentials (0: none) of these hours that are in the log and not in usage_hour yet.';

-- Few rows in these hours name their credentials. Where there are many the credentials are asked one after the other, for
-- a twentieth of a second. (A subquery with a limit is asked for each credential; an "exists" may be answered by reading
-- all there is.)
drop function if exists pollux.usage_credentials(timestamptz, timestamptz, bigint, integer);
create or replace function pollux.usage_credentials(
    p_from timestamptz, p_to timestamptz, p_first bigint, p_limit integer, out ids bigint[], out next bigint
)
language plpgsql stable as $$
declare
    v_began timestamptz := clock_timestamp();
    v_rest bigint[] := pollux.usage_credentials_rest(p_from, p_to);
    v_used bigint[] := array(select coalesce(credential_id, 0) from pollux.usage_hour
                             where hour >= p_from and hour < p_to order by hour limit 10001);
    v_chunk bigint := p_limit;
    v_more record;
begin
    if cardinality(v_used) <= 10000 then
        ids := array(select id from (select unnest(v_used) union select unnest(v_rest)) x(id)
                     where id >= p_first order by id limit p_limit);
        return;
    end if;
    ids := case when p_first <= 0 and (0 = any (v_rest) or exists (
        select from pollux.usage_hour where credential_id is null and hour >= p_from and hour < p_to)) then '{0}' else '{}' end;
    next := greatest(p_first, 1);
    loop
        select coalesce(array_agg(id order by id) filter (where used), '{}') as ids, count(*) as looked, max(id) as last into v_more
        from (select c.id, coalesce((select true from pollux.usage_hour where credential_id = c.id and hour >= p_from and hour < p_to
                                     limit 1), r.id is not null) as used
              from (select id from pollux.credential where id >= usage_credentials.next order by id limit v_chunk) c
              left join (select distinct unnest(v_rest) as id) r using (id)) x;
        ids := ids || v_more.ids;
        next := case when v_more.looked = v_chunk then v_more.last + 1 end;
        exit when next is null or cardinality(ids) >= p_limit or clock_timestamp() > v_began + interval '50 milliseconds';
        v_chunk := least(2 * v_chunk, 5000);
    end loop;
    if cardinality(ids) > p_limit then
        next := ids[p_limit + 1];
        ids := ids[1:p_limit];
    end if;
end
$$;
comment on function pollux.usage_credentials(timestamptz, timestamptz, bigint, integer) is
    'Some credentials (ids), from that one on, that were used in these hours; 0 stands for requests without one. next: where '
    'to go on, null at the end.';

-- So that a page is made of some thousand rows: of credentials that have more of them fewer are told at a time.
create or replace function pollux.usage_credentials_page(
    p_from timestamptz, p_to timestamptz, p_first bigint, p_limit integer, out ids bigint[], out next bigint
)
language plpgsql stable as $$
declare
    v_found record := pollux.usage_credentials(p_from, p_to, p_first, p_limit);
    v_left bigint := 10000;
    v_rows bigint;
begin
    next := v_found.next;
    for i in 1..cardinality(v_found.ids) loop
        select count(*) into v_rows from (
            select from pollux.usage_hour where credential_id = v_found.ids[i] and hour >= p_from and hour < p_to
            union all
            select from pollux.usage_hour where v_found.ids[i] = 0 and credential_id is null and hour >= p_from and hour < p_to
            limit v_left + 1) x;
        v_left := v_left - v_rows;
        if v_left < 0 and i > 1 then
            ids := v_found.ids[1:i - 1];
            next := v_found.ids[i];
            return;
        end if;
        v_left := greatest(v_left, 0);
    end loop;
    ids := v_found.ids;
end
$$;
comment on function pollux.usage_credentials_page(timestamptz, timestamptz, bigint, integer) is
    'As usage_credentials, but not more of them than have ten thousand sums together, and one at least.';

drop function if exists pollux.usage_json(timestamptz, timestamptz, text[], integer, integer);
create or replace function pollux.usage_json(
    p_from timestamptz, p_to timestamptz, p_by text[], p_limit integer, p_offset bigint, p_ids bigint[] default null
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
                  from pollux.usage_groups(p_from, p_to, p_by, p_limit, p_offset, p_ids) g) x(n, u));
end
$$;
comment on function pollux.usage_json(timestamptz, timestamptz, text[], integer, bigint, bigint[]) is
    'The same as an array of objects, with those members alone that p_by names.';

create or replace function pollux.usage_hours_end(p_from timestamptz, p_to timestamptz) returns timestamptz
language sql stable as $$
    select coalesce((select greatest(hour, (select min(hour) + interval '1 hour' from pollux.usage_brief where hour >= p_from))
                     from pollux.usage_brief where hour >= p_from and hour < p_to order by hour offset 5000 limit 1), p_to)
$$;
comment on function pollux.usage_hours_end(timestamptz, timestamptz) is
    'Where the hours end that have some five thousand sums from that moment on, one hour at least; p_to: there are fewer.';

-- A page by credential or by hour is made of the rows of the next few credentials or hours alone, so it costs the same
-- wherever it is and however many there are. Its cursor: the credential or hour it goes on with, and how many rows of
-- that one were told.
create or replace function pollux.usage_page(
    p_from timestamptz, p_to timestamptz, p_by text[], p_limit integer, p_after bigint
) returns jsonb
language plpgsql stable as $$
declare
    v_each constant bigint := 1000000;
    v_first bigint := p_after / v_each;
    v_skip bigint := p_after % v_each;
    v_from timestamptz := p_from;
    v_to timestamptz := p_to;
    v_which record;
    v_next bigint;
    v_items jsonb;
    v_last bigint;
begin
    if 'credential' = any (p_by) then
        v_which := pollux.usage_credentials_page(pollux.hour_of(p_from), p_to, v_first, p_limit + 2);
        v_next := v_which.next;
        v_items := pollux.usage_json(v_from, v_to, p_by, p_limit + 1, case when v_which.ids[1] = v_first then v_skip else 0 end, v_which.ids);
    elsif 'hour' = any (p_by) then
        v_from := greatest(pollux.hour_of(p_from), to_timestamp(v_first * 3600));
        v_to := pollux.usage_hours_end(v_from, p_to);
        v_next := case when v_to < p_to then extract(epoch from v_to) / 3600 end;
        v_items := pollux.usage_json(v_from, v_to, p_by, p_limit + 1, v_skip);
    else
        v_items := pollux.usage_json(v_from, v_to, p_by, p_limit + 1, p_after);
    end if;
    if jsonb_array_length(v_items) <= p_limit then
        return jsonb_build_object('items', v_items, 'next', v_next * v_each);
    end if;
    v_items := v_items - p_limit;
    if not p_by && array['credential', 'hour'] then
        return jsonb_build_object('items', v_items, 'next', p_after + p_limit);
    end if;
    v_last := pollux.usage_place(v_items -> -1, p_by);
    return jsonb_build_object('items', v_items, 'next', v_last * v_each + case when v_last = v_first then v_skip else 0 end + (
        select count(*) from jsonb_array_elements(v_items) i where pollux.usage_place(i, p_by) = v_last));
end
$$;
comment on function pollux.usage_page(timestamptz, timestamptz, text[], integer, bigint) is
    'A page of usage_json: {items, next}; p_after: the next of the page before, 0 for the first. By credential or hour a page '
    'may be short and yet have a next (see usage_credentials, usage_hours_end).';

create or replace function pollux.usage_place(p_item jsonb, p_by text[]) returns bigint
language sql stable as $$
    select case when 'credential' = any (p_by) then coalesce((p_item ->> 'credential_id')::bigint, 0)
                else extract(epoch from (p_item ->> 'hour')::timestamptz) / 3600 end
$$;
comment on function pollux.usage_place(jsonb, text[]) is
    'Which credential (0: none) or, where these are not told apart, which hour since 1970 a row of a page is about.';

drop function if exists admin.usage(timestamptz, timestamptz, text[]);
create or replace function admin.usage(
    p_from timestamptz, p_to timestamptz, p_by text[], p_limit integer default null, p_after bigint default 0
) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select case when p_limit is null then pollux.usage_json(p_from, p_to, w.by, null, 0)
                else pollux.usage_page(coalesce(p_from, '-infinity'), coalesce(p_to, 'infinity'), w.by, p_limit, p_after) end
    from (select coalesce(p_by, array['client', 'credential', 'model']) as by) w
$$;
comment on function admin.usage(timestamptz, timestamptz, text[], integer, bigint) is
    'Array of {client, credential and credential_id, model, day, hour (those of p_by), requests, errors, '
    'prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens, cost (null: no price '
    'known), median_ms, p95_ms (of requests that reached the upstream)}, of whole '
    'hours from the one of p_from on to p_to. Days are those of America/Los_Angeles; null for p_by means '
    'client, credential, model. With p_limit one page of that: {items, next}, p_after being the next of the page before.';
