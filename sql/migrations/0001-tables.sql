-- SPDX-License-Identifier: MIT
-- Tables and types. Append-only: a change is a new file beside this one, never an edit of it. Functions,
-- views and grants are not here but in functions/, views.sql and grants.sql, which are applied every time.

create schema if not exists pollux;
comment on schema pollux is 'Tables of Pollux and the inner functions. Read them through schema report.';
create schema if not exists api;
comment on schema api is 'Functions for the workers; all that role pollux_app may do.';
create schema if not exists admin;
comment on schema admin is 'Functions for the command line and the console; each answers jsonb.';
create schema if not exists report;
comment on schema report is 'Views for people, psql and dashboards. No secret is readable here.';

create table if not exists pollux.migration (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default clock_timestamp()
);
comment on table pollux.migration is 'Which files of sql/migrations this database has seen.';
comment on column pollux.migration.number is 'The number at the beginning of the file name.';
comment on column pollux.migration.name is 'The rest of the file name, without .sql.';
comment on column pollux.migration.sha256 is 'Checksum of the file as it was applied, hexadecimal.';
comment on column pollux.migration.applied_at is 'When.';

------------------------------------------------------------------------------------------- what is configured

create table pollux.setting (
    name text primary key,
    value text not null,
    preset text not null,
    kind text not null check (kind in ('integer', 'choice')),
    least bigint,
    most bigint,
    choices text[],
    unit text,
    help text not null,
    position integer not null default 0,
    changed_at timestamptz
);
comment on table pollux.setting is
    'What an operator may change while Pollux runs. Rows are declared in functions/setting.sql.';
comment on column pollux.setting.name is 'Name, as in `pollux setting set`.';
comment on column pollux.setting.value is 'Value in force.';
comment on column pollux.setting.preset is 'Value unless somebody changes it.';
comment on column pollux.setting.kind is 'integer (between least and most) or choice (one of choices).';
comment on column pollux.setting.least is 'Smallest integer allowed.';
comment on column pollux.setting.most is 'Largest integer allowed.';
comment on column pollux.setting.choices is 'Values allowed for a choice.';
comment on column pollux.setting.unit is 'Unit of an integer.';
comment on column pollux.setting.help is 'What it does, in a sentence.';
comment on column pollux.setting.position is 'Order in lists.';
comment on column pollux.setting.changed_at is 'When the value was last changed by somebody.';

create table pollux.project (
    id bigint generated always as identity primary key,
    name text not null unique,
    created_at timestamptz not null default clock_timestamp()
);
comment on table pollux.project is
    'A Google Cloud project: what Google counts quota by. Kept for ever, since its counters outlive its '
    'keys.';
comment on column pollux.project.id is
    'Number; ids are committed in ascending order (see pollux.project_make).';
comment on column pollux.project.name is
    'Name given by the operator, or key-<12 hex digits> for a key that is its own project.';
comment on column pollux.project.created_at is 'When it was first named.';

create table pollux.credential (
    id bigint generated always as identity primary key,
    project_id bigint not null references pollux.project,
    kind text not null default 'api_key' check (kind in ('api_key', 'account')),
    label text,
    priority integer not null default 100 check (priority between 0 and 1000000),
    enabled boolean not null default true,
    dead_reason text,
    dead_at timestamptz,
    removed_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    fingerprint bytea not null unique,
    sealed bytea,
    hint text,
    constraint removed_has_no_secret check ((removed_at is null) = (sealed is not null))
);
comment on table pollux.credential is
    'Upstream credentials. The secret is sealed; the key to it is in a file, never here.';
comment on column pollux.credential.id is 'Number.';
comment on column pollux.credential.project_id is 'The project it belongs to and whose quota it uses.';
comment on column pollux.credential.kind is 'api_key or account (OAuth).';
comment on column pollux.credential.label is 'Free text of the operator.';
comment on column pollux.credential.priority is
    'Lower is earlier: strategy priority, and weight of strategy token-bucket.';
comment on column pollux.credential.enabled is 'False when the operator took it out.';
comment on column pollux.credential.dead_reason is
    'Why Google will not have it any more (API_KEY_INVALID, suspended, ...); null while it works.';
comment on column pollux.credential.dead_at is 'When that was noticed.';
comment on column pollux.credential.removed_at is
    'When the operator removed it; the secret is gone, the row stays for the log.';
