-- SPDX-License-Identifier: MIT
-- Capture: whole exchanges, kept for debugging. Off unless an operator switches it on, and then only until the moment
-- that was said (setting capture_until). Workers learn the rules with their heartbeat and take secrets and inline
-- data out before anything comes here (fcgi/gateway/capture.c). Only the console shows what was captured, to
-- operators, and writes down each look; no view does, and it is deleted when its time is over.
set check_function_bodies = off;

create or replace function pollux.capture_until() returns timestamptz
language sql stable as $$
    select nullif(value, 'off')::timestamptz from pollux.setting where name = 'capture_until'
$$;
comment on function pollux.capture_until() is 'Until when exchanges are captured; null, or a time that is over: they are not.';

create or replace function pollux.capture_client_refusal(p_name text) returns text
language sql stable as $$
    select case when p_name <> '' and not exists (select from pollux.client where name = p_name and revoked_at is null)
                then format('there is no client "%s"', p_name) end
$$;
comment on function pollux.capture_client_refusal(text) is 'What is wrong with the name of the client to capture; null: nothing.';

create or replace function pollux.capture_rules() returns jsonb
language plpgsql stable as $$
begin
    if coalesce(pollux.capture_until() <= pollux.now(), true) then
        return null;
    end if;
    return jsonb_build_object(
        'share', pollux.setting('capture_share')::numeric, 'failures', pollux.setting_on('capture_failures'),
        'texts', pollux.setting_on('capture_texts'), 'model', pollux.setting('capture_model'),
        'body_bytes', pollux.setting('capture_body_bytes')::integer,
        'client_id', case when pollux.setting('capture_client') <> '' then coalesce(
            (select id from pollux.client where name = pollux.setting('capture_client')
             order by revoked_at is not null, id desc limit 1), -2) end);
end
$$;
comment on function pollux.capture_rules() is
    'What workers have to know of what to capture: {share, client_id (null: of all), model ("": of all), failures, '
    'texts, body_bytes}; null: nothing.';

