-- SPDX-License-Identifier: MIT
-- Requests without a token: open access, limits of an address, bans, protection of the pool.
select test.keys(1, 4);
create function pg_temp.open(p_from text default '192.0.2.1', p_more jsonb default '{}') returns text language sql volatile as $$
    select concat_ws(' ', a ->> 'verdict', a ->> 'reason', a ->> 'retry_in_ms')
    from test.ask1('m', jsonb_build_object('token_hash', '00', 'remote', p_from) || p_more) a
$$;
create function pg_temp.many(p_n integer, p_from text default '192.0.2.1') returns text language sql volatile as $$
    select string_agg(n || ' ' || what, ', ' order by what) from (
        select count(*) as n, what from (select pg_temp.open(p_from) as what from generate_series(1, p_n)) x group by what) y
$$;
create function pg_temp.gone(p_n integer, p_from text, p_more jsonb default '{}') returns integer language plpgsql volatile as $$
declare
    v_go integer := 0;
begin
    for i in 1..p_n loop
        v_go := v_go + (pg_temp.open(p_from, p_more) = 'go')::integer;
    end loop;
    return v_go;
end $$;
select test.is('nobody without a token', pg_temp.open(), 'no unauthenticated');
select test.is('no client of that kind is there', (select count(*) from pollux.client where id = -1), 0::bigint);
select admin.setting_set('open_access', 'on');
select test.is('switched on', pg_temp.open(), 'go');
select test.is('as a client of its own', test.ask1('m', '{"token_hash": "00"}') ->> 'client', 'open access');
select test.is('accounted to it', (select distinct client_id from pollux.open_request), -1::bigint);
select test.is('authentication alone', pg_temp.open('192.0.2.9', '{"kind": "auth"}'), 'go');
select test.is('a token that is none stays none', test.ask1('m', jsonb_build_object('token_hash', encode(sha256('x'), 'hex'))) ->> 'reason', 'unauthenticated');
select test.is('listed', (select c ->> 'name' || ' ' || (c ->> 'state') from jsonb_array_elements(admin.client_list()) c where c ->> 'id' = '-1'), 'open access active');
select test.is('it cannot be revoked', test.error($$select admin.client_revoke('open access')$$), 'open access has no token that could be revoked');
update pollux.setting set value = 'off' where name = 'open_access';
select test.is('switched off', pg_temp.open(), 'no open_access_off');
select test.is('off: authentication alone', pg_temp.open('192.0.2.9', '{"kind": "auth", "attempt": 0}'), 'no open_access_off');
select test.is('off: listed so', (select c ->> 'state' from jsonb_array_elements(admin.client_list()) c where c ->> 'id' = '-1'), 'off');
update pollux.setting set value = 'yes' where name = 'open_access';
select test.is('switched on by psql', pg_temp.open(), 'go');

-- its own limits
select test.is('an allow-list', admin.client_set('open access', '{"models": ["n*"], "rpm": 5}') - 'created_at' ->> 'models', '["n*"]');
select test.is('is kept to', pg_temp.open('192.0.2.2'), 'no model_denied');
select test.is('and refusals take nothing off the limits', pg_temp.gone(30, '192.0.2.2'), 0);
select admin.client_set('-1', '{"models": null}');
select test.is('five a minute for all of them', pg_temp.gone(9, '192.0.2.3'), 5);
select test.is('why not', pg_temp.open('192.0.2.3'), 'no client_rpm 61000');
select admin.client_set('-1', '{"rpm": null}');
select test.is('nothing is set by a null', admin.client_set('nobody', '{"rpm": 1}'), null);
select test.is('nor by a wrong word', test.error($$select admin.client_set('app', '{"rmp": 1}')$$), 'a client has no "rmp"');
select test.is('refused requests of a client with limits take nothing', (
    select string_agg(x, ' ') from (select admin.client_add('small', encode(sha256('small'), 'hex'), 'x', 3, null, null, array['n'], null)) a,
    lateral (select test.go(5, 'm', jsonb_build_object('token_hash', encode(sha256('small'), 'hex'))) || ' '
                    || test.go(5, 'n', jsonb_build_object('token_hash', encode(sha256('small'), 'hex'))) as x) b), '0 3');

