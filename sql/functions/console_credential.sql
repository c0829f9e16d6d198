-- SPDX-License-Identifier: MIT
-- Console: credentials. One list for keys and accounts, made for 100,000 of them.
set check_function_bodies = off;

------------------------------------------------------------------------------------------------- which of them

-- (A subquery that gives a value is asked for each credential; an "exists" may be answered by reading all of quota.)
create or replace function pollux.credential_rests(p_model text, p_now timestamptz) returns text
language sql immutable as $$
    select case when p_model is not null then format(
        'coalesce((select q.ready_at > %2$L from pollux.quota q where q.project_id = c.project_id and q.model = %1$L), false)',
        p_model, p_now)
    else format('coalesce((select bool_and(q.ready_at > %L) from pollux.quota q where q.project_id = c.project_id), false)', p_now) end
$$;
comment on function pollux.credential_rests(text, timestamptz) is
    'SQL condition: the project of credential c rests for the model, or (null) for all it was used for.';

-- Two conditions: `cheap` can be decided by the row itself, `rests` needs a look at the quota of its project.
drop function if exists pollux.credential_filter(jsonb);
drop function if exists pollux.credential_search(text);
drop function if exists pollux.credential_total(jsonb, text, text, jsonb);
create or replace function pollux.credential_filter(p jsonb, out cheap text, out rests text, out many boolean)
language plpgsql stable as $$
declare
    v_state text := pollux.param_choice(p, 'state', '{ready,resting,dead,disabled,removed}');
    v_model text := pollux.param_text(p, 'model');
    v_rests text := pollux.credential_rests(v_model, pollux.now());
    v_search text;
begin
    cheap := case when v_state = 'removed' then 'c.archived_at is not null' else 'c.removed_at is null' end;
    v_state := coalesce(v_state, case when v_model is not null then 'resting' end);
    cheap := cheap || case v_state
        when 'disabled' then ' and not c.enabled'
        when 'dead' then ' and c.enabled and c.dead_reason is not null and c.rest_until is null'
        when 'resting' then ' and c.enabled and (c.dead_reason is null or c.rest_until is not null)'
        when 'ready' then ' and c.enabled and c.dead_reason is null' else '' end;
    rests := case v_state when 'resting' then format('(c.rest_until is not null or %s)', v_rests)
                          when 'ready' then format('not %s', v_rests) end;
    if pollux.param_choice(p, 'kind', '{api_key,account}') is not null then
        cheap := cheap || format(' and c.kind = %L', p ->> 'kind');
    end if;
    if pollux.param_text(p, 'project') is not null then
        cheap := cheap || format(' and c.project_id = (select id from pollux.project where name = %L)', p ->> 'project');
    end if;
    if pollux.param_text(p, 'tag') is not null then
        cheap := cheap || format(' and c.tags @> array[%L]', p ->> 'tag');
    end if;
    if pollux.param_text(p, 'q', 100) is not null then
        v_search := pollux.credential_search(lower(p ->> 'q'), v_state is not distinct from 'removed');
        cheap := cheap || ' and ' || v_search;
    end if;
    many := v_search like '(c.search %';
end
$$;
comment on function pollux.credential_filter(jsonb) is
    'SQL conditions on credential c, to be put together with "and", for the filters state (ready, resting, dead, '
    'disabled, removed), model (state with regard to it; alone: resting for it), kind, project, tag, q (label, ending, '
    'notes, project). rests: null if the first says it all; many: more than 10000 have what q looks for.';

-- What few have is found by the indexes of search.sql (or by one look at all); what many have is soon met on the way
-- through a list.
create or replace function pollux.credential_search(p_q text, p_removed boolean) returns text
language plpgsql stable as $$
declare
    v_like text := '%' || regexp_replace(p_q, '([\\%_])', '\\\1', 'g') || '%';
    v_ids bigint[];
    v_projects bigint[];
begin
    execute format(
        'select array_agg(id) from (
             (select c.id from pollux.credential c where c.search like %1$L and %2$s limit 10001)
             union
             (select c.id from pollux.project p join pollux.credential c on c.project_id = p.id
              where p.search like %1$L and %2$s limit 10001)) x',
        v_like, case when p_removed then 'c.archived_at is not null' else 'c.removed_at is null' end) into v_ids;
    if coalesce(cardinality(v_ids), 0) <= 10000 then
        return format('c.id = any (%L::bigint[])', coalesce(v_ids, '{}'));
    end if;
    v_projects := array(select id from pollux.project where search like v_like limit 10001);
    return format(case when cardinality(v_projects) <= 10000 then '(c.search like %1$L or c.project_id = any (%2$L::bigint[]))'
                       else '(c.search like %1$L or (select p.search like %1$L from pollux.project p where p.id = c.project_id))' end,
                  v_like, v_projects);
