-- SPDX-License-Identifier: MIT
-- Console: figures over the whole pool, counted once for all who look.
--
-- In a small pool whoever looks counts, a twentieth of one core at the most; a change that is audited forgets what was
-- counted. In a large one that would take too long for somebody who waits: there the maintenance counts once a minute
-- (figures_keep), and a figure may be that old. How credentials that are off or refused are counted does not take long
-- and is always of this moment (credential_counts).
set check_function_bodies = off;

create or replace function pollux.pool_large() returns boolean
language sql stable as $$
    select exists (select from pg_class where oid in ('pollux.quota'::regclass, 'pollux.credential'::regclass) and reltuples > 20000)
           or pg_relation_size('pollux.credential') > 20000 * 200
$$;
comment on function pollux.pool_large() is
    'Whether there are more than 20000 credentials or quota rows, as far as PostgreSQL knows. What it does not know, in the '
    'minute after an import, shows in the size of the table: a credential takes 200 bytes and more.';

create or replace function pollux.figures_kept() returns text[]
language sql immutable as $$ select array['resting', 'capacity', 'models', 'survival'] $$;
comment on function pollux.figures_kept() is 'The figures that take the longer the larger the pool is.';

create or replace function pollux.console_count(p_name text) returns jsonb
language plpgsql volatile as $$
declare
    v_began timestamptz := clock_timestamp();
    v_value jsonb;
begin
    execute format('select coalesce(pollux.%I(), ''null'')', 'count_' || p_name) into v_value;
    if not current_setting('transaction_read_only')::boolean then
        insert into pollux.console_cache values (p_name, v_began, clock_timestamp() - v_began, v_value)
        on conflict (name) do update set at = excluded.at, took = excluded.took, value = excluded.value;
    end if;
    return v_value;
end
$$;
comment on function pollux.console_count(text) is 'What pollux.count_<name>() answers, kept for others.';

-- What took 100 ms is counted anew after two seconds. While somebody counts, the others get the figures of before.
create or replace function pollux.console_cached(p_name text) returns jsonb
language plpgsql volatile as $$
declare
    c pollux.console_cache;
    v_fresh interval;
begin
    select * into c from pollux.console_cache where name = p_name;
    v_fresh := case when p_name = any (pollux.figures_kept()) and pollux.pool_large() then interval '90 seconds'
                    else greatest(20 * c.took, interval '1 second') end;
    if c.at > clock_timestamp() - v_fresh
       or c.at is not null and (current_setting('transaction_read_only')::boolean
                                or not pg_try_advisory_xact_lock(hashtext('pollux console ' || p_name))) then
        return c.value;
    end if;
    return pollux.console_count(p_name);
end
$$;
comment on function pollux.console_cached(text) is
    'What pollux.count_<name>() answers, or answered a little earlier (for who may only read: much earlier, perhaps).';

create or replace function pollux.console_forget() returns void
language plpgsql volatile as $$
begin
    if not pollux.pool_large() then
        delete from pollux.console_cache;
    end if;
end
$$;
comment on function pollux.console_forget() is 'Something was changed: what was counted before it does not hold.';

create or replace function pollux.figures_keep() returns void
language plpgsql volatile as $$
begin
    if pollux.pool_large() then
        perform pollux.console_count(f) from unnest(pollux.figures_kept()) f;
    end if;
end
$$;
comment on function pollux.figures_keep() is 'Counts a large pool, for all who look within the next minute.';

create or replace function pollux.console_keep() returns integer
language plpgsql volatile as $$
begin
    perform pollux.use_roll();
    perform pollux.figures_keep();
    return pollux.pulse_keep();
end
$$;
comment on function pollux.console_keep() is
    'Once a minute, for the console: when credentials were last used, how a large pool is, the log by the minute. '
    'Answers how many minutes are new.';

---------------------------------------------------------------------------------------------- the last use of each

create or replace function pollux.use_make() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        insert into pollux.credential_use
        select c.id, coalesce((select max(last_used_at) from pollux.quota where project_id = c.project_id), '-infinity')
        from fresh c order by c.id
        on conflict do nothing;
        return null;
    end if;
    update pollux.credential_use
    set used_at = coalesce((select max(last_used_at) from pollux.quota where project_id = new.project_id), '-infinity')
    where credential_id = new.id;
    return null;
end
$$;
comment on function pollux.use_make() is 'Trigger: a credential that comes, or comes to another project, was used when its project was.';
create or replace trigger use_insert after insert on pollux.credential referencing new table as fresh
    for each statement execute function pollux.use_make();
create or replace trigger use_update after update of project_id on pollux.credential
    for each row when (old.project_id <> new.project_id) execute function pollux.use_make();

-- Reservations commit out of order, by a few seconds: a minute is looked at again.
create or replace function pollux.use_roll() returns bigint
language plpgsql volatile as $$
declare
    v_since timestamptz := (select max(used_at) from pollux.credential_use) - interval '1 minute';
    v_rows bigint := 0;
begin
    if pg_try_advisory_xact_lock(hashtext('pollux use')) then
        update pollux.credential_use u set used_at = x.at
        from (select project_id, max(last_used_at) as at from pollux.quota where last_used_at > v_since group by project_id) x
        join pollux.credential c using (project_id)
        where u.credential_id = c.id and u.used_at < x.at;
        get diagnostics v_rows = row_count;
    end if;
    return v_rows;
end
$$;
comment on function pollux.use_roll() is
    'Notes which credentials were used since the last time. Answers how many. It goes through the whole of pollux.quota: '
    'once a minute in a large pool, in a small one when somebody looks.';
