-- SPDX-License-Identifier: MIT
-- The console's doors: administrators, their sessions, what slows down guessing, who changed what.

create table pollux.admin (
    id bigint generated always as identity primary key,
    name text not null check (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$'),
    role text not null check (role in ('viewer', 'operator', 'owner')),
    salt bytea not null,
    ops integer not null,
    mem bigint not null,
    password_hash bytea not null,
    known_from text[] not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    password_at timestamptz not null default clock_timestamp(),
    login_at timestamptz,
    disabled_at timestamptz
);
create unique index admin_name on pollux.admin (lower(name));
comment on table pollux.admin is 'People who may enter the console.';
comment on index pollux.admin_name is 'Names differ by more than upper and lower case.';
comment on column pollux.admin.id is 'Number.';
comment on column pollux.admin.name is 'Name to sign in with.';
comment on column pollux.admin.role is
    'viewer sees, operator also changes what serves requests, owner also decides who may enter.';
comment on column pollux.admin.salt is 'Salt of argon2id.';
comment on column pollux.admin.ops is 'Passes of argon2id.';
comment on column pollux.admin.mem is 'Memory of argon2id, bytes.';
comment on column pollux.admin.password_hash is
    'SHA-256 of what argon2id makes of the password: whoever reads this row cannot sign in with it.';
comment on column pollux.admin.known_from is
    'Addresses (IPv6: networks) the last sign-ins came from: strangers who guess do not lock these out.';
comment on column pollux.admin.created_at is 'When the account was made.';
comment on column pollux.admin.password_at is 'When the password was last set.';
comment on column pollux.admin.login_at is 'Last sign-in.';
comment on column pollux.admin.disabled_at is 'When it was disabled; null: it may sign in.';

create table pollux.session (
    id bigint generated always as identity primary key,
    token_hash bytea not null unique,
    admin_id bigint not null references pollux.admin on delete cascade,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    remote text,
    user_agent text
);
create index session_by_admin on pollux.session (admin_id);
comment on table pollux.session is 'Browsers that are signed in. A session that ended has no row.';
comment on column pollux.session.id is 'Number.';
comment on column pollux.session.token_hash is 'SHA-256 of the cookie.';
comment on column pollux.session.admin_id is 'Whose.';
comment on column pollux.session.created_at is 'Sign-in.';
comment on column pollux.session.seen_at is 'Last use, to a quarter of a minute.';
comment on column pollux.session.expires_at is 'End, however busy it is.';
comment on column pollux.session.remote is 'Address it was opened from.';
comment on column pollux.session.user_agent is 'Browser it was opened with.';

create table pollux.login_gate (
    key text collate "C" primary key,
    attempts integer not null,
    last_at timestamptz not null,
    open_at timestamptz not null
) with (fillfactor = 50);
comment on table pollux.login_gate is
    'Sign-ins that failed, by account and by address, and when the next one is looked at.';
comment on column pollux.login_gate.key is 'account:<name> or address:<address or IPv6 network>.';
comment on column pollux.login_gate.attempts is 'Attempts since the last success; forgotten in time.';
comment on column pollux.login_gate.last_at is 'Last attempt that was looked at.';
comment on column pollux.login_gate.open_at is 'Until then every attempt is refused unseen.';

create table pollux.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    remote text,
    action text not null,
    subject text,
    before jsonb,
    after jsonb
);
create index audit_at on pollux.audit (at);
comment on table pollux.audit is
    'Who changed what, from where, from what to what; written in the transaction of the change.';
comment on column pollux.audit.id is 'Number.';
comment on column pollux.audit.at is 'When.';
comment on column pollux.audit.actor is
    'Name of the administrator or of the admin token; else the role of the database and the program.';
comment on column pollux.audit.remote is 'Address it came from.';
comment on column pollux.audit.action is 'What was done: credential.disable, setting.set, ...';
comment on column pollux.audit.subject is 'To what: an id or a name, for people.';
comment on column pollux.audit.before is 'How it was, as far as it changed. No secrets.';
comment on column pollux.audit.after is 'How it is now, as far as it changed. No secrets.';

