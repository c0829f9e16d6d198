-- SPDX-License-Identifier: MIT
-- Console: figures over the whole pool, counted once for all who look.
set check_function_bodies = off;

-- What took 100 ms is counted anew after two seconds: a twentieth of one core at the most. While somebody counts,
-- the others get the figures of before. A change that is audited forgets all figures.
create or replace function pollux.console_cached(p_name text) returns jsonb
language plpgsql volatile as $$
declare
    c pollux.console_cache;
    v_began timestamptz := clock_timestamp();
begin
    select * into c from pollux.console_cache where name = p_name;
    if c.at > v_began - greatest(20 * c.took, interval '1 second')
       or c.at is not null and not pg_try_advisory_xact_lock(hashtext('pollux console ' || p_name)) then
        return c.value;
    end if;
    execute format('select coalesce(pollux.%I(), ''null'')', 'count_' || p_name) into c.value;
    insert into pollux.console_cache values (p_name, v_began, clock_timestamp() - v_began, c.value)
    on conflict (name) do update set at = excluded.at, took = excluded.took, value = excluded.value;
    return c.value;
end
$$;
comment on function pollux.console_cached(text) is 'What pollux.count_<name>() answers, or answered a little earlier.';
