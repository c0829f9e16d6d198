-- SPDX-License-Identifier: MIT
-- Setting: what an operator may change while Pollux runs. One row here declares one setting.
set check_function_bodies = off;

-- What a kind takes, and how it is kept (`pollux setting set` and a plain UPDATE go through the same check):
--   integer  a whole number from least to most
--   number   a number from least to most; a fraction is allowed
--   boolean  on or off; true, yes, 1 and their opposites are understood
--   choice   one of choices
--   text     least to most characters (0 to 1000 unless said), none of them a control character
--   list     least to most items (0 to 100 unless said), separated by commas or blanks; kept as a,b,c
--   moment   off, or a time to come, at most most minutes from now: 2027-01-31T12:00Z, or 90m, 2h, 1d from now
-- A text, and each item of a list, may be bound to a pattern or to a function: see the second statement.
insert into pollux.setting (position, name, value, preset, kind, least, most, choices, unit, help)
select position, name, preset, preset, kind, least, most, choices, unit, help
from (values
    -- 1-19: choosing a credential
    (1, 'strategy', 'remaining', 'choice', null, null,
     array['remaining', 'token-bucket', 'round-robin', 'priority'], null,
     'How a credential is chosen among those that are ready.'),
    (2, 'wait_limit_ms', '30000', 'integer', 0, 600000, null, 'ms',
     'How long a request may wait for its turn before it gets 429.'),
    (3, 'cooldown_floor_ms', '2000', 'integer', 0, 600000, null, 'ms',
     'Shortest rest after a 429, however short the upstream says.'),
    (4, 'cooldown_ceiling_ms', '3600000', 'integer', 1000, 86400000, null, 'ms',
     'Longest rest after a 429, however long the upstream says (a spent day excepted).'),
    (5, 'learned_ttl_hours', '168', 'integer', 1, 8760, null, 'hours',
     'How long a limit that a 429 named is kept to.'),
    (6, 'send_margin_ms', '1000', 'integer', 0, 10000, null, 'ms',
     'How long after its reservation a request may reach the upstream; counted in whole seconds.'),
    (7, 'affinity_hours', '50', 'integer', 1, 8760, null, 'hours',
     'How long it is remembered which project made a resource.'),
    -- 30-49: health and jobs
    (30, 'probe_after_good_s', '43200', 'integer', 1, 31536000, null, 's',
     'A credential is tested so long after its last good answer.'),
    (31, 'probe_after_403_s', '864000', 'integer', 1, 31536000, null, 's',
     'And so long after a 403 (suspended, leaked, denied, ...).'),
    (32, 'probe_after_4xx_s', '86400', 'integer', 1, 31536000, null, 's',
     'And so long after any other 4xx.'),
    (33, 'probe_after_5xx_s', '600', 'integer', 1, 31536000, null, 's',
     'And so long after a 5xx, or no answer.'),
    (34, 'probe_with', 'auto', 'choice', null, null, array['auto', 'count', 'generate'], null,
     'How it is tested: by counting tokens, which costs no quota, by generating one token, or (auto) by the '
     'cheaper one that proves something.'),
    (35, 'probe_model', 'gemini-2.5-flash', 'text', 1, 200, null, null,
     'Model to test credentials with that have not been used yet.'),
    (38, 'keys_folder_s', '300', 'integer', 1, 86400, null, 's',
     'How often the folders with keys (POLLUX_KEYS_DIR) are read.'),
    (39, 'keys_folder_rewrite', 'off', 'boolean', null, null, null, null,
     'Whether their files are written anew, one key a line, comments kept.'),
    (36, 'jobs_at_once', '2', 'integer', 1, 50, null, null,
     'How many jobs (tests of credentials and the like) one worker does at the same time.'),
    (37, 'job_history_hours', '72', 'integer', 1, 8760, null, 'hours',
     'How long jobs that are done are remembered.'),
    -- 50-59: accounts
    (50, 'account_refresh_ahead_s', '300', 'integer', 0, 3000, null, 's',
     'How long before it expires an OAuth account''s access token is refreshed.'),
    (51, 'credentials_minimum', '0', 'integer', 0, 1000000, null, null,
     'With fewer working credentials than this there is a warning at the start and in /health; 0: never.'),
    (52, 'login_minutes', '10', 'integer', 1, 1440, null, 'minutes',
     'How long the login of an OAuth account may take from its start to its end.'),
    -- 60-69: models
    (60, 'thinking_budget', '-1', 'integer', -1, 1000000, null, 'tokens',
     'Tokens to think with where neither the request nor its model says; -1 leaves it to the model.'),
    (61, 'thinking_level', 'model', 'choice', null, null, array['model', 'minimal', 'low', 'medium', 'high'],
     null, 'The same as a level, which goes before the budget; model leaves it to the model.'),
    (62, 'include_thoughts', 'client', 'choice', null, null, array['client', 'on', 'off'], null,
     'Whether answers show thoughts where neither the request nor its model says; client leaves it to the client.'),
    (63, 'thinking_override', 'off', 'boolean', null, null, null, null,
     'Whether what is set about thinking also replaces what a request says about it.'),
    (64, 'stream_policy', 'auto', 'choice', null, null, array['auto', 'collect', 'whole'], null,
     'auto: the upstream is asked as the client asks; collect: always for a stream; whole: never for one.'),
    (65, 'search_variants', 'on', 'boolean', null, null, null, null,
     'Whether NAME-search is NAME with Google Search, in requests and in lists of models.'),
    (66, 'models_allow', '', 'list', 0, 200, null, null,
     'The only models that clients may ask for; * and ? stand for any letters; empty: all.'),
    (67, 'models_deny', '', 'list', 0, 200, null, null,
     'Models that clients may not ask for, by any of their names; * and ? stand for any letters.'),
    (68, 'models_refresh_minutes', '60', 'integer', 1, 10080, null, 'minutes',
     'How old the list of models may be before credentials are asked for theirs again.'),
    (69, 'models_refresh_projects', '5', 'integer', 1, 100, null, 'projects',
     'How many projects are asked then: those that were not asked for the longest time.'),
    -- 70-99: protection of the pool, errors, outbound calls
    (70, 'open_access', 'off', 'boolean', null, null, null, null,
     'Whether requests without any client token are served, as those of the client "open access". A token '
     'that is not valid is refused all the same.'),
    (71, 'open_per_minute', '40', 'integer', 0, 1000000, null, 'requests',
     'Open access: requests of one address (IPv6: of a /64) in any 60 seconds; 0: any number.'),
    (72, 'open_per_hour', '1000', 'integer', 0, 100000000, null, 'requests',
     'Open access: requests of one address (IPv6: of a /64) in any 60 minutes; 0: any number.'),
    (73, 'ban_after', '100', 'integer', 0, 1000000, null, 'refusals',
     'Open access: an address that was refused so often within an hour for its limits is banned; 0: never.'),
    (74, 'ban_minutes', '60', 'integer', 1, 525600, null, 'minutes', 'How long such a ban lasts.'),
    (75, 'protect_below', '0', 'integer', 0, 1000000, null, 'credentials',
     'Open access: with fewer credentials ready some requests are turned away; 0: never.'),
    (76, 'protect_all_at', '0', 'integer', 0, 1000000, null, 'credentials',
     'Open access: with so few credentials ready, or fewer, all requests are turned away.'),
    (77, 'protect_percent', '0', 'integer', 0, 100, null, '%',
     'Open access: share of the requests that is turned away from protect_below on; it grows evenly to '
     '100 % at protect_all_at.'),
    (80, 'retries', '7', 'integer', 0, 99, null, null,
     'How often a request is tried again at the most, before anything has reached the client.'),
    (81, 'retry_budget_percent', '20', 'integer', 0, 1000, null, '%',
     'Retries after failures of the model or the network, as a share of the requests of a worker within ten '
     'seconds. What is beyond waits 1, 2, 4, 8 s.'),
    (82, 'retry_budget_floor', '100', 'integer', 0, 1000000, null, 'retries',
     'As many such retries a worker may always make within ten seconds, however little traffic there is.'),
    (83, 'connect_timeout_ms', '10000', 'integer', 100, 600000, null, 'ms', 'Time to connect to the upstream.'),
    (84, 'first_byte_timeout_ms', '120000', 'integer', 100, 3600000, null, 'ms',
     'Time until the upstream''s first useful byte; then another credential is tried.'),
    (85, 'idle_timeout_ms', '300000', 'integer', 100, 3600000, null, 'ms',
     'Silence within an upstream answer after which it is given up.'),
    (86, 'total_timeout_ms', '900000', 'integer', 1000, 86400000, null, 'ms',
     'Time that one request may take in all, waiting and retries included.'),
    -- 100-109: reports
    (100, 'metrics_local', 'on', 'boolean', null, null, null, null,
     'Whether programs on this machine may read /metrics and /status.txt without a token.'),
    (101, 'metrics_models', '50', 'integer', 1, 1000, null, 'models',
     'How many models have figures of their own in /metrics; the others are counted together.'),
    (102, 'metrics_clients', '100', 'integer', 0, 1000, null, 'clients',
     'How many clients have figures of their own in /metrics; the others are counted together.'),
    (103, 'status_file_seconds', '300', 'integer', 5, 86400, null, 's',
     'How often POLLUX_STATUS_FILE is written, if there is one.'),
    (104, 'usage_log_seconds', '300', 'integer', 0, 86400, null, 's',
     'How often a line in the log sums up what was used, unless nothing was; 0: never.'),
    -- 110-129: console
    (110, 'session_hours', '12', 'integer', 1, 720, null, 'hours',
     'How long somebody stays signed in to the console at the most.'),
    (111, 'session_idle_minutes', '120', 'integer', 1, 10080, null, 'minutes',
     'How long somebody who does nothing stays signed in to the console.'),
    (112, 'login_free_attempts', '5', 'integer', 1, 100, null, null,
     'Wrong passwords, for an account or from an address, before sign-ins have to wait (1, 2, 4 ... s).'),
    (113, 'login_wait_most', '900', 'integer', 1, 3600, null, 's',
     'Longest wait of an address between sign-ins; that of an account from new addresses is a minute.'),
    -- 130-139: capturing exchanges for debugging
    (130, 'capture_until', 'off', 'moment', null, 10080, null, null,
     'Until when whole exchanges, prompts and answers, are captured for debugging: a time, or 90m, 2h, 1d from '
     'now; off: nothing is.'),
    (131, 'capture_share', '0.1', 'number', 0, 1, null, null,
     'Capturing: share of the requests, chosen by chance; 1: all.'),
    (132, 'capture_client', '', 'text', 0, 200, null, null,
     'Capturing: only requests of the client of this name; empty: of all.'),
    (133, 'capture_model', '', 'text', 0, 200, null, null,
     'Capturing: only requests for this model; empty: for all.'),
    (134, 'capture_failures', 'off', 'boolean', null, null, null, null,
     'Capturing: only requests that did not end well.'),
    (135, 'capture_texts', 'on', 'boolean', null, null, null, null,
     'Capturing: whether texts are kept; off: only how long they were.'),
    (136, 'capture_keep_hours', '24', 'integer', 1, 168, null, 'hours',
     'How long what was captured is kept.'),
    (137, 'capture_body_bytes', '65536', 'integer', 256, 1048576, null, 'bytes',
     'Capturing: how much of each body is kept at the most.'),
    (138, 'capture_total_mb', '50', 'integer', 1, 1000, null, 'MB',
     'Capturing: how much is kept in all; then the oldest make room.'),
    -- 20-29: what is kept, and when
    (20, 'retention_days', '30', 'integer', 2, 3650, null, 'days',
     'How long the log of requests and attempts, and events, are kept.'),
    (21, 'usage_days', '400', 'integer', 2, 36500, null, 'days',
     'How long usage and the health of the pool are kept, summed up by the hour.'),
    (22, 'remove_dead_days', '30', 'integer', 0, 3650, null, 'days',
     'After how long a credential that Google refuses leaves the pool for the archive; 0: never.'),
    (23, 'archive_days', '365', 'integer', 0, 3650, null, 'days',
     'How long `pollux key restore` can bring such a credential back; 0: always.'),
    (24, 'public_url', '', 'text', 0, 500, null, null,
     'Where Pollux can be reached from outside; its /health is called to keep it awake. Empty: nowhere.'),
    (25, 'keep_alive_minutes', '10', 'integer', 1, 1440, null, 'minutes',
     'How often that is.'),
    (29, 'time_zone', 'UTC', 'text', 1, 60, null, null,
     'Time zone of the operator, such as Europe/Berlin: daily maintenance and reports go by its days.')
) as declared(position, name, preset, kind, least, most, choices, unit, help)
on conflict (name) do update
set position = excluded.position, preset = excluded.preset, kind = excluded.kind, least = excluded.least,
    most = excluded.most, choices = excluded.choices, unit = excluded.unit, help = excluded.help;

