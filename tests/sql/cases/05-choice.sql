-- SPDX-License-Identifier: MIT
-- Which project: exclusions, pins, affinity, strategies, dead keys, new keys.
select test.keys(1, 3);
create function pg_temp.projects(p_n integer, p_model text, p_more jsonb default '{}') returns text language sql as $$
    select string_agg(distinct a ->> 'project_id', ',' order by a ->> 'project_id')
    from jsonb_array_elements(test.ask((select jsonb_agg(test.wish(p_model, p_more)) from generate_series(1, p_n)))) a
$$;
create function pg_temp.told(p_answer jsonb) returns text language sql as $$
    select concat_ws(' ', p_answer ->> 'verdict', p_answer ->> 'reason')
$$;
select test.is('all are used', pg_temp.projects(30, 'm'), '1,2,3');
select test.is('but for the excluded', pg_temp.projects(30, 'm', '{"exclude": [2]}'), '1,3');
select test.is('all excluded', pg_temp.told(test.ask1('m', '{"exclude": [1, 2, 3]}')), 'no exhausted');
select test.is('with the time of the earliest recovery: now', test.ask1('m', '{"exclude": [1, 2, 3]}') ->> 'retry_in_ms', '0');
select test.is('one credential and no other', pg_temp.projects(9, 'm', '{"credential": 3}'), '3');
select test.is('a credential that is not there', pg_temp.told(test.ask1('m', '{"credential": 77}')), 'no no_credentials');
select api.remember('{files/a,files/b}', 2, 2, 1, 50);
select api.remember('{files/c}', 3, 3, 1, 50);
select test.is('a file goes where it was made', pg_temp.projects(9, 'm', '{"resources": ["files/a"]}'), '2');
select test.is('two files of one project', pg_temp.projects(9, 'm', '{"resources": ["files/a", "files/b", "files/unknown"]}'), '2');
select test.is('two of different ones', pg_temp.told(test.ask1('m', '{"resources": ["files/a", "files/c"]}')), 'no resource_conflict');
select test.is('unknown ones are ignored', pg_temp.projects(30, 'm', '{"resources": ["files/unknown"]}'), '1,2,3');
select test.is('its project was tried already', pg_temp.told(test.ask1('m', '{"resources": ["files/a"], "exclude": [2]}')), 'no exhausted');
select test.later('1 second');
select api.remember('{files/d}', 1, 1, 1, 50);
select test.is('rather the project the client last made something in', pg_temp.projects(9, 'm', '{"prefer_own": true}'), '1');
select test.is('unless it may not', pg_temp.projects(30, 'm', '{"prefer_own": true, "exclude": [1]}'), '2,3');
select api.forget('files/a');
select test.is('forgotten', pg_temp.projects(30, 'm', '{"resources": ["files/a"]}'), '1,2,3');
select test.later('51 hours');
select test.is('expired', pg_temp.projects(30, 'm', '{"resources": ["files/b"]}'), '1,2,3');

-- several keys of one project, some dead
select test.keys(11, 13, 'shared');
select test.is('the project has three keys', (select count(*) from pollux.credential c join pollux.project p on p.id = c.project_id where p.name = 'shared'), 3::bigint);
create function pg_temp.shared(p_outcome text) returns text language plpgsql as $$
declare a jsonb := test.ask1('m', '{"exclude": [1, 2, 3]}');
begin
    if p_outcome = 'dead' and a ->> 'verdict' = 'go' then
        perform test.end(a, 'credential_dead', '{"scope": "credential", "rest": "dead", "reason": "API_KEY_INVALID"}');
    end if;
    return concat_ws(' ', a ->> 'credential_id', a ->> 'verdict', a ->> 'reason');
end $$;
select test.is('the first key', pg_temp.shared('dead'), '4 go');
select test.is('when it is dead the second', pg_temp.shared('dead'), '5 go');
select test.is('then the third', pg_temp.shared('dead'), '6 go');
select test.is('then none', pg_temp.shared('ok'), 'no exhausted');
select test.is('its row is out of rotation', (select ready_at || ' ' || reason from pollux.quota where project_id = 4 and model = 'm'), 'infinity credential');
select test.is('dead with a reason', (select dead_reason from pollux.credential where id = 5), 'API_KEY_INVALID');
select test.is('an event tells', (select count(*) from pollux.event where kind = 'state' and detail ->> 'to' = 'dead'), 3::bigint);
select admin.credential_set_enabled(5, true);
select test.is('enabled again', pg_temp.shared('ok'), '5 go');
select admin.credential_set_enabled(5, false);
select test.is('disabled', pg_temp.shared('ok'), 'no exhausted');
select test.keys(14, 14, 'shared');
select test.is('a new key of the project', pg_temp.shared('ok'), '7 go');
select admin.credential_remove(7);
select test.is('removed', pg_temp.shared('ok'), 'no exhausted');
select test.is('the secret is gone', (select sealed is null from pollux.credential where id = 7), true);
select test.is('added again it is the same credential', test.keys(14, 14, 'shared') ->> 'ids', '[7]');
select test.is('and works', pg_temp.shared('ok'), '7 go');

-- a key that comes when the model's rows are there already
select test.keys(20, 20);
select test.end(test.ask1());
select test.is('a new project is used', pg_temp.projects(40, 'm'), '1,2,3,4,5');
select test.is('no credentials at all', (select pg_temp.told(test.ask1('m')) from (select test.reset()) r), 'no no_credentials');

-- models nobody configured come into being a few rows at a time
select test.reset();
select test.keys(1, 600);
select test.is('a made-up name', test.go(1, 'made-up'), 1::bigint);
select test.is('costs a few rows', (select count(*) from pollux.quota where model = 'made-up'), 8::bigint);
select test.go(100, 'made-up');
select test.is('also when asked for often', (select count(*) from pollux.quota where model = 'made-up'), 8::bigint);
create temporary table p as select test.ask1('made-up') as permit;
select test.end(permit) from p;
select test.go(1, 'made-up'), test.go(1, 'made-up'), test.go(1, 'made-up');
select test.is('once it has answered the whole pool is used', (select count(*) from pollux.quota where model = 'made-up'), 600::bigint);
select test.go(1, 'nonsense');
select test.later('61 minutes');
delete from pollux.open_request;
select test.is('what never answered is forgotten after an hour', pollux.model_forget(), 1);
select test.is('with its rows', (select string_agg(distinct model, ' ') from pollux.quota), 'made-up');
select admin.model_set('set', '{"rpm": 1}');
select test.is('a configured model finds all it can have', test.go(200, 'set') + test.go(200, 'set') + test.go(200, 'set')
               + test.go(200, 'set'), 600::bigint);
