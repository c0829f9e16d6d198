-- SPDX-License-Identifier: MIT
-- Cron: one job of pg_cron does what is due, every minute. Without pg_cron the workers notice and do it.

do $$
begin
    if not exists (select from pg_extension where extname = 'pg_cron') then
        create extension pg_cron;
    end if;
    perform cron.schedule('pollux maintain', '* * * * *', 'call pollux.maintain(''pg_cron'')');
exception when others then
    raise notice 'no pg_cron here (%): the workers do the maintenance', sqlerrm;
end
$$;
