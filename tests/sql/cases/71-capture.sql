-- SPDX-License-Identifier: MIT
-- Captured exchanges: when, which, how long, how many. And what is sealed under which master key.
create function pg_temp.keep(p_id integer, p_more jsonb default '{}') returns boolean language sql volatile as $$
    select api.capture(jsonb_build_object('id', ('00000000-0000-0000-0000-' || lpad(p_id::text, 12, '0')), 'outcome', 'ok', 'status', 200,
        'model', 'm', 'request', '{}'::jsonb, 'attempts', '[]'::jsonb, 'calls', 1, 'answer', '{}'::jsonb) || p_more)
$$;
create function pg_temp.held() returns text language sql stable as $$
    select string_agg(right(request_id::text, 2)::integer::text, ' ' order by at, request_id) from pollux.capture
$$;
select test.is('off: workers are told nothing', api.beat(test.worker(), '{}') -> 'capture', 'null'::jsonb);
select test.is('and nothing is stored', pg_temp.keep(1), false);
select admin.console_capture_start('{"minutes": 15, "share": 0.25, "client": "app", "model": "m", "failures": true, "texts": false}') \g /dev/null
select test.is('workers are told which', api.beat(test.worker(), '{}') -> 'capture',
    jsonb_build_object('share', 0.25, 'client_id', (select id from pollux.client where name = 'app'), 'model', 'm', 'failures', true, 'texts', false, 'body_bytes', 65536));
select test.is('until when is kept in UTC', pollux.setting('capture_until'), '2030-06-15T19:15:00Z');
select test.is('stored', pg_temp.keep(1), true);
select test.is('not twice', pg_temp.keep(1, '{"status": 500}'), true);
select test.is('the first stays', (select status from pollux.capture), 200);
select test.later('15 minutes');
select test.is('over at the second', api.beat(test.worker(), '{}') -> 'capture', 'null'::jsonb);
select test.is('what comes late is not stored', pg_temp.keep(2), false);
select test.is('what is held stays', admin.console_capture_get('{}') - 'held_bytes' -> 'held', '1'::jsonb);
select test.later('23 hours 44 minutes 59 seconds');
select test.ok('readable to the end', admin.console_capture_look('{"id": "00000000-0000-0000-0000-000000000001"}') is not null);
select test.later('1 second');
select test.is('and then no more', admin.console_capture_look('{"id": "00000000-0000-0000-0000-000000000001"}'), null);
select test.is('nor in the list', admin.console_capture_list('{}') ->> 'total', '0');
select test.is('deleted', pollux.capture_expire(), 1);
select test.is('each look is written down', (select count(*) from pollux.audit where action = 'capture.look'), 1::bigint);
select test.is('an id that is none', admin.console_capture_look('{"id": "x"}'), null);

-- how many
select admin.setting_set('capture_total_mb', '1'), admin.setting_set('capture_until', '1d'), admin.setting_set('capture_client', '') \g /dev/null
select pg_temp.keep(i, jsonb_build_object('answer', repeat(md5(i::text), 9000))), test.later('1 second') from generate_series(1, 5) i \g /dev/null
select test.is('the oldest make room', pg_temp.held(), '3 4 5');
select test.is('what is too large by itself does not', pg_temp.keep(9, jsonb_build_object('answer', repeat('x', 1000001))), false);
select test.is('and takes nobody''s place', pg_temp.held(), '3 4 5');
select test.is('pages', (select string_agg(right(x ->> 'id', 1), '') || (a ->> 'total') || (b -> 'items' -> 0 ->> 'id') from
    (select admin.console_capture_list('{"limit": 2}') a) q, lateral (select admin.console_capture_list(jsonb_build_object('limit', 2, 'after', a ->> 'next')) b) r,
    jsonb_array_elements(a -> 'items') x group by a, b), '54300000000-0000-0000-0000-000000000003');
select test.is('all at once', admin.console_capture_clear('{}') ->> 'deleted', '3');
select test.is('is written down', (select subject from pollux.audit where action = 'capture.clear'), '3 captures');
select admin.client_add('gone', encode(sha256('gone'), 'hex'), 'gone', null, null, null, null, null), admin.setting_set('capture_client', 'gone') \g /dev/null
select admin.client_revoke('gone'), admin.setting_set('capture_share', '1') \g /dev/null
select test.ok('a client that was revoked is nobody else', (api.beat(test.worker(), '{}') -> 'capture' ->> 'client_id')::bigint not in (0, (select id from pollux.client where name = 'app')));

-- moments
create function pg_temp.until(p_value text) returns text language plpgsql as $$
declare e text := test.error(format('select admin.setting_set(''capture_until'', %L)', p_value));
begin
    return coalesce(nullif(e, ''), pollux.setting('capture_until'));
end $$;
select test.at('2030-06-15 12:00:00+00');
select test.is('a span: ' || v, pg_temp.until(v), w) from (values ('90m', '2030-06-15T13:30:00Z'), ('2h', '2030-06-15T14:00:00Z'), (' 7d ', '2030-06-22T12:00:00Z'),
    ('2030-06-15 14:00+01', '2030-06-15T13:00:00Z'), ('OFF', 'off'), ('', 'off')) x(v, w);
