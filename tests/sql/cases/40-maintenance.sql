-- SPDX-License-Identifier: MIT
-- Maintenance: what is due, when, by whom, once.
create function pg_temp.ran(p_name text) returns text language sql as $$
    select to_char(last_run at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from report.jobs where name = p_name
$$;
create function pg_temp.zone(p_zone text) returns void language plpgsql as $$
begin
    perform test.reset();
    perform admin.setting_set('time_zone', p_zone);
end $$;
-- Has the other jobs rest: they are not looked at, and take their time.
create function pg_temp.only(p_names text[]) returns void language sql as $$
    update pollux.chore set started_at = 'infinity', done_day = 'infinity' where name <> all (p_names)
$$;
-- The moments (UTC) at which a chore begins while pg_cron comes by every p_step from p_from to p_to.
create procedure pg_temp.watch(p_name text, p_from timestamptz, p_to timestamptz, p_step interval, inout p_seen text default '')
language plpgsql as $$
declare
    v_run text;
    v_done jsonb;
begin
    loop
        exit when p_from > p_to;
        perform test.at(p_from);
        v_done := '[]';
        call pollux.maintain('pg_cron', v_done);
        v_run := pg_temp.ran(p_name);
        if p_seen not like '%' || v_run then
            p_seen := concat_ws(', ', nullif(p_seen, ''), v_run);
        end if;
        p_from := p_from + p_step;
    end loop;
end $$;
create temp table seen (runs text);
create procedure pg_temp.see(p_name text, p_from timestamptz, p_to timestamptz, p_step interval default '30 minutes')
language plpgsql as $$
declare
    v_seen text := '';
begin
    perform pg_temp.only(array[p_name]);
    call pg_temp.watch(p_name, p_from, p_to, p_step, v_seen);
    delete from seen;
    insert into seen values (v_seen);
end $$;

create temp table done as select '[]'::jsonb as rows;
create procedure pg_temp.maintain(p_by text default 'pg_cron') language plpgsql as $$
declare
    v_done jsonb := '[]';
begin
    call pollux.maintain(p_by, v_done);
    update done set rows = v_done;
end $$;

select test.is('every job says what it does and calls what there is', (
    select string_agg(name, ' ') from pollux.chore
    where help = '' or to_regprocedure('pollux.' || call || '()') is null), null);
call pg_temp.maintain();
select test.is('at first everything is due and done', (select string_agg(x ->> 'name', ' ' order by x ->> 'name') from done, jsonb_array_elements(rows) x),
               (select string_agg(name, ' ' order by name) from report.jobs));
select test.is('without failure', (select string_agg(name || ': ' || result, ', ') from report.jobs where failed), null);
select test.is('nothing is late, each says by whom, since when, how and when next', (
    select count(*) from report.jobs where not late and done_by = 'pg_cron' and last_run = pollux.now() and duration >= '0'
                                       and result <> '' and next_due > pollux.now() and way = 'pg_cron'),
    (select count(*) from report.jobs));
call pg_temp.maintain();
select test.is('a second time nothing is', (select rows from done), '[]');
select test.later('59 seconds');
call pg_temp.maintain();
select test.is('nor 59 s later', (select rows from done), '[]');
select test.later('1 second');
call pg_temp.maintain();
select test.is('a minute later that of every minute', (select string_agg(x ->> 'name', ' ') from done, jsonb_array_elements(rows) x), 'sweep probes refreshes keep_alive meter pulse');
select test.at('2030-06-15 23:00:00+00');
call pg_temp.maintain();
select test.is('on the hour that of every hour', (select bool_or(x ->> 'name' = 'summary') from done, jsonb_array_elements(rows) x), true);
select test.is('it is due on the next', (select next_due from report.jobs where name = 'summary'), '2030-06-16 00:00+00');

-- failures
update pollux.chore set call = 'no_such_function' where name in ('cleanup', 'usage');
select test.at('2030-06-17 03:00+00');
call pg_temp.maintain();
select test.is('failures are noted and keep nobody from the rest', (select string_agg(x ->> 'name' || ' ' || (x ->> 'result'), ', ') from done, jsonb_array_elements(rows) x where (x ->> 'failed')::boolean),
               'usage function pollux.no_such_function() does not exist, cleanup function pollux.no_such_function() does not exist');
select test.is('also the last ones', (select pg_temp.ran('partitions')), '2030-06-17 03:00');
select test.later('9 minutes');
call pg_temp.maintain();
select test.is('a daily one that failed rests', (select bool_or(x ->> 'name' = 'cleanup') from done, jsonb_array_elements(rows) x), false);
select test.later('2 minutes');
call pg_temp.maintain();
select test.is('ten minutes, then it is tried again', (select bool_or(x ->> 'name' = 'cleanup') from done, jsonb_array_elements(rows) x), true);
select test.is('the first failure of each is an event, those after it are not', (select string_agg(detail ->> 'name', ' ' order by id) from report.events where kind = 'chore_failed'), 'usage cleanup');
update pollux.chore set call = case name when 'usage' then 'usage_roll' else 'clean_up' end where name in ('cleanup', 'usage');
select test.later('10 minutes');
call pg_temp.maintain();
select test.is('and done at last', (select string_agg(name, ' ') from report.jobs where failed), null);

-- daily, in the operator's zone
select pg_temp.zone('Europe/Berlin');
call pg_temp.see('removal', '2030-06-14 22:00+00', '2030-06-17 22:00+00');
select test.is('daily at 02:00 in Berlin in summer', (select runs from seen), '2030-06-14 22:00, 2030-06-15 00:00, 2030-06-16 00:00, 2030-06-17 00:00');
select pg_temp.zone('Europe/Berlin');
call pg_temp.see('removal', '2030-03-30 02:00+00', '2030-04-01 12:00+00');
select test.is('where clocks go from 02:00 to 03:00 once, at once', (select runs from seen), '2030-03-30 02:00, 2030-03-31 01:00, 2030-04-01 00:00');
select pg_temp.zone('Europe/Berlin');
call pg_temp.see('removal', '2030-10-26 02:00+00', '2030-10-28 12:00+00');
select test.is('where 02:00 comes twice once', (select runs from seen), '2030-10-26 02:00, 2030-10-27 01:00, 2030-10-28 01:00');
select pg_temp.zone('America/New_York');
call pg_temp.see('removal', '2030-11-02 12:00+00', '2030-11-04 12:00+00');
select test.is('in New York as well', (select runs from seen), '2030-11-02 12:00, 2030-11-03 07:00, 2030-11-04 07:00');
select pg_temp.zone('Asia/Kathmandu');
call pg_temp.see('cleanup', '2030-06-15 00:00+00', '2030-06-16 23:00+00', '15 minutes');
select test.is('where the hour begins at a quarter past', (select runs from seen), '2030-06-15 00:00, 2030-06-15 21:15, 2030-06-16 21:15');
select test.is('the list says when', (select every from report.jobs where name = 'cleanup'), '03:00 Asia/Kathmandu');
select test.at('2030-06-20 10:00+00');
call pg_temp.maintain();
select test.is('who was away for days does it once, late', pg_temp.ran('cleanup'), '2030-06-20 10:00');
select test.is('and is due at the usual time', (select next_due from report.jobs where name = 'cleanup'), '2030-06-20 21:15+00');
select admin.setting_set('time_zone', 'America/Los_Angeles');
select test.at('2030-06-20 23:00+00');
call pg_temp.maintain();
select test.is('moved to the other side of the world: no second time on a day', pg_temp.ran('cleanup'), '2030-06-20 10:00');

-- by whom
select test.reset();
select api.beat(test.worker(), '{"host": "h", "pid": 7}');
select test.is('it is wanted', api.chore_wanted(), true);
select api.chore();
select test.is('nobody has ever maintained: a worker begins', (select string_agg(name || ' ' || done_by || ' ' || way, ', ') from report.jobs where last_run is not null), 'sweep worker workers');
call pg_temp.maintain();
select test.is('pg_cron does the rest', (select count(*) from done, jsonb_array_elements(rows)) + 1, (select count(*) from report.jobs));
select test.is('it is in force', (select distinct way from report.jobs), 'pg_cron');
create procedure pg_temp.beats(p_seconds integer) language plpgsql as $$
begin
    for i in 1..p_seconds loop
        perform test.later('1 second');
        if i % 5 = 0 then
            perform api.beat(test.worker(), '{"host": "h", "pid": 7}');
        end if;
        if api.chore_wanted() then
            perform api.chore();
            perform api.chore();
        end if;
        commit;
    end loop;
end $$;
create temp table first_run as select pollux.now() as at;
call pg_temp.beats(299);
select test.is('pg_cron stops: for five minutes workers leave it alone', (select count(*) from report.jobs where done_by = 'worker' and last_run > (select at from first_run)), 0::bigint);
call pg_temp.beats(61);
select test.is('six minutes after it everything that became due is done', (
    select string_agg(name, ' ') from report.jobs where next_due <= pollux.now() - interval '1 minute'), null);
select test.is('that of every minute as well', (select string_agg(name, ' ') from report.jobs where done_by = 'worker'), 'sweep probes refreshes keep_alive meter usage rotation pulse');
select test.is('and who does it is said', pollux.maintained_by(), 'workers');
delete from pollux.event;
select test.later('50 minutes');
call pg_temp.beats(600);
select test.is('workers keep on: on the hour the summary, once', (select count(*) from report.events where kind = 'health'), 1::bigint);
call pg_temp.maintain();
call pg_temp.maintain();
select test.is('pg_cron is back: it does nothing twice', (select count(*) from report.events where kind = 'health'), 1::bigint);
select test.is('it is in force again', pollux.maintained_by(), 'pg_cron');
call pg_temp.maintain('pollux maintain');
select test.is('beside it the timer', pollux.maintained_by(), 'pg_cron');
select test.later('6 minutes');
call pg_temp.maintain('pollux maintain');
select test.is('alone the timer', pollux.maintained_by(), 'pollux maintain');
select test.later('6 minutes');
select test.is('nobody at all', pollux.maintained_by(), 'nobody');
select test.is('and that shows', (select bool_or(late) from report.jobs), false);
select test.later('6 minutes');
select test.is('after some more minutes as late', (select string_agg(name, ' ') from report.jobs where late), 'sweep probes refreshes keep_alive meter usage rotation pulse');

-- expiry is open to every noun
create function pollux.zebra_expire() returns integer language sql as 'select 3';
select test.is('any noun may expire', pollux.expire(), 'zebra 3');
drop function pollux.zebra_expire();

-- keep alive
select test.is('no public URL, no call', pollux.keep_alive_enqueue(), 'no public URL is set');
select admin.setting_set('public_url', 'https://pollux.example/app');
select test.at('2030-07-01 12:03:00+00');
select test.is('a public URL is called', pollux.keep_alive_enqueue(), 'enqueued');
select test.later('1 minute');
select test.is('not every minute', pollux.keep_alive_enqueue(), 'not yet');
select test.at('2030-07-01 12:10:00+00');
select test.is('but every ten', pollux.keep_alive_enqueue() || ' ' || (select count(*) from pollux.job), 'enqueued 1');
select test.is('a URL with a password is refused', test.error($$select admin.setting_set('public_url', 'https://me:secret@pollux.example/')$$) like '%does not look right%', true);

-- the summary
select test.reset();
select test.keys(1, 4);
select admin.credential_set_enabled(1, false);
select test.end(test.ask1('m', '{"credential": 2}'), 'credential_dead', '{"scope": "credential", "rest": "dead", "reason": "suspended"}');
select test.end(test.ask1('m', '{"credential": 3}'), 'ok', null);
select test.later('1 second');
select test.is('the summary', pollux.summary_note(), 'credentials ready: 2 of 4, requests: 2, errors: 1');
select test.is('is a row', (select (h.credentials, h.ready, h.dead, h.disabled, h.requests, h.errors, h.median_ms)::text from report.health_hourly h), '(4,2,1,1,2,1,25)');
select test.is('and an event', (select detail - 'median_ms' from report.events where kind = 'health'), '{"dead": 1, "ready": 2, "errors": 1, "resting": 0, "disabled": 1, "requests": 2, "credentials": 4}');