-- limits of an address
select test.later('2 hours');
select admin.setting_set('open_per_minute', '10'), admin.setting_set('open_per_hour', '25'), admin.setting_set('ban_after', '0');
select test.is('nine of ten', pg_temp.many(9), '9 go');
select test.is('the tenth', pg_temp.many(1), '1 go');
select test.is('the eleventh', pg_temp.many(1), '1 no ip_minute 61000');
select test.is('another address', pg_temp.many(1, '192.0.2.2'), '1 go');
select test.is('a client with a token at the same address', test.ask1('m') ->> 'verdict', 'go');
select test.later('60 seconds');
select test.is('sixty seconds later', pg_temp.many(1), '1 no ip_minute 1000');
select test.later('1 second');
select test.is('the minute is over', pg_temp.many(10), '10 go');
select test.later('61 seconds');
select test.is('the hour has room for five', pg_temp.many(5), '5 go');
select test.is('and not for a sixth', left(pg_temp.many(1), 12), '1 no ip_hour');
select test.is('until the first ten are an hour old', (select (regexp_match(pg_temp.open(), '\d+$'))[1]::integer / 60000 between 57 and 60), true);
select test.later('58 minutes');
select test.is('not earlier', left(pg_temp.many(1), 12), '1 no ip_hour');
select test.later('2 minutes');
select test.is('then ten', pg_temp.many(11), '10 go, 1 no ip_minute 61000');
select test.later('3 hours');
select test.is('in one batch, too', (select count(*) filter (where p ->> 'verdict' = 'go') from jsonb_array_elements(test.ask((
    select jsonb_agg(test.wish('m', '{"token_hash": "00", "remote": "192.0.2.77"}')) from generate_series(1, 15)))) p), 10::bigint);
select test.is('IPv6 by /64', pg_temp.many(6, '2001:db8::1') || '; ' || pg_temp.many(5, '2001:db8:0:0:ffff::2') || '; ' || pg_temp.many(1, '2001:db8:0:1::1'),
    '6 go; 4 go, 1 no ip_minute 61000; 1 go');
select test.is('however it is written', pg_temp.many(5, '198.51.100.1') || '; ' || pg_temp.many(6, '::ffff:198.51.100.1'), '5 go; 5 go, 1 no ip_minute 61000');
select test.is('those without an address together', pg_temp.many(5, '') || '; ' || pg_temp.many(6, 'garbage'), '5 go; 5 go, 1 no ip_minute 61000');
select test.is('later attempts and waiting count nothing', 
    pg_temp.gone(30, '203.0.113.1', '{"attempt": 2}') + pg_temp.gone(30, '203.0.113.1', '{"since_ms": 5}'), 60);
select test.is('nothing was noted for them', (select count(*) from pollux.visitor where net = '203.0.113.1'), 0::bigint);
select test.is('authentication that counts', pg_temp.gone(12, '203.0.113.2', '{"kind": "auth"}'), 10);
select test.is('and one that does not', pg_temp.open('203.0.113.2', '{"kind": "auth", "attempt": 0}'), 'go');
select admin.setting_set('open_per_minute', '0'), admin.setting_set('open_per_hour', '0');
select test.is('no limits', pg_temp.many(60), '60 go');

