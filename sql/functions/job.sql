-- SPDX-License-Identifier: MIT
-- Job: work that needs HTTP or files. SQL says what is due (pollux.job_enqueue), workers take it, hold it by
-- a short lease while they work, and say what came of it. Who dies loses his lease, and another one takes the
-- job. There is one open job of a kind for a subject at the most, so nothing is done twice at once.
--
--   waiting   lease_until is null, due_at says when
--   running   lease_until lies ahead
--   dropped   lease_until has passed: its worker died, it is taken again
--   done      done_at is set; ok says how it went
set check_function_bodies = off;

create or replace function pollux.job_enqueue(p_kind text, p_subject text, p_detail jsonb, p_due timestamptz)
returns bigint
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_id bigint;
begin
    insert into pollux.job as j (kind, subject, detail, due_at, created_at)
    values (p_kind, coalesce(p_subject, ''), coalesce(p_detail, '{}'), coalesce(p_due, v_now), v_now)
    on conflict (kind, subject) where done_at is null do update
    set due_at = case when j.lease_until is null then least(j.due_at, excluded.due_at) else j.due_at end,
        detail = case when j.lease_until is null then j.detail || excluded.detail else j.detail end
    returning id into v_id;
    if p_due is null or p_due <= v_now then
        notify pollux_job;
    end if;
    return v_id;
end
$$;
comment on function pollux.job_enqueue(text, text, jsonb, timestamptz) is
    'Asks for a job at that time (null: now; -infinity: now, before all others). One that waits already gets '
    'the earlier time and both details; one that runs stays as it is. Answers its id.';

create or replace function pollux.job_lease(p_now timestamptz) returns timestamptz
language sql immutable as $$ select p_now + interval '20 seconds' $$;
comment on function pollux.job_lease(timestamptz) is
    'Until when a job belongs to who takes or prolongs it now; workers prolong every few seconds.';

create or replace function api.job_take(p_worker uuid, p_kinds text[], p_places text[], p_most integer)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := pollux.now();
    v_jobs jsonb;
begin
    perform pollux.keys_folder_due(p_places);
    with next as (
        select id from pollux.job
        where done_at is null and due_at <= v_now and (lease_until is null or lease_until <= v_now)
          and kind = any (p_kinds) and (kind <> 'keys_folder' or subject = any (p_places))
        order by due_at, id limit p_most for update skip locked
    ), taken as (
        update pollux.job j
        set taken_by = p_worker, taken_at = v_now, lease_until = pollux.job_lease(v_now),
            attempts = attempts + 1
        from next where j.id = next.id
        returning j.*
    )
    select jsonb_agg(jsonb_build_object('id', id, 'kind', kind, 'subject', subject, 'detail', detail,
                                        'attempt', attempts) order by due_at, id)
    into v_jobs from taken;
    return coalesce(v_jobs, '[]');
end
$$;
comment on function api.job_take(uuid, text[], text[], integer) is
    'Takes up to p_most jobs of these kinds that are due, oldest first; those of a keys folder only if it is '
    'one of p_places. Answers [{id, kind, subject, detail, attempt}].';

create or replace function api.job_hold(p_worker uuid, p_ids bigint[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    update pollux.job set lease_until = pollux.job_lease(pollux.now())
    where id = any (p_ids) and taken_by = p_worker and done_at is null and lease_until is not null
$$;
comment on function api.job_hold(uuid, bigint[]) is 'Its worker lives and works on them: prolongs the leases.';

create or replace function api.job_done(p_worker uuid, p_id bigint, p_attempt integer, p_ok boolean,
                                        p_result jsonb)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := pollux.now();
begin
    update pollux.job
    set ok = case when p_ok or attempts >= 8 then p_ok end, result = p_result, lease_until = null,
        done_at = case when p_ok or attempts >= 8 then v_now end,
        due_at = case when p_ok or attempts >= 8 then due_at
                      else v_now + least(interval '5 seconds' * power(2, attempts), interval '1 hour') end
    where id = p_id and taken_by = p_worker and attempts = p_attempt and done_at is null;
    return found;
end
$$;
comment on function api.job_done(uuid, bigint, integer, boolean, jsonb) is
    'Says what came of a job. One that could not be done waits 10 s, 20 s, ... 11 minutes and is tried again, '
    'eight times in all. False: it was taken from this worker in the meantime, nothing was written.';

create or replace function api.job_leave(p_worker uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    update pollux.job set lease_until = null, attempts = attempts - 1
    where taken_by = p_worker and done_at is null and lease_until is not null
$$;
comment on function api.job_leave(uuid) is 'A worker ends: what it could not finish is for the others.';

create or replace function pollux.job_expire() returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
begin
    delete from pollux.job
    where done_at < pollux.now() - make_interval(hours => pollux.setting('job_history_hours')::integer);
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.job_expire() is 'Forgets jobs that were done job_history_hours ago.';

create or replace function pollux.job_state(j pollux.job, p_now timestamptz) returns text
language sql immutable as $$
    select case when j.done_at is not null and j.ok then 'done' when j.done_at is not null then 'failed'
                when j.lease_until > p_now then 'running' else 'waiting' end
$$;
comment on function pollux.job_state(pollux.job, timestamptz) is 'waiting, running, done or failed.';

create or replace function pollux.job_json(j pollux.job) returns jsonb
language sql volatile as $$
    select jsonb_build_object(
        'id', j.id, 'kind', j.kind, 'subject', j.subject, 'state', pollux.job_state(j, pollux.now()),
        'due_at', case when j.due_at > '-infinity' then j.due_at else j.created_at end,
        'created_at', j.created_at, 'taken_at', j.taken_at, 'done_at', j.done_at, 'attempts', j.attempts,
        'worker', j.taken_by, 'detail', j.detail, 'result', j.result)
$$;
comment on function pollux.job_json(pollux.job) is 'A job as the command line and the console see it.';

create or replace function admin.job_get(p_id bigint) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.job_json(j) from pollux.job j where j.id = p_id
$$;
comment on function admin.job_get(bigint) is
    'A job: {id, kind, subject, state: waiting | running | done | failed, due_at, created_at, taken_at, '
    'done_at, attempts, worker, detail, result}; null if there is none.';

create or replace function admin.job_list(p_limit integer, p_before bigint) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.job_json(j) order by j.id desc), '[]')
    from (select * from pollux.job where id < coalesce(p_before, 9223372036854775807)
          order by id desc limit p_limit) j
$$;
comment on function admin.job_list(integer, bigint) is
    'Up to p_limit jobs with ids below p_before (null: the latest), as in job_get.';

create or replace function admin.jobs_open(p_jobs bigint[]) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select to_jsonb(count(*)) from pollux.job
    where id = any (p_jobs) and done_at is null and (attempts = 0 or lease_until is not null)
$$;
comment on function admin.jobs_open(bigint[]) is
    'How many of these jobs are still to be waited for: neither done, nor tried in vain and waiting for a '
    'second attempt.';

create or replace function admin.jobs_left(p_place text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := pollux.now();
begin
    if exists (select from pollux.worker where left_at is null and swept_at is null
                                           and beat_at > v_now - interval '15 seconds') then
        return '0';
    end if;
    perform pollux.keys_folder_due(array_remove(array[p_place], ''));
    return to_jsonb((select count(*) from pollux.job where done_at is null and due_at <= v_now
                                                       and (kind <> 'keys_folder' or subject = p_place)));
end
$$;
comment on function admin.jobs_left(text) is
    'How many jobs are due or being done while no worker lives to do them, those of other hosts'' folders with keys '
    'apart; p_place is that of this one, or empty. 0 when a worker lives.';
