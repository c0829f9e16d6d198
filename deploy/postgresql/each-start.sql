-- What only the superuser can give. `pollux migrate` does all the rest as pollux_owner.
set client_min_messages = warning;

grant pg_monitor to pollux_owner;

select 'create extension if not exists pg_cron'
where current_setting('shared_preload_libraries') like '%pg_cron%' \gexec
select 'grant usage on schema cron to pollux_owner'
where exists (select from pg_extension where extname = 'pg_cron') \gexec
