-- SPDX-License-Identifier: MIT
-- Event: what happened by itself and somebody may want to know.
set check_function_bodies = off;

create or replace function pollux.event(p_kind text, p_detail jsonb) returns void
language plpgsql volatile as $$
begin
    insert into pollux.event (at, kind, detail) values (pollux.now(), p_kind, p_detail);
end
$$;
comment on function pollux.event(text, jsonb) is 'Notes an event. No secrets in it.';