select test.is('not: ' || v, pg_temp.until(v), 'setting "capture_until" must be a time within the next 168 hours, or off')
from (values ('0m'), ('8d'), ('2030-06-15 12:00Z'), ('2020-01-01'), ('infinity')) x(v);
select test.is('no moment: ' || v, pg_temp.until(v), 'setting "capture_until" must be a time such as 2027-01-31T12:00Z, a span from now such as 90m, 2h or 1d, or off')
from (values ('soon'), ('2h30m'), ('-1h'), ('2030-13-01')) x(v);

-- master keys
create function pg_temp.sealed(p_key text, p_what text) returns bytea language sql immutable as $$ select convert_to('v1|' || p_key || '|' || p_what, 'UTF8') $$;
select test.is('the key of a sealed value', pollux.sealed_with(pg_temp.sealed('abcd', repeat('x', 100))), 'abcd');
select admin.credential_add(null, null, null, jsonb_build_array(jsonb_build_object('fingerprint', repeat('aa', 32), 'sealed', encode(pg_temp.sealed('one', 'a'), 'hex'), 'hint', 'a'),
    jsonb_build_object('fingerprint', repeat('bb', 32), 'sealed', encode(pg_temp.sealed('one', 'b'), 'hex'), 'hint', 'b'))) \g /dev/null
update pollux.credential set proxy_sealed = pg_temp.sealed('one', 'p') where hint = 'a';
select api.upload_open('\x01', repeat('cc', 32) || ':' || encode(pg_temp.sealed('one', 'u'), 'hex'), (select min(id) from pollux.project), (select min(id) from pollux.credential), null, 1);
select test.is('all of it, under its name', (select string_agg(concat_ws(' ', place, name, convert_from(sealed, 'UTF8')), ', ' order by place, name) from pollux.sealed_all()),
    format('credential credential|%s v1|one|a, credential credential|%s v1|one|b, proxy proxy|%1$s v1|one|p, upload credential|%3$s v1|one|u', repeat('aa', 32), repeat('bb', 32), repeat('cc', 32)));
select test.is('counted', admin.sealed_count(), '{"one": 4}');
select test.is('every sealed column is among it', (
    select string_agg(c.oid::regclass || '.' || a.attname, ' ' order by 1) from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'pollux'::regnamespace and c.relkind = 'r' and col_description(c.oid, a.attnum) ~ 'sealed under the master key'
      and not exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'sealed_guard' and a.attnum = any (t.tgattr))), null);
select admin.master_key_retire('two', '["one"]') \g /dev/null
select test.is('nothing new with a retired key: ' || what, test.error(sql), 'this was sealed with the master key one, which has been replaced') from (values
    ('key', format('insert into pollux.credential (project_id, fingerprint, sealed, created_at) values (1, ''\x01'', %L, pollux.now())', pg_temp.sealed('one', 'x'))),
    ('changed', format('update pollux.credential set sealed = %L', pg_temp.sealed('one', 'x'))),
    ('proxy', format('update pollux.credential set proxy_sealed = %L', pg_temp.sealed('one', 'x'))),
    ('upload', format('update pollux.upload set url = %L', 'aa:' || encode(pg_temp.sealed('one', 'x'), 'hex')))) x(what, sql);
select test.is('what is there may be changed otherwise', test.error($$update pollux.credential set label = 'x', sealed = sealed$$), '');
select test.is('with the new one all may be put, unless it has changed', admin.sealed_put((select jsonb_agg(jsonb_build_object('place', place, 'id', id,
    'was', encode(case when place = 'proxy' then '\x00' else sealed end, 'hex'), 'now', encode(pg_temp.sealed('two', place), 'hex'))) from pollux.sealed_all())), '3');
select test.is('what is left', (select string_agg(x ->> 'place', ' ') from jsonb_array_elements(admin.sealed_list('two', 10, '[]')) x), 'proxy');
select test.is('without what was tried', admin.sealed_list('two', 10, jsonb_build_array('proxy ' || (select id from pollux.credential where hint = 'a'))), '[]');
select test.is('the upload keeps its fingerprint', (select split_part(url, ':', 1) from pollux.upload), repeat('cc', 32));
select api.beat(test.worker(), '{"master_keys": "two,one"}') \g /dev/null
select test.is('workers: ' || what, admin.master_key_workers(key, seals), w) from (values ('seals', 'two', true, '[]'::jsonb), ('knows', 'one', false, '[]'),
    ('does not seal', 'one', true, '["?"]'), ('does not know', 'three', false, '["?"]')) x(what, key, seals, w);
select test.later('16 seconds');
select test.is('the dead are not waited for', admin.master_key_workers('three', false), '[]');
select test.is('a transaction that is over', admin.master_key_settled((select pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text), 'true');
select test.is('one that is to come', admin.master_key_settled((select pg_snapshot_xmax(pg_current_snapshot())::text)), 'false');
