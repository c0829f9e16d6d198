-- SPDX-License-Identifier: MIT
-- Console: the one door behind /admin/api. See fcgi/admin/console.h for the HTTP side and how to add a call.
--
-- api.console(session, action, params, from) looks up the session, checks the role of its administrator
-- against pollux.console_action, says to the audit on whose behalf it works, and answers
-- admin.console_<action>(params). All in one transaction: a refusal changes nothing, a change leaves its row in
-- pollux.audit.
--
-- Errors are raised with SQLSTATE PXnnn, nnn being the HTTP status (pollux.refuse); of others 22xxx becomes
-- 400, 23505 409, P0002 404. The message says what is wrong, the hint what to do.
set check_function_bodies = off;

create or replace function pollux.refuse(p_status integer, p_message text, p_hint text default '')
returns void
language plpgsql volatile as $$
begin
    raise exception using errcode = 'PX' || p_status, message = p_message, hint = p_hint;
end
$$;
comment on function pollux.refuse(integer, text, text) is 'An error that reaches the browser with this HTTP status.';

------------------------------------------------------------------------------- what may be asked, and by whom

with declared(name, role, changes, help) as (values
    ('enter_viewer', 'viewer', false, 'Whether somebody who is signed in may look (fcgi/admin/enter.h).'),
    ('enter_operator', 'operator', true, 'Whether somebody who is signed in may change what serves requests.'),
    ('account_list', 'viewer', false, 'OAuth accounts, page by page.'),
    ('account_refresh', 'operator', true, 'Gets an account a new access token, now.'),
    ('account_map_list', 'viewer', false, 'Which Google Cloud project an e-mail address uses.'),
    ('account_map_set', 'operator', true, 'Changes which Google Cloud project an e-mail address uses.'),
    ('oauth_client_set', 'operator', true, 'Configures the OAuth client that accounts log in with.'),
    ('oauth_client_remove', 'operator', true, 'Forgets the OAuth client: no more logins.'),
    ('policy_list', 'viewer', false, 'The rules about errors of the upstream.'),
    ('policy_add', 'operator', true, 'Adds a rule about errors.'),
    ('policy_set', 'operator', true, 'Changes a rule about errors.'),
    ('policy_remove', 'operator', true, 'Removes a rule about errors.'),
    ('policy_test', 'operator', true, 'Says what would follow from an error; does nothing.'),
    ('session_get', 'self', false, 'Who is signed in, with what rights, and until when.'),
    ('session_list', 'self', false, 'Where this administrator is signed in.'),
    ('session_logout', 'self', true, 'Ends this session.'),
    ('session_logout_all', 'self', true, 'Ends all sessions of this administrator.'),
    ('session_password', 'self', true, 'Sets a new password and ends all other sessions.'),
    ('overview_get', 'viewer', false, 'Everything on the overview page.'),
    ('credential_list', 'viewer', false, 'Credentials, page by page.'),
    ('credential_get', 'viewer', false, 'One credential with its quota, history and attempts.'),
    ('credential_attempts', 'viewer', false, 'The last attempts with a credential.'),
    ('credential_survival', 'viewer', false, 'How many of the credentials that were added live on after so long a time.'),
    ('credential_export', 'operator', false, 'Credentials as CSV, without secrets.'),
    ('credential_preview', 'operator', true, 'What adding these keys would do; stores nothing.'),
    ('credential_add', 'operator', true, 'Adds keys.'),
    ('credential_set', 'operator', true, 'Changes label, priority, project, notes, tags of a credential.'),
    ('credential_enable', 'operator', true, 'Takes a credential into use again.'),
    ('credential_disable', 'operator', true, 'Takes a credential out of use.'),
    ('credential_reset', 'operator', true, 'Ends the rests and verdicts of a credential.'),
    ('credential_test', 'operator', true, 'Has a credential tested at once.'),
    ('credential_remove', 'operator', true, 'Puts a credential into the archive.'),
    ('credential_restore', 'operator', true, 'Brings a credential back out of the archive.'),
    ('credential_purge', 'operator', true, 'Deletes a credential of the archive and its secret, for good.'),
    ('pool_reset', 'operator', true, 'Ends everything automatic: verdicts, rests, failures, learned limits.'),
    ('credential_bulk', 'operator', true, 'Does something to many credentials, in parts.'),
    ('client_list', 'viewer', false, 'Clients, page by page.'),
    ('client_get', 'viewer', false, 'One client with what it used.'),
    ('client_add', 'operator', true, 'Adds a client; its token is shown this once.'),
    ('client_set', 'operator', true, 'Changes a client.'),
    ('client_revoke', 'operator', true, 'Makes a client''s token invalid for good.'),
    ('client_playground', 'operator', true, 'A token of one''s own for trying things out, good for an hour.'),
    ('model_list', 'viewer', false, 'Models, configured or used.'),
    ('model_get', 'viewer', false, 'One model with what it was used for.'),
    ('model_set', 'operator', true, 'Configures a model.'),
    ('model_remove', 'operator', true, 'Forgets what was configured for a model.'),
    ('model_reset', 'operator', true, 'Ends the rests of a model and forgets its learned limits.'),
    ('request_list', 'viewer', false, 'The log of requests, page by page, or what is new in it.'),
    ('request_get', 'viewer', false, 'One request with each of its attempts.'),
    ('request_open', 'viewer', false, 'Requests under way.'),
    ('request_export', 'viewer', false, 'The log as CSV.'),
    ('capture_get', 'viewer', false, 'Whether exchanges are captured for debugging, and until when.'),
    ('capture_start', 'operator', true, 'Captures exchanges for a while.'),
    ('capture_stop', 'operator', true, 'Captures nothing more.'),
    ('capture_list', 'operator', false, 'What is captured.'),
    ('capture_look', 'operator', false, 'A captured exchange; each look is written down.'),
    ('capture_clear', 'operator', true, 'Deletes all that was captured.'),
    ('job_list', 'viewer', false, 'Maintenance and the jobs of workers.'),
    ('job_run', 'operator', true, 'Does a job of the maintenance at once.'),
    ('ban_list', 'viewer', false, 'Bans in force.'),
    ('ban_add', 'operator', true, 'Bans an address or network.'),
    ('ban_lift', 'operator', true, 'Lifts a ban.'),
    ('token_list', 'owner', false, 'The tokens of programs that administer.'),
    ('token_add', 'owner', true, 'Adds such a token; it is shown this once.'),
    ('token_revoke', 'owner', true, 'Makes such a token invalid for good.'),
    ('admin_list', 'owner', false, 'The administrators.'),
    ('admin_add', 'owner', true, 'Adds an administrator.'),
    ('admin_set', 'owner', true, 'Changes the role of an administrator, or whether they may sign in.'),
    ('admin_password', 'owner', true, 'Gives an administrator a new password.'),
    ('admin_remove', 'owner', true, 'Removes an administrator.'),
    ('audit_list', 'viewer', false, 'Who changed what.'),
    ('event_list', 'viewer', false, 'What happened by itself.'),
    ('system_get', 'viewer', false, 'Workers, hosts, database, queues, folders with keys.'),
    ('check_run', 'viewer', false, 'What may be wrong, and what to do about it.'),
    ('folder_sync', 'operator', true, 'Has a folder with keys read at once.'),
    ('folder_forget', 'operator', true, 'Forgets a folder with keys that is no more.'),
    ('usage_list', 'viewer', false, 'Requests, tokens, cost and times, summed up.'),
    ('usage_export', 'viewer', false, 'The same as CSV.'),
    ('setting_list', 'viewer', false, 'All settings with value, default and range.'),
    ('setting_set', 'operator', true, 'Changes a setting.'),
    ('setting_reset', 'operator', true, 'Puts a setting back to its default.')
), gone as (
    delete from pollux.console_action where name not in (select name from declared)
)
insert into pollux.console_action (name, role, changes, help) select * from declared
on conflict (name) do update
set role = excluded.role, changes = excluded.changes, help = excluded.help;

