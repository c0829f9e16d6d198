-- SPDX-License-Identifier: MIT
-- The console's one door: roles, sessions, what its functions answer, and what is written down.
create function pg_temp.password(p_word text) returns jsonb language sql as $$
    select jsonb_build_object('salt', repeat('00', 16), 'ops', 2, 'mem', 1000, 'hash', encode(sha256(p_word::bytea), 'hex'))
$$;
create function pg_temp.hash(p_text text) returns text language sql as $$ select encode(sha256(p_text::bytea), 'hex') $$;
create function pg_temp.login(p_name text, p_session text, p_word text default 'right', p_remote text default '192.0.2.7') returns jsonb language plpgsql as $$
declare v jsonb := api.console_login_begin(p_name, jsonb_build_object('remote', p_remote));
begin
    if v ? 'retry_s' then return v; end if;
    return api.console_login_end(p_name, pg_temp.hash(p_word), pg_temp.hash(p_session), jsonb_build_object('remote', p_remote, 'user_agent', 'x'));
end $$;
-- The answer, or the error's SQLSTATE and words.
create function pg_temp.call(p_session text, p_action text, p jsonb default '{}') returns jsonb language plpgsql as $$
begin
    return api.console(pg_temp.hash(p_session), p_action, p, '{"remote": "192.0.2.7"}');
exception when others then
    return jsonb_build_object('error', sqlstate, 'message', sqlerrm);
end $$;

select admin.admin_add('Viv', 'viewer', pg_temp.password('right')) \g /dev/null
select admin.admin_add('opal', 'operator', pg_temp.password('right')) \g /dev/null
select admin.admin_add('owen', 'owner', pg_temp.password('right')) \g /dev/null
select test.is('a name differs by more than its case', test.error($$select admin.admin_add('viv', 'viewer', '{}')$$), 'there is an administrator named "viv" already');
select test.is('a role', test.error($$select admin.admin_add('x', 'king', '{}')$$), 'a role is viewer, operator or owner');
select test.is('signing in', pg_temp.login('VIV', 'v') ->> 'role', 'viewer');
select pg_temp.login('opal', 'o'), pg_temp.login('owen', 'w') \g /dev/null
select test.is('a wrong password', pg_temp.login('owen', 'x', 'wrong'), null);
select test.is('a name that nobody has', pg_temp.login('nobody', 'x'), null);
select test.is('its salt is always the same', api.console_login_begin('nobody', '{"remote": "192.0.2.200"}') -> 'salt', api.console_login_begin('NOBODY', '{"remote": "192.0.2.201"}') -> 'salt');
select test.ok('and not that of another', api.console_login_begin('nobody', '{"remote": "192.0.2.202"}') -> 'salt' <> api.console_login_begin('nobody2', '{"remote": "192.0.2.203"}') -> 'salt');
select test.is('nobody''s session', pg_temp.call('y', 'session_get') ->> 'error', 'PX401');
select test.is('one''s own', pg_temp.call('o', 'session_get') ->> 'name', 'opal');

-- Roles: every action, with every role, by the table itself.
select test.is('a viewer may call nothing that changes anything but what is theirs',
    (select string_agg(name, ' ') from pollux.console_action where changes and role <> 'self'
     and pg_temp.call('v', name) ->> 'error' is distinct from 'PX403'), null);
select test.is('an operator nothing of an owner',
    (select string_agg(name, ' ') from pollux.console_action where role = 'owner' and pg_temp.call('o', name) ->> 'error' is distinct from 'PX403'), null);
select test.is('each action has its function, documented', (select string_agg(a.name, ' ') from pollux.console_action a
    left join pg_proc f on f.pronamespace = 'admin'::regnamespace and f.proname = 'console_' || a.name
    where f.oid is null or obj_description(f.oid) is null or not f.prosecdef), null);
select test.is('each function its action', (select string_agg(f.proname, ' ') from pg_proc f where f.pronamespace = 'admin'::regnamespace
    and f.proname like 'console\_%' and not exists (select from pollux.console_action a where 'console_' || a.name = f.proname)), null);
