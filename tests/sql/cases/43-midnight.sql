-- SPDX-License-Identifier: MIT
-- Midnight in Los Angeles, second by second: on the days daylight saving begins and ends, and on an ordinary one.
-- A day's quota is back two seconds after midnight (Google's clock is not ours), not one second before or after.
create temp table night (day date, hours integer, midnight timestamptz);
insert into night values ('2030-03-10', 23, '2030-03-11 07:00+00'), ('2030-07-10', 24, '2030-07-11 07:00+00'),
                         ('2030-11-03', 25, '2030-11-04 08:00+00'), ('2031-01-15', 24, '2031-01-16 08:00+00');
-- The second, counted from midnight, in which the first of these may go, when asked in every second from p_from on.
create function pg_temp.back(p_midnight timestamptz, p_model text, p_more jsonb default '{}') returns integer language plpgsql as $$
begin
    for s in -3..10 loop
        perform test.at(p_midnight + s * interval '1 second');
        if test.go(1, p_model, p_more) > 0 then
            return s;
        end if;
        delete from pollux.waiter;
    end loop;
    return null;
end $$;
create function pg_temp.fresh(p_at timestamptz) returns void language plpgsql as $$
begin
    perform test.reset();
    perform test.at(p_at);
    perform test.keys(1, 1);
end $$;
-- Spent at noon by our own counter; by Google's word; by a client's own budget of tokens.
create function pg_temp.own(n night) returns integer language plpgsql as $$
begin
    perform pg_temp.fresh(n.midnight - interval '12 hours');
    perform admin.model_set('m', '{"rpd": 3}');
    perform test.go(5);
    delete from pollux.waiter;
    return pg_temp.back(n.midnight, 'm');
end $$;
create function pg_temp.told(n night) returns integer language plpgsql as $$
begin
    perform pg_temp.fresh(n.midnight - interval '12 hours');
    perform test.end(test.ask1(), 'quota_day', '{"scope": "quota", "rest": "midnight", "ms": 31000, "reason": "rpd", "learn": {"rpd": 3}}');
    return pg_temp.back(n.midnight, 'm');
end $$;
create function pg_temp.budget(n night) returns integer language plpgsql as $$
declare
    v_token jsonb := jsonb_build_object('token_hash', encode(sha256('tight'), 'hex'));
begin
    perform pg_temp.fresh(n.midnight - interval '12 hours');
    perform admin.client_add('tight', encode(sha256('tight'), 'hex'), 'x', null, null, 120, null, null);
    perform test.go(2, 'm', v_token);
    return pg_temp.back(n.midnight, 'm', v_token);
end $$;
select test.is('the nights are those meant', (select string_agg(extract(epoch from midnight - pollux.pacific_midnight(day)) / 3600 || '', ' ' order by day) from night),
               (select string_agg(hours::numeric(20, 16) || '', ' ' order by day) from night));
select test.is(day || ' (' || hours || ' hours): spent by our count', pg_temp.own(n), 2) from night n;
select test.is(day || ' (' || hours || ' hours): spent by Google''s word', pg_temp.told(n), 2) from night n;
select test.is(day || ' (' || hours || ' hours): a client''s budget', pg_temp.budget(n) between 0 and 2, true) from night n;
select pg_temp.fresh('2030-03-10 12:00 America/Los_Angeles');
select test.end(test.ask1(), 'quota_day', '{"scope": "quota", "rest": "midnight", "reason": "rpd"}');
select test.is('who asks is told the second', (test.ask1() ->> 'retry_in_ms')::integer / 1000, 12 * 3600 + 2);
select pg_temp.fresh('2030-11-03 00:30 America/Los_Angeles');
select test.end(test.ask1(), 'quota_day', '{"scope": "quota", "rest": "midnight", "reason": "rpd"}');
select test.is('on the long day as well', (test.ask1() ->> 'retry_in_ms')::integer / 1000, 24 * 3600 + 1800 + 2);