create table pollux.console_action (
    name text primary key,
    role text not null check (role in ('self', 'viewer', 'operator', 'owner')),
    changes boolean not null,
    help text not null,
    constraint viewers_only_look check (not changes or role <> 'viewer')
);
comment on table pollux.console_action is
    'What the console may ask for: function admin.console_<name>(jsonb). Declared in functions/console.sql.';
comment on column pollux.console_action.name is 'Noun and verb, as in credential_list.';
comment on column pollux.console_action.role is
    'Least role; self: everybody who is signed in, and what it changes is their own.';
comment on column pollux.console_action.changes is 'Whether it changes anything; viewers only look.';
comment on column pollux.console_action.help is 'What it does.';

---------------------------------------------------------------------------------------- what the console shows

alter table pollux.credential
    add column tags text[] not null default '{}',
    add column notes text,
    add column search text collate "C" generated always as (
        lower(coalesce(label, '') || ' ' || coalesce(hint, '') || ' ' || coalesce(notes, ''))) stored;
alter table pollux.project
    add column search text collate "C" generated always as (lower(name)) stored;
create index credential_by_label on pollux.credential ((coalesce(lower(label), '')), id);
create index credential_by_tag on pollux.credential using gin (tags);
create index quota_resting on pollux.quota (project_id, ready_at) where ready_at > '-infinity';
comment on column pollux.credential.search is 'What the console searches: label, ending and notes in lower case.';
comment on column pollux.project.search is 'The name in lower case: what the console searches and sorts by.';
comment on index pollux.credential_by_label is 'The console''s list by label.';
comment on index pollux.credential_by_tag is 'The console''s list by tag.';
comment on index pollux.quota_resting is
    'What rests, for counts and lists. Its rows change only when a row of quota_ready moves anyway.';
comment on column pollux.credential.tags is 'Words of the operator to find it by.';
comment on column pollux.credential.notes is 'Free text of the operator.';

create unlogged table pollux.console_cache (
    name text primary key,
    at timestamptz not null,
    took interval not null,
    value jsonb not null
);
comment on table pollux.console_cache is
    'Figures that take a while to count, kept for some seconds for all who look. Unlogged: they come again.';
comment on column pollux.console_cache.name is 'What was counted.';
comment on column pollux.console_cache.at is 'When.';
comment on column pollux.console_cache.took is 'How long that took: what takes longer is counted more rarely.';
comment on column pollux.console_cache.value is 'The figures.';

create table pollux.pulse (
    minute timestamptz primary key,
    requests bigint not null,
    failed bigint not null,
    saved bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost numeric,
    latency bigint[] not null,
    first_byte bigint[] not null
);
comment on table pollux.pulse is
    'Requests summed up by the minute they ended in, for the console''s charts. Kept for 15 days.';
comment on column pollux.pulse.minute is 'Beginning of the minute. There is a row for each, also without requests.';
comment on column pollux.pulse.requests is 'Number of requests.';
comment on column pollux.pulse.failed is
    'Those that failed by no fault of the caller: exhausted, upstream_error, truncated, unavailable, lost.';
comment on column pollux.pulse.saved is 'Those that went well only at a second or later attempt.';
comment on column pollux.pulse.tokens_in is 'Tokens of prompts and tool use.';
comment on column pollux.pulse.tokens_out is 'Tokens of candidates and thoughts.';
comment on column pollux.pulse.cost is 'What they cost; null: no price was known.';
comment on column pollux.pulse.latency is 'Histogram of duration_ms; see functions/histogram.sql.';
comment on column pollux.pulse.first_byte is 'Histogram of first_byte_ms.';

create index request_started on pollux.request (started_at, id);
comment on index pollux.request_started is 'The log backwards, page by page.';
create index event_project_state on pollux.event (((detail ->> 'project_id')::bigint), id)
    where kind = 'state' and detail ->> 'credential_id' is null;
comment on index pollux.event_project_state is 'The history of a project for its models.';
