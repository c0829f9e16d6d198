-- SPDX-License-Identifier: MIT
-- Console: clients.
set check_function_bodies = off;

-- A client's own count is kept for those alone that have limits.
create or replace function pollux.count_clients() returns jsonb
language sql stable as $$
    with day as (
        select pollux.pacific_midnight(pollux.pacific_date(pollux.now())) as begins_at
    ), used as (
        select client_id, total_tokens from pollux.usage_brief where hour >= (select begins_at from day)
        union all
        select client_id, total_tokens
        from pollux.usage_sums((select greatest(begins_at, pollux.usage_rolled(), pollux.now() - interval '2 hours') from day), 'infinity', false)
    )
    select coalesce(jsonb_object_agg(client_id, tokens), '{}')
    from (select client_id, sum(total_tokens) as tokens from used where client_id is not null group by 1) c
$$;
comment on function pollux.count_clients() is
    'Tokens that each client has used since midnight of America/Los_Angeles, as the log knows them: {id: tokens}.';

create or replace function admin.console_client_list(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_sort text := coalesce(pollux.param_choice(p, 'sort', '{id,-id,name,-name}'), '-id');
    v_after jsonb := pollux.param_cursor(p);
    v_state text := pollux.param_choice(p, 'state', '{active,expired,revoked,off}');
    v_q text := lower(pollux.param_text(p, 'q', 100));
    v_used jsonb := pollux.console_cached('clients');
begin
    return (
        with found as materialized (
            select pollux.client_json(c) as j, c.id, lower(c.name) as name from pollux.client c
            where v_q is null or strpos(lower(c.name), v_q) > 0 or c.hint = v_q
        ), wanted as (
            select f.*, row_number() over (
                order by case when v_sort = 'name' then f.name end, case when v_sort = '-name' then f.name end desc,
                         case when v_sort = 'id' then f.id end, f.id desc) as n
            from found f where v_state is null or f.j ->> 'state' = v_state
        ), page as (
            select * from wanted where n > coalesce((v_after ->> 0)::bigint, 0) order by n limit v_limit
        )
        select jsonb_build_object(
            'items', coalesce((select jsonb_agg(case when j ->> 'daily_tokens' is not null then j
                else j || jsonb_build_object('tokens_today', coalesce(v_used -> (j ->> 'id'), '0')) end order by n) from page), '[]'),
            'next', (select jsonb_build_array(max(n))::text from page
                     having max(n) < (select count(*) from wanted)),
            'total', (select count(*) from wanted), 'total_exact', true));
end
$$;
comment on function admin.console_client_list(jsonb) is
    'A list (see console.h). Filters: state (active, expired, revoked, off), q; sort: id, name. Items as in '
    'admin.client_list; tokens_today of those without daily_tokens comes from the log and may be some seconds old.';

create or replace function pollux.client_id_of(p jsonb) returns text
language plpgsql stable as $$
begin
    if coalesce(p ->> 'id', '') !~ '^-?[0-9]{1,18}$' or not exists (
            select from pollux.client where id = (p ->> 'id')::bigint) then
        perform pollux.refuse(404, 'there is no client with this id');
    end if;
    return (select name from pollux.client where id = (p ->> 'id')::bigint);
end
$$;
comment on function pollux.client_id_of(jsonb) is 'The name of the client whose id stands in the params; or 404.';

create or replace function admin.console_client_get(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_name text := pollux.client_id_of(p);
    c pollux.client;
    v_usage jsonb;
begin
    select * into c from pollux.client where name = v_name;
    select coalesce(jsonb_agg(to_jsonb(u) order by u.day, u.model), '[]') into v_usage from (
        select day, model, sum(requests) as requests, sum(errors) as errors, sum(prompt_tokens) as prompt_tokens,
               sum(cached_tokens) as cached_tokens, sum(output_tokens) as output_tokens,
               sum(thoughts_tokens) as thoughts_tokens, sum(total_tokens) as total_tokens, sum(cost) as cost
        from (select pollux.pacific_date(hour) as day, nullif(model, '') as model, requests, errors, prompt_tokens,
                     cached_tokens, output_tokens, thoughts_tokens, total_tokens, cost
              from pollux.usage_brief where client_id = c.id and hour > (select pollux.now()) - interval '31 days'
              union all
              select pollux.pacific_date(hour), nullif(model, ''), requests, errors, prompt_tokens, cached_tokens,
                     output_tokens, thoughts_tokens, total_tokens, cost
              from pollux.usage_unsummed(pollux.now() - interval '2 hours', false)
              where client_id = c.id) h
        group by day, model) u;
    return pollux.client_json(c) || jsonb_build_object(
        'requests_this_minute', pollux.window_sum(c.seconds, c.starts, pollux.second_of(pollux.now()) - 61),
        'tokens_this_minute', pollux.window_sum(c.seconds, c.tokens, pollux.second_of(pollux.now()) - 61),
        'usage', (select coalesce(jsonb_agg(to_jsonb(d) order by d.day), '[]') from (
            select u ->> 'day' as day, sum((u ->> 'requests')::bigint) as requests,
                   sum((u ->> 'errors')::bigint) as errors, sum((u ->> 'total_tokens')::bigint) as total_tokens,
                   sum((u ->> 'cost')::numeric) as cost
            from jsonb_array_elements(v_usage) u group by 1) d),
        'usage_by_model', v_usage);
end
$$;
comment on function admin.console_client_get(jsonb) is
    'p: {id}. The client as in the list, with requests_this_minute, tokens_this_minute (counted only if it has '
    'limits), and what it used in the last 31 days of America/Los_Angeles: usage [{day, requests, errors, '
    'total_tokens, cost}], usage_by_model [{day, model, requests, errors, ..._tokens, cost}].';

drop function if exists pollux.client_patch(jsonb);

create or replace function pollux.client_change(p jsonb) returns jsonb
language plpgsql stable as $$
declare
    v_change jsonb := (select coalesce(jsonb_object_agg(key, case when value = '""' then 'null'::jsonb else value end), '{}')
                       from jsonb_each(p) where key in ('rpm', 'tpm', 'daily_tokens', 'models', 'expires_at'));
begin
    if jsonb_typeof(v_change -> 'models') not in ('array', 'null') then
        raise exception '"models" must be a list of names' using errcode = 'PX400';
    elsif v_change ? 'expires_at' then
        v_change := v_change || jsonb_build_object('expires_at', pollux.param_time(p, 'expires_at'));
    end if;
    return v_change;
end
$$;
comment on function pollux.client_change(jsonb) is 'What of the params changes a client; an empty text clears.';

create or replace function admin.console_client_add(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_more jsonb := pollux.client_change(p);
begin
    return admin.client_add(
        pollux.param_text(p, 'name', 100, true), p ->> '_hash', p ->> '_hint',
        pollux.model_number(v_more, 'rpm', null, 2147483647), pollux.model_number(v_more, 'tpm', null, 9007199254740992),
        pollux.model_number(v_more, 'daily_tokens', null, 9007199254740992),
        nullif(array(select jsonb_array_elements_text(nullif(v_more -> 'models', 'null'))), '{}'),
        pollux.param_time(p, 'expires_at'));
end
$$;
comment on function admin.console_client_add(jsonb) is
    'p: {name, rpm, tpm, daily_tokens, models, expires_at}; the worker adds _hash and _hint of a new token, and the '
    'token to the answer: the client as in the list.';

create or replace function admin.console_client_set(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_name text := pollux.client_id_of(p);
    v_new text := pollux.param_text(p, 'name', 100, p ? 'name');
begin
    return admin.client_set(v_name, pollux.client_change(p) || jsonb_build_object('name', coalesce(v_new, v_name)));
end
$$;
comment on function admin.console_client_set(jsonb) is
    'p: {id, name, rpm, tpm, daily_tokens, models, expires_at}; null clears (but a name), what is absent stays. Answers the client '
    'as in the list.';

create or replace function admin.console_client_revoke(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.client_revoke(pollux.client_id_of(p))
$$;
comment on function admin.console_client_revoke(jsonb) is
    'p: {id}. The client''s token is not accepted any more, for good. Answers the client as in the list.';

-- The playground calls the gateway as any application does: with a token, of a client of its own.
create or replace function admin.console_client_playground(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_ends timestamptz := pollux.now() + interval '1 hour';
begin
    insert into pollux.client (name, token_hash, hint, expires_at, created_at)
    values ('playground of ' || (pollux.acting() ->> 'name'), decode(p ->> '_hash', 'hex'), p ->> '_hint', v_ends,
            pollux.now())
    on conflict (name) do update
    set token_hash = excluded.token_hash, hint = excluded.hint, expires_at = excluded.expires_at, revoked_at = null;
    return jsonb_build_object('name', 'playground of ' || (pollux.acting() ->> 'name'), 'expires_at', v_ends);
end
$$;
comment on function admin.console_client_playground(jsonb) is
    'A client of one''s own for trying things out; its token, new each time, is good for an hour: {name, expires_at}.';
