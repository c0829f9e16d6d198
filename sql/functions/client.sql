-- SPDX-License-Identifier: MIT
-- Client: who calls us, and what each may use. Only clients with limits have their row written to by
-- requests.
set check_function_bodies = off;

create or replace function pollux.client_may(p_models text[], p_asked text, p_resolved text) returns boolean
language sql immutable as $$
    select p_models is null or p_asked = '' or exists (
        select from unnest(p_models) m
        where m in (p_asked, p_resolved)
           or (right(m, 1) = '*' and (starts_with(p_asked, rtrim(m, '*'))
                                     or starts_with(p_resolved, rtrim(m, '*')))))
$$;
comment on function pollux.client_may(text[], text, text) is
    'Whether an allow-list has this model, by the name asked for or the resolved one; prefix* is allowed '
    'in it.';

create or replace function pollux.client_today(p_client pollux.client, p_day date) returns bigint
language sql immutable as $$ select case when p_client.day = p_day then p_client.day_tokens else 0 end $$;
comment on function pollux.client_today(pollux.client, date) is 'Tokens it has used today.';

-- Takes a request off a client's limits. The answer is null, or why not and when to come again. The row
-- stays locked, so that the count is exact; rows are locked in the order of client ids, before anything
-- else.
create or replace function pollux.client_take(
    p_client bigint, p_est bigint, p_now timestamptz, out reason text, out retry_ms bigint
)
language plpgsql volatile as $$
declare
    c pollux.client;
    v_second bigint := pollux.second_of(p_now);
    v_since bigint := v_second - 61;
    v_day date := pollux.pacific_date(p_now);
begin
    select * into c from pollux.client where id = p_client for no key update;
    if pollux.client_today(c, v_day) + least(p_est, c.daily_tokens) > c.daily_tokens
       or pollux.client_today(c, v_day) >= c.daily_tokens then
        reason := 'client_budget';
        retry_ms := pollux.ms_until(pollux.pacific_midnight(v_day + 1), p_now);
    elsif pollux.window_sum(c.seconds, c.starts, v_since) >= c.rpm then
        reason := 'client_rpm';
        retry_ms := pollux.ms_until(to_timestamp(61 + pollux.window_free_after(c.seconds, c.starts, c.rpm)),
                                    p_now);
    elsif pollux.window_sum(c.seconds, c.tokens, v_since) + least(p_est, c.tpm) > c.tpm or c.tpm = 0 then
        reason := 'client_tpm';
        retry_ms := pollux.ms_until(to_timestamp(61 + pollux.window_free_after(
            c.seconds, c.tokens, c.tpm - least(p_est, c.tpm) + 1)), p_now);
    else
        perform pollux.client_count(p_client, 1, p_est, p_now);
    end if;
end
$$;
comment on function pollux.client_take(bigint, bigint, timestamptz) is
    'Counts a request for a client, or says which of its limits forbids it: client_rpm, client_tpm, '
    'client_budget.';

create or replace function pollux.client_count(
    p_client bigint, p_requests bigint, p_tokens bigint, p_at timestamptz
) returns void
language plpgsql volatile as $$
declare
    v_second bigint := pollux.second_of(p_at);
    v_since bigint := v_second - 61;
    v_day date := pollux.pacific_date(p_at);
begin
    update pollux.client c
    set day = v_day, day_tokens = greatest(pollux.client_today(c, v_day) + p_tokens, 0),
        starts = pollux.window_total(seconds, starts, v_second, v_since, p_requests),
        tokens = pollux.window_total(seconds, tokens, v_second, v_since, p_tokens),
        seconds = pollux.window_seconds(seconds, v_second, v_since)
    where id = p_client;
end
$$;
comment on function pollux.client_count(bigint, bigint, bigint, timestamptz) is
    'Counts requests and tokens for a client now; with negative numbers it takes back what it just counted.';

create or replace function pollux.client_correct(
    p_client bigint, p_when bigint[], p_more bigint[], p_days date[]
) returns void
language plpgsql volatile as $$
begin
    update pollux.client c
    set tokens = pollux.window_shift(c.seconds, c.tokens, p_when, p_more),
        day_tokens = greatest(0, c.day_tokens + (
            select coalesce(sum(m.more), 0) from unnest(p_more, p_days) m(more, day) where m.day = c.day))
    where c.id = p_client;
end
$$;
comment on function pollux.client_correct(bigint, bigint[], bigint[], date[]) is
    'Replaces estimates by actual tokens: p_more[i] more were used by a request of second p_when[i] and '
    'day p_days[i].';

create or replace function pollux.client_json(c pollux.client) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', c.id, 'name', c.name, 'hint', c.hint, 'rpm', c.rpm, 'tpm', c.tpm,
        'daily_tokens', c.daily_tokens, 'models', to_jsonb(c.models), 'expires_at', c.expires_at,
        'revoked_at', c.revoked_at, 'created_at', c.created_at,
        'tokens_today', pollux.client_today(c, pollux.pacific_date(pollux.now())),
        'state', case when c.id = -1 and not pollux.setting_on('open_access') then 'off'
                      when c.revoked_at is not null then 'revoked'
                      when c.expires_at <= pollux.now() then 'expired' else 'active' end)
$$;
comment on function pollux.client_json(pollux.client) is
    'A client as the command line sees it; no token, no hash.';

