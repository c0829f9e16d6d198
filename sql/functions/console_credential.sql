-- SPDX-License-Identifier: MIT
-- Console: credentials. One list for keys and accounts, made for 100,000 of them.
set check_function_bodies = off;

------------------------------------------------------------------------------------------------- which of them

create or replace function pollux.credential_resting(p_model text, p_now timestamptz) returns text
language sql immutable as $$
    select case when p_model is not null then format(
        'c.project_id in (select q.project_id from pollux.quota q
                          where q.model = %L and q.ready_at > %L and q.ready_at > ''-infinity'')', p_model, p_now)
    else format(
        'c.project_id in (select q.project_id from pollux.quota q where q.ready_at > %1$L and q.ready_at > ''-infinity'')
         and not exists (select from pollux.quota q where q.project_id = c.project_id and q.ready_at <= %1$L)',
        p_now) end
$$;
comment on function pollux.credential_resting(text, timestamptz) is
    'SQL condition: the project of credential c rests for the model, or (null) for all it was used for.';

create or replace function pollux.credential_where(p jsonb) returns text
language plpgsql stable as $$
declare
    v_state text := pollux.param_choice(p, 'state', '{ready,resting,dead,disabled,removed}');
    v_model text := pollux.param_text(p, 'model');
    v_q text := pollux.param_text(p, 'q', 100);
    v_resting text := pollux.credential_resting(v_model, pollux.now());
    v_where text := case when v_state = 'removed' then 'c.archived_at is not null' else 'c.removed_at is null' end;
begin
    v_state := coalesce(v_state, case when v_model is not null then 'resting' end);
    v_where := v_where || case v_state
        when 'disabled' then ' and not c.enabled'
        when 'dead' then ' and c.enabled and c.dead_reason is not null'
        when 'resting' then ' and c.enabled and c.dead_reason is null and ' || v_resting
        when 'ready' then ' and c.enabled and c.dead_reason is null and not (' || v_resting || ')' else '' end;
    if pollux.param_choice(p, 'kind', '{api_key,account}') is not null then
        v_where := v_where || format(' and c.kind = %L', p ->> 'kind');
    end if;
    if pollux.param_text(p, 'project') is not null then
        v_where := v_where || format(' and c.project_id = (select id from pollux.project where name = %L)',
                                     p ->> 'project');
    end if;
    if pollux.param_text(p, 'tag') is not null then
        v_where := v_where || format(' and c.tags @> array[%L]', p ->> 'tag');
    end if;
    if v_q is not null then
        v_q := '%' || regexp_replace(v_q, '([\\%_])', '\\\1', 'g') || '%';
        v_where := v_where || format(
            ' and (c.search like %1$L or c.project_id in (select id from pollux.project where search like %1$L))',
            lower(v_q));
    end if;
    return v_where;
end
$$;
comment on function pollux.credential_where(jsonb) is
    'SQL condition on credential c for the filters state (ready, resting, dead, disabled, removed), model (state '
    'with regard to it; alone: resting for it), kind, project, tag, q (label, ending, notes, project).';

