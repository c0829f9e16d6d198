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

-- States of a credential (model null): new, ready, dead, disabled, removed. Of a project's row for a model:
-- closed (in use), open (failing, it rests), half_open (one request is trying it), resting (told so by the
-- upstream, for ten minutes or longer), out (it may not use the model).
create or replace function pollux.state_event(
    p_at timestamptz, p_credential bigint, p_project bigint, p_model text, p_from text, p_to text, p_why text,
    p_until timestamptz
) returns void
language plpgsql volatile as $$
begin
    insert into pollux.event (at, kind, detail)
    values (p_at, 'state', jsonb_build_object(
        'credential_id', p_credential, 'project_id', p_project, 'model', p_model, 'from', p_from, 'to', p_to,
        'why', p_why, 'until', case when p_until < 'infinity' then p_until end));
end
$$;
comment on function pollux.state_event(timestamptz, bigint, bigint, text, text, text, text, timestamptz) is
    'Notes that a credential, or a project''s row for a model, went from one state to another, why, and until '
    'when at the latest if that is known.';
