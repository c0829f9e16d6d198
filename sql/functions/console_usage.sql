-- SPDX-License-Identifier: MIT
-- Console: what was used, summed up, as `pollux usage` prints it.
set check_function_bodies = off;

create or replace function pollux.console_usage_by(p jsonb) returns text[]
language sql immutable as $$
    select pollux.param_words(p, 'by', array['client', 'model'], array['client', 'credential', 'model', 'day', 'hour'])
$$;
comment on function pollux.console_usage_by(jsonb) is 'What the param by (words with commas) sums up by; client and model unless said.';

drop function if exists pollux.console_usage(jsonb, integer, integer);
create or replace function pollux.console_usage(p jsonb, p_limit integer) returns jsonb
language sql stable as $$
    select jsonb_build_object('items', u -> 'items', 'next', case when u ->> 'next' is not null
                                                                  then jsonb_build_array(u -> 'next')::text end)
    from pollux.usage_page(
        coalesce(pollux.param_moment(p, 'from'), pollux.now() - interval '7 days'),
        coalesce(pollux.param_time(p, 'to'), 'infinity'), pollux.console_usage_by(p), p_limit,
        coalesce((pollux.param_cursor(p) ->> 0)::bigint, 0)) u
$$;
comment on function pollux.console_usage(jsonb, integer) is
    'A page of pollux.usage_page() for the params by (see console_usage_by), from (a time, or 7d for seven days ago), to, '
    'after: {items, next}.';

create or replace function admin.console_usage_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.console_usage(p, pollux.param_number(p, 'limit', 100, 1, 500)::integer)
$$;
comment on function admin.console_usage_list(jsonb) is
    'A list (see console.h). p: {by, from, to} as in pollux.console_usage(). Items as in admin.usage, in the order of the '
    'groups. By credential a page may be short and yet have a next: go on for more.';

create or replace function pollux.usage_line(u jsonb, p_columns text[]) returns text
language sql immutable as $$
    select pollux.csv_line(array(select u ->> c from unnest(p_columns) with ordinality x(c, n) order by n))
$$;
comment on function pollux.usage_line(jsonb, text[]) is 'A row of usage as a line of CSV.';

create or replace function admin.console_usage_export(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_page jsonb := pollux.console_usage(p, 500);
    v_by text[] := pollux.console_usage_by(p);
    v_columns text[] := array(select g from unnest(array['day', 'hour', 'client', 'credential', 'credential_id', 'model']) g
                              where g = any (v_by) or g = 'credential_id' and 'credential' = any (v_by))
        || array['requests', 'errors', 'prompt_tokens', 'cached_tokens', 'output_tokens', 'thoughts_tokens', 'tool_tokens',
                 'total_tokens', 'cost', 'median_ms', 'p95_ms'];
begin
    return jsonb_build_object(
        'text', case when pollux.param_cursor(p) is null then pollux.csv_line(v_columns) else '' end || coalesce((
            select string_agg(pollux.usage_line(u, v_columns), '' order by n)
            from jsonb_array_elements(v_page -> 'items') with ordinality x(u, n)), ''),
        'next', v_page ->> 'next');
end
$$;
comment on function admin.console_usage_export(jsonb) is 'A piece of the CSV of what was used: {text, next}.';
