-- SPDX-License-Identifier: MIT
-- Model: names, aliases, limits. A model that nobody configured is forwarded as it is.
set check_function_bodies = off;

create or replace function pollux.model_confirm(p_models text[]) returns void
language plpgsql volatile as $$
begin
    update pollux.model_state set confirmed = true
    where model in (select model from pollux.model_state
                    where model = any (p_models) and not confirmed for no key update skip locked);
end
$$;
comment on function pollux.model_confirm(text[]) is
    'These models have answered: the whole pool may be used for them.';

create or replace function pollux.model_json(p_model pollux.model) returns jsonb
language sql stable as $$
    select to_jsonb(p_model) - array['traits', 'created_at', 'updated_at']
           || jsonb_build_object(
                  'id', p_model.name, 'fallback', coalesce(to_jsonb(p_model.fallback), '[]'),
                  'aliases', (select coalesce(jsonb_agg(a.alias order by a.alias), '[]')
                              from pollux.model_alias a where a.model = p_model.name))
$$;
comment on function pollux.model_json(pollux.model) is 'A model as the command line sees it.';

----------------------------------------------------------------------------- what a patch makes of a model
-- In a patch an absent member keeps what there is, null clears it, and anything that the member may not be is
-- an error in plain words.

drop function if exists pollux.model_number(jsonb, text, bigint, bigint);

create or replace function pollux.model_number(
    p_patch jsonb, p_key text, p_now bigint, p_most bigint, p_least bigint default 0
) returns bigint
language plpgsql immutable as $$
declare
    v_new jsonb := p_patch -> p_key;
begin
    if v_new is null or v_new = 'null' then
        return case when v_new is null then p_now end;
    elsif jsonb_typeof(v_new) <> 'number' or v_new::numeric <> trunc(v_new::numeric)
          or v_new::numeric not between p_least and p_most then
        raise exception '% must be a whole number from % to %, or null', p_key, p_least, p_most
            using errcode = 'invalid_parameter_value';
    end if;
    return v_new::numeric::bigint;
end
$$;
comment on function pollux.model_number(jsonb, text, bigint, bigint, bigint) is
    'A whole number after a patch.';

create or replace function pollux.model_price(p_patch jsonb, p_key text, p_now numeric) returns numeric
language plpgsql immutable as $$
declare
    v_new jsonb := p_patch -> p_key;
begin
    if v_new is null or v_new = 'null' then
        return case when v_new is null then p_now end;
    elsif jsonb_typeof(v_new) <> 'number' or v_new::numeric not between 0 and 1000000 then
        raise exception '% must be a number from 0 to 1000000, or null', p_key
            using errcode = 'invalid_parameter_value';
    end if;
    return v_new::numeric;
end
$$;
comment on function pollux.model_price(jsonb, text, numeric) is 'A price after a patch.';

create or replace function pollux.model_word(p_patch jsonb, p_key text, p_now text, p_words text[]) returns text
language plpgsql immutable as $$
declare
    v_new jsonb := p_patch -> p_key;
begin
    if v_new is null or v_new = 'null' then
        return case when v_new is null then p_now end;
    elsif jsonb_typeof(v_new) <> 'string' or v_new #>> '{}' <> all (p_words) then
        raise exception '% must be one of %, or null', p_key, array_to_string(p_words, ', ')
            using errcode = 'invalid_parameter_value';
    end if;
    return v_new #>> '{}';
end
$$;
comment on function pollux.model_word(jsonb, text, text, text[]) is 'One of some words after a patch.';

create or replace function pollux.model_flag(p_patch jsonb, p_key text, p_now boolean) returns boolean
language plpgsql immutable as $$
declare
    v_new jsonb := p_patch -> p_key;
begin
    if v_new is null or v_new = 'null' then
        return case when v_new is null then p_now end;
    elsif jsonb_typeof(v_new) <> 'boolean' then
        raise exception '% must be true, false or null', p_key using errcode = 'invalid_parameter_value';
    end if;
    return v_new::boolean;
end
$$;
comment on function pollux.model_flag(jsonb, text, boolean) is 'True or false after a patch.';

create or replace function pollux.model_names(p_patch jsonb, p_key text, p_most integer) returns text[]
language plpgsql immutable as $$
declare
    v_names text[];
    v_bad text;
