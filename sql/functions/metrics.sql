-- SPDX-License-Identifier: MIT
-- Metrics: what Prometheus reads at /metrics. One row of metric_help declares one metric; names and types keep to
-- the rules of promtool: base units, counters end in _total, histograms have le, +Inf, _sum and _count.
--
-- No series is of one credential: there may be 100,000. Models and clients are capped (settings metrics_models and
-- metrics_clients).
set check_function_bodies = off;

create or replace function pollux.metric_help()
returns table (rank integer, name text, kind text, help text)
language sql immutable as $$
    values
        (1, 'pollux_build_info', 'gauge', 'Version of the schema of the database, 1.'),
        (2, 'pollux_credentials', 'gauge', 'Credentials by state.'),
        (3, 'pollux_open_requests', 'gauge', 'Requests that are being served.'),
        (4, 'pollux_waiting_requests', 'gauge', 'Requests that wait for their turn.'),
        (5, 'pollux_workers', 'gauge', 'Worker processes that are alive.'),
        (6, 'pollux_model_projects', 'gauge', 'Upstream projects by model and by whether they may be used for it now.'),
        (7, 'pollux_requests_total', 'counter', 'Requests that ended, by model, dialect and outcome.'),
        (8, 'pollux_rescued_requests_total', 'counter', 'Good answers that took more than one upstream call.'),
        (9, 'pollux_upstream_calls_total', 'counter', 'Upstream calls by what came of them.'),
        (10, 'pollux_tokens_total', 'counter', 'Tokens by model and kind; cached ones are part of those of the prompt.'),
        (11, 'pollux_cost_total', 'counter', 'What the tokens cost, in the currency of the prices.'),
        (12, 'pollux_request_duration_seconds', 'histogram', 'From the arrival of a request to its end.'),
        (13, 'pollux_request_first_byte_seconds', 'histogram', 'From the arrival of a request to the first byte of its answer.'),
        (14, 'pollux_client_requests_total', 'counter', 'Requests that ended, by client.'),
        (15, 'pollux_client_errors_total', 'counter', 'Those of them whose outcome was not ok.'),
        (16, 'pollux_client_tokens_total', 'counter', 'Tokens of all kinds by client.'),
        (17, 'pollux_client_cost_total', 'counter', 'What they cost, by client.'),
        (18, 'pollux_chore_last_run_timestamp_seconds', 'gauge', 'When each part of the maintenance was last done.'),
        (19, 'pollux_chore_failed', 'gauge', 'Whether its last run failed.'),
        (20, 'pollux_jobs', 'gauge', 'Jobs that workers have to do, by kind and by whether they wait or run.'),
        (21, 'pollux_database_size_bytes', 'gauge', 'Size of the database.')
$$;
comment on function pollux.metric_help() is 'The metrics there are, in their order: name, kind, help.';

create or replace function pollux.metric_models() returns setof pollux.meter_model
language sql stable as $$
    select model, dialect, outcome, sum(requests)::bigint, sum(attempts)::bigint, sum(rescued)::bigint,
           sum(prompt_tokens)::bigint, sum(cached_tokens)::bigint, sum(output_tokens)::bigint,
           sum(thoughts_tokens)::bigint, sum(tool_tokens)::bigint, sum(cost), sum(duration_ms)::bigint,
           sum(first_byte_ms)::bigint, pollux.histogram_sum(latency), pollux.histogram_sum(first_byte)
    from (select * from pollux.meter_model
          union all
          select * from pollux.meter_models((select pollux.metered()), 'infinity', false)) m
    group by model, dialect, outcome
$$;
comment on function pollux.metric_models() is 'All requests there ever were, by model, dialect and outcome.';

create or replace function pollux.metric_clients()
returns table (client text, requests numeric, errors numeric, tokens numeric, cost numeric)
language sql stable as $$
    with known as (
        select id, name from pollux.client order by id limit pollux.setting('metrics_clients')::integer
    )
    select case when k.id is not null then k.name when m.client_id = 0 then 'none' else 'other' end,
           sum(m.requests), sum(m.errors), sum(m.tokens), sum(m.cost)
    from (select * from pollux.meter_client
          union all
          select * from pollux.meter_clients((select pollux.metered()), 'infinity', false)) m
    left join known k on k.id = m.client_id
    group by 1
$$;
comment on function pollux.metric_clients() is
    'The same by client: the first metrics_clients of them by name, the rest as "other", unknown ones as '
    '"none".';

