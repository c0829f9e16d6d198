-- SPDX-License-Identifier: MIT
-- Histogram: how many took how long, in a few numbers that can be added up.
--
-- A histogram is an array of 21 counts. The first counts what took up to the first bound, the second what took
-- longer than that and up to the second bound, ..., the last what took longer than the last bound. An empty
-- array is a histogram of nothing. The bounds never change: rows of years ago have to stay comparable.
set check_function_bodies = off;

create or replace function pollux.histogram_bounds() returns bigint[]
language sql immutable as $$
    select '{50,100,200,300,500,750,1000,1500,2000,3000,5000,7500,10000,15000,20000,30000,45000,60000,120000,
             300000}'::bigint[]
$$;
comment on function pollux.histogram_bounds() is 'The upper bounds of a histogram''s ranges but the last, ms.';

create or replace function pollux.histogram_range(p_ms bigint) returns integer
language sql immutable as $$ select width_bucket(p_ms - 1, pollux.histogram_bounds()) + 1 $$;
comment on function pollux.histogram_range(bigint) is
    'The range, 1 to 21, that so many milliseconds lie in: up to and including its bound.';

create or replace function pollux.histogram_count(p_histogram bigint[], p_range integer, p_more bigint)
returns bigint[]
language plpgsql immutable as $$
begin
    if p_range is null or p_more is null then
        return p_histogram;
    end if;
    if p_histogram = '{}' then
        p_histogram := array_fill(0, array[cardinality(pollux.histogram_bounds()) + 1]);
    end if;
    p_histogram[p_range] := p_histogram[p_range] + p_more;
    return p_histogram;
end
$$;
comment on function pollux.histogram_count(bigint[], integer, bigint) is
    'The histogram with so many more in a range; a null range changes nothing.';

create or replace function pollux.histogram_add(p_one bigint[], p_other bigint[]) returns bigint[]
language plpgsql immutable as $$
begin
    if coalesce(p_one, '{}') = '{}' then
        return coalesce(p_other, '{}');
    elsif coalesce(p_other, '{}') = '{}' then
        return p_one;
    end if;
    for i in 1..cardinality(p_one) loop
        p_one[i] := p_one[i] + p_other[i];
    end loop;
    return p_one;
end
$$;
comment on function pollux.histogram_add(bigint[], bigint[]) is 'Two histograms added up.';

create or replace aggregate pollux.histogram(integer, bigint) (
    sfunc = pollux.histogram_count, stype = bigint[], initcond = '{}'
);
comment on aggregate pollux.histogram(integer, bigint) is 'The histogram of (range, how many).';

create or replace aggregate pollux.histogram_sum(bigint[]) (
    sfunc = pollux.histogram_add, stype = bigint[], initcond = '{}'
);
comment on aggregate pollux.histogram_sum(bigint[]) is 'Histograms added up.';

-- A loop, since a query costs ten times as much to set up, and reports ask for a thousand.
create or replace function pollux.percentile(p_histogram bigint[], p_part numeric) returns bigint
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_bounds constant bigint[] := pollux.histogram_bounds();
    v_wanted numeric := 0;
    v_before bigint := 0;
    v_low bigint;
    n bigint;
begin
    foreach n in array coalesce(p_histogram, '{}') loop
        v_wanted := v_wanted + coalesce(n, 0);
    end loop;
    v_wanted := v_wanted * p_part;
    for i in 1..coalesce(cardinality(p_histogram), 0) loop
        n := coalesce(p_histogram[i], 0);
        if n > 0 and v_before + n >= v_wanted then
            v_low := coalesce(v_bounds[i - 1], 0);
            return round(v_low + (coalesce(v_bounds[i], v_low) - v_low) * (v_wanted - v_before) / n);
        end if;
        v_before := v_before + n;
    end loop;
    return null;
end
$$;
comment on function pollux.percentile(bigint[], numeric) is
    'That part (0.95: 95 of a hundred) took at most so many ms, as near as the ranges tell: evenly spread within '
    'each; of the last, its lower bound. Null for a histogram of nothing.';
