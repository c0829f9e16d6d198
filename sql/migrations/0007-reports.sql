-- SPDX-License-Identifier: MIT
-- Reports and scripts: tokens of administrators, and counters for /metrics that only ever grow.

create table pollux.admin_token (
    id bigint generated always as identity primary key,
    name text not null,
    role text not null check (role in ('metrics', 'viewer', 'operator', 'owner')),
    token_hash bytea not null unique,
    hint text,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
create unique index admin_token_name on pollux.admin_token (name) where revoked_at is null;
comment on table pollux.admin_token is
    'Tokens by which scripts administer Pollux. They are no client tokens, and those are no tokens of this kind.';
comment on index pollux.admin_token_name is 'The name of a revoked token may be given again.';
comment on column pollux.admin_token.id is 'Number.';
comment on column pollux.admin_token.name is 'Name, as it stands in the audit.';
comment on column pollux.admin_token.role is
    'metrics (may read /metrics and /status.txt), viewer (may read), operator (may change), owner (all).';
comment on column pollux.admin_token.token_hash is 'SHA-256 of the token.';
comment on column pollux.admin_token.hint is 'How the token ends.';
comment on column pollux.admin_token.created_at is 'When it was made.';
comment on column pollux.admin_token.expires_at is 'When it stops working; null: never.';
comment on column pollux.admin_token.last_used_at is 'When it was last used, to the minute.';
comment on column pollux.admin_token.revoked_at is 'When it was revoked.';

create type pollux.actor as (kind text, id bigint, name text, role text);
comment on type pollux.actor is
    'Who administers: kind is token, session or cli; name stands in the audit; role as in pollux.admin_token.';

-- What /metrics counts. Once an hour's log is dropped nobody can count it again, so these rows are added to and
-- never taken from: see functions/meter.sql.

create table pollux.meter_name (
    model text collate "C" primary key,
    since timestamptz not null
);
comment on table pollux.meter_name is
    'Models that have series of their own in /metrics (setting metrics_models says how many may); the others are counted '
    'together. A name stays, or its counters would seem to fall.';
comment on column pollux.meter_name.model is 'Model.';
comment on column pollux.meter_name.since is 'Its first good answer: what ended before was counted as "other".';

create table pollux.meter_model (
    model text collate "C" not null,
    dialect text not null,
    outcome text not null,
    requests bigint not null,
    attempts bigint not null,
    rescued bigint not null,
    prompt_tokens bigint not null,
    cached_tokens bigint not null,
    output_tokens bigint not null,
    thoughts_tokens bigint not null,
    tool_tokens bigint not null,
    cost numeric not null,
    duration_ms bigint not null,
    first_byte_ms bigint not null,
    latency bigint[] not null,
    first_byte bigint[] not null,
    primary key (model, dialect, outcome)
);
comment on table pollux.meter_model is 'All requests there ever were, for /metrics; the latest are in the log alone.';
comment on column pollux.meter_model.model is 'A name of pollux.meter_name, "other", or "none" where no model was asked for.';
comment on column pollux.meter_model.dialect is 'native or openai; "none" if unknown.';
comment on column pollux.meter_model.outcome is 'As in pollux.request.';
comment on column pollux.meter_model.requests is 'Requests.';
comment on column pollux.meter_model.attempts is 'Upstream calls they took.';
comment on column pollux.meter_model.rescued is 'Those with a good answer that took more than one upstream call.';
comment on column pollux.meter_model.prompt_tokens is 'Tokens of prompts, cached ones included.';
comment on column pollux.meter_model.cached_tokens is 'Those of them that came from a cache.';
comment on column pollux.meter_model.output_tokens is 'Tokens of candidates.';
comment on column pollux.meter_model.thoughts_tokens is 'Tokens of thoughts.';
comment on column pollux.meter_model.tool_tokens is 'Tokens of tool use in prompts.';
comment on column pollux.meter_model.cost is 'What they cost by the prices of then; unknown prices count as 0.';
comment on column pollux.meter_model.duration_ms is 'Sum over the requests that reached the upstream.';
comment on column pollux.meter_model.first_byte_ms is 'Sum over those of them that got an answer.';
comment on column pollux.meter_model.latency is 'Histogram of duration_ms; see functions/histogram.sql.';
comment on column pollux.meter_model.first_byte is 'Histogram of first_byte_ms.';

create table pollux.meter_client (
    client_id bigint primary key,
    requests bigint not null,
    errors bigint not null,
    tokens bigint not null,
    cost numeric not null
);
comment on table pollux.meter_client is 'The same by client.';
comment on column pollux.meter_client.client_id is 'Client; 0: not known.';
comment on column pollux.meter_client.requests is 'Requests.';
comment on column pollux.meter_client.errors is 'Those whose outcome was not ok.';
comment on column pollux.meter_client.tokens is 'Tokens of all kinds.';
comment on column pollux.meter_client.cost is 'What they cost by the prices of then.';

create table pollux.meter_attempt (
    outcome text primary key,
    attempts bigint not null
);
comment on table pollux.meter_attempt is 'The same by what came of each upstream call.';
comment on column pollux.meter_attempt.outcome is 'As in pollux.attempt.';
comment on column pollux.meter_attempt.attempts is 'Upstream calls.';
