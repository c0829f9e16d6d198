-- SPDX-License-Identifier: MIT
-- Window: how much happened in the last minute, exactly, in a few words per row.
--
-- A window is two arrays of the same length: `seconds`, ascending, in which something happened, and
-- `total`, how much had happened up to and including each of them since counting began. What happened after
-- second S is the last total minus the total at S, found by binary search (width_bucket). Seconds that left
-- the window are cut off, but for the last of them, from which the rest is counted. Nothing here loops, so
-- a busy row costs no more than an idle one.
set check_function_bodies = off;

create or replace function pollux.window_sum(p_seconds bigint[], p_total bigint[], p_since bigint)
returns bigint
language sql immutable as $$
    select coalesce(p_total[cardinality(p_total)], 0)
           - coalesce(p_total[width_bucket(p_since, p_seconds)], 0)
$$;
comment on function pollux.window_sum(bigint[], bigint[], bigint) is
    'How much happened after second p_since.';

create or replace function pollux.window_second(p_seconds bigint[], p_second bigint) returns bigint
language sql immutable as $$ select greatest(p_second, p_seconds[cardinality(p_seconds)]) $$;
comment on function pollux.window_second(bigint[], bigint) is
    'The second to count in: the clock may have been set back.';

create or replace function pollux.window_seconds(p_seconds bigint[], p_second bigint, p_since bigint)
returns bigint[]
language sql immutable as $$
    select case when p_seconds[cardinality(p_seconds)] >= p_second
                then p_seconds[greatest(width_bucket(p_since, p_seconds), 1):]
                else p_seconds[greatest(width_bucket(p_since, p_seconds), 1):] || p_second end
$$;
comment on function pollux.window_seconds(bigint[], bigint, bigint) is
    'The seconds after something happened in p_second; what p_since and before does not need is cut off.';

create or replace function pollux.window_total(
    p_seconds bigint[], p_total bigint[], p_second bigint, p_since bigint, p_more bigint
) returns bigint[]
language sql immutable as $$
    select case when p_seconds[cardinality(p_seconds)] >= p_second
                then p_total[greatest(width_bucket(p_since, p_seconds), 1):cardinality(p_total) - 1]
                else p_total[greatest(width_bucket(p_since, p_seconds), 1):] end
           || coalesce(p_total[cardinality(p_total)], 0) + p_more
$$;
comment on function pollux.window_total(bigint[], bigint[], bigint, bigint, bigint) is
    'The totals after p_more happened in p_second; goes with window_seconds.';

create or replace function pollux.window_free_after(p_seconds bigint[], p_total bigint[], p_limit bigint)
returns bigint
language sql immutable as $$
    select p_seconds[width_bucket(p_total[cardinality(p_total)] - p_limit, p_total) + 1]
$$;
comment on function pollux.window_free_after(bigint[], bigint[], bigint) is
    'When that second has left the window, less than p_limit is in it. Null: never (p_limit is 0).';

create or replace function pollux.window_shift(
    p_seconds bigint[], p_total bigint[], p_when bigint[], p_more bigint[]
) returns bigint[]
language plpgsql immutable as $$
declare
    v_more bigint := 0;
    v_next integer := 1;
begin
    for i in width_bucket(p_when[1] - 1, p_seconds) + 1 .. cardinality(p_seconds) loop
        while p_when[v_next] <= p_seconds[i] loop
            v_more := v_more + p_more[v_next];
            v_next := v_next + 1;
        end loop;
        p_total[i] := p_total[i] + v_more;
    end loop;
    return p_total;
end
$$;
comment on function pollux.window_shift(bigint[], bigint[], bigint[], bigint[]) is
    'The totals after it turned out that p_more[i] more (or less) had happened in second p_when[i]; these '
    'are in ascending order, one at least.';
