-- SPDX-License-Identifier: MIT
-- Accounts: who refreshes, who waits, what survives; logins are good for one time.
truncate pollux.oauth_client, pollux.account_project, pollux.login cascade;
create function pg_temp.add(p_email text, p_more jsonb default '{}') returns jsonb language sql as $$
    select api.account_add(jsonb_build_object(
        'fingerprint', encode(sha256(p_email::bytea), 'hex'), 'sealed', encode('refresh 1', 'hex'), 'access', encode('access 1', 'hex'),
        'expires_s', 3600, 'email', p_email, 'upstream', 'gemini', 'client_id', 'c1') || p_more)
$$;
create function pg_temp.open(p_id bigint, p_rejected bigint default null, p_wish text default 'use') returns jsonb language sql as $$
    select api.account_open(p_id, gen_random_uuid(), p_rejected, p_wish)
$$;
create function pg_temp.stored(p_id bigint, p_version bigint, p_more jsonb default '{}') returns jsonb language sql as $$
    select api.account_refreshed(p_id, p_version, jsonb_build_object('access', encode('access 2', 'hex'), 'expires_s', 3600) || p_more)
$$;

select test.is('off without an OAuth client', test.error($$select pg_temp.add('a@x.y')$$), 'no OAuth client is configured: `pollux account client`');
select test.is('there is none', admin.oauth_client_show(), null);
select test.is('an id with a blank', test.error($$select admin.oauth_client_set('a b', '00')$$) like 'an OAuth client has an id%', true);
select test.is('the OAuth client', admin.oauth_client_set('c1', 'aabb') - 'changed_at', '{"client_id": "c1", "accounts": 0}');
select test.is('its secret is for workers', api.oauth_client(null) ->> 'secret', 'aabb');
select test.is('another takes its place', admin.oauth_client_set('c2', 'cc') ->> 'client_id' || (select count(*) from pollux.oauth_client where preferred), 'c21');
select admin.oauth_client_set('c1', 'aabb');

select test.is('an account', (select a ->> 'new' || ' ' || (a ->> 'state') || ' ' || (a ->> 'account') || ' ' || (a ->> 'project') from pg_temp.add('A@x.y') a), 'true ready ok account-a@x.y');
select test.is('is handed out', (select p ->> 'verdict' || ' ' || (p ->> 'kind') from test.ask1() p), 'go account');
select test.is('the same again', pg_temp.add('A@x.y') ->> 'new', 'false');
select test.is('with a project it shares that quota', (select a ->> 'project' || ' ' || (a ->> 'google_project') from pg_temp.add('b@x.y', '{"google_project": "cloud-1"}') a), 'cloud-1 cloud-1');
select test.is('a project number', test.error($$select pg_temp.add('z@x.y', '{"google_project": "123456"}')$$), '"123456" is a project number: give the project id, such as my-project-123');
select test.is('a project with a line break', test.error($$select pg_temp.add('z@x.y', '{"google_project": "a\nb"}')$$) like '%is no id of a Google Cloud project', true);
select test.is('an unknown upstream', test.error($$select pg_temp.add('z@x.y', '{"upstream": "x"}')$$), 'the upstream of an account is gemini or code_assist');
select test.is('nothing of it stayed', (select count(*) from pollux.account where email = 'z@x.y'), 0::bigint);
select admin.account_map('Later@X.y', 'cloud-2');
select test.is('the map is for those to come', pg_temp.add('later@x.y') ->> 'google_project', 'cloud-2');
select admin.account_map('a@x.y', 'cloud-3');
select test.is('and for those that are there', (select a ->> 'google_project' || ' ' || (a ->> 'project') from api.account_show(1) a), 'cloud-3 cloud-3');
select test.is('no address', test.error($$select admin.account_map('nobody', 'p1')$$), '"nobody" is no e-mail address');
select test.is('forgotten', admin.account_map('a@x.y', null), '[{"email": "later@x.y", "google_project": "cloud-2"}]');