begin
    if p_patch -> p_key = 'null' then
        return null;
    elsif jsonb_typeof(p_patch -> p_key) <> 'array' then
        raise exception '% must be an array of names', p_key using errcode = 'invalid_parameter_value';
    end if;
    v_names := array(select regexp_replace(n, '^models/', '')
                     from jsonb_array_elements_text(p_patch -> p_key) with ordinality x(n, i) order by i);
    select n into v_bad from unnest(v_names) n where pollux.model_name_ok(n) is not true limit 1;
    if found then
        raise exception '"%" cannot be the name of a model', left(v_bad, 40)
            using errcode = 'invalid_parameter_value';
    elsif cardinality(v_names) > p_most then
        raise exception '% may hold at most % names', p_key, p_most using errcode = 'invalid_parameter_value';
    end if;
    return v_names;
end
$$;
comment on function pollux.model_names(jsonb, text, integer) is 'Names of models in a patch; null for null.';

create or replace function pollux.model_name_ok(p_name text) returns boolean
language sql immutable as $$ select p_name ~ '^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,199}$' $$;
comment on function pollux.model_name_ok(text) is 'Whether a text can be the name of a model.';

create or replace function pollux.model_patch_think(p_model pollux.model, p_patch jsonb) returns pollux.model
language plpgsql immutable as $$
begin
    if coalesce(p_patch -> 'thinking_budget', 'null') <> 'null'
       and coalesce(p_patch -> 'thinking_level', 'null') <> 'null' then
        raise exception 'a model has a thinking_budget or a thinking_level, not both'
            using errcode = 'invalid_parameter_value';
    elsif coalesce(p_patch -> 'thinking_budget', 'null') <> 'null' then
        p_model.thinking_level := null;
    elsif coalesce(p_patch -> 'thinking_level', 'null') <> 'null' then
        p_model.thinking_budget := null;
    end if;
    p_model.thinking_budget := pollux.model_number(p_patch, 'thinking_budget', p_model.thinking_budget,
                                                   1000000, -1);
    p_model.thinking_level := pollux.model_word(p_patch, 'thinking_level', p_model.thinking_level,
                                                array['minimal', 'low', 'medium', 'high']);
    p_model.include_thoughts := pollux.model_flag(p_patch, 'include_thoughts', p_model.include_thoughts);
    return p_model;
end
$$;
comment on function pollux.model_patch_think(pollux.model, jsonb) is
    'What a patch says about thinking: a new budget takes the place of a level, and the other way round.';

create or replace function pollux.model_patch(p_model pollux.model, p_patch jsonb) returns pollux.model
language plpgsql immutable as $$
declare
    v_key text;
begin
    if jsonb_typeof(p_patch) is distinct from 'object' then
        raise exception 'a model is set by an object' using errcode = 'invalid_parameter_value';
    end if;
    foreach v_key in array array(select jsonb_object_keys(p_patch)) loop
        if v_key not in ('rpm', 'tpm', 'rpd', 'max_concurrency', 'wait_limit_ms', 'upstream_name', 'aliases',
                         'thinking_budget', 'thinking_level', 'include_thoughts', 'stream_policy', 'fallback',
                         'price_input', 'price_cached', 'price_output') then
            raise exception 'a model has no "%"', v_key using errcode = 'invalid_parameter_value';
        end if;
    end loop;
    p_model := pollux.model_patch_think(p_model, p_patch);
    p_model.rpm := pollux.model_number(p_patch, 'rpm', p_model.rpm, 2147483647);
    p_model.tpm := pollux.model_number(p_patch, 'tpm', p_model.tpm, 1000000000000);
    p_model.rpd := pollux.model_number(p_patch, 'rpd', p_model.rpd, 2147483647);
    p_model.max_concurrency := pollux.model_number(p_patch, 'max_concurrency', p_model.max_concurrency,
                                                   1000000);
    p_model.wait_limit_ms := pollux.model_number(p_patch, 'wait_limit_ms', p_model.wait_limit_ms, 600000);
    p_model.stream_policy := pollux.model_word(p_patch, 'stream_policy', p_model.stream_policy,
                                               array['auto', 'collect', 'whole']);
    p_model.price_input := pollux.model_price(p_patch, 'price_input', p_model.price_input);
    p_model.price_cached := pollux.model_price(p_patch, 'price_cached', p_model.price_cached);
    p_model.price_output := pollux.model_price(p_patch, 'price_output', p_model.price_output);
    if p_patch ? 'fallback' then
        p_model.fallback := nullif(pollux.model_names(p_patch, 'fallback', 8), '{}');
    end if;
    if p_patch ? 'upstream_name' then
        p_model.upstream_name := regexp_replace(p_patch ->> 'upstream_name', '^models/', '');
        if not pollux.model_name_ok(p_model.upstream_name) then
            raise exception '"%" cannot be the name of a model', left(p_model.upstream_name, 40)
                using errcode = 'invalid_parameter_value';
        end if;
    end if;
    return p_model;