-- pattern: a regular expression for the whole text; refusal: a function that answers what is wrong, or null.
update pollux.setting s
set pattern = d.pattern, refusal = d.refusal
from pollux.setting t
left join (values
    ('time_zone', null, 'pollux.time_zone_refusal'),
    ('public_url', '(https?://[^/@?#[:space:]]+(/[^@?#[:space:]]*)?)?', null),
    ('probe_model', '[A-Za-z0-9][A-Za-z0-9._/:@-]*', null),
    ('models_allow', '[A-Za-z0-9*?._/:@-]{1,200}', null),
    ('models_deny', '[A-Za-z0-9*?._/:@-]{1,200}', null),
    ('capture_model', '[A-Za-z0-9._/:@-]*', null),
    ('capture_client', null, 'pollux.capture_client_refusal')
) as d(name, pattern, refusal) on d.name = t.name
where t.name = s.name;

create or replace function pollux.time_zone_refusal(p_name text) returns text
language sql stable as $$
    select case when not exists (select from pg_timezone_names where name = p_name)
                then format('"%s" is no time zone: write a name such as Europe/Berlin, America/New_York or '
                            'UTC', p_name) end
$$;
comment on function pollux.time_zone_refusal(text) is
    'What is wrong with the name of a time zone; null: nothing. Names are taken as the list of PostgreSQL '
    'spells them.';

