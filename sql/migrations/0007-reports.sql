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
