-- SPDX-License-Identifier: MIT
-- First come first served, also between batches; places are leases.
select test.keys(1, 1);
select admin.model_set('m', '{"rpm": 2}');
create function pg_temp.told(p_answer jsonb) returns text language sql as $$
    select concat_ws(' ', p_answer ->> 'verdict', p_answer ->> 'reason')
$$;
select test.go(2);
create temporary table old (id uuid, n integer);
insert into old select gen_random_uuid(), i from generate_series(1, 2) i;
create function pg_temp.old(p_n integer, p_since integer) returns text language sql as $$
    select pg_temp.told(test.ask1('m', jsonb_build_object('id', id, 'since_ms', p_since))) from old where n = p_n
$$;
select test.is('nothing left: they wait', pg_temp.old(1, 0) || ', ' || pg_temp.old(2, 0), 'wait quota, wait quota');
select test.at(pollux.now() + interval '60.5 seconds');
select test.is('they ask again now and then', pg_temp.old(1, 60500) || ', ' || pg_temp.old(2, 60500), 'wait quota, wait quota');
select test.at(pollux.now() + interval '1.5 seconds');
select test.is('a young one does not overtake', pg_temp.told(test.ask1()), 'wait turn');
select test.is('the old ones go', pg_temp.old(2, 62000) || ', ' || pg_temp.old(1, 62000), 'go, go');
select test.is('their places are free', (select count(*) from pollux.waiter where id in (select id from old)), 0::bigint);
delete from pollux.waiter;
select test.later('62 seconds');
select pg_temp.old(1, 100);
select test.go(2);
delete from pollux.waiter;
-- who does not ask again loses its place
update old set id = gen_random_uuid();
select test.is('two wait', pg_temp.old(1, 0) || ', ' || pg_temp.old(2, 0), 'wait quota, wait quota');
select test.later('62 seconds');
select test.is('a lease that has run out keeps nobody', test.go(1), 1::bigint);
-- a request that waits for a project of its own does not keep others from the rest
select test.reset();
select test.keys(1, 2);
select admin.model_set('m', '{"rpm": 1}');
select test.ask1('m', '{"credential": 1}');
select test.is('pinned to a spent project', pg_temp.told(test.ask1('m', '{"credential": 1}')), 'wait quota');
select test.is('others take the other project', pg_temp.told(test.ask1()), 'go');
select test.later('61 seconds');
insert into old values ('44444444-4444-4444-4444-444444444444', 9);
select test.ask1('m', jsonb_build_object('id', id, 'credential', 1)) from old where n = 9;
select test.later('1 second');
select test.is('both are ready: the younger gets the one that the pinned one does not need', test.ask1() ->> 'project_id', '2');
select test.is('and the next none', pg_temp.told(test.ask1()), 'wait turn');
select test.is('the pinned one goes', pg_temp.told(test.ask1('m', jsonb_build_object('id', id, 'credential', 1, 'since_ms', 1000))), 'go') from old where n = 9;
-- settlement of a request that gave up waiting
delete from pollux.waiter;
select test.ask1('m', '{"id": "55555555-5555-5555-5555-555555555555"}');
select test.is('it waits', (select count(*) from report.waiting_requests), 1::bigint);
select test.settle('[{"id": "55555555-5555-5555-5555-555555555555", "outcome": "exhausted", "status": 429, "attempts": []}]');
select test.is('settled: its place is free', (select count(*) from report.waiting_requests), 0::bigint);

-- concurrency
select test.reset();
select test.keys(1, 3);
select admin.model_set('c', '{"max_concurrency": 4}');
create temporary table p as select jsonb_array_elements(test.ask((select jsonb_agg(test.wish('c')) from generate_series(1, 6)))) as permit;
select test.is('four at a time', (select string_agg(pg_temp.told(permit), ', ' order by permit ->> 'verdict') from p), 'go, go, go, go, wait concurrency, wait concurrency');
select test.is('other models are free', test.go(9, 'm'), 9::bigint);
delete from pollux.waiter;
select test.end(permit) from (select permit from p where permit ->> 'verdict' = 'go' limit 1) x;
select test.is('one ended, one may begin', test.go(3, 'c'), 1::bigint);
delete from pollux.waiter;
select test.is('a second attempt keeps its place', pg_temp.told(test.ask1('c', jsonb_build_object('id', permit -> 'id', 'attempt', 2)))
    , 'go') from (select permit from p join pollux.open_request o on o.id = (permit ->> 'id')::uuid limit 1) x;
select admin.model_set('c', '{"max_concurrency": null}');
select test.is('no limit any more', test.go(9, 'c'), 9::bigint);
select admin.model_set('c', '{"max_concurrency": 5}');
select test.is('those that are open count', test.go(1, 'c'), 0::bigint);