create or replace function pollux.setting(p_name text) returns text
language sql stable as $$ select value from pollux.setting where name = p_name $$;
comment on function pollux.setting(text) is 'Value of a setting.';

create or replace function pollux.policy() returns pollux.policy
language plpgsql stable as $$
declare
    g pollux.model_preset;
begin
    select * into g from pollux.model_preset;
    return row(g.strategy, g.margin, g.floor_ms, g.ceiling_ms, pollux.now() - g.learned_ttl)::pollux.policy;
end
$$;
comment on function pollux.policy() is 'The settings an exchange needs.';

create or replace function pollux.setting_on(p_name text) returns boolean
language sql stable as $$ select value = 'on' from pollux.setting where name = p_name $$;
comment on function pollux.setting_on(text) is 'Whether a boolean setting is on.';

create or replace function pollux.setting_items(p_name text) returns text[]
language sql stable as $$ select string_to_array(value, ',') from pollux.setting where name = p_name $$;
comment on function pollux.setting_items(text) is 'The items of a setting that is a list.';

----------------------------------------------------------------------------------------------- changing them

drop function if exists pollux.setting_check(text, text);

create or replace function pollux.setting_number(s pollux.setting, p_value text) returns text
language plpgsql immutable as $$
declare
    v_form text := (array['^-?[0-9]{1,18}$', '^-?[0-9]{1,18}([.][0-9]{1,9})?$'])[1 + (s.kind = 'number')::int];
