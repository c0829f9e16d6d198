-- SPDX-License-Identifier: MIT
-- Chore: maintenance. Three may do it, and all may try at once:
--
--   pg_cron           its one job calls pollux.maintain('pg_cron') every minute
--   pollux maintain   the same from a crontab or a timer, where pg_cron cannot be had
--   workers           beside their jobs, one chore at a time, when neither of those has for five minutes
--
-- A chore is a row here and a function that is driven by the state of tables: twice or late does no harm, and
-- twice does not happen: whoever begins one holds its row and an advisory lock until it is written down as done.
-- Each chore is a transaction of its own, so that no lock of one waits for the end of another.
--
-- A chore is due at every step of its interval (every hour means on the hour), or, with a time of day, once on
-- every day of the operator's time zone, at that time or as soon after it as somebody comes by. pg_cron thinks
-- in GMT; that does not matter, since it only comes by every minute.
set check_function_bodies = off;

insert into pollux.chore (position, name, every, daily_at, call, says, help)
values
    (1, 'sweep', '1 minute', null, 'sweep', 'requests closed: %s',
     'Closes what dead workers and broken CGI requests left open.'),
    (2, 'probes', '1 minute', null, 'probe_enqueue', 'enqueued: %s',
     'Enqueues the probes of credentials that are due.'),
    (3, 'refreshes', '1 minute', null, 'account_refresh_enqueue', 'enqueued: %s',
     'Enqueues the refresh of access tokens that will expire.'),
    (4, 'keep_alive', '1 minute', null, 'keep_alive_enqueue', '%s',
     'Enqueues a call of /health at the public URL, if one is set.'),
    (5, 'meter', '1 minute', null, 'meter_run', 'groups: %s',
     'Takes what ended into the counters of /metrics.'),
    (6, 'usage', '5 minutes', null, 'usage_roll', 'rows: %s',
     'Sums up the hours that are over: requests, errors, tokens, times, cost.'),
    (7, 'rotation', '5 minutes', null, 'rotate', '%s',
     'Forgets models that never answered; lets rows return whose reason to stay out is over.'),
    (8, 'expiry', '10 minutes', null, 'expire', '%s',
     'Ends what has an end: affinities, uploads, places in the queue, sessions, bans and the like.'),
    (9, 'summary', '1 hour', null, 'summary_note', '%s',
     'Notes how the pool is: an event, and a row of report.health_hourly.'),
    (10, 'removal', '1 day', '02:00', 'credential_retire', 'archived: %s',
     'Takes credentials out that have been dead for remove_dead_days; `pollux key restore` brings them back.'),
    (11, 'cleanup', '1 day', '03:00', 'clean_up', '%s',
     'Deletes what is older than its retention, and brings the planner''s statistics up to date.'),
    (12, 'partitions', '1 hour', null, 'partition_keep', '%s',
     'Makes the log''s partitions for the days to come, drops those older than retention_days.'),
    (13, 'pulse', '1 minute', null, 'console_keep', 'minutes: %s',
     'For the console: sums up the log by the minute, notes when credentials were last used, counts a large pool.')
on conflict (name) do update
set position = excluded.position, every = excluded.every, daily_at = excluded.daily_at, call = excluded.call,
    says = excluded.says, help = excluded.help;
delete from pollux.chore where name in ('history');

------------------------------------------------------------------------------------------------- what is due

create or replace function pollux.chore_moment(p_day date, p_time time, p_zone text) returns timestamptz
language sql immutable as $$ select (p_day + p_time) at time zone p_zone $$;
comment on function pollux.chore_moment(date, time, text) is
    'When it is that time of that day there. Exactly one moment, also when clocks are changed: a time that '
    'does not exist is moved on by the change, of one that comes twice one is meant.';

create or replace function pollux.chore_day(c pollux.chore, p_now timestamptz, p_zone text) returns date
language sql immutable as $$
    select day - (pollux.chore_moment(day, c.daily_at, p_zone) > p_now)::integer
    from (select (p_now at time zone p_zone)::date as day) d
$$;
comment on function pollux.chore_day(pollux.chore, timestamptz, text) is
    'The last of the operator''s days on which a daily chore''s time has come.';

create or replace function pollux.chore_step(p_every interval, p_at timestamptz) returns timestamptz
language sql immutable as $$ select date_bin(p_every, p_at, '2000-01-01 00:00+00') $$;
comment on function pollux.chore_step(interval, timestamptz) is 'The step of the clock a moment belongs to.';

