-- SPDX-License-Identifier: MIT
-- Console: the overview. Everything on it in one call; what has to look at the whole pool is counted once for all
-- who look (console_cache.sql).
set check_function_bodies = off;

create or replace function pollux.count_resting() returns jsonb
language sql stable set work_mem = '64MB' as $$
    with project as materialized (
        select q.project_id, min(q.ready_at) as until, (array_agg(q.reason order by q.ready_at))[1] as reason
        from pollux.quota q, (select pollux.now() as now) m
        group by q.project_id, m.now having min(q.ready_at) > m.now
    ), counted as (
        select case when c.rest_until is not null then c.dead_reason else r.reason end as reason, count(*) as n,
               min(coalesce(c.rest_until, r.until)) as until
        from pollux.credential c left join project r using (project_id)
        where c.removed_at is null and c.enabled
          and (c.rest_until is not null or c.dead_reason is null and r.project_id is not null)
        group by 1
    )
    select jsonb_build_object(
        'resting', coalesce(sum(n), 0),
        'reasons', coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'count', n,
                                'until', case when until < 'infinity' then until end) order by n desc), '[]'))
    from counted
$$;
comment on function pollux.count_resting() is
    'How many credentials rest, and why: {resting, reasons: [{reason, count, until: when the first of them is back}]}.';

drop function if exists pollux.count_credentials();
create or replace function pollux.credential_count(p_resting jsonb) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'total', n.total, 'disabled', n.disabled, 'broken', n.broken, 'resting', r.resting,
        'ready', n.total - n.disabled - n.broken - r.resting, 'reasons', p_resting -> 'reasons')
    from (select count(*) as total, count(*) filter (where not enabled) as disabled,
                 count(*) filter (where enabled and dead_reason is not null and rest_until is null) as broken
          from pollux.credential where removed_at is null) n,
         lateral (select least((p_resting ->> 'resting')::bigint, n.total - n.disabled - n.broken) as resting) r
$$;
comment on function pollux.credential_count(jsonb) is 'credential_counts, given what count_resting says.';

create or replace function pollux.credential_counts() returns jsonb
language sql volatile as $$ select pollux.credential_count(pollux.console_cached('resting')) $$;
comment on function pollux.credential_counts() is
    'How many credentials there are in each state, and why the resting ones rest: {total, ready, resting, broken, '
    'disabled, reasons: as count_resting()}. In a large pool how many rest was counted up to a minute ago.';

create or replace function pollux.span_of(p_least bigint, p_most bigint) returns jsonb
language sql immutable as $$ select case when p_least is not null then jsonb_build_array(p_least, p_most) end $$;
comment on function pollux.span_of(bigint, bigint) is '[least, most], or null where nothing is known.';

