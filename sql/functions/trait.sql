-- SPDX-License-Identifier: MIT
-- Trait: what workers have to know of a model beyond its limits. Settings and models change seldom and are
-- needed with every reservation, so what follows from them is written down whenever they change: for configured
-- models in pollux.model.traits, for all others in the one row of pollux.model_preset.
set check_function_bodies = off;

-- Traits: {
--   "stream": "collect" | "whole"; absent: as the client asks,
--   "budget": tokens to think with, or "level": "minimal" | "low" | "medium" | "high"; absent: the model
--   decides,
--   "thoughts": whether answers show thoughts; absent: the client decides,
--   "override": true if that also replaces what a request says,
--   "guess": true if it was said of all models: of those that cannot think it does not hold,
--   "wait_ms": how long a request may wait for its turn; absent: wait_limit_ms of the settings,
--   "fallback": [models that stand in when it is exhausted or overloaded, in this order],
--   "search": true if this request asked for the variant with Google Search (from wish_read)
-- }; null: nothing of that.
create or replace function pollux.model_traits(p_model pollux.model) returns jsonb
language sql stable as $$
    select nullif(jsonb_strip_nulls(jsonb_build_object(
               'stream', nullif(coalesce(p_model.stream_policy, s.stream), 'auto'),
               'budget', case when o.thinks then nullif(p_model.thinking_budget, -1)
                              when s.level is null then s.budget end,
               'level', case when o.thinks then p_model.thinking_level else s.level end,
               'thoughts', t.thoughts,
               'override', case when s.override and (o.thinks or t.thoughts is not null
                                                     or coalesce(s.level, s.budget::text) is not null)
                                then true end,
               'guess', case when not o.own and (t.thoughts is not null
                                                 or coalesce(s.level, s.budget::text) is not null)
                             then true end,
               'wait_ms', coalesce(p_model.wait_limit_ms, case when c.chain is not null then 1000 end),
               'fallback', to_jsonb(c.chain))), '{}')
    from (select max(value) filter (where name = 'stream_policy') as stream,
                 nullif(max(value) filter (where name = 'thinking_level'), 'model') as level,
                 nullif(max(value) filter (where name = 'thinking_budget')::integer, -1) as budget,
                 nullif(max(value) filter (where name = 'include_thoughts'), 'client') = 'on' as thoughts,
                 bool_or(value = 'on') filter (where name = 'thinking_override') as override
          from pollux.setting) s,
         lateral (select coalesce(p_model.thinking_budget::text, p_model.thinking_level) is not null as thinks,
                         coalesce(p_model.thinking_budget::text, p_model.thinking_level,
                                  p_model.include_thoughts::text) is not null as own) o,
         lateral (select coalesce(p_model.include_thoughts, s.thoughts) as thoughts) t,
         lateral (select nullif(pollux.model_chain(p_model.name), '{}') as chain) c
$$;
comment on function pollux.model_traits(pollux.model) is
    'The traits of a model, of any other one if it has no name; null: nothing special. Their shape stands in '
    'sql/functions/trait.sql.';

create or replace function pollux.model_chain(p_name text) returns text[]
language sql stable as $$
    with recursive chain(name, at, seen) as (
        select p_name collate "C", '{}'::bigint[], array[p_name] collate "C"
        union all
        select r.name, c.at || f.at, c.seen || r.name
        from chain c
        join pollux.model m on m.name = c.name
        cross join lateral unnest(m.fallback) with ordinality f(name, at)
        cross join lateral (select coalesce((select a.model from pollux.model_alias a where a.alias = f.name),
                                            f.name) as name) r
        where r.name <> all (c.seen) and cardinality(c.seen) <= 8
    )
    select coalesce((array_agg(name order by at))[:8], '{}')
    from (select distinct on (name) name, at from chain where at <> '{}' order by name, at) first
$$;
comment on function pollux.model_chain(text) is
    'Who stands in for a model: its fallbacks, each followed by its own; nobody twice, eight at the most.';