end
$$;
comment on function pollux.credential_search(text, boolean) is
    'SQL condition: a text (in lower case) stands in the label, ending or notes of credential c or in the name of its project.';

drop function if exists pollux.credential_resting(text, timestamptz);
drop function if exists pollux.credential_where(jsonb);
drop function if exists pollux.credential_sort(text);
create or replace function pollux.credential_sort(p_sort text, out key text, out type text, out source text, out id text)
language plpgsql immutable as $$
begin
    source := 'pollux.credential c';
    id := 'c.id';
    case ltrim(p_sort, '-')
        when 'id' then key := 'c.id'; type := 'bigint';
        when 'label' then key := 'coalesce(lower(c.label), '''')'; type := 'text';
        when 'project' then key := 'r.search'; type := 'text collate "C"';
            source := 'pollux.project r join pollux.credential c on c.project_id = r.id';
        when 'priority' then key := 'c.priority'; type := 'integer';
        when 'last_used_at' then key := 'u.used_at'; type := 'timestamptz'; id := 'u.credential_id';
            source := 'pollux.credential_use u join pollux.credential c on c.id = u.credential_id';
        else raise exception '"sort" must be one of: id, label, project, priority, last_used_at, or with - before it'
             using errcode = 'PX400';
    end case;
end
$$;
comment on function pollux.credential_sort(text) is
    'What a list is sorted by: SQL expression and its type, what to select from, and the id that breaks ties. Each order has '
    'an index, so that a page costs the same wherever it is.';

-- Goes through the list in its order until the page is full. Where that needs a look at the quota of each, it does
-- so some hundred at a time, and after a twentieth of a second gives what it has: the next page goes on from there.
create or replace function pollux.credential_page(
    p_cheap text, p_rests text, p_sort text, p_cursor jsonb, p_limit bigint, p_count boolean,
    out ids bigint[], out next jsonb, out total bigint, out whole boolean
)
language plpgsql stable as $$
declare
    v_key record := pollux.credential_sort(p_sort);
    v_order text := case when p_sort like '-%' then 'desc' else 'asc' end;
    v_chunk bigint := case when p_rests is null then p_limit + 1 else greatest(p_limit + 1, 500) end;
    v_began timestamptz := clock_timestamp();
    v_cursor jsonb := p_cursor;
    v_cursors jsonb[] := '{}';
    v_more record;
begin
    ids := '{}';
    loop
        execute format(
            'select coalesce(array_agg(x.id order by n) filter (where hit), ''{}'') as ids,
                    coalesce(array_agg(x.at order by n) filter (where hit), ''{}'') as cursors,
                    count(*) as looked, (array_agg(x.at order by n desc))[1] as last
             from (select c.id, jsonb_build_array(c.key, c.id) as at, row_number() over () as n, %1$s as hit
                   from (select c.id, c.project_id, c.rest_until, %2$s as key from %3$s where %4$s%5$s
                         order by %2$s %6$s, %7$s %6$s limit %8$s) c) x',
            coalesce(p_rests, 'true'), v_key.key, v_key.source, p_cheap, case when v_cursor is not null then format(
                ' and (%1$s, %2$s) %3$s (%4$L::%5$s, %6$L::bigint) and %1$s %3$s= %4$L::%5$s', v_key.key, v_key.id,
                case v_order when 'asc' then '>' else '<' end, v_cursor ->> 0, v_key.type, v_cursor ->> 1) else '' end,
            v_order, v_key.id, v_chunk) into v_more;
        ids := ids || v_more.ids;
        v_cursors := v_cursors || v_more.cursors;
        v_cursor := v_more.last;
        whole := v_more.looked < v_chunk;
        exit when whole or clock_timestamp() > v_began + interval '50 milliseconds'
                  or cardinality(ids) > p_limit and not p_count;
        v_chunk := least(2 * v_chunk, 2000);
    end loop;
    total := cardinality(ids);
    if total > p_limit then
        next := v_cursors[p_limit];
        ids := ids[1:p_limit];
    elsif not whole then
        next := v_cursor;
    end if;
end
$$;
comment on function pollux.credential_page(text, text, text, jsonb, bigint, boolean) is
    'A page of credentials by the conditions of credential_filter, an order, and the cursor of the page before ([key, id], '
    'null: the first): ids in their order, next: the cursor, null at the end. total: how many were found on the way; with '
    'p_count it goes on counting as long as there is time. whole: the end was reached.';

create or replace function pollux.credential_more(c pollux.credential) returns jsonb
language sql stable as $$
    select pollux.credential_json(c)
           || jsonb_build_object('tags', to_jsonb(c.tags), 'notes', c.notes, 'dead_at', c.dead_at)
           || case when c.removed_at is null then '{}'::jsonb
                   else jsonb_build_object('state', 'removed', 'removed_at', c.removed_at) end
$$;
comment on function pollux.credential_more(pollux.credential) is 'A credential as the console''s list shows it.';

-- The whole pool and each state were counted; a search, a tag and the like are counted now, up to 10000.
create or replace function pollux.credential_total(
    p jsonb, p_cheap text, p_rests text, p_many boolean, p_counts jsonb, out total bigint, out exact boolean, out more boolean
)
language plpgsql stable as $$
begin
    exact := true;
    more := false;
    if coalesce(nullif(p ->> 'q', ''), nullif(p ->> 'model', ''), nullif(p ->> 'kind', ''), nullif(p ->> 'project', ''),
                nullif(p ->> 'tag', '')) is null and p ->> 'state' is distinct from 'removed' then
        total := p_counts ->> case coalesce(p ->> 'state', '') when '' then 'total' when 'dead' then 'broken' else p ->> 'state' end;
        exact := coalesce(p ->> 'state', '') not in ('ready', 'resting') or not pollux.pool_large();
    elsif p_many and coalesce(nullif(p ->> 'state', ''), nullif(p ->> 'model', ''), nullif(p ->> 'kind', ''),
                              nullif(p ->> 'project', ''), nullif(p ->> 'tag', '')) is null then
        total := 10000;
        more := true;
        exact := false;
    elsif p_rests is null and not coalesce(p_many, false) then
        execute format('select count(*) from (select from pollux.credential c where %s limit 10001) x', p_cheap) into total;
        more := total > 10000;
        exact := not more;
        total := least(total, 10000);
    end if;
end
$$;
comment on function pollux.credential_total(jsonb, text, text, boolean, jsonb) is
    'How many credentials the filters leave, and whether that is exact or (more) at least so many; null if that cannot be '
    'said without a look at each (a state, or besides other filters a search for what many have).';

create or replace function pollux.credential_items(p_ids bigint[]) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(pollux.credential_more(c) order by n), '[]')
    from unnest(p_ids) with ordinality i(id, n) join pollux.credential c on c.id = i.id
$$;
comment on function pollux.credential_items(bigint[]) is 'These credentials as the console''s list shows them, in that order.';

create or replace function admin.console_credential_list(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_sort text := coalesce(pollux.param_text(p, 'sort'), '-id');
    v_cursor jsonb := pollux.param_cursor(p);
    v_filter record := pollux.credential_filter(p);
    v_counts jsonb;
    v_total record;
    v_page record;
begin
    if ltrim(v_sort, '-') = 'last_used_at' and not pollux.pool_large() then
        perform pollux.use_roll();
    end if;
    if v_cursor is not null then
        v_page := pollux.credential_page(v_filter.cheap, v_filter.rests, v_sort, v_cursor, v_limit, false);
        return jsonb_build_object('items', pollux.credential_items(v_page.ids), 'next', v_page.next::text);
    end if;
    v_counts := pollux.credential_counts();
    v_total := pollux.credential_total(p, v_filter.cheap, v_filter.rests, v_filter.many, v_counts);
    v_page := pollux.credential_page(v_filter.cheap, v_filter.rests, v_sort, null, v_limit, v_total.total is null);
    if v_total.total is null then
        select v_page.total as total, v_page.whole as exact, not v_page.whole as more into v_total;
    end if;
    return jsonb_build_object('items', pollux.credential_items(v_page.ids), 'next', v_page.next::text, 'total', v_total.total,
                              'total_exact', v_total.exact, 'total_more', v_total.more, 'counts', v_counts - 'reasons');
end
$$;
comment on function admin.console_credential_list(jsonb) is
    'A list (see console.h). Filters: see pollux.credential_filter; sort: id, label, project, priority, '
    'last_used_at (in a large pool as it was up to a minute ago). Items: {id, project, kind, label, hint, priority, '
    'state, reason, until, created_at, dead_at, last_used_at, requests_today, tags, notes}. The first page has total, '
    'total_more (there are more than that) and counts {total, ready, resting, broken, disabled} of the whole pool. A page '
    'with few items and a next has looked for a twentieth of a second: go on for more.';

----------------------------------------------------------------------------------------------------- one of them

create or replace function pollux.credential_of(p jsonb) returns pollux.credential
language plpgsql volatile as $$
declare
    c pollux.credential;
begin
    if coalesce(p ->> 'id', '') ~ '^[0-9]{1,18}$' then
        select * into c from pollux.credential where id = (p ->> 'id')::bigint for no key update;
    end if;
    if c.id is null then
        perform pollux.refuse(404, 'there is no credential with this id');
    end if;
    return c;
end
$$;
comment on function pollux.credential_of(jsonb) is 'The credential whose id stands in the params, locked; or 404.';

create or replace function pollux.credential_quota(p_project bigint) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'model', model, 'state', state, 'reason', reason, 'until', until,
        'requests_this_minute', requests_this_minute, 'rpm', rpm, 'tokens_this_minute', tokens_this_minute,
        'tpm', tpm, 'requests_today', requests_today, 'rpd', rpd, 'learned_at', learned_at, 'failures', failures,
        'last_used_at', last_used_at) order by last_used_at desc nulls last, model), '[]')
    from report.quota where project_id = p_project
$$;
comment on function pollux.credential_quota(bigint) is 'A project''s quota by model, as in report.quota.';

create or replace function pollux.credential_history(c pollux.credential, p_limit integer) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', e.id, 'at', e.at, 'state', e.detail ->> 'to', 'from', e.detail ->> 'from',
        'model', e.detail ->> 'model', 'reason', e.detail ->> 'why', 'until', e.detail ->> 'until')
        order by e.id desc), '[]')
    from (select * from (
              (select * from pollux.event where kind = 'state' and (detail ->> 'credential_id')::bigint = c.id
               order by id desc limit p_limit)
              union all
              (select * from pollux.event where kind = 'state' and (detail ->> 'project_id')::bigint = c.project_id
                   and detail ->> 'credential_id' is null
               order by id desc limit p_limit)) both_kinds
          order by id desc limit p_limit) e
$$;
comment on function pollux.credential_history(pollux.credential, integer) is
    'The last changes of state of a credential, and of its project for a model.';

-- Events are kept for retention_days: before the first that is left it was what that one says it was.
create or replace function pollux.credential_life(c pollux.credential) returns jsonb
language sql stable as $$
    with turns as (
        select e.id, e.at, e.detail ->> 'from' as before, e.detail ->> 'to' as state
        from pollux.event e
        where e.kind = 'state' and (e.detail ->> 'credential_id')::bigint = c.id and e.detail ->> 'model' is null
        order by e.id desc limit 500
    ), spans as (
        select at, state from turns
        union all
        select c.created_at, coalesce((select before from turns order by id limit 1), pollux.credential_state(c))
        where not exists (select from turns where at <= c.created_at)
    )
    select coalesce(jsonb_agg(jsonb_build_object('at', at, 'state', case when state in ('new', 'archived') then 'ready'
                                                                         else state end) order by at), '[]')
    from spans
$$;
comment on function pollux.credential_life(pollux.credential) is
    'The states of a credential itself from its beginning on, oldest first: [{at: since when, state: ready | resting | dead '
    '| disabled | removed}]; of more than 500 changes the last ones.';

-- Product-limit estimate: of those that were seen to the end of a step, how many lived through it. Who was removed or
-- switched off by hand, or is alive, counts for as long as it was watched.
create or replace function pollux.count_survival() returns jsonb
language sql stable as $$
    with lives as materialized (
        select greatest(extract(epoch from coalesce(case when c.dead_reason is not null then c.dead_at end, c.removed_at,
                                                    m.now) - c.created_at), 0) as seconds,
               c.dead_reason is not null and c.dead_at is not null as died, c.dead_reason
        from pollux.credential c, (select pollux.now() as now) m
    ), scale as (
        select case when coalesce(max(seconds), 0) < 3 * 86400 then 3600 else 86400 end as step,
               least(coalesce(max(seconds), 0) / case when coalesce(max(seconds), 0) < 3 * 86400 then 3600 else 86400 end,
                     730)::integer as steps
        from lives
    ), ends as (
        select floor(seconds / step)::integer + 1 as n, count(*) as gone, count(*) filter (where died) as died
        from lives, scale group by 1
    ), risk as (
        select s.n, coalesce(e.died, 0) as died,
               (select count(*) from lives) - coalesce(sum(e.gone) over (order by s.n rows between unbounded preceding
                                                                         and 1 preceding), 0) as watched
        from generate_series(1, (select steps + 1 from scale)) s(n) left join ends e using (n)
    ), curve as (
        select n, died, watched,
               case when bool_or(died = watched) over w then 0
                    else exp(sum(ln(1 - died::float8 / case when died = watched then died + 1 else watched end)) over w)
               end as alive
        from risk where watched > 0 window w as (order by n)
    )
    select jsonb_build_object(
        'step_s', (select step from scale), 'added', (select count(*) from lives),
        'died', (select count(*) from lives where died),
        'points', jsonb_build_array(jsonb_build_object('step', 0, 'alive', 1, 'watched', (select count(*) from lives), 'died', 0))
            || coalesce((select jsonb_agg(jsonb_build_object('step', n, 'alive', round(alive::numeric, 4),
                                                             'watched', watched, 'died', died) order by n) from curve), '[]'),
        'reasons', (select coalesce(jsonb_agg(to_jsonb(r) order by r.count desc, r.reason), '[]') from (
            select dead_reason as reason, count(*) as count from lives where died group by 1 order by 2 desc limit 8) r))
$$;
comment on function pollux.count_survival() is
    'How long credentials live until Google refuses them: {step_s: an hour, or a day once the oldest is three days old, '
    'added, died, points: [{step: so many steps after it was added, alive: share, watched: how many were so old, died: in '
    'that step}], reasons: [{reason, count}] of those that died}. A credential that was revived has not died.';

create or replace function admin.console_credential_survival(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.console_cached('survival')
$$;
comment on function admin.console_credential_survival(jsonb) is 'What pollux.count_survival() answers.';

-- There is no index by credential: it would cost every request something.
create or replace function pollux.credential_attempts(p_id bigint, p_limit bigint) returns jsonb
language plpgsql stable as $$
declare
    v_since timestamptz := coalesce((select started_at from pollux.request order by started_at desc, id desc
                                     offset 50000 limit 1), '-infinity');
begin
    return (
        select coalesce(jsonb_agg(to_jsonb(a) order by a.started_at desc), '[]')
        from (select request_id, n, started_at, nullif(model, '') as model, outcome, status, duration_ms, error
              from pollux.attempt where credential_id = p_id and started_at >= v_since
              order by started_at desc limit p_limit) a);
end
$$;
comment on function pollux.credential_attempts(bigint, bigint) is
    'The last attempts with a credential, among those of the last 50000 requests.';

create or replace function pollux.credential_health(p_id bigint) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(to_jsonb(h) - array['credential_id', 'project', 'project_id', 'label', 'hint', 'state']
                              order by h.last_at desc nulls last, h.model), '[]')
    from report.health h where h.credential_id = p_id
$$;
comment on function pollux.credential_health(bigint) is 'How a credential did by model, as in report.health.';

create or replace function pollux.credential_account(c pollux.credential) returns jsonb
language sql stable as $$
    select jsonb_build_object('account', pollux.account_json(c, a) - array(select jsonb_object_keys(pollux.credential_json(c))))
    from pollux.account a where a.credential_id = c.id
$$;
comment on function pollux.credential_account(pollux.credential) is
    '{account: what pollux.account_json() knows besides of it}; null for a key.';

create or replace function admin.console_credential_get(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential;
begin
    select * into c from pollux.credential
    where id = case when p ->> 'id' ~ '^[0-9]{1,18}$' then (p ->> 'id')::bigint end;
    if c.id is null then
        return null;
    end if;
    return pollux.credential_more(c) || jsonb_build_object(
        'quota', pollux.credential_quota(c.project_id), 'history', pollux.credential_history(c, 100),
        'life', pollux.credential_life(c),
        'attempts', pollux.credential_attempts(c.id, 20), 'health', pollux.credential_health(c.id),
        'shares_project_with', (select count(*) - 1 from pollux.credential
                                where project_id = c.project_id and removed_at is null))
        || coalesce(pollux.credential_account(c), '{}');
end
$$;
comment on function admin.console_credential_get(jsonb) is
    'p: {id}. The credential as in the list, with quota: its project''s by model, history: its last 100 changes of '
    'state, newest first, life: as credential_life(), attempts: the last 20 of them, health: how it did by model (report.health), how many '
    'credentials it shares its project with, and of an account what is known besides (account).';

create or replace function admin.console_credential_attempts(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', pollux.credential_attempts(
        (p ->> 'id')::bigint, pollux.param_number(p, 'limit', 20, 1, 200)))
$$;
comment on function admin.console_credential_attempts(jsonb) is
    'p: {id, limit}. {items: the last attempts, newest first: {request_id, n, started_at, model, outcome, status, '
    'duration_ms, error}}; only those of the last 50000 requests are looked at.';

-------------------------------------------------------------------------------------------------- changing them

create or replace function pollux.words(p_list jsonb, p_name text) returns text[]
language plpgsql immutable as $$
declare
    v_words text[];
begin
    if p_list is null or p_list = 'null' then
        return null;
    elsif jsonb_typeof(p_list) <> 'array' then
        raise exception '"%" must be a list', p_name using errcode = 'PX400';
    end if;
    v_words := array(select distinct btrim(w) from jsonb_array_elements_text(p_list) w where btrim(w) <> '' order by 1);
    if cardinality(v_words) > 50 or exists (select from unnest(v_words) w where w ~ '[[:cntrl:],]' or length(w) > 60) then
        raise exception '"%" may have up to 50 words of up to 60 characters, without commas', p_name
            using errcode = 'PX400';
    end if;
    return v_words;
end
$$;
comment on function pollux.words(jsonb, text) is 'A list of words such as tags, each once; null if absent.';

create or replace function pollux.credential_change(c pollux.credential, p jsonb) returns pollux.credential
language plpgsql volatile as $$
declare
    v_project text := pollux.param_text(p, 'project', 100);
    v_old bigint := c.project_id;
    v_hint text := c.proxy_hint;
    v_add text[] := pollux.words(p -> 'tags_add', 'tags_add');
    v_remove text[] := pollux.words(p -> 'tags_remove', 'tags_remove');
begin
    if v_project ~ '[[:cntrl:]]' then
        raise exception 'a project needs a name of 1 to 100 characters' using errcode = 'PX400';
    elsif v_project is not null then
        perform pollux.project_make(array[v_project]);
        c.project_id := (select id from pollux.project where name = v_project);
    end if;
    c.priority := pollux.param_number(p, 'priority', c.priority, 0, 1000000);
    c.label := case when p ? 'label' then pollux.param_text(p, 'label', 200) else c.label end;
    c.notes := case when p ? 'notes' then pollux.param_text(p, 'notes', 10000) else c.notes end;
    c.tags := coalesce(pollux.words(p -> 'tags', 'tags'), c.tags);
    c.tags := array(select distinct w from unnest(c.tags || coalesce(v_add, '{}')) w
                    where w <> all (coalesce(v_remove, '{}')) order by 1);
    if p ? 'proxy' then
        c.proxy_sealed := decode(p -> 'proxy' ->> 'sealed', 'hex');
        c.proxy_hint := p -> 'proxy' ->> 'hint';
    end if;
    update pollux.credential
    set (project_id, priority, label, notes, tags, proxy_sealed, proxy_hint) =
        (c.project_id, c.priority, c.label, c.notes, c.tags, c.proxy_sealed, c.proxy_hint)
    where id = c.id;
    perform pollux.credential_proxy_told(c.id, v_hint, c.proxy_hint, p ? 'proxy');
    perform pollux.quota_refresh(array[v_old, c.project_id]);
    return c;
end
$$;
comment on function pollux.credential_change(pollux.credential, jsonb) is
    'Changes what stands in p: label, priority, project (a name), notes, tags, tags_add, tags_remove, proxy ({sealed, '
    'hint}, or null for none).';

create or replace function admin.console_credential_set(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential := pollux.credential_change(pollux.credential_of(p), p);
begin
    return pollux.credential_more(c);
end
$$;
comment on function admin.console_credential_set(jsonb) is
    'p: {id, label, priority, project, notes, tags, tags_add, tags_remove, proxy}; what is absent stays. The worker '
    'seals the proxy (an address, or null for none). Answers the credential as in the list.';

create or replace function pollux.credential_do(c pollux.credential, p_action text, p jsonb) returns boolean
language plpgsql volatile as $$
begin
    case p_action
        when 'enable' then perform pollux.credential_switch(c, true);
        when 'disable' then perform pollux.credential_switch(c, false);
        when 'reset' then perform admin.credential_reset(c.id);
        when 'remove' then return pollux.credential_archive(c);
        when 'restore' then return admin.credential_restore(c.id) is not null;
        when 'purge' then return c.archived_at is not null and admin.credential_remove(c.id) is not null;
        when 'test' then return pollux.credential_try(c, pollux.param_text(p, 'model'));
        when 'change' then perform pollux.credential_change(c, p);
    end case;
    return true;
end
$$;
comment on function pollux.credential_do(pollux.credential, text, jsonb) is
    'Does one of enable, disable, reset, remove, restore, purge, test, change to a credential. False: there was nothing '
    'to do.';

create or replace function pollux.credential_switch(c pollux.credential, p_on boolean) returns void
language plpgsql volatile as $$
begin
    if c.kind = 'account' then
        perform admin.account_set_enabled(c.id, p_on);
    else
        perform admin.credential_set_enabled(c.id, p_on);
    end if;
end
$$;
comment on function pollux.credential_switch(pollux.credential, boolean) is 'Takes a key or an account out of use, or back in.';

-- A key is asked whether it works; an account shows it by getting a new access token.
create or replace function pollux.credential_try(c pollux.credential, p_model text) returns boolean
language sql volatile as $$
    select case when c.removed_at is not null then false
                when c.kind = 'account' then pollux.account_refresh_now(c.id) is not null
                else admin.credential_test(c.id, p_model) is not null end
$$;
comment on function pollux.credential_try(pollux.credential, text) is
    'Has a key or an account tested at once, a key for that model (null: one that it is used for). False: it was removed.';

create or replace function pollux.credential_archive(c pollux.credential) returns boolean
language plpgsql volatile as $$
begin
    update pollux.credential set removed_at = pollux.now(), archived_at = pollux.now()
    where id = c.id and removed_at is null;
    if not found then
        return false;
    end if;
    perform pollux.credential_event(c, 'removed', 'by the operator');
    perform pollux.quota_refresh(array[c.project_id]);
    return true;
end
$$;
comment on function pollux.credential_archive(pollux.credential) is
    'Takes a credential out and puts it into the archive, from where it can be brought back.';

-- Of resting and being dead no column is written down: those who put an end to it tell.
create or replace function pollux.credential_brief(c pollux.credential) returns jsonb
language sql stable as $$
    select jsonb_build_object('state', j -> 'state', 'reason', j -> 'reason', 'until', j -> 'until')
    from pollux.credential_json(c) j
$$;
comment on function pollux.credential_brief(pollux.credential) is 'How a credential is, for the audit: {state, reason, until}.';

create or replace function pollux.credential_one(p jsonb, p_action text) returns jsonb
language plpgsql volatile as $$
declare
    v_was pollux.credential := pollux.credential_of(p);
    v_before jsonb := pollux.credential_brief(v_was);
    v_after jsonb;
    c pollux.credential;
begin
    if not pollux.credential_do(v_was, p_action, p) then
        perform pollux.refuse(409, 'there is nothing to do: the credential is not in a state for that');
    end if;
    select * into c from pollux.credential where id = v_was.id;
    v_after := pollux.credential_brief(c);
    if p_action = 'test' then
        perform pollux.audit(null, 'credential.test', c.id::text, null, null);
    elsif p_action = 'reset' or (p_action = 'enable' and v_was.enabled and v_before <> v_after) then
        perform pollux.audit(null, 'credential.reset', c.id::text, v_before, v_after);
    end if;
    return pollux.credential_more(c);
end
$$;
comment on function pollux.credential_one(jsonb, text) is
    'Does something to one credential and says so to the audit. To enable what is enabled is to reset it.';

do $$
declare
    v_action text;
begin
    foreach v_action in array array['enable', 'disable', 'reset', 'remove', 'restore', 'purge', 'test'] loop
        execute format(
            'create or replace function admin.%I(p jsonb) returns jsonb
             language sql volatile security definer set search_path = pg_catalog, pg_temp
             as %L', 'console_credential_' || v_action, format('select pollux.credential_one(p, %L)', v_action));
        execute format('comment on function admin.%I(jsonb) is %L', 'console_credential_' || v_action,
                       format('p: {id}. %s; answers the credential as in the list.', v_action));
    end loop;
end
$$;

create or replace function pollux.credential_seen(p_id bigint) returns jsonb
language sql stable as $$
    select pollux.credential_brief(c) || jsonb_build_object(
        'label', c.label, 'priority', c.priority, 'project', c.project_id, 'tags', c.tags, 'notes', c.notes,
        'removed', c.removed_at, 'archived', c.archived_at)
    from pollux.credential c where id = p_id
$$;
comment on function pollux.credential_seen(bigint) is 'What the audit would tell of a credential, to see whether it changed.';

-- In parts of a few hundred, each its own transaction, so that requests hardly notice and progress can be shown.
create or replace function admin.console_credential_bulk(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_action text := pollux.param_choice(p, 'action',
                                         '{enable,disable,reset,remove,restore,purge,test,change}');
    v_ids bigint[] := pollux.param_ids(p, 'ids');
    v_after bigint := coalesce((pollux.param_cursor(p) ->> 0)::bigint, 0);
    v_filter record;
    v_part bigint[];
    v_next jsonb;
    v_left bigint;
    v_done integer := 0;
    v_id bigint;
    v_was jsonb;
    v_told bigint[] := '{}';
begin
    if p ? 'proxy' then
        perform pollux.refuse(400, 'a proxy is set for one credential at a time');
    elsif v_action is null or (v_ids is null) = (p -> 'filter' is null) then
        perform pollux.refuse(400, 'say "action" and either "ids" or "filter"');
    end if;
    perform pollux.audit_pause(true); -- one row for all
    if v_ids is not null then
        select (array_agg(id order by id))[1:200], count(*) into v_part, v_left
        from pollux.credential where id = any (v_ids) and id > v_after;
        v_next := case when v_left > 200 then jsonb_build_array(v_part[200]) end;
    else
        v_filter := pollux.credential_filter(p -> 'filter');
        select ids, next, total into v_part, v_next, v_left
        from pollux.credential_page(v_filter.cheap, v_filter.rests, 'id', jsonb_build_array(v_after, v_after), 200, v_filter.rests is not null);
        if v_filter.rests is null then
            execute format('select count(*) from pollux.credential c where c.id > %s and %s', v_after, v_filter.cheap) into v_left;
        end if;
    end if;
    perform from pollux.credential where id = any (v_part) order by id for no key update; -- all, before any quota
    foreach v_id in array coalesce(v_part, '{}') loop
        v_was := pollux.credential_seen(v_id);
        if pollux.credential_do(pollux.credential_of(jsonb_build_object('id', v_id)), v_action, p) then
            v_done := v_done + 1;
            v_told := v_told || case when v_action in ('reset', 'test') or pollux.credential_seen(v_id) <> v_was then v_id end;
        end if;
    end loop;
    v_told := array_remove(v_told, null);
    if v_told <> '{}' then
        perform pollux.audit(null, 'credential.' || v_action,
            case when cardinality(v_told) = 1 then '1 credential' else cardinality(v_told) || ' credentials' end, null,
            jsonb_strip_nulls(jsonb_build_object('ids', to_jsonb(v_told), 'filter', p -> 'filter')) || (
                select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(p)
                where key in ('label', 'priority', 'project', 'notes', 'tags', 'tags_add', 'tags_remove', 'model')));
    end if;
    v_left := v_left - coalesce(cardinality(v_part), 0);
    return jsonb_build_object('done', v_done, 'seen', coalesce(cardinality(v_part), 0), 'left', v_left, 'next', v_next::text, 'ids', to_jsonb(v_told));
end
$$;
comment on function admin.console_credential_bulk(jsonb) is
    'p: {action: enable | disable | reset | remove | restore | purge | test | change, ids: [...] or filter: {as for the '
    'list}, after}; change takes what credential_set does. Does it to up to 200, and answers {done, seen, left (of a '
    'filter: at least so many), next, ids: of those that are different now}: repeat with after = next until that is null. One '
    'row of the audit for each call, with these ids.';

-------------------------------------------------------------------------------------------------- new ones

create or replace function admin.console_credential_preview(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('new', count(distinct k ->> 'fingerprint') filter (where c.id is null),
                              'known', count(*) - count(distinct k ->> 'fingerprint') filter (where c.id is null))
    from jsonb_array_elements(p -> 'sealed') k
    left join pollux.credential c on c.fingerprint = decode(k ->> 'fingerprint', 'hex') and c.removed_at is null
$$;
comment on function admin.console_credential_preview(jsonb) is
    'p: {sealed: as for credential_add}. {new, known}: what adding them would do; what stands there twice is known the '
    'second time.';

create or replace function admin.console_credential_add(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.credential_add(
        pollux.param_text(p, 'project', 100), pollux.param_text(p, 'label', 200),
        pollux.param_number(p, 'priority', null, 0, 1000000)::integer, p -> 'sealed')
$$;
comment on function admin.console_credential_add(jsonb) is
    'p: {sealed: [{fingerprint, sealed, hint, proxy: {sealed, hint} or absent}], project, label, priority}; the worker '
    'seals keys and proxy. {new, known, ids}: ids of all of them.';

------------------------------------------------------------------------------------------------- out of here

create or replace function admin.console_credential_export(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_filter record := pollux.credential_filter(p);
    v_page record := pollux.credential_page(v_filter.cheap, v_filter.rests, 'id', pollux.param_cursor(p), 1000, false);
    v_rows text;
begin
    select string_agg(pollux.csv_line(array[
               c.id::text, j ->> 'project', j ->> 'kind', j ->> 'label', j ->> 'hint', j ->> 'priority', j ->> 'state',
               j ->> 'reason', j ->> 'until', j ->> 'created_at', j ->> 'last_used_at', j ->> 'requests_today',
               array_to_string(c.tags, ' '), c.notes]), '' order by c.id) into v_rows
    from pollux.credential c, lateral (select pollux.credential_more(c) as j offset 0) x where c.id = any (v_page.ids);
    return jsonb_build_object(
        'text', case when pollux.param_cursor(p) is null then pollux.csv_line(array['id', 'project', 'kind', 'label', 'ending',
            'priority', 'state', 'reason', 'until', 'created_at', 'last_used_at', 'requests_today', 'tags', 'notes'])
            else '' end || coalesce(v_rows, ''),
        'next', v_page.next::text);
end
$$;
comment on function admin.console_credential_export(jsonb) is
    'A piece of the CSV of all credentials that the filters leave, without secrets: {text, next}.';

create or replace function pollux.csv_line(p_fields text[]) returns text
language sql immutable as $$
    select string_agg(case when f ~ '^[=+@\t\r\n＝＋－＠-]' and f !~ '^-?[0-9.]+$' then '"''' || replace(f, '"', '""') || '"'
                           when f ~ '[",\r\n]' then '"' || replace(f, '"', '""') || '"'
                           else coalesce(f, '') end, ',' order by n) || E'\r\n'
    from unnest(p_fields) with ordinality x(f, n)
$$;
comment on function pollux.csv_line(text[]) is
    'A line of CSV (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe.';
