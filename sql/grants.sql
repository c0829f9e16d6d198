-- SPDX-License-Identifier: MIT
-- Grants: the application may execute api.*, readers may read report.*; nobody else may anything.

revoke all on schema pollux, api, admin, report from public;
revoke all on all routines in schema pollux, api, admin from public;
revoke all on all tables in schema pollux, report from public;
alter default privileges in schema pollux revoke execute on functions from public;
alter default privileges in schema api revoke execute on functions from public;
alter default privileges in schema admin revoke execute on functions from public;

do $$
begin
    if exists (select from pg_roles where rolname = 'pollux_app') then
        revoke all on all routines in schema pollux, admin from pollux_app;
        revoke all on all tables in schema pollux, report from pollux_app;
        grant usage on schema api to pollux_app;
        grant execute on all functions in schema api to pollux_app;
    end if;
    if exists (select from pg_roles where rolname = 'pollux_read') then
        grant usage on schema report to pollux_read;
        grant select on all tables in schema report to pollux_read;
    end if;
end
$$;

-- Views read with the rights of their owner, but functions in them run with those of the reader: these few,
-- which take values and give values, are open to readers. Their schema is not, so they cannot be called by
-- name.
do $$
declare
    v_function regprocedure;
begin
    if exists (select from pg_roles where rolname = 'pollux_read') then
        for v_function in
                select p.oid from pg_proc p
                where p.pronamespace = 'pollux'::regnamespace
                  and p.proname in ('now', 'pacific_date', 'pacific_midnight', 'second_of', 'window_sum',
                                    'client_today',
                                    'quota_limit', 'quota_today', 'report_moment', 'usage_rest',
                                    'usage_rest_brief', 'model_counts',
                                    'local_date', 'histogram_sum', 'percentile', 'chore_next_at',
                                    'maintained_by', 'cost', 'job_state',
                                    'credential_state', 'metrics') loop
            execute format('grant execute on function %s to pollux_read', v_function);
        end loop;
    end if;
end
$$;
