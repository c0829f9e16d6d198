-- SPDX-License-Identifier: MIT
-- Roles: pollux_owner owns everything, pollux_app may execute api.* and nothing else, pollux_read reads
-- report.*. Where the connection may not create roles (shared hosting) everything works with its one role.

do $$
declare
    wanted record;
begin
    for wanted in
        values ('pollux_owner', 'Owns the schemas of Pollux; migrates them and runs the command line'),
               ('pollux_app', 'The workers: may execute api.*, nothing else'),
               ('pollux_read', 'People and dashboards: may read the views in schema report, nothing else')
    loop
        if not exists (select from pg_roles where rolname = wanted.column1) then
            execute format('create role %I login', wanted.column1);
            execute format('comment on role %I is %L', wanted.column1, wanted.column2);
        end if;
    end loop;
exception when insufficient_privilege then
    raise notice 'no right to create roles: everything will work with the role of this connection';
end
$$;

-- A statement that hangs must not hang its worker; a forgotten transaction must not hold back the vacuum.
do $$
begin
    alter role pollux_app set jit = off;
    alter role pollux_app set statement_timeout = '30s';
    alter role pollux_app set lock_timeout = '10s';
    alter role pollux_app set idle_in_transaction_session_timeout = '30s';
    alter role pollux_read set default_transaction_read_only = on;
    alter role pollux_read set statement_timeout = '60s';
    alter role pollux_read set idle_in_transaction_session_timeout = '60s';
exception when insufficient_privilege or undefined_object then
    raise notice 'settings of the roles stay as they are: %', sqlerrm;
end
$$;
