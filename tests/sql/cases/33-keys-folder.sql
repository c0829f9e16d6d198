-- SPDX-License-Identifier: MIT
-- Keys folders: what comes, what vanishes, what comes back; hosts have their own.
create function pg_temp.hex(p_name text) returns text language sql as $$ select encode(sha256(p_name::bytea), 'hex') $$;
create function pg_temp.keys(p_names text) returns jsonb language sql as $$
    select jsonb_agg(jsonb_build_object('fingerprint', pg_temp.hex(n), 'sealed', encode(('sealed ' || n)::bytea, 'hex'), 'hint', n))
    from unnest(string_to_array(p_names, ' ')) n where n <> ''
$$;
-- Reads a folder that holds these keys, as a worker does. Answers "new back gone".
create function pg_temp.read(p_place text, p_names text, p_whole boolean default true, p_errors jsonb default '[]') returns text language plpgsql as $$
declare
    v_round bigint := (api.keys_folder_begin(p_place) ->> 'round')::bigint;
    v_seen jsonb; v_add jsonb; v_new integer := 0; v_end jsonb;
begin
    v_seen := api.keys_folder_seen(p_place, v_round, (select coalesce(jsonb_agg(k -> 'fingerprint'), '[]') from jsonb_array_elements(pg_temp.keys(p_names)) k));
    select jsonb_agg(k) into v_add from jsonb_array_elements(pg_temp.keys(p_names)) k where v_seen -> 'unknown' ? (k ->> 'fingerprint');
    if v_add is not null then v_new := (api.keys_folder_add(p_place, v_round, 'file', v_add) ->> 'new')::integer; end if;
    v_end := api.keys_folder_end(p_place, v_round, jsonb_build_object('whole', p_whole, 'unsettled', false, 'files', 1,
        'keys', cardinality(string_to_array(p_names, ' ')), 'malformed', 0, 'new', v_new, 'back', v_seen -> 'back', 'errors', p_errors));
    return concat_ws(' ', v_end ->> 'new', v_end ->> 'back', v_end ->> 'gone');
end $$;
create function pg_temp.states() returns text language sql as $$
    select string_agg(hint || ':' || pollux.credential_state(c), ' ' order by hint) from pollux.credential c
$$;

select test.is('new keys', pg_temp.read('a:/k', 'k1 k2 k2 k3'), '3 0 0');
select test.is('known ones', pg_temp.read('a:/k', 'k1 k2 k3'), '0 0 0');
select test.is('one vanishes', pg_temp.read('a:/k', 'k1 k3'), '0 0 1');
select test.is('it is disabled', pg_temp.states(), 'k1:ready k2:disabled k3:ready');
select test.is('it returns', pg_temp.read('a:/k', 'k1 k2 k3'), '0 1 0');
select test.is('and is enabled', pg_temp.states(), 'k1:ready k2:ready k3:ready');
select test.is('its story', (select string_agg(concat_ws(' ', to_state, why), ', ' order by id) from report.credential_states), 'disabled vanished from its keys folder, ready back in a keys folder');
select test.is('a folder that cannot be read whole misses nothing', pg_temp.read('a:/k', 'k1', false, '[{"file": "x", "error": "no"}]'), '0 0 0');
select test.is('nothing has changed', pg_temp.states(), 'k1:ready k2:ready k3:ready');
select test.is('the error is told', (select errors -> 0 ->> 'file' from report.keys_folders), 'x');
select pg_temp.read('a:/k', 'k1', false, '[{"file": "x", "error": "no"}]');
select test.is('in an event, once', (select count(*) from pollux.event where kind = 'keys_folder' and detail -> 'errors' <> '[]'), 1::bigint);

select test.is('another host has some of them', pg_temp.read('b:/k', 'k2 k4'), '1 0 0');
select test.is('what is still there elsewhere stays', pg_temp.read('a:/k', 'k3'), '0 0 1');
select test.is('only that one is out', pg_temp.states(), 'k1:disabled k2:ready k3:ready k4:ready');
select test.is('until it is nowhere', pg_temp.read('b:/k', 'k4'), '0 0 1');
select test.is('it may come back on another host', pg_temp.read('a:/k', 'k2 k3'), '0 1 0');
select test.is('a host that is taken down', admin.keys_folder_forget('b:/k'), '{"gone": 1, "place": "b:/k"}');
select test.is('both are out that no folder holds', pg_temp.states(), 'k1:disabled k2:ready k3:ready k4:disabled');

select test.reset();
select test.keys(1, 1);
select test.is('a key added by hand', pg_temp.read('a:/k', 'k1 k2'), '1 0 0');
select test.is('is none of the folder''s', pg_temp.read('a:/k', ''), '0 0 1');
select test.is('his stays, the other is out', pg_temp.states(), '0001:ready k2:disabled');
select pg_temp.read('a:/k', 'k1 k2 k3');
select admin.credential_set_enabled(id, false) from pollux.credential where hint = 'k2';
select admin.credential_remove(id) from pollux.credential where hint = 'k3';
select test.is('disabled or removed by hand, still in the file', pg_temp.read('a:/k', 'k1 k2 k3'), '0 0 0');
select test.is('they stay as they are', pg_temp.states(), '0001:ready k2:disabled k3:removed');
select pg_temp.read('a:/k', 'k1');
select test.is('taken out of the file and put in again: removed ones are new', pg_temp.read('a:/k', 'k1 k2 k3'), '1 0 0');
select test.is('as if it had been new', pg_temp.states(), '0001:ready k2:disabled k3:ready');
select pg_temp.read('a:/k', 'k1 k3');
select pg_temp.read('a:/k', 'k1');
select admin.credential_set_enabled(id, true) from pollux.credential where hint = 'k3';
select test.is('enabled by hand though it is gone', pg_temp.read('a:/k', 'k1'), '0 0 0');
select test.is('it stays', pg_temp.states(), '0001:ready k2:disabled k3:ready');

select test.reset();
create function pg_temp.take(p_place text) returns integer language sql as $$
    select jsonb_array_length(api.job_take('00000000-0000-0000-0000-00000000aaaa', '{keys_folder}', array[p_place], 9))
$$;
select test.is('a worker with a folder is asked to read it at once', pg_temp.take('a:/k'), 1);
select test.is('one that has none is not', jsonb_array_length(api.job_take('00000000-0000-0000-0000-00000000aaaa', '{keys_folder}', '{}', 9)), 0);
select pg_temp.read('a:/k', 'k1');
select api.job_done('00000000-0000-0000-0000-00000000aaaa', id, attempts, true, '{}') from pollux.job;
select test.later('299 seconds');
select test.is('again', pg_temp.take('a:/k'), 0);
select test.later('1 second');
select test.is('after 300 s', pg_temp.take('a:/k'), 1);
