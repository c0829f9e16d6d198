-- SPDX-License-Identifier: MIT
-- Probes: when which credential is asked, what the answer does, and the reset by hand.
create function pg_temp.w() returns uuid language sql as $$ select '00000000-0000-0000-0000-00000000cccc'::uuid $$;
create function pg_temp.dead(p_reason text) returns jsonb language sql as $$
    select jsonb_build_object('scope', 'credential', 'rest', 'dead', 'reason', p_reason)
$$;
create function pg_temp.backoff() returns jsonb language sql as $$ select '{"scope": "quota", "rest": "backoff", "reason": "x"}'::jsonb $$;
create function pg_temp.die(p_id integer, p_reason text, p_status integer) returns void language sql as $$
    select test.end(test.ask1('m', jsonb_build_object('credential', p_id)), 'credential_dead', pg_temp.dead(p_reason), jsonb_build_object('status', p_status))
$$;
-- Does all probes that are due; credential p_only (null: every one) answers as told, the others well. What was
-- asked: credential:model:with.
create function pg_temp.probe(p_status integer, p_outcome text, p_penalty jsonb default null, p_only bigint default null) returns text language plpgsql as $$
declare j jsonb; b jsonb; v_all text := '';
begin
    for j in select * from jsonb_array_elements(api.job_take(pg_temp.w(), '{probe}', '{}', 1000)) loop
        b := api.probe_begin((j ->> 'id')::bigint, (j ->> 'attempt')::int);
        if b is null then
            perform api.job_done(pg_temp.w(), (j ->> 'id')::bigint, (j ->> 'attempt')::int, true, '{}');
            v_all := v_all || ' -';
        else
            perform api.probe_end(pg_temp.w(), (j ->> 'id')::bigint, (j ->> 'attempt')::int,
                case when coalesce(p_only, (b ->> 'credential_id')::bigint) = (b ->> 'credential_id')::bigint
                     then jsonb_build_object('status', p_status, 'outcome', p_outcome, 'penalty', p_penalty, 'duration_ms', 3)
                     else '{"status": 200, "outcome": "ok", "duration_ms": 3}' end);
            v_all := v_all || ' ' || (b ->> 'credential_id') || ':' || (b ->> 'upstream_model') || ':' || (b ->> 'with');
        end if;
    end loop;
    return ltrim(v_all);
end $$;
create function pg_temp.next(p_id bigint) returns text language sql as $$
    select string_agg(model || ' ' || (next_probe_at - pollux.now())::text, ', ' order by model) from report.health where credential_id = p_id
$$;
create function pg_temp.states() returns text language sql as $$
    select string_agg(pollux.credential_state(c), ' ' order by id) from pollux.credential c
$$;

-- what nobody uses
select test.keys(1, 3);
select test.is('a new key is not asked at once', pollux.probe_enqueue(), 0);
select test.later('11 hours 59 minutes');
select test.is('nor in twelve hours less a minute', pollux.probe_enqueue(), 0);
select test.end(test.ask1('m', '{"credential": 3}'));
select test.later('1 minute');
select test.is('then it is, unless it has been used', pollux.probe_enqueue(), 2);
select test.is('once', pollux.probe_enqueue(), 0);
select test.is('cheaply, with the model of the setting', pg_temp.probe(200, 'ok'), '1:gemini-2.5-flash:count 2:gemini-2.5-flash:count');
select test.is('no quota was spent', (select coalesce(sum(day_requests), 0) from pollux.quota where project_id < 3), 0::bigint);
select test.is('again in twelve hours', pg_temp.next(1), 'gemini-2.5-flash 12:00:00');
select test.is('nobody else', pollux.probe_enqueue(), 0);
select admin.credential_set_enabled(2, false);
select test.later('13 hours');
select test.is('a disabled one is left alone', (select pollux.probe_enqueue()) || ' ' || pg_temp.probe(200, 'ok'), '2 1:gemini-2.5-flash:count 3:m:count');

