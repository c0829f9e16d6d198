-- SPDX-License-Identifier: MIT
-- Console: the log of requests, backwards through time.
--
-- No index covers what may be filtered by: it would cost every request something. Instead a call looks at no more
-- than so many rows of the log and says how far back it came; the next call goes on from there.
set check_function_bodies = off;

create or replace function pollux.request_where(p jsonb) returns text
language plpgsql stable as $$
declare
    v_where text := 'true';
    v_name text;
    v_ids bigint[];
begin
    foreach v_name in array array['client', 'credential', 'project'] loop
        continue when pollux.param_text(p, v_name) is null;
        v_ids := case
            when v_name = 'client' then array(select id from pollux.client where id::text = p ->> v_name or name = p ->> v_name)
            when v_name = 'credential' then array(select id from pollux.credential
                                                  where id::text = p ->> v_name or label = p ->> v_name limit 1000)
            else array(select id from pollux.project where id::text = p ->> v_name or name = p ->> v_name) end;
        v_where := v_where || format(' and r.%I = any (%L::bigint[])', v_name || '_id', v_ids);
    end loop;
    if pollux.param_text(p, 'model') is not null then
        v_where := v_where || format(' and %L in (r.model, r.asked_model)', p ->> 'model');
    end if;
    if pollux.param_text(p, 'outcome') is not null then
        v_where := v_where || case p ->> 'outcome'
            when 'failed' then ' and r.outcome in (''exhausted'', ''upstream_error'', ''truncated'', ''unavailable'', ''lost'')'
            when 'saved' then ' and r.outcome = ''ok'' and r.attempts > 1'
            else format(' and r.outcome = any (string_to_array(%L, '',''))', p ->> 'outcome') end;
    end if;
    if pollux.param_text(p, 'status', 3) ~ '^[1-5]xx$' then
        v_where := v_where || format(' and r.status between %1$s00 and %1$s99', left(p ->> 'status', 1));
    elsif pollux.param_number(p, 'status', null, 0, 999) is not null then
        v_where := v_where || format(' and r.status = %L::integer', p ->> 'status');
    end if;
    if pollux.param_choice(p, 'dialect', '{native,openai}') is not null then
        v_where := v_where || format(' and r.dialect = %L', p ->> 'dialect');
    end if;
    if pollux.param_text(p, 'remote', 60) is not null then
        v_where := v_where || format(' and r.remote = %L', p ->> 'remote');
    end if;
    return v_where;
end
$$;
comment on function pollux.request_where(jsonb) is
    'SQL condition on request r for the filters client, credential, project (id or name), model, outcome (several '
    'with commas, failed, saved), status (503, 5xx), dialect, remote.';

create or replace function pollux.request_json(r pollux.request, p_client text, p_project text) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', r.id, 'started_at', r.started_at, 'ended_at', r.ended_at, 'outcome', r.outcome, 'status', r.status,
        'client', p_client, 'client_id', r.client_id, 'dialect', r.dialect, 'verb', r.verb,
        'model', nullif(r.model, ''), 'asked_model', nullif(r.asked_model, ''), 'stream', r.stream,
        'attempts', r.attempts, 'project', p_project, 'credential_id', r.credential_id,
        'duration_ms', r.duration_ms, 'first_byte_ms', r.first_byte_ms, 'waited_ms', r.waited_ms)
        || jsonb_build_object(
        'prompt_tokens', r.prompt_tokens, 'cached_tokens', r.cached_tokens, 'output_tokens', r.output_tokens,
        'thoughts_tokens', r.thoughts_tokens, 'tool_tokens', r.tool_tokens, 'total_tokens', r.total_tokens,
        'cost', pollux.cost(r.model, r.prompt_tokens, r.cached_tokens, r.output_tokens, r.thoughts_tokens,
                            r.tool_tokens),
        'bytes_in', r.bytes_in, 'bytes_out', r.bytes_out, 'error', r.error, 'remote', r.remote,
        'user_agent', r.user_agent)
$$;
comment on function pollux.request_json(pollux.request, text, text) is 'A request of the log as the console shows it.';

