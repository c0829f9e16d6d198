-- SPDX-License-Identifier: MIT
-- Chore: maintenance. pg_cron calls pollux.maintain() every minute; where it is not, workers notice with
-- their heartbeat that something is overdue and do it. All of it is driven by the state of tables: twice or
-- late does no harm.
set check_function_bodies = off;

insert into pollux.chore (name, every) values
    ('sweep', '1 minute'), ('partitions', '1 hour'), ('usage', '5 minutes'), ('expiry', '10 minutes'),
    ('rotation', '5 minutes'), ('history', '1 day')
on conflict (name) do update set every = excluded.every;

create or replace function pollux.chore_do(p_name text) returns text
language plpgsql volatile as $$
begin
    return case p_name
        when 'sweep' then format('%s requests closed as lost', pollux.worker_sweep() + pollux.worker_strays())
        when 'partitions' then format('%s made, %s dropped', pollux.partition_ahead(7),
                                      pollux.partition_drop(pollux.setting('retention_days')::integer))
        when 'usage' then format('%s rows', pollux.usage_roll(24))
        when 'expiry' then format('%s rows', pollux.expire())
        when 'rotation' then format('%s models forgotten, %s rows back', pollux.model_forget(),
                                    pollux.quota_return())
        when 'history' then format('%s runs', pollux.cron_forget())
    end;
end
$$;
comment on function pollux.chore_do(text) is 'Does a chore; answers what came of it.';

create or replace function pollux.chore_run(p_name text) returns void
language plpgsql volatile as $$
declare
    v_result text;
begin
    perform set_config('lock_timeout', '2s', true);
    begin
        v_result := pollux.chore_do(p_name);
    exception when others then
        v_result := 'failed: ' || sqlerrm;
    end;
    update pollux.chore set done_at = pollux.now(), result = v_result where name = p_name;
end
$$;
comment on function pollux.chore_run(text) is
    'Does a chore and writes down how it went; its failure is no error.';

create or replace function pollux.maintain() returns integer
language plpgsql volatile as $$
declare
    v_name text;
    v_done integer := 0;
begin
    for v_name in select name from pollux.chore
                  where done_at + every <= pollux.now() + interval '5 seconds'
                  order by name for no key update skip locked loop
        perform pollux.chore_run(v_name);
        v_done := v_done + 1;
    end loop;
    return v_done;
end
$$;
comment on function pollux.maintain() is
    'Does the chores that are due. Answers how many. For pg_cron, or a line in crontab.';

create or replace function pollux.chore_next() returns void
language plpgsql volatile as $$
declare
    v_name text;
begin
    select name into v_name from pollux.chore
    where done_at + every < pollux.now() - interval '2 minutes'
    order by done_at limit 1 for no key update skip locked;
    if found then
        perform pollux.chore_run(v_name);
    end if;
end
$$;
comment on function pollux.chore_next() is 'Does one chore that is overdue, if any: nobody else seems to.';

create or replace function pollux.expire() returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
    v_all integer := 0;
begin
    delete from pollux.affinity where expires_at < pollux.now();
    get diagnostics v_rows = row_count;
    v_all := v_all + v_rows;
    delete from pollux.upload where expires_at < pollux.now();
    get diagnostics v_rows = row_count;
    v_all := v_all + v_rows;
    delete from pollux.waiter where id in (select id from pollux.waiter
                                           where lease_until < pollux.now() - interval '1 minute'
                                           for update skip locked);
    delete from pollux.worker where beat_at < pollux.now() - interval '1 day'
        and (swept_at is not null or left_at is not null);
    get diagnostics v_rows = row_count;
    v_all := v_all + v_rows;
    delete from pollux.event
        where at < pollux.now() - make_interval(days => pollux.setting('retention_days')::integer);
    get diagnostics v_rows = row_count;
    return v_all + v_rows;
end
$$;
comment on function pollux.expire() is
    'Deletes affinities, uploads, places in the queue, workers and events whose time is over.';

create or replace function pollux.model_forget() returns integer
language plpgsql volatile as $$
declare
    v_models text[];
begin
    select array_agg(model) into v_models from (
        select s.model from pollux.model_state s
        where not s.confirmed and s.asked_at < pollux.now() - interval '1 hour'
          and not exists (select from pollux.open_request o where o.model = s.model)
        order by s.model for update skip locked) x;
    perform 1 from pollux.quota where model = any (v_models) order by model, slot for update;
    delete from pollux.quota where model = any (v_models);
    delete from pollux.model_state where model = any (v_models);
    return coalesce(cardinality(v_models), 0);
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
