-- SPDX-License-Identifier: MIT
-- Setting: what an operator may change while Pollux runs. One row here declares one setting.

insert into pollux.setting (position, name, value, preset, kind, least, most, choices, unit, help)
select position, name, preset, preset, kind, least, most, choices, unit, help
from (values
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
    (8, 'retention_days', '30', 'integer', 2, 3650, null, 'days',
     'How long the log of requests and attempts is kept.')
) as declared(position, name, preset, kind, least, most, choices, unit, help)
on conflict (name) do update
set position = excluded.position, preset = excluded.preset, kind = excluded.kind, least = excluded.least,
    most = excluded.most, choices = excluded.choices, unit = excluded.unit, help = excluded.help;

create or replace function pollux.setting(p_name text) returns text
language sql stable as $$ select value from pollux.setting where name = p_name $$;
comment on function pollux.setting(text) is 'Value of a setting.';

create or replace function pollux.policy() returns pollux.policy
language plpgsql stable as $$
begin
    return (
        select row(max(value) filter (where name = 'strategy'),
                   ceil(max(value) filter (where name = 'send_margin_ms')::numeric / 1000)::integer,
                   max(value) filter (where name = 'cooldown_floor_ms')::bigint,
                   max(value) filter (where name = 'cooldown_ceiling_ms')::bigint,
                   pollux.now() - interval '1 hour'
                                  * max(value) filter (where name = 'learned_ttl_hours')::integer
                   )::pollux.policy
        from pollux.setting);
end
$$;
comment on function pollux.policy() is 'The settings an exchange needs.';

create or replace function pollux.setting_check(p_name text, p_value text) returns void
language plpgsql stable as $$
declare
    s pollux.setting;
begin
    select * into s from pollux.setting where name = p_name;
    if s.name is null then
        raise exception 'there is no setting "%"', p_name using errcode = 'undefined_parameter',
            hint = (select 'Settings: ' || string_agg(name, ', ' order by position) from pollux.setting);
    elsif s.kind = 'choice' and (p_value is null or p_value <> all (s.choices)) then
        raise exception 'setting "%" must be one of: %', p_name, array_to_string(s.choices, ', ')
            using errcode = 'invalid_parameter_value';
    elsif s.kind = 'integer' and (p_value is null or p_value !~ '^-?[0-9]{1,18}$'
                                  or p_value::bigint not between s.least and s.most) then
        raise exception 'setting "%" must be a whole number from % to % (%)', p_name, s.least, s.most, s.unit
            using errcode = 'invalid_parameter_value';
    end if;
end
$$;
comment on function pollux.setting_check(text, text) is
    'An error in plain words unless the setting may have that value.';

create or replace function pollux.setting_json(p_setting pollux.setting) returns jsonb
language sql immutable as $$
    select jsonb_build_object('name', p_setting.name, 'value', p_setting.value, 'default', p_setting.preset,
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
    'Array of {name, value, default, unit, min, max, choices, help, changed_at}.';

create or replace function admin.setting_set(p_name text, p_value text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    s pollux.setting;
begin
    perform pollux.setting_check(p_name, p_value);
    update pollux.setting set value = p_value, changed_at = pollux.now() where name = p_name
    returning * into s;
    if p_name = 'strategy' then
        perform pollux.quota_classify();
    end if;
    perform pollux.event('setting', jsonb_build_object('name', p_name, 'value', p_value));
    return pollux.setting_json(s);
end
$$;
comment on function admin.setting_set(text, text) is
    'Changes a setting, or raises what is wrong. Answers it as in setting_list.';
