-- SPDX-License-Identifier: MIT
-- Worker: heartbeats, and what a dead worker left open.
set check_function_bodies = off;

create or replace function api.beat(p_worker uuid, p_info jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_swept integer;
begin
    perform set_config('synchronous_commit', 'off', true);
    insert into pollux.worker (id, host, pid, version, started_at, beat_at, inflight, master_keys)
    values (p_worker, p_info ->> 'host', (p_info ->> 'pid')::integer, p_info ->> 'version', pollux.now(),
            pollux.now(),
            (p_info ->> 'inflight')::integer, string_to_array(p_info ->> 'master_keys', ','))
    on conflict (id) do update
    set beat_at = pollux.now(), left_at = null, swept_at = null, inflight = excluded.inflight,
        master_keys = excluded.master_keys;
    if p_info ? 'vitals' then
        perform pollux.worker_vitals(p_worker, p_info -> 'vitals');
    end if;
    v_swept := pollux.worker_sweep();
    perform pollux.credential_wake();
    return jsonb_build_object('swept', v_swept, 'errors', pollux.error_rules_since((p_info ->> 'errors')::bigint),
                              'capture', pollux.capture_rules(), 'settings', (
        select jsonb_object_agg(s.name, pollux.setting_value(s)) from pollux.setting s));
end
$$;
comment on function api.beat(uuid, jsonb) is
    'A worker lives; called every second. p_info: {host, pid, version, inflight, errors: '
    'version of the rules about errors that it knows, master_keys: ids of those that it knows, with commas, the one '
    'that seals first, vitals: now and then, see pollux.worker_vitals}. Closes what dead workers left open. Answers '
    '{"settings": {name: value}, "errors": {version, rules} if there is another version, "capture": as in '
    'capture_rules(), "swept": n}.';

create or replace function pollux.worker_vitals(p_worker uuid, p jsonb) returns void
language sql volatile as $$
    update pollux.worker w
    set cpu_percent = case when w.vitals_at < n.now - interval '1 second' and (p ->> 'cpu_ms')::bigint >= w.cpu_ms
            then 100 * ((p ->> 'cpu_ms')::bigint - w.cpu_ms)
                 / (1000 * extract(epoch from n.now - w.vitals_at)) end,
        cpu_ms = (p ->> 'cpu_ms')::bigint, vitals_at = n.now,
        memory_bytes = nullif((p ->> 'memory_bytes')::bigint, 0), threads = nullif((p ->> 'threads')::integer, 0),
        host_load = case when (p ->> 'load')::float8 >= 0 then (p ->> 'load')::real end,
        host_cpus = (p ->> 'cpus')::integer,
        host_memory_bytes = nullif((p ->> 'host_memory_bytes')::bigint, 0),
        host_free_bytes = nullif((p ->> 'host_free_bytes')::bigint, 0)
    from (select pollux.now() as now) n
    where w.id = p_worker
$$;
comment on function pollux.worker_vitals(uuid, jsonb) is
    'Notes what a worker''s process and its machine use: {cpu_ms: processor time since its start, memory_bytes, threads, '
    'load, cpus, host_memory_bytes, host_free_bytes}; 0 (load: less) where the system does not say. The share of the '
    'processor is that since the last note.';

create or replace function api.bye(p_worker uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    update pollux.worker set left_at = pollux.now(), inflight = 0 where id = p_worker
$$;
comment on function api.bye(uuid) is 'A worker has ended and settled everything, or spooled it.';

-- After a restart of PostgreSQL workers need some time to find it again: nobody is declared dead within 20
-- s of it.
create or replace function pollux.worker_sweep() returns integer
language plpgsql volatile as $$
declare
    v_dead uuid[];
begin
    select array_agg(id) into v_dead from (
        select id from pollux.worker
        where swept_at is null and beat_at < pollux.now() - interval '15 seconds'
          and pg_postmaster_start_time() < pollux.now() - interval '20 seconds'
        order by id for no key update skip locked) w;
    if v_dead is null then
        return 0;
    end if;
    update pollux.worker set swept_at = pollux.now() where id = any (v_dead);
    return pollux.worker_lose(array(select id from pollux.open_request where worker = any (v_dead)));
end
$$;
comment on function pollux.worker_sweep() is
    'Closes the open requests of workers without a heartbeat. Answers how many.';

create or replace function pollux.worker_lose(p_requests uuid[]) returns integer
language plpgsql volatile as $$
declare
    v_lost integer;
begin
    with gone as (
        delete from pollux.open_request
        where id in (select id from pollux.open_request where id = any (p_requests) for update skip locked)
        returning *
    ), attempts as (
        insert into pollux.attempt (request_id, n, started_at, project_id, credential_id, model, outcome,
                                    est_tokens)
        select id, attempt, attempt_at, project_id, credential_id, model, 'lost',
               est_tokens from gone order by id
        on conflict do nothing
    )
    insert into pollux.request (id, started_at, ended_at, worker, client_id, project_id, credential_id,
                                attempts, stream, outcome, dialect, verb, model, asked_model, error,
                                remote)
    select g.id, coalesce(k.started_at, g.started_at), pollux.now(), g.worker, g.client_id, g.project_id,
           g.credential_id, g.attempt, g.stream, 'lost', g.dialect, g.verb, g.model, g.asked_model,
           'its worker died', g.remote
    from gone g
    left join lateral (select r.started_at from pollux.request r
                       where r.id = g.id and r.started_at >= g.started_at - interval '2 days' limit 1) k on true
    order by g.id
    on conflict do nothing;
    get diagnostics v_lost = row_count;
    if v_lost > 0 then
        perform set_config('synchronous_commit', 'on', true);
        perform pollux.event('worker_lost', jsonb_build_object('requests', v_lost));
    end if;
    return v_lost;
end
$$;
comment on function pollux.worker_lose(uuid[]) is
    'Closes open requests as lost. What was reserved for them stays counted; a settlement that comes later '
    'replaces the row.';

-- Requests served as plain CGI have no worker with a heartbeat.
create or replace function pollux.worker_strays() returns integer
language sql volatile as $$
    select pollux.worker_lose(array(
        select o.id from pollux.open_request o
        where o.attempt_at < pollux.now() - interval '30 minutes'
          and not exists (select from pollux.worker w
                          where w.id = o.worker and w.beat_at > pollux.now() - interval '15 seconds')))
$$;
comment on function pollux.worker_strays() is
    'Closes what has been open for half an hour without a living worker.';

-- A wish whose worker has given it up, or whose connection broke, may still be waiting for a lock, and be granted
-- after its request was settled.
create or replace function pollux.worker_late() returns integer
language sql volatile as $$
    with gone as (
        delete from pollux.open_request where id in (
            select o.id from pollux.open_request o
            where o.attempt_at < pollux.now() - interval '10 seconds'
              and exists (select from pollux.request r
                          where r.id = o.id and r.outcome <> 'lost'
                            and r.started_at >= o.started_at - interval '2 days')
            for update skip locked) returning 1)
    select count(*)::integer from gone
$$;
comment on function pollux.worker_late() is
    'Forgets what was granted to requests that are settled. It stays counted. Answers how many.';

create or replace function pollux.worker_expire() returns integer
language sql volatile as $$
    with gone as (
        delete from pollux.worker where beat_at < pollux.now() - interval '1 day'
            and (swept_at is not null or left_at is not null) returning 1)
    select count(*)::integer from gone
$$;
comment on function pollux.worker_expire() is 'Forgets workers that ended a day ago.';
