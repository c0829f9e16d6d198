-- SPDX-License-Identifier: MIT
-- Each call of the console that makes a list or a page, some times: p50 and p95 in the database.
create schema bench;
create function bench.time(p_action text, p jsonb, p_times integer default 20) returns text language plpgsql as $$
declare
    v_began timestamptz;
    v_ms float8[] := '{}';
    v_answer jsonb;
begin
    for i in 1..p_times loop
        v_began := clock_timestamp();
        execute format('select admin.%I($1)', 'console_' || p_action) into v_answer using p;
        v_ms := v_ms || extract(epoch from clock_timestamp() - v_began) * 1000;
    end loop;
    return (select format('%-20s %-62s p50 %6s ms  p95 %6s ms', p_action, p, round(percentile_cont(0.5) within group (order by m)::numeric, 1),
                          round(percentile_cont(0.95) within group (order by m)::numeric, 1)) from unnest(v_ms) m);
end
$$;
select count(*) || ' minutes summed up' from (select pollux.pulse_roll('15 days')) x;
select bench.time('credential_list', p) from unnest(array['{}', '{"state":"ready"}', '{"state":"resting"}', '{"state":"dead"}',
    '{"state":"disabled"}', '{"q":"spare"}', '{"q":"99999"}', '{"model":"gemini-2.5-pro"}', '{"model":"gemini-2.5-pro","state":"ready"}',
    '{"sort":"label"}', '{"sort":"project"}', '{"sort":"-priority"}', '{"sort":"-last_used_at"}', '{"tag":"x"}', '{"project":"project-77"}',
    '{"limit":"500"}']::jsonb[]) p;
select bench.time('request_list', p) from unnest(array['{}', '{"credential":"5"}', '{"outcome":"truncated"}', '{"client":"client 3"}',
    '{"status":"5xx"}', '{"model":"none"}', '{"to":"2020-01-01T00:00:00Z"}', '{"id":"00000000-0000-0000-0000-000000000001"}', '{"limit":"500"}']::jsonb[]) p;
select bench.time('credential_get', '{"id":"777"}');
select bench.time('client_list', '{}');
select bench.time('model_list', '{}');
select bench.time('audit_list', p) from unnest(array['{}', '{"actor":"admin1"}', '{"action":"nothing"}']::jsonb[]) p;
select bench.time('event_list', '{}');
select bench.time('job_list', '{}');
select bench.time('system_get', '{}');
select bench.time('overview_get', p) from unnest(array['{"hours":"1"}', '{"hours":"24"}', '{"hours":"168"}']::jsonb[]) p;
