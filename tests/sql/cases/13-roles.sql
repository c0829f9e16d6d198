-- SPDX-License-Identifier: MIT
-- Everything is documented; nobody may do or see more than is meant for them.
select test.keys(1, 2);
select test.end(test.ask1());
select test.is('every table and view, and every column of one, has a comment', (
    select string_agg(c.oid::regclass || coalesce('.' || a.attname, ''), ' ')
    from pg_class c
    left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace in ('pollux'::regnamespace, 'report'::regnamespace) and c.relkind in ('r', 'p', 'v') and not c.relispartition
      and (obj_description(c.oid, 'pg_class') is null or (a.attnum is not null and col_description(c.oid, a.attnum) is null))), null);
select test.is('every function', (
    select string_agg(p.oid::regprocedure::text, ' ') from pg_proc p
    where p.pronamespace in ('pollux'::regnamespace, 'api'::regnamespace, 'admin'::regnamespace)
      and obj_description(p.oid, 'pg_proc') is null), null);
select test.is('every type', (select string_agg(t.oid::regtype::text, ' ') from pg_type t join pg_class c on c.oid = t.typrelid
    where c.relkind = 'c' and t.typnamespace = 'pollux'::regnamespace and obj_description(t.oid, 'pg_type') is null), null);
select test.is('functions of api and admin run as their owner with a fixed path', (
    select string_agg(p.oid::regprocedure::text, ' ') from pg_proc p
    where p.pronamespace in ('api'::regnamespace, 'admin'::regnamespace)
      and (not p.prosecdef or p.proconfig is null or not 'search_path=pg_catalog, pg_temp' = any (p.proconfig))), null);
create function pg_temp.may(p_role text, p_sql text) returns text language plpgsql as $$
declare e text := '';
begin
    execute format('set local role %I', p_role);
    begin execute p_sql; exception when others then e := sqlerrm; end;
    reset role;
    return e;
end $$;
select test.is('the application exchanges', pg_temp.may('pollux_app', $$select api.exchange('00000000-0000-0000-0000-00000000aaaa', '[]', '[]')$$), '');
select test.is('asks for health', pg_temp.may('pollux_app', 'select api.health()'), '');
select test.is('beats', pg_temp.may('pollux_app', $$select api.beat('00000000-0000-0000-0000-00000000aaaa', '{}')$$), '');
select test.ok('does not administrate', pg_temp.may('pollux_app', 'select admin.credential_list(1, 0)') like 'permission denied%');
select test.ok('does not read tables', pg_temp.may('pollux_app', 'select * from pollux.credential') like 'permission denied%');
select test.ok('nor views', pg_temp.may('pollux_app', 'select * from report.credentials') like 'permission denied%');
select test.is('readers read every view', (select string_agg(v || ': ' || e, ', ') from (
    select c.relname as v, pg_temp.may('pollux_read', format('select * from report.%I', c.relname)) as e
    from pg_class c where c.relnamespace = 'report'::regnamespace and c.relkind = 'v') x where e <> ''), null);
select test.ok('not tables', pg_temp.may('pollux_read', 'select * from pollux.client') like 'permission denied%');
select test.ok('nor call functions', pg_temp.may('pollux_read', 'select api.health()') like 'permission denied%');
select test.ok('nor inner ones', pg_temp.may('pollux_read', $$call pollux.maintain('x')$$) like 'permission denied%');
select test.is('the clock is nobody''s to move', (select string_agg(r || ' ' || f, ', ') from unnest(array['pollux_app', 'pollux_read']) r,
    unnest(array[$$select test.later('1 day')$$, $$select test.at('2030-01-01')$$, $$update test.clock set ahead = '1 day'$$,
                 $$create or replace function pollux.now() returns timestamptz language sql as 'select ''-infinity''::timestamptz'$$,
                 $$alter function pollux.now() set timezone = 'UTC'$$]) f
    where pg_temp.may(r, f) !~ '^(permission denied|must be owner)'), null);
create function pg_temp.readable() returns text language plpgsql as $$
declare v text; all_ text := ''; part text;
begin
    for v in select relname from pg_class where relnamespace = 'report'::regnamespace and relkind = 'v' loop
        execute format('select coalesce(string_agg(to_jsonb(x)::text, '' ''), '''') from report.%I x', v) into part;
        all_ := all_ || part;
    end loop;
    return all_;
end $$;
select test.is('no secret is in any view', (select string_agg(name, ' ') from pg_temp.readable() r,
    (select 'sealed' as name, encode(sealed, 'hex') as secret from pollux.credential
     union all select 'fingerprint', encode(fingerprint, 'hex') from pollux.credential
     union all select 'token', encode(token_hash, 'hex') from pollux.client) s where position(secret in r) > 0), null);
select test.ok('the views were not empty', length(pg_temp.readable()) > 500);