-- the schedule of the dead
select test.reset();
select test.keys(1, 4);
select pg_temp.die(1, 'suspended', 403);
select pg_temp.die(2, 'API_KEY_INVALID', 400);
select test.is('two are dead', pg_temp.states(), 'dead dead ready ready');
select test.later('23 hours');
select pollux.probe_enqueue();
select test.is('only the living', pg_temp.probe(200, 'ok'), '3:gemini-2.5-flash:count 4:gemini-2.5-flash:count');
select test.later('1 hour');
select pollux.probe_enqueue();
select test.is('a 400 is asked again after a day', pg_temp.probe(400, 'credential_dead', pg_temp.dead('API_KEY_INVALID')), '2:m:count');
select test.is('and again after another', pg_temp.next(2), 'm 1 day');
select test.is('it is still dead', pg_temp.states(), 'dead dead ready ready');
select test.later('8 days 23 hours 59 minutes');
select pollux.probe_enqueue();
select test.is('a 403 not before ten days', pg_temp.probe(400, 'credential_dead', pg_temp.dead('API_KEY_INVALID'), 2) like '%1:m%', false);
select test.later('1 minute');
select pollux.probe_enqueue();
select test.is('but then, and it has recovered', pg_temp.probe(400, 'credential_dead', pg_temp.dead('API_KEY_INVALID'), 2), '1:m:count');
select test.is('it is back', pg_temp.states(), 'ready dead ready ready');
select test.is('it is served from again', test.ask1('m', '{"credential": 1}') ->> 'verdict', 'go');
select test.is('its history', (select string_agg(concat_ws(' ', from_state, to_state, why), ', ' order by id) from report.credential_states where credential_id = 1 and model is null),
               'ready dead suspended, dead ready a probe was answered well');
select pg_temp.die(1, 'suspended', 403);
select test.later('10 days');
select pollux.probe_enqueue();
select test.ok('what came back and died within a day has to generate', pg_temp.probe(403, 'credential_dead', pg_temp.dead('suspended'), 1) like '%1:m:generate%');
select test.is('a request is counted for it', (select day_requests from pollux.quota where project_id = 1 and model = 'm'), 1);
select test.ok('a key of the dead gets one request each time', (select count(*) from pollux.job where kind = 'probe' and subject = '1') = 2);

-- no answer from anywhere
select test.reset();
select test.keys(1, 1);
select pg_temp.die(1, 'API_KEY_INVALID', 400);
select test.later('1 day');
select pollux.probe_enqueue();
select test.is('the network is down', pg_temp.probe(0, 'connect'), '1:m:count');
select test.is('it is tried again in ten minutes', pg_temp.next(1), 'm 00:10:00');
select test.later('10 minutes');
select pollux.probe_enqueue();
select test.is('then it answers, but with a 503', pg_temp.probe(503, 'overloaded', pg_temp.backoff()), '1:m:count');
select test.is('dead, not failing', pg_temp.states() || ' ' || pg_temp.next(1), 'dead m 00:10:00');
select test.later('10 minutes');
select pollux.probe_enqueue();
select pg_temp.probe(200, 'ok');
select test.is('until it answers', pg_temp.states(), 'ready');

-- a breaker that no traffic closes
select test.reset();
select test.keys(1, 2);
select test.end(test.ask1('m', '{"credential": 1}'), 'overloaded', pg_temp.backoff(), '{"status": 503}');
select test.later('10 minutes');
select test.is('a 503 is looked at after ten minutes', pollux.probe_enqueue(), 1);
select test.is('by generating: counting would prove nothing', pg_temp.probe(503, 'overloaded', pg_temp.backoff()), '1:m:generate');
select test.is('and counts', (select failures || ' ' || reason || ' ' || day_requests from pollux.quota where project_id = 1 and model = 'm'), '2 backoff 2');
select test.later('10 minutes');
select pollux.probe_enqueue();
select test.is('ten minutes later', pg_temp.probe(200, 'ok'), '1:m:generate');
select test.is('a good answer closes it', (select failures || coalesce(reason, '-') from pollux.quota where project_id = 1 and model = 'm'), '0-');
select admin.model_set('m', '{"rpm": 1}');
select test.go(2);
update pollux.health set streak = -1, next_probe_at = pollux.now() where model = 'm';
select pollux.probe_enqueue();
select test.is('not while the quota is spent', pg_temp.probe(200, 'ok'), '-');
select test.ok('but when it is back', (select min(next_probe_at) > pollux.now() + interval '1 minute' and max(next_probe_at) < pollux.now() + interval '4 minutes' from pollux.health where model = 'm'));
select admin.model_set('m', '{"rpm": null}');
select test.reset();
select test.keys(1, 1);
select test.end(test.ask1('m'), 'quota_never', '{"scope": "quota", "rest": "never", "reason": "limit_0"}', '{"status": 429}');
select test.is('"limit 0": out', test.ask1('m') ->> 'reason', 'model_unavailable');
select admin.credential_test(1, 'm');
select test.is('a test by hand', pg_temp.probe(200, 'ok'), '1:m:generate');
select test.is('brings it back', test.ask1('m') ->> 'verdict', 'go');

