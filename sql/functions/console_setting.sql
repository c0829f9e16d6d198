-- SPDX-License-Identifier: MIT
-- Console: settings.
set check_function_bodies = off;

create or replace function admin.console_setting_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', coalesce(jsonb_agg(
        x.one || jsonb_build_object('position', s.position) order by s.position, s.name), '[]'))
    from jsonb_array_elements(admin.setting_list()) x(one)
    join pollux.setting s on s.name = x.one ->> 'name'
$$;
comment on function admin.console_setting_list(jsonb) is '{items: as in admin.setting_list, and position: by tens what belongs together}.';

create or replace function admin.console_setting_set(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    return admin.setting_set(p ->> 'name', p ->> 'value');
end
$$;
comment on function admin.console_setting_set(jsonb) is
    'p: {name, value (a text)}. Answers the setting as in setting_list, or what is wrong with the value.';

create or replace function admin.console_setting_reset(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.setting_reset(p ->> 'name')
$$;
comment on function admin.console_setting_reset(jsonb) is
    'p: {name}. Puts it back to its default; answers it as in setting_list, null if there is none.';