begin
    if p_value !~ v_form or p_value::numeric not between s.least and s.most then
        raise exception 'setting "%" must be a % from % to %', s.name,
            case s.kind when 'integer' then 'whole number' else 'number' end, s.least,
            s.most || coalesce(' (' || s.unit || ')', '')
            using errcode = 'invalid_parameter_value';
    end if;
    return trim_scale(p_value::numeric);
end
$$;
comment on function pollux.setting_number(pollux.setting, text) is
    'A number as it is kept, or an error in plain words.';

create or replace function pollux.setting_boolean(s pollux.setting, p_value text) returns text
language plpgsql immutable as $$
begin
    case when lower(p_value) in ('on', 'true', 'yes', '1') then return 'on';
         when lower(p_value) in ('off', 'false', 'no', '0') then return 'off';
         else raise exception 'setting "%" must be on or off', s.name
              using errcode = 'invalid_parameter_value';
    end case;
end
$$;
comment on function pollux.setting_boolean(pollux.setting, text) is
    'on or off, or an error in plain words.';

create or replace function pollux.setting_text(s pollux.setting, p_value text) returns text
language plpgsql stable as $$
declare
    v_refusal text;
begin
    if p_value ~ '[[:cntrl:]]' then
        v_refusal := 'no control characters are allowed';
    elsif p_value !~ ('^(?:' || s.pattern || ')$') then
        v_refusal := format('"%s" does not look right; it has to match %s', left(p_value, 100), s.pattern);
    elsif s.refusal is not null then
        execute format('select %s($1)', s.refusal) into v_refusal using p_value;
    end if;
    if v_refusal is not null then
        raise exception 'setting "%": %', s.name, v_refusal using errcode = 'invalid_parameter_value';
    end if;
    return p_value;
