-- SPDX-License-Identifier: MIT
-- Status text: how the models are, for /status.txt and the status file; and what was used, for a line in the log.
set check_function_bodies = off;

create or replace function pollux.status_rows()
returns table (model text, requests numeric, errors numeric, tokens numeric, cost numeric, median_ms bigint,
               p95_ms bigint, projects bigint, ready bigint)
language sql volatile as $$
    select coalesce(u.model, m.model), coalesce(u.requests, 0), coalesce(u.errors, 0), coalesce(u.total_tokens, 0), u.cost,
           pollux.percentile(u.latency, 0.5), pollux.percentile(u.latency, 0.95), m.projects, m.ready
    from pollux.usage_models(pollux.hour_of(pollux.now()) - interval '23 hours') u
    full join pollux.model_figures() m on m.model = u.model
$$;
comment on function pollux.status_rows() is
    'Use of the last 24 hours (whole ones and this one) by model, and who is ready for each.';

create or replace function pollux.status_head() returns text
language sql volatile as $$
    select format(E'Pollux, %s UTC\n', to_char(pollux.now() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
        || format(E'credentials: %s ready, %s resting, %s dead, %s disabled\n', h ->> 'ready', h ->> 'resting',
                  h ->> 'dead', h ->> 'disabled')
        || format(E'requests: %s open, %s waiting\n\n', (select count(*) from pollux.open_request),
                  (select count(*) from pollux.waiter where lease_until > pollux.now()))
        || E'last 24 hours, by model; ready: projects that may be used now\n'
        || format(E'%-48s %10s %8s %7s %14s %12s %9s %9s %15s\n', 'MODEL', 'REQUESTS', 'ERRORS', 'GOOD', 'TOKENS',
                  'COST', 'MEDIAN ms', '95 % ms', 'READY')
    from api.health() h
$$;
comment on function pollux.status_head() is 'The beginning of the status text.';

-- Formats pad by characters. The size is counted in bytes: names may be of any script.
create or replace function pollux.status_text(p_most integer) returns text
language sql volatile as $$
    with head as (
        select pollux.status_head() as text, p_most - 4000 as room
    ), lines as (
        select row_number() over w as n,
               format(E'%-48s %10s %8s %7s %14s %12s %9s %9s %15s\n',
                      regexp_replace(coalesce(model, '-'), '[[:cntrl:]]', '?', 'g'), requests, errors,
                      case when requests > 0 then round(100 * (requests - errors) / requests, 1) || '%' else '-' end,
                      tokens, coalesce(round(cost, 4)::text, '-'), coalesce(median_ms::text, '-'),
                      coalesce(p95_ms::text, '-'), coalesce(ready || ' of ' || projects, '-')) as line
        from pollux.status_rows()
        window w as (order by requests desc, model)
    ), fitting as (
        select n, line, sum(octet_length(line)) over (order by n) as upto from lines
    )
    select head.text || coalesce(string_agg(line, '' order by n) filter (where upto <= room), '')
        || case when count(*) filter (where upto > room) > 0
                then format(E'... and %s models more\n', count(*) filter (where upto > room)) else '' end
    from head left join fitting on true group by head.text, head.room
$$;
comment on function pollux.status_text(integer) is
    'How the pool and its models are, as a table of text of at most so many bytes.';

create or replace function api.status_text(p_token_hash text, p_local boolean, p_most integer) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pollux.monitor_enter(p_token_hash, p_local);
    return pollux.status_text(p_most);
end
$$;
comment on function api.status_text(text, boolean, integer) is
    'The status text for whoever may look at figures; p_token_hash and p_local as in api.metrics().';

create or replace function api.status_file(p_most integer) returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$ select pollux.status_text(p_most) $$;
comment on function api.status_file(integer) is 'The status text for the status file of a worker.';

create or replace function api.usage_line(p_seconds integer) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'requests', count(*), 'errors', count(*) filter (where outcome <> 'ok'),
        'prompt_tokens', coalesce(sum(prompt_tokens), 0), 'cached_tokens', coalesce(sum(cached_tokens), 0),
        'output_tokens', coalesce(sum(output_tokens), 0) + coalesce(sum(thoughts_tokens), 0),
        'total_tokens', coalesce(sum(total_tokens), 0), 'clients', count(distinct client_id),
        'credentials', count(distinct credential_id), 'pool', api.health())
    from pollux.request
    where ended_at > (select pollux.now()) - make_interval(secs => p_seconds)
      and started_at > (select pollux.now()) - make_interval(secs => p_seconds) - interval '2 days'
$$;
comment on function api.usage_line(integer) is
    'What ended in the last so many seconds: {requests, errors, prompt_tokens, cached_tokens, '
    'output_tokens (thoughts '
    'included), total_tokens, clients, credentials, pool: as api.health()}.';