create or replace function pollux.request_page(
    p_where text, p_from timestamptz, p_to timestamptz, p_id uuid, p_limit bigint, p_look bigint,
    out ids uuid[], out moments timestamptz[], out edge_at timestamptz, out edge_id uuid
)
language plpgsql stable as $$
declare
    v_seen text := format(
        'select started_at, id, client_id, credential_id, project_id, model, asked_model, outcome, status, attempts,
                dialect, remote
         from pollux.request
         where started_at >= %L and started_at <= %L and (started_at, id) < (%2$L, %3$L)
         order by started_at desc, id desc limit %4$s', p_from, p_to, p_id, p_look);
begin
    execute format('select array_agg(id), array_agg(started_at)
                    from (select r.id, r.started_at from (%s) r where %s limit %s) x', v_seen, p_where, p_limit)
    into ids, moments;
    if cardinality(ids) = p_limit then
        edge_at := moments[p_limit];
        edge_id := ids[p_limit];
    else
        execute format('select started_at, id from (%s) r offset %s limit 1', v_seen, p_look - 1)
        into edge_at, edge_id;
    end if;
end
$$;
comment on function pollux.request_page(text, timestamptz, timestamptz, uuid, bigint, bigint) is
    'The requests before that moment and id that satisfy the condition, newest first: p_limit at the most, found '
    'among the p_look rows before it. edge: where the next page goes on; null at the end of the log.';

create or replace function pollux.request_rows(p_ids uuid[], p_moments timestamptz[]) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(pollux.request_json(r, c.name, p.name) order by r.started_at desc, r.id desc), '[]')
    from unnest(p_ids, p_moments) k(id, started_at)
    join pollux.request r on r.id = k.id and r.started_at = k.started_at
    left join pollux.client c on c.id = r.client_id
    left join pollux.project p on p.id = r.project_id
$$;
comment on function pollux.request_rows(uuid[], timestamptz[]) is 'These requests as the console shows them, newest first.';

create or replace function pollux.request_find(p jsonb, p_limit bigint, p_look bigint)
returns table (ids uuid[], moments timestamptz[], edge_at timestamptz, edge_id uuid)
language plpgsql stable as $$
declare
    v_cursor jsonb := pollux.param_cursor(p);
    v_from timestamptz := coalesce(pollux.param_time(p, 'from'), '-infinity');
    v_to timestamptz := least(coalesce(pollux.param_time(p, 'to'), 'infinity'),
                              coalesce((v_cursor ->> 0)::timestamptz, 'infinity'));
begin
    return query select * from pollux.request_page(
        pollux.request_where(p), v_from, v_to,
        coalesce((v_cursor ->> 1)::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), p_limit, p_look);
end
$$;
comment on function pollux.request_find(jsonb, bigint, bigint) is
    'A page of the log by the params: filters as in request_where, from, to, after.';

create or replace function pollux.request_newer(p jsonb, p_limit bigint) returns jsonb
language plpgsql stable as $$
declare
    v_cursor jsonb := pollux.param_cursor(jsonb_build_object('after', p ->> 'since'));
    v_ids uuid[];
    v_moments timestamptz[];
begin
    execute format(
        'select array_agg(id order by ended_at, id), array_agg(started_at order by ended_at, id) from (
             select r.id, r.started_at, r.ended_at from pollux.request r
             where r.ended_at >= %1$L and r.started_at > %1$L::timestamptz - interval ''1 day''
               and (r.ended_at, r.id) > (%1$L, %2$L::uuid) and %3$s order by r.ended_at, r.id limit %4$s) x',
        v_cursor ->> 0, v_cursor ->> 1, pollux.request_where(p), p_limit) into v_ids, v_moments;
    return (
        select jsonb_build_object(
            'items', pollux.request_rows(v_ids, v_moments),
            'since', coalesce((select jsonb_build_array(ended_at, id)::text from pollux.request
                               where id = v_ids[cardinality(v_ids)] and started_at = v_moments[cardinality(v_ids)]),
                              p ->> 'since')));
end
$$;
comment on function pollux.request_newer(jsonb, bigint) is
    'The requests that ended since a moment: {items, newest first, since: for the next look}.';