create or replace function pollux.credential_sort(p_sort text, out key text, out type text, out source text)
language plpgsql immutable as $$
begin
    source := 'pollux.credential c';
    case ltrim(p_sort, '-')
        when 'id' then key := 'c.id'; type := 'bigint';
        when 'label' then key := 'coalesce(lower(c.label), '''')'; type := 'text';
        when 'project' then key := 'r.search'; type := 'text';
            source := 'pollux.credential c join pollux.project r on r.id = c.project_id';
        when 'priority' then key := 'c.priority'; type := 'integer';
        when 'last_used_at' then key := 'coalesce(u.at, ''-infinity'')'; type := 'timestamptz';
            source := 'pollux.credential c left join (select project_id, max(last_used_at) as at from pollux.quota
                                                      group by project_id) u using (project_id)';
        else raise exception '"sort" must be one of: id, label, project, priority, last_used_at, or with - before it'
             using errcode = 'PX400';
    end case;
end
$$;
comment on function pollux.credential_sort(text) is 'SQL expression that a list is sorted by, its type, and what to select from.';

create or replace function pollux.credential_more(c pollux.credential) returns jsonb
language sql stable as $$
    select pollux.credential_json(c)
           || jsonb_build_object('tags', to_jsonb(c.tags), 'notes', c.notes, 'dead_at', c.dead_at)
           || case when c.removed_at is null then '{}'::jsonb
                   else jsonb_build_object('state', 'removed', 'removed_at', c.removed_at) end
$$;
comment on function pollux.credential_more(pollux.credential) is 'A credential as the console''s list shows it.';

-- Those in a state were counted a moment ago; any other filter is counted now.
create or replace function pollux.credential_total(p jsonb, p_where text, p_counts jsonb) returns bigint
language plpgsql stable as $$
declare
    v_total bigint;
begin
    if coalesce(p ->> 'q', p ->> 'model', p ->> 'kind', p ->> 'project', p ->> 'tag', '') = '' then
        v_total := p_counts ->> case coalesce(nullif(p ->> 'state', ''), 'total')
                                    when 'dead' then 'broken' else coalesce(nullif(p ->> 'state', ''), 'total') end;
    end if;
    if v_total is null then
        execute 'select count(*) from pollux.credential c where ' || p_where into v_total;
    end if;
    return v_total;
end
$$;
comment on function pollux.credential_total(jsonb, text, jsonb) is 'How many credentials the filters leave.';

create or replace function admin.console_credential_list(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_where text := pollux.credential_where(p);
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
    v_cursor jsonb := pollux.param_cursor(p);
    v_sort text := coalesce(pollux.param_text(p, 'sort'), '-id');
    v_key record := pollux.credential_sort(v_sort);
    v_order text := case when v_sort like '-%' then 'desc' else 'asc' end;
    v_page text := '';
    v_total bigint;
    v_counts jsonb;
    v_items jsonb;
    v_next jsonb;
begin
    if v_cursor is null then
        v_counts := pollux.console_cached('credentials') - 'reasons';
        v_total := pollux.credential_total(p, v_where, v_counts);
    else
        v_page := format(' and (%s, c.id) %s (%L::%s, %L::bigint)', v_key.key,
                         case v_order when 'asc' then '>' else '<' end, v_cursor ->> 0, v_key.type, v_cursor ->> 1);
    end if;
    execute format(
        'select coalesce(jsonb_agg(pollux.credential_more(x.c) order by n) filter (where n <= %1$s), ''[]''),
                (jsonb_agg(jsonb_build_array(x.key, (x.c).id)) filter (where n = %1$s and more)) -> 0
         from (select y.*, row_number() over () as n, count(*) over () > %1$s as more
               from (select c, %2$s as key from %6$s where %3$s%4$s
                     order by %2$s %5$s, c.id %5$s limit %1$s + 1) y) x',
        v_limit, v_key.key, v_where, v_page, v_order, v_key.source) into v_items, v_next;
    return jsonb_build_object('items', v_items, 'next', v_next::text)
           || case when v_cursor is null then jsonb_build_object(
                  'total', v_total, 'total_exact', true, 'counts', v_counts) else '{}' end;
end
$$;
comment on function admin.console_credential_list(jsonb) is
    'A list (see console.h). Filters: see pollux.credential_where; sort: id, label, project, priority, '
    'last_used_at. Items: {id, project, kind, label, hint, priority, state, reason, until, created_at, dead_at, '
    'last_used_at, requests_today, tags, notes}. The first page has total and counts {total, ready, resting, '
    'broken, disabled} of the whole pool.';

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
        'attempts', pollux.credential_attempts(c.id, 20), 'health', pollux.credential_health(c.id),
        'shares_project_with', (select count(*) - 1 from pollux.credential
                                where project_id = c.project_id and removed_at is null))
        || coalesce(pollux.credential_account(c), '{}');
end
$$;
comment on function admin.console_credential_get(jsonb) is
    'p: {id}. The credential as in the list, with quota: its project''s by model, history: its last 100 changes of '
    'state, newest first, attempts: the last 20 of them, health: how it did by model (report.health), how many '
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
        when 'enable' then perform admin.credential_set_enabled(c.id, true);
        when 'disable' then perform admin.credential_set_enabled(c.id, false);
        when 'reset' then perform admin.credential_reset(c.id);
        when 'remove' then return pollux.credential_archive(c);
        when 'restore' then return admin.credential_restore(c.id) is not null;
        when 'test' then return admin.credential_test(c.id, null) is not null;
        when 'change' then perform pollux.credential_change(c, p);
    end case;
    return true;
end
$$;
comment on function pollux.credential_do(pollux.credential, text, jsonb) is
    'Does one of enable, disable, reset, remove, restore, test, change to a credential. False: there was nothing '
    'to do.';

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

create or replace function pollux.credential_one(p jsonb, p_action text) returns jsonb
language plpgsql volatile as $$
declare
    v_was pollux.credential := pollux.credential_of(p);
    c pollux.credential;
begin
    if not pollux.credential_do(v_was, p_action, p) then
        perform pollux.refuse(409, 'there is nothing to do: the credential is not in a state for that');
    end if;
    select * into c from pollux.credential where id = v_was.id;
    if p_action in ('reset', 'test') then
        perform pollux.audit(null, 'credential.' || p_action, c.id::text, null, null);
    end if;
    return pollux.credential_more(c);
end
$$;
comment on function pollux.credential_one(jsonb, text) is 'Does something to one credential and says so to the audit.';

do $$
declare
    v_action text;
begin
    foreach v_action in array array['enable', 'disable', 'reset', 'remove', 'restore', 'test'] loop
        execute format(
            'create or replace function admin.%I(p jsonb) returns jsonb
             language sql volatile security definer set search_path = pg_catalog, pg_temp
             as %L', 'console_credential_' || v_action, format('select pollux.credential_one(p, %L)', v_action));
        execute format('comment on function admin.%I(jsonb) is %L', 'console_credential_' || v_action,
                       format('p: {id}. %s; answers the credential as in the list.', v_action));
    end loop;
end
$$;

-- In parts of a few hundred, each its own transaction, so that requests hardly notice and progress can be shown.
create or replace function admin.console_credential_bulk(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_action text := pollux.param_choice(p, 'action',
                                         '{enable,disable,reset,remove,restore,test,change}');
    v_ids bigint[] := pollux.param_ids(p, 'ids');
    v_after bigint := coalesce((pollux.param_cursor(p) ->> 0)::bigint, 0);
    v_where text := case when v_ids is not null then format('c.id = any (%L::bigint[])', v_ids)
                         else pollux.credential_where(coalesce(p -> 'filter', '{}')) end;
    v_part bigint[];
    v_left bigint;
    v_done integer := 0;
    v_id bigint;
begin
    if p ? 'proxy' then
        perform pollux.refuse(400, 'a proxy is set for one credential at a time');
    elsif v_action is null or (v_ids is null) = (p -> 'filter' is null) then
        perform pollux.refuse(400, 'say "action" and either "ids" or "filter"');
    end if;
    perform set_config('pollux.audit_rows', 'off', true); -- one row for all
    execute format('select (array_agg(id order by id))[1:200], count(*) from pollux.credential c
                    where c.id > %s and %s', v_after, v_where) into v_part, v_left;
    foreach v_id in array coalesce(v_part, '{}') loop
        v_done := v_done + pollux.credential_do(
            pollux.credential_of(jsonb_build_object('id', v_id)), v_action, p)::integer;
    end loop;
    if v_done > 0 then
        perform pollux.audit(null, 'credential.' || v_action, format('%s credentials', v_done), null,
            jsonb_strip_nulls(jsonb_build_object('ids', to_jsonb(v_part), 'filter', p -> 'filter')) || (
                p - array['action', 'ids', 'filter', 'after', '_session', '_admin']));
    end if;
    v_left := v_left - coalesce(cardinality(v_part), 0);
    return jsonb_build_object('done', v_done, 'seen', coalesce(cardinality(v_part), 0), 'left', v_left, 'next',
                              case when v_left > 0 then jsonb_build_array(v_part[cardinality(v_part)])::text end);
end
$$;
comment on function admin.console_credential_bulk(jsonb) is
    'p: {action: enable | disable | reset | remove | restore | test | change, ids: [...] or filter: {as for the '
    'list}, after}; change takes what credential_set does. Does it to up to 200, and answers {done, seen, left, '
    'next}: repeat with after = next until that is null.';

-------------------------------------------------------------------------------------------------- new ones

create or replace function admin.console_credential_preview(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('new', count(*) filter (where c.id is null),
                              'known', count(*) filter (where c.id is not null))
    from jsonb_array_elements(p -> 'sealed') k
    left join pollux.credential c on c.fingerprint = decode(k ->> 'fingerprint', 'hex') and c.removed_at is null
$$;
comment on function admin.console_credential_preview(jsonb) is
    'p: {sealed: as for credential_add}. {new, known}: what adding them would do.';

create or replace function admin.console_credential_add(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.credential_add(
        pollux.param_text(p, 'project', 100), pollux.param_text(p, 'label', 200),
        pollux.param_number(p, 'priority', null, 0, 1000000)::integer, p -> 'sealed')
$$;
comment on function admin.console_credential_add(jsonb) is
    'p: {sealed: [{fingerprint, sealed, hint}], project, label, priority}. {new, known, ids}: ids of all of them.';

------------------------------------------------------------------------------------------------- out of here

create or replace function admin.console_credential_export(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_after bigint := coalesce((pollux.param_cursor(p) ->> 0)::bigint, 0);
    v_rows text[];
    v_last bigint;
begin
    execute format(
        'select array_agg(pollux.csv_line(array[id::text, j ->> ''project'', j ->> ''kind'', j ->> ''label'',
                    j ->> ''hint'', j ->> ''priority'', j ->> ''state'', j ->> ''reason'', j ->> ''until'',
                    j ->> ''created_at'', j ->> ''last_used_at'', j ->> ''requests_today'',
                    array_to_string(tags, '' ''), notes]) order by id), max(id)
         from (select c.id, c.tags, c.notes, pollux.credential_more(c) as j from pollux.credential c
               where c.id > %s and %s order by c.id limit 1000) x', v_after, pollux.credential_where(p))
    into v_rows, v_last;
    return jsonb_build_object(
        'text', case when v_after = 0 then pollux.csv_line(array['id', 'project', 'kind', 'label', 'ending',
            'priority', 'state', 'reason', 'until', 'created_at', 'last_used_at', 'requests_today', 'tags', 'notes'])
            else '' end || coalesce(array_to_string(v_rows, ''), ''),
        'next', case when cardinality(v_rows) = 1000 then jsonb_build_array(v_last)::text end);
end
$$;
comment on function admin.console_credential_export(jsonb) is
    'A piece of the CSV of all credentials that the filters leave, without secrets: {text, next}.';

create or replace function pollux.csv_line(p_fields text[]) returns text
language sql immutable as $$
    select string_agg(case when f ~ '^[=+@\t\r-]' and f !~ '^-?[0-9.]+$' then '"''' || replace(f, '"', '""') || '"'
                           when f ~ '[",\r\n]' then '"' || replace(f, '"', '""') || '"'
                           else coalesce(f, '') end, ',' order by n) || E'\r\n'
    from unnest(p_fields) with ordinality x(f, n)
$$;
comment on function pollux.csv_line(text[]) is
    'A line of CSV (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe.';
