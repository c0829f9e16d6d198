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