end
$$;
comment on function pollux.setting_text(pollux.setting, text) is
    'A text, or an item of a list, that passes its pattern and its function; or an error in plain words.';

create or replace function pollux.setting_list(s pollux.setting, p_value text) returns text
language plpgsql stable as $$
declare
    v_items text[] := array_remove(regexp_split_to_array(p_value, '[\s,]+'), '');
begin
    if cardinality(v_items) not between coalesce(s.least, 0) and coalesce(s.most, 100) then
        raise exception 'setting "%" must have % to % items, separated by commas', s.name,
            coalesce(s.least, 0), coalesce(s.most, 100) using errcode = 'invalid_parameter_value';
    end if;
    return (select coalesce(string_agg(pollux.setting_text(s, i), ',' order by n), '')
            from unnest(v_items) with ordinality x(i, n));
end
$$;
comment on function pollux.setting_list(pollux.setting, text) is
    'A list as it is kept, or an error in plain words.';

create or replace function pollux.setting_moment(s pollux.setting, p_value text) returns text
language plpgsql stable as $$
declare
    v_at timestamptz;
begin
    if lower(p_value) in ('', 'off') then
        return 'off';
    end if;
    v_at := case when p_value ~ '^[0-9]{1,6} *[mhd]$'
                 then pollux.now() + replace(p_value, 'm', ' minutes')::interval else p_value::timestamptz end;
    if v_at > pollux.now() and v_at <= pollux.now() + make_interval(mins => s.most::integer) then
        return to_char(v_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
    end if;
    raise exception 'setting "%" must be a time within the next % hours, or off', s.name, trim_scale(round(s.most / 60, 1))
        using errcode = 'invalid_parameter_value';
exception when invalid_datetime_format or datetime_field_overflow or interval_field_overflow then
    raise exception 'setting "%" must be a time such as 2027-01-31T12:00Z, a span from now such as 90m, 2h or 1d, or '
                    'off', s.name using errcode = 'invalid_parameter_value';
end
$$;
comment on function pollux.setting_moment(pollux.setting, text) is
    'A moment as it is kept, in UTC, or off; or an error in plain words.';

create or replace function pollux.setting_read(s pollux.setting, p_value text) returns text
language plpgsql stable as $$
begin
    if p_value is null then
        raise exception 'setting "%" must have a value', s.name using errcode = 'invalid_parameter_value';
    elsif s.kind in ('integer', 'number') then
        return pollux.setting_number(s, btrim(p_value));
    elsif s.kind = 'boolean' then
        return pollux.setting_boolean(s, btrim(p_value));
    elsif s.kind = 'list' then
        return pollux.setting_list(s, p_value);
    elsif s.kind = 'moment' then
        return pollux.setting_moment(s, btrim(p_value));
    elsif s.kind = 'choice' and p_value <> all (s.choices) then
        raise exception 'setting "%" must be one of: %', s.name, array_to_string(s.choices, ', ')
            using errcode = 'invalid_parameter_value';
    elsif s.kind = 'text' and length(p_value) not between coalesce(s.least, 0) and coalesce(s.most, 1000) then
        raise exception 'setting "%" must have % to % characters', s.name, coalesce(s.least, 0),
            coalesce(s.most, 1000) using errcode = 'invalid_parameter_value';
    end if;
    return pollux.setting_text(s, p_value);
end
$$;
comment on function pollux.setting_read(pollux.setting, text) is
    'A value as it is kept, or an error in plain words if the setting may not have it.';

create or replace function pollux.setting_changing() returns trigger
language plpgsql as $$
begin
    new.value := pollux.setting_read(new, new.value);
    if new.value is distinct from old.value then
        new.changed_at := pollux.now();
    end if;
    return new;
end
$$;
comment on function pollux.setting_changing() is
    'Trigger: a value is checked and brought into its form, whoever changes it and with what.';

create or replace function pollux.setting_changed() returns trigger
language plpgsql as $$
begin
    if new.name = 'strategy' then
        perform pollux.quota_classify();
    elsif new.name = 'open_access' and new.value = 'on' then
        perform pollux.guard_client();
    end if;
    perform pollux.event('setting', jsonb_build_object('name', new.name, 'value', new.value));
    notify pollux_setting;
    return null;
end
$$;
comment on function pollux.setting_changed() is 'Trigger: what a change of a value brings with it; the workers are told.';

create or replace trigger setting_changing before update of value on pollux.setting
    for each row execute function pollux.setting_changing();
create or replace trigger setting_changed after update of value on pollux.setting
    for each row when (old.value is distinct from new.value) execute function pollux.setting_changed();

create or replace function pollux.setting_value(s pollux.setting) returns jsonb
language sql immutable as $$
    select case s.kind when 'integer' then to_jsonb(s.value::bigint)
                       when 'number' then to_jsonb(s.value::numeric)
                       when 'boolean' then to_jsonb(s.value = 'on')
                       when 'list' then to_jsonb(string_to_array(s.value, ','))
                       else to_jsonb(s.value) end
$$;
comment on function pollux.setting_value(pollux.setting) is
    'Its value as JSON: a number, true or false, an array of texts, or a text.';

create or replace function pollux.setting_json(p_setting pollux.setting) returns jsonb
language sql immutable as $$
    select jsonb_build_object('name', p_setting.name, 'value', p_setting.value, 'default', p_setting.preset,
                              'kind', p_setting.kind,
                              'unit', p_setting.unit, 'min', p_setting.least, 'max', p_setting.most,
                              'choices', to_jsonb(p_setting.choices), 'help', p_setting.help,
                              'changed_at', p_setting.changed_at)
$$;
comment on function pollux.setting_json(pollux.setting) is 'A setting as the command line sees it.';

create or replace function admin.setting_list() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.setting_json(s) order by s.position, s.name), '[]') from pollux.setting s
$$;
comment on function admin.setting_list() is
    'Array of {name, value, default, kind, unit, min, max, choices, help, changed_at}.';

create or replace function admin.setting_set(p_name text, p_value text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    s pollux.setting;
begin
    update pollux.setting set value = p_value where name = p_name returning * into s;
    if s.name is null then
        raise exception 'there is no setting "%"', p_name using errcode = 'undefined_parameter',
            hint = (select 'Settings: ' || string_agg(name, ', ' order by position) from pollux.setting);
    end if;
    return pollux.setting_json(s);
end
$$;
comment on function admin.setting_set(text, text) is
    'Changes a setting, or raises what is wrong. Answers it as in setting_list.';

create or replace function admin.setting_reset(p_name text) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.setting_set(name, preset) from pollux.setting where name = p_name
$$;
comment on function admin.setting_reset(text) is
    'Puts a setting back to its default. Answers it as in setting_list; null if there is none.';
