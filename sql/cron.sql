-- SPDX-License-Identifier: MIT
-- Cron: one job of pg_cron does what is due, every minute. Without pg_cron the workers notice and do it.

do $$
begin
    if not exists (select from pg_extension where extname = 'pg_cron') then
        if current_setting('shared_preload_libraries') not like '%pg_cron%' then
            raise notice 'pg_cron is not loaded: the workers will do the maintenance';
            return;
        end if;
        create extension pg_cron;
    end if;
    if current_database() <> current_setting('cron.database_name') then
        raise notice 'pg_cron works in database %: the workers will do the maintenance', current_setting('cron.database_name');
        return;
    end if;
    perform cron.schedule('pollux maintain', '* * * * *', 'select pollux.maintain()');
exception when others then
    raise notice 'pg_cron cannot be used (%): the workers will do the maintenance', sqlerrm;
end
$$;
