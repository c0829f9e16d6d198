-- SPDX-License-Identifier: MIT
-- Lists and reports of a large pool: how much of it each of them reads (buffers, which do not depend on how busy the
-- machine is), and that their pages are whole.
insert into pollux.project (name) select 'project-' || i from generate_series(1, 24000) i;
insert into pollux.credential (project_id, label, priority, fingerprint, sealed, hint, created_at, enabled, dead_reason)
select i, 'key ' || i || case when i % 7 = 0 then ' spare' else '' end, 100 + i % 5, sha256(i::text::bytea), '\x00', right('000' || i, 4),
       pollux.now(), i % 50 <> 0, case when i % 33 = 0 then 'API_KEY_INVALID' end
from generate_series(1, 24000) i;
insert into pollux.quota (project_id, model, slot, ready_at, reason, last_used_at)
select i, 'm', i, case when i % 3 = 0 then pollux.now() + interval '1 hour' else '-infinity' end, case when i % 3 = 0 then 'spent_rpd' end,
       case when i % 2 = 0 then pollux.now() - i * interval '1 second' end
from generate_series(1, 24000) i;
insert into pollux.model_state (model, seeded_to, confirmed) values ('m', 24000, true);
vacuum analyze pollux.project, pollux.credential, pollux.credential_use, pollux.quota;
select pollux.console_keep() \g /dev/null