-- Prometheus' cumulative buckets out of a histogram: le, and how many took at most so long.
create or replace function pollux.metric_buckets(p_histogram bigint[])
returns table (le text, upto numeric)
language sql immutable as $$
    select coalesce(trim_scale(b::numeric / 1000)::text, '+Inf'), sum(coalesce(n, 0)) over (order by i)
    from unnest(pollux.histogram_bounds() || null::bigint, p_histogram) with ordinality x(b, n, i)
$$;
comment on function pollux.metric_buckets(bigint[]) is
    'The histogram as le (seconds, +Inf) and counts that add up.';

create or replace function pollux.metric_histogram(p_name text, p_model text, p_histogram bigint[], p_sum_ms numeric)
returns table (name text, suffix text, labels jsonb, value numeric)
language sql immutable as $$
    select p_name, '_bucket', jsonb_build_object('model', p_model, 'le', le), upto
    from pollux.metric_buckets(p_histogram)
    union all
    select p_name, '_sum', jsonb_build_object('model', p_model), p_sum_ms / 1000
    union all
    select p_name, '_count', jsonb_build_object('model', p_model),
           (select max(upto) from pollux.metric_buckets(p_histogram))
$$;
comment on function pollux.metric_histogram(text, text, bigint[], numeric) is 'The samples of a histogram.';

create or replace function pollux.metric_counters()
returns table (name text, suffix text, labels jsonb, value numeric)
language sql stable as $$
    with models as materialized (
        select * from pollux.metric_models()
    ), clients as materialized (
        select * from pollux.metric_clients()
    ), calls as (
        select outcome, sum(attempts) as attempts
        from (select * from pollux.meter_attempt
              union all
              select * from pollux.meter_attempts((select pollux.metered()), 'infinity', false)) a
        group by 1
    ), times as materialized (
        select model, sum(duration_ms) as duration_ms, sum(first_byte_ms) as first_byte_ms,
               pollux.histogram_sum(latency) as latency, pollux.histogram_sum(first_byte) as first_byte
        from models group by model
    )
    select 'pollux_requests_total', '', jsonb_build_object('model', model, 'dialect', dialect, 'outcome', outcome),
           requests::numeric from models
    union all
    select 'pollux_rescued_requests_total', '', jsonb_build_object('model', model), sum(rescued) from models group by model
    union all
    select 'pollux_upstream_calls_total', '', jsonb_build_object('outcome', outcome), attempts from calls
    union all
    select 'pollux_tokens_total', '', jsonb_build_object('model', model, 'kind', kind), sum(tokens)
    from models, unnest(array['prompt', 'cached', 'output', 'thoughts', 'tool'],
                        array[prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens]) t(kind, tokens)
    group by model, kind
    union all
    select 'pollux_cost_total', '', jsonb_build_object('model', model), sum(cost) from models group by model
    union all
    select h.* from times t, pollux.metric_histogram('pollux_request_duration_seconds', t.model, t.latency, t.duration_ms) h
    union all
    select h.* from times t, pollux.metric_histogram('pollux_request_first_byte_seconds', t.model, t.first_byte, t.first_byte_ms) h
    union all
    select c.name, '', jsonb_build_object('client', client), c.value
    from clients, unnest(array['pollux_client_requests_total', 'pollux_client_errors_total',
                               'pollux_client_tokens_total', 'pollux_client_cost_total'],
                         array[requests, errors, tokens, cost]) c(name, value)
$$;
comment on function pollux.metric_counters() is 'What only grows: samples of counters and histograms.';

