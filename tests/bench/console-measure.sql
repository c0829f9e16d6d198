-- SPDX-License-Identifier: MIT
-- Each call that makes a list, a page or a report, :times times: p50, p95 and mean CPU time in the database.
create schema bench;
-- CPU time of this backend so far, ms (in steps of ten: only the mean of many calls says something).
create function bench.cpu() returns float8 language sql volatile as $$
    select (f[12]::float8 + f[13]::float8) * 10
    from string_to_array(substring(pg_read_file('/proc/self/stat') from '\) (.*)'), ' ') f
$$;
create function bench.time(p_what text, p_sql text, p_times integer) returns text language plpgsql as $$
declare
    v_began timestamptz;
    v_ms float8[] := '{}';
    v_answer text;
    v_cpu float8 := bench.cpu();
begin
    for i in 1..p_times loop
        v_began := clock_timestamp();
        execute p_sql into v_answer;
        v_ms := v_ms || extract(epoch from clock_timestamp() - v_began) * 1000;
    end loop;
    v_cpu := bench.cpu() - v_cpu;
    return (select format('%-72s p50 %7s ms  p95 %7s ms  CPU %7s ms%s', p_what, round(percentile_cont(0.5) within group (order by m)::numeric, 1),
                          round(percentile_cont(0.95) within group (order by m)::numeric, 1), round((v_cpu / p_times)::numeric, 1),
                          case when percentile_cont(0.95) within group (order by m) > 200 then '  over 200' else '' end) from unnest(v_ms) m);
exception when others then
    return format('%-72s FAILED: %s', p_what, sqlerrm);
end
$$;
create function bench.list(p_action text, p jsonb, p_times integer) returns text language sql as $$
    select bench.time(p_action || ' ' || p, format('select admin.%I(%L)', 'console_' || p_action, p), p_times)
$$;
-- The page in the middle of a list, by the cursor of a page as long as half of it.
create function bench.cursor(p_sort text) returns text language plpgsql as $$
declare
    v_key record := pollux.credential_sort(p_sort);
    v_cursor text;
begin
    execute format('select jsonb_build_array(%1$s, c.id)::text from %2$s order by %1$s, %3$s offset (select count(*) / 2 from pollux.credential) limit 1',
                   v_key.key, v_key.source, v_key.id) into v_cursor;
    return v_cursor;
end
$$;
select format('%s credentials, %s quota rows, %s requests, %s hourly sums; search by trigrams: %s', (select count(*) from pollux.credential), (select count(*) from pollux.quota),
              (select count(*) from pollux.request), (select count(*) from pollux.usage_hour), case when to_regclass('pollux.credential_search') is null then 'no' else 'yes' end);
\echo -- what the maintenance does once a minute
select bench.time('count ' || f, format('select pollux.console_count(%L)', f), :times) from unnest(pollux.figures_kept()) f;
select bench.time('last use of each', 'select pollux.use_roll()', :times);
\echo -- lists of the console
select bench.list('credential_list', p, :times) from unnest(array['{}', '{"state":"ready"}', '{"state":"resting"}', '{"state":"dead"}',
    '{"state":"disabled"}', '{"state":"removed"}', '{"q":"spare"}', '{"q":"99999"}', '{"q":"project-777"}', '{"q":"e"}', '{"q":"nothing of the kind"}', '{"q":"y 5","kind":"api_key"}', '{"q":"ject-5","kind":"api_key","sort":"-label"}',
    '{"model":"gemini-2.5-pro"}', '{"model":"gemini-2.5-pro","state":"ready"}', '{"model":"no such model"}', '{"q":"spare","state":"resting"}',
    '{"sort":"label"}', '{"sort":"project"}', '{"sort":"-project"}', '{"sort":"priority"}', '{"sort":"-priority"}', '{"sort":"last_used_at"}',
    '{"sort":"-last_used_at"}', '{"sort":"-last_used_at","state":"resting"}', '{"sort":"project","state":"dead"}', '{"tag":"x"}', '{"kind":"account"}',
    '{"project":"project-77"}', '{"limit":"500"}']::jsonb[]) p;
