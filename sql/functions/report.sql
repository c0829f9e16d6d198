-- SPDX-License-Identifier: MIT
-- Report: what the views of schema report need that their readers may not reach themselves.
set check_function_bodies = off;

create or replace function pollux.report_moment(
    out now timestamptz, out since bigint, out day date, out learned_since timestamptz
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_policy pollux.policy := pollux.policy();
    v_moment pollux.moment := pollux.moment(v_policy);
begin
    now := v_moment.at;
    since := v_moment.since;
    day := v_moment.day;
    learned_since := v_policy.learned_since;
end
$$;
comment on function pollux.report_moment() is 'Now, as counters see it, for readers.';
