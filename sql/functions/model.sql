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
    select jsonb_build_object(
        'id', p_model.name, 'name', p_model.name, 'upstream_name', p_model.upstream_name, 'rpm', p_model.rpm,
        'tpm', p_model.tpm, 'rpd', p_model.rpd, 'max_concurrency', p_model.max_concurrency,
        'price_input', p_model.price_input, 'price_cached', p_model.price_cached,
        'price_output', p_model.price_output,
        'aliases', (select coalesce(jsonb_agg(a.alias order by a.alias), '[]') from pollux.model_alias a
                    where a.model = p_model.name))
$$;
comment on function pollux.model_json(pollux.model) is 'A model as the command line sees it.';

create or replace function pollux.model_number(p_patch jsonb, p_key text, p_now bigint, p_most bigint)
returns bigint
language plpgsql immutable as $$
declare
    v_new jsonb := p_patch -> p_key;
begin
    if v_new is null or v_new = 'null' then
        return case when v_new is null then p_now end;
    elsif jsonb_typeof(v_new) <> 'number' or v_new::numeric <> trunc(v_new::numeric)
          or v_new::numeric not between 0 and p_most then
        raise exception '% must be a whole number from 0 to %, or null', p_key, p_most
            using errcode = 'invalid_parameter_value';
    end if;
    return v_new::numeric::bigint;
end
$$;
comment on function pollux.model_number(jsonb, text, bigint, bigint) is
    'A number after a patch: absent keeps, null clears, anything but a whole number is an error.';

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
comment on function pollux.model_price(jsonb, text, numeric) is
    'A price after a patch: absent keeps, null clears, anything but a number is an error.';

create or replace function pollux.model_patch(p_model pollux.model, p_patch jsonb) returns pollux.model
language plpgsql immutable as $$
declare
    v_key text;
begin
    foreach v_key in array array(select jsonb_object_keys(p_patch)) loop
        if v_key not in ('rpm', 'tpm', 'rpd', 'max_concurrency', 'upstream_name', 'aliases', 'price_input',
                         'price_cached', 'price_output') then
            raise exception 'a model has no "%"', v_key using errcode = 'invalid_parameter_value';
        end if;
    end loop;
    p_model.rpm := pollux.model_number(p_patch, 'rpm', p_model.rpm, 2147483647);
    p_model.tpm := pollux.model_number(p_patch, 'tpm', p_model.tpm, 1000000000000);
    p_model.rpd := pollux.model_number(p_patch, 'rpd', p_model.rpd, 2147483647);
    p_model.max_concurrency := pollux.model_number(p_patch, 'max_concurrency', p_model.max_concurrency,
                                                   1000000);
    p_model.price_input := pollux.model_price(p_patch, 'price_input', p_model.price_input);
    p_model.price_cached := pollux.model_price(p_patch, 'price_cached', p_model.price_cached);
    p_model.price_output := pollux.model_price(p_patch, 'price_output', p_model.price_output);
    if p_patch ? 'upstream_name' then
        p_model.upstream_name := p_patch ->> 'upstream_name';
    end if;
    return p_model;
end
$$;
comment on function pollux.model_patch(pollux.model, jsonb) is 'The model as a patch makes it.';

create or replace function pollux.model_aliases_set(p_model text, p_aliases jsonb) returns void
language plpgsql volatile as $$
declare
    v_taken text;
begin
    delete from pollux.model_alias where model = p_model;
    select string_agg(w.alias, ', ') into v_taken
    from (select jsonb_array_elements_text(p_aliases) as alias where jsonb_typeof(p_aliases) = 'array') w
    where exists (select from pollux.model_alias a where a.alias = w.alias)
       or exists (select from pollux.model m where m.name = w.alias);
    if v_taken is not null then
        raise exception 'already the name or alias of another model: %', v_taken
            using errcode = 'unique_violation';
    end if;
    insert into pollux.model_alias (alias, model)
    select distinct jsonb_array_elements_text(p_aliases), p_model where jsonb_typeof(p_aliases) = 'array';
end
$$;
comment on function pollux.model_aliases_set(text, jsonb) is 'Replaces the aliases of a model.';

-- Rows that rest because one of our own counters was full are looked at again with the new limits.
create or replace function pollux.model_relimit(p_model text) returns void
language plpgsql volatile as $$
begin
    perform 1 from pollux.quota where model = p_model and reason in ('spent_rpm', 'spent_tpm', 'spent_rpd')
    order by slot for no key update;
    update pollux.quota set ready_at = '-infinity', reason = null
    where model = p_model and reason in ('spent_rpm', 'spent_tpm', 'spent_rpd');
end
$$;
comment on function pollux.model_relimit(text) is 'After the limits of a model changed.';

create or replace function admin.model_set(p_name text, p_patch jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    m pollux.model;
begin
    p_name := regexp_replace(p_name, '^models/', '');
    if p_name is null or p_name !~ '^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,199}$' then
        raise exception '"%" cannot be the name of a model', left(p_name, 40)
            using errcode = 'invalid_parameter_value';
    elsif exists (select from pollux.model_alias where alias = p_name) then
        raise exception '"%" is an alias of %', p_name,
            (select model from pollux.model_alias where alias = p_name)
            using errcode = 'unique_violation';
    end if;
    insert into pollux.model (name) values (p_name) on conflict do nothing;
    select * into m from pollux.model where name = p_name for update;
    m := pollux.model_patch(m, p_patch);
    update pollux.model
    set (upstream_name, rpm, tpm, rpd, max_concurrency, price_input, price_cached, price_output, updated_at) =
        (m.upstream_name, m.rpm, m.tpm, m.rpd, m.max_concurrency, m.price_input, m.price_cached, m.price_output,
         pollux.now())
    where name = p_name;
    if p_patch ? 'aliases' then
        perform pollux.model_aliases_set(p_name, p_patch -> 'aliases');
    end if;
    update pollux.open_request set gated = m.max_concurrency is not null
    where id in (select id from pollux.open_request
                 where model = p_name and gated <> (m.max_concurrency is not null) order by id for update);
    update pollux.model_state set confirmed = true where model = p_name and not confirmed;
    perform pollux.model_relimit(p_name);
    return pollux.model_json(m);
end
$$;
comment on function admin.model_set(text, jsonb) is
    'Configures a model; an unknown one is made. Patch: {rpm, tpm, rpd, max_concurrency, upstream_name, '
    'price_input, price_cached, price_output (of a million tokens), aliases: [..]}; null clears, what is absent stays. Answers the model as in model_list.';

create or replace function admin.model_list() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.model_json(m) || jsonb_build_object(
               'projects', q.projects, 'ready', q.ready, 'requests_today', q.today) order by m.name), '[]')
    from pollux.model m,
         lateral (select count(*) as projects, count(*) filter (where ready_at <= pollux.now()) as ready,
                         coalesce(sum(day_requests) filter (
                             where day = pollux.pacific_date(pollux.now())), 0) as today
                  from pollux.quota where model = m.name) q
$$;
comment on function admin.model_list() is
    'Array of {id, name, upstream_name, rpm, tpm, rpd, max_concurrency, aliases, projects, ready, '
    'requests_today}.';

create or replace function api.models() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object('name', n.name, 'alias_of', n.model) order by n.name), '[]')
    from (select name, null as model from pollux.model
          union all
          select alias, model from pollux.model_alias) n
$$;
comment on function api.models() is
    'Array of {name, alias_of}: configured models (alias_of null) and aliases.';
