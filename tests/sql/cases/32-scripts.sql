-- SPDX-License-Identifier: MIT
-- Scripts: what an admin token may ask and change through api.script, in pages, with its audit.
select test.keys(1, 3);
select test.keys(4, 5, 'shop');
select count(admin.token_add(role, encode(sha256(role::bytea), 'hex'), 'hint', role, null)) as ignored from unnest(array['metrics', 'viewer', 'operator', 'owner']) role \gset
create function test.script(p_call text, p_params jsonb default '{}', p_role text default 'owner') returns jsonb language sql as $$
    select api.script(encode(sha256(p_role::bytea), 'hex'), p_call, p_params, '{"remote": "192.0.2.7"}')
$$;
create function test.script_error(p_call text, p_params jsonb default '{}', p_role text default 'owner') returns text language plpgsql as $$
declare v_state text;
begin
    perform test.script(p_call, p_params, p_role);
    return '';
exception when others then
    get stacked diagnostics v_state = returned_sqlstate;
    return v_state || ' ' || sqlerrm;
end $$;

select test.is('who may call ' || call, string_agg(role, ' ' order by pollux.role_rank(role)), who)
from (values ('stats', '{}'::jsonb, 'viewer operator owner'), ('status', '{}', 'viewer operator owner'), ('credential', '{"id": "1"}', 'viewer operator owner'),
             ('credentials', '{}', 'viewer operator owner'), ('usage', '{}', 'viewer operator owner'), ('reset', '{"all": true}', 'operator owner'),
             ('key_remove', '{"id": "99"}', 'operator owner'), ('keys_add', '{"sealed": []}', 'operator owner')) c(call, params, who)
cross join unnest(array['metrics', 'viewer', 'operator', 'owner']) role
where test.script_error(call, params, role) = '' group by call, who;
select test.is('a client', test.script_error('stats', '{}', 'app'), 'PX403 a client token does not open the administration');
select test.is('nobody', test.script_error('stats', '{}', 'x'), 'PX401 this admin token is not valid');

select test.is('pages', test.script('credentials', '{"limit": "2"}') ->> 'next', '2');
select test.is('the next page', (select jsonb_agg(c -> 'id') from jsonb_array_elements(test.script('credentials', '{"limit": "2", "after": "2"}') -> 'items') c), '[3, 4]');
select test.is('the last page', test.script('credentials', '{"limit": "2", "after": "4"}') - 'items', '{"next": null}');
select test.is('a page that is just full is the last', test.script('credentials', '{"limit": "5"}') ->> 'next', null);
select test.is('of a project', (select jsonb_agg(c -> 'id') from jsonb_array_elements(test.script('credentials', '{"project": "shop"}') -> 'items') c), '[4, 5]');
select test.is('of a project that is not there', test.script('credentials', '{"project": "nowhere"}') -> 'items', '[]');
select test.end(test.ask1('m', '{"credential": 1}'), 'credential_dead', '{"scope": "credential", "rest": "dead", "reason": "API_KEY_INVALID"}');
select admin.credential_set_enabled(2, false) ->> 'state' as ignored \gset
select test.end(test.ask1('m', '{"credential": 3}'), 'quota_minute', '{"scope": "quota", "rest": "ms", "ms": 60000, "reason": "rpm"}');
select test.is('by state ' || state, (select jsonb_agg(c -> 'id') from jsonb_array_elements(test.script('credentials', jsonb_build_object('state', state)) -> 'items') c), ids)
from (values ('ready', '[4, 5]'::jsonb), ('resting', '[3]'), ('dead', '[1]'), ('disabled', '[2]')) s(state, ids);
select test.is('a state that is none', test.script_error('credentials', '{"state": "tired"}'), 'PX400 "state" must be one of: ready, resting, dead, disabled');
select test.is('too large a page', test.script_error('credentials', '{"limit": "1001"}'), 'PX400 "limit" must be a whole number from 1 to 1000');
select test.is('a parameter that is not there', test.script_error('stats', '{"limt": "1"}'), 'PX400 there is no parameter "limt"');
select test.is('the pool', test.script('status') -> 'pool', '{"dead": 1, "ready": 2, "resting": 1, "disabled": 1, "credentials": 5}');
select test.is('one credential', test.script('credential', '{"id": "3"}') ->> 'state', 'resting');
select test.is('its quota', (select q ->> 'model' || ' ' || (q ->> 'reason') from jsonb_array_elements(test.script('credential', '{"id": "3"}') -> 'quota') q), 'm told_rpm');
select test.is('its changes of state', test.script('credential', '{"id": "1"}') -> 'states' -> 0 ->> 'to_state', 'dead');
select test.is('none', test.script('credential', '{"id": "99"}'), null);

