-- SPDX-License-Identifier: MIT
-- OAuth accounts: credentials whose secret is a refresh token.

create table pollux.oauth_client (
    id bigint generated always as identity primary key,
    client_id text not null unique check (client_id <> '' and length(client_id) <= 300),
    secret bytea not null,
    preferred boolean not null default false,
    created_at timestamptz not null,
    changed_at timestamptz not null
);
create unique index oauth_client_preferred on pollux.oauth_client (preferred) where preferred;
comment on table pollux.oauth_client is
    'OAuth clients that the operator configured, or that came with an imported authorized_user file. None '
    'is shipped: without one there are no accounts.';
comment on index pollux.oauth_client_preferred is 'There is one at the most.';
comment on column pollux.oauth_client.id is 'Number.';
comment on column pollux.oauth_client.client_id is 'The id that Google gave it.';
comment on column pollux.oauth_client.secret is 'Its secret, sealed under the master key.';
comment on column pollux.oauth_client.preferred is 'The one that new logins are made with.';
comment on column pollux.oauth_client.created_at is 'When it was configured first.';
comment on column pollux.oauth_client.changed_at is 'When it was last configured.';

create table pollux.account (
    credential_id bigint primary key references pollux.credential,
    oauth_client_id bigint not null references pollux.oauth_client,
    email text,
    upstream text not null check (upstream in ('gemini', 'code_assist')),
    google_project text,
    tier text,
    scopes text,
    state text not null default 'ok'
        check (state in ('ok', 'setup', 'revoked', 'needs_validation', 'unsupported', 'tos', 'no_project',
                         'refused')),
    says text,
    link text,
    access bytea,
    access_expires_at timestamptz,
    version bigint not null default 0,
    refreshed_at timestamptz,
    rejected_at timestamptz,
    failures integer not null default 0,
    refresh_after timestamptz,
    lease uuid,
    lease_until timestamptz,
    setup_at timestamptz
) with (fillfactor = 70);
create index account_due on pollux.account (access_expires_at);
comment on table pollux.account is
    'OAuth accounts: what a credential of kind account has beside its refresh token (pollux.credential.sealed).';
comment on index pollux.account_due is 'Whose access token expires next.';
comment on column pollux.account.credential_id is 'Credential it belongs to.';
comment on column pollux.account.oauth_client_id is 'OAuth client that its tokens were issued to.';
comment on column pollux.account.email is 'E-mail address, as Google says it.';
comment on column pollux.account.upstream is
    'gemini: the Gemini API with a Bearer token; code_assist: Code Assist, whose envelope is wrapped around.';
comment on column pollux.account.google_project is
    'Google Cloud project: x-goog-user-project, or the project of the envelope.';
comment on column pollux.account.tier is 'Tier that Code Assist gives it.';
comment on column pollux.account.scopes is 'Scopes that Google granted.';
comment on column pollux.account.state is
    'Why the credential was taken out, when it was: setup (not yet set up), revoked, needs_validation, '
    'unsupported, tos, no_project, refused.';
comment on column pollux.account.says is 'What Google said last, when it was no success; without secrets.';
comment on column pollux.account.link is 'Address that Google wants to be opened.';
comment on column pollux.account.access is 'Access token, sealed under the master key.';
comment on column pollux.account.access_expires_at is 'When it expires.';
comment on column pollux.account.version is 'Counts access tokens: one that was refused is known by it.';
comment on column pollux.account.refreshed_at is 'When it was got.';
comment on column pollux.account.rejected_at is
    'When it was last replaced because Google refused it before its time; once a minute at the most.';
comment on column pollux.account.failures is 'Refreshes in a row that failed for a reason that passes.';
comment on column pollux.account.refresh_after is 'Not to be refreshed before.';
comment on column pollux.account.lease is 'Who is refreshing it.';
comment on column pollux.account.lease_until is 'Until when nobody else may.';
comment on column pollux.account.setup_at is 'When Code Assist was last asked for tier and project.';

create table pollux.account_project (
    email text primary key check (email = lower(email) and email <> '' and length(email) <= 300),
    google_project text not null check (google_project <> '' and length(google_project) <= 100)
);
comment on table pollux.account_project is 'Which Google Cloud project an account uses, by e-mail address.';
comment on column pollux.account_project.email is 'E-mail address, in lower case.';
comment on column pollux.account_project.google_project is 'Project id.';

create table pollux.login (
    id uuid primary key,
    state_hash bytea not null unique,
    browser_hash bytea,
    verifier bytea not null,
    oauth_client_id bigint not null references pollux.oauth_client on delete cascade,
    redirect_uri text not null,
    upstream text not null check (upstream in ('gemini', 'code_assist')),
    google_project text,
    label text,
    actor text,
    state text not null default 'waiting' check (state in ('waiting', 'working', 'done', 'failed')),
    says text,
    credential_id bigint references pollux.credential,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
comment on table pollux.login is 'Logins of accounts under way. Kept for a day.';
comment on column pollux.login.id is 'Number, for asking how it stands.';
comment on column pollux.login.state_hash is 'SHA-256 of the state that Google hands back. Good for one time.';
comment on column pollux.login.browser_hash is
    'SHA-256 of the cookie of the browser that began it: only this browser may end it. Null: begun elsewhere.';
comment on column pollux.login.verifier is 'Code verifier (PKCE), sealed under the master key.';
comment on column pollux.login.oauth_client_id is 'OAuth client it is made with.';
comment on column pollux.login.redirect_uri is 'Where Google sends the browser.';
comment on column pollux.login.upstream is 'What the account shall be used for.';
comment on column pollux.login.google_project is 'Project the operator gave, if any.';
comment on column pollux.login.label is 'Note of the operator.';
comment on column pollux.login.actor is 'Who began it.';
comment on column pollux.login.state is 'waiting for Google, working, done, failed.';
comment on column pollux.login.says is 'Why it failed, in plain words.';
comment on column pollux.login.credential_id is 'The account it made.';
comment on column pollux.login.created_at is 'When it began.';
comment on column pollux.login.expires_at is 'Until when it has to be ended.';