create temp table latest as select coalesce(max(id), 0) as id from pollux.audit;
select count(pg_temp.call('w', name)) > 20 as looked from pollux.console_action where not changes \g /dev/null
select test.is('what only looks changes nothing: every one is read with no row written down', (select count(*) from pollux.audit a, latest l
    where a.id > l.id), 0::bigint);
select test.is('a call that there is not', pg_temp.call('w', 'pg_sleep') ->> 'error', 'PX404');
select test.is('a refused call leaves no trace', pg_temp.call('v', 'setting_set', '{"name": "wait_limit_ms", "value": "1"}') ->> 'error', 'PX403');
select test.is('indeed', pollux.setting('wait_limit_ms'), '30000');
select test.is('words for the person', pg_temp.call('v', 'setting_set') ->> 'message', 'that needs the role operator; yours is viewer');

-- What is changed is written down, whoever changes it and with what.
select test.is('a setting', pg_temp.call('o', 'setting_set', '{"name": "wait_limit_ms", "value": "1234"}') ->> 'value', '1234');
select test.is('says who, from where, from what, to what', (select to_jsonb(a) - array['id', 'at'] from pollux.audit a order by id desc limit 1),
    '{"actor": "opal", "remote": "192.0.2.7", "action": "setting.set", "subject": "wait_limit_ms", "before": {"value": "30000"}, "after": {"value": "1234"}}');
update pollux.setting set value = '30000' where name = 'wait_limit_ms';
select test.ok('psql too', (select actor from pollux.audit order by id desc limit 1) like 'owner (%)');
select test.is('a refused value', pg_temp.call('o', 'setting_set', '{"name": "wait_limit_ms", "value": "x"}') ->> 'error', '22023');
select test.is('an unknown setting', pg_temp.call('o', 'setting_set', '{"name": "no", "value": "x"}') ->> 'error', '42P02');
select test.keys(1, 3) \g /dev/null
select test.is('keys are one row, with their ids', (select after from pollux.audit order by id desc limit 1), '{"ids": [1, 2, 3]}');
select test.ok('without a secret', (select string_agg(to_jsonb(a)::text, '') from pollux.audit a) !~ encode('sealed k1', 'hex'));
select test.is('disable', pg_temp.call('o', 'credential_disable', '{"id": "2"}') ->> 'state', 'disabled');
select test.is('enable', pg_temp.call('o', 'credential_enable', '{"id": "2"}') ->> 'state', 'ready');
select test.is('both', (select array_agg(action || ' ' || subject order by id) from (select * from pollux.audit order by id desc limit 2) a), '{credential.disable 2,credential.enable 2}');
select test.is('remove', pg_temp.call('o', 'credential_remove', '{"id": "2"}') ->> 'state', 'removed');
select test.is('twice', pg_temp.call('o', 'credential_remove', '{"id": "2"}') ->> 'error', 'PX409');
select test.is('it is in the archive', pg_temp.call('v', 'credential_list', '{"state": "removed"}') -> 'items' -> 0 ->> 'id', '2');
select test.is('and comes back', pg_temp.call('o', 'credential_restore', '{"id": "2"}') ->> 'state', 'ready');
select test.is('change', pg_temp.call('o', 'credential_set', '{"id": "3", "label": "<b>x</b>", "tags": ["b", "a", "b"], "priority": 7, "project": "shop", "notes": "n"}') - array['created_at', 'last_used_at', 'requests_today', 'proxy'],
    '{"id": 3, "kind": "api_key", "hint": "0003", "label": "<b>x</b>", "notes": "n", "state": "ready", "tags": ["a", "b"], "until": null, "reason": null, "project": "shop", "priority": 7, "dead_at": null}');
select test.is('what is absent stays', pg_temp.call('o', 'credential_set', '{"id": "3", "tags_add": ["c"], "tags_remove": ["a"]}') -> 'tags', '["b", "c"]');
select test.is('null clears', pg_temp.call('o', 'credential_set', '{"id": "3", "label": null}') ->> 'label', null);
select test.is('not a priority', pg_temp.call('o', 'credential_set', '{"id": "3", "priority": "high"}') ->> 'message', '"priority" must be a whole number from 0 to 1000000');
select test.is('no such credential', pg_temp.call('o', 'credential_set', '{"id": "99"}') ->> 'error', 'PX404');

