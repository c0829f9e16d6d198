-- SPDX-License-Identifier: MIT
-- Console: what was used, summed up, as `pollux usage` prints it.
set check_function_bodies = off;

create or replace function pollux.console_usage(p jsonb, p_limit integer, p_offset integer) returns jsonb
language sql stable as $$
    select pollux.usage_json(
        coalesce(pollux.param_moment(p, 'from'), pollux.now() - interval '7 days'), pollux.param_time(p, 'to'),
        pollux.param_words(p, 'by', array['client', 'model'], array['client', 'credential', 'model', 'day', 'hour']),
        p_limit, p_offset)
$$;
comment on function pollux.console_usage(jsonb, integer, integer) is
    'A piece of pollux.usage_json() for the params by (words with commas), from (a time, or 7d for seven days ago), to.';

create or replace function admin.console_usage_list(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 100, 1, 500);
    v_after bigint := coalesce((pollux.param_cursor(p) ->> 0)::bigint, 0);
    v_items jsonb := pollux.console_usage(p, v_limit::integer + 1, v_after::integer);
begin
    return jsonb_build_object(
        'items', case when jsonb_array_length(v_items) > v_limit then v_items - v_limit::integer else v_items end,
        'next', case when jsonb_array_length(v_items) > v_limit then jsonb_build_array(v_after + v_limit)::text end);
end
$$;
comment on function admin.console_usage_list(jsonb) is
    'A list (see console.h). p: {by, from, to} as in pollux.console_usage(). Items as in admin.usage, in the order of the '
    'groups.';

create or replace function pollux.usage_line(u jsonb, p_columns text[]) returns text
language sql immutable as $$
    select pollux.csv_line(array(select u ->> c from unnest(p_columns) with ordinality x(c, n) order by n))
$$;
comment on function pollux.usage_line(jsonb, text[]) is 'A row of usage as a line of CSV.';

create or replace function admin.console_usage_export(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_after bigint := coalesce((pollux.param_cursor(p) ->> 0)::bigint, 0);
    v_items jsonb := pollux.console_usage(p, 1000, v_after::integer);
    v_by text[] := pollux.param_words(p, 'by', array['client', 'model'], array['client', 'credential', 'model', 'day', 'hour']);
    v_columns text[] := array(select g from unnest(array['day', 'hour', 'client', 'credential', 'credential_id', 'model']) g
                              where g = any (v_by) or g = 'credential_id' and 'credential' = any (v_by))
        || array['requests', 'errors', 'prompt_tokens', 'cached_tokens', 'output_tokens', 'thoughts_tokens', 'tool_tokens',
                 'total_tokens', 'cost', 'median_ms', 'p95_ms'];
begin
    return jsonb_build_object(
        'text', case when v_after = 0 then pollux.csv_line(v_columns) else '' end || coalesce((
            select string_agg(pollux.usage_line(u, v_columns), '' order by n)
            from jsonb_array_elements(v_items) with ordinality x(u, n)), ''),
        'next', case when jsonb_array_length(v_items) = 1000 then jsonb_build_array(v_after + 1000)::text end);
end
$$;
comment on function admin.console_usage_export(jsonb) is 'A piece of the CSV of what was used: {text, next}.';
