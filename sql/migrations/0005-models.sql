-- SPDX-License-Identifier: MIT
-- What an operator may say about a model besides its limits: how it thinks, how its answers travel, who stands in for
-- it, what it costs; and what the credentials' own lists of models say.

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
    'Tokens to think with where a request says nothing about it; -1: the model decides; null: as the settings say.';
comment on column pollux.model.thinking_level is 'The same as a level (3.x); null: as the settings say.';
comment on column pollux.model.include_thoughts is
    'Whether answers show thoughts where a request does not say; null: as the settings say.';
comment on column pollux.model.stream_policy is
    'auto: the upstream is asked as the client asks. collect: always for a stream. whole: never for a stream. '
    'Null: as the settings say.';
comment on column pollux.model.wait_limit_ms is
    'How long a request for it may wait for its turn; null: as the settings say, a second if there is a fallback.';
comment on column pollux.model.fallback is
    'Models that serve in its place when it is exhausted or overloaded, in this order; null: none.';
comment on column pollux.model.price_input is 'Price of a million prompt tokens; null: unknown.';
comment on column pollux.model.price_cached is
    'Price of a million prompt tokens that came from a cache; null: as others.';
comment on column pollux.model.price_output is 'Price of a million output tokens, thoughts included; null: unknown.';
comment on column pollux.model.traits is
    'What workers have to know of it, with the settings worked in (pollux.model_resolve()); null: nothing special.';