-- Lists, page by page, in every order.
select test.keys(10, 40) \g /dev/null
create function pg_temp.walk(p_sort text, p jsonb default '{}') returns bigint[] language plpgsql as $$
declare v jsonb; ids bigint[] := '{}'; n text;
begin
    loop
        v := pg_temp.call('v', 'credential_list', p || jsonb_strip_nulls(jsonb_build_object('sort', p_sort, 'limit', '7', 'after', n)));
        ids := ids || array(select (i ->> 'id')::bigint from jsonb_array_elements(v -> 'items') i);
        n := v ->> 'next';
        exit when n is null or cardinality(ids) > 100;
    end loop;
    return ids;
end $$;
select test.is('every order has each once: ' || s, (select array_agg(x order by x) from unnest(pg_temp.walk(s)) x), (select array_agg(id order by id) from pollux.credential))
from unnest(array['id', '-id', 'label', '-label', 'project', '-project', 'priority', '-priority', 'last_used_at', '-last_used_at']) s;
select test.is('newest first', (pg_temp.walk('-id'))[1], (select max(id) from pollux.credential));
select test.is('an order that there is not', pg_temp.call('v', 'credential_list', '{"sort": "secret"}') ->> 'error', 'PX400');
select test.is('a cursor that is none', pg_temp.call('v', 'credential_list', '{"after": "1; drop table"}') ->> 'error', 'PX400');
select test.is('search', pg_temp.call('v', 'credential_list', '{"q": "SHOP"}') -> 'items' -> 0 ->> 'id', '3');
select test.is('what a pattern would mean is meant as it is', (pg_temp.call('v', 'credential_list', '{"q": "%"}') ->> 'total')::int, 0);
select test.is('a quote', (pg_temp.call('v', 'credential_list', jsonb_build_object('q', ''' or true --', 'tag', '"}''', 'project', ''''))  ->> 'total')::int, 0);
select test.is('by tag', (pg_temp.call('v', 'credential_list', '{"tag": "c"}') ->> 'total')::int, 1);
insert into pollux.quota (project_id, model, slot, ready_at, reason) select project_id, 'm', 1, pollux.now() + interval '1 hour', 'spent_rpd' from pollux.credential where id in (4, 5);
insert into pollux.quota (project_id, model, slot, ready_at) select project_id, 'n', 1, '-infinity' from pollux.credential where id = 5;
delete from pollux.console_cache;
select test.is('resting', pg_temp.walk('id', '{"state": "resting"}'), '{4}');
select test.is('resting for a model', pg_temp.walk('id', '{"model": "m"}'), '{4,5}');
select test.is('ready', cardinality(pg_temp.walk('id', '{"state": "ready"}')), 33);
select test.is('their counts', pg_temp.call('v', 'credential_list') -> 'counts', '{"total": 34, "ready": 33, "resting": 1, "broken": 0, "disabled": 0}');
select test.is('all of them, as CSV', (select count(*) from regexp_split_to_table(pg_temp.call('o', 'credential_export') ->> 'text', E'\r\n')), 36::bigint);
select test.is('a formula is no formula', pollux.csv_line('{=1+1,"a\"b,c",-5,null}'), E'"''=1+1","a""b,c",-5,\r\n');

-- To many at once, in parts.
create function pg_temp.all(p jsonb) returns jsonb language plpgsql as $$
declare v jsonb; n text; done int := 0; parts int := 0;
begin
    loop
        v := pg_temp.call('o', 'credential_bulk', p || jsonb_strip_nulls(jsonb_build_object('after', n)));
        if v ? 'error' then return v; end if;
        done := done + (v ->> 'done')::int; parts := parts + 1; n := v ->> 'next';
        exit when n is null;
    end loop;
    return jsonb_build_object('done', done, 'parts', parts);
end $$;
select test.keys(1000, 1449) \g /dev/null
select test.is('disable 484', pg_temp.all('{"action": "disable", "filter": {}}'), '{"done": 484, "parts": 3}');
select test.is('one row for each part', (select count(*) from pollux.audit where action = 'credential.disable' and subject like '%credentials'), 3::bigint);
select test.is('enable those of a filter that changes on the way', pg_temp.all('{"action": "enable", "filter": {"state": "disabled"}}'), '{"done": 484, "parts": 3}');
select test.is('by ids', pg_temp.all('{"action": "change", "ids": [1, 2], "tags_add": ["t"], "priority": 3}'), '{"done": 2, "parts": 1}');
select test.is('they have it', (pg_temp.call('v', 'credential_list', '{"tag": "t"}') ->> 'total')::int, 2);
update pollux.credential set dead_reason = 'API_KEY_INVALID', dead_at = pollux.now() where id in (1, 2, 3);
select test.is('remove what is broken', pg_temp.all('{"action": "remove", "filter": {"state": "dead"}}'), '{"done": 3, "parts": 1}');
select test.is('and undo', pg_temp.all('{"action": "restore", "ids": [1, 2, 3]}'), '{"done": 3, "parts": 1}');
select test.is('both ids and filter', pg_temp.all('{"action": "reset", "ids": [1], "filter": {}}') ->> 'error', 'PX400');
select test.is('an action that there is not', pg_temp.all('{"action": "explode", "ids": [1]}') ->> 'error', 'PX400');

-- Clients, models, administrators.
select test.is('a client', pg_temp.call('o', 'client_add', jsonb_build_object('name', 'shop', '_hash', pg_temp.hash('t'), '_hint', 'abcd', 'rpm', 5, 'models', '["m*"]'::jsonb)) ->> 'rpm', '5');
select test.is('its name is taken', pg_temp.call('o', 'client_add', jsonb_build_object('name', 'shop', '_hash', pg_temp.hash('u'), '_hint', 'abcd')) ->> 'error', '23505');
select test.is('found', pg_temp.call('v', 'client_list', '{"q": "SHO"}') -> 'items' -> 0 ->> 'name', 'shop');
select test.is('changed', pg_temp.call('o', 'client_set', jsonb_build_object('id', (select id from pollux.client where name = 'shop'), 'name', 'shop2', 'rpm', null)) ->> 'name', 'shop2');
select test.is('written down', (select before from pollux.audit where action = 'client.set' order by id desc limit 1), '{"rpm": 5, "name": "shop"}');
select test.is('revoked', pg_temp.call('o', 'client_revoke', jsonb_build_object('id', (select id from pollux.client where name = 'shop2'))) ->> 'state', 'revoked');
select test.is('one''s playground', pg_temp.call('o', 'client_playground', jsonb_build_object('_hash', pg_temp.hash('p1'), '_hint', 'aaaa')) ->> 'name', 'playground of opal');
select test.is('again, with another token', pg_temp.call('o', 'client_playground', jsonb_build_object('_hash', pg_temp.hash('p2'), '_hint', 'bbbb')) ->> 'name', 'playground of opal');
select test.is('a model', pg_temp.call('o', 'model_set', '{"name": "m", "rpd": 100, "aliases": ["em"]}') ->> 'rpd', '100');
select test.is('what is left of it: of 481 projects that a key is live in', pg_temp.call('v', 'model_get', '{"name": "m"}') -> 'left', (select to_jsonb(count(distinct project_id) * 100) from pollux.credential));
select test.is('what a model has not', pg_temp.call('o', 'model_set', '{"name": "m", "colour": "red"}') ->> 'message', 'a model has no "colour"');
select test.is('removed', pg_temp.call('o', 'model_remove', '{"name": "m"}') ->> 'name', 'm');
select test.is('there is always an owner', pg_temp.call('w', 'admin_remove', jsonb_build_object('id', (select id from pollux.admin where name = 'owen'))) ->> 'error', 'PX409');
select test.is('who can sign in', pg_temp.call('w', 'admin_set', jsonb_build_object('id', (select id from pollux.admin where name = 'owen'), 'enabled', false)) ->> 'error', 'PX409');
select test.is('a role acts at once', pg_temp.call('w', 'admin_set', jsonb_build_object('id', (select id from pollux.admin where name = 'Viv'), 'role', 'operator')) ->> 'role', 'operator');
select test.is('on the session that is open', pg_temp.call('v', 'credential_disable', '{"id": "1"}') ->> 'state', 'disabled');
select test.is('disabled', pg_temp.call('w', 'admin_set', jsonb_build_object('id', (select id from pollux.admin where name = 'Viv'), 'enabled', false)) ->> 'state', 'disabled');
select test.is('is out', pg_temp.call('v', 'session_get') ->> 'error', 'PX401');

-- The log.
select test.at('2030-06-15 12:00:00 America/Los_Angeles');
insert into pollux.request (id, started_at, ended_at, attempts, outcome, status, client_id, model, duration_ms, first_byte_ms, prompt_tokens, output_tokens)
select md5('r' || i)::uuid, pollux.now() - i * interval '10 seconds', pollux.now() - i * interval '10 seconds' + interval '1 second', 1 + (i % 10 = 0)::int,
    case when i % 7 = 0 then 'upstream_error' else 'ok' end, case when i % 7 = 0 then 503 else 200 end, 1, 'm', 100, 50, 10, 5 from generate_series(1, 500) i;
create function pg_temp.log(p jsonb) returns bigint language plpgsql as $$
declare v jsonb; n text; seen bigint := 0;
begin
    loop
        v := pg_temp.call('o', 'request_list', p || jsonb_strip_nulls(jsonb_build_object('limit', '33', 'after', n)));
        seen := seen + jsonb_array_length(v -> 'items'); n := v ->> 'next';
        exit when n is null or seen > 10000;
    end loop;
    return seen;
end $$;
select test.is('the whole log, page by page', pg_temp.log('{}'), 500::bigint);
select test.is('what failed', pg_temp.log('{"outcome": "failed"}'), 71::bigint);
select test.is('what another key saved', pg_temp.log('{"outcome": "saved"}'), 43::bigint);
select test.is('by status', pg_temp.log('{"status": "5xx"}'), 71::bigint);
select test.is('by client', pg_temp.log('{"client": "app"}'), 500::bigint);
select test.is('of nobody', pg_temp.log('{"client": "nobody"}'), 0::bigint);
select test.is('of a minute', pg_temp.log(jsonb_build_object('from', pollux.now() - interval '70 seconds', 'to', pollux.now() - interval '10 seconds')), 7::bigint);
select test.is('one by its id', pg_temp.call('o', 'request_get', jsonb_build_object('id', md5('r5')::uuid)) ->> 'outcome', 'ok');
select test.is('an id that is none', pg_temp.call('o', 'request_get', '{"id": "x"}'), null);
select test.is('what a page looked at is bounded: it says how far it came', (select cardinality(ids) || ' ' || (edge_at is not null) from pollux.request_page('r.status = 503', '-infinity', 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50, 100)), '14 true');
create temporary table tail as select pg_temp.call('o', 'request_list') ->> 'since' as since;
insert into pollux.request (id, started_at, ended_at, attempts, outcome, status, model) values (gen_random_uuid(), pollux.now(), pollux.now(), 1, 'ok', 200, 'live');
update tail set since = v ->> 'since' from (select pg_temp.call('o', 'request_list', jsonb_build_object('since', since)) as v from tail) x where test.is('', v -> 'items' -> 0 ->> 'model', 'live') like 'ok%';
select test.is('the tail has come on, and has nothing new', (select jsonb_array_length(pg_temp.call('o', 'request_list', jsonb_build_object('since', since)) -> 'items') from tail), 0);

-- The overview.
select pollux.pulse_keep() \g /dev/null
create temporary table o as select pg_temp.call('o', 'overview_get', '{"hours": "24"}') as v;
select test.is('requests of a day', (v -> 'requests') - array['before', 'per_second', 'failed_10_minutes', 'total_10_minutes'], '{"total": 501, "failed": 71, "saved": 43}') from o;
select test.is('times', (v -> 'latency') - 'added_ms', '{"total_p50_ms": 75, "total_p95_ms": 98, "first_byte_p50_ms": 25, "first_byte_p95_ms": 48}') from o;
select test.is('the chart has them all', (select sum((s ->> 'requests')::int) from jsonb_array_elements(v -> 'series') s), 501::bigint) from o;
select test.is('today', (v -> 'today') - array['since', 'cost'], '{"requests": 501, "tokens_in": 5000, "tokens_out": 2500}') from o;
create function pg_temp.warned(p_failed int, p_asked int) returns text language sql as $$
    select string_agg(w ->> 'level' || ': ' || (w ->> 'message'), ' ') from jsonb_array_elements(pollux.overview_warnings(jsonb_build_object('models', '[]'::jsonb,
        'credentials', '{"total": 9, "ready": 3, "resting": 4, "broken": 2}'::jsonb, 'requests', jsonb_build_object('failed_10_minutes', p_failed, 'total_10_minutes', p_asked)), pollux.now())) w
    where w ->> 'id' in ('failing', 'broken', 'none_ready')
$$;
select test.is('warnings in plain words', pg_temp.warned(10, 50), 'warn: 2 credentials are broken: Google refuses them.');
select test.is('when a fifth fails', pg_temp.warned(11, 50), 'warn: 2 credentials are broken: Google refuses them. warn: 11 of 50 requests of the last ten minutes failed.');
select test.is('or half', pg_temp.warned(26, 50), 'bad: 26 of 50 requests of the last ten minutes failed. warn: 2 credentials are broken: Google refuses them.');
select test.is('of very few that says nothing', pg_temp.warned(19, 19), 'warn: 2 credentials are broken: Google refuses them.');
select test.is('seconds after a minute it is summed up, once', pollux.pulse_roll('1 day'), 0);
delete from pollux.credential;
delete from pollux.console_cache;
select test.ok('without a credential', pg_temp.call('o', 'overview_get') -> 'warnings' @> '[{"id": "no_credentials", "level": "bad", "message": "There is no credential yet: nothing can be served."}]');
select test.ok('the system', pg_temp.call('o', 'system_get') ->> 'database_bytes' is not null);
select test.ok('jobs', jsonb_array_length(pg_temp.call('o', 'job_list') -> 'items') > 5);
select test.is('a job, now', pg_temp.call('o', 'job_run', '{"name": "expiry"}') ->> 'failed', 'false');
select test.is('is written down', (select action || ' ' || subject from pollux.audit order by id desc limit 1), 'job.run expiry');
select test.is('the audit itself, filtered', (select count(distinct i ->> 'action') from jsonb_array_elements(pg_temp.call('o', 'audit_list', '{"action": "client", "limit": "500"}') -> 'items') i), 3::bigint);

-- Guessing.
delete from pollux.login_gate;
select test.is('five are free', (select count(*) from generate_series(1, 5) where pg_temp.login('owen', 'g', 'wrong', '198.51.100.1') is null), 5::bigint);
select test.is('the sixth is the last', pg_temp.login('owen', 'g', 'wrong', '198.51.100.1'), null);
select test.is('then a second', pg_temp.login('owen', 'g', 'right', '198.51.100.1'), '{"retry_s": 1}');
select test.later('1 second');
select test.is('which recovers', pg_temp.login('owen', 'g', 'wrong', '198.51.100.1'), null);
select test.is('and doubles', pg_temp.login('owen', 'g', 'right', '198.51.100.1'), '{"retry_s": 2}');
select test.is('for that account also from elsewhere', pg_temp.login('owen', 'g', 'right', '203.0.113.9'), '{"retry_s": 2}');
select test.is('but not where its owner signed in before', pg_temp.login('owen', 'h', 'right') ->> 'name', 'owen');
delete from pollux.login_gate;
select pg_temp.login('owen', 'g', 'wrong', '198.51.100.2') from generate_series(1, 6) \g /dev/null
update pollux.login_gate set open_at = case when key like 'account:%' then pollux.now() else pollux.now() + interval '800 seconds' end;
select test.is('an address that has to wait', pg_temp.login('owen', 'g', 'wrong', '198.51.100.2'), '{"retry_s": 800}');
select test.is('does not shut the account meanwhile', pg_temp.login('owen', 'g1', 'right', '203.0.113.9') ->> 'name', 'owen');
select test.is('where an owner was before his account has a gate of its own', (select string_agg((pg_temp.login('owen', 'g', 'wrong', '203.0.113.9') is null)::text, ' ') from generate_series(1, 6)), 'true true true true true true');
update pollux.login_gate set open_at = pollux.now() where key like 'address:%';
select pg_temp.login('opal', 'i1', 'right', '203.0.113.9') \g /dev/null
select test.is('which somebody else''s signing in there does not open', pg_temp.login('owen', 'g', 'wrong', '203.0.113.9'), '{"retry_s": 1}');
select pg_temp.login(name, 'g', 'wrong', '203.0.113.78') from unnest('{owen 203.0.113.9,203.0.113.9 owen,owen}'::text[]) name \g /dev/null
select test.is('nor do names that nobody has shut it', (select string_agg(key || ' ' || attempts, ', ' order by key) from pollux.login_gate where key like 'known:%'), 'known:203.0.113.9 owen 6');
select test.is('while elsewhere there is none', pg_temp.login('owen', 'g', 'wrong', '203.0.113.77'), null);
select admin.admin_passwd('owen', pg_temp.password('right')) \g /dev/null
select test.is('a password from the command line opens it', pg_temp.login('owen', 'g2', 'right', '203.0.113.9') ->> 'name', 'owen');
delete from pollux.login_gate;
select test.is('another account from another address', pg_temp.login('opal', 'i', 'right', '203.0.113.9') ->> 'name', 'opal');
select test.is('an IPv6 network is one address', pollux.login_address('2001:db8:1:2:3::4'), '2001:db8:1:2::/64');
select test.later('1 hour 1 second');
select test.is('an hour later it is forgotten', pg_temp.login('owen', 'j', 'wrong', '198.51.100.1'), null);
select test.is('at once', pg_temp.login('owen', 'k', 'right', '198.51.100.1') ->> 'name', 'owen');
select test.later('1 hour 59 minutes');
select test.is('a page that asks by itself', api.console(encode(sha256('k'), 'hex'), 'session_get', '{}', '{"remote": "x", "idle": true}') ->> 'name', 'owen');
select test.later('1 minute 1 second');
select test.is('keeps nobody signed in: who did nothing for two hours is out', pg_temp.call('k', 'session_get') ->> 'error', 'PX401');
select test.ok('and their rows go', pollux.session_expire() > 0);

-- What the command line can do besides.
select test.reset() \g /dev/null
select admin.admin_add('Viv', 'viewer', pg_temp.password('right')), admin.admin_add('opal', 'operator', pg_temp.password('right')), admin.admin_add('owen', 'owner', pg_temp.password('right')) \g /dev/null
select pg_temp.login('Viv', 'v'), pg_temp.login('opal', 'o'), pg_temp.login('owen', 'w') \g /dev/null
select test.is('keys with a proxy of their own', pg_temp.call('o', 'credential_add', jsonb_build_object('sealed', jsonb_build_array(jsonb_build_object('fingerprint', repeat('ab', 32), 'sealed', 'aa', 'hint', 'abcd', 'proxy', jsonb_build_object('sealed', 'bb', 'hint', 'socks5h://x:1'))))) ->> 'new', '1');
select test.is('have it', (select encode(proxy_sealed, 'hex') || ' ' || proxy_hint from pollux.credential where fingerprint = decode(repeat('ab', 32), 'hex')), 'bb socks5h://x:1');
create temp table fresh as select max(id) as id from pollux.credential;
select test.is('what is no more in use is not deleted', pg_temp.call('o', 'credential_purge', jsonb_build_object('id', (select id from fresh))) ->> 'error', 'PX409');
select pg_temp.call('o', 'credential_remove', jsonb_build_object('id', (select id from fresh))) \g /dev/null
select test.is('what is in the archive is', pg_temp.call('o', 'credential_purge', jsonb_build_object('id', (select id from fresh))) ->> 'state', 'removed');
select test.is('with its secret', (select sealed is null and archived_at is null from pollux.credential where id = (select id from fresh)), true);
select test.is('everything automatic ends', pg_temp.call('o', 'pool_reset') ? 'credentials', true);
select test.is('an owner''s token for a program', pg_temp.call('w', 'token_add', '{"name": "ci", "role": "metrics", "_hash": "00", "_hint": "wxyz"}') ->> 'role', 'metrics');
select test.is('is listed', pg_temp.call('w', 'token_list') -> 'items' -> -1 ->> 'name', 'ci');
select test.is('and revoked', pg_temp.call('w', 'token_revoke', jsonb_build_object('id', (select max(id) from pollux.admin_token))) ->> 'state', 'revoked');
insert into pollux.keys_folder (place, next_at) values ('h:/keys', pollux.now());
select test.is('a folder that was never read is late', pg_temp.call('v', 'system_get') -> 'folders' -> 0 ->> 'late', 'true');
select test.ok('it is to be read', (pg_temp.call('o', 'folder_sync', '{"place": "h:/keys"}') ->> 'job')::bigint > 0);
select test.is('it is forgotten', pg_temp.call('o', 'folder_forget', '{"place": "h:/keys"}') ->> 'gone', '0');
select test.is('then there is none', pg_temp.call('o', 'folder_sync', '{"place": "h:/keys"}'), null);
select test.is('one row each', (select string_agg(action || coalesce(' ' || subject, ''), ', ' order by id) from (select * from pollux.audit order by id desc limit 5) a),
    'pool.reset, token.add ci, token.revoke ci, folder.sync h:/keys, folder.forget h:/keys');

-- The doctor: what he sees, and that only the worker sees what is sealed.
select test.is('he looks', pg_temp.call('v', 'check_run') -> 'roles' -> 'refused', '0');
select test.is('at folders, jobs, time-outs', (select string_agg(k, ' ' order by k) from jsonb_object_keys(pg_temp.call('v', 'check_run')) k),
    'clients connections database folders health jobs longer maintenance migrations roles sample workers');

-- How long credentials live: four of ten die on their third day, one of those left is removed by hand then.
select test.at('2031-06-01 12:00+00');
select test.reset() \g /dev/null
delete from pollux.credential;
select test.keys(201, 210) \g /dev/null
select test.later('2 days 12 hours');
update pollux.credential set dead_reason = 'suspended', dead_at = pollux.now() where id in (select id from pollux.credential order by id limit 4);
update pollux.credential set removed_at = pollux.now(), archived_at = pollux.now() where id = (select max(id) from pollux.credential);
select test.later('7 days 12 hours');
update pollux.credential set dead_reason = 'leaked', dead_at = pollux.now() where id = (select max(id) - 1 from pollux.credential);
delete from pollux.console_cache;
create temp table survival as select admin.console_credential_survival('{}') as s;
select test.is('by the day', s ->> 'step_s', '86400') from survival;
select test.is('of so many so many died', (s ->> 'added') || ' ' || (s ->> 'died'), '10 5') from survival;
select test.is('all live at first', s #>> '{points,2,alive}', '1.0000') from survival;
select test.is('then 60 %', s #>> '{points,3,alive}', '0.6000') from survival;
select test.is('and of five that are left four', s #>> '{points,-1,alive}', '0.4800') from survival;
select test.is('what ended them', s #>> '{reasons,0,reason}', 'suspended') from survival;

-- A credential's own life.
create temp table lived as select min(id) as id from pollux.credential;
select pollux.state_event(pollux.now(), c.id, c.project_id, null, 'ready', 'dead', 'suspended', null) from pollux.credential c where id = (select id from lived);
select test.is('from its beginning on', (select string_agg(l ->> 'state', ' ') from jsonb_array_elements(admin.console_credential_get(jsonb_build_object('id', (select id from lived))) -> 'life') l), 'ready dead');
select test.is('since it was made', (admin.console_credential_get(jsonb_build_object('id', (select id from lived))) #>> '{life,0,at}')::timestamptz, (select created_at from pollux.credential where id = (select id from lived)));

-- What was used.
select test.is('nothing was used', admin.console_usage_list('{"by": "client,day"}') -> 'items', '[]');
select test.is('its columns', admin.console_usage_export('{"by": "model"}') ->> 'text', E'model,requests,errors,prompt_tokens,cached_tokens,output_tokens,thoughts_tokens,tool_tokens,total_tokens,cost,median_ms,p95_ms\r\n');
select test.ok('by what there is', test.error($$select admin.console_usage_list('{"by": "colour"}')$$) like '"by" is made of client, %');
select test.is('one warning, one credential', (pollux.overview_warnings('{"credentials": {"total": 2, "ready": 1, "resting": 0, "broken": 1}, "requests": {}, "models": []}', pollux.now()) -> 0 ->> 'text'), '{broken} credential is broken since {since}: Google refuses it. Project: {projects}.');
