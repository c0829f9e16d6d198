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
