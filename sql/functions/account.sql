-- SPDX-License-Identifier: MIT
-- Account: OAuth accounts, their access tokens, and the logins that make them.
--
-- An access token is refreshed by one worker at a time: api.account_open() tells each that asks what to do.
--   use      here is a token (sealed)
--   refresh  you have the lease: ask Google, then tell what came of it with account_refreshed, _failed or
--            _refused
--   wait     somebody else has the lease, and there is no token to use meanwhile: ask again shortly
--   no       the account is out, or its last refresh failed a moment ago
-- A token that came from Google is committed durably before anybody uses it, and a refresh token that came
-- with it replaces the old one in the same transaction. `version` counts tokens: who was refused (401) says
-- which one, and is told to use a newer one if somebody has got it meanwhile.
set check_function_bodies = off;

----------------------------------------------------------------------------------------------- OAuth clients

create or replace function api.oauth_client(p_client_id text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('id', id, 'client_id', client_id, 'secret', encode(secret, 'hex'),
                              'public_url', rtrim(pollux.setting('public_url'), '/'))
    from pollux.oauth_client
    where case when p_client_id is null then preferred else client_id = p_client_id end
$$;
comment on function api.oauth_client(text) is
    'An OAuth client with its sealed secret, by its id at Google, or the preferred one; null if there is none.';

create or replace function pollux.oauth_client_put(p_client_id text, p_secret text) returns bigint
language plpgsql volatile as $$
declare
    v_id bigint;
begin
    if p_client_id is null or p_client_id !~ '^[!-~]+$' or length(p_client_id) > 300 then
        raise exception 'an OAuth client has an id such as 123-abc.apps.googleusercontent.com'
            using errcode = 'invalid_parameter_value';
    end if;
    insert into pollux.oauth_client (client_id, secret, created_at, changed_at)
    values (p_client_id, decode(p_secret, 'hex'), pollux.now(), pollux.now())
    on conflict (client_id) do update set secret = excluded.secret, changed_at = excluded.changed_at
    returning id into v_id;
    return v_id;
end
$$;
comment on function pollux.oauth_client_put(text, text) is
    'Stores an OAuth client and its secret (sealed, hexadecimal). Answers its number.';

drop function if exists admin.oauth_client_set(text, text, text);
create or replace function admin.oauth_client_set(p_client_id text, p_secret text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_was jsonb;
    v_id bigint;
begin
    lock table pollux.oauth_client in share row exclusive mode; -- of two at the same time one comes after the other
    v_was := admin.oauth_client_show() - 'accounts';
    v_id := pollux.oauth_client_put(p_client_id, p_secret);
    update pollux.oauth_client set preferred = false where preferred and id <> v_id;
    update pollux.oauth_client set preferred = true where id = v_id;
    update pollux.account set refresh_after = null, failures = 0 where oauth_client_id = v_id;
    perform pollux.audit(null, 'oauth_client.set', p_client_id, v_was, admin.oauth_client_show() - 'accounts');
    return admin.oauth_client_show();
end
$$;
comment on function admin.oauth_client_set(text, text) is
    'Configures the OAuth client that new logins are made with: its id and its secret, sealed, in hexadecimal. '
    'Answers it without the secret.';

create or replace function admin.oauth_client_show() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('client_id', o.client_id, 'changed_at', o.changed_at,
                              'accounts', (select count(*) from pollux.account a
                                           join pollux.credential c on c.id = a.credential_id
                                           where a.oauth_client_id = o.id and c.removed_at is null))
    from pollux.oauth_client o where o.preferred
$$;
comment on function admin.oauth_client_show() is
    'The OAuth client in use: {client_id, changed_at, accounts}; null if there is none.';

create or replace function admin.oauth_client_remove() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_was jsonb := admin.oauth_client_show();
begin
    delete from pollux.oauth_client o
    where o.preferred and not exists (select from pollux.account a where a.oauth_client_id = o.id);
    update pollux.oauth_client set preferred = false where preferred;
    if v_was is not null then
        perform pollux.audit(null, 'oauth_client.remove', v_was ->> 'client_id', v_was - 'accounts', null);
    end if;
    return v_was;
end
$$;
comment on function admin.oauth_client_remove() is
    'No more logins: the OAuth client is forgotten, or kept only for the accounts that have it. Answers it as '
    'it was.';

---------------------------------------------------------------------------------------------------- accounts

create or replace function pollux.account_advice(p_state text) returns text
language sql immutable as $$
    select case p_state
        when 'setup' then 'not set up yet: `pollux account refresh ID` tries again'
        when 'revoked' then 'revoked: log in again with `pollux account login`'
        when 'needs_validation' then 'Google wants to verify the account: open its link, then enable it'
        when 'unsupported' then 'Google does not serve this account to other software: use an API key'
        when 'tos' then 'disabled by Google for its terms of service: only an appeal there helps'
        when 'no_project' then 'needs a Google Cloud project: `pollux account map EMAIL PROJECT`, then refresh'
        when 'refused' then 'refused by Google: `pollux account list --json` shows its words'
    end
$$;
comment on function pollux.account_advice(text) is
    'Why an account is out and what the operator can do, in one line: the dead_reason of its credential.';

create or replace function pollux.account_json(c pollux.credential, a pollux.account) returns jsonb
language sql stable as $$
    select pollux.credential_json(c) || jsonb_build_object(
        'email', a.email, 'upstream', a.upstream, 'google_project', a.google_project, 'tier', a.tier,
        'scopes', a.scopes, 'client_id', (select client_id from pollux.oauth_client where id = a.oauth_client_id),
        'account', case when c.dead_reason is not null then a.state
                        when a.lease_until > pollux.now() then 'refreshing' else 'ok' end,
        'says', a.says, 'link', a.link, 'expires_at', a.access_expires_at, 'refreshed_at', a.refreshed_at)
$$;
comment on function pollux.account_json(pollux.credential, pollux.account) is
    'An account as the command line and the console see it: a credential, and email, upstream, google_project, '
    'tier, scopes, client_id, account (ok, refreshing, or why it is out), says, link, expires_at, refreshed_at.';

create or replace function admin.account_list(p_limit integer, p_after bigint) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.account_json(x.c, x.a) order by (x.c).id), '[]')
    from (select c, a from pollux.credential c join pollux.account a on a.credential_id = c.id
          where c.removed_at is null and c.id > coalesce(p_after, 0) order by c.id limit p_limit) x