-------------------------------------------------------------------------------------------------- the one door

drop function if exists pollux.console_enter(text, text);

create or replace function pollux.console_enter(
    p_session text, p_action text, p_idle boolean, out session_id bigint, out admin_id bigint, out name text
)
language plpgsql volatile as $$
declare
    v_action pollux.console_action;
    v_role text;
begin
    session_id := pollux.session_enter(p_session, p_idle);
    select a.id, a.name, a.role into admin_id, name, v_role
    from pollux.admin a join pollux.session s on s.admin_id = a.id where s.id = session_id;
    select * into v_action from pollux.console_action c where c.name = p_action;
    if v_action.name is null then
        perform pollux.refuse(404, 'the console has no such call');
    elsif pollux.role_rank(v_role) >= pollux.role_rank(v_action.role) then
        return;
    end if;
    perform pollux.refuse(403, format('that needs the role %s; yours is %s', v_action.role, v_role),
                          'Ask an owner, who can change your role under Administrators.');
end
$$;
comment on function pollux.console_enter(text, text, boolean) is
    'Whose session this is, if it is open and its administrator''s role is enough for the action; else an error.';

create or replace function api.console_may(p_session text, p_action text) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('name', name) from pollux.console_enter(p_session, p_action, false)
$$;
comment on function api.console_may(text, text) is
    'Whether api.console would let this session do that: asked before a worker goes to the length of making a '
    'password''s hash or sealing keys. Answers {name}, or the error.';