create or replace function pollux.chore_due(c pollux.chore, p_now timestamptz, p_zone text) returns boolean
language sql immutable as $$
    select case when c.daily_at is null
                then pollux.chore_step(c.every, p_now) > pollux.chore_step(c.every, c.started_at)
                else coalesce(c.done_day < pollux.chore_day(c, p_now, p_zone), true)
                     and not (c.failed and c.started_at > p_now - interval '10 minutes') end
$$;
comment on function pollux.chore_due(pollux.chore, timestamptz, text) is
    'Whether a chore is due. A daily one that failed is tried again after ten minutes.';

create or replace function pollux.chore_next_at(c pollux.chore, p_now timestamptz, p_zone text)
returns timestamptz
language sql immutable security definer set search_path = pg_catalog, pg_temp as $$
    select case when c.started_at = '-infinity' then p_now
                when c.daily_at is null then pollux.chore_step(c.every, c.started_at) + c.every
                when c.failed and pollux.chore_day(c, p_now, p_zone) > coalesce(c.done_day, '-infinity')
                then c.started_at + interval '10 minutes'
                else pollux.chore_moment(coalesce(c.done_day + 1, pollux.chore_day(c, p_now, p_zone)),
                                         c.daily_at, p_zone) end
$$;
comment on function pollux.chore_next_at(pollux.chore, timestamptz, text) is
    'When a chore is next due, or since when it is.';

----------------------------------------------------------------------------------------------------- doing it

create or replace function pollux.chore_do(c pollux.chore, out result text, out failed boolean)
language plpgsql volatile as $$
begin
    failed := false;
    perform set_config('lock_timeout', '2s', true);
    execute format('select pollux.%I()::text', c.call) into result;
    result := format(c.says, result);
exception when others then
    result := sqlerrm;
    failed := true;
end
$$;
comment on function pollux.chore_do(pollux.chore) is
    'Does a chore and answers what came of it. Its failure undoes it and is no error.';

create or replace function pollux.chore_run(c pollux.chore, p_by text) returns jsonb
language plpgsql volatile as $$
declare
    v_start timestamptz := pollux.now();
    v_day date := pollux.chore_day(c, v_start, pollux.setting('time_zone'));
    v_end timestamptz;
    r record;
begin
    r := pollux.chore_do(c);
    v_end := pollux.now();
    update pollux.chore
    set started_at = v_start, done_at = v_end, took = v_end - v_start, result = r.result, failed = r.failed,
        done_by = p_by, done_day = case when r.failed then done_day else v_day end
    where name = c.name;
    if r.failed and not c.failed then
        perform pollux.event('chore_failed', jsonb_build_object('name', c.name, 'error', r.result));
    end if;
    return jsonb_build_object('name', c.name, 'result', r.result, 'failed', r.failed,
                              'ms', round(extract(epoch from v_end - v_start) * 1000));
end
$$;
comment on function pollux.chore_run(pollux.chore, text) is
    'Does a chore and writes down how it went: {name, result, failed, ms}. The first failure of a row of '
    'them is an event.';

-- Who waited for the lock looks at the row as it is then, so that what is done meanwhile is not due any more.
create or replace function pollux.chore_next(p_by text, p_not text[]) returns jsonb
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_zone text := pollux.setting('time_zone');
    c pollux.chore;
begin
    select * into c from pollux.chore h
    where h.name <> all (p_not) and pollux.chore_due(h, v_now, v_zone)
    order by h.position limit 1 for no key update skip locked;
    return case when c.name is not null then pollux.chore_run(c, p_by) end;
end
$$;
comment on function pollux.chore_next(text, text[]) is
    'Does the first chore that is due and not among these, as chore_run; null: there is none.';

create or replace function pollux.maintainer_came(p_name text) returns void
language sql volatile as $$
    insert into pollux.maintainer (name, at) values (p_name, pollux.now())
    on conflict (name) do update set at = excluded.at
$$;
comment on function pollux.maintainer_came(text) is 'Notes who looks after the chores.';

create or replace procedure pollux.maintain(p_by text, inout p_done jsonb default '[]')
language plpgsql as $$
declare
    v_one jsonb;
begin
    perform pollux.maintainer_came(p_by);
    commit;
    loop
        perform pg_advisory_xact_lock(hashtext('pollux maintain'));
        v_one := pollux.chore_next(p_by, array(select x ->> 'name' from jsonb_array_elements(p_done) x));
        commit;
        exit when v_one is null;
        p_done := p_done || v_one;
    end loop;