create or replace function pollux.metric_gauges()
returns table (name text, suffix text, labels jsonb, value numeric)
language sql stable as $$
    select 'pollux_build_info', '', jsonb_build_object('schema', max(number)), 1::numeric from pollux.migration
    union all
    select 'pollux_credentials', '', jsonb_build_object('state', state), n::numeric
    from jsonb_each_text(api.health()) h(state, n) where state in ('ready', 'resting', 'dead', 'disabled')
    union all
    select 'pollux_open_requests', '', '{}', count(*) from pollux.open_request
    union all
    select 'pollux_waiting_requests', '', '{}', count(*) from pollux.waiter where lease_until > pollux.now()
    union all
    select 'pollux_workers', '', '{}', count(*) from pollux.worker
    where left_at is null and swept_at is null and beat_at > pollux.now() - interval '15 seconds'
    union all
    select 'pollux_model_projects', '', jsonb_build_object('model', m.model, 'state', s.state), s.n
    from pollux.model_figures() m, unnest(array['ready', 'spent', 'resting', 'out'],
                                 array[m.ready, m.spent, m.resting, m.out]) s(state, n)
    where m.model in (select model from pollux.meter_names((select pollux.metered()), 'infinity')) and s.n is not null
    union all
    select 'pollux_chore_last_run_timestamp_seconds', '', jsonb_build_object('chore', c.name),
           round(extract(epoch from c.done_at)) from pollux.chore c where c.done_at > '-infinity'
    union all
    select 'pollux_chore_failed', '', jsonb_build_object('chore', c.name), c.failed::integer::numeric
    from pollux.chore c where c.done_at > '-infinity'
    union all
    select 'pollux_jobs', '', jsonb_build_object('kind', j.kind, 'state', pollux.job_state(j, pollux.now())), count(*)
    from pollux.job j where j.done_at is null group by j.kind, pollux.job_state(j, pollux.now())
    union all
    select 'pollux_database_size_bytes', '', '{}', pg_database_size(current_database())
$$;
comment on function pollux.metric_gauges() is 'What may rise and fall: samples as of now.';

create or replace function pollux.metric_label(p_value text) returns text
language sql immutable as $$
    select replace(replace(replace(left(p_value, 200), '\', '\\'), '"', '\"'), E'\n', '\n')
$$;
comment on function pollux.metric_label(text) is 'A label''s value as the text format wants it.';

create or replace function pollux.metric_line(p_name text, p_labels jsonb, p_value numeric) returns text
language sql immutable as $$
    select p_name || case when p_labels <> '{}' then '{' || (
               select string_agg(key || '="' || pollux.metric_label(value) || '"', ',' order by key = 'le', key)
               from jsonb_each_text(p_labels)) || '}' else '' end || ' ' || trim_scale(p_value)
$$;
comment on function pollux.metric_line(text, jsonb, numeric) is 'One sample in the text format.';

create or replace function pollux.metrics()
returns table (name text, suffix text, labels jsonb, value numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from pollux.metric_gauges() union all select * from pollux.metric_counters()
$$;
comment on function pollux.metrics() is 'All samples, in one snapshot.';

create or replace function pollux.metrics_text() returns text
language sql stable as $$
    with samples as materialized (
        select * from pollux.metrics()
    )
    select coalesce(string_agg(m.text, '' order by m.rank), '')
    from (select h.rank,
                 format(E'# HELP %1$s %3$s\n# TYPE %1$s %2$s\n', h.name, h.kind, h.help)
                 || string_agg(pollux.metric_line(s.name || s.suffix, s.labels, s.value) || E'\n', ''
                               order by s.labels - 'le', s.suffix, (s.labels ->> 'le')::float8) as text
          from pollux.metric_help() h join samples s on s.name = h.name
          group by h.rank, h.name, h.kind, h.help) m
$$;
comment on function pollux.metrics_text() is
    'All metrics in the text format 0.0.4 of Prometheus, in one snapshot. Metrics without a sample are '
    'left out.';

create or replace function pollux.monitor_enter(p_token_hash text, p_local boolean) returns void
language plpgsql volatile as $$
begin
    if p_token_hash is null and p_local and pollux.setting('metrics_local') = 'on' then
        return;
    elsif p_token_hash is null then
        raise exception 'this needs an admin token of role metrics, or a caller on this machine' using errcode = 'PX401',
            hint = 'pollux admin token add prometheus --role metrics; send it as Authorization: Bearer';
    end if;
    perform pollux.actor_must(pollux.actor_of_token(p_token_hash), 'metrics');
end
$$;
comment on function pollux.monitor_enter(text, boolean) is
    'Lets somebody look at figures: with an admin token of any role, or without one from this machine '
    '(p_local) while '
    'the setting metrics_local is on. Otherwise an error: PX401, PX403.';

create or replace function api.metrics(p_token_hash text, p_local boolean) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pollux.monitor_enter(p_token_hash, p_local);
    return pollux.metrics_text();
end
$$;
comment on function api.metrics(text, boolean) is
    'All metrics for Prometheus. p_token_hash: of an admin token, hexadecimal SHA-256, or null; p_local: '
    'the caller is '
    'on this machine, without a proxy in between.';