create or replace function api.console_fingerprint(p_session text, p_credential text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pollux.console_enter(p_session, 'credential_set', false);
    return to_jsonb((select encode(fingerprint, 'hex') from pollux.credential where id::text = p_credential));
end
$$;
comment on function api.console_fingerprint(text, text) is
    'The fingerprint (hexadecimal) under which a proxy of this credential is sealed, for whoever may change it; null '
    'if there is no such credential. Not for the browser.';

create or replace function api.console(p_session text, p_action text, p_params jsonb, p_from jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_by record := pollux.console_enter(p_session, p_action, coalesce((p_from ->> 'idle')::boolean, false));
    v_answer jsonb;
begin
    perform pollux.actor_set(v_by.name, p_from ->> 'remote');
    execute format('select admin.%I($1)', 'console_' || p_action) into v_answer
        using p_params || jsonb_build_object('_session', v_by.session_id, '_admin', v_by.admin_id);
    return v_answer;
end
$$;
comment on function api.console(text, text, jsonb, jsonb) is
    'A call of the console. p_session: hexadecimal SHA-256 of the cookie; p_from: {remote, idle: whether a '
    'page asks by itself}. The function gets '
    'params with _session and _admin (ids) added. 401 without a session, 403 without the role, 404 for what '
    'there is not; else what admin.console_<action> answers.';

------------------------------------------------------------------- reading parameters: all come as one object

create or replace function pollux.param_text(
    p_params jsonb, p_name text, p_most integer default 200, p_needed boolean default false
) returns text
language plpgsql immutable as $$
declare
    v_text text := p_params ->> p_name;
begin
    if jsonb_typeof(p_params -> p_name) in ('object', 'array') then
        raise exception '"%" must be a text', p_name using errcode = 'PX400';
    elsif coalesce(v_text, '') = '' then
        if p_needed then
            raise exception '"%" is missing', p_name using errcode = 'PX400';
        end if;
        return null;
    elsif length(v_text) > p_most then
        raise exception '"%" is longer than % characters', p_name, p_most using errcode = 'PX400';
    end if;
    return v_text;
end
$$;
comment on function pollux.param_text(jsonb, text, integer, boolean) is
    'A text; empty is as if it were absent (null).';

create or replace function pollux.param_number(
    p_params jsonb, p_name text, p_preset bigint, p_least bigint, p_most bigint
) returns bigint
language plpgsql immutable as $$
declare
    v_text text := p_params ->> p_name;
begin
    if coalesce(v_text, '') = '' then
        return p_preset;
    elsif v_text !~ '^-?[0-9]{1,18}$' or v_text::bigint not between p_least and p_most then
        raise exception '"%" must be a whole number from % to %', p_name, p_least, p_most
            using errcode = 'PX400';
    end if;
    return v_text::bigint;
end
$$;
comment on function pollux.param_number(jsonb, text, bigint, bigint, bigint) is
    'A whole number between two others; p_preset when it is absent.';

create or replace function pollux.param_bool(p_params jsonb, p_name text, p_preset boolean) returns boolean
language plpgsql immutable as $$
declare
    v_text text := lower(p_params ->> p_name);
begin
    if coalesce(v_text, '') = '' then
        return p_preset;
    elsif v_text not in ('true', 'false', '1', '0') then
        raise exception '"%" must be true or false', p_name using errcode = 'PX400';
    end if;
    return v_text in ('true', '1');
end
$$;
comment on function pollux.param_bool(jsonb, text, boolean) is 'Yes or no; p_preset when it is absent.';

create or replace function pollux.param_choice(
    p_params jsonb, p_name text, p_choices text[], p_preset text default null
) returns text
language plpgsql immutable as $$
declare
    v_text text := coalesce(nullif(p_params ->> p_name, ''), p_preset);
begin
    if v_text <> all (p_choices) then
        raise exception '"%" must be one of: %', p_name, array_to_string(p_choices, ', ')
            using errcode = 'PX400';
    end if;
    return v_text;
end
$$;
comment on function pollux.param_choice(jsonb, text, text[], text) is
    'One of several words; p_preset when it is absent.';

create or replace function pollux.param_time(p_params jsonb, p_name text) returns timestamptz
language plpgsql stable as $$
declare
    v_at timestamptz;
begin
    v_at := nullif(p_params ->> p_name, '')::timestamptz;
    if not isfinite(v_at) then
        raise exception 'no' using errcode = 'data_exception';
    end if;
    return v_at;
exception when others then
    raise exception '"%" must be a time such as 2027-01-31T12:00:00Z', p_name using errcode = 'PX400';
end
$$;
comment on function pollux.param_time(jsonb, text) is 'A time; null when it is absent.';

create or replace function pollux.param_ids(p_params jsonb, p_name text) returns bigint[]
language plpgsql immutable as $$
declare
    v_ids jsonb := p_params -> p_name;
begin
    if v_ids is null or v_ids = 'null' then
        return null;
    elsif jsonb_typeof(v_ids) <> 'array' or jsonb_array_length(v_ids) > 100000
          or exists (select from jsonb_array_elements_text(v_ids) t where t !~ '^[0-9]{1,18}$') then
        raise exception '"%" must be a list of up to 100000 ids', p_name using errcode = 'PX400';
    end if;
    return array(select t::bigint from jsonb_array_elements_text(v_ids) t);
end
$$;
comment on function pollux.param_ids(jsonb, text) is 'A list of ids; null when it is absent.';

create or replace function pollux.param_cursor(p_params jsonb) returns jsonb
language plpgsql immutable as $$
declare
    v_cursor jsonb;
begin
    v_cursor := nullif(p_params ->> 'after', '')::jsonb;
    if jsonb_typeof(v_cursor) <> 'array' then
        raise exception 'no' using errcode = 'data_exception';
    end if;
    return v_cursor;
exception when data_exception then
    raise exception '"after" must be the "next" of the page before' using errcode = 'PX400';
end
$$;
comment on function pollux.param_cursor(jsonb) is 'Where the page before ended; null for the first page.';