$$;
comment on function admin.account_list(integer, bigint) is
    'Up to p_limit accounts with ids above p_after, as pollux.account_json() gives them.';

create or replace function api.account_show(p_id bigint) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.account_json(c, a) from pollux.credential c join pollux.account a on a.credential_id = c.id
    where c.id = p_id and c.removed_at is null
$$;
comment on function api.account_show(bigint) is 'An account; null if there is none of this id.';

create or replace function admin.account_set_enabled(p_id bigint, p_enabled boolean) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    update pollux.account
    set failures = 0, refresh_after = null, says = case when p_enabled then null else says end,
        link = case when p_enabled then null else link end,
        state = case when p_enabled then 'ok' else state end
    where credential_id = p_id;
    if not found or admin.credential_set_enabled(p_id, p_enabled) is null then
        return null;
    end if;
    return api.account_show(p_id);
end
$$;
comment on function admin.account_set_enabled(bigint, boolean) is
    'Takes an account out, or back in whatever it was out for. Answers it; null if there is none.';

create or replace function admin.account_remove(p_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_was jsonb := api.account_show(p_id);
begin
    if v_was is not null then
        perform admin.credential_remove(p_id);
    end if;
    return v_was;
end
$$;
comment on function admin.account_remove(bigint) is
    'Removes an account and its tokens. Answers it as it was; null if there is none.';

create or replace function admin.account_map(p_email text, p_project text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_email text := lower(p_email);
    v_was text := (select google_project from pollux.account_project where email = lower(p_email));
begin
    if v_email is not null and v_email !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' then
        raise exception '"%" is no e-mail address', p_email using errcode = 'invalid_parameter_value';
    elsif p_project is not null then
        perform pollux.account_project_check(p_project);
        insert into pollux.account_project (email, google_project) values (v_email, p_project)
        on conflict (email) do update set google_project = excluded.google_project;
    elsif v_email is not null then
        delete from pollux.account_project where email = v_email;
    end if;
    if v_email is not null and v_was is distinct from p_project then
        perform pollux.audit(null, 'account.map', v_email, jsonb_build_object('google_project', v_was),
                             jsonb_build_object('google_project', p_project));
    end if;
    if p_project is not null then
        perform pollux.audit_pause(true); -- what follows from it is not told again
        perform pollux.account_move(c.id, p_project)
        from pollux.account a join pollux.credential c on c.id = a.credential_id
        where lower(a.email) = v_email and c.removed_at is null;
        perform pollux.audit_pause(false);
    end if;
    return (select coalesce(jsonb_agg(jsonb_build_object('email', email, 'google_project', google_project)
                                      order by email), '[]') from pollux.account_project);
end
$$;
comment on function admin.account_map(text, text) is
    'Sets the Google Cloud project of an e-mail address, for accounts that are there and that come; without a '
    'project forgets it. Answers the whole map, [{email, google_project}].';

create or replace function pollux.account_project_check(p_project text) returns void
language plpgsql immutable as $$
begin
    if p_project ~ '^[0-9]+$' then
        raise exception '"%" is a project number: give the project id, such as my-project-123', p_project
            using errcode = 'invalid_parameter_value';
    elsif p_project !~ '^[a-z0-9][a-z0-9.:-]{0,98}[a-z0-9]$' then
        raise exception '"%" is no id of a Google Cloud project', p_project
            using errcode = 'invalid_parameter_value';
    end if;
end
$$;
comment on function pollux.account_project_check(text) is
    'An error in plain words unless this may be the id of a Google Cloud project.';

-- The Gemini API counts by Google Cloud project, which API keys may share; Code Assist counts by user.
create or replace function pollux.account_pool(p_upstream text, p_email text, p_project text, p_print text)
returns text
language sql immutable as $$
    select case when p_upstream = 'gemini' and p_project is not null then p_project
                else 'account-' || coalesce(left(p_email, 80), left(p_print, 12)) end
$$;
comment on function pollux.account_pool(text, text, text, text) is
    'Name of the project whose quota an account uses: that of its Google Cloud project for the Gemini API, one '
    'of its own for Code Assist.';

create or replace function pollux.account_move(p_id bigint, p_project text) returns void
language plpgsql volatile as $$
declare
    v_pool text;
    v_old bigint;
    v_new bigint;
begin
    update pollux.account set google_project = p_project, setup_at = null where credential_id = p_id;
    select c.project_id, pollux.account_pool(a.upstream, a.email, a.google_project, encode(c.fingerprint, 'hex'))
    into v_old, v_pool
    from pollux.account a join pollux.credential c on c.id = a.credential_id where c.id = p_id;
    perform pollux.project_make(array[v_pool]);
    select id into v_new from pollux.project where name = v_pool;
    if v_new <> v_old then
        update pollux.credential set project_id = v_new where id = p_id;
        perform pollux.quota_refresh(array[v_old, v_new]);
    end if;
end
$$;
comment on function pollux.account_move(bigint, text) is
    'Gives an account another Google Cloud project, and with it the quota that it uses.';

create or replace function api.account_add(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_print bytea := decode(p ->> 'fingerprint', 'hex');
    v_email text := lower(nullif(p ->> 'email', ''));
    v_upstream text := coalesce(p ->> 'upstream', 'gemini');
    v_project text := nullif(p ->> 'google_project', '');
    v_state text := case when v_upstream = 'code_assist' then 'setup' end;
    v_client bigint;
    v_pool text;
    v_id bigint;
    v_new boolean;
begin
    perform set_config('synchronous_commit', 'on', true);
    if v_upstream not in ('gemini', 'code_assist') then
        raise exception 'the upstream of an account is gemini or code_assist' using errcode = 'invalid_parameter_value';
    end if;
    perform pollux.account_project_check(v_project);
    v_project := coalesce(v_project, (select m.google_project from pollux.account_project m where m.email = v_email));
    if p ? 'client_secret' then
        v_client := pollux.oauth_client_put(p ->> 'client_id', p ->> 'client_secret');
    else
        select id into v_client from pollux.oauth_client where client_id = p ->> 'client_id';
    end if;
    if v_client is null then
        raise exception 'no OAuth client is configured: `pollux account client`' using errcode = 'P0001';
    end if;
    v_pool := pollux.account_pool(v_upstream, v_email, v_project, p ->> 'fingerprint');
    perform pollux.project_make(array[v_pool]);
    v_new := not exists (select from pollux.credential where fingerprint = v_print and removed_at is null);
    perform pollux.audit_pause(true);
    insert into pollux.credential as c (project_id, kind, label, fingerprint, sealed, hint, created_at, dead_reason,
                                        dead_at)
    select id, 'account', nullif(p ->> 'label', ''), v_print, decode(p ->> 'sealed', 'hex'), null, pollux.now(),
           pollux.account_advice(v_state), case when v_state is not null then pollux.now() end
    from pollux.project where name = v_pool
    on conflict (fingerprint) do update
    set project_id = excluded.project_id, label = coalesce(excluded.label, c.label), sealed = excluded.sealed,
        removed_at = null, archived_at = null, enabled = true, dead_reason = excluded.dead_reason,
        dead_at = excluded.dead_at, probe_at = null, revived_at = pollux.now()
    returning id into v_id;
    perform pollux.audit_pause(false);
    insert into pollux.account as a (credential_id, oauth_client_id, email, upstream, google_project, scopes, state,
                                     access, access_expires_at, version, refreshed_at)
    values (v_id, v_client, v_email, v_upstream, v_project, p ->> 'scopes', coalesce(v_state, 'ok'),
            decode(p ->> 'access', 'hex'),
            pollux.now() + (p ->> 'expires_s')::float8 * interval '1 second', 1, pollux.now())
    on conflict (credential_id) do update
    set oauth_client_id = excluded.oauth_client_id, email = excluded.email, upstream = excluded.upstream,
        google_project = coalesce(excluded.google_project, a.google_project), scopes = excluded.scopes,
        state = excluded.state, says = null, link = null, access = excluded.access,
        access_expires_at = excluded.access_expires_at, version = a.version + 1,
        refreshed_at = excluded.refreshed_at, failures = 0, refresh_after = null, lease = null, lease_until = null,
        setup_at = null;
    perform pollux.quota_refresh(array[(select project_id from pollux.credential where id = v_id)]);
    if p ->> 'actor' <> '' then
        perform pollux.actor_set(p ->> 'actor', p ->> 'remote');
    end if;
    perform pollux.audit(null, 'account.add', coalesce(v_email, v_id::text), null,
                         jsonb_build_object('id', v_id, 'upstream', v_upstream, 'new', v_new));
    return jsonb_build_object('new', v_new) || api.account_show(v_id);
end
$$;
comment on function api.account_add(jsonb) is
    'Stores an account: {fingerprint, sealed (refresh token), access, all hexadecimal, expires_s, email, upstream, '
    'google_project, scopes, label, actor and remote (who, from which address), client_id, client_secret (sealed, if it has to be stored)}. One known by '
    'its fingerprint gets the new tokens and is back in. For Code Assist it stays out until account_ready. Answers '
    'it with {new}.';

---------------------------------------------------------------------------------------------- access tokens

create or replace function pollux.account_for_refresh(a pollux.account, c pollux.credential) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'do', 'refresh', 'lease', a.lease, 'version', a.version, 'sealed', encode(c.sealed, 'hex'),
        'fingerprint', encode(c.fingerprint, 'hex'), 'client_id', o.client_id,
        'client_secret', encode(o.secret, 'hex'), 'proxy', encode(c.proxy_sealed, 'hex'))
    from pollux.oauth_client o where o.id = a.oauth_client_id
$$;
comment on function pollux.account_for_refresh(pollux.account, pollux.credential) is
    'What a worker needs to refresh an access token.';

create or replace function pollux.account_for_use(a pollux.account, c pollux.credential, p_ahead interval)
returns jsonb
language sql volatile as $$
    select jsonb_build_object(
        'do', 'use', 'access', encode(a.access, 'hex'), 'fingerprint', encode(c.fingerprint, 'hex'),
        'version', a.version, 'upstream', a.upstream, 'google_project', a.google_project, 'email', a.email,
        'state', a.state, 'proxy', encode(c.proxy_sealed, 'hex'), 'setup_due', a.upstream = 'code_assist' and a.setup_at is null,
        'left_ms', pollux.ms_until(a.access_expires_at, n.now),
        'good_ms', least(10000, greatest(pollux.ms_until(a.access_expires_at - p_ahead, n.now), 1000)))
    from (select pollux.now() as now offset 0) n
$$;
comment on function pollux.account_for_use(pollux.account, pollux.credential, interval) is
    'An access token as a worker gets it: good_ms says for how long it may be used without asking again.';

create or replace function api.account_open(p_credential bigint, p_lease uuid, p_rejected bigint, p_wish text)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    a pollux.account;
    c pollux.credential;
    v_now timestamptz := pollux.now();
    v_ahead interval := pollux.setting('account_refresh_ahead_s')::integer * interval '1 second';
    v_forced boolean := p_wish in ('refresh', 'revive');
    v_anyway boolean := p_wish in ('look', 'revive');
    v_usable boolean;
begin
    select * into c from pollux.credential where id = p_credential and removed_at is null;
    select * into a from pollux.account where credential_id = c.id;
    if a.credential_id is null then
        return jsonb_build_object('do', 'no', 'dead', true, 'says', 'the account was removed');
    elsif c.dead_reason is not null and not v_anyway then
        return jsonb_build_object('do', 'no', 'dead', true, 'state', a.state, 'says', c.dead_reason);
    end if;
    v_usable := coalesce(a.version is distinct from p_rejected and a.access_expires_at > v_now + interval '10 s',
                         false);
    if v_usable and a.access_expires_at > v_now + v_ahead and not v_forced then
        return pollux.account_for_use(a, c, v_ahead);
    elsif a.version = p_rejected and a.rejected_at > v_now - interval '60 s'
          and coalesce(a.lease_until, v_now) <= v_now then
        return jsonb_build_object('do', 'no', 'dead', false, 'says', 'Google refuses its new access token');
    end if;
    if coalesce(a.refresh_after, v_now) <= v_now or v_forced then
        update pollux.account t
        set lease = p_lease, lease_until = v_now + interval '45 s',
            rejected_at = case when t.version = p_rejected then v_now else t.rejected_at end
        where t.credential_id = (select x.credential_id from pollux.account x
                                 where x.credential_id = a.credential_id and x.version = a.version
                                   and coalesce(x.lease_until, v_now) <= v_now
                                 for no key update skip locked)
        returning * into a;
        if found then
            return pollux.account_for_refresh(a, c);
        end if;
    elsif not v_usable then
        return jsonb_build_object('do', 'no', 'dead', false, 'says', a.says,
                                  'retry_ms', pollux.ms_until(a.refresh_after, v_now));
    end if;
    select * into a from pollux.account where credential_id = c.id;
    return case when v_usable and not v_forced then pollux.account_for_use(a, c, v_ahead)
                else '{"do": "wait"}' end;
end
$$;
comment on function api.account_open(bigint, uuid, bigint, text) is
    'What to do for an access token of this account; see the head of this file. p_lease: a new id of who asks; '
    'p_rejected: version of a token that Google refused, or null; p_wish: use, refresh (a new one in any case), or '
    'look and revive, which are the same for an account that is out.';

create or replace function api.account_refreshed(p_credential bigint, p_version bigint, p_token jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    a pollux.account;
begin
    perform set_config('synchronous_commit', 'on', true);
    update pollux.account
    set access = decode(p_token ->> 'access', 'hex'), version = version + 1, refreshed_at = pollux.now(),
        access_expires_at = pollux.now() + (p_token ->> 'expires_s')::float8 * interval '1 second',
        scopes = coalesce(nullif(p_token ->> 'scopes', ''), scopes), failures = 0, refresh_after = null,
        lease = null, lease_until = null, says = case when state in ('ok', 'revoked') then null else says end
    where credential_id = p_credential and version = p_version
    returning * into a;
    if not found then
        return 'false';
    end if;
    update pollux.credential set sealed = decode(p_token ->> 'sealed', 'hex')
    where id = p_credential and removed_at is null and p_token ->> 'sealed' is not null;
    if a.state = 'revoked' then
        perform pollux.account_back(p_credential);
    end if;
    return 'true';
end
$$;
comment on function api.account_refreshed(bigint, bigint, jsonb) is
    'Stores a new access token and, if one came with it, the new refresh token: {access, sealed, hexadecimal, '
    'expires_s, scopes}. Durable when it returns. p_version: of the token that was to be replaced; false and '
    'nothing stored if that is not the latest any more.';

create or replace function pollux.account_back(p_credential bigint) returns void
language plpgsql volatile as $$
begin
    update pollux.account set state = 'ok', says = null, link = null where credential_id = p_credential;
    perform pollux.credential_revive(p_credential, 'the account works');
end
$$;
comment on function pollux.account_back(bigint) is 'An account that was out can be used again.';

create or replace function api.account_failed(p_credential bigint, p_lease uuid, p_says text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    update pollux.account
    set lease = null, lease_until = null, rejected_at = null, failures = failures + 1, says = left(p_says, 400),
        refresh_after = pollux.now() + interval '1 second' * least(power(2, least(failures, 20)), 300)
    where credential_id = p_credential and lease = p_lease;
    return 'true';
end
$$;
comment on function api.account_failed(bigint, uuid, text) is
    'A refresh failed for a reason that passes (network, overload, an OAuth client that is not right): the next '
    'one comes after 1, 2, 4 ... 300 s. The account stays in; its token is used while it lasts.';

create or replace function api.account_refused(p_credential bigint, p_version bigint, p_why jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential;
    v_state text := p_why ->> 'state';
    v_reason text := pollux.account_advice(p_why ->> 'state');
begin
    perform set_config('synchronous_commit', 'on', true);
    update pollux.account
    set state = v_state, says = left(p_why ->> 'says', 400), link = left(p_why ->> 'link', 1000), lease = null,
        lease_until = null
    where credential_id = p_credential and (p_version is null or version = p_version);
    if not found then
        return 'false';
    end if;
    select * into c from pollux.credential where id = p_credential for no key update;
    update pollux.credential
    set dead_reason = v_reason, dead_at = coalesce(dead_at, pollux.now()), probe_at = null where id = c.id;
    if pollux.credential_state(c) = 'ready' then
        perform pollux.credential_event(c, 'dead', v_reason);
    end if;
    return 'true';
end
$$;
comment on function api.account_refused(bigint, bigint, jsonb) is
    'Google will not have this account: {state, says, link}. It is out, with a reason that says what to do. '
    'p_version: of the token it was about, null: of any; false if there is a newer one.';

create or replace function api.account_ready(p_credential bigint, p_setup jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    update pollux.account
    set google_project = coalesce(p_setup ->> 'google_project', google_project),
        tier = coalesce(p_setup ->> 'tier', tier), setup_at = pollux.now()
    where credential_id = p_credential;
    perform pollux.account_back(p_credential);
    return 'true';
end
$$;
comment on function api.account_ready(bigint, jsonb) is
    'Code Assist has set an account up: {google_project, tier}. It is in.';

create or replace function api.account_again(p_credential bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    update pollux.account set setup_at = null
    where credential_id = p_credential and upstream = 'code_assist' and setup_at < pollux.now() - interval '1 hour';
    return to_jsonb(found);
end
$$;
comment on function api.account_again(bigint) is
    'Code Assist does not accept the project of an account: it is asked for it again, once an hour at the most.';

create or replace function api.account_wrapped() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(distinct p.project_id), '[]')
    from (select c.project_id from pollux.account a join pollux.credential c on c.id = a.credential_id
          where a.upstream = 'code_assist' and c.enabled and c.dead_reason is null and c.removed_at is null
          limit 200) p
$$;
comment on function api.account_wrapped() is
    'Projects that are served by Code Assist, which has a few calls only: up to 200.';

create or replace function pollux.account_refresh_enqueue() returns integer
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_soon timestamptz := v_now + interval '90 seconds'
                          + pollux.setting('account_refresh_ahead_s')::integer * interval '1 second';
    v_jobs integer;
begin
    perform pollux.job_enqueue('refresh', a.credential_id::text, '{}', v_now)
    from pollux.account a join pollux.credential c on c.id = a.credential_id
    where c.enabled and c.removed_at is null
      and (c.dead_reason is null and (coalesce(a.access_expires_at, v_now) < v_soon
                                      or a.upstream = 'code_assist' and a.setup_at is null)
           or c.dead_reason is not null and a.state = 'setup'
              and a.refreshed_at < v_now - interval '3 minutes')
      and coalesce(a.refresh_after, v_now) <= v_now;
    get diagnostics v_jobs = row_count;
    return v_jobs;
end
$$;
comment on function pollux.account_refresh_enqueue() is
    'Jobs for accounts whose access token has to be refreshed before the next call a minute later, or that are '
    'not set up yet (three minutes after they came: whoever brought them is at it). Answers how many.';

------------------------------------------------------------------------------------------------------ logins

create or replace function api.login_start(p jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_id uuid := (p ->> 'id')::uuid;
    v_upstream text := coalesce(nullif(p ->> 'upstream', ''), 'gemini');
    v_until timestamptz := pollux.now() + pollux.setting('login_minutes')::integer * interval '1 minute';
begin
    if v_upstream not in ('gemini', 'code_assist') then
        raise exception 'the upstream of an account is gemini or code_assist' using errcode = 'invalid_parameter_value';
    end if;
    perform pollux.account_project_check(nullif(p ->> 'google_project', ''));
    delete from pollux.login where expires_at < pollux.now() - interval '1 day';
    insert into pollux.login (id, state_hash, browser_hash, verifier, oauth_client_id, redirect_uri, upstream,
                              google_project, label, actor, created_at, expires_at)
    select v_id, decode(p ->> 'state_hash', 'hex'), decode(p ->> 'browser_hash', 'hex'),
           decode(p ->> 'verifier', 'hex'), o.id, p ->> 'redirect_uri', v_upstream,
           nullif(p ->> 'google_project', ''), left(nullif(p ->> 'label', ''), 200), left(p ->> 'actor', 200),
           pollux.now(), v_until
    from pollux.oauth_client o where o.id = (p ->> 'oauth_client')::bigint;
    return api.login_status(v_id);
end
$$;
comment on function api.login_start(jsonb) is
    'A login begins: {id, state_hash, browser_hash or null, verifier (sealed), all but the id hexadecimal, '
    'oauth_client, redirect_uri, upstream, google_project, label, actor}. Answers its status.';

create or replace function api.login_take(p_id uuid, p_state_hash text, p_browser_hash text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    l pollux.login;
begin
    perform set_config('synchronous_commit', 'on', true);
    update pollux.login set state = 'working'
    where state = 'waiting' and expires_at > pollux.now()
      and (state_hash = decode(p_state_hash, 'hex') or p_state_hash is null)
      and (id = p_id or p_id is null and p_state_hash is not null
                        and (browser_hash is null or browser_hash = decode(p_browser_hash, 'hex')))
    returning * into l;
    return (select jsonb_build_object(
                'id', l.id, 'verifier', encode(l.verifier, 'hex'), 'redirect_uri', l.redirect_uri,
                'upstream', l.upstream, 'google_project', l.google_project, 'label', l.label, 'actor', l.actor,
                'client_id', o.client_id, 'client_secret', encode(o.secret, 'hex'))
            from pollux.oauth_client o where o.id = l.oauth_client_id);
end
$$;
comment on function api.login_take(uuid, text, text) is
    'Google has answered: the login of this state, once, in time, and for the browser that began it; or the one '
    'of this id, for somebody who entered by the door of the administration. Else null.';

create or replace function api.login_end(p_id uuid, p_credential bigint, p_says text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    update pollux.login
    set state = case when p_credential is null then 'failed' else 'done' end, credential_id = p_credential,
        says = left(p_says, 600)
    where id = p_id and state in ('waiting', 'working');
    return api.login_status(p_id);
end
$$;
comment on function api.login_end(uuid, bigint, text) is
    'What came of a login: an account, or why not. Answers its status.';

create or replace function api.login_status(p_id uuid) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'session', l.id, 'upstream', l.upstream, 'started_at', l.created_at, 'expires_at', l.expires_at,
        'state', case when l.state = 'waiting' and l.expires_at <= pollux.now() then 'expired' else l.state end,
        'says', l.says, 'account', api.account_show(l.credential_id))
    from pollux.login l
    where case when p_id is null then true else l.id = p_id end
    order by l.created_at desc limit 1
$$;
comment on function api.login_status(uuid) is
    'How a login stands (the latest one without an id): {session, upstream, started_at, expires_at, state: '
    'waiting | working | done | failed | expired, says, account}; null if there is none.';