drop function if exists admin.client_add(text, text, text, integer, bigint, bigint, text[], timestamptz);

create or replace function pollux.client_name_check(p_name text) returns void
language plpgsql stable as $$
begin
    if coalesce(p_name, '') !~ '^[^[:cntrl:]]{1,100}$' then
        raise exception 'a client needs a name of 1 to 100 characters'
            using errcode = 'invalid_parameter_value';
    elsif exists (select from pollux.client where name = p_name) then
        raise exception 'there is a client named "%" already', p_name using errcode = 'unique_violation';
    end if;
end
$$;
comment on function pollux.client_name_check(text) is 'An error if no client can get this name.';

create or replace function admin.client_add(
    p_name text, p_hash text, p_hint text, p_rpm bigint, p_tpm bigint, p_daily_tokens bigint,
    p_models text[], p_expires timestamptz
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.client;
begin
    perform pollux.client_name_check(p_name);
    if p_rpm > 2147483647 then
        raise exception 'rpm must be a whole number from 0 to 2147483647, or null'
            using errcode = 'invalid_parameter_value';
    elsif p_expires <= pollux.now() then
        raise exception 'that is in the past: %', p_expires using errcode = 'invalid_parameter_value';
    end if;
    insert into pollux.client (name, token_hash, hint, rpm, tpm, daily_tokens, models, expires_at, created_at)
    values (p_name, decode(p_hash, 'hex'), p_hint, p_rpm, p_tpm, p_daily_tokens, p_models, p_expires,
            pollux.now())
    returning * into c;
    return pollux.client_json(c);
end
$$;
comment on function admin.client_add(text, text, text, bigint, bigint, bigint, text[], timestamptz) is
    'Adds a client by the hexadecimal SHA-256 of its token. Answers it as in client_list.';

create or replace function admin.client_list() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.client_json(c) order by c.id), '[]') from pollux.client c
$$;
comment on function admin.client_list() is
    'Array of {id, name, hint, rpm, tpm, daily_tokens, models, expires_at, revoked_at, created_at, '
    'tokens_today, state}; state: active, expired, revoked; off: open access (id -1) while it is switched off.';

create or replace function pollux.client_named(p_id_or_name text) returns bigint
language sql stable as $$
    select coalesce((select id from pollux.client where name = p_id_or_name),
                    (select id from pollux.client where id::text = p_id_or_name))
$$;
comment on function pollux.client_named(text) is 'The id of a client by its name or id; null if there is none.';

create or replace function admin.client_set(p_id_or_name text, p_patch jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.client;
    v_field text;
begin
    select k into v_field from jsonb_object_keys(p_patch) k
    where k not in ('name', 'rpm', 'tpm', 'daily_tokens', 'models', 'expires_at', 'expires_in') limit 1;
    if v_field is not null then
        raise exception 'a client has no "%"', v_field using errcode = 'invalid_parameter_value';
    end if;
    select * into c from pollux.client where id = pollux.client_named(p_id_or_name) for no key update;
    if c.id is null then
        return null;
    end if;
    if p_patch ->> 'name' <> c.name then
        perform pollux.client_name_check(p_patch ->> 'name');
        c.name := p_patch ->> 'name';
    end if;
    c.rpm := pollux.model_number(p_patch, 'rpm', c.rpm, 2147483647);
    c.tpm := pollux.model_number(p_patch, 'tpm', c.tpm, 9007199254740992);
    c.daily_tokens := pollux.model_number(p_patch, 'daily_tokens', c.daily_tokens, 9007199254740992);
    if p_patch ? 'models' then
        c.models := nullif(array(select jsonb_array_elements_text(nullif(p_patch -> 'models', 'null'))), '{}');
    end if;
    if p_patch ?| array['expires_at', 'expires_in'] then
        c.expires_at := coalesce((p_patch ->> 'expires_at')::timestamptz,
                                 pollux.now() + (p_patch ->> 'expires_in')::interval);
    end if;
    if c.expires_at <= pollux.now() and p_patch ?| array['expires_at', 'expires_in'] then
        raise exception 'that is in the past: %', c.expires_at using errcode = 'invalid_parameter_value';
    end if;
    update pollux.client
    set name = c.name, rpm = c.rpm, tpm = c.tpm, daily_tokens = c.daily_tokens, models = c.models, expires_at = c.expires_at
    where id = c.id;
    return pollux.client_json(c);
end
$$;
comment on function admin.client_set(text, jsonb) is
    'Changes a client, by name or id: {name: a new one, rpm, tpm, daily_tokens, models: [names], expires_at: a time, or '
    'expires_in: an interval from now}; null clears, what is absent stays. Answers it as in client_list; null if '
    'there is none.';

create or replace function admin.client_revoke(p_id_or_name text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.client;
begin
    if pollux.client_named(p_id_or_name) = -1 then
        raise exception 'open access has no token that could be revoked' using errcode = 'invalid_parameter_value',
            hint = 'Switch it off: pollux setting set open_access off';
    end if;
    update pollux.client o set revoked_at = coalesce(o.revoked_at, pollux.now())
    where o.id = pollux.client_named(p_id_or_name)
    returning * into c;
    return case when c.id is not null then pollux.client_json(c) end;
end
$$;
comment on function admin.client_revoke(text) is
    'Revokes a client by name or id. Answers it as in client_list; null if there is none.';
