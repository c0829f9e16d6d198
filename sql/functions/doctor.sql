-- SPDX-License-Identifier: MIT
-- Doctor: what the database knows about what may be wrong, in one look. fcgi/doctor/ makes lines of it, for
-- `pollux check` and for the console.
set check_function_bodies = off;

create or replace function pollux.doctor_database() returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'version', current_setting('server_version'), 'number', current_setting('server_version_num')::integer,
        'name', current_database(), 'role', session_user, 'standby', pg_is_in_recovery(),
        'clock', extract(epoch from clock_timestamp())::float8)
$$;
comment on function pollux.doctor_database() is
    '{version, number, name, role, standby, clock: seconds since 1970}: the database, and who is connected to it.';

create or replace function pollux.doctor_roles() returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'app', app, 'reader', reader,
        'may', (select rolcreaterole or rolsuper from pg_roles where rolname = session_user),
        'app_reads', app and has_table_privilege('pollux_app', 'pollux.credential', 'select'),
        'reader_reads', reader and has_table_privilege('pollux_read', 'pollux.credential', 'select'),
        'refused', (select count(*) from pg_proc where app and pronamespace = 'api'::regnamespace
                    and not has_function_privilege('pollux_app', oid, 'execute')))
    from (select to_regrole('pollux_app') is not null, to_regrole('pollux_read') is not null) r(app, reader)
$$;
comment on function pollux.doctor_roles() is
    '{app, reader: is there such a role, may: can the role of the connection make them, app_reads, reader_reads: can it read credentials, refused: functions that the '
    'application may not execute and should}.';

create or replace function pollux.doctor_folders() returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(to_jsonb(f) || jsonb_build_object('late', coalesce(f.synced_at, '-infinity')
                              < pollux.now() - make_interval(secs => 3 * pollux.setting('keys_folder_s')::float8 + 60))
                              order by f.place), '[]')
    from report.keys_folders f
$$;
comment on function pollux.doctor_folders() is
    'The folders with keys, as in report.keys_folders, and late: three times not read when it should have been.';

create or replace function pollux.doctor_connections() returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'most', current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer,
        'used', (select count(*) from pg_stat_activity where backend_type = 'client backend'))
$$;
comment on function pollux.doctor_connections() is
    '{most: connections that the server has for all but superusers, used: how many of them there are}.';

create or replace function pollux.doctor_facts() returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'roles', pollux.doctor_roles(), 'connections', pollux.doctor_connections(), 'health', api.health(),
        'workers', (select count(*) from report.workers where state = 'alive'),
        'clients', (select count(*) from pollux.client
                    where revoked_at is null and coalesce(expires_at > m.now, true)),
        'maintenance', jsonb_build_object(
            'by', pollux.maintained_by(), 'cron', pollux.cron_scheduled(),
            'young', greatest(pg_postmaster_start_time(), (select max(applied_at) from pollux.migration))
                     > m.now - interval '5 minutes',
            'late', (select string_agg(name, ', ') from report.jobs where late))
            || coalesce((select jsonb_build_object('failed', name, 'result', result) from report.jobs
                         where failed limit 1), '{}'),
        'jobs', jsonb_build_object(
            'waiting', (select count(*) from pollux.job where done_at is null
                        and due_at < m.now - interval '5 minutes' and coalesce(lease_until < m.now, true)),
            'failed', (select count(*) from pollux.job where not ok and done_at > m.now - interval '1 day'),
            'why', (select kind || ' ' || subject || ': ' || coalesce(result ->> 'error', '') from pollux.job
                    where not ok and done_at > m.now - interval '1 day' order by done_at desc limit 1)),
        'folders', pollux.doctor_folders(),
        'longer', array(select s.name || ' (' || s.value || ' ms)' from pollux.setting s, pollux.setting t
                        where t.name = 'total_timeout_ms'
                          and s.name in ('connect_timeout_ms', 'first_byte_timeout_ms')
                          and s.value::bigint >= t.value::bigint),
        'migrations', (select count(*) from pollux.migration))
    from (select pollux.now() as now) m
$$;
comment on function pollux.doctor_facts() is
    '{roles: as doctor_roles(), connections: as doctor_connections(), health: as api.health(), workers, clients: how many are there to serve and to be served, '
    'maintenance: {by, cron, young: was it never there for five minutes, late, failed and '
    'result}, jobs: {waiting, failed, why}, folders: as doctor_folders(), '
    'longer: time-outs that end after the whole request, migrations: how many were applied}.';

-- Some by chance, and one for each master key in use.
create or replace function pollux.doctor_sample() returns jsonb
language sql volatile as $$
    with each as (
        select min(id) as id from pollux.credential where sealed is not null group by pollux.sealed_with(sealed)
    ), chance as (
        select id from pollux.credential where sealed is not null order by random() limit 50
    )
    select coalesce(jsonb_agg(jsonb_build_object('fingerprint', encode(c.fingerprint, 'hex'), 'sealed', encode(c.sealed, 'hex'))), '[]')
    from pollux.credential c where c.id in (select id from each union select id from chance)
$$;
comment on function pollux.doctor_sample() is
    'Some 50 sealed credentials, at least one for each master key in use: whether they can be opened only somebody '
    'with the key can say.';

create or replace function admin.doctor() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.doctor_facts() || jsonb_build_object('sample', pollux.doctor_sample())
$$;
comment on function admin.doctor() is 'For `pollux check`: pollux.doctor_facts() and sample, pollux.doctor_sample().';

create or replace function admin.console_check_run(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.doctor_facts()
           || jsonb_build_object('database', pollux.doctor_database(), 'sample', pollux.doctor_sample())
$$;
comment on function admin.console_check_run(jsonb) is
    'For the worker, which makes lines of it (fcgi/admin/console_check.c): what admin.doctor() answers, and database, '
    'pollux.doctor_database(). Not for the browser: it holds sealed credentials.';