-- p: {id, client_id, model, outcome, status, request, attempts, calls, answer}:
--   request   {method, url, headers: [[name, value]], body}
--   attempts  [{n, model, credential_id, sent: {method, url (null: a permission by itself), headers, same: whether
--             the body is the client's, streamed, body}, came: {status, headers, body, error}}], calls of them were
--             made
--   answer    {status, headers, body}
--   body      {text (null: no text), bytes: of all of it, cut: whether text is only a part, type}; null: none
create or replace function api.capture(p jsonb) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_exchange jsonb := p - array['id', 'client_id', 'model', 'outcome', 'status'];
    v_bytes integer := octet_length(v_exchange::text);
    v_room bigint := pollux.setting('capture_total_mb')::bigint * 1000000 - v_bytes;
begin
    perform pg_advisory_xact_lock(hashtext('pollux capture'));
    if v_room < 0 or pollux.capture_rules() is null then
        return false;
    end if;
    if (select sum(bytes) from pollux.capture) > v_room then
        delete from pollux.capture where request_id in (
            select request_id from (select request_id, sum(bytes) over (order by at desc, request_id desc) as newer
                                    from pollux.capture) c where newer > v_room);
    end if;
    insert into pollux.capture (request_id, at, expires_at, client_id, model, outcome, status, bytes, exchange)
    values ((p ->> 'id')::uuid, pollux.now(),
            pollux.now() + make_interval(hours => pollux.setting('capture_keep_hours')::integer),
            (p ->> 'client_id')::bigint, nullif(p ->> 'model', ''), p ->> 'outcome', (p ->> 'status')::integer,
            v_bytes, v_exchange)
    on conflict do nothing;
    return true;
end
$$;
comment on function api.capture(jsonb) is
    'Stores a captured exchange, unless capturing is over. The oldest make room when there are more than '
    'capture_total_mb. Answers whether.';

create or replace function pollux.capture_expire() returns integer
language sql volatile as $$
    with gone as (delete from pollux.capture where expires_at <= pollux.now() returning 1)
    select count(*)::integer from gone
$$;
comment on function pollux.capture_expire() is 'Deletes captured exchanges whose time is over. Answers how many.';

------------------------------------------------------------------------------------------------- the console

create or replace function pollux.capture_json() returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'on', coalesce(pollux.capture_until() > pollux.now(), false), 'until', pollux.capture_until(),
        'share', pollux.setting('capture_share')::numeric, 'client', nullif(pollux.setting('capture_client'), ''),
        'model', nullif(pollux.setting('capture_model'), ''), 'failures', pollux.setting_on('capture_failures'),
        'texts', pollux.setting_on('capture_texts'), 'keep_hours', pollux.setting('capture_keep_hours')::integer,
        'body_bytes', pollux.setting('capture_body_bytes')::integer,
        'total_mb', pollux.setting('capture_total_mb')::integer, 'held', count(*), 'held_bytes', coalesce(sum(bytes), 0),
        'last_expires_at', max(expires_at))
    from pollux.capture where expires_at > pollux.now()
$$;
comment on function pollux.capture_json() is 'Whether exchanges are captured, until when and which, and how many are held.';

create or replace function admin.console_capture_get(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$ select pollux.capture_json() $$;
comment on function admin.console_capture_get(jsonb) is
    '{on, until, share, client, model, failures, texts, keep_hours, body_bytes, total_mb, held: how many exchanges, '
    'held_bytes, last_expires_at: when the last of them goes}. The settings are those of capture_*.';

create or replace function admin.console_capture_start(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_minutes bigint := pollux.param_number(p, 'minutes', 60, 1, 10080);
    v_name text;
begin
    perform pollux.params_known(p - array['_session', '_admin'], array['minutes', 'share', 'client', 'model', 'failures',
                                                                       'texts', 'keep_hours']);
    foreach v_name in array array['share', 'client', 'model', 'failures', 'texts', 'keep_hours'] loop
        if p ? v_name then
            perform admin.setting_set('capture_' || v_name, coalesce(p ->> v_name, ''));
        end if;
    end loop;
    perform admin.setting_set('capture_until', v_minutes || 'm');
    return pollux.capture_json();
end
$$;
comment on function admin.console_capture_start(jsonb) is
    'Captures exchanges for so many minutes (60 unless said), of what share, client, model, failures, texts, keep_hours '
    'say; what is absent stays as it is set. Answers as capture_get.';

create or replace function admin.console_capture_stop(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform admin.setting_set('capture_until', 'off');
    return pollux.capture_json();
end
$$;
comment on function admin.console_capture_stop(jsonb) is 'Captures nothing more. What is held stays. Answers as capture_get.';

create or replace function admin.console_capture_list(p jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_cursor jsonb := pollux.param_cursor(p);
    v_limit bigint := pollux.param_number(p, 'limit', 50, 1, 500);
begin
    return (
        with found as (
            select * from pollux.capture c
            where c.expires_at > pollux.now()
              and (c.at, c.request_id) < (coalesce((v_cursor ->> 0)::timestamptz, 'infinity'),
                                          coalesce((v_cursor ->> 1)::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            order by c.at desc, c.request_id desc limit v_limit)
        select jsonb_build_object(
            'items', coalesce(jsonb_agg(jsonb_build_object(
                'id', f.request_id, 'at', f.at, 'expires_at', f.expires_at, 'client', l.name, 'model', f.model,
                'outcome', f.outcome, 'status', f.status, 'bytes', f.bytes) order by f.at desc, f.request_id desc), '[]'),
            'next', case when count(*) = v_limit then (array_agg(jsonb_build_array(f.at, f.request_id)
                                                                 order by f.at, f.request_id))[1]::text end,
            'total', (select count(*) from pollux.capture where expires_at > pollux.now()), 'total_exact', true)
        from found f left join pollux.client l on l.id = f.client_id);
end
$$;
comment on function admin.console_capture_list(jsonb) is
    'A list (see console.h), newest first, of what is captured, without what was said: {id: the request''s, at, '
    'expires_at, client, model, outcome, status, bytes}.';

create or replace function admin.console_capture_look(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.capture;
begin
    if coalesce(p ->> 'id', '') !~ '^[0-9a-fA-F-]{32,36}$' then
        return null;
    end if;
    select * into c from pollux.capture where request_id = (p ->> 'id')::uuid and expires_at > pollux.now();
    if c.request_id is null then
        return null;
    end if;
    perform pollux.audit(null, 'capture.look', c.request_id::text, null, null);
    return jsonb_build_object('id', c.request_id, 'at', c.at, 'expires_at', c.expires_at) || c.exchange;
end
$$;
comment on function admin.console_capture_look(jsonb) is
    'p: {id of the request}. What was captured of it: {id, at, expires_at, request, attempts, calls, answer}, see '
    'api.capture(). The look is written down.';

create or replace function admin.console_capture_clear(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_rows integer;
begin
    delete from pollux.capture;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
        perform pollux.audit(null, 'capture.clear', v_rows || ' captures', null, null);
    end if;
    return jsonb_build_object('deleted', v_rows);
end
$$;
comment on function admin.console_capture_clear(jsonb) is 'Deletes all that was captured, at once: {deleted}.';
