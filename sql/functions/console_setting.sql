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

-- Positions from 110 to 119: how one gets in and how long one stays.
create or replace function pollux.setting_must(p jsonb) returns void
language plpgsql stable as $$
begin
    if exists (select from pollux.setting where name = p ->> 'name' and position between 110 and 119)
       and not exists (select from pollux.admin where id = (p ->> '_admin')::bigint and role = 'owner') then
        perform pollux.refuse(403, 'that setting is for owners: it says who gets in, and for how long');
    end if;
end
$$;
comment on function pollux.setting_must(jsonb) is
    'p: {name, _admin}. An error if the setting is one of the doors and the administrator no owner.';

create or replace function admin.console_setting_set(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pollux.setting_must(p);
    return admin.setting_set(p ->> 'name', p ->> 'value');
end
$$;
comment on function admin.console_setting_set(jsonb) is
    'p: {name, value (a text)}. Answers the setting as in setting_list, or what is wrong with the value.';

create or replace function admin.console_setting_reset(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pollux.setting_must(p);
    return admin.setting_reset(p ->> 'name');
end
$$;
comment on function admin.console_setting_reset(jsonb) is
    'p: {name}. Puts it back to its default; answers it as in setting_list, null if there is none.';