-- What is left of a day: of each project with a live credential its limit less what it used; a project that was
-- never used for the model has all of it, one that may not use it, or rests until the day is over, has nothing.
create or replace function pollux.count_capacity() returns jsonb
language sql stable set work_mem = '64MB' as $$
    with moment as (
        select r.*, pollux.pacific_midnight(r.day + 1) as ends_at from pollux.report_moment() r
    ), live as materialized (
        select distinct project_id from pollux.credential
        where enabled and dead_reason is null and removed_at is null
    ), used as (
        select q.model, count(*) as projects, count(*) filter (where q.ready_at <= m.now) as ready,
               count(*) filter (where q.ready_at = 'infinity') as out,
               min(q.ready_at) filter (where q.ready_at > m.now and q.ready_at < 'infinity') as next_at,
               sum(pollux.quota_today(q.day, q.day_requests, q.late_requests, m.day)) as today,
               sum(l.rpd) filter (where q.ready_at < 'infinity') as known,
               sum(greatest(l.rpd - pollux.quota_today(q.day, q.day_requests, q.late_requests, m.day), 0))
                   filter (where q.ready_at < m.ends_at) as left_today,
               count(*) filter (where l.rpd is not null or q.ready_at >= m.ends_at) as told,
               jsonb_strip_nulls(jsonb_build_object(
                   'rpm', pollux.span_of(min(l.learned_rpm), max(l.learned_rpm)),
                   'tpm', pollux.span_of(min(l.learned_tpm), max(l.learned_tpm)),
                   'rpd', pollux.span_of(min(l.learned_rpd), max(l.learned_rpd)))) as limits,
               bool_or(q.learned_rpd is not null and c.rpd is null) as learned
        from pollux.quota q
        join live using (project_id)
        cross join moment m
        left join pollux.model c on c.name = q.model
        cross join lateral (
            select pollux.quota_limit(c.rpd, q.learned_rpd, q.learned_at, m.learned_since) as rpd,
                   case when q.learned_at > m.learned_since then q.learned_rpm end as learned_rpm,
                   case when q.learned_at > m.learned_since then q.learned_tpm end as learned_tpm,
                   case when q.learned_at > m.learned_since then q.learned_rpd end as learned_rpd) l
        where q.model <> ''
        group by q.model
    )
    select coalesce(jsonb_agg(to_jsonb(x) order by x.today desc, x.model), '[]') from (
        select coalesce(u.model, c.name) as model,
               coalesce(u.today, 0) as today, coalesce(u.projects, 0) as projects, coalesce(u.ready, 0) as ready,
               case when coalesce(u.ready, 0) = 0 then u.next_at end as next_at,
               case when c.rpd is not null or u.known is not null
                   then coalesce(u.known, 0) + coalesce(c.rpd, 0) * (n.live - coalesce(u.projects, 0)) end as "limit",
               case when c.rpd is not null or u.known is not null
                   then coalesce(u.left_today, 0) + coalesce(c.rpd, 0) * (n.live - coalesce(u.projects, 0)) end as "left",
               case when c.rpd is not null then 'configured' when u.learned then 'learned' end as source,
               case when c.rpd is null then n.live - coalesce(u.told, 0) else 0 end as unknown,
               coalesce(u.limits, '{}') as learned
        from used u
        full join pollux.model c on c.name = u.model
        cross join (select count(*) as live from live) n
        order by 2 desc, 1 limit 50) x
$$;
comment on function pollux.count_capacity() is
    'Of each model used or configured, 50 at the most: [{model, today: requests, projects, ready, next_at: when the '
    'first is back if none is ready, limit and left: requests of this day of America/Los_Angeles, source: configured '
    'or learned, unknown: of how many projects no limit is known, which are not counted in limit and left, learned: what '
    'Google told of a project''s limits, {rpm, tpm, rpd: [least, most]}}]; limit and left are null while no limit is known.';

create or replace function pollux.count_added() returns jsonb
language sql stable as $$
    select to_jsonb(round(percentile_cont(0.5) within group (
        order by greatest(r.first_byte_ms - coalesce(r.waited_ms, 0) - a.first_byte_ms, 0))))
    from (select id, started_at, first_byte_ms, waited_ms from pollux.request
          where started_at > (select pollux.now()) - interval '1 hour' and outcome = 'ok' and attempts = 1
          order by started_at desc limit 200) r
    join pollux.attempt a on a.request_id = r.id and a.n = 1
        and a.started_at between r.started_at - interval '1 minute' and r.started_at + interval '10 minutes'
$$;
comment on function pollux.count_added() is
    'Milliseconds that Pollux added until the first byte: median of the last 200 requests of an hour that needed one '
    'attempt. Null without such requests.';

---------------------------------------------------------------------------------------------------- its parts

