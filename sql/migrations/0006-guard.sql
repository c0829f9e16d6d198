-- SPDX-License-Identifier: MIT
-- Guard: who may come in without a token, and how often.

create table pollux.ban (
    net cidr primary key,
    reason text not null,
    automatic boolean not null default false,
    created_at timestamptz not null,
    ends_at timestamptz not null
);
create index ban_holds on pollux.ban using gist (net inet_ops);
comment on table pollux.ban is
    'Networks from which nobody is served without a client token. A valid token passes by.';
comment on index pollux.ban_holds is 'Whether an address lies within a banned network.';
comment on column pollux.ban.net is 'The network; a single address, or the /64 of an IPv6 one, as a rule.';
comment on column pollux.ban.reason is 'Why.';
comment on column pollux.ban.automatic is
    'True when it came about by itself, after repeated breaches of the limits.';
comment on column pollux.ban.created_at is 'Since when.';
comment on column pollux.ban.ends_at is 'Until when. Every ban has an end.';

create unlogged table pollux.visitor (
    net cidr primary key,
    seen_at timestamptz not null,
    breach_since timestamptz,
    breaches integer not null default 0,
    seconds bigint[] not null default '{}',
    starts bigint[] not null default '{}',
    minutes bigint[] not null default '{}',
    starts_by_minute bigint[] not null default '{}'
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
comment on table pollux.visitor is
    'Addresses from which requests without a token came, and how many. Unlogged: a crash of PostgreSQL '
    'forgives them.';
comment on column pollux.visitor.net is 'The address; of IPv6 its /64, which is what one household or host has.';
comment on column pollux.visitor.seen_at is 'Its last request.';
comment on column pollux.visitor.breach_since is 'When it was first refused for its limits, within the last hour.';
comment on column pollux.visitor.breaches is 'How often it was refused since then.';
comment on column pollux.visitor.seconds is
    'Sliding minute: seconds (Unix time) with requests; see functions/window.sql.';
comment on column pollux.visitor.starts is 'Sliding minute: requests up to each of those seconds.';
comment on column pollux.visitor.minutes is 'Sliding hour: minutes (Unix time by 60) with requests.';
comment on column pollux.visitor.starts_by_minute is 'Sliding hour: requests up to each of those minutes.';

create unlogged table pollux.pool (
    one boolean primary key default true check (one),
    ready integer not null,
    most integer not null,
    counted_at timestamptz not null,
    good_for interval not null
);
comment on table pollux.pool is
    'How many credentials are ready, counted when the protection of the pool has to know. One row.';
comment on column pollux.pool.one is 'True: there is one row.';
comment on column pollux.pool.ready is 'That many, or "most" if there are more.';
comment on column pollux.pool.most is 'Where the counting ended.';
comment on column pollux.pool.counted_at is 'When.';
comment on column pollux.pool.good_for is 'How long the figure is used: a second, or longer if counting takes long.';

create type pollux.guard as (
    open boolean, per_minute bigint, per_hour bigint, ban_after integer, ban_minutes integer,
    protect_below integer, protect_all_at integer, protect_percent integer
);
comment on type pollux.guard is 'The settings about requests without a token, read once (pollux.guard()).';

------------------------------------------------------------------------------ what errors mean, to the operator

create table pollux.error_rule (
    id bigint generated always as identity primary key,
    position integer not null check (position between 0 and 1000000),
    status_from integer not null check (status_from between 100 and 599),
    status_to integer not null check (status_to between status_from and 599),
    text text check (text <> '' and length(text) <= 200),
    action text not null check (action in ('stop', 'another')),
    scope text not null default 'none' check (scope in ('none', 'credential', 'quota', 'model')),
    rest_ms bigint not null default 0 check (rest_ms between 0 and 31536000000),
    note text check (length(note) <= 200),
    enabled boolean not null default true,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint rest_has_its_length check ((scope = 'none') = (rest_ms = 0))
);
comment on table pollux.error_rule is
    'What an error of the upstream means and what follows, where the operator knows better than the built-in '
    'table. The first row that matches, by position, decides.';
comment on column pollux.error_rule.id is 'Number.';
comment on column pollux.error_rule.position is 'Order: lower is asked first; then by number.';
comment on column pollux.error_rule.status_from is 'Lowest HTTP status that it is about.';
comment on column pollux.error_rule.status_to is 'Highest.';
comment on column pollux.error_rule.text is
    'What the error''s message, status name or reason holds, in any case of letters; null: anything.';
comment on column pollux.error_rule.action is
    'stop: the client gets the error as it is. another: another credential is tried.';
comment on column pollux.error_rule.scope is
    'Who rests then: none, credential, quota (its project, for this model), model (all projects, for this model).';
comment on column pollux.error_rule.rest_ms is 'How long.';
comment on column pollux.error_rule.note is 'Free text of the operator.';
comment on column pollux.error_rule.enabled is 'False: as if it were not there.';
comment on column pollux.error_rule.created_at is 'When it was made.';
comment on column pollux.error_rule.updated_at is 'When it was last changed.';

create table pollux.error_rules (
    one boolean primary key default true check (one),
    version bigint not null
);
insert into pollux.error_rules (version) values (1);
comment on table pollux.error_rules is 'How often the rules about errors were changed: workers read them again. One row.';
comment on column pollux.error_rules.one is 'True: there is one row.';
comment on column pollux.error_rules.version is 'Grows with each change.';

create table pollux.model_rest (
    model text collate "C" primary key,
    until timestamptz not null,
    reason text not null
);
comment on table pollux.model_rest is 'Models that rest as a whole, as a rule about errors said.';
comment on column pollux.model_rest.model is 'Model.';
comment on column pollux.model_rest.until is 'Until when no project serves it.';
comment on column pollux.model_rest.reason is 'Which rule: rule_<number>.';

alter type pollux.terms add attribute rest_until timestamptz;

alter table pollux.credential
    add column rest_until timestamptz,
    add column proxy_sealed bytea,
    add column proxy_hint text;
create index credential_rest on pollux.credential (rest_until) where rest_until is not null;
comment on column pollux.credential.rest_until is
    'When it is in use again by itself, although dead_reason is set: a rule about errors let it rest.';
comment on column pollux.credential.proxy_sealed is
    'Proxy of all calls with it, sealed under the master key; null: as for all others.';
comment on column pollux.credential.proxy_hint is 'That proxy without user and password.';
comment on index pollux.credential_rest is 'The few that rest by a rule.';
alter type api.permit add attribute proxy text;
