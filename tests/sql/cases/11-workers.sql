-- SPDX-License-Identifier: MIT
-- Heartbeats, sweeping, maintenance.
select test.keys(1, 1);
select test.is('settings come with the heartbeat', api.beat(test.worker(), '{"host": "h", "pid": 7}') -> 'settings' -> 'wait_limit_ms', '30000');
select test.go(3);
select test.later('14 seconds');
select api.beat('00000000-0000-0000-0000-00000000bbbb', '{"host": "h", "pid": 8}');
select test.is('14 s without a heartbeat: alive', (select count(*) from report.open_requests), 3::bigint);
select test.later('2 seconds');
select test.is('16 s: its requests are lost', api.beat('00000000-0000-0000-0000-00000000bbbb', '{}') ->> 'swept', '3');
select test.is('and logged', (select string_agg(outcome, ' ') from pollux.request), 'lost lost lost');
select test.is('it is dead', (select state from report.workers where pid = 7), 'dead');
select test.is('its quota stays counted', (select day_requests from pollux.quota), 3);
select api.beat(test.worker(), '{"host": "h", "pid": 7}');
select test.is('it was only asleep', (select state from report.workers where pid = 7), 'alive');
select api.bye(test.worker());
select test.is('it left', (select state from report.workers where pid = 7), 'left');
select api.beat(test.worker(), '{"host": "h", "pid": 7, "vitals": {"cpu_ms": 1000, "memory_bytes": 5000000, "threads": 9, "load": 0.5, "cpus": 2, "host_memory_bytes": 100, "host_free_bytes": 0}}');
select test.is('what it uses: no share of the processor yet', (select to_jsonb(w) - array['id', 'started_at', 'beat_at', 'version'] from report.workers w where pid = 7 and state = 'alive'),
    '{"host": "h", "pid": 7, "state": "alive", "open_requests": 3, "left_at": null, "swept_at": null, "cpu_percent": null, "cpu_ms": 1000, "memory_bytes": 5000000, "threads": 9}'::jsonb || jsonb_build_object('open_requests', (select count(*) from pollux.open_request)));
select test.later('5 seconds');
select api.beat(test.worker(), '{"host": "h", "pid": 7, "vitals": {"cpu_ms": 3500, "memory_bytes": 6000000, "threads": 9, "load": -1, "cpus": 2, "host_memory_bytes": 100, "host_free_bytes": 40}}');
select test.is('half of one in the last five seconds', (select cpu_percent from report.workers where pid = 7), 50::real);
select test.is('and its host', (select to_jsonb(h) - array['seen_at'] from report.hosts h where host = 'h'),
    '{"host": "h", "workers": 2, "open_requests": 0, "cpu_percent": 50, "memory_bytes": 6000000, "load": null, "cpus": 2, "host_memory_bytes": 100, "host_free_bytes": 40}'::jsonb);
select api.bye(test.worker());
select test.go(1);
update pollux.open_request set worker = gen_random_uuid();
select test.later('29 minutes');
select test.is('a request without a worker', pollux.worker_strays(), 0);
select test.later('2 minutes');
select test.is('is lost after half an hour', pollux.worker_strays(), 1);

select pollux.partition_ahead(0);
select test.at('2031-02-03 04:05+00');
select test.is('a day without a partition', test.go(1), 1::bigint);
select test.end(jsonb_build_object('id', id, 'attempt', 1, 'credential_id', 1, 'project_id', 1, 'model', 'm', 'started_at', started_at)) from pollux.open_request;
select test.is('goes to the default one', (select count(*) from pollux.request_default), 1::bigint);
select test.is('partitions for today and three days', pollux.partition_ahead(3), 8);
select test.is('made once', pollux.partition_ahead(3), 0);
select test.is('the rows move', (select count(*) from pollux.request_20310203) || ' ' || (select count(*) from pollux.request_default), '1 0');
select test.is('and attempts', (select count(*) from pollux.attempt_20310203), 1::bigint);
select test.later('33 days');
update pollux.chore set done_to = pollux.now() where name = 'usage';
select pollux.partition_drop();
select test.is('old ones are dropped', (select to_regclass('pollux.request_20310203') is null and to_regclass('pollux.attempt_20310203') is null), true);
select test.is('young ones stay', (select to_regclass('pollux.request_20310206') is not null), true);