create or replace function pollux.overview_requests(p_hours integer, p_now timestamptz) returns jsonb
language sql stable as $$
    with minutes as materialized (
        select * from pollux.pulse_live(p_now - p_hours * interval '1 hour')
    ), steps as materialized (
        select date_bin(greatest(p_hours, 1) * interval '1 minute', minute, '2000-01-01'::timestamptz) as at,
               sum(requests) as requests, sum(failed) as failed, pollux.histogram_sum(latency) as latency,
               pollux.histogram_sum(first_byte) as first_byte
        from minutes group by 1
    ), sums as (
        select coalesce(sum(requests), 0) as total, coalesce(sum(failed), 0) as failed,
               coalesce(sum(saved), 0) as saved,
               coalesce(sum(requests) filter (where minute > p_now - interval '6 minutes'), 0) as recent,
               coalesce(sum(failed) filter (where minute > p_now - interval '10 minutes'), 0) as failed_10,
               coalesce(sum(requests) filter (where minute > p_now - interval '10 minutes'), 0) as total_10,
               (select pollux.histogram_sum(latency) from steps) as latency,
               (select pollux.histogram_sum(first_byte) from steps) as first_byte
        from minutes
    )
    select jsonb_build_object(
        'requests', jsonb_build_object(
            'total', s.total, 'failed', s.failed, 'saved', s.saved, 'per_second', round(s.recent / 300.0, 2),
            'failed_10_minutes', s.failed_10, 'total_10_minutes', s.total_10,
            'before', (select coalesce(sum(requests), 0) from pollux.pulse
                       where minute >= p_now - 2 * p_hours * interval '1 hour'
                         and minute < p_now - p_hours * interval '1 hour')),
        'latency', jsonb_build_object(
            'first_byte_p50_ms', pollux.percentile(s.first_byte, 0.5),
            'first_byte_p95_ms', pollux.percentile(s.first_byte, 0.95),
            'total_p50_ms', pollux.percentile(s.latency, 0.5), 'total_p95_ms', pollux.percentile(s.latency, 0.95)),
        'series', (select coalesce(jsonb_agg(jsonb_build_object(
            'at', at, 'requests', requests, 'failed', failed,
            'first_byte_p50_ms', pollux.percentile(first_byte, 0.5),
            'first_byte_p95_ms', pollux.percentile(first_byte, 0.95)) order by at), '[]') from steps))
    from sums s
$$;
comment on function pollux.overview_requests(integer, timestamptz) is
    'Requests, times and 60 points of a chart over the last so many hours.';

create or replace function pollux.overview_today(p_now timestamptz) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'since', d.since, 'requests', coalesce(sum(p.requests), 0), 'tokens_in', coalesce(sum(p.tokens_in), 0),
        'tokens_out', coalesce(sum(p.tokens_out), 0), 'cost', sum(p.cost))
    from (select date_trunc('day', p_now, pollux.setting('time_zone')) as since) d
    left join lateral (select * from pollux.pulse_live(d.since)) p on true
    group by d.since
$$;
comment on function pollux.overview_today(timestamptz) is 'Requests, tokens and cost of the operator''s day so far.';

create or replace function pollux.overview_recent(p_limit integer) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'started_at', r.started_at, 'client', c.name, 'model', nullif(r.model, ''), 'outcome', r.outcome,
        'status', r.status, 'attempts', r.attempts, 'first_byte_ms', r.first_byte_ms) order by r.started_at desc), '[]')
    from (select * from (
              (select id, started_at, client_id, model, outcome, status, attempts, first_byte_ms from pollux.request
               where started_at > (select pollux.now()) - interval '1 day' order by started_at desc limit p_limit)
              union all
              (select id, started_at, client_id, model, 'open', null, attempt, null from pollux.open_request
               order by started_at desc limit p_limit)) both_
          order by started_at desc limit p_limit) r
    left join pollux.client c on c.id = r.client_id
$$;
comment on function pollux.overview_recent(integer) is 'The last requests, over or (outcome open) under way.';

create or replace function pollux.overview_jobs() returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'name', name, 'state', case when failed then 'failed' when late then 'late' when last_run is null then 'waiting'
                                    else 'done' end,
        'at', last_run, 'result', result, 'next_at', next_due, 'by', done_by)), '[]')
    from report.jobs
$$;
comment on function pollux.overview_jobs() is 'Maintenance, in short.';

create or replace function pollux.overview_dead(p_broken bigint, out since timestamptz, out projects text)
language sql stable as $$
    select min(x.dead_at), string_agg(x.project, ', ') filter (where x.n <= 3) || case when count(*) > 3 then ', …' else '' end
    from (select c.dead_at, p.name as project, row_number() over (order by c.dead_at desc, c.id) as n
          from pollux.credential c join pollux.project p on p.id = c.project_id
          where p_broken between 1 and 1000 and c.dead_reason is not null and c.enabled and c.removed_at is null
            and c.rest_until is null) x
$$;
comment on function pollux.overview_dead(bigint) is
    'Since when the first of the broken credentials is broken, and the projects of those that broke last; nulls when there '
    'are none, or more than a thousand.';

