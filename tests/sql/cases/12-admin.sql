-- SPDX-License-Identifier: MIT
-- What the command line calls.
select test.is('keys are new', test.keys(1, 3) - 'ids', '{"new": 3, "known": 0}');
select test.is('or known', test.keys(2, 5) - 'ids', '{"new": 2, "known": 2}');
select test.is('ids in their order', test.keys(1, 5) -> 'ids', (select jsonb_agg(id order by id) from pollux.credential));
select test.is('the same key twice in a call', (select admin.credential_add(null, null, null, jsonb_build_array(k, k)) - 'ids' from (select jsonb_build_object(
    'fingerprint', encode(sha256('twin'), 'hex'), 'sealed', '00', 'hint', 'twin') as k) x), '{"new": 1, "known": 1}');
select test.is('no key', admin.credential_add('p', null, null, '[]'), '{"new": 0, "known": 0, "ids": []}');
select test.is('each its own project', (select count(distinct project_id) from pollux.credential), 6::bigint);
select test.is('listed in pages', jsonb_array_length(admin.credential_list(4, 0)) || ' ' || jsonb_array_length(admin.credential_list(4, 6)), '4 2');
select test.is('state', admin.credential_list(1, 0) -> 0 ->> 'state', 'ready');
select test.is('disabled', admin.credential_set_enabled(1, false) ->> 'state', 'disabled');
select test.is('enabled', admin.credential_set_enabled(1, true) ->> 'state', 'ready');
select test.is('an id that is not there', array[admin.credential_set_enabled(99, true), admin.credential_remove(99)], array[null, null]::jsonb[]);
select test.is('removed', admin.credential_remove(2) ->> 'id', '2');
select test.is('not listed any more', (select count(*) from jsonb_array_elements(admin.credential_list(100, 0)) c where c ->> 'id' = '2'), 0::bigint);
select test.is('not twice', admin.credential_remove(2), null);
select test.end(test.ask1('m', '{"credential": 3}'), 'quota_minute', '{"scope": "quota", "rest": "ms", "ms": 60000, "reason": "rpm"}');
select test.is('resting', (select c ->> 'state' || ' ' || (c ->> 'reason') from (select admin.credential_list(1, 2) -> 0 as c) x), 'resting told_rpm');
select test.is('health', api.health(), '{"dead": 0, "ready": 4, "resting": 1, "disabled": 0, "credentials": 5}');
select test.is('enabling ends a rest', admin.credential_set_enabled(3, true) ->> 'state', 'ready');
select test.is('a project name with a line break', test.error($$select admin.credential_add(E'a\nb', null, null, '[]')$$), 'a project needs a name of 1 to 100 characters');

select test.is('a model', jsonb_strip_nulls(admin.model_set('models/m', '{"rpm": 5, "aliases": ["a", "b"]}') - 'id'),
    '{"name": "m", "rpm": 5, "aliases": ["a", "b"], "fallback": []}');
select test.is('what is absent stays', admin.model_set('m', '{"tpm": 7}') ->> 'rpm', '5');
select test.is('null clears', admin.model_set('m', '{"rpm": null}') ->> 'rpm', null);
select test.is('other aliases', admin.model_set('m', '{"aliases": ["c"]}') -> 'aliases', '["c"]');
select test.is('no aliases', admin.model_set('m', '{"aliases": []}') -> 'aliases', '[]');
select test.is('half a request', test.error($$select admin.model_set('m', '{"rpm": 1.5}')$$), 'rpm must be a whole number from 0 to 2147483647, or null');
select test.is('a negative one', test.error($$select admin.model_set('m', '{"rpm": -1}')$$) <> '', true);
select test.is('an unknown field', test.error($$select admin.model_set('m', '{"rmp": 1}')$$), 'a model has no "rmp"');
select test.is('a bad name', test.error($$select admin.model_set('a b', '{}')$$), '"a b" cannot be the name of a model');
select admin.model_set('n', '{"aliases": ["x"]}');
select test.is('an alias of another', test.error($$select admin.model_set('m', '{"aliases": ["x"]}')$$), 'already the name or alias of another model: x');
select test.is('an alias that is a model', test.error($$select admin.model_set('m', '{"aliases": ["n"]}')$$), 'already the name or alias of another model: n');
select test.is('a model that is an alias', test.error($$select admin.model_set('x', '{}')$$), '"x" is an alias of n');
select test.is('listed', (select string_agg(m ->> 'id', ' ') from jsonb_array_elements(admin.model_list()) m), 'm n');

select test.is('a client with a name that is taken', test.error($$select admin.client_add('app', '00', 'x', null, null, null, null, null)$$), 'there is a client named "app" already');
select test.is('without a name', test.error($$select admin.client_add('', '00', 'x', null, null, null, null, null)$$), 'a client needs a name of 1 to 100 characters');
select test.is('with more requests a minute than there can be', test.error($$select admin.client_add('e', '00', 'x', 99999999999, null, null, null, null)$$), 'rpm must be a whole number from 0 to 2147483647, or null');
select test.is('that is expired', test.error($$select admin.client_add('e', '00', 'x', null, null, null, null, '2020-01-01')$$) <> '', true);
select test.is('listed without its token or hash', (select string_agg(k, ' ' order by k) from jsonb_object_keys(admin.client_list() -> 0) k),
    'created_at daily_tokens expires_at hint id models name revoked_at rpm state tokens_today tpm');
select test.is('revoked by name', admin.client_revoke('app') ->> 'state', 'revoked');
select test.is('by id', admin.client_revoke('1') ->> 'state', 'revoked');
select test.is('none of that name', admin.client_revoke('nobody'), null);

