-- SPDX-License-Identifier: MIT
-- Offer: which models there are. Google shows each project a list of its own; the union of those lists, asked
-- for now and then, with what the operator made of it (aliases, configured models, variants with search,
-- refusals), is the list that clients get.
set check_function_bodies = off;

drop function if exists api.models();

create or replace function api.models_due() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := pollux.now();
    v_every interval := make_interval(mins => pollux.setting('models_refresh_minutes')::integer);
    v_projects bigint[];
begin
    if exists (select from pollux.model_offer where asked_at > v_now - v_every)
       or not pg_try_advisory_xact_lock(hashtext('pollux.model_offer')) then
        return case when exists (select from pollux.model_card) then '[]'::jsonb else 'null' end;
    end if;
    select array_agg(project_id) into v_projects from (
        select c.project_id from pollux.credential c left join pollux.model_offer o using (project_id)
        where c.enabled and c.dead_reason is null and c.removed_at is null
        group by c.project_id, o.asked_at order by o.asked_at nulls first, random()
        limit pollux.setting('models_refresh_projects')::integer) p;
    insert into pollux.model_offer (project_id, asked_at) select p, v_now from unnest(v_projects) p
    on conflict (project_id) do update set asked_at = excluded.asked_at;
    return (
        select coalesce(jsonb_agg(id),
                        case when exists (select from pollux.model_card) then '[]'::jsonb else 'null' end)
        from (select distinct on (project_id) id from pollux.credential
              where project_id = any (v_projects) and enabled and dead_reason is null and removed_at is null
              order by project_id, priority, id) c);
end
$$;
comment on function api.models_due() is
    'Array of credentials, one per project, whose lists of models shall be asked for now; as a rule empty. '
    'Who gets them answers with api.models_offered() for each; nobody else gets them for '
    'models_refresh_minutes. Null: nobody''s turn, but nothing is known so far.';

create or replace function api.models_offered(p_project bigint, p_cards jsonb) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := pollux.now();
    v_every interval := make_interval(mins => pollux.setting('models_refresh_minutes')::integer);
    v_names text[];
begin
    if p_cards is null then
        update pollux.model_offer set asked_at = v_now - v_every + interval '1 minute'
        where asked_at > v_now - v_every + interval '1 minute' and answered_at is distinct from asked_at;
        return 0;
    end if;
    select array_agg(name order by name) into v_names from (
        select distinct regexp_replace(c ->> 'name', '^models/', '') collate "C" as name
        from jsonb_array_elements(p_cards) c) n
    where pollux.model_name_ok(name);
    insert into pollux.model_card (name, card, seen_at)
    select distinct on (name) name, c, v_now
    from (select regexp_replace(c ->> 'name', '^models/', '') collate "C" as name, c
          from jsonb_array_elements(p_cards) c) n
    where name = any (v_names) order by name
    on conflict (name) do update set card = excluded.card, seen_at = excluded.seen_at;
    insert into pollux.model_offer (project_id, names, asked_at, answered_at)
    values (p_project, coalesce(v_names, '{}'), v_now, v_now)
    on conflict (project_id) do update
    set names = excluded.names, asked_at = excluded.asked_at, answered_at = excluded.answered_at;
    return coalesce(cardinality(v_names), 0);
end
$$;
comment on function api.models_offered(bigint, jsonb) is
    'The list of models that a project was shown, as Google writes models; answers how many. Null: a list '
    'could not be had; what was asked for and has not been answered may be asked for again in a minute, if '
    'nobody answered.';

create or replace function pollux.model_can_search(p_upstream text, p_card jsonb) returns boolean
language sql immutable as $$
    select p_upstream ~ '^gemini-' and p_upstream !~ '^gemini-1'
           and p_upstream !~ '(-image|-tts|-live|-audio|embedding|computer-use|robotics)'
           and (p_card is null or p_card -> 'supportedGenerationMethods' ? 'generateContent')
$$;
comment on function pollux.model_can_search(text, jsonb) is
    'Whether lists show a variant with Google Search of a model: a guess by its name and what it says it can '
    'do.';

create or replace function pollux.model_cards()
returns table (name text, resolved text, upstream text, card jsonb)
language sql stable as $$
    with offered as (
        select distinct n.name collate "C" as name
        from pollux.model_offer o cross join lateral unnest(o.names) n(name)
        where exists (select from pollux.credential c
                      where c.project_id = o.project_id and c.removed_at is null)
    ), named as (
        select o.name, coalesce(a.model, o.name) as resolved
        from offered o left join pollux.model_alias a on a.alias = o.name
        union
        select m.name, m.name from pollux.model m
        union
        select a.alias, a.model from pollux.model_alias a
    ), known as (
        select n.name, n.resolved, coalesce(m.upstream_name, n.resolved) as upstream
        from named n left join pollux.model m on m.name = n.resolved
    )
    select k.name, k.resolved, k.upstream, c.card
    from known k left join pollux.model_card c on c.name = k.upstream
$$;
comment on function pollux.model_cards() is
    'Every name that a client may use, but for variants with search: what it stands for, what Google calls '
    'that, and how Google describes it (null if no list had it).';

create or replace function api.models(p_client bigint) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with every as (
        select name, resolved, upstream, card, '' as suffix from pollux.model_cards()
        union all
        select k.name || '-search', k.resolved, k.upstream, k.card, ' with Google Search'
        from pollux.model_cards() k, pollux.model_preset g
        where g.search and pollux.model_can_search(k.upstream, k.card)
          and not exists (select from pollux.model_cards() x where x.name = k.name || '-search')
    )
    select coalesce(jsonb_agg(
               coalesce(e.card, jsonb_build_object('supportedGenerationMethods',
                                                   jsonb_build_array('generateContent', 'countTokens')))
               || jsonb_build_object('name', 'models/' || e.name,
                                     'displayName', coalesce(e.card ->> 'displayName', e.name) || e.suffix)
               order by e.name collate "C"), '[]')
    from every e
    left join pollux.model_preset g on true
    left join pollux.client c on c.id = p_client
    where not pollux.model_hidden(g.allow, g.deny, array[e.name, e.resolved, e.upstream])
      and (c.models is null or pollux.client_may(c.models, e.name, e.resolved))
$$;
comment on function api.models(bigint) is
    'The models that a client may ask for (null: any client), as Google writes them: what the credentials are '
    'offered, configured models, aliases, variants with search; without those that are denied.';