-- Plain words for what somebody should know, the worst first. `text` with {names} and `values` are for translation.
create or replace function pollux.overview_warnings(p jsonb, p_now timestamptz) returns jsonb
language sql stable as $$
    with c as (
        select p -> 'credentials' as v, (p -> 'credentials' ->> 'total')::bigint as total,
               (p -> 'credentials' ->> 'ready')::bigint as ready, (p -> 'credentials' ->> 'resting')::bigint as resting,
               (p -> 'credentials' ->> 'broken')::bigint as broken,
               (p -> 'requests' ->> 'failed_10_minutes')::bigint as failed,
               (p -> 'requests' ->> 'total_10_minutes')::bigint as asked,
               (select min((r ->> 'until')::timestamptz) from jsonb_array_elements(p -> 'resting') r) as until
    ), told(id, level, text, "values", act, href, holds) as (
        select w.* from c, pollux.overview_dead(c.broken) d, lateral (values
            ('no_credentials', 'bad', 'There is no credential yet: nothing can be served.', '{}'::jsonb, 'Add keys',
             'credentials.html#add', total = 0),
            ('none_ready', 'bad', case when until is null then 'No credential is ready. Resting: {resting}, broken: {broken}, off: {disabled}.'
                                       else 'No credential is ready. Resting: {resting}, broken: {broken}, off: {disabled}. The first is back: {until}.' end,
             v || jsonb_build_object('until', until), 'See them',
             'credentials.html' || case when resting > 0 then '?state=resting' when broken = 0 then '?state=disabled' else '' end,
             total > 0 and ready = 0),
            ('broken', 'warn', case when d.since is null then '{broken} credentials are broken: Google refuses them.'
                                    when broken = 1 then '{broken} credential is broken since {since}: Google refuses it. Project: {projects}.'
                                    else '{broken} credentials are broken, the first since {since}: Google refuses them. Projects: {projects}.' end,
             v || jsonb_build_object('since', d.since, 'projects', d.projects), case when broken = 1 then 'See it' else 'See them' end,
             'credentials.html?state=dead', broken > 0),
            ('failing', case when failed * 2 > asked then 'bad' else 'warn' end,
             '{failed} of {asked} requests of the last ten minutes failed.',
             jsonb_build_object('failed', failed, 'asked', asked), 'See them',
             'requests.html?outcome=failed', asked >= 20 and failed * 5 > asked)) w
        union all
        select 'model ' || (m ->> 'model'), 'warn',
               case when m ->> 'next_at' is null then 'No project is ready for {model}.'
                    else 'No project is ready for {model}. The first is back: {until}.' end,
               m || jsonb_build_object('until', m -> 'next_at'), 'See it', 'model.html?name={model}', true
        from c, jsonb_array_elements(p -> 'models') m
        where c.ready > 0 and (m ->> 'projects')::bigint > 0 and (m ->> 'ready')::bigint = 0 and (m ->> 'today')::bigint > 0
        union all
        select 'budget', 'warn', 'Clients that have used up their tokens of the day: {clients}. They count anew: {until}.',
               jsonb_build_object('clients', string_agg(name, ', ' order by name), 'until', pollux.pacific_midnight(pollux.pacific_date(p_now) + 1)),
               'See them', 'clients.html', count(*) > 0
        from pollux.client b
        where daily_tokens > 0 and pollux.client_today(b, pollux.pacific_date(p_now)) >= daily_tokens
          and revoked_at is null and coalesce(expires_at, 'infinity') > p_now
        union all
        select 'lost', 'warn', case when count(*) = 1 then '{n} request got lost with its worker in the last hour.'
                                    else '{n} requests got lost with their worker in the last hour.' end,
               jsonb_build_object('n', count(*)), 'See them', 'requests.html?outcome=lost', count(*) > 0
        from pollux.request
        where outcome = 'lost' and ended_at > p_now - interval '1 hour' and started_at > p_now - interval '2 days'
        union all
        select 'location', 'bad', 'Google does not serve the location of this server. An outbound proxy elsewhere helps.',
               '{}'::jsonb, 'Settings', 'settings.html', count(*) > 0
        from (select outcome from pollux.attempt where started_at > p_now - interval '10 minutes'
              order by started_at desc limit 200) a
        where a.outcome = 'location'
        union all
        select 'job ' || name, 'warn', 'Maintenance: {job} failed: {result}',
               jsonb_build_object('job', name, 'result', left(result, 300)), 'See it', 'jobs.html', true
        from report.jobs where failed
        union all
        select 'late', 'warn', 'Maintenance is late: {jobs}.', jsonb_build_object('jobs', string_agg(name, ', ')),
               'See it', 'jobs.html', count(*) > 0
        from report.jobs where late
        union all
        select 'silent', 'warn', case when count(*) = 1 then '{n} worker has been silent for more than 15 seconds.'
                                      else '{n} workers have been silent for more than 15 seconds.' end,
               jsonb_build_object('n', count(*)), 'See them', 'system.html', count(*) > 0
        from report.workers where state = 'silent'
        union all
        select 'worker_lost', 'warn', case when count(*) = 1 then 'A worker was lost at {since}: it stopped without a word.'
                                           else '{n} workers were lost in the last hour, the last at {since}: they stopped without a word.' end,
               jsonb_build_object('n', count(*), 'since', max(swept_at)), 'See them', 'system.html', count(*) > 0
        from pollux.worker where swept_at > p_now - interval '1 hour' and left_at is null
        union all
        select 'default_partition', 'warn', 'The log of some days has no partition of its own.', '{}'::jsonb, 'See it',
               'system.html', exists (select from pollux.request_default)
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', id, 'level', level, 'text', text, 'values', "values", 'act', act, 'href', href,
        'message', (select coalesce(pollux.words_in(text, "values"), text))) order by level, id), '[]')
    from told where holds