-- Tokens.
select test.is('a fresh token is used', (select o ->> 'do' || ' ' || (o ->> 'good_ms') from pg_temp.open(1) o), 'use 10000');
select test.later('54 minutes 55 seconds');
select test.is('until five minutes before its end', (select o ->> 'do' || ' ' || (o ->> 'good_ms') from pg_temp.open(1) o), 'use 5000');
select test.later('6 seconds');
select test.is('then one refreshes', (select o ->> 'do' || ' ' || (o ->> 'version') || ' ' || (o ->> 'client_id') from pg_temp.open(1) o), 'refresh 2 c1');
select test.is('the others use the old one', (select o ->> 'do' || ' ' || (o ->> 'good_ms') from pg_temp.open(1) o), 'use 1000');
select test.is('it shows', api.account_show(1) ->> 'account', 'refreshing');
select test.later('4 minutes 50 seconds');
select test.is('whoever died lost the lease', pg_temp.open(1) ->> 'do', 'refresh');
select test.is('without a token the others wait', pg_temp.open(1) ->> 'do', 'wait');
select test.is('stored, with the new refresh token', pg_temp.stored(1, 2, jsonb_build_object('sealed', encode('refresh 2', 'hex')))::text, 'true');
select test.is('in the same transaction', (select convert_from(c.sealed, 'utf8') || ' ' || a.version from pollux.credential c join pollux.account a on a.credential_id = c.id where c.id = 1), 'refresh 2 3');
select test.is('who comes second stores nothing', pg_temp.stored(1, 2, jsonb_build_object('sealed', encode('refresh x', 'hex')))::text, 'false');
select test.is('the new one is used', (select o ->> 'do' || ' ' || (o ->> 'version') from pg_temp.open(1) o), 'use 3');
select test.is('refused too late: it was replaced', (select o ->> 'do' || ' ' || (o ->> 'version') from pg_temp.open(1, 2) o), 'use 3');
select test.is('refused: replaced at once', pg_temp.open(1, 3) ->> 'do', 'refresh');
select test.is('by one', pg_temp.open(1, 3) ->> 'do', 'wait');
select pg_temp.stored(1, 3);
select test.is('refused again within the minute: not once more', (select o ->> 'do' || ' ' || (o ->> 'dead') from pg_temp.open(1, 4) o), 'no false');
select test.later('61 seconds');
select test.is('but later', pg_temp.open(1, 4) ->> 'do', 'refresh');

-- Failures.
select test.is('it failed', api.account_failed(1, (select lease from pollux.account where credential_id = 1), 'overloaded')::text, 'true');
select test.is('the old token still serves', pg_temp.open(1) ->> 'do', 'use');
select test.is('and is not replaced before a second', (select o ->> 'do' || ' ' || (o ->> 'says') || ' ' || (o ->> 'retry_ms') from pg_temp.open(1, 4) o), 'no overloaded 1000');
select test.later('62 seconds');
select test.is('then it is', pg_temp.open(1, 4) ->> 'do', 'refresh');
select test.is('a lease of somebody else counts for nothing', (select api.account_failed(1, gen_random_uuid(), 'x'))::text || (select failures from pollux.account where credential_id = 1), 'true1');
select test.is('revoked', api.account_refused(1, 4, '{"state": "revoked", "says": "invalid_grant"}')::text, 'true');
select test.is('is out, and says what to do', (select a ->> 'state' || ' ' || (a ->> 'account') || ' ' || (a ->> 'reason') from api.account_show(1) a), 'dead revoked revoked: log in again with `pollux account login`');
select test.is('is not opened', (select o ->> 'do' || ' ' || (o ->> 'dead') from pg_temp.open(1) o), 'no true');
select test.is('is not probed with a key''s probe', (select probe_at from pollux.credential where id = 1), null);
select test.is('one event', (select count(*) from pollux.event where kind = 'state' and detail ->> 'credential_id' = '1' and detail ->> 'to' = 'dead'), 1::bigint);
select pg_temp.stored(1, 4);
select test.is('a refresh that was under way brings it back', api.account_show(1) ->> 'state', 'ready');
select test.is('an old refusal comes too late', api.account_refused(1, 4, '{"state": "revoked"}')::text || (api.account_show(1) ->> 'state'), 'falseready');
select test.is('disabled', (select a ->> 'state' from admin.account_set_enabled(1, false) a), 'disabled');
select test.is('enabled', (select a ->> 'state' from admin.account_set_enabled(1, true) a), 'ready');
select test.is('removed', admin.account_remove(1) ->> 'id', '1');
select test.is('with its access token', (select access from pollux.account where credential_id = 1), null);
select test.is('cannot be opened', (select o ->> 'says' from pg_temp.open(1) o), 'the account was removed');
select test.is('nor stored to', (select sealed from (select pg_temp.stored(1, 5, '{"sealed": "00"}')) x, pollux.credential where id = 1), null);

