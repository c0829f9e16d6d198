-- SPDX-License-Identifier: MIT
-- Rules about errors of the upstream, and what they let rest.
select test.keys(1, 3);
create function pg_temp.version() returns bigint language sql as $$ select version from pollux.error_rules $$;
create temporary table v as select pg_temp.version() as n;
select test.is('a rule', admin.policy_add('{"status_from": 429, "text": "quota", "action": "another", "scope": "model", "rest_ms": 60000}') - 'id' - 'created_at' - 'updated_at',
    '{"position": 10, "status_from": 429, "status_to": 429, "text": "quota", "action": "another", "scope": "model", "rest_ms": 60000, "note": null, "enabled": true}');
select test.is('goes to the end', admin.policy_add('{"status_from": 500, "status_to": 599, "action": "stop"}') ->> 'position', '20');
select test.is('or where it is put', admin.policy_add('{"status_from": 404, "action": "another", "position": 5}') ->> 'position', '5');
select test.is('in their order', (select string_agg(r ->> 'status_from', ' ') from jsonb_array_elements(admin.policy_list()) r), '404 429 500');
select test.is('changed', admin.policy_set(3, '{"status_from": 400, "status_to": 404, "note": "x"}') - 'created_at' - 'updated_at',
    '{"id": 3, "position": 5, "status_from": 400, "status_to": 404, "text": null, "action": "another", "scope": "none", "rest_ms": 0, "note": "x", "enabled": true}');
select test.is('a single status again', admin.policy_set(3, '{"status_from": 401}') ->> 'status_to', '401');
select test.is('no rest any more', admin.policy_set(1, '{"scope": "none"}') ->> 'rest_ms', '0');
select test.is('switched off', admin.policy_set(1, '{"enabled": false}') ->> 'enabled', 'false');
select test.is('one that is not there', admin.policy_set(99, '{"enabled": false}'), null);
select test.is('removed', admin.policy_remove(1) ->> 'id', '1');
select test.is('not twice', admin.policy_remove(1), null);
select test.is('a wrong status', test.error($$select admin.policy_add('{"status_from": 99, "action": "stop"}')$$), 'the status is a number from 100 to 599, or a range such as 500-599');
select test.is('a range the wrong way', test.error($$select admin.policy_add('{"status_from": 500, "status_to": 499, "action": "stop"}')$$), 'the status is a number from 100 to 599, or a range such as 500-599');
select test.is('no action', test.error($$select admin.policy_add('{"status_from": 500}')$$), 'the action is stop or another');
select test.is('a scope that is none', test.error($$select admin.policy_add('{"status_from": 500, "action": "stop", "scope": "world", "rest_ms": 1}')$$), 'who rests is none, credential, quota (project and model) or model');
select test.is('a rest without end', test.error($$select admin.policy_add('{"status_from": 500, "action": "stop", "scope": "model"}')$$), 'who rests, and how long, belong together');
select test.is('a rest of nobody', test.error($$select admin.policy_add('{"status_from": 500, "action": "stop", "rest_ms": 5}')$$), 'who rests, and how long, belong together');
select test.is('an unknown field', test.error($$select admin.policy_add('{"status": 500, "action": "stop"}')$$), 'a rule has no "status"');
select test.ok('workers are told', pg_temp.version() >= (select n from v) + 6);
select test.is('who knows the version hears nothing', api.beat(test.worker(), jsonb_build_object('errors', pg_temp.version())) -> 'errors', 'null'::jsonb);
select test.is('who does not, hears all', (select jsonb_array_length(b -> 'errors' -> 'rules') || ' ' || ((b -> 'errors' ->> 'version')::bigint = pg_temp.version())
    from api.beat(test.worker(), jsonb_build_object('errors', 0)) b), '2 true');
update pollux.error_rule set note = 'by psql' where id = 2;
select test.ok('an UPDATE is noticed, too', (api.beat(test.worker(), jsonb_build_object('errors', pg_temp.version() - 1)) -> 'errors') <> 'null');

-- what they let rest
create function pg_temp.rest(p_scope text, p_seconds integer) returns jsonb language sql as $$
    select jsonb_build_object('scope', p_scope, 'rest', 'exact', 'ms', 1000 * p_seconds, 'reason', 'rule_7')
$$;
create function pg_temp.state(p_id bigint) returns text language sql as $$
    select concat_ws(' ', c ->> 'state', c ->> 'reason', round(extract(epoch from (c ->> 'until')::timestamptz - pollux.now())) || 's')
    from jsonb_array_elements(admin.credential_list(10, 0)) c where c ->> 'id' = p_id::text
