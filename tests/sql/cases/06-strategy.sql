-- SPDX-License-Identifier: MIT
-- The four strategies.
select test.keys(1, 4);
select admin.model_set('m', '{"rpd": 100}');
select test.go(8);
update pollux.quota set day_requests = 90 where project_id = 1;
update pollux.quota set day_requests = 80 where project_id = 2;
create function pg_temp.first() returns text language sql as $$ select test.ask1() ->> 'project_id' $$;
select test.ok('remaining: the one with most left of the day', (select bool_and(pg_temp.first() in ('3', '4')) from generate_series(1, 20)));
select admin.setting_set('strategy', 'round-robin');
create temporary table used (project text);
do $$ begin for i in 1..12 loop perform test.later('1 second'); insert into used select pg_temp.first(); end loop; end $$;
select test.is('round-robin: each in its turn', (select string_agg(n::text, ' ') from (select count(*) as n from used group by project) u), '3 3 3 3');
select admin.setting_set('strategy', 'token-bucket');
select admin.model_set('m', '{"rpm": 1000, "rpd": null}');
update pollux.quota set seconds = array[pollux.second_of(pollux.now())], starts = '{990}', tokens = '{0}' where project_id <> 4;
update pollux.quota set seconds = '{}', starts = '{}', tokens = '{}' where project_id = 4;
select test.ok('token-bucket: mostly the one with most left this minute',
               (select count(*) > 35 from generate_series(1, 50) where pg_temp.first() = '4'));
select test.reset();
select test.keys(1, 2, null, 100), test.keys(3, 4, null, 5), test.keys(5, 5, null, 200);
select admin.model_set('m', '{"rpm": 2}');
select test.go(1);
select admin.setting_set('strategy', 'priority');
update pollux.quota set seconds = '{}', starts = '{}', tokens = '{}';
select test.is('priority: the lowest number first, until it is spent',
               (select string_agg(a ->> 'project_id', ' ' order by i) from
                   (select i, test.ask1() as a from generate_series(1, 10) i) x) ~ '^([34] ){4}([12] ){4}5 5$', true);
select test.later('70 seconds');
select test.is('in one batch too', (select string_agg(a ->> 'project_id', ' ' order by a ->> 'project_id')
    from jsonb_array_elements(test.ask((select jsonb_agg(test.wish()) from generate_series(1, 9)))) a),
    '1 1 2 2 3 3 4 4 5');
select test.later('70 seconds');
update pollux.quota set failures = 1, failed_at = pollux.now() - interval '1 minute' where project_id = 3;
select test.is('healthy ones before those on trial', test.ask1() ->> 'project_id', '4');
select admin.setting_set('strategy', 'remaining');
select test.is('the classes go with the strategy', (select count(distinct class) from pollux.quota), 1::bigint);
