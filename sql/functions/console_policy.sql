-- SPDX-License-Identifier: MIT
-- Console: rules about errors of the upstream.
set check_function_bodies = off;

create or replace function pollux.policy_params(p jsonb) returns jsonb
language sql immutable as $$ select p - array['id', '_session', '_admin'] $$;
comment on function pollux.policy_params(jsonb) is 'What of the params is about the rule itself.';

create or replace function pollux.policy_id(p jsonb) returns bigint
language sql immutable as $$ select pollux.param_number(p, 'id', 0, 0, 999999999999999999) $$;
comment on function pollux.policy_id(jsonb) is 'The id of a rule in the params.';

create or replace function admin.console_policy_list(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('items', admin.policy_list())
$$;
comment on function admin.console_policy_list(jsonb) is '{items: as in admin.policy_list}.';

create or replace function admin.console_policy_add(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.policy_add(pollux.policy_params(p))
$$;
comment on function admin.console_policy_add(jsonb) is 'p: as for admin.policy_add. Answers the rule.';

create or replace function admin.console_policy_set(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.policy_set(pollux.policy_id(p), pollux.policy_params(p))
$$;
comment on function admin.console_policy_set(jsonb) is
    'p: {id, and what admin.policy_set takes}. Answers the rule; null if there is none.';

create or replace function admin.console_policy_remove(p jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select admin.policy_remove(pollux.policy_id(p))
$$;
comment on function admin.console_policy_remove(jsonb) is 'p: {id}. Answers the rule as it was; null if there is none.';

create or replace function admin.console_policy_test(p jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$ select '{}'::jsonb $$;
comment on function admin.console_policy_test(jsonb) is
    'Whether somebody may ask; the worker answers with its own copy of the rules (fcgi/admin/console_policy.c).';