comment on column pollux.credential.created_at is 'When it was added.';
comment on column pollux.credential.fingerprint is
    'Keyed hash of the secret: the same secret is known again.';
comment on column pollux.credential.sealed is 'The secret, sealed under the master key.';
comment on column pollux.credential.hint is 'Last four characters of the secret.';
create index credential_by_project on pollux.credential (project_id);
create index credential_live on pollux.credential (project_id, priority, id)
    where enabled and dead_reason is null and removed_at is null;
comment on index pollux.credential_live is 'The credentials that may be handed out, by project.';

create table pollux.model (
    name text collate "C" primary key check (name <> '' and length(name) <= 200),
    upstream_name text check (upstream_name <> '' and length(upstream_name) <= 200),
    rpm integer check (rpm >= 0),
    tpm bigint check (tpm >= 0),
    rpd integer check (rpd >= 0),
    max_concurrency integer check (max_concurrency >= 0),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
comment on table pollux.model is 'Models the operator configured. Others are forwarded as they are.';
comment on column pollux.model.name is 'Name clients use.';
comment on column pollux.model.upstream_name is 'Name Google uses, if another.';
comment on column pollux.model.rpm is 'Requests a project may start in any 60 seconds; null: unknown.';
comment on column pollux.model.tpm is 'Prompt tokens a project may send in any 60 seconds; null: unknown.';
comment on column pollux.model.rpd is
    'Requests a project may start in a day of America/Los_Angeles; null: unknown.';
comment on column pollux.model.max_concurrency is
    'Requests of all workers that may be open at a time; null: any number.';
comment on column pollux.model.created_at is 'When it was configured.';
comment on column pollux.model.updated_at is 'When that was last changed.';

create table pollux.model_alias (
    alias text collate "C" primary key check (alias <> '' and length(alias) <= 200),
    model text collate "C" not null references pollux.model on update cascade on delete cascade
);
comment on table pollux.model_alias is 'Other names of configured models.';
comment on column pollux.model_alias.alias is 'Name clients may use.';
comment on column pollux.model_alias.model is 'The model they get.';

create table pollux.client (
    id bigint generated always as identity primary key,
    name text not null unique,
    token_hash bytea not null unique,
    hint text,
    rpm integer check (rpm >= 0),
    tpm bigint check (tpm >= 0),
    daily_tokens bigint check (daily_tokens >= 0),
    models text[],
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    day date,
    day_tokens bigint not null default 0,
    seconds bigint[] not null default '{}',
    starts bigint[] not null default '{}',
    tokens bigint[] not null default '{}'
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
comment on table pollux.client is 'Who may call us. A row is written to by requests only if it has limits.';
comment on column pollux.client.id is 'Number.';
comment on column pollux.client.name is 'Name, unique.';
comment on column pollux.client.token_hash is 'SHA-256 of the client token.';
comment on column pollux.client.hint is 'How the token ends.';
comment on column pollux.client.rpm is 'Requests admitted in any 60 seconds; null: any number.';
comment on column pollux.client.tpm is 'Tokens (of all kinds) in any 60 seconds; null: any number.';
comment on column pollux.client.daily_tokens is
    'Tokens (of all kinds) in a day of America/Los_Angeles; null: any number.';
comment on column pollux.client.models is 'Models it may use, by name or alias, or as prefix*; null: all.';
comment on column pollux.client.expires_at is 'When the token stops working; null: never.';
comment on column pollux.client.revoked_at is 'When the operator revoked it.';
comment on column pollux.client.created_at is 'When it was added.';
comment on column pollux.client.day is 'Day of America/Los_Angeles that day_tokens counts.';
comment on column pollux.client.day_tokens is
    'Tokens of that day: settled ones and estimates of open requests.';
comment on column pollux.client.seconds is
    'Sliding window: seconds (Unix time) in which requests were admitted; see functions/window.sql.';
comment on column pollux.client.starts is 'Sliding window: requests admitted up to each of those seconds.';
comment on column pollux.client.tokens is 'Sliding window: tokens up to each of those seconds.';

---------------------------------------------------------------------------------------------- what is counted

create table pollux.quota (
    project_id bigint not null,
    slot bigint not null,
    ready_at timestamptz not null default '-infinity',
    last_used_at timestamptz,
    failed_at timestamptz,
    learned_at timestamptz,
    rested_at timestamptz,
    day date,
    class integer not null default 100,
    priority integer not null default 100,
    day_requests integer not null default 0,
    late_requests integer not null default 0,
    failures integer not null default 0,
    learned_rpm integer,
    learned_rpd integer,
    learned_tpm bigint,
    model text collate "C" not null,
    reason text,
    seconds bigint[] not null default '{}',
    starts bigint[] not null default '{}',
    tokens bigint[] not null default '{}',
    primary key (project_id, model)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2,
        autovacuum_analyze_threshold = 5000);
create index quota_ready on pollux.quota (model, class, ready_at, slot);
comment on table pollux.quota is
    'What Google counts: one row per project and model. Ordinary use changes only columns that no index '
    'covers.';
comment on index pollux.quota_ready is
    'Who can go now: rows at -infinity, then those whose ready_at has passed.';
comment on column pollux.quota.project_id is
    'Project. No foreign key: projects are never deleted, and rows come by the thousand.';
comment on column pollux.quota.slot is
    'Fixed scattered number of the project (see pollux.quota_slot): picks start anywhere and go round.';
comment on column pollux.quota.ready_at is
    'Earliest moment it may be used again; -infinity: now; infinity: not before something changes.';
comment on column pollux.quota.last_used_at is 'Last reservation.';
comment on column pollux.quota.failed_at is 'Last failure that began a rest.';
comment on column pollux.quota.learned_at is 'When a limit was last learned from a 429.';
comment on column pollux.quota.rested_at is 'When it was last sent to rest by an answer.';
comment on column pollux.quota.day is 'Day of America/Los_Angeles that day_requests counts.';
comment on column pollux.quota.class is
    'priority while the strategy is priority, else 100: classes are emptied in ascending order.';
comment on column pollux.quota.priority is 'Least priority number among the live credentials of the project.';
comment on column pollux.quota.day_requests is 'Requests started in that day.';
comment on column pollux.quota.late_requests is
    'Those around the midnight that ends that day: they count for the day after as well.';
comment on column pollux.quota.failures is
    'Failures in a row (overload, time-out, reset). While above 0 one trial at a time is let through.';
comment on column pollux.quota.learned_rpm is 'Requests a minute, as a 429 of Google said.';
comment on column pollux.quota.learned_rpd is 'Requests a day, as a 429 of Google said.';
comment on column pollux.quota.learned_tpm is 'Prompt tokens a minute, as a 429 of Google said.';
comment on column pollux.quota.model is
    'Model; empty for calls that have no model, and for those that use no quota of it.';
comment on column pollux.quota.reason is
    'Why it rests: spent_rpm, spent_tpm, spent_rpd (own counters), told_... (Google), backoff, trial, '
    'limit_0, credential.';
comment on column pollux.quota.seconds is
    'Sliding window: seconds (Unix time) with starts; see functions/window.sql.';
comment on column pollux.quota.starts is 'Sliding window: requests started up to each of those seconds.';
comment on column pollux.quota.tokens is 'Sliding window: prompt tokens up to each of those seconds.';

create table pollux.model_state (
    model text collate "C" primary key,
    seeded_to bigint not null default 0,
    confirmed boolean not null default false,
    asked_at timestamptz not null default clock_timestamp()
);
comment on table pollux.model_state is
    'Models that were asked for: how far their quota rows have come into being.';
comment on column pollux.model_state.model is 'Model.';
comment on column pollux.model_state.seeded_to is 'Projects up to this id have a quota row for it.';
comment on column pollux.model_state.confirmed is
    'It is configured or has answered: the whole pool may be used for it.';
comment on column pollux.model_state.asked_at is 'When it was asked for first.';

create table pollux.worker (
    id uuid primary key,
    host text,
    pid integer,
    version text,
    started_at timestamptz not null default clock_timestamp(),
    beat_at timestamptz not null,
    left_at timestamptz,
    swept_at timestamptz,
    inflight integer
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
comment on table pollux.worker is 'Worker processes. One without a heartbeat for 15 seconds is dead.';
comment on column pollux.worker.id is 'Made by the process at its start.';
comment on column pollux.worker.host is 'Machine it runs on.';
comment on column pollux.worker.pid is 'Process id there.';
comment on column pollux.worker.version is 'Version of its program.';
comment on column pollux.worker.started_at is 'First heartbeat.';
comment on column pollux.worker.beat_at is 'Last heartbeat.';
comment on column pollux.worker.left_at is 'When it said goodbye.';
comment on column pollux.worker.swept_at is 'When what it had left open was closed as lost.';
comment on column pollux.worker.inflight is 'Requests it was serving at the last heartbeat, if it said so.';

create table pollux.open_request (
    id uuid primary key,
    worker uuid not null,
    client_id bigint,
    project_id bigint not null,
    credential_id bigint not null,
    started_at timestamptz not null,
    attempt_at timestamptz not null,
    est_tokens bigint not null default 0,
    attempt integer not null,
    stream boolean not null default false,
    gated boolean not null default false,
    dialect text,
    verb text,
    model text collate "C" not null,
    asked_model text,
    remote text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0);
create index open_request_gated on pollux.open_request (model) where gated;
comment on table pollux.open_request is 'One row per request that was admitted and is not settled.';
comment on index pollux.open_request_gated is
    'Counts the open requests of models that have a max_concurrency.';
comment on column pollux.open_request.id is 'Request id.';
comment on column pollux.open_request.worker is 'Worker that serves it.';
comment on column pollux.open_request.client_id is 'Client.';
comment on column pollux.open_request.project_id is 'Project of the attempt that runs.';
comment on column pollux.open_request.credential_id is 'Credential of the attempt that runs.';
comment on column pollux.open_request.started_at is 'First reservation.';
comment on column pollux.open_request.attempt_at is 'Reservation of the attempt that runs.';
comment on column pollux.open_request.est_tokens is 'Tokens reserved for that attempt.';
comment on column pollux.open_request.attempt is 'Number of that attempt.';
comment on column pollux.open_request.stream is 'Whether the client wants a stream.';
comment on column pollux.open_request.gated is 'Whether it counts towards the max_concurrency of its model.';
comment on column pollux.open_request.dialect is 'native or openai.';
comment on column pollux.open_request.verb is 'generateContent, ... or empty.';
comment on column pollux.open_request.model is 'Model after aliases.';
comment on column pollux.open_request.asked_model is 'Model as the client named it.';
comment on column pollux.open_request.remote is 'Address of the client.';

create unlogged table pollux.waiter (
    id uuid primary key,
    model text collate "C" not null,
    since timestamptz not null,
    asks_at timestamptz not null,
    lease_until timestamptz not null,
    est_tokens bigint not null,
    pin bigint,
    exclude bigint[] not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);
create index waiter_by_age on pollux.waiter (model, since);
comment on table pollux.waiter is
    'Requests that wait their turn, first come first served. A place is a short lease. Unlogged: they ask '
    'again anyway.';
comment on column pollux.waiter.id is 'Request id.';
comment on column pollux.waiter.model is 'Model whose quota it waits for.';
comment on column pollux.waiter.since is 'When it came.';
comment on column pollux.waiter.asks_at is 'When it will ask again.';
comment on column pollux.waiter.lease_until is 'Its place is given up then, unless it has asked again.';
comment on column pollux.waiter.est_tokens is 'Tokens it needs.';
comment on column pollux.waiter.pin is 'The only project that may serve it; null: any.';
comment on column pollux.waiter.exclude is 'Projects that may not serve it.';

----------------------------------------------------------------------------------------------- what is logged

create table pollux.request (
    id uuid not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    worker uuid,
    client_id bigint,
    project_id bigint,
    credential_id bigint,
    prompt_tokens bigint,
    cached_tokens bigint,
    output_tokens bigint,
    thoughts_tokens bigint,
    tool_tokens bigint,
    total_tokens bigint,
    bytes_in bigint,
    bytes_out bigint,
    duration_ms bigint,
    first_byte_ms bigint,
    waited_ms bigint,
    status integer,
    attempts integer not null,
    stream boolean,
    outcome text not null,
    dialect text,
    verb text,
    model text,
    asked_model text,
    error text,
    remote text,
    user_agent text,
    primary key (id, started_at)
) partition by range (started_at);
create index request_ended on pollux.request using brin (ended_at) with (pages_per_range = 32,
                                                                         autosummarize = on);
create index request_lost on pollux.request (ended_at) where outcome = 'lost';
comment on table pollux.request is
    'Log: one row per request that was settled, refused or lost. A partition per day (UTC).';
comment on index pollux.request_ended is 'The rows of an hour.';
comment on index pollux.request_lost is 'The few that got lost.';
comment on column pollux.request.id is 'Request id, as in the log of the worker.';
comment on column pollux.request.started_at is
    'First reservation, or the settlement if it was never admitted.';
comment on column pollux.request.ended_at is 'When it was settled.';
comment on column pollux.request.worker is 'Worker that served it.';
comment on column pollux.request.client_id is 'Client, if known.';
comment on column pollux.request.project_id is 'Project of the last attempt.';
comment on column pollux.request.credential_id is 'Credential of the last attempt.';
comment on column pollux.request.prompt_tokens is 'Tokens of the prompt, cached ones included.';
comment on column pollux.request.cached_tokens is 'Those of them that came from a cache.';
comment on column pollux.request.output_tokens is 'Tokens of the candidates.';
comment on column pollux.request.thoughts_tokens is 'Tokens of thoughts (billed as output).';
comment on column pollux.request.tool_tokens is 'Tokens of tool use in the prompt.';
comment on column pollux.request.total_tokens is 'All of them.';
comment on column pollux.request.bytes_in is 'Size of the request body.';
comment on column pollux.request.bytes_out is 'Size of the answer.';
comment on column pollux.request.duration_ms is 'From arrival to the end.';
comment on column pollux.request.first_byte_ms is 'From arrival to the first byte of the answer.';
comment on column pollux.request.waited_ms is 'Time spent waiting for its turn.';
comment on column pollux.request.status is 'HTTP status the client got.';
comment on column pollux.request.attempts is 'How many upstream calls were made.';
comment on column pollux.request.stream is 'Whether the client wanted a stream.';
comment on column pollux.request.outcome is
    'ok, caller, refused, exhausted, upstream_error, truncated, client_gone, unavailable, lost.';
comment on column pollux.request.dialect is 'native or openai.';
comment on column pollux.request.verb is 'generateContent, ... or empty.';
comment on column pollux.request.model is 'Model after aliases.';
comment on column pollux.request.asked_model is 'Model as the client named it.';
comment on column pollux.request.error is 'Short text, without secrets.';
comment on column pollux.request.remote is 'Address of the client.';
comment on column pollux.request.user_agent is 'User-Agent of the client.';

create table pollux.attempt (
    request_id uuid not null,
    started_at timestamptz not null,
    project_id bigint,
    credential_id bigint,
    prompt_tokens bigint,
    cached_tokens bigint,
    output_tokens bigint,
    thoughts_tokens bigint,
    tool_tokens bigint,
    total_tokens bigint,
    est_tokens bigint,
    duration_ms bigint,
    first_byte_ms bigint,
    n integer not null,
    status integer,
    outcome text not null,
    model text,
    error text,
    penalty jsonb,
    primary key (request_id, n, started_at)
) partition by range (started_at);
create index attempt_started on pollux.attempt using brin (started_at) with (pages_per_range = 32,
                                                                             autosummarize = on);
comment on table pollux.attempt is 'Log: one row per upstream call. A partition per day (UTC).';
comment on index pollux.attempt_started is 'The rows of an hour.';
comment on column pollux.attempt.request_id is 'Request it was made for.';
comment on column pollux.attempt.started_at is 'Its reservation.';
comment on column pollux.attempt.project_id is 'Project it was counted for.';
comment on column pollux.attempt.credential_id is 'Credential it was made with.';
comment on column pollux.attempt.prompt_tokens is 'Tokens of the prompt, cached ones included.';
comment on column pollux.attempt.cached_tokens is 'Those of them that came from a cache.';
comment on column pollux.attempt.output_tokens is 'Tokens of the candidates.';
comment on column pollux.attempt.thoughts_tokens is 'Tokens of thoughts.';
comment on column pollux.attempt.tool_tokens is 'Tokens of tool use in the prompt.';
comment on column pollux.attempt.total_tokens is 'All of them.';
comment on column pollux.attempt.est_tokens is 'What was reserved for it.';
comment on column pollux.attempt.duration_ms is 'How long it took.';
comment on column pollux.attempt.first_byte_ms is 'Until the first byte came.';
comment on column pollux.attempt.n is '1, 2, ...';
comment on column pollux.attempt.status is 'HTTP status of the upstream; 0 if none came.';
comment on column pollux.attempt.outcome is
    'ok, empty, caller, quota_minute, quota_day, quota_tokens, quota_bare, quota_never, credential_dead, '
    'location, overloaded, error_in_200, connect, timeout_first_byte, timeout_idle, timeout_total, reset, '
    'truncated, client_gone, auth_expired, lost.';
comment on column pollux.attempt.model is 'Model after aliases.';
comment on column pollux.attempt.error is 'Short text, without secrets.';
comment on column pollux.attempt.penalty is 'What it cost the credential or the quota row, if anything.';

-- An insert never fails for want of a partition; rows that end up here are moved when the partition is made.
create table pollux.request_default partition of pollux.request default;
comment on table pollux.request_default is 'Requests of days that have no partition; normally empty.';
create table pollux.attempt_default partition of pollux.attempt default;
comment on table pollux.attempt_default is 'Attempts of days that have no partition; normally empty.';

create table pollux.usage_hour (
    hour timestamptz not null,
    client_id bigint,
    credential_id bigint,
    model text,
    requests bigint not null,
    errors bigint not null,
    prompt_tokens bigint not null,
    cached_tokens bigint not null,
    output_tokens bigint not null,
    thoughts_tokens bigint not null,
    tool_tokens bigint not null,
    total_tokens bigint not null
);
create index usage_hour_hour on pollux.usage_hour (hour);
comment on table pollux.usage_hour is
    'Requests summed up by the hour they ended in; lost ones are not in it. Kept when the log is dropped.';
comment on column pollux.usage_hour.hour is 'Beginning of the hour.';
comment on column pollux.usage_hour.client_id is 'Client.';
comment on column pollux.usage_hour.credential_id is 'Credential of the last attempt.';
comment on column pollux.usage_hour.model is 'Model after aliases.';
comment on column pollux.usage_hour.requests is 'Number of requests.';
comment on column pollux.usage_hour.errors is 'Those whose outcome was not ok.';
comment on column pollux.usage_hour.prompt_tokens is 'Sum.';
comment on column pollux.usage_hour.cached_tokens is 'Sum.';
comment on column pollux.usage_hour.output_tokens is 'Sum.';
comment on column pollux.usage_hour.thoughts_tokens is 'Sum.';
comment on column pollux.usage_hour.tool_tokens is 'Sum.';
comment on column pollux.usage_hour.total_tokens is 'Sum.';

create table pollux.chore (
    name text primary key,
    every interval not null,
    done_at timestamptz not null default '-infinity',
    done_to timestamptz,
    result text
) with (fillfactor = 50);
comment on table pollux.chore is
    'Maintenance: what is due when. Whoever comes first does it: pg_cron, or a worker when there is none.';
comment on column pollux.chore.name is 'Name: partitions, usage, expiry, ...';
comment on column pollux.chore.every is 'How often.';
comment on column pollux.chore.done_at is 'When it was last done.';
comment on column pollux.chore.done_to is
    'Up to which moment, where that matters (usage: hours before it are in usage_hour).';
comment on column pollux.chore.result is 'What it said.';

create table pollux.event (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    kind text not null,
    detail jsonb not null
);
comment on table pollux.event is
    'What happened by itself and somebody may want to know: credentials that died, limits learned, '
    'requests lost.';
comment on column pollux.event.id is 'Number.';
comment on column pollux.event.at is 'When.';
comment on column pollux.event.kind is
    'credential_dead, limit_learned, worker_lost, refused_settlement, refused_wish, setting, ...';
comment on column pollux.event.detail is 'What, without secrets.';

----------------------------------------------------------------------------------------- what belongs to whom

create table pollux.affinity (
    resource text collate "C" primary key check (length(resource) <= 500),
    project_id bigint not null,
    credential_id bigint not null,
    client_id bigint,
    created_at timestamptz not null,
    expires_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.02);
create index affinity_by_client on pollux.affinity (client_id, created_at desc);
create index affinity_expiry on pollux.affinity (expires_at);
comment on table pollux.affinity is
    'Which project made a file, cache, batch, operation or interaction: later use goes there.';
comment on column pollux.affinity.resource is 'Name as Google gives it, such as files/abc.';
comment on column pollux.affinity.project_id is 'Project that made it.';
comment on column pollux.affinity.credential_id is 'Credential that made it.';
comment on column pollux.affinity.client_id is 'Client that had it made.';
comment on column pollux.affinity.created_at is 'When.';
comment on column pollux.affinity.expires_at is 'When it is forgotten.';

create table pollux.upload (
    id bytea primary key,
    url text not null,
    project_id bigint not null,
    credential_id bigint not null,
    client_id bigint,
    created_at timestamptz not null,
    expires_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.02);
create index upload_expiry on pollux.upload (expires_at);
comment on table pollux.upload is
    'Resumable uploads under way: Google''s URL behind the one the client was given.';
comment on column pollux.upload.id is 'Hash of the id in the client''s URL.';
comment on column pollux.upload.url is 'URL at Google.';
comment on column pollux.upload.project_id is 'Project it was begun with.';
comment on column pollux.upload.credential_id is 'Credential it was begun with.';
comment on column pollux.upload.client_id is 'Client that began it.';
comment on column pollux.upload.created_at is 'When.';
comment on column pollux.upload.expires_at is 'When it is forgotten.';

--------------------------------------------------------------------- types that functions hand to one another

create type pollux.policy as (
    strategy text, margin integer, floor_ms bigint, ceiling_ms bigint, learned_since timestamptz
);
comment on type pollux.policy is 'The settings an exchange needs, read once (pollux.policy()).';

create type pollux.moment as (
    at timestamptz, second bigint, since bigint, day date, late boolean, day_ends timestamptz
);
comment on type pollux.moment is
    'A moment as counters see it (pollux.moment()): second, the last second that left the 60 s window, the '
    'day of America/Los_Angeles, whether starts count for the day after as well, when this day''s quota is '
    'back.';

create type pollux.seat as (
    ord integer, id uuid, kind text, attempt integer, dialect text, verb text, asked text, model text,
    quota_model text, upstream_name text, stream boolean, est bigint, since timestamptz, waited boolean,
    remote text, client_id bigint, client text, limited boolean, exclude bigint[], pin bigint, prefer bigint,
    exact bigint, gated boolean, verdict text, reason text, retry_ms bigint, project_id bigint,
    credential_id bigint, started_at timestamptz
);
comment on type pollux.seat is
    'A wish on its way to a verdict. Without ord: somebody who waits elsewhere and came earlier.';

create type api.permit as (
    id text, verdict text, reason text, retry_in_ms bigint, attempt integer, client_id bigint, client text,
    credential_id bigint, project_id bigint, kind text, sealed text, fingerprint text, model text,
    upstream_model text, started_at timestamptz
);
comment on type api.permit is
    'The answer to a wish: go (with a credential, sealed, in hexadecimal), wait or no; or a settlement that '
    'was refused.';

create type pollux.terms as (
    rpm bigint, tpm bigint, rpd bigint, max_concurrency integer, seen boolean, confirmed boolean, wide boolean
);
comment on type pollux.terms is
    'What a pick has to know of a model: configured limits; whether it was asked for before, has answered '
    'before, and has rows still to come into being.';

create type pollux.hand as (
    projects bigint[], credentials bigint[], common boolean[], room integer[], fuel bigint[], tank bigint[],
    dealt integer[], spent bigint[]
);
comment on type pollux.hand is
    'Locked quota rows to choose from, best first: project, live credential, whether anybody may have it, '
    'requests and tokens left, token limit, and what was dealt of them.';

create type pollux.settlement as (
    id uuid, started_at timestamptz, worker uuid, client_id bigint, stream boolean, status integer,
    outcome text, dialect text, verb text, model text, asked_model text, error text, remote text,
    user_agent text, bytes_in bigint, bytes_out bigint,
    duration_ms bigint, first_byte_ms bigint, waited_ms bigint, usage bigint[], attempts jsonb
);
comment on type pollux.settlement is 'A settlement as it came, with numbers and texts cut to size.';

create type pollux.effect as (
    request_id uuid, n integer, project_id bigint, credential_id bigint, model text, started_at timestamptz,
    outcome text, reserved bigint, used bigint, recount boolean, ailing boolean, penalty jsonb
);
comment on type pollux.effect is 'An attempt that was just logged and changes counters or the rest of a row.';
