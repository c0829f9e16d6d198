-- SPDX-License-Identifier: MIT
-- Console: jobs, administrators, audit, events, bans, the system.
set check_function_bodies = off;

-------------------------------------------------------------------------------------------------------- jobs

create or replace function admin.console_job_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'way', pollux.maintained_by(),
        'items', (select coalesce(jsonb_agg(to_jsonb(j) || jsonb_build_object(
                      'duration_ms', round(extract(epoch from j.duration) * 1000))), '[]') from report.jobs j),
        'queue', (select coalesce(jsonb_agg(to_jsonb(q) order by q.id desc), '[]') from (
                      select id, kind, subject, state, due_at, taken_at, done_at, attempts, detail, result
                      from report.job_queue order by id desc limit 100) q))
$$;
comment on function admin.console_job_list(jsonb) is
    '{way: who does the maintenance, items: [{name, does, every, last_run, duration_ms, result, failed, done_by, '
    'next_due, late}], queue: the last 100 jobs of workers [{id, kind, subject, state, due_at, taken_at, done_at, '
    'attempts, detail, result}]}.';

create or replace function admin.console_job_run(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.chore;
    v_answer jsonb;
begin
    if not pg_try_advisory_xact_lock(hashtext('pollux maintain')) then
        perform pollux.refuse(409, 'maintenance is being done just now', 'Try again in a moment.');
    end if;
    select * into c from pollux.chore where name = p ->> 'name' for no key update;
    if c.name is null then
        return null;
    end if;
    v_answer := pollux.chore_run(c, 'console');
    perform pollux.audit(null, 'job.run', c.name, null, v_answer);
    return v_answer;
end
$$;
comment on function admin.console_job_run(jsonb) is
    'p: {name}. Does a job of the maintenance at once: {name, result, failed, ms}.';

---------------------------------------------------------------------------------------------- administrators

create or replace function admin.console_admin_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', admin.admin_list())
$$;
comment on function admin.console_admin_list(jsonb) is '{items: as in admin.admin_list}.';

create or replace function admin.console_admin_add(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.admin_add(p ->> 'name', p ->> 'role', p -> 'password')
$$;
comment on function admin.console_admin_add(jsonb) is
    'p: {name, role, password}; the worker seals the password, or makes one and adds it to the answer: the '
    'administrator as in the list.';

create or replace function pollux.admin_id_of(p jsonb) returns text
language plpgsql stable as $$
declare
    v_name text := (select name from pollux.admin where id::text = p ->> 'id');
begin
    if v_name is null then
        perform pollux.refuse(404, 'there is no administrator with this id');
    end if;
    return v_name;
end
$$;
comment on function pollux.admin_id_of(jsonb) is 'The name of the administrator whose id stands in the params; or 404.';

create or replace function admin.console_admin_set(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.admin_set(pollux.admin_id_of(p), p ->> 'role', pollux.param_bool(p, 'enabled', null))
$$;
comment on function admin.console_admin_set(jsonb) is
    'p: {id, role, enabled}; what is absent stays. Answers the administrator as in the list.';

create or replace function admin.console_admin_password(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.admin_passwd(pollux.admin_id_of(p), p -> 'password')
$$;
comment on function admin.console_admin_password(jsonb) is
    'p: {id, password}; as in admin_add. Ends the sessions of that administrator.';

create or replace function admin.console_admin_remove(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.admin_remove(pollux.admin_id_of(p))
$$;
comment on function admin.console_admin_remove(jsonb) is 'p: {id}. Answers the administrator as they were.';

--------------------------------------------------------------------------------------------- audit and events

-- A page of a table in the order of its ids, newest first. The condition is planned for what it is: an index on a rare
-- value is used, one on a common value is not.
create or replace function pollux.page_of(p_table regclass, p_where text, p_cursor jsonb, p_limit bigint) returns jsonb
language plpgsql stable as $$
declare
    v_page jsonb;
begin
    execute format(
        $sql$select jsonb_build_object('items', coalesce(jsonb_agg(to_jsonb(x) order by id desc), '[]'),
                                       'next', case when count(*) = %3$s then jsonb_build_array(min(id))::text end)
             from (select * from %1$s t where t.id < %4$L::bigint and %2$s order by t.id desc limit %3$s) x$sql$,
        p_table, p_where, p_limit, coalesce((p_cursor ->> 0)::bigint, 9223372036854775807)) into v_page;
    return v_page;
end
$$;
comment on function pollux.page_of(regclass, text, jsonb, bigint) is
    'A page (see console.h) of a table with ids, newest first: the rows that satisfy the SQL condition.';

create or replace function pollux.audit_where(p jsonb) returns text
language plpgsql stable as $$
declare
    v_where text := 'true';
begin
    if pollux.param_text(p, 'actor') is not null then
        v_where := v_where || format(' and actor = %L', p ->> 'actor');
    end if;
    if pollux.param_text(p, 'action') is not null then
        v_where := v_where || format(' and (action collate "C" = %1$L or action collate "C" >= %2$L and action collate "C" < %3$L)',
                                     p ->> 'action', (p ->> 'action') || '.', (p ->> 'action') || '/');
    end if;
    if pollux.param_text(p, 'subject') is not null then
        v_where := v_where || format(' and subject = %L', p ->> 'subject');
    end if;
    if pollux.param_time(p, 'from') is not null then
        v_where := v_where || format(' and at >= %L', pollux.param_time(p, 'from'));
    end if;
    if pollux.param_time(p, 'to') is not null then
        v_where := v_where || format(' and at < %L', pollux.param_time(p, 'to'));
    end if;
    if pollux.param_time(p, 'from') >= pollux.param_time(p, 'to') then
        v_where := 'false';
    end if;
    return v_where;
end
$$;
comment on function pollux.audit_where(jsonb) is
    'SQL condition on a row of the audit for the filters actor, action (all below it, too: those that go on with a dot), '
    'subject, from, to.';

create or replace function admin.console_audit_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.page_of('pollux.audit', pollux.audit_where(p), pollux.param_cursor(p), pollux.param_number(p, 'limit', 50, 1, 500))
$$;
comment on function admin.console_audit_list(jsonb) is
    'A list (see console.h), newest first. Filters: actor, action (credential, or credential.disable), subject, from, '
    'to. Items: {id, at, actor, remote, action, subject, before, after}.';

create or replace function admin.console_event_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.page_of('pollux.event', case when pollux.param_text(p, 'kind') is null then 'true' else format('kind = %L', p ->> 'kind') end, pollux.param_cursor(p),
                          pollux.param_number(p, 'limit', 50, 1, 500))
$$;
comment on function admin.console_event_list(jsonb) is
    'A list (see console.h), newest first: what happened by itself. Filter: kind. Items: {id, at, kind, detail}.';

-------------------------------------------------------------------------------------------------------- bans

create or replace function admin.console_ban_list(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_items jsonb := admin.ban_list(v_limit::integer, pollux.param_cursor(p) ->> 0);
begin
    return jsonb_build_object(
        'items', v_items, 'next', case when jsonb_array_length(v_items) = v_limit
                                       then jsonb_build_array(v_items -> -1 ->> 'net')::text end,
        'total', (select count(*) from pollux.ban where ends_at > pollux.now()), 'total_exact', true);
end
$$;
comment on function admin.console_ban_list(jsonb) is 'A list (see console.h). Items as in admin.ban_list.';

create or replace function admin.console_ban_add(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.ban_add(pollux.param_text(p, 'net', 60, true), pollux.param_text(p, 'reason'), pollux.param_time(p, 'ends_at'))
$$;
comment on function admin.console_ban_add(jsonb) is 'p: {net, reason, ends_at}. Answers the ban as in the list.';

create or replace function admin.console_ban_lift(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.ban_lift(pollux.param_text(p, 'net', 60, true))
$$;
comment on function admin.console_ban_lift(jsonb) is 'p: {net}. Answers the ban as it was.';

------------------------------------------------------------------------------------------------------ system

create or replace function pollux.count_sizes() returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'database_bytes', pg_database_size(current_database()),
        'tables', (select coalesce(jsonb_agg(to_jsonb(t) order by t.bytes desc), '[]') from (
            select coalesce(i.inhparent, c.oid)::regclass::text as name, sum(pg_total_relation_size(c.oid)) as bytes,
                   sum(greatest(c.reltuples, 0))::bigint as rows
            from pg_class c left join pg_inherits i on i.inhrelid = c.oid
            where c.relnamespace = 'pollux'::regnamespace and c.relkind = 'r'
            group by 1 order by 2 desc limit 12) t))
$$;
comment on function pollux.count_sizes() is 'How large the database is, and its largest tables (rows: estimates).';

create or replace function admin.console_system_get(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'now', pollux.now(), 'time_zone', pollux.setting('time_zone'), 'database', current_database(),
        'postgresql', current_setting('server_version'), 'started_at', pg_postmaster_start_time(),
        'in_recovery', pg_is_in_recovery(),
        'connections', (select count(*) from pg_stat_activity where datname = current_database()),
        'max_connections', current_setting('max_connections')::integer,
        'maintained_by', pollux.maintained_by(), 'cron', pollux.cron_scheduled(),
        'migrations', (select jsonb_agg(jsonb_build_object('number', number, 'name', name, 'applied_at', applied_at)
                                        order by number) from pollux.migration),
        'workers', (select coalesce(jsonb_agg(to_jsonb(w) order by w.host, w.started_at desc), '[]') from (
            select * from report.workers where state in ('alive', 'silent')
            union all
            (select * from report.workers where state not in ('alive', 'silent') order by beat_at desc limit 20)) w),
        'hosts', (select coalesce(jsonb_agg(to_jsonb(h) order by h.workers = 0, h.host), '[]') from report.hosts h),
        'folders', pollux.doctor_folders(),
        'queues', jsonb_build_object(
            'open_requests', (select count(*) from pollux.open_request),
            'waiting_requests', (select count(*) from pollux.waiter where lease_until > pollux.now()),
            'jobs', (select count(*) from pollux.job where done_at is null)),
        'partitions', (select count(*) from report.partitions),
        'sessions', (select count(*) from pollux.session))
        || pollux.console_cached('sizes')
$$;
comment on function admin.console_system_get(jsonb) is
    '{now, time_zone, database, postgresql, started_at, in_recovery, connections, max_connections, maintained_by, '
    'cron, migrations: [{number, name, applied_at}], workers: as report.workers, those that are gone at most 20, '
    'hosts: as report.hosts, folders: as pollux.doctor_folders(), queues: {open_requests, waiting_requests, jobs}, partitions, sessions, database_bytes, tables: [{name, bytes, rows}]}.';

create or replace function admin.console_folder_sync(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_place text := pollux.param_text(p, 'place', 2000, true);
begin
    if not exists (select from pollux.keys_folder where place = v_place) then
        return null;
    end if;
    perform pollux.audit(null, 'folder.sync', v_place, null, null);
    return jsonb_build_object('place', v_place, 'job', admin.keys_folder_sync(v_place));
end
$$;
comment on function admin.console_folder_sync(jsonb) is
    'p: {place}. Has a folder with keys read at once, by a worker of its host: {place, job: its id}.';

create or replace function admin.console_folder_forget(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.keys_folder_forget(pollux.param_text(p, 'place', 2000, true))
$$;
comment on function admin.console_folder_forget(jsonb) is 'p: {place}. As admin.keys_folder_forget().';

create or replace function admin.console_pool_reset(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_done jsonb := admin.reset_all();
begin
    perform pollux.audit(null, 'pool.reset', null, null, v_done);
    return v_done;
end
$$;
comment on function admin.console_pool_reset(jsonb) is 'Ends everything automatic; answers what admin.reset_all() does.';

------------------------------------------------------------------------------------------- tokens of programs

create or replace function admin.console_token_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', admin.token_list())
$$;
comment on function admin.console_token_list(jsonb) is '{items: as in admin.token_list}.';

create or replace function admin.console_token_add(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.token_add(pollux.param_text(p, 'name', 100, true), p ->> '_hash', p ->> '_hint',
                           coalesce(pollux.param_text(p, 'role'), 'viewer'), pollux.param_time(p, 'expires_at'))
$$;
comment on function admin.console_token_add(jsonb) is
    'p: {name, role: metrics | viewer | operator | owner, expires_at}; the worker makes the token and adds it to the answer: '
    'the token as in the list.';

create or replace function admin.console_token_revoke(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.token_revoke(id::text) from pollux.admin_token where id::text = p ->> 'id'
$$;
comment on function admin.console_token_revoke(jsonb) is 'p: {id}. Answers the token as in the list; null if there is none.';
