-- SPDX-License-Identifier: MIT
-- The window's arithmetic against counting one by one.
create temporary table happened (at bigint, n bigint);
create function pg_temp.compare() returns text language plpgsql as $$
declare
    s bigint[] := '{}'; t bigint[] := '{}'; wrong integer := 0; free_wrong integer := 0; longest integer := 0; now_ bigint := 1000;
    got bigint; want bigint; v_limit bigint; v_n bigint; free bigint;
begin
    for i in 1..3000 loop
        now_ := now_ + (array[0, 0, 0, 1, 1, 2, 5, 30, 61, 62, 200])[1 + floor(random() * 11)];
        v_n := 1 + floor(random() * 5);
        t := pollux.window_total(s, t, now_, now_ - 62, v_n);
        s := pollux.window_seconds(s, now_, now_ - 62);
        insert into happened values (now_, v_n);
        longest := greatest(longest, cardinality(s));
        for later in 0..65 by 13 loop
            got := pollux.window_sum(s, t, now_ - 62 + later);
            select coalesce(sum(n), 0) into want from happened where at > now_ - 62 + later;
            wrong := wrong + (got <> want)::integer;
        end loop;
        v_limit := 1 + floor(random() * got);
        got := pollux.window_sum(s, t, now_ - 62);
        v_limit := 1 + floor(random() * got);
        free := pollux.window_free_after(s, t, v_limit);
        select min(h.at) into want from (select at from happened where at > now_ - 62 group by at) h
        where (select coalesce(sum(n), 0) from happened where at > h.at) < v_limit;
        free_wrong := free_wrong + (free is distinct from want)::integer;
        delete from happened where at < now_ - 200;
    end loop;
    return format('%s %s %s', wrong, free_wrong, longest <= 64);
end $$;
select test.is('3000 random steps: sums, when it is free again, length', pg_temp.compare(), '0 0 t');
select test.is('nothing happened yet', pollux.window_sum('{}', '{}', 5), 0::bigint);
select test.is('a limit of 0 is never free', pollux.window_free_after('{5}', '{3}', 0), null);
select test.is('a clock that was set back counts in the last second',
               pollux.window_seconds('{10,20}', 15, 0), '{10,20}');
select test.is('and adds to it', pollux.window_total('{10,20}', '{3,5}', 15, 0, 2), '{3,7}');
select test.is('a correction moves all totals from its second on',
               pollux.window_shift('{10,20,30}', '{5,9,12}', '{20,30}', '{-3,4}'), '{5,6,13}');
select test.is('several corrections of a second, of one between two, before the first and after the last',
               pollux.window_shift('{10,20,30}', '{5,9,12}', '{3,15,20,20,31}', '{1,10,100,1000,7}'),
               '{6,1120,1123}');
select test.is('nothing is there to correct', pollux.window_shift('{}', '{}', '{3}', '{1}'), '{}');
select test.is('slots of projects differ',
               (select count(distinct pollux.quota_slot(i)) from generate_series(1, 100000) i), 100000::bigint);