-- by hand
select test.reset();
select test.keys(1, 3);
select admin.model_set('m', '{"aliases": ["mine"], "upstream_name": "m-001"}');
select pg_temp.die(1, 'suspended', 403);
select admin.credential_set_enabled(2, false);
select test.is('all are tested', jsonb_array_length(admin.credential_test_all('mine')), 3);
select test.is('the disabled one too, by upstream name', pg_temp.probe(200, 'ok'), '1:m-001:count 2:m-001:count 3:m-001:count');
select test.is('the dead one is back, the disabled one stays out', pg_temp.states(), 'ready disabled ready');
select test.is('results', (select string_agg(concat_ws(' ', r ->> 'id', r ->> 'ok', r ->> 'status', r ->> 'state'), ', ' order by r ->> 'id')
    from jsonb_array_elements(admin.credential_test_results(array(select id from pollux.job))) r), '1 true 200 ready, 2 true 200 disabled, 3 true 200 ready');
select test.is('no such key', admin.credential_test(99, null), null);
select test.ok('no such name', test.error($$select admin.credential_test(1, 'a b')$$) like '%cannot be the name of a model');
select test.is('a key in the place of a model is neither stored nor repeated', test.error($$select admin.credential_test(1, 'AIzaSyA0123456789abcdefghij')$$), 'what stands in the model''s place looks like a key or a token');
select test.is('a test that its worker did not finish', admin.credential_test(3, null) ->> 'id', '3');
create temp table j as select api.job_take(pg_temp.w(), '{probe}', '{}', 9) -> 0 as j;
select api.probe_begin((j ->> 'id')::bigint, 1) from j;
select test.later('21 seconds');
select test.is('is done by another', jsonb_array_length(api.job_take('00000000-0000-0000-0000-00000000dddd', '{probe}', '{}', 9)), 1);
select test.is('and what the first one says late is nothing', (select api.probe_end(pg_temp.w(), (j ->> 'id')::bigint, 1, '{"status": 403}') from j), null);

select test.reset();
select test.keys(1, 3);
select pg_temp.die(1, 'suspended', 403);
select test.end(test.ask1('m', '{"credential": 2}'), 'overloaded', pg_temp.backoff(), '{"status": 503}');
select test.end(test.ask1('n', '{"credential": 3}'), 'quota_never', '{"scope": "quota", "rest": "never", "reason": "limit_0"}', '{"status": 429}');
select test.is('reset of a credential', admin.credential_reset(1) ->> 'state', 'ready');
select test.is('of a model', admin.model_reset('models/n'), '{"model": "n", "projects": 1}');
select test.is('not of other ones', (select failures from pollux.quota where project_id = 2 and model = 'm'), 1);
select test.is('of all', admin.reset_all(), '{"rows": 1, "credentials": 0}');
select test.is('nothing rests any more', (select count(*) from pollux.quota where ready_at > pollux.now() or failures > 0), 0::bigint);
select test.is('no streak', (select min(streak) from pollux.health), 0);
select pg_temp.die(2, 'suspended', 403);
select admin.credential_set_enabled(3, false);
select test.is('all again', admin.reset_all() ->> 'credentials', '1');
select test.is('what an operator disabled stays so', pg_temp.states(), 'ready ready disabled');
select test.is('no such credential', admin.credential_reset(99), null);
select test.is('no such model', admin.model_reset('unheard-of'), null);
select test.later('40 days');
select admin.credential_remove(3);
select test.is('what is long past is forgotten', pollux.health_expire() > 0, true);
