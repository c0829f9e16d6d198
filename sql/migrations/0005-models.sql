-- SPDX-License-Identifier: MIT
-- What an operator may say about a model besides its limits: how it thinks, how its answers travel, who stands
-- in for it, what it costs; and what the credentials' own lists of models say.

alter table pollux.model
    add column thinking_budget integer check (thinking_budget between -1 and 1000000),
    add column thinking_level text check (thinking_level in ('minimal', 'low', 'medium', 'high')),
    add column include_thoughts boolean,
    add column stream_policy text check (stream_policy in ('auto', 'collect', 'whole')),
    add column wait_limit_ms integer check (wait_limit_ms between 0 and 600000),
    add column fallback text[],
    add column price_input numeric check (price_input >= 0),
    add column price_cached numeric check (price_cached >= 0),
    add column price_output numeric check (price_output >= 0),
    add column traits jsonb,
    add constraint one_way_of_thinking check (thinking_budget is null or thinking_level is null);
comment on column pollux.model.thinking_budget is
    'Tokens to think with where a request says nothing about it; -1: the model decides; null: as the settings '
    'say.';
comment on column pollux.model.thinking_level is 'The same as a level (3.x); null: as the settings say.';
comment on column pollux.model.include_thoughts is
    'Whether answers show thoughts where a request does not say; null: as the settings say.';
comment on column pollux.model.stream_policy is
    'auto: the upstream is asked as the client asks. collect: always for a stream. whole: never for a stream. '
    'Null: as the settings say.';
comment on column pollux.model.wait_limit_ms is
    'How long a request for it may wait for its turn; null: as the settings say, a second if there is a '
    'fallback.';
comment on column pollux.model.fallback is
    'Models that serve in its place when it is exhausted or overloaded, in this order; null: none.';
comment on column pollux.model.price_input is 'Price of a million prompt tokens; null: unknown.';
comment on column pollux.model.price_cached is
    'Price of a million prompt tokens that came from a cache; null: as others.';
comment on column pollux.model.price_output is
    'Price of a million output tokens, thoughts included; null: unknown.';
comment on column pollux.model.traits is
    'What workers have to know of it, with the settings worked in (pollux.model_resolve()); null: nothing '
    'special.';

create table pollux.model_preset (
    one boolean primary key default true check (one),
    search boolean not null,
    allow text,
    deny text,
    traits jsonb
);
comment on table pollux.model_preset is
    'One row: what the settings say about all models, in the form in which every reservation needs it '
    '(pollux.model_resolve()).';
comment on column pollux.model_preset.one is 'There is one row.';
comment on column pollux.model_preset.search is 'Whether NAME-search means NAME with Google Search.';
comment on column pollux.model_preset.allow is
    'Regular expression of the names that clients may ask for; null: all.';
comment on column pollux.model_preset.deny is 'Regular expression of the names that they may not; null: none.';
comment on column pollux.model_preset.traits is
    'Traits of models that are not configured; null: nothing special.';

create table pollux.model_card (
    name text collate "C" primary key check (name <> '' and length(name) <= 200),
    card jsonb not null,
    seen_at timestamptz not null
);
comment on table pollux.model_card is
    'Models as Google describes them, from the lists that credentials were shown.';
comment on column pollux.model_card.name is 'Name, without models/.';
comment on column pollux.model_card.card is 'The description.';
comment on column pollux.model_card.seen_at is 'When it was last in a list.';

create table pollux.model_offer (
    project_id bigint primary key,
    names text[] not null default '{}',
    asked_at timestamptz not null,
    answered_at timestamptz
);
comment on table pollux.model_offer is 'Which models a project may use, as its own list says.';
comment on column pollux.model_offer.project_id is 'Project.';
comment on column pollux.model_offer.names is 'Names, without models/.';
comment on column pollux.model_offer.asked_at is
    'When it was last asked for; set back when that failed, so that it is asked for again soon.';
comment on column pollux.model_offer.answered_at is 'When it last answered; null: never.';

alter type pollux.seat add attribute traits jsonb;
alter type api.permit add attribute traits text;