end
$$;
comment on function pollux.model_patch(pollux.model, jsonb) is 'The model as a patch makes it.';

drop function if exists pollux.model_aliases_set(text, jsonb);

create or replace function pollux.model_aliases_set(p_model text, p_aliases text[]) returns void
language plpgsql volatile as $$
declare
    v_taken text;
begin
    delete from pollux.model_alias where model = p_model and alias <> all (p_aliases);
    select string_agg(distinct w.alias, ', ') into v_taken
    from unnest(p_aliases) w(alias)
    where exists (select from pollux.model_alias a where a.alias = w.alias and a.model <> p_model)
       or exists (select from pollux.model m where m.name = w.alias);
    if v_taken is not null then
        raise exception 'already the name or alias of another model: %', v_taken
            using errcode = 'unique_violation';
    end if;
    insert into pollux.model_alias (alias, model)
    select distinct w.alias, p_model from unnest(p_aliases) w(alias) on conflict do nothing;
end
$$;
comment on function pollux.model_aliases_set(text, text[]) is 'Replaces the aliases of a model.';

-- Rows that rest because one of our own counters was full are looked at again with the new limits.
create or replace function pollux.model_relimit(p_model text) returns void
language plpgsql volatile as $$
begin
    with held as materialized (
        select project_id from pollux.quota
        where model = p_model and reason in ('spent_rpm', 'spent_tpm', 'spent_rpd')
        order by slot for no key update
    )
    update pollux.quota q set ready_at = '-infinity', reason = null
    from held where q.project_id = held.project_id and q.model = p_model;
end
$$;
comment on function pollux.model_relimit(text) is 'After the limits of a model changed.';

create or replace function pollux.model_check_loop(p_name text) returns void
language plpgsql stable as $$
declare
    v_way text;
begin
    with recursive way(name, path) as (
        select p_name collate "C", array[p_name] collate "C"
        union all
        select r.name, w.path || r.name
        from way w
        join pollux.model m on m.name = w.name
        cross join lateral unnest(m.fallback) f(name)
        cross join lateral (select coalesce((select a.model from pollux.model_alias a where a.alias = f.name),
                                            f.name) as name) r
        where cardinality(w.path) = 1 or w.name <> all (w.path[:cardinality(w.path) - 1])
    )
    select array_to_string(path, ' -> ') into v_way
    from way where name = p_name and cardinality(path) > 1 order by cardinality(path) limit 1;
    if found then
        raise exception 'the fallbacks of "%" lead back to it: %', p_name, v_way
            using errcode = 'invalid_parameter_value';
    end if;
end
$$;
comment on function pollux.model_check_loop(text) is
    'An error if the fallbacks of a model, and theirs, lead back to it.';

-- Changes of models, aliases and of what is made of both are done one at a time: they touch rows of many.
create or replace function pollux.model_lock() returns void
language sql volatile as $$ select pg_advisory_xact_lock(hashtext('pollux.model')) $$;
comment on function pollux.model_lock() is 'One change of models at a time, until the end of the transaction.';

create or replace function pollux.model_name(p_name text) returns text
language plpgsql stable as $$
begin
    p_name := regexp_replace(p_name, '^models/', '');
    if pollux.model_name_ok(p_name) is not true then
        raise exception '"%" cannot be the name of a model', left(p_name, 40)
            using errcode = 'invalid_parameter_value';
    elsif exists (select from pollux.model_alias where alias = p_name) then
        raise exception '"%" is an alias of %', p_name,
            (select model from pollux.model_alias where alias = p_name)
            using errcode = 'unique_violation';
    end if;
    return p_name;
end
$$;
comment on function pollux.model_name(text) is
    'The name without models/, or an error if no model can have it.';

create or replace function pollux.model_gate(p_model text, p_gated boolean) returns void
language sql volatile as $$
    update pollux.open_request set gated = p_gated
    where id in (select id from pollux.open_request
                 where model = p_model and gated <> p_gated order by id for update)