select test.is('reset says what', test.script_error('reset'), 'PX400 say what to reset');
select test.is('only one thing', test.script_error('reset', '{"all": true, "model": "m"}'), 'PX400 say what to reset');
select test.is('a credential', test.script('reset', '{"credential": 1}') ->> 'state', 'ready');
select test.is('a model', test.script('reset', '{"model": "m"}') ->> 'model', 'm');
select test.is('ends its rests', test.script('credential', '{"id": "3"}') ->> 'state', 'ready');
select test.is('an unknown credential', test.script('reset', '{"credential": 99}'), null);
select test.is('all: what was disabled stays so', test.script('reset', '{"all": true}', 'operator') is not null and test.script('credential', '{"id": "2"}') ->> 'state' = 'disabled', true);
select test.is('a key', test.script('keys_add', jsonb_build_object('project_id', 'bar', 'sealed', jsonb_build_array(jsonb_build_object(
    'fingerprint', encode(sha256('new'), 'hex'), 'sealed', '00', 'hint', 'wxyz')))) - 'ids', '{"new": 1, "known": 0}');
select test.is('in its project', test.script('credentials', '{"project": "bar"}') -> 'items' -> 0 ->> 'hint', 'wxyz');
select test.is('removed', test.script('key_remove', '{"id": "5"}') ->> 'id', '5');
select test.is('not twice', test.script('key_remove', '{"id": "5"}'), null);
select test.is('the audit', (select string_agg(actor || ' ' || action || ' ' || coalesce(subject, '-') || ' ' || remote, '; ' order by id) from pollux.audit where action not like 'token%' and action <> 'setting.set'),
    'token operator pool.reset - 192.0.2.7; token owner pool.reset - 192.0.2.7; token owner credential.reset 1 192.0.2.7; token owner model.reset m 192.0.2.7; token operator pool.reset - 192.0.2.7; token owner credential.add 1 key 192.0.2.7; token owner credential.remove 5 192.0.2.7');
select test.ok('no ciphertext in the audit', (select string_agg(to_jsonb(a)::text, '') from pollux.audit a) !~ 'fingerprint|sealed');

select test.end(test.ask1('m')) from generate_series(1, 3);
select test.later('1 hour');
select test.end(test.ask1('n')) from generate_series(1, 2);
select test.later('6 minutes'); -- "until" is now, and that is not within it
select test.is('usage by model', (select string_agg(u ->> 'model' || ' ' || (u ->> 'requests'), ', ') from jsonb_array_elements(test.script('usage', '{"by": "model"}') -> 'items') u), 'm 5, n 2');
select test.is('of the last minutes: its hour', (select string_agg(u ->> 'model' || ' ' || (u ->> 'requests'), ', ') from jsonb_array_elements(test.script('usage', '{"by": "model", "since": "5m"}') -> 'items') u), 'n 2');
select test.is('per hour', (select string_agg(u ->> 'hour' || ' ' || (u ->> 'requests'), ', ') from jsonb_array_elements(test.script('usage', '{"by": "client", "per": "hour"}') -> 'items') u),
    '2030-06-15T19:00:00+00:00 5, 2030-06-15T20:00:00+00:00 2');
select test.is('per day', (select string_agg(u ->> 'day' || ' ' || (u ->> 'requests'), ', ') from jsonb_array_elements(test.script('usage', '{"by": "client", "per": "day"}') -> 'items') u), '2030-06-15 7');
select test.is('in pages', (select string_agg(u -> 'items' -> 0 ->> 'model' || ' ' || coalesce(u ->> 'next', 'end'), ', ') from (
    select test.script('usage', jsonb_build_object('by', 'model', 'limit', 1, 'after', n)) as u from generate_series(0, 1) n) x), 'm 1, n end');
select test.is('by what', test.script_error('usage', '{"by": "colour"}'), 'PX400 "by" is made of client, credential, model, separated by commas');
select test.is('since when', test.script_error('usage', '{"since": "yesterweek"}') like 'PX400 "since" must be a time%', true);
select test.is('stats', test.script('stats') #>> '{last_24_hours,requests}', '7');
select test.is('of an hour', test.script('stats') #>> '{last_hour,requests}', '2');
select test.is('models by use', (select string_agg(m ->> 'model', ' ') from jsonb_array_elements(test.script('stats') -> 'models') m), 'm n');
select test.settle(jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'model', 'refused', 'status', 429, 'outcome', 'exhausted', 'duration_ms', 3, 'attempts', '[]'::jsonb)));
select test.is('one that reached nobody has no times, and hides nobody''s', test.script('stats') #>> '{last_24_hours,requests}' || ' ' || (test.script('stats') #>> '{last_24_hours,median_ms}'), '8 25');
