-- SPDX-License-Identifier: MIT
-- Script: what programs ask and change with an admin token, below /admin (not /admin/api, which is the console's).
-- api.script() is the one door: token, role, audit and work are one transaction. fcgi/admin/script.c is the HTTP side,
-- admin-html/openapi.json says what comes and goes.
set check_function_bodies = off;

create or replace function api.script(p_token_hash text, p_call text, p_params jsonb, p_from jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_actor pollux.actor := pollux.actor_of_token(p_token_hash);
begin
    perform pollux.actor_must(v_actor, case when p_call in ('reset', 'keys_add', 'key_remove') then 'operator'
                                            else 'viewer' end);
    perform pollux.actor_set('token ' || v_actor.name, p_from ->> 'remote');
    case p_call
        when 'stats' then return pollux.script_stats(p_params);
        when 'status' then return pollux.script_status(p_params);
        when 'credential' then return pollux.script_credential(p_params);
        when 'credentials' then return pollux.script_credentials(p_params);
        when 'usage' then return pollux.script_usage(p_params);
        when 'reset' then return pollux.script_reset(p_params);
        when 'keys_add' then return pollux.script_keys_add(p_params);
        when 'key_remove' then return pollux.script_key_remove(p_params);
    end case;
end
$$;
comment on function api.script(text, text, jsonb, jsonb) is
    'A call of a program. p_token_hash: of its admin token, hexadecimal SHA-256; p_call: stats, status, '
    'credential, '
    'credentials, usage (role viewer), reset, keys_add, key_remove (role operator); p_from: {remote}. '
    'PX401 and PX403 '
    'at the door, PX400 with what is wrong with a parameter; null when there is no such thing.';

---------------------------------------------------------------------------------------------------- parameters

create or replace function pollux.param_moment(p_params jsonb, p_name text) returns timestamptz
language plpgsql stable as $$
declare
    v_text text := nullif(p_params ->> p_name, '');
begin
    if v_text ~ '^[0-9]{1,5}[mhdw]$' then
        return pollux.now() - left(v_text, -1)::integer
                              * case right(v_text, 1) when 'm' then interval '1 minute' when 'h' then interval '1 hour'
                                                      when 'd' then interval '1 day' else interval '7 days' end;
    end if;
    return pollux.param_time(p_params, p_name);
end
$$;
comment on function pollux.param_moment(jsonb, text) is
    'A time, or how long ago: 90m, 24h, 7d, 4w; null when it is absent.';

create or replace function pollux.param_words(p_params jsonb, p_name text, p_preset text[], p_allowed text[])
returns text[]
language plpgsql immutable as $$
declare
    v_words text[] := regexp_split_to_array(nullif(btrim(p_params ->> p_name, ', '), ''), '[, ]+');
begin
    if not coalesce(v_words, p_preset) <@ p_allowed then
        raise exception '"%" is made of %, separated by commas', p_name, array_to_string(p_allowed, ', ')
            using errcode = 'PX400';
    end if;
    return coalesce(v_words, p_preset);
end
$$;
comment on function pollux.param_words(jsonb, text, text[], text[]) is
    'Words separated by commas, of those that are allowed; p_preset when it is absent.';

-- A parameter that nobody reads is a mistake of the caller, who should hear of it. What is no word is not repeated:
-- it may be anything, a token also.
create or replace function pollux.params_known(p_params jsonb, p_known text[]) returns void
language plpgsql immutable as $$
declare
    v_name text;
begin
    select key into v_name from jsonb_object_keys(p_params) key where key <> all (p_known) limit 1;
    if v_name is not null then
        raise exception 'there is no parameter %',
            case when v_name ~ '^[a-z_]{1,30}$' then format('"%s"', v_name) else 'of that name' end
            using errcode = 'PX400', hint = 'there are: ' || array_to_string(p_known, ', ');
    end if;
end
$$;
comment on function pollux.params_known(jsonb, text[]) is 'An error if there are other parameters than these.';

-------------------------------------------------------------------------------------------------------- looking

create or replace function pollux.usage_totals(p_from timestamptz) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'requests', coalesce(sum(requests), 0), 'errors', coalesce(sum(errors), 0),
        'prompt_tokens', coalesce(sum(prompt_tokens), 0), 'cached_tokens', coalesce(sum(cached_tokens), 0),
        'output_tokens', coalesce(sum(output_tokens), 0), 'thoughts_tokens', coalesce(sum(thoughts_tokens), 0),
        'tool_tokens', coalesce(sum(tool_tokens), 0), 'total_tokens', coalesce(sum(total_tokens), 0),
        'cost', sum(cost), 'median_ms', pollux.percentile(pollux.histogram_sum(latency), 0.5),
        'p95_ms', pollux.percentile(pollux.histogram_sum(latency), 0.95),
        'first_byte_median_ms', pollux.percentile(pollux.histogram_sum(first_byte), 0.5),
        'first_byte_p95_ms', pollux.percentile(pollux.histogram_sum(first_byte), 0.95))
    from (select requests, errors, prompt_tokens, cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens,
                 cost, case when latency[1] is not null then latency end as latency,
                 case when first_byte[1] is not null then first_byte end as first_byte
          from pollux.usage_models(p_from)) m
$$;
comment on function pollux.usage_totals(timestamptz) is
    'What ended in the hours that begin at that moment or later, in one object.';

create or replace function pollux.usage_lately(p_from timestamptz) returns jsonb
language sql stable as $$
    with counted as (
        select model, case when attempts > 0 then pollux.histogram_range(duration_ms) end as latency,
               case when attempts > 0 then pollux.histogram_range(first_byte_ms) end as first_byte,
               count(*) as requests, count(*) filter (where outcome <> 'ok') as errors, sum(prompt_tokens) as prompt,
               sum(cached_tokens) as cached, sum(output_tokens) as output, sum(thoughts_tokens) as thoughts,
               sum(tool_tokens) as tool, sum(total_tokens) as total
        from pollux.request where ended_at >= p_from and started_at >= p_from - interval '2 days' group by 1, 2, 3
    )
    select jsonb_build_object(
        'requests', coalesce(sum(requests), 0), 'errors', coalesce(sum(errors), 0),
        'prompt_tokens', coalesce(sum(prompt), 0), 'cached_tokens', coalesce(sum(cached), 0),
        'output_tokens', coalesce(sum(output), 0), 'thoughts_tokens', coalesce(sum(thoughts), 0),
        'tool_tokens', coalesce(sum(tool), 0), 'total_tokens', coalesce(sum(total), 0),
        'cost', sum(pollux.cost(model, prompt::bigint, cached::bigint, output::bigint, thoughts::bigint, tool::bigint)),
        'median_ms', pollux.percentile(pollux.histogram(latency, requests), 0.5),
        'p95_ms', pollux.percentile(pollux.histogram(latency, requests), 0.95),
        'first_byte_median_ms', pollux.percentile(pollux.histogram(first_byte, requests), 0.5),
        'first_byte_p95_ms', pollux.percentile(pollux.histogram(first_byte, requests), 0.95))
    from counted
$$;
comment on function pollux.usage_lately(timestamptz) is 'The same to the moment, out of the log.';

create or replace function pollux.script_models(p_limit integer) returns jsonb
language sql volatile as $$
    select coalesce(jsonb_agg(to_jsonb(m) order by m.requests desc, m.model), '[]')
    from (select coalesce(u.model, s.model) as model, coalesce(u.requests, 0) as requests, coalesce(u.errors, 0) as errors,
                 coalesce(u.total_tokens, 0) as total_tokens, u.cost, s.projects, s.ready, s.spent, s.resting, s.out,
                 coalesce(s.today, 0) as requests_today
          from pollux.usage_models(pollux.hour_of(pollux.now()) - interval '23 hours') u
          full join pollux.model_figures() s on s.model = u.model
          where coalesce(u.model, s.model) is not null
          order by coalesce(u.requests, 0) desc, 1 limit p_limit) m
$$;
comment on function pollux.script_models(integer) is
    'The most used models: use of the last 24 hours, and how many projects may be used for each (see model_figures).';

create or replace function pollux.script_stats(p jsonb) returns jsonb
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_day date := pollux.pacific_date(v_now);
begin
    perform pollux.params_known(p, array['limit']);
    return jsonb_build_object(
        'now', v_now, 'quota_day', v_day, 'quota_day_ends_at', pollux.pacific_midnight(v_day + 1),
        'strategy', pollux.setting('strategy'), 'credentials', api.health(),
        'clients', (select count(*) from pollux.client
                    where revoked_at is null and coalesce(expires_at, 'infinity') > v_now),
        'workers', (select count(*) from report.workers where state = 'alive'),
        'open_requests', (select count(*) from pollux.open_request),
        'waiting_requests', (select count(*) from pollux.waiter where lease_until > v_now),
        'last_hour', pollux.usage_lately(v_now - interval '1 hour'),
        'last_24_hours', pollux.usage_totals(pollux.hour_of(v_now) - interval '23 hours'),
        'quota_day_so_far', pollux.usage_totals(pollux.pacific_midnight(v_day)),
        'models', pollux.script_models(pollux.param_number(p, 'limit', 50, 1, 1000)::integer));
end
$$;
comment on function pollux.script_stats(jsonb) is 'GET /admin/stats: figures of the pool as a whole.';

create or replace function pollux.script_page(p jsonb) returns jsonb
language plpgsql stable as $$
declare
    v_limit bigint := pollux.param_number(p, 'limit', 100, 1, 1000);
    v_after bigint := pollux.param_number(p, 'after', 0, 0, 999999999999999999);
    v_state text := pollux.param_choice(p, 'state', array['ready', 'resting', 'dead', 'disabled']);
    v_filter record := pollux.credential_filter(jsonb_build_object('state', v_state, 'project', pollux.param_text(p, 'project')));
    v_page record := pollux.credential_page(v_filter.cheap, v_filter.rests, 'id', jsonb_build_array(v_after, v_after), v_limit, false);
begin
    return jsonb_build_object(
        'items', (select coalesce(jsonb_agg(pollux.credential_json(c) order by c.id), '[]')
                  from pollux.credential c where c.id = any (v_page.ids)),
        'next', v_page.next -> 1);
end
$$;
comment on function pollux.script_page(jsonb) is
    'A page of credentials in the order of their ids: {items, next}; "after" of the next page is next, null: the last. '
    'A page may be short and yet have a next (see credential_page).';

create or replace function pollux.script_credentials(p jsonb) returns jsonb
language plpgsql stable as $$
begin
    perform pollux.params_known(p, array['limit', 'after', 'state', 'project']);
    return pollux.script_page(p);
end
$$;
comment on function pollux.script_credentials(jsonb) is 'GET /admin/credentials: a page of them.';

create or replace function pollux.script_status(p jsonb) returns jsonb
language plpgsql volatile as $$
begin
    perform pollux.params_known(p, array['limit', 'after', 'state', 'project']);
    return jsonb_build_object('now', pollux.now(), 'pool', api.health(), 'maintenance', pollux.maintained_by(),
                              'models', pollux.script_models(100))
           || pollux.script_page(p);
end
$$;
comment on function pollux.script_status(jsonb) is
    'GET /admin/status: how many credentials are how, the models, and a page of the credentials.';

create or replace function pollux.script_credential(p jsonb) returns jsonb
language sql stable as $$
    select pollux.credential_json(c) || jsonb_build_object(
        'quota', (select coalesce(jsonb_agg(to_jsonb(q) - 'project' - 'project_id' order by q.model), '[]')
                  from report.quota q where q.project_id = c.project_id),
        'health', (select coalesce(jsonb_agg(to_jsonb(h) - array['credential_id', 'project', 'project_id', 'label', 'hint']
                                             order by h.model), '[]')
                   from report.health h where h.credential_id = c.id),
        'states', (select coalesce(jsonb_agg(to_jsonb(s) - array['credential_id', 'project'] order by s.id desc), '[]')
                   from (select * from report.credential_states where credential_id = c.id
                         order by id desc limit 20) s))
    from pollux.credential c
    where c.removed_at is null and c.id = pollux.param_number(p, 'id', null, 1, 999999999999999999)
$$;
comment on function pollux.script_credential(jsonb) is
    'GET /admin/status/{id}: a credential, the quota of its project by model, its health by model, its '
    'last changes of '
    'state; null if there is none.';

-- Pages come in an order that does not change while "until" does not.
create or replace function pollux.script_usage(p jsonb) returns jsonb
language plpgsql stable as $$
declare
    v_limit integer := pollux.param_number(p, 'limit', 500, 1, 1000);
    v_after bigint := pollux.param_number(p, 'after', 0, 0, 999999999999999999);
    v_until timestamptz := coalesce(pollux.param_moment(p, 'until'), pollux.now());
    v_since timestamptz := coalesce(pollux.param_moment(p, 'since'), v_until - interval '24 hours');
    v_by text[] := pollux.param_words(p, 'by', array['client', 'credential', 'model'],
                                      array['client', 'credential', 'model']);
    v_per text := pollux.param_choice(p, 'per', array['hour', 'day', 'all'], 'all');
begin
    perform pollux.params_known(p, array['since', 'until', 'by', 'per', 'limit', 'after']);
    return jsonb_build_object('since', pollux.hour_of(v_since), 'until', v_until)
           || pollux.usage_page(v_since, v_until, array_remove(v_by || v_per, 'all'), v_limit, v_after);
end
$$;
comment on function pollux.script_usage(jsonb) is
    'GET /admin/usage: requests, tokens, cost and times, summed up by client, credential, model and hour '
    'or day.';

------------------------------------------------------------------------------------------------------- changing

create or replace function pollux.script_reset(p jsonb) returns jsonb
language plpgsql volatile as $$
declare
    v_id bigint := pollux.param_number(p, 'credential', null, 1, 999999999999999999);
    v_model text := pollux.param_text(p, 'model');
begin
    perform pollux.params_known(p, array['credential', 'model', 'all']);
    if (v_id is not null)::integer + (v_model is not null)::integer + pollux.param_bool(p, 'all', false)::integer <> 1 then
        perform pollux.refuse(400, 'say what to reset',
                              'one of {"credential": id}, {"model": "name"}, {"all": true}');
    end if;
    return admin.reset(v_id, v_model);
end
$$;
comment on function pollux.script_reset(jsonb) is
    'POST /admin/reset: ends all automatic states of a credential, a model, or all. What an operator '
    'disabled stays so.';

create or replace function pollux.script_keys_add(p jsonb) returns jsonb
language plpgsql volatile as $$
begin
    perform pollux.params_known(p - 'sealed', array['project', 'project_id', 'label', 'priority']);
    return admin.credential_add(
        coalesce(pollux.param_text(p, 'project', 100), pollux.param_text(p, 'project_id', 100)),
        pollux.param_text(p, 'label', 200), pollux.param_number(p, 'priority', null, 0, 1000000)::integer, p -> 'sealed');
end
$$;
comment on function pollux.script_keys_add(jsonb) is
    'POST /admin/keys: adds keys; p.sealed as in admin.credential_add(), which says what comes back.';

create or replace function pollux.script_key_remove(p jsonb) returns jsonb
language sql volatile as $$
    select admin.credential_remove(pollux.param_number(p, 'id', null, 1, 999999999999999999))
$$;
comment on function pollux.script_key_remove(jsonb) is
    'DELETE /admin/keys/{id}: removes a credential and its secret; answers it as it was, null if there '
    'is none.';