$$;
comment on function pollux.model_gate(text, boolean) is
    'After a max_concurrency was set or cleared: open requests count towards it, or do not.';

create or replace function admin.model_set(p_name text, p_patch jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    m pollux.model;
begin
    perform pollux.model_lock();
    p_name := pollux.model_name(p_name);
    perform pollux.audit_pause(case when jsonb_typeof(p_patch) = 'object' -- what is set will be told
                                    then exists (select from jsonb_each(p_patch) where value <> 'null') end);
    insert into pollux.model (name) values (p_name) on conflict do nothing;
    perform pollux.audit_pause(false);
    select * into m from pollux.model where name = p_name for update;
    m := pollux.model_patch(m, p_patch);
    update pollux.model
    set (upstream_name, rpm, tpm, rpd, max_concurrency, wait_limit_ms, thinking_budget, thinking_level,
         include_thoughts, stream_policy, fallback, price_input, price_cached, price_output, updated_at) =
        (m.upstream_name, m.rpm, m.tpm, m.rpd, m.max_concurrency, m.wait_limit_ms, m.thinking_budget,
         m.thinking_level, m.include_thoughts, m.stream_policy, m.fallback, m.price_input, m.price_cached,
         m.price_output, pollux.now())
    where name = p_name;
    if p_patch ? 'aliases' then
        perform pollux.model_aliases_set(p_name, coalesce(pollux.model_names(p_patch, 'aliases', 1000), '{}'));
    end if;
    perform pollux.model_check_loop(p_name);
    perform pollux.model_gate(p_name, m.max_concurrency is not null);
    update pollux.model_state set confirmed = true where model = p_name and not confirmed;
    perform pollux.model_relimit(p_name);
    return pollux.model_json(m);
end
$$;
comment on function admin.model_set(text, jsonb) is
    'Configures a model; an unknown one is made. Patch: {upstream_name; rpm, tpm, rpd, max_concurrency; '
    'wait_limit_ms; thinking_budget (-1: the model decides) or thinking_level (minimal, low, medium, high); '
    'include_thoughts; stream_policy (auto, collect, whole); price_input, price_cached, price_output (of a '
    'million tokens); aliases: [..]; fallback: [..] (models that stand in, in this order)}; null clears, what '
    'is absent stays. Answers the model as in model_list.';

create or replace function admin.model_remove(p_name text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    m pollux.model;
    v_was jsonb;
begin
    perform pollux.model_lock();
    select * into m from pollux.model where name = regexp_replace(p_name, '^models/', '') for update;
    if m.name is null then
        return null;
    end if;
    v_was := pollux.model_json(m);
    delete from pollux.model where name = m.name;
    perform pollux.model_gate(m.name, false);
    perform pollux.model_relimit(m.name);
    return v_was;
end
$$;
comment on function admin.model_remove(text) is
    'Forgets what was configured of a model, its aliases included; it is forwarded as it is from then on. '
    'Answers it as it was, null if there was none.';

create or replace function admin.model_alias(p_name text, p_aliases jsonb, p_away boolean) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_names text[] := coalesce(pollux.model_names(jsonb_build_object('aliases', p_aliases), 'aliases', 1000),
                               '{}');
begin
    perform pollux.model_lock();
    p_name := pollux.model_name(p_name);
    insert into pollux.model (name) select p_name where not p_away on conflict do nothing;
    if not exists (select from pollux.model where name = p_name) then
        return null;
    end if;
    perform pollux.model_aliases_set(p_name, array(
        select alias from pollux.model_alias where model = p_name and not (p_away and alias = any (v_names))
        union select n from unnest(v_names) n where not p_away));
    perform pollux.model_check_loop(p_name);
    return (select pollux.model_json(m) from pollux.model m where name = p_name);
end
$$;
comment on function admin.model_alias(text, jsonb, boolean) is
    'Gives a model more names (an array of them), or takes them away. Answers the model as in model_list; '
    'null if there is none from which to take one.';

create or replace function admin.model_list() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.model_json(m) || jsonb_build_object(
               'projects', coalesce(f.projects, 0), 'ready', coalesce(f.ready, 0), 'requests_today', f.today) order by m.name), '[]')
    from pollux.model m join pollux.model_figures() f on f.model = m.name
$$;
comment on function admin.model_list() is
    'Array of {id, name, what may be in a patch of model_set, projects, ready, requests_today}.';