end
$$;
comment on procedure pollux.maintain(text, jsonb) is
    'Does the chores that are due, each once and each in a transaction of its own; p_by: pg_cron, or '
    'pollux maintain. Gives an array of {name, result, failed, ms}. Two at once share the work. Call it '
    'outside a transaction.';

create or replace function pollux.maintained_at() returns timestamptz
language sql stable as $$
    select coalesce(max(at), '-infinity') from pollux.maintainer where name <> 'worker'
$$;
comment on function pollux.maintained_at() is 'When pg_cron or `pollux maintain` last came by.';

create or replace function pollux.chore_take() returns jsonb
language plpgsql volatile as $$
declare
    v_one jsonb;
begin
    if pollux.maintained_at() > pollux.now() - interval '5 minutes'
       or not pg_try_advisory_xact_lock(hashtext('pollux maintain')) then
        return null;
    end if;
    v_one := pollux.chore_next('worker', '{}');
    if v_one is not null then
        perform pollux.maintainer_came('worker');
    end if;
    return v_one;
end
$$;
comment on function pollux.chore_take() is
    'For workers: does one chore that is due, if nobody has maintained for five minutes and no other worker '
    'is about it. Answers as chore_run; null: nothing to do.';

create or replace function api.chore_wanted() returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.maintained_at() <= n.now - interval '5 minutes'
           and exists (select from pollux.chore c where pollux.chore_due(c, n.now, pollux.setting('time_zone')))
    from (select pollux.now() as now) n
$$;
comment on function api.chore_wanted() is
    'Whether a worker should call api.chore(): nobody has maintained for five minutes, and something is due.';

create or replace function api.chore() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$ select pollux.chore_take() $$;
comment on function api.chore() is 'Does one chore, see pollux.chore_take(). It may take minutes.';

-- The launcher of pg_cron hears of a job by a message of PostgreSQL's. When catalogues change very much at once, as in
-- a first migration, and it is slow to take that in, PostgreSQL drops its messages and tells it to forget all that it
-- knew instead. pg_cron 1.4 does not listen to that: a job that was scheduled meanwhile does not exist for it until the
-- next one is, or until a restart. So the job is announced again for as long as nobody comes for it.
create or replace function api.cron_call() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_calls bigint := 0;
begin
    if not exists (select from pollux.maintainer where name = 'pg_cron'
                                                   and at > pollux.now() - interval '2 minutes')
       and pollux.cron_scheduled() then
        execute $call$select count(cron.schedule(jobname, schedule, command)) from cron.job
                      where active and jobname = 'pollux maintain' and database = current_database()$call$
        into v_calls;
    end if;
    return v_calls > 0;
exception when others then
    return false;
end
$$;
comment on function api.cron_call() is
    'Announces the job of pg_cron anew if it is scheduled, yet pg_cron has not come by for two minutes. Whether it was.';

------------------------------------------------------------------------------------------------ what they do

create or replace function pollux.sweep() returns integer
language sql volatile as $$ select pollux.worker_sweep() + pollux.worker_strays() + pollux.worker_late() $$;
comment on function pollux.sweep() is 'Closes requests that nobody serves any more. Answers how many.';

create or replace function pollux.rotate() returns text
language sql volatile as $$
    select format('models forgotten: %s, rows back: %s', pollux.model_forget(), pollux.quota_return())
$$;
comment on function pollux.rotate() is 'Forgets models, lets rows return; says how many.';

create or replace function pollux.expire() returns text
language plpgsql volatile as $$
declare
    v_name text;
    v_rows integer;
    v_said text[] := '{}';
begin
    for v_name in select proname from pg_proc
                  where pronamespace = 'pollux'::regnamespace and proname ~ '._expire$' and pronargs = 0
                  order by proname loop
        execute format('select pollux.%I()', v_name) into v_rows;
        if v_rows > 0 then
            v_said := v_said || format('%s %s', left(v_name, -7), v_rows);
        end if;
    end loop;
    return coalesce(nullif(array_to_string(v_said, ', '), ''), 'nothing');
end
$$;
comment on function pollux.expire() is
    'Calls every pollux.<noun>_expire(), which deletes the rows of that noun whose time is over and answers '
    'how many. Says what was deleted.';

create or replace function pollux.waiter_expire() returns integer
language sql volatile as $$
    with gone as (
        delete from pollux.waiter where id in (select id from pollux.waiter
                                               where lease_until < pollux.now() - interval '1 minute'
                                               for update skip locked) returning 1)
    select count(*)::integer from gone
$$;
comment on function pollux.waiter_expire() is 'Deletes places in the queue that nobody holds any more.';