-- bans that come by themselves
select test.later('3 hours');
select admin.setting_set('open_per_minute', '10'), admin.setting_set('ban_after', '5'), admin.setting_set('ban_minutes', '30');
select test.is('four refusals', pg_temp.many(14), '10 go, 4 no ip_minute 61000');
select test.is('no ban yet', (select count(*) from pollux.ban), 0::bigint);
select test.is('the fifth', pg_temp.many(1), '1 no banned 1800000');
select test.is('its event', (select detail ->> 'net' from pollux.event where kind = 'ban'), '192.0.2.1/32');
select test.is('its view', (select reason || ' ' || automatic from report.bans), 'refused 5 times within an hour true');
select test.is('a token passes by', test.ask1('m') ->> 'verdict', 'go');
select test.later('29 minutes 59 seconds');
select test.is('a second before its end', pg_temp.many(1), '1 no banned 1000');
select test.later('1 second');
select test.is('at its end', pg_temp.many(1), '1 go');
select test.is('four breaches', pg_temp.many(13), '9 go, 4 no ip_minute 61000');
select test.later('61 minutes');
select test.is('an hour later they are forgotten', pg_temp.many(14), '10 go, 4 no ip_minute 61000');
select test.is('a /64 is banned whole', pg_temp.many(15, '2001:db8:5::1') || '; ' || pg_temp.open('2001:db8:5::2'), '10 go, 1 no banned 1800000, 4 no ip_minute 61000; no banned 1800000');
select test.is('an unknown address never', pg_temp.many(30, ''), '10 go, 20 no ip_minute 61000');

-- by hand
select test.later('3 hours');
select test.is('a network', admin.ban_add('198.51.100.77/24', 'spam', null) - 'created_at' - 'ends_at', '{"net": "198.51.100.0/24", "reason": "spam", "automatic": false}');
select test.is('holds its addresses', pg_temp.open('198.51.100.200'), 'no banned 86400000');
select test.is('and no others', pg_temp.open('198.51.101.1'), 'go');
select test.is('one address', admin.ban_add('203.0.113.9', null, pollux.now() + interval '1 hour') - 'created_at' - 'ends_at', '{"net": "203.0.113.9", "reason": "by hand", "automatic": false}');
select test.is('an IPv6 address is its /64', admin.ban_add('2001:db8:9::1', null, null) ->> 'net', '2001:db8:9::/64');
select test.is('listed, in pages', (select string_agg(b ->> 'net', ' ') from jsonb_array_elements(admin.ban_list(10, null)) b) || '; '
    || (select string_agg(b ->> 'net', ' ') from jsonb_array_elements(admin.ban_list(1, '198.51.100.0/24')) b), '198.51.100.0/24 203.0.113.9 2001:db8:9::/64; 203.0.113.9');
select test.is('a longer end', (admin.ban_add('203.0.113.9', 'longer', pollux.now() + interval '9 hours') ->> 'ends_at')::timestamptz, pollux.now() + interval '9 hours');
select test.is('a shorter one', (admin.ban_add('203.0.113.9', 'shorter', pollux.now() + interval '2 hours') ->> 'ends_at')::timestamptz, pollux.now() + interval '2 hours');
select test.is('lifted', admin.ban_lift('203.0.113.9') ->> 'net', '203.0.113.9');
select test.is('acts at once', pg_temp.open('203.0.113.9'), 'go');
select test.is('not there', admin.ban_lift('203.0.113.9'), null);
select test.is('no address', test.error($$select admin.ban_add('somewhere', null, null)$$), '"somewhere" is no address or network');
select test.is('everybody', test.error($$select admin.ban_add('0.0.0.0/0', null, null)$$), 'a ban of 0.0.0.0/0 would shut out too much');
select test.ok('in the past', test.error($$select admin.ban_add('203.0.113.9', null, pollux.now())$$) like 'that is in the past%');
select test.ok('for ever', test.error($$select admin.ban_add('203.0.113.9', null, 'infinity')$$) = 'a ban ends within ten years');
select test.is('two are over and shut nobody out', (select count(*) from pollux.ban where ends_at <= pollux.now()), 2::bigint);
select test.later('25 hours');
select test.ok('what is over goes', pollux.ban_expire() >= 3);
select test.is('all of it', (select count(*) from pollux.ban) + (select count(*) from pollux.visitor), 0::bigint);