$$;
comment on function pollux.overview_warnings(jsonb, timestamptz) is
    'What somebody should know: [{id, level: bad | warn, message, text and values (the message, for translation), '
    'act and href: the button that leads to the mend, {names} in it are values}].';

create or replace function pollux.words_in(p_text text, p_values jsonb) returns text
language plpgsql immutable as $$
declare
    v_name text;
begin
    for v_name in select (regexp_matches(p_text, '\{(\w+)\}', 'g'))[1] loop
        p_text := replace(p_text, '{' || v_name || '}', coalesce(p_values ->> v_name, ''));
    end loop;
    return p_text;
end
$$;
comment on function pollux.words_in(text, jsonb) is 'A text whose {names} are replaced by values.';

--------------------------------------------------------------------------------------------------- the whole

create or replace function admin.console_overview_get(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := pollux.now();
    v_hours integer := pollux.param_number(p, 'hours', 24, 1, 168);
    v_credentials jsonb := pollux.credential_counts();
    v_all jsonb;
begin
    perform pollux.pulse_roll('2 hours');
    v_all := jsonb_build_object(
        'credentials', v_credentials - 'reasons', 'resting', v_credentials -> 'reasons',
        'models', pollux.console_cached('capacity'), 'today', pollux.overview_today(v_now),
        'open', (select count(*) from pollux.open_request),
        'waiting', (select count(*) from pollux.waiter where lease_until > v_now),
        'workers', (select count(*) from report.workers where state = 'alive'),
        'recent', pollux.overview_recent(8), 'jobs', pollux.overview_jobs(), 'maintained_by', pollux.maintained_by(),
        'quota_day_ends_at', pollux.pacific_midnight(pollux.pacific_date(v_now) + 1), 'now', v_now)
        || pollux.overview_requests(v_hours, v_now);
    v_all := jsonb_set(v_all, '{latency,added_ms}', coalesce(pollux.console_cached('added'), 'null'));
    return v_all || jsonb_build_object('warnings', pollux.overview_warnings(v_all, v_now));
end
$$;
comment on function admin.console_overview_get(jsonb) is
    'p: {hours: 1 to 168}. {credentials: {total, ready, resting, broken, disabled}, resting: [{reason, count, '
    'until}], requests: {total, failed, saved, before, per_second, ...}, latency: {first_byte_p50_ms, '
    'first_byte_p95_ms, total_p50_ms, total_p95_ms, added_ms}, series: [{at, requests, failed, first_byte_p50_ms, '
    'first_byte_p95_ms}], today: {since, requests, tokens_in, tokens_out, cost}, models: as count_capacity(), open, '
    'waiting, workers, recent: [requests], jobs: [...], maintained_by, quota_day_ends_at, warnings: as '
    'overview_warnings(), now}. failed: by no fault of the caller; saved: went well at a later attempt.';