create function pg_temp.buffers(p_sql text) returns bigint language plpgsql as $$
declare v json;
begin
    execute 'explain (analyze, buffers, costs off, timing off, format json) ' || p_sql into v;
    return (v -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (v -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
end $$;
create function pg_temp.list(p jsonb) returns text language sql as $$ select format('select admin.console_credential_list(%L)', p) $$;
-- The plans of the functions inside are made at the first call, and again when a table was analyzed meanwhile.
create function pg_temp.fewer(p_name text, p_sql text, p_most bigint) returns text language plpgsql as $$
declare v_read bigint;
begin
    for i in 1..3 loop
        v_read := least(v_read, pg_temp.buffers(p_sql));
    end loop;
    return case when v_read < p_most then 'ok - ' || p_name else format('not ok - %s: %s buffers, wanted fewer than %s', p_name, v_read, p_most) end;
end $$;

create function pg_temp.scans(p_sql text) returns bigint language plpgsql as $$
declare v_before bigint := (select seq_scan from pg_stat_xact_user_tables where relid = 'pollux.quota'::regclass);
begin
    execute p_sql;
    return (select seq_scan from pg_stat_xact_user_tables where relid = 'pollux.quota'::regclass) - v_before;
end $$;

select test.ok('the pool is large', pollux.pool_large());
begin;
update pg_class set reltuples = -1 where oid in ('pollux.quota'::regclass, 'pollux.credential'::regclass);
select test.ok('also right after an import, before PostgreSQL has counted it', pollux.pool_large());
rollback;
select pg_temp.fewer('a page in the middle by ' || sort, pg_temp.list(jsonb_build_object('sort', sort, 'after', after)), 1000) from (values
    ('id', '[12000, 12000]'), ('-id', '[12000, 12000]'), ('label', '["key 2", 2]'), ('-label', '["key 2", 2]'), ('project', '["project-2", 2]'), ('-project', '["project-2", 2]'),
    ('priority', '[102, 12000]'), ('-priority', '[102, 12000]'), ('last_used_at', '["2030-06-15T19:00:00Z", 1]'), ('-last_used_at', '["2030-06-15T17:00:00Z", 1]')) s(sort, after);
select pg_temp.fewer('the first page, with its counts: ' || p::text, pg_temp.list(p), 1500) from unnest(array['{}', '{"sort": "project"}', '{"sort": "-last_used_at"}', '{"state": "dead"}',
    '{"state": "disabled"}', '{"project": "project-77"}', '{"tag": "x"}']::jsonb[]) p;
select pg_temp.fewer('a state is looked up on the way: ' || p::text, pg_temp.list(p), 5000) from unnest(array['{"state": "ready"}', '{"state": "resting"}', '{"state": "resting", "sort": "-last_used_at"}',
    '{"state": "ready", "sort": "project"}']::jsonb[]) p;
select pg_temp.fewer('nor does it end at a model', pg_temp.list('{"model": "m", "after": "[12000, 12000]"}'), 4500);
select pg_temp.fewer('how all are', 'select api.health()', 800);
select test.is('no call goes through the whole of quota: ' || s, pg_temp.scans(s), 0::bigint)
from unnest(array[pg_temp.list('{"state": "ready"}'), pg_temp.list('{"model": "m"}'), pg_temp.list('{"sort": "last_used_at"}'),
    pg_temp.list('{"q": "e", "model": "m"}'), 'select admin.console_overview_get(''{}'')',
    'select admin.console_model_list(''{}'')', 'select admin.console_credential_get(''{"id": "7"}'')', 'select api.health()', 'select * from report.credentials where id = 7']) s;

-- What is found is what there is.
create function pg_temp.walk(p jsonb) returns bigint[] language plpgsql as $$
declare v jsonb; ids bigint[] := '{}';
begin
    loop
        v := admin.console_credential_list(p || jsonb_strip_nulls(jsonb_build_object('limit', '500', 'after', v ->> 'next')));
        ids := ids || array(select (i ->> 'id')::bigint from jsonb_array_elements(v -> 'items') i);
        exit when v ->> 'next' is null;
    end loop;
    return ids;
end $$;
select test.is('all that ' || what, pg_temp.walk(p), (select array_agg(id order by id) from pollux.credential where case what
    when 'rest' then enabled and dead_reason is null and id % 3 = 0
    when 'are ready and spare' then enabled and dead_reason is null and id % 3 <> 0 and label like '%spare'
    when 'are named like one project' then id in (select id from pollux.project where name like '%2399%') or label like '%2399%' or hint like '%2399%'
    when 'rest for a model nobody used' then false end))
from (values ('rest', '{"state": "resting", "sort": "id"}'::jsonb), ('are ready and spare', '{"state": "ready", "q": "SPARE", "sort": "id"}'),
             ('are named like one project', '{"q": "2399", "sort": "id"}')) x(what, p);
begin;
drop index if exists pollux.credential_search, pollux.project_search;
select test.is('the same without an index of trigrams', pg_temp.walk('{"q": "2399", "sort": "id"}'), '{2399,12399,22399,23990,23991,23992,23993,23994,23995,23996,23997,23998,23999}');
select test.is('also what many have', (select (l -> 'total_more')::text || ' ' || (l -> 'total') || ' ' || (l #> '{items,0,id}') from admin.console_credential_list('{"q": "project"}') l), 'true 10000 24000');
rollback;
select test.is('nothing rests for a model nobody used', pg_temp.walk('{"model": "n"}'), '{}');
create function pg_temp.first(p jsonb) returns bigint[] language sql as $$
    select array(select (i ->> 'id')::bigint from jsonb_array_elements(admin.console_credential_list(p || '{"limit": "2"}') -> 'items') i)
$$;
select test.is('by last use', pg_temp.first('{"sort": "-last_used_at"}'), '{2,4}');
select test.is('those never used before all others', pg_temp.first('{"sort": "last_used_at"}'), '{1,3}');
select test.is('the total of many is at least so much', (select (l -> 'total_more')::text || ' ' || (l -> 'total') from admin.console_credential_list('{"kind": "api_key"}') l), 'true 10000');
select test.is('the total of few is exact', (select (l -> 'total_exact')::text || ' ' || (l -> 'total') from admin.console_credential_list('{"q": "spare", "project": "project-7"}') l), 'true 1');
select test.is('the counts', (select l -> 'counts' from admin.console_credential_list('{}') l), '{"total": 24000, "ready": 15680, "resting": 7127, "broken": 713, "disabled": 480}');
update pollux.credential set enabled = false where id = 1;
update pollux.quota set ready_at = '-infinity' where project_id = 3;
select test.is('what is off counts at once, what rests with the next minute', (select array[l #> '{counts,disabled}', l #> '{counts,resting}'] from admin.console_credential_list('{}') l), '{481,7127}');
update pollux.quota set last_used_at = pollux.now() where project_id = 23999;
select pollux.console_keep() \g /dev/null
select test.is('then', (select l #> '{counts,resting}' from admin.console_credential_list('{}') l), '7126');
select test.is('and the last used is first', pg_temp.first('{"sort": "-last_used_at"}'), '{23999,2}');

-- Usage by credential, page by page.
insert into pollux.usage_hour (hour, client_id, credential_id, model, requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens)
select pollux.hour_of(pollux.now()) - h * interval '1 hour', 1, i, m, 1, 0, i, 0, 0, 0, 0, i from generate_series(1, 24000) i, unnest(array['m', 'n']) m, generate_series(1, case when i < 100 then 3 else 1 end) h;
insert into pollux.usage_hour (hour, client_id, credential_id, model, requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens)
select pollux.hour_of(pollux.now()) - interval '1 hour', 1, null, m, 1, 1, 0, 0, 0, 0, 0, 0 from unnest(array['m', 'n', 'o']) m;
update pollux.chore set done_to = pollux.now() where name = 'usage';
vacuum analyze pollux.usage_hour;
create function pg_temp.usage(p jsonb, p_from bigint default 0, p_pages integer default 1000) returns setof jsonb language plpgsql as $$
declare v jsonb; v_next bigint := p_from;
begin
    while v_next is not null and p_pages > 0 loop
        v := pollux.script_usage(p || jsonb_build_object('after', v_next));
        if jsonb_array_length(v -> 'items') > (p ->> 'limit')::integer then
            raise exception 'a page of %', jsonb_array_length(v -> 'items');
        end if;
        return query select jsonb_array_elements(v -> 'items');
        v_next := v ->> 'next';
        p_pages := p_pages - 1;
    end loop;
end $$;
select test.is('every page of it, each group once', (select (count(*), count(distinct u), sum((u ->> 'requests')::int), sum((u ->> 'total_tokens')::bigint))::text from pg_temp.usage('{"limit": 999}') u),
               (select format('(48003,48003,%s,%s)', sum(requests), sum(total_tokens)) from pollux.usage_hour));
select test.is('pages that end within a credential', (select jsonb_agg(jsonb_build_array(u -> 'credential_id', u -> 'hour', u -> 'model')) from pg_temp.usage('{"limit": 5, "per": "hour"}', 0, 4) u),
               (select jsonb_agg(jsonb_build_array(credential_id, hour, model) order by n) from (select row_number() over (order by credential_id nulls first, hour, model) as n, * from pollux.usage_hour) x where n <= 20));
select pg_temp.fewer('a page in the middle of it', $$select pollux.script_usage('{"limit": "100", "after": "12000000000"}')$$, 4000);
-- The console's list and its CSV go the same way.
create function pg_temp.console_usage(p jsonb) returns setof jsonb language plpgsql as $$
declare v jsonb;
begin
    loop
        v := admin.console_usage_list(p || jsonb_strip_nulls(jsonb_build_object('limit', '500', 'after', v ->> 'next')));
        return query select jsonb_array_elements(v -> 'items');
        exit when v ->> 'next' is null;
    end loop;
end $$;
select test.is('each group once in the console', (select (count(*), count(distinct u), sum((u ->> 'requests')::int), sum((u ->> 'total_tokens')::bigint))::text from pg_temp.console_usage('{"by": "model,credential"}') u),
               (select format('(48003,48003,%s,%s)', sum(requests), sum(total_tokens)) from pollux.usage_hour));
select pg_temp.fewer('a page of the console''s: ' || p::text, format('select admin.console_usage_list(%L)', p), 9000)
from unnest(array['{"by": "client,credential"}', '{"by": "credential", "after": "[12000000000]", "limit": "500"}', '{"by": "credential,day", "from": "2100-01-01T00:00:00Z"}']::jsonb[]) p;
select pg_temp.fewer('a piece of its CSV', $$select admin.console_usage_export('{"by": "credential", "after": "[12000000000]"}')$$, 9000);
-- Those who have many sums fill a page by themselves; those who have none are passed over.
insert into pollux.usage_hour (hour, client_id, credential_id, model, requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens)
select pollux.hour_of(pollux.now()) - h * interval '1 hour', 1, i, 'q', 1, 0, i, 0, 0, 0, 0, i from unnest(array[5, 6, 23998]) i, generate_series(100, 6099) h;
select test.is('the same by pages that end after ten thousand sums', (select jsonb_agg(u -> 'credential_id') from pg_temp.console_usage('{"by": "credential", "from": "300d", "to": "2030-06-13T00:00:00Z"}') u), '[5, 6, 23998]');
select test.is('of which the first ends with the first', (select jsonb_array_length(l -> 'items') || ' ' || (l ->> 'next') from admin.console_usage_list('{"by": "credential", "from": "300d", "to": "2030-06-13T00:00:00Z"}') l), '1 [6000000]');
delete from pollux.usage_hour where model = 'q';
-- What is in the log alone is told with it: of some credentials, of one and of none that have no sums, and what got lost.
delete from pollux.usage_hour where credential_id in (23999, 24000) or credential_id is null;
insert into pollux.request (id, started_at, ended_at, client_id, credential_id, attempts, outcome, model, total_tokens)
select gen_random_uuid(), pollux.now(), pollux.now() + d * interval '1 second', 1, i, 1, o, 'p', 1000
from (values (7, 'ok', 1), (7, 'ok', 1), (23999, 'rate_limited', 1), (24000, 'lost', -1), (null, 'no_credential', 1), (null, 'lost', -1)) x(i, o, d);
select test.is('the log of the last minutes is in its pages', (select jsonb_agg(jsonb_build_array(u -> 'credential_id', u -> 'requests', u -> 'errors', u -> 'total_tokens'))
                   from pg_temp.usage('{"limit": 999, "until": "2100-01-01", "since": "2d"}') u where u ->> 'model' = 'p'),
               '[[null, 2, 2, 1000], [7, 2, 0, 2000], [23999, 1, 1, 1000], [24000, 1, 1, 0]]');
select test.is('in those of few rows as well', (select count(*) from pg_temp.usage('{"limit": 2, "until": "2100-01-01", "since": "2d"}', 0, 3) u where u ->> 'model' = 'p' and u -> 'credential_id' = 'null'), 1::bigint);
select test.is('where nothing was, there is nothing', pollux.script_usage('{"since": "2020-01-01", "until": "2020-01-02"}') -> 'items', '[]');

-- Accounts are searched by what Google calls them and by their labels, however many there are.
begin;
insert into pollux.oauth_client (client_id, secret, created_at, changed_at) values ('x', '\x00', pollux.now(), pollux.now());
update pollux.credential set kind = 'account', label = case id when 7 then 'Büro Ä' else label end, notes = case id when 8 then 'büro' end where id <= 12000;
insert into pollux.account (credential_id, oauth_client_id, email, upstream, google_project)
select i, (select max(id) from pollux.oauth_client), 'Mail' || i || '@example.org', 'code_assist', 'gp-' || i from generate_series(1, 12000) i;
create function pg_temp.accounts(p jsonb) returns text language sql as $$
    select string_agg(i ->> 'id', ' ') from jsonb_array_elements(admin.console_account_list(p || '{"limit": "3"}') -> 'items') i
$$;
select test.is('accounts with ' || q, pg_temp.accounts(jsonb_build_object('q', q)), ids) from (values ('mail777@', '777'), ('GP-1199', '11999 11998 11997'),
    ('büro ä', '7'), ('BÜRO', '7'), ('key 11 ', null), ('mail', '12000 11999 11998'), ('m%l', null), ('nobody', null)) x(q, ids);
select test.is('further accounts of many', pg_temp.accounts('{"q": "example", "after": "[5000]"}'), '4999 4998 4997');
rollback;

-- Something rare among what changed and happened.
insert into pollux.audit (at, actor, action, subject) select pollux.now() - (100000 - i) * interval '1 second', case i when 70000 then 'rare' else 'a' || i % 2 end,
    case i when 30000 then 'key.add' when 40000 then 'keys.add' when 50000 then 'key' else 'client.set' end, i::text from generate_series(1, 100000) i;
insert into pollux.event (at, kind, detail) select pollux.now() - (100000 - i) * interval '1 second', case i when 50000 then 'rare' else 'state' end,
    jsonb_build_object('credential_id', i) from generate_series(1, 100000) i;
analyze pollux.audit, pollux.event;
select pg_temp.fewer(l || ' ' || p, format('select admin.%I(%L)', 'console_' || l, p), 800) from (values ('audit_list', '{"actor": "rare"}'), ('audit_list', '{"actor": "nobody", "action": "client"}'),
    ('audit_list', '{"actor": "a1", "action": "key"}'), ('audit_list', '{"subject": "77", "actor": "a1"}'), ('audit_list', '{"to": "2020-01-01T00:00:00Z", "actor": "a1"}'),
    ('audit_list', '{"from": "2030-01-01T00:00:00Z", "to": "2020-01-01T00:00:00Z"}'), ('event_list', '{"kind": "rare"}'), ('event_list', '{"kind": "nothing"}')) x(l, p);
select test.is('an action and those below it', (select jsonb_agg(i -> 'action') from jsonb_array_elements(admin.console_audit_list('{"action": "key"}') -> 'items') i), '["key", "key.add"]');
select test.is('by whom, and whom', (select string_agg(x -> 'items' -> 0 ->> 'subject', ' ') from (select admin.console_audit_list(p) as x from unnest(array['{"actor": "rare"}', '{"subject": "77", "actor": "a1"}']::jsonb[]) p) x), '70000 77');
select test.is('page after page', (select array[one -> 'next', two #> '{items,0,subject}'] from admin.console_audit_list('{"limit": "2", "actor": "a1"}') one,
    lateral (select admin.console_audit_list(jsonb_build_object('limit', '2', 'actor', 'a1', 'after', one ->> 'next')) as two) x)::text,
    (select format('{"\"[%s]\"","\"99995\""}', id) from pollux.audit where subject = '99997' order by id desc limit 1));
select test.is('the one of a kind', (select jsonb_array_length(l -> 'items') || ' ' || (l #>> '{items,0,detail,credential_id}') from admin.console_event_list('{"kind": "rare"}') l), '1 50000');

-- The sums without credentials are the same.
select test.reset();
select test.keys(1, 3);
select test.at('2030-06-15 10:05+00');
select pollux.usage_roll();
select test.end(test.ask1()) from generate_series(1, 7);
select test.later('70 minutes');
select test.end(test.ask1('n')) from generate_series(1, 2);
select test.later('70 minutes');
select pollux.usage_roll();
select test.is('the sums without credentials', (select string_agg((hour, client_id, credential_id, model, requests, total_tokens, latency)::text, ' ' order by hour) from pollux.usage_brief),
    (select string_agg((hour, client_id, null::bigint, model, r, t, l)::text, ' ' order by hour) from (select hour, client_id, model, sum(requests) as r, sum(total_tokens) as t, pollux.histogram_sum(latency) as l
     from pollux.usage_hour group by 1, 2, 3) x));
select test.is('and by the day', (select string_agg((hour, client_id, credential_id, model, requests, total_tokens, latency)::text, ' ' order by hour, model) from pollux.usage_day),
    (select string_agg((d, client_id, null::bigint, model, r, t, l)::text, ' ' order by d, model) from (select pollux.pacific_midnight(pollux.pacific_date(hour)) as d, client_id, model, sum(requests) as r, sum(total_tokens) as t, pollux.histogram_sum(latency) as l
     from pollux.usage_brief group by 1, 2, 3) x));
select test.is('are those of the reports', (select sum(requests) from report.usage_by_model) || ' ' || (select sum(requests) from report.usage_by_credential), '9 9');

-- Whole days are read as such, and what is around them by the hour: 70 days with a change of the clocks, all ranges alike.
select test.reset();
select test.at('2030-04-20 10:05+00');
insert into pollux.usage_brief (hour, client_id, model, requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens, duration_ms, first_byte_ms, latency)
select pollux.hour_of(pollux.now()) - h * interval '1 hour', c, m, 1 + h % 7, 0, 1, 0, 1, 0, 0, h, 1, 1, array(select (i + h) % 5 from generate_series(1, 21) i)::bigint[]
from generate_series(1, 24 * 70) h, generate_series(1, 2) c, unnest(array['m', 'n']) m where h % 11 <> c;
insert into pollux.usage_day select * from pollux.usage_by_day(array(select row(b.*)::pollux.usage_hour from pollux.usage_brief b));
update pollux.chore set done_to = pollux.now() where name = 'usage';
create function pg_temp.brief(p_by text[], p_from timestamptz, p_to timestamptz) returns text language sql as $$
    select string_agg(jsonb_build_array(d, h, m, r, t, pollux.percentile(l, 0.5))::text, ' ' order by d, h, m)
    from (select case when 'day' = any (p_by) then pollux.pacific_date(hour) end as d, case when 'hour' = any (p_by) then hour end as h,
                 case when 'model' = any (p_by) then model end as m, sum(requests) as r, sum(total_tokens) as t, pollux.histogram_sum(latency) as l
          from pollux.usage_brief where hour >= pollux.hour_of(p_from) and hour < p_to group by 1, 2, 3) x
$$;
create function pg_temp.told(p_by text[], p_from timestamptz, p_to timestamptz, p_limit integer) returns text language plpgsql as $$
declare v jsonb; v_all jsonb := '[]'; v_next bigint := 0;
begin
    while v_next is not null loop
        v := pollux.usage_page(p_from, p_to, p_by, p_limit, v_next);
        if jsonb_array_length(v -> 'items') > p_limit or v ->> 'next' is not null and (v ->> 'next')::bigint <= v_next then
            raise exception 'a page of % and then %', jsonb_array_length(v -> 'items'), v -> 'next';
        end if;
        v_all := v_all || (v -> 'items');
        v_next := v ->> 'next';
    end loop;
    return (select string_agg(jsonb_build_array((i ->> 'day')::date, (i ->> 'hour')::timestamptz, i ->> 'model', (i ->> 'requests')::bigint, (i ->> 'total_tokens')::bigint, (i ->> 'median_ms')::bigint)::text, ' ' order by n)
            from jsonb_array_elements(v_all) with ordinality x(i, n));
end $$;
select test.is('usage from ' || a || ' to ' || b || ' by ' || array_to_string(by, ','), md5(pg_temp.told(by, a, b, 40)), md5(pg_temp.brief(by, a, b)))
from unnest(array['2030-02-11 05:00+00', '2030-03-09 08:00+00', '2030-03-10 08:00+00', '2030-03-10 09:20+00', '2030-03-11 06:00+00', '2030-03-11 07:00+00', '2000-01-01 00:00+00']::timestamptz[]) a,
     unnest(array['2030-03-10 12:00+00', '2030-03-11 07:00+00', '2030-03-11 19:30+00', '2030-04-20 10:05+00', 'infinity']::timestamptz[]) b,
     (values (array['model']), (array['model', 'day'])) x(by) where a < b;
select test.is('by the hour, in pages', md5(pg_temp.told(array['model', 'hour'], '2030-01-01', '2030-04-20 10:00+00', 700)), md5(pg_temp.brief(array['model', 'hour'], '2030-01-01', '2030-04-20 10:00+00')));
select test.is('in pages that end within an hour', md5(pg_temp.told(array['model', 'hour'], '2030-04-19', '2030-04-20 10:00+00', 3)), md5(pg_temp.brief(array['model', 'hour'], '2030-04-19', '2030-04-20 10:00+00')));
select pg_temp.fewer('a month by the day', $$select pollux.usage_page('2030-03-15 07:00+00', '2030-04-20 07:00+00', '{model}', 100, 0)$$, 200);
insert into pollux.usage_brief (hour, client_id, model, requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens, duration_ms, first_byte_ms)
select pollux.hour_of(pollux.now()) - interval '3 hours', 1, 'm' || i, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1 from generate_series(1, 5100) i;
select test.is('an hour of more models than a page has sums', md5(pg_temp.told(array['model', 'hour'], '2030-04-19', '2030-04-20 10:00+00', 1000)), md5(pg_temp.brief(array['model', 'hour'], '2030-04-19', '2030-04-20 10:00+00')));