-- the pool
select admin.setting_set('open_per_minute', '0');
create function pg_temp.percent(p_ready integer, p_below integer, p_all integer, p_percent integer) returns numeric language sql as $$
    select round(pollux.guard_percent(p_ready, row(true, 0, 0, 0, 0, p_below, p_all, p_percent)::pollux.guard), 2)
$$;
select test.is('above the first number', pg_temp.percent(51, 50, 30, 0), 0.00);
select test.is('at it', pg_temp.percent(50, 50, 30, 10), 0.00);
select test.is('just below', pg_temp.percent(49, 50, 30, 0), 5.00);
select test.is('half way', pg_temp.percent(40, 50, 30, 0), 50.00);
select test.is('just above the second', pg_temp.percent(31, 50, 30, 0), 95.00);
select test.is('at it: all', pg_temp.percent(30, 50, 30, 0), 100.00);
select test.is('below it: all', pg_temp.percent(0, 50, 30, 0), 100.00);
select test.is('from a share on', pg_temp.percent(40, 50, 30, 20), 60.00);
select test.is('a step', pg_temp.percent(50, 50, 49, 0) || ' ' || pg_temp.percent(49, 50, 49, 0), '0.00 100.00');
select test.is('numbers the wrong way round are a step, too', pg_temp.percent(10, 10, 20, 0) || ' ' || pg_temp.percent(9, 10, 20, 0), '0.00 100.00');
select test.is('switched off', pg_temp.percent(0, 0, 0, 50), 0.00);
create function pg_temp.turned(p_n integer) returns integer language sql volatile as $$
    select count(*)::integer from (select pg_temp.open() as what from generate_series(1, p_n)) x where what = 'no protected 10000'
$$;
select admin.setting_set('protect_below', '5'), admin.setting_set('protect_all_at', '0');
select test.keys(5, 5);
select test.is('five of five are ready: none of 200', pg_temp.turned(200), 0);
select admin.credential_set_enabled(5, false);
select test.is('the figure is a second old', pg_temp.turned(200), 0);
select test.later('2 seconds');
select test.ok('four of five: a fifth of 500 (' || n || ')', n between 60 and 140) from pg_temp.turned(500) n;
select admin.credential_set_enabled(4, false), test.later('2 seconds');
select test.ok('three: two fifths (' || n || ')', n between 150 and 250) from pg_temp.turned(500) n;
select admin.credential_remove(3), test.later('2 seconds');
select test.ok('two: three fifths (' || n || ')', n between 250 and 350) from pg_temp.turned(500) n;
delete from pollux.quota where model = 'n';
select test.end(test.ask1('m', '{"credential": 2}'), 'quota_day', '{"scope": "quota", "rest": "midnight", "reason": "rpd"}');
select test.end(test.ask1('', '{"credential": 2, "verb": "countTokens"}'));
select test.later('2 seconds');
select test.ok('one, the other rests: four fifths (' || n || ')', n between 360 and 440) from pg_temp.turned(500) n;
select test.is('who has a token is served', test.go(50), 50::bigint);
select admin.setting_set('protect_all_at', '1');
select test.is('at the second number: all of 200', pg_temp.turned(200), 200);
select test.is('asking again does not help', (select count(distinct pg_temp.open('192.0.2.1', jsonb_build_object('id', '00000000-0000-4000-8000-000000000001', 'n', i))) from generate_series(1, 20) i), 1::bigint);
select admin.setting_set('protect_all_at', '0'), test.later('2 seconds');
create temporary table same as select test.wish('m', '{"token_hash": "00"}') as wish from generate_series(1, 100);
select test.is('the same request, the same answer', (select count(*) from (
    select (test.ask(jsonb_build_array(wish)) -> 0 ->> 'verdict') = (test.ask(jsonb_build_array(wish)) -> 0 ->> 'verdict') as same from same) x where not same), 0::bigint);
select admin.setting_set('protect_below', '0');
select test.is('without protection', pg_temp.turned(50), 0);