select test.is('a setting', admin.setting_set('wait_limit_ms', '5000') ->> 'value', '5000');
select test.is('is listed', (select s ->> 'value' from jsonb_array_elements(admin.setting_list()) s where s ->> 'name' = 'wait_limit_ms'), '5000');
select test.is('not a number', test.error($$select admin.setting_set('wait_limit_ms', 'long')$$), 'setting "wait_limit_ms" must be a whole number from 0 to 600000 (ms)');
select test.is('too much', test.error($$select admin.setting_set('wait_limit_ms', '99999999999999')$$) <> '', true);
select test.is('not a choice', test.error($$select admin.setting_set('strategy', 'magic')$$), 'setting "strategy" must be one of: remaining, token-bucket, round-robin, priority');
select test.is('no setting', test.error($$select admin.setting_set('colour', 'red')$$), 'there is no setting "colour"');
create function pg_temp.kind(p_kind text, p_least numeric, p_most numeric, p_pattern text default null) returns void language sql as $$
    delete from pollux.setting where name = 'try';
    insert into pollux.setting (name, value, preset, kind, least, most, unit, help, pattern)
    values ('try', '1', '1', p_kind, p_least, p_most, null, 'x', p_pattern)
$$;
create function pg_temp.set(p_value text) returns text language plpgsql as $$
begin
    return admin.setting_set('try', p_value) ->> 'value';
exception when others then
    return sqlerrm;
end $$;
create function pg_temp.told() returns jsonb language sql as $$ select api.beat(test.worker(), '{}') -> 'settings' -> 'try' $$;
select pg_temp.kind('number', 0, 1);
select test.is('a number with a fraction', array[pg_temp.set(' 0.250 '), pg_temp.told()::text], '{0.25,0.25}');
select test.is('that is too large', pg_temp.set('1.1'), 'setting "try" must be a number from 0 to 1');
select test.is('that is no number', pg_temp.set('NaN'), 'setting "try" must be a number from 0 to 1');
select test.is('or too long', pg_temp.set('0.' || repeat('1', 400)), 'setting "try" must be a number from 0 to 1');
select pg_temp.kind('boolean', null, null);
select test.is('a switch', array[pg_temp.set('Yes'), pg_temp.told()::text], '{on,true}');
select test.is('in SQL', pollux.setting_on('try'), true);
select test.is('switched off', array[pg_temp.set('0'), pg_temp.told()::text], '{off,false}');
select test.is('neither', pg_temp.set('maybe'), 'setting "try" must be on or off');
select pg_temp.kind('text', 0, 12, 'https?://.+');
select test.is('a text', array[pg_temp.set('http://x'), pg_temp.told()::text], '{http://x,"\"http://x\""}');
select test.is('that does not match', pg_temp.set('xhttp://x'), 'setting "try": "xhttp://x" does not look right; it has to match https?://.+');
select test.is('that is too long', pg_temp.set('http://123456789'), 'setting "try" must have 0 to 12 characters');
select test.is('with a line break', pg_temp.set(E'http://x\n'), 'setting "try": no control characters are allowed');
select test.is('none', pg_temp.set(null), 'setting "try" must have a value');
select pg_temp.kind('list', 0, 3, '[a-z*]+');
select test.is('a list', array[pg_temp.set(E' a*, b\nc '), pg_temp.told()::text], array['a*,b,c', '["a*", "b", "c"]']);
select test.is('its items', pollux.setting_items('try'), '{a*,b,c}');
select test.is('an empty one', array[pg_temp.set(''), pg_temp.told()::text], array['', '[]']);
select test.is('it has no items', pollux.setting_items('try'), '{}');
select test.is('with too many items', pg_temp.set('a,b,c,d'), 'setting "try" must have 0 to 3 items, separated by commas');
select test.is('with a bad item', pg_temp.set('a,B'), 'setting "try": "B" does not look right; it has to match [a-z*]+');
delete from pollux.setting where name = 'try';
select test.is('a time zone', admin.setting_set('time_zone', 'Europe/Berlin') ->> 'value', 'Europe/Berlin');
select test.is('that is none', test.error($$select admin.setting_set('time_zone', 'Berlin')$$), 'setting "time_zone": "Berlin" is no time zone: write a name such as Europe/Berlin, America/New_York or UTC');
select test.is('an UPDATE goes through the same check', test.error($$update pollux.setting set value = 'x' where name = 'wait_limit_ms'$$), 'setting "wait_limit_ms" must be a whole number from 0 to 600000 (ms)');
select test.is('every preset is a value that is allowed', (select string_agg(s.name, ' ') from pollux.setting s where pollux.setting_read(s, s.preset) <> s.preset), null);
select admin.model_set('nobody-asked', '{"rpm": 1}');
select test.is('a model that nobody has asked for has a name', (select string_agg(model || ' ' || configured || ' ' || requests_today, ',') from report.models where model = 'nobody-asked'), 'nobody-asked true 0');
select test.is('also in the status, where no model is without one', (select array[bool_and(m ->> 'model' is not null and m ->> 'ready' is not null)::text, (count(*) filter (where m ->> 'model' = 'nobody-asked'))::text] from json_array_elements(admin.status() -> 'models') m), '{true,1}');
select admin.model_remove('nobody-asked');
select test.is('status', (select count(*) > 10 from json_object_keys(admin.status())), true);

select api.upload_open('\x01', 'https://upstream/x', 3, 3, 1, 1);
select test.is('an upload is found', (select url || ' ' || client || ' ' || (sealed is not null) from api.upload_find('\x01')), 'https://upstream/x app true');
select test.is('another is not', (select count(*) from api.upload_find('\x02')), 0::bigint);
select test.later('2 hours');
select test.is('nor one that expired', (select count(*) from api.upload_find('\x01')), 0::bigint);
select test.is('expired things go', pollux.expire(), 'upload 1');
