-- SPDX-License-Identifier: MIT
-- Jobs: asked for once, taken by one, taken again when their worker died, tried again when they failed.
create function pg_temp.a() returns uuid language sql as $$ select '00000000-0000-0000-0000-00000000aaaa'::uuid $$;
create function pg_temp.b() returns uuid language sql as $$ select '00000000-0000-0000-0000-00000000bbbb'::uuid $$;
create function pg_temp.take(p_worker uuid, p_most integer default 9, p_places text[] default '{}') returns text language sql as $$
    select coalesce(string_agg(j ->> 'id', ' ' order by n), '')
    from jsonb_array_elements(api.job_take(p_worker, '{probe,refresh,keys_folder}', p_places, p_most)) with ordinality x(j, n)
$$;
create function pg_temp.state(p_id bigint) returns text language sql as $$ select admin.job_get(p_id) ->> 'state' $$;

select test.is('a job', pollux.job_enqueue('probe', '7', '{"model": "m"}', null), 1::bigint);
select test.is('asked for again it is the same', pollux.job_enqueue('probe', '7', '{"manual": true}', pollux.now() + interval '1 hour'), 1::bigint);
select test.is('with both details', (select detail from pollux.job), '{"model": "m", "manual": true}');
select test.is('and the earlier time', (select due_at from pollux.job), pollux.now());
select test.is('another subject, another job', pollux.job_enqueue('probe', '8', null, pollux.now() + interval '1 minute') <> 1, true);
select test.is('a kind that nobody knows', pollux.job_enqueue('other', '', null, null) > 0, true);
select test.is('one that is due is taken', pg_temp.take(pg_temp.a()), '1');
select test.is('by one', pg_temp.take(pg_temp.b()), '');
select test.is('it runs', pg_temp.state(1), 'running');
select test.is('asked for while it runs it is still the same', pollux.job_enqueue('probe', '7', '{"late": true}', null), 1::bigint);
select test.is('and stays as it was', (select detail from pollux.job where id = 1), '{"model": "m", "manual": true}');
select test.is('not by another worker is it done', api.job_done(pg_temp.b(), 1, 1, true, '{}'), false);
select test.is('but by its own', api.job_done(pg_temp.a(), 1, 1, true, '{"status": 200}'), true);
select test.is('once', api.job_done(pg_temp.a(), 1, 1, true, '{}'), false);
select test.is('it is done', pg_temp.state(1) || ' ' || (admin.job_get(1) -> 'result' ->> 'status'), 'done 200');
select test.is('asked for again it is a new one', pollux.job_enqueue('probe', '7', null, null) > 1, true);

select test.reset();
select pollux.job_enqueue('probe', '1', null, null);
select pg_temp.take(pg_temp.a());
select test.later('15 seconds');
select api.job_hold(pg_temp.a(), '{1}');
select test.later('15 seconds');
select test.is('a lease that is prolonged holds', pg_temp.take(pg_temp.b()), '');
select api.job_hold(pg_temp.b(), '{1}');
select test.later('6 seconds');
select test.is('one that is not is over after 20 s: its worker died', pg_temp.take(pg_temp.b()), '1');
select test.is('who comes back late writes nothing', api.job_done(pg_temp.a(), 1, 1, true, '{}'), false);
select api.job_hold(pg_temp.a(), '{1}');
select test.is('a failure waits', api.job_done(pg_temp.b(), 1, 2, false, '{"error": "x"}'), true);
select test.is('twenty seconds the second time', pg_temp.state(1) || ' ' || extract(epoch from (select due_at from pollux.job) - pollux.now())::int, 'waiting 20');
select test.is('is not taken at once', pg_temp.take(pg_temp.a()), '');
select test.later('20 seconds');
select test.is('but then', pg_temp.take(pg_temp.a()), '1');
select api.job_leave(pg_temp.a());
select test.is('who ends well leaves it to the others', pg_temp.take(pg_temp.b()), '1');
select test.is('and it has cost no attempt', (select attempts from pollux.job), 3);
select api.job_done(pg_temp.b(), 1, 3, false, '{}');
do $$ begin
    for i in 4..8 loop
        perform test.later('2 hours');
        perform pg_temp.take(pg_temp.b());
        perform api.job_done(pg_temp.b(), 1, i, false, '{"error": "still"}');
    end loop;
end $$;
select test.is('after eight failures it is given up', pg_temp.state(1), 'failed');
select test.is('and remembered for a while', pollux.job_expire(), 0);
select test.later('73 hours');
select test.is('then forgotten', pollux.job_expire(), 1);

select test.reset();
select pollux.job_enqueue('probe', n::text, null, pollux.now() - n * interval '1 minute') from generate_series(1, 3) n;
select pollux.job_enqueue('probe', 'asked', null, '-infinity');
select test.is('what an operator asks for comes first, then what waits longest', pg_temp.take(pg_temp.a(), 2), '4 3');
select pollux.job_enqueue('keys_folder', '/elsewhere', null, null);
select pollux.job_enqueue('keys_folder', '/here', null, null);
select test.is('a folder is read where it is', pg_temp.take(pg_temp.a(), 9, '{/here}'), '2 1 6');
select test.is('all of them can be seen', (select string_agg(state, ' ' order by id) from report.job_queue), 'running running running running waiting running');

select test.reset();
select pollux.job_enqueue('probe', '1', null, null), pollux.job_enqueue('refresh', '1', null, null),
       pollux.job_enqueue('probe', '2', null, pollux.now() + interval '1 hour');
select test.is('where no worker lives nobody does what is due', admin.jobs_left(''), '2');
select test.is('the folder of this host is read when it is time', admin.jobs_left('here:/keys'), '3');
select test.is('those of other hosts wait for them', admin.jobs_left('there:/keys'), '3');
select api.beat(pg_temp.a(), '{}');
select test.is('with a worker nothing is left over', admin.jobs_left(''), '0');
select test.later('16 seconds');
select test.is('until it is silent', admin.jobs_left(''), '2');
select api.beat(pg_temp.b(), '{}');
select api.bye(pg_temp.b());
select test.is('or has left', admin.jobs_left(''), '2');