$$;
select test.end(test.ask1('m', '{"credential": 1}'), 'rule', pg_temp.rest('quota', 7200));
select test.is('a project and model, exactly so long', (select reason || ' ' || extract(epoch from ready_at - pollux.now())::integer from pollux.quota where model = 'm' and project_id = 1), 'rule_7 7200');
select test.is('other models of it go on', test.ask1('n', '{"credential": 1}') ->> 'verdict', 'go');
select test.end(test.ask1('m', '{"credential": 2}'), 'rule', pg_temp.rest('credential', 600));
select test.is('a credential', pg_temp.state(2), 'resting rule_7 600s');
select test.is('for all models', test.ask1('n', '{"credential": 2}') ->> 'reason', 'no_credentials');
select test.is('not among the dead', (api.health() ->> 'dead') || ' ' || (api.health() ->> 'resting'), '0 1');
select test.is('is not probed for it', (select probe_at from pollux.credential where id = 2), null);
select test.later('599 seconds'), pollux.credential_wake();
select test.is('a second before', pg_temp.state(2), 'resting rule_7 1s');
select test.later('1 second'), api.beat(test.worker(), '{}');
select test.is('back with the next heartbeat', pg_temp.state(2), 'ready');
select test.is('and used', test.ask1('m', '{"credential": 2}') ->> 'verdict', 'go');
create temporary table p as select test.ask1('m', '{"credential": 2}') as permit;
select test.end(test.ask1('m', '{"credential": 2}'), 'rule', pg_temp.rest('credential', 600));
select test.later('1 second');
select admin.credential_reset(2);
select test.is('by hand', pg_temp.state(2), 'ready');
select test.end(permit, 'rule', pg_temp.rest('credential', 600)) from p;
select test.is('an answer to an earlier call does not count', pg_temp.state(2), 'ready');
select test.end(test.ask1('m', '{"credential": 3}'), 'rule', pg_temp.rest('model', 300));
select test.is('a model, with all projects', (select a ->> 'verdict' || ' ' || (a ->> 'retry_in_ms') from test.ask1('m') a), 'wait 300000');
select test.is('its view', (select model || ' ' || reason from report.model_rests), 'm rule_7');
select test.is('other models go on', test.ask1('n') ->> 'verdict', 'go');
select test.is('a shorter rest changes nothing', (select until - pollux.now() from pollux.model_rest), interval '300 seconds') from (
    select pollux.rule_rest(array[row(null, 1, 3, 3, 'm', pollux.now(), 'rule', 0, 0, false, false, pg_temp.rest('model', 5))::pollux.effect])) x;
select test.later('300 seconds');
select test.is('it is over', test.ask1('m', '{"credential": 3}') ->> 'verdict', 'go');
select test.end(test.ask1('m', '{"credential": 3}'), 'rule', pg_temp.rest('model', 300));
select admin.model_reset('m');
select test.is('by hand, a model', test.ask1('m', '{"credential": 3}') ->> 'verdict', 'go');
select test.settle(jsonb_build_array(test.settlement(p, jsonb_build_array(test.attempt(p, 'rule', pg_temp.rest('model', 300))), '{"verb": "countTokens"}')))
from test.ask1('m', '{"credential": 3, "verb": "countTokens"}') p;
select test.is('calls that use no quota let no model rest', (select count(*) from pollux.model_rest), 0::bigint);

-- properties of a credential
select test.is('label, priority, project', admin.credential_set(1, '{"label": "L", "priority": 5, "project": "shop"}') - 'created_at' - 'last_used_at' - 'requests_today' - 'reason' - 'until' - 'state',
    '{"id": 1, "project": "shop", "kind": "api_key", "label": "L", "hint": "0001", "priority": 5, "proxy": null}');
select test.is('absent stays, null clears', admin.credential_set(1, '{"label": null}') - 'created_at' ->> 'priority', '5');
select test.is('its old project is left', (select count(*) from pollux.quota where project_id = 1 and reason = 'credential') > 0, true);
select test.is('its new one is used', test.ask1('m', '{"credential": 1}') ->> 'verdict', 'go');
select admin.credential_set(1, '{"proxy": {"sealed": "c0ffee", "hint": "socks5h://proxy:1080"}}');
select test.is('a proxy comes with the permit', test.ask1('m', '{"credential": 1}') ->> 'proxy', 'c0ffee');
select test.is('shown without its secret', (select proxy from report.credentials where id = 1), 'socks5h://proxy:1080');
select admin.credential_set(1, '{"proxy": null}');
select test.is('none any more', test.ask1('m', '{"credential": 1}') -> 'proxy', null);
select test.is('an unknown one', admin.credential_set(99, '{"label": "x"}'), null);
select test.is('a wrong word', test.error($$select admin.credential_set(1, '{"labl": "x"}')$$), 'a key has no "labl"');