create or replace function pollux.model_pattern(p_setting text) returns text
language sql stable as $$
    select '^(?:' || string_agg(replace(replace(regexp_replace(i, '([.+:@/-])', '\\\1', 'g'), '*', '.*'),
                                        '?', '.'), '|') || ')$'
    from pollux.setting, unnest(string_to_array(nullif(value, ''), ',')) i
    where name = p_setting
$$;
comment on function pollux.model_pattern(text) is
    'The regular expression of a setting that lists names with * and ?; null: the list is empty.';

create or replace function pollux.model_resolve() returns void
language plpgsql volatile as $$
begin
    perform pollux.model_lock();
    insert into pollux.model_preset (one, search, allow, deny, traits, strategy, margin, floor_ms, ceiling_ms,
                                     learned_ttl)
    select true, coalesce(bool_or(value = 'on') filter (where name = 'search_variants'), true),
           pollux.model_pattern('models_allow'), pollux.model_pattern('models_deny'),
           pollux.model_traits(null::pollux.model), max(value) filter (where name = 'strategy'),
           ceil(max(value) filter (where name = 'send_margin_ms')::numeric / 1000)::integer,
           max(value) filter (where name = 'cooldown_floor_ms')::bigint,
           max(value) filter (where name = 'cooldown_ceiling_ms')::bigint,
           max(value) filter (where name = 'learned_ttl_hours')::integer * interval '1 hour'
    from pollux.setting
    on conflict (one) do update
    set (search, allow, deny, traits, strategy, margin, floor_ms, ceiling_ms, learned_ttl) =
        (excluded.search, excluded.allow, excluded.deny, excluded.traits, excluded.strategy, excluded.margin,
         excluded.floor_ms, excluded.ceiling_ms, excluded.learned_ttl);
    update pollux.model m set traits = n.traits
    from (select x.name, t.traits
          from pollux.model x, lateral (select pollux.model_traits(x) as traits offset 0) t
          where x.traits is distinct from t.traits order by x.name for no key update of x) n
    where n.name = m.name;
end
$$;
comment on function pollux.model_resolve() is
    'Writes down what follows from settings, models and aliases: pollux.model.traits and pollux.model_preset.';

create or replace function pollux.model_changed() returns trigger
language plpgsql as $$
begin
    perform pollux.model_resolve();
    return null;
end
$$;
comment on function pollux.model_changed() is 'Trigger: see pollux.model_resolve().';

create or replace trigger model_resolved after insert or delete or update of
    name, thinking_budget, thinking_level, include_thoughts, stream_policy, wait_limit_ms, fallback
    on pollux.model for each statement execute function pollux.model_changed();
create or replace trigger model_resolved after insert or delete or update
    on pollux.model_alias for each statement execute function pollux.model_changed();
create or replace trigger model_resolved after insert or update of value
    on pollux.setting for each statement execute function pollux.model_changed();

select pollux.model_resolve();

create or replace function pollux.model_hidden(p_allow text, p_deny text, p_names text[]) returns boolean
language sql immutable as $$
    select p_names[1] <> ''
           and (coalesce((select bool_or(n ~ p_deny) from unnest(p_names) n), false)
                or not coalesce(p_names[1] ~ p_allow or p_names[2] ~ p_allow, true))
$$;
comment on function pollux.model_hidden(text, text, text[]) is
    'Whether clients may not ask for a model of these names: as asked, resolved, at Google. It is allowed by '
    'either of the first two, denied by any.';

create or replace function pollux.model_base(p_name text) returns text
language sql stable as $$
    select left(p_name, -7)
    where p_name ~ '^.+-search$'
      and not exists (select from pollux.model where name = p_name)
      and not exists (select from pollux.model_alias where alias = p_name)
      and not exists (select from pollux.model_card where name = p_name)
$$;
comment on function pollux.model_base(text) is
    'The model of which this name is the variant with Google Search; null if it is a name by itself.';
