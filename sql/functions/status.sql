-- SPDX-License-Identifier: MIT
-- Status: how things are, in one look.
set check_function_bodies = off;

create or replace function pollux.cron_scheduled() returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_jobs bigint := 0;
begin
    if to_regclass('cron.job') is not null then
        execute 'select count(*) from cron.job where active and command like ''%pollux.maintain(%''
                 and database = current_database()' into v_jobs;
    end if;
    return v_jobs > 0;
exception when insufficient_privilege then
    return false;
end
$$;
comment on function pollux.cron_scheduled() is
    'Whether pg_cron has the job; that does not say that its launcher runs.';

create or replace function pollux.maintained_by() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(
        (select name from pollux.maintainer where name <> 'worker' and at > pollux.now() - interval '5 minutes'
         order by name = 'pg_cron' desc limit 1),
        (select 'workers' from pollux.maintainer where name = 'worker' and at > pollux.now() - interval '5 minutes'),
        case when pollux.cron_scheduled() and not exists (select from pollux.maintainer) then 'pg_cron' end,
        (select 'workers' from pollux.worker where beat_at > pollux.now() - interval '15 seconds' limit 1),
        'nobody')
$$;
comment on function pollux.maintained_by() is
    'Which way of maintenance is in force: pg_cron or "pollux maintain", if it came by in the last five minutes; '
    'else workers, if one lives; else nobody.';

create or replace function admin.status() returns json
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select json_build_object(
        'database', current_database(),
        'database_size', pg_size_pretty(pg_database_size(current_database())),
        'maintenance', pollux.maintained_by(),
        'strategy', pollux.setting('strategy'),
        'now', pollux.now(),
        'quota_day_ends_at', pollux.pacific_midnight(pollux.pacific_date(pollux.now()) + 1),
        'clients', (select count(*) from pollux.client
                    where revoked_at is null and coalesce(expires_at, 'infinity') > pollux.now()),
        'open_requests', (select count(*) from pollux.open_request),
        'waiting_requests', (select count(*) from pollux.waiter where lease_until > pollux.now()),
        'credentials', api.health(),
        'last_hour', (select row_to_json(r) from (
            select count(*) as requests, count(*) filter (where outcome = 'ok') as ok,
                   count(*) filter (where outcome <> 'ok') as errors, coalesce(sum(attempts), 0) as attempts,
                   coalesce(sum(total_tokens), 0) as tokens,
                   round(percentile_cont(0.5) within group (order by duration_ms)) as median_ms
            from pollux.request
            where started_at > (select pollux.now()) - interval '1 hour') r),
        'workers', (select coalesce(json_agg(w order by w.started_at), '[]') from (
            select id, host, pid, version, state, open_requests, started_at, beat_at from report.workers
            where state = 'alive') w),
        'models', (select coalesce(json_agg(m order by m.requests_today desc, m.model), '[]') from (
            select model, coalesce(projects, 0) as projects, coalesce(ready, 0) as ready, coalesce(spent, 0) as spent,
                   coalesce(resting, 0) as resting, today as requests_today
            from pollux.model_figures() order by today desc, model limit 20) m))
$$;
comment on function admin.status() is
    'An object of single values, groups of values (credentials, last_hour) and lists (workers, models); '
    'for people.';
