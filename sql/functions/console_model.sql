-- SPDX-License-Identifier: MIT
-- Console: models, configured or used.
set check_function_bodies = off;

create or replace function pollux.model_counts()
returns table (model text, projects bigint, ready bigint, spent bigint, resting bigint, "out" bigint, today bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select q.model, count(*), count(*) filter (where q.ready_at <= m.now),
           count(*) filter (where q.ready_at > m.now and q.reason like 'spent%'),
           count(*) filter (where q.ready_at > m.now and q.ready_at < 'infinity' and coalesce(q.reason, '') not like 'spent%'),
           count(*) filter (where q.ready_at = 'infinity'),
           sum(pollux.quota_today(q.day, q.day_requests, q.late_requests, m.day))
    from pollux.quota q, pollux.report_moment() m group by q.model
$$;
comment on function pollux.model_counts() is
    'Of each model that was used (empty: calls that concern none): projects that were used for it, how many of them are '
    'ready, spent, resting or out, and its requests today.';

create or replace function pollux.count_models() returns jsonb
language sql stable as $$
    select coalesce(jsonb_object_agg(c.model, to_jsonb(c)), '{}') from pollux.model_counts() c
$$;
comment on function pollux.count_models() is 'model_counts() as an object: {model: {projects, ready, spent, resting, out, today}}.';

create or replace function pollux.model_figures()
returns table (model text, projects bigint, ready bigint, spent bigint, resting bigint, "out" bigint, today bigint)
language sql volatile as $$
    select k.name, c.projects, c.ready, c.spent, c.resting, c.out, coalesce(c.today, 0)
    from (select name from pollux.model union select model from pollux.model_state where model <> '') k
    left join jsonb_each(case when pollux.pool_large() then pollux.console_cached('models') else pollux.count_models() end) m on m.key = k.name
    left join jsonb_to_record(m.value) c(projects bigint, ready bigint, spent bigint, resting bigint, "out" bigint, today bigint) on true
$$;
comment on function pollux.model_figures() is
    'model_counts() by all models, configured or asked for (null, but 0 today: never used), of this moment or, in a large pool, up to a minute '
    'old (see console_cache.sql).';

create or replace function admin.console_model_list(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_after jsonb := pollux.param_cursor(p);
    v_q text := lower(pollux.param_text(p, 'q', 100));
    v_used jsonb := pollux.console_cached('models');
    v_left jsonb := (select coalesce(jsonb_object_agg(m ->> 'model', m), '{}')
                     from jsonb_array_elements(pollux.console_cached('capacity')) m);
begin
    return (
        with known as materialized (
            select name from pollux.model
            union
            select model from pollux.model_state where model <> ''
        ), found as (
            select name, row_number() over (
                order by coalesce((v_used -> name ->> 'today')::bigint, 0) desc, name) as n
            from known k where v_q is null or strpos(lower(name), v_q) > 0
                or exists (select from pollux.model_alias a where a.model = k.name and strpos(lower(a.alias), v_q) > 0)
        ), page as (
            select * from found where n > coalesce((v_after ->> 0)::bigint, 0) order by n limit v_limit
        )
        select jsonb_build_object(
            'items', coalesce((select jsonb_agg(pollux.model_row(name, v_used -> name, v_left -> name) order by n)
                               from page), '[]'),
            'next', (select jsonb_build_array(max(n))::text from page having max(n) < (select count(*) from found)),
            'total', (select count(*) from found), 'total_exact', true));
end
$$;
comment on function admin.console_model_list(jsonb) is
    'A list (see console.h), the most used today first. Filter: q. Items: {model, configured, confirmed, projects, '
    'ready, spent, out, requests_today, limit, left, source, unknown, learned (see count_capacity)} and, if configured, what '
    'admin.model_list tells.';

create or replace function pollux.model_row(p_name text, p_used jsonb, p_left jsonb) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'model', p_name, 'configured', m.name is not null, 'confirmed', s.confirmed,
        'projects', coalesce(p_used -> 'projects', '0'), 'ready', coalesce(p_used -> 'ready', '0'),
        'spent', coalesce(p_used -> 'spent', '0'), 'out', coalesce(p_used -> 'out', '0'),
        'requests_today', coalesce(p_used -> 'today', '0'), 'limit', p_left -> 'limit', 'left', p_left -> 'left',
        'source', p_left -> 'source', 'unknown', coalesce(p_left -> 'unknown', '0'), 'learned', coalesce(p_left -> 'learned', '{}'))
        || coalesce((select pollux.model_json(c) from pollux.model c where c.name = p_name), '{}')
    from (select) one left join pollux.model m on m.name = p_name left join pollux.model_state s on s.model = p_name
$$;
comment on function pollux.model_row(text, jsonb, jsonb) is 'A model as the console''s list shows it.';

create or replace function admin.console_model_get(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_name text := pollux.param_text(p, 'name', 200, true);
begin
    if not exists (select from pollux.model where name = v_name)
       and not exists (select from pollux.model_state where model = v_name) then
        return null;
    end if;
    return pollux.model_row(v_name, pollux.console_cached('models') -> v_name, (
               select m from jsonb_array_elements(pollux.console_cached('capacity')) m where m ->> 'model' = v_name))
        || jsonb_build_object('search_name', case when pollux.setting_on('search_variants') and v_name !~ '-search$'
                                                  then v_name || '-search' end, 'usage', (
            select coalesce(jsonb_agg(to_jsonb(u) order by u.day), '[]') from (
                select pollux.pacific_date(hour) as day, sum(requests) as requests, sum(errors) as errors,
                       sum(prompt_tokens) as prompt_tokens, sum(output_tokens) as output_tokens,
                       sum(thoughts_tokens) as thoughts_tokens, sum(total_tokens) as total_tokens, sum(cost) as cost
                from (select hour, requests, errors, prompt_tokens, output_tokens, thoughts_tokens, total_tokens, cost
                      from pollux.usage_brief where model = v_name and hour > (select pollux.now()) - interval '31 days'
                      union all
                      select hour, requests, errors, prompt_tokens, output_tokens, thoughts_tokens, total_tokens, cost
                      from pollux.usage_unsummed(pollux.now() - interval '2 hours', false)
                      where model = v_name) h
                group by 1) u));
end
$$;
comment on function admin.console_model_get(jsonb) is
    'p: {name}. The model as in the list, search_name: what it is called with Google Search, usage of the last 31 days of America/Los_Angeles: [{day, requests, '
    'errors, ..._tokens, cost}].';

create or replace function admin.console_model_set(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.model_set(pollux.param_text(p, 'name', 200, true), p - array['name', '_session', '_admin'])
$$;
comment on function admin.console_model_set(jsonb) is
    'p: {name, and what admin.model_set takes}; null clears, what is absent stays; an unknown model is made. Answers '
    'the model as admin.model_list does.';

create or replace function admin.console_model_remove(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    m pollux.model;
    v_was jsonb;
begin
    select * into m from pollux.model where name = p ->> 'name' for update;
    if m.name is null then
        return null;
    end if;
    v_was := pollux.model_json(m);
    delete from pollux.model where name = m.name;
    update pollux.open_request set gated = false
    where id in (select id from pollux.open_request where model = m.name and gated order by id for update);
    perform pollux.model_relimit(m.name);
    return v_was;
end
$$;
comment on function admin.console_model_remove(jsonb) is
    'p: {name}. Forgets what was configured for a model, its aliases included; it is forwarded as it is from then on. '
    'Answers it as it was: posting that to model_set brings it back.';

create or replace function admin.console_model_reset(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_answer jsonb := admin.model_reset(pollux.param_text(p, 'name', 200, true));
begin
    if v_answer is not null then
        perform pollux.audit(null, 'model.reset', p ->> 'name', null, v_answer - 'model');
    end if;
    return v_answer;
end
$$;
comment on function admin.console_model_reset(jsonb) is
    'p: {name}. Ends all its rests and forgets its learned limits: {model, projects}.';
