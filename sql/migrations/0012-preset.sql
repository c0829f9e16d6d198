-- SPDX-License-Identifier: MIT
-- What every exchange reads of the settings stands in one row.
alter table pollux.model_preset
    add column strategy text,
    add column margin integer,
    add column floor_ms bigint,
    add column ceiling_ms bigint,
    add column learned_ttl interval;
comment on column pollux.model_preset.strategy is 'Setting strategy.';
comment on column pollux.model_preset.margin is 'Setting send_margin_ms, in whole seconds.';
comment on column pollux.model_preset.floor_ms is 'Setting cooldown_floor_ms.';
comment on column pollux.model_preset.ceiling_ms is 'Setting cooldown_ceiling_ms.';
comment on column pollux.model_preset.learned_ttl is 'Setting learned_ttl_hours.';
comment on table pollux.model_preset is
    'One row: what the settings say about all models, in the form in which every exchange needs it '
    '(pollux.model_resolve()).';

drop type pollux.hand cascade;
create type pollux.card as (
    project_id bigint, credential_id bigint, common boolean, room integer, fuel bigint, tank bigint,
    rested boolean, dealt integer, spent bigint
);
comment on type pollux.card is
    'A locked quota row to choose: project, live credential, whether anybody may have it, requests and '
    'tokens left, token limit, whether it was resting until now, and what was dealt of it.';
