-- SPDX-License-Identifier: MIT
-- Partition: the log has one per day (UTC), made days ahead and dropped when they are too old.
set check_function_bodies = off;

create or replace function pollux.partition_make(p_table text, p_day date) returns boolean
language plpgsql volatile as $$
declare
    v_name text := format('%s_%s', p_table, to_char(p_day, 'YYYYMMDD'));
    v_from timestamptz := p_day::timestamp at time zone 'UTC';
    v_to timestamptz := (p_day + 1)::timestamp at time zone 'UTC';
begin
    if to_regclass('pollux.' || v_name) is not null then
        return false;
    end if;
    execute format('create table pollux.%I (like pollux.%I including defaults including constraints)',
                   v_name, p_table);
    execute format('comment on table pollux.%I is %L', v_name, format('Log of %s (UTC).', p_day));
    execute format('with moved as (delete from pollux.%I where started_at >= %L and started_at < %L '
                   'returning *) insert into pollux.%I select * from moved',
                   p_table || '_default', v_from, v_to, v_name);
    execute format('alter table pollux.%I attach partition pollux.%I for values from (%L) to (%L)',
                   p_table, v_name, v_from, v_to);
    return true;
end
$$;
comment on function pollux.partition_make(text, date) is
    'Makes the partition of a day, with the rows of that day from the default partition. False if it is '
    'there.';

create or replace function pollux.partition_ahead(p_days integer) returns integer
language sql volatile as $$
    select coalesce(sum(pollux.partition_make(t, (pollux.now() at time zone 'UTC')::date + d)::integer),
                    0)::integer
    from unnest(array['request', 'attempt']) t, generate_series(0, p_days) d
$$;
comment on function pollux.partition_ahead(integer) is
    'Makes the partitions of today and that many days more. Answers how many were new.';

create or replace function pollux.partition_oldest() returns date
language sql stable as $$
    select least((pollux.now() at time zone 'UTC')::date - pollux.setting('retention_days')::integer,
                 (pollux.usage_rolled() at time zone 'UTC')::date - 1)
$$;
comment on function pollux.partition_oldest() is
    'The first day whose log is kept: retention_days back, or further until all of it is in usage_hour (what '
    'began on a day may end on the next).';

create or replace function pollux.partition_drop() returns integer
language plpgsql volatile as $$
declare
    v_oldest date := pollux.partition_oldest();
    v_name text;
    v_dropped integer := 0;
begin
    perform pollux.usage_fold(v_oldest::timestamp at time zone 'UTC');
    for v_name in
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent in ('pollux.request'::regclass, 'pollux.attempt'::regclass)
              and c.relname ~ '_[0-9]{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') < v_oldest
            order by c.relname loop
        execute format('drop table pollux.%I', v_name);
        v_dropped := v_dropped + 1;
    end loop;
    return v_dropped;
end
$$;
comment on function pollux.partition_drop() is
    'Drops partitions of days whose log is not kept any more. Answers how many.';

-- What was settled so late that the partition of its day was gone lies in the default one.
create or replace function pollux.partition_trim() returns integer
language plpgsql volatile as $$
declare
    v_before timestamptz := pollux.partition_oldest()::timestamp at time zone 'UTC';
    v_rows integer;
begin
    delete from pollux.request_default where started_at < v_before and ended_at < pollux.usage_rolled();
    get diagnostics v_rows = row_count;
    delete from pollux.attempt_default where started_at < v_before;
    return v_rows;
end
$$;
comment on function pollux.partition_trim() is
    'Deletes the late ones of days whose log is not kept any more. Answers how many requests.';

create or replace function pollux.partition_keep() returns text
language plpgsql volatile as $$
declare
    v_made integer := pollux.partition_ahead(7);
    v_dropped integer := pollux.partition_drop();
begin
    return format('made: %s, dropped: %s, late requests deleted: %s', v_made, v_dropped, pollux.partition_trim());
end
$$;
comment on function pollux.partition_keep() is
    'Partitions for the next seven days; those older than retention_days go. Says how many.';

-- The first days, at once.
select pollux.partition_ahead(7);