-- Code Assist.
select test.is('with Code Assist it is out until it is set up', (select a ->> 'state' || ' ' || (a ->> 'account') || ' ' || (a ->> 'project') from pg_temp.add('c@x.y', '{"upstream": "code_assist", "google_project": "cloud-1"}') a), 'dead setup account-c@x.y');
create temp table one as select id from pollux.credential where kind = 'account' order by id desc limit 1;
select test.is('not opened', pg_temp.open((select id from one)) ->> 'state', 'setup');
select test.is('but looked at', (select o ->> 'do' || ' ' || (o ->> 'setup_due') from pg_temp.open((select id from one), null, 'look') o), 'use true');
select test.is('nobody''s while it is out', api.account_wrapped(), '[]');
select test.is('set up', api.account_ready((select id from one), '{"google_project": "found-1", "tier": "standard-tier"}')::text, 'true');
select test.is('it is in', (select a ->> 'state' || ' ' || (a ->> 'google_project') || ' ' || (a ->> 'tier') from api.account_show((select id from one)) a), 'ready found-1 standard-tier');
select test.is('its project is one of Code Assist', jsonb_array_length(api.account_wrapped()), 1);
select test.is('asked again once an hour', api.account_again((select id from one))::text, 'false');
select test.later('61 minutes');
select test.is('now', api.account_again((select id from one))::text || api.account_again((select id from one))::text, 'truefalse');

-- Jobs.
delete from pollux.job;
select test.is('what expires, or is to be set up, becomes a job', pollux.account_refresh_enqueue(), 3);
select test.is('once', (select pollux.account_refresh_enqueue() || ' ' || count(*) from pollux.job where kind = 'refresh'), '3 3');

-- The minimum.
update pollux.setting set value = '7' where name = 'credentials_minimum';
select test.is('health knows the minimum', api.health() ->> 'minimum', '7');

-- Logins.
create function pg_temp.login(p_id uuid, p_browser text default null) returns jsonb language sql as $$
    select api.login_start(jsonb_build_object('id', p_id, 'state_hash', encode(sha256(p_id::text::bytea), 'hex'), 'verifier', '00', 'browser_hash', p_browser,
        'oauth_client', (select id from pollux.oauth_client where preferred), 'redirect_uri', 'http://127.0.0.1:8765/'))
$$;
select test.is('a login waits', (select l ->> 'state' || ' ' || (l ->> 'upstream') from pg_temp.login('00000000-0000-0000-0000-000000000001') l), 'waiting gemini');
select test.is('with another state', api.login_take(null, encode(sha256('x'), 'hex'), null), null);
select test.is('without anything', api.login_take(null, null, null), null);
select test.is('taken', api.login_take(null, encode(sha256('00000000-0000-0000-0000-000000000001'), 'hex'), null) ->> 'client_id', 'c1');
select test.is('once', api.login_take(null, encode(sha256('00000000-0000-0000-0000-000000000001'), 'hex'), null), null);
select test.is('done', api.login_end('00000000-0000-0000-0000-000000000001', (select id from one), null) ->> 'state', 'done');
select test.is('the end is the end', api.login_end('00000000-0000-0000-0000-000000000001', null, 'no') ->> 'state', 'done');
select pg_temp.login('00000000-0000-0000-0000-000000000002', 'aa');
select test.is('of one browser: not from elsewhere', api.login_take(null, encode(sha256('00000000-0000-0000-0000-000000000002'), 'hex'), null), null);
select test.is('nor from another', api.login_take(null, encode(sha256('00000000-0000-0000-0000-000000000002'), 'hex'), 'bb'), null);
select test.later('11 minutes');
select test.is('nor too late', api.login_take(null, encode(sha256('00000000-0000-0000-0000-000000000002'), 'hex'), 'aa'), null);
select test.is('it has expired', api.login_status('00000000-0000-0000-0000-000000000002') ->> 'state', 'expired');
select test.is('the client is kept for its accounts', (select admin.oauth_client_remove() ->> 'client_id' || (select count(*) from pollux.oauth_client where client_id = 'c1')), 'c11');
select test.is('and logins are off', admin.oauth_client_show(), null);

-- One act, one row in the audit.
create temp table before_ as select max(id) as id from pollux.audit;
select api.account_add(jsonb_build_object('fingerprint', repeat('cd', 32), 'sealed', '01', 'access', '02', 'expires_s', 3600, 'email', 'twice@example.org', 'client_id', 'c1', 'google_project', 'first-project')) \g /dev/null
select api.account_add(jsonb_build_object('fingerprint', repeat('cd', 32), 'sealed', '03', 'access', '04', 'expires_s', 3600, 'email', 'twice@example.org', 'client_id', 'c1', 'google_project', 'second-project', 'label', 'mine')) \g /dev/null
select admin.account_map('twice@example.org', 'third-project') \g /dev/null
select admin.account_set_enabled((select id from pollux.credential where fingerprint = decode(repeat('cd', 32), 'hex')), false) \g /dev/null
select admin.account_remove((select id from pollux.credential where fingerprint = decode(repeat('cd', 32), 'hex'))) \g /dev/null
select test.is('added, logged in again, mapped, switched off, removed', (select string_agg(action, ' ' order by id) from pollux.audit where id > (select id from before_)),
    'account.add account.add account.map credential.disable credential.remove');