create or replace function admin.console_request_list(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_found record;
    v_now timestamptz := pollux.now();
begin
    if pollux.param_text(p, 'since') is not null then
        return pollux.request_newer(p, v_limit);
    elsif pollux.param_text(p, 'id', 40) is not null then
        return jsonb_build_object('items', coalesce((
            select jsonb_agg(j - 'tries') from admin.console_request_get(p) j), '[]'));
    end if;
    select * into v_found from pollux.request_find(p, v_limit, 50000);
    return jsonb_build_object(
        'items', pollux.request_rows(v_found.ids, v_found.moments),
        'next', case when v_found.edge_at is not null then jsonb_build_array(v_found.edge_at, v_found.edge_id)::text end,
        'searched_to', v_found.edge_at)
        || case when pollux.param_cursor(p) is null then jsonb_build_object(
            'total', (select sum(greatest(reltuples, 0))::bigint from pg_class c join pg_inherits i on i.inhrelid = c.oid
                      where i.inhparent = 'pollux.request'::regclass), 'total_exact', false,
            'since', jsonb_build_array(v_now - interval '2 seconds', '00000000-0000-0000-0000-000000000000')::text)
           else '{}' end;
end
$$;
comment on function admin.console_request_list(jsonb) is
    'A list (see console.h), newest first. Filters: see pollux.request_where; from, to (times), id. A call looks at '
    '50000 rows: a page with few items and a next has looked back to searched_to, go on for more. total is that of '
    'the whole log, unfiltered. Live: since = the since of the page before answers what ended meanwhile. Items: see '
    'pollux.request_json.';

create or replace function admin.console_request_get(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_id uuid;
    v_request jsonb;
begin
    if coalesce(p ->> 'id', '') !~ '^[0-9a-fA-F-]{32,36}$' then
        return null;
    end if;
    v_id := (p ->> 'id')::uuid;
    select pollux.request_rows(array[id], array[started_at]) -> 0 into v_request from pollux.request where id = v_id limit 1;
    if v_request is null then
        select jsonb_build_object('id', id, 'started_at', started_at, 'outcome', 'open', 'client', client,
            'dialect', dialect, 'verb', verb, 'model', model, 'stream', stream, 'attempts', attempt, 'project', project,
            'credential_id', credential_id, 'remote', remote)
        into v_request from report.open_requests where id = v_id;
    end if;
    return v_request || jsonb_build_object(
        'captured', exists (select from pollux.capture where request_id = v_id and expires_at > pollux.now()), 'tries', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'n', a.n, 'started_at', a.started_at, 'outcome', a.outcome, 'status', a.status, 'model', nullif(a.model, ''),
            'project', a.project, 'credential_id', a.credential_id, 'label', c.label, 'hint', c.hint,
            'duration_ms', a.duration_ms, 'first_byte_ms', a.first_byte_ms, 'error', a.error, 'penalty', a.penalty,
            'prompt_tokens', a.prompt_tokens, 'output_tokens', a.output_tokens, 'total_tokens', a.total_tokens)
            order by a.n, a.started_at), '[]')
        from report.attempts a left join pollux.credential c on c.id = a.credential_id where a.request_id = v_id));
end
$$;
comment on function admin.console_request_get(jsonb) is
    'p: {id}. A request as in the list, with captured: whether capture_look has more, and tries: each attempt in order {n, started_at, outcome, status, model, '
    'project, credential_id, label, hint, duration_ms, first_byte_ms, error, penalty: what it cost the credential '
    'and why the next was tried, tokens}.';

create or replace function admin.console_request_open(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'total', (select count(*) from pollux.open_request),
        'items', coalesce(jsonb_agg(jsonb_build_object(
            'id', id, 'started_at', started_at, 'client', client, 'dialect', dialect, 'verb', verb, 'model', model,
            'stream', stream, 'attempts', attempt, 'project', project, 'credential_id', credential_id, 'remote', remote,
            'outcome', 'open', 'host', host, 'pid', pid) order by started_at), '[]'))
    from (select * from report.open_requests order by started_at
          limit pollux.param_number(p, 'limit', 50, 1, 500)) o
$$;
comment on function admin.console_request_open(jsonb) is
    '{items: requests under way, the oldest first, total: how many there are}.';

create or replace function admin.console_request_export(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_found record;
    v_text text;
begin
    select * into v_found from pollux.request_find(p, 2000, 50000);
    select string_agg(pollux.csv_line(array[
        j ->> 'id', j ->> 'started_at', j ->> 'ended_at', j ->> 'outcome', j ->> 'status', j ->> 'client',
        j ->> 'dialect', j ->> 'verb', j ->> 'model', j ->> 'asked_model', j ->> 'stream', j ->> 'attempts',
        j ->> 'project', j ->> 'credential_id', j ->> 'duration_ms', j ->> 'first_byte_ms', j ->> 'waited_ms',
        j ->> 'prompt_tokens', j ->> 'cached_tokens', j ->> 'output_tokens', j ->> 'thoughts_tokens',
        j ->> 'tool_tokens', j ->> 'total_tokens', j ->> 'cost', j ->> 'error', j ->> 'remote', j ->> 'user_agent']),
        '' order by n)
    into v_text
    from jsonb_array_elements(pollux.request_rows(v_found.ids, v_found.moments)) with ordinality x(j, n);
    return jsonb_build_object(
        'text', case when p ->> 'after' is null then pollux.csv_line(array[
            'id', 'started_at', 'ended_at', 'outcome', 'status', 'client', 'dialect', 'verb', 'model', 'asked_model',
            'stream', 'attempts', 'project', 'credential_id', 'duration_ms', 'first_byte_ms', 'waited_ms',
            'prompt_tokens', 'cached_tokens', 'output_tokens', 'thoughts_tokens', 'tool_tokens', 'total_tokens',
            'cost', 'error', 'remote', 'user_agent']) else '' end || coalesce(v_text, ''),
        'next', case when v_found.edge_at is not null
                     then jsonb_build_array(v_found.edge_at, v_found.edge_id)::text end);
end
$$;
comment on function admin.console_request_export(jsonb) is
    'A piece of the CSV of the requests that the filters leave, newest first: {text, next}.';
