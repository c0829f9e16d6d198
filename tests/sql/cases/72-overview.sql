-- SPDX-License-Identifier: MIT
-- The console's overview: what is left of a day, what happens now, what somebody should know.
select test.keys(1, 3) \g /dev/null
select test.is('three requests are under way', test.go(3), 3::bigint);
create function pg_temp.capacity() returns jsonb language sql as $$ select (pollux.count_capacity() -> 0) - array['model', 'projects', 'today'] $$;
create function pg_temp.warning(p_id text) returns jsonb language sql as $$
    select jsonb_build_object('level', w -> 'level', 'message', w -> 'message', 'href', w -> 'href')
    from jsonb_array_elements(pollux.overview_warnings(jsonb_build_object(
        'credentials', pollux.credential_counts(), 'resting', pollux.credential_counts() -> 'reasons', 'models', pollux.count_capacity(),
        'requests', '{"failed_10_minutes": 0, "total_10_minutes": 0}'::jsonb), pollux.now())) w where w ->> 'id' = p_id
$$;
create function pg_temp.forget() returns void language sql as $$ delete from pollux.console_cache $$;

select test.is('what runs stands among the last requests', (select string_agg(r ->> 'outcome', ' ') from jsonb_array_elements(pollux.overview_recent(8)) r), 'open open open');
select test.is('no limit is known', pg_temp.capacity(), '{"ready": 3, "next_at": null, "limit": null, "left": null, "source": null, "unknown": 3, "learned": {}}');
update pollux.quota set learned_rpd = 100, learned_at = pollux.now() where project_id = 1;
select test.is('a limit that was learned, of one project of three', pg_temp.capacity(), '{"ready": 3, "next_at": null, "limit": 100, "left": 99, "source": "learned", "unknown": 2, "learned": {"rpd": [100, 100]}}');
update pollux.quota set learned_rpd = 250, learned_at = pollux.now(), ready_at = pollux.pacific_midnight(pollux.pacific_date(pollux.now()) + 1), reason = 'told_rpd' where project_id = 2;
select test.is('who rests until the day is over has nothing left of it', pg_temp.capacity(), '{"ready": 2, "next_at": null, "limit": 350, "left": 99, "source": "learned", "unknown": 1, "learned": {"rpd": [100, 250]}}');
update pollux.quota set ready_at = pollux.pacific_midnight(pollux.pacific_date(pollux.now()) + 1), reason = 'told_rpd';
select pg_temp.forget() \g /dev/null
select test.is('all rest: until when, and where they are', pg_temp.warning('none_ready') - 'message', '{"level": "bad", "href": "credentials.html?state=resting"}');
select test.ok('in words', pg_temp.warning('none_ready') ->> 'message' ~ '^No credential is ready\. Resting: 3, broken: 0, off: 0\. The first is back: 2030-06-1[56].*\.$');
select test.is('that no project is ready for a model is not told besides', pg_temp.warning('model m'), null);
select test.keys(4, 4) \g /dev/null
select pg_temp.forget() \g /dev/null
select test.is('but it is where something else is ready', pg_temp.warning('model m') ->> 'href', 'model.html?name={model}');
select test.ok('with the time', pg_temp.warning('model m') ->> 'message' ~ '^No project is ready for m\. The first is back: 2030');
update pollux.credential set enabled = false;
select pg_temp.forget() \g /dev/null
select test.is('all are off', pg_temp.warning('none_ready'), '{"level": "bad", "message": "No credential is ready. Resting: 0, broken: 0, off: 4.", "href": "credentials.html?state=disabled"}');

select admin.client_add('poor', encode(sha256('poor'), 'hex'), 'poor', null, null, 10, null, null) \g /dev/null
select admin.client_add('shut', encode(sha256('shut'), 'hex'), 'shut', null, null, 0, null, null) \g /dev/null
select test.is('a budget with something left', pg_temp.warning('budget'), null);
update pollux.client set day = pollux.pacific_date(pollux.now()), day_tokens = 10 where name = 'poor';
select test.ok('a spent one is told, with the hour it counts anew; a client that may have nothing is not', pg_temp.warning('budget') ->> 'message' ~ '^Clients that have used up their tokens of the day: poor\. They count anew: 2030-06-1[56]');
update pollux.client set revoked_at = pollux.now() where name = 'poor';
select test.is('nor is one that was revoked', pg_temp.warning('budget'), null);

insert into pollux.usage_brief (hour, client_id, model, requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens, duration_ms, first_byte_ms)
select pollux.hour_of(pollux.now()) - h * interval '1 hour', (select id from pollux.client where name = 'app'), 'm', 1, 0, 0, 0, 0, 0, 0, 70, 0, 0 from unnest(array[1, 2, 24]) h;
insert into pollux.request (id, started_at, ended_at, attempts, outcome, status, model, client_id, total_tokens)
select gen_random_uuid(), pollux.now(), pollux.now(), 1, 'ok', 200, 'm', (select id from pollux.client where name = 'app'), 5;
select test.is('tokens of today of a client without a limit: of the hours that were summed up, and of the log since', pollux.count_clients(), jsonb_build_object((select id from pollux.client where name = 'app'), 145));

select test.is('no worker was lost', pg_temp.warning('worker_lost'), null);
insert into pollux.worker (id, host, pid, version, started_at, beat_at, swept_at, left_at)
select gen_random_uuid(), 'h', n, '1', pollux.now() - interval '2 hours', pollux.now() - interval '20 minutes', pollux.now() - ago, case when n = 3 then pollux.now() end
from (values (1, interval '10 minutes'), (2, interval '61 minutes'), (3, interval '5 minutes')) w(n, ago);
select test.ok('one that was lost is told for an hour; one that left by itself is not', pg_temp.warning('worker_lost') ->> 'message' ~ '^A worker was lost at 2030-06-15T');