create or replace function pollux.model_forget() returns integer
language plpgsql volatile as $$
declare
    v_model text;
    v_models integer := 0;
begin
    for v_model in select s.model from pollux.model_state s
                   where not s.confirmed and s.asked_at < pollux.now() - interval '1 hour'
                     and not exists (select from pollux.open_request o where o.model = s.model)
                   order by s.model loop
        perform from pollux.model_state where model = v_model and not confirmed for update skip locked;
        continue when not found;
        with held as materialized (
            select project_id from pollux.quota where model = v_model order by slot for update
        )
        delete from pollux.quota q using held where q.project_id = held.project_id and q.model = v_model;
        delete from pollux.model_state where model = v_model;
        v_models := v_models + 1;
    end loop;
    return v_models;
end
$$;
comment on function pollux.model_forget() is
    'Forgets models that were asked for an hour ago or longer and have never answered.';

create or replace function pollux.quota_return() returns integer
language plpgsql volatile as $$
declare
    v_projects bigint[];
    v_rows integer;
begin
    perform pollux.credential_wake();
    delete from pollux.model_rest where until <= pollux.now();
    select array_agg(distinct q.project_id) into v_projects from pollux.quota q
    where q.reason = 'credential' and pollux.quota_priority(q.project_id) is not null;
    if v_projects is not null then
        perform pollux.quota_refresh(v_projects);
    end if;
    update pollux.quota
    set ready_at = '-infinity', reason = null, failures = greatest(failures, 1),
        failed_at = coalesce(failed_at, rested_at)
    where (project_id, model) in (select project_id, model from pollux.quota
                                  where reason = 'limit_0'
                                      and rested_at < (select learned_since from pollux.policy())
                                  for no key update skip locked);
    get diagnostics v_rows = row_count;
    return v_rows + coalesce(cardinality(v_projects), 0);
end
$$;
comment on function pollux.quota_return() is
    'Every automatic state has an automatic exit: rows of projects that have a live credential again, and '
    'one trial for those that were told "limit 0" learned_ttl_hours ago.';

create or replace function pollux.cron_forget() returns integer
language plpgsql volatile as $$
declare
    v_rows integer := 0;
begin
    if to_regclass('cron.job_run_details') is not null then
        execute 'delete from cron.job_run_details where end_time < now() - interval ''2 days''';
        get diagnostics v_rows = row_count;
    end if;
    return v_rows;
end
$$;
comment on function pollux.cron_forget() is
    'Purges the run history of pg_cron, which grows without bound by itself.';

create or replace function pollux.clean_up() returns text
language plpgsql volatile as $$
declare
    v_log timestamptz := pollux.now() - make_interval(days => pollux.setting('retention_days')::integer);
    v_usage timestamptz := pollux.now() - make_interval(days => pollux.setting('usage_days')::integer);
    v_events integer;
    v_hours integer;
begin
    delete from pollux.event where at < v_log;
    get diagnostics v_events = row_count;
    delete from pollux.usage_hour where hour < v_usage;
    get diagnostics v_hours = row_count;
    delete from pollux.usage_brief where hour < v_usage;
    delete from pollux.usage_day where hour < v_usage - interval '1 day';
    delete from pollux.health_hour where hour < v_usage;
    analyze pollux.request, pollux.attempt;
    return format('deleted: events %s, hours of usage %s, secrets of the archive %s, runs of pg_cron %s',
                  v_events, v_hours, pollux.archive_purge(), pollux.cron_forget());
end
$$;
comment on function pollux.clean_up() is
    'Once a day: what is older than its retention goes; the log''s parents get the statistics that autovacuum '
    'keeps for partitions only. Says what was deleted.';

create or replace function pollux.keep_alive_enqueue() returns text
language plpgsql volatile as $$
declare
    v_url text := pollux.setting('public_url');
    v_every interval := make_interval(mins => pollux.setting('keep_alive_minutes')::integer);
    v_last timestamptz;
begin
    if v_url = '' then
        return 'no public URL is set';
    end if;
    select max(created_at) into v_last from pollux.job where kind = 'keep_alive';
    if pollux.chore_step(v_every, pollux.now()) <= pollux.chore_step(v_every, v_last) then
        return 'not yet';
    end if;
    perform pollux.job_enqueue('keep_alive', v_url, '{}', null);
    return 'enqueued';
end
$$;
comment on function pollux.keep_alive_enqueue() is
    'Asks for a call of /health at public_url, every keep_alive_minutes. Says whether.';
