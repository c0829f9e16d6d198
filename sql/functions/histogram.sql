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

create or replace function pollux.percentile(p_histogram bigint[], p_part numeric) returns bigint
language sql immutable security definer set search_path = pg_catalog, pg_temp as $$
    with parts as (
        select i, n, sum(n) over (order by i) as upto, sum(n) over () as total, b as low, h as high
        from unnest(p_histogram, 0::bigint || pollux.histogram_bounds(),
                    pollux.histogram_bounds()) with ordinality x(n, b, h, i)
    )
    select round(low + (coalesce(high, low) - low) * (total * p_part - (upto - n)) / n)
    from parts where n > 0 and upto >= total * p_part order by i limit 1
$$;
comment on function pollux.percentile(bigint[], numeric) is
    'That part (0.95: 95 of a hundred) took at most so many ms, as near as the ranges tell: evenly spread within '
    'each; of the last, its lower bound. Null for a histogram of nothing.';