select bench.list('credential_list', jsonb_build_object('sort', s, 'after', bench.cursor(s)), :times) from unnest(array['id', 'label', 'project', 'priority', 'last_used_at']) s;
select bench.list('request_list', p, :times) from unnest(array['{}', '{"credential":"5"}', '{"outcome":"truncated"}', '{"client":"client 3"}',
    '{"status":"5xx"}', '{"model":"none"}', '{"to":"2020-01-01T00:00:00Z"}', '{"id":"00000000-0000-0000-0000-000000000001"}', '{"limit":"500"}']::jsonb[]) p;
select bench.list('credential_get', '{"id":"777"}', :times);
select bench.list('credential_export', '{}', :times);
select bench.list('credential_survival', '{}', :times);
select bench.list('usage_list', p, :times) from unnest(array['{}', '{"by":"model,day","from":"30d"}', '{"from":"30d"}', '{"by":"client,model,hour","from":"30d","limit":"500"}', '{"by":"client"}', '{"by":"credential"}',
    '{"by":"client,credential,model,hour","limit":"500"}', '{"by":"credential","after":"[50000000000]"}', '{"by":"credential","from":"2090-01-01T00:00:00Z"}']::jsonb[]) p;
select bench.list('usage_export', '{"by":"credential,model"}', :times);
select bench.list('check_run', '{}', :times);
select bench.list('client_list', '{}', :times);
select bench.list('client_get', '{"id":"3"}', :times);
select bench.list('model_list', '{}', :times);
select bench.list('model_get', '{"name":"gemini-2.5-pro"}', :times);
select bench.list('account_list', '{}', :times);
select bench.list('audit_list', p, :times) from unnest(array['{}', '{"actor":"admin1"}', '{"action":"nothing"}', '{"subject":"77"}', '{"actor":"nobody","action":"credential"}',
    '{"actor":"admin1","subject":"nothing"}', '{"actor":"admin1","to":"2020-01-01T00:00:00Z"}']::jsonb[]) p;
select bench.list('event_list', p, :times) from unnest(array['{}', '{"kind":"nothing"}', '{"kind":"credential_dead"}']::jsonb[]) p;
select bench.list('job_list', '{}', :times);
select bench.list('ban_list', '{}', :times);
select bench.list('system_get', '{}', :times);
select bench.list('overview_get', p, :times) from unnest(array['{"hours":"1"}', '{"hours":"24"}', '{"hours":"168"}']::jsonb[]) p;
\echo -- scripts, metrics, the command line
select bench.time(what, s, :times) from (values
    ('GET /health', 'select api.health()'), ('GET /metrics', 'select api.metrics(null, true)'), ('GET /status.txt', 'select api.status_text(null, true, 65536)'),
    ('GET /admin/stats', $$select pollux.script_stats('{}')$$), ('GET /admin/status', $$select pollux.script_status('{}')$$),
    ('GET /admin/status?state=ready&after=50000', $$select pollux.script_status('{"state": "ready", "after": "50000"}')$$),
    ('GET /admin/credentials?limit=1000', $$select pollux.script_credentials('{"limit": "1000"}')$$),
    ('GET /admin/credentials?state=dead', $$select pollux.script_credentials('{"state": "dead"}')$$),
    ('GET /admin/usage?by=client,credential,model', $$select pollux.script_usage('{}')$$),
    ('  the page in the middle', $$select pollux.script_usage('{"after": "50000000000"}')$$),
    ('  per=hour', $$select pollux.script_usage('{"per": "hour"}')$$),
    ('GET /admin/usage?by=client,model&per=hour&since=30d', $$select pollux.script_usage('{"by": "client,model", "per": "hour", "since": "30d"}')$$),
    ('pollux status', 'select admin.status()'), ('a line of usage for the log', 'select api.usage_line(300)'),
    ('pollux key list, a page', 'select admin.credential_list(1000, 50000)')) c(what, s);
\echo -- views
select bench.time(s, 'select count(*), max(x::text) from (select * from ' || s || ') x', least(:times, 3)) from unnest(array['report.credentials where id = 777', 'report.credentials limit 50',
    $$report.credentials where state = 'dead'$$, 'report.models', 'report.quota limit 50', 'report.usage_by_client', 'report.usage_by_model', 'report.usage_hourly limit 50',
    $$report.requests where started_at > now() - interval '10 minutes'$$,
    'report.metrics', 'report.health limit 50', 'report.jobs']) s;
\echo -- a million groups
select bench.time(s, 'select count(*) from (select * from ' || s || ') x', 1)
from unnest(array[$$report.usage_daily where day = current_date$$, $$report.usage_by_credential where day = current_date$$]) s;
