-- SPDX-License-Identifier: MIT
-- Who asks, and for which model.
select test.keys(1, 2);
select test.is('an unknown token', test.ask1('m', '{"token_hash": "00"}') ->> 'reason', 'unauthenticated');
select test.is('no token', test.ask1('m', '{"token_hash": null}') ->> 'reason', 'unauthenticated');
select test.is('no rows come into being for strangers', (select count(*) from pollux.model_state), 0::bigint);
select test.is('auth only', test.ask1('', '{"kind": "auth"}') ->> 'client', 'app');
select test.is('auth only, verdict', test.ask1('', '{"kind": "auth"}') ->> 'verdict', 'go');
select test.is('auth counts nothing', (select count(*) from pollux.open_request), 0::bigint);
select test.is('auth of a stranger', test.ask1('', '{"kind": "auth", "token_hash": "00"}') ->> 'reason', 'unauthenticated');
select admin.client_add('late', encode(sha256('late'), 'hex'), 'x', null, null, null, null, pollux.now() + interval '1 hour');
select test.is('before it expires', test.ask1('m', jsonb_build_object('token_hash', encode(sha256('late'), 'hex'))) ->> 'verdict', 'go');
select test.later('1 hour');
select test.is('after', test.ask1('m', jsonb_build_object('token_hash', encode(sha256('late'), 'hex'))) ->> 'reason', 'token_expired');
select admin.client_add('gone', encode(sha256('gone'), 'hex'), 'x', null, null, null, null, null);
select admin.client_revoke('gone');
select test.is('revoked', test.ask1('m', jsonb_build_object('token_hash', encode(sha256('gone'), 'hex'))) ->> 'reason', 'token_revoked');
select test.is('a refusal names the client', test.ask1('m', jsonb_build_object('token_hash', encode(sha256('gone'), 'hex'))) ->> 'client', 'gone');
select admin.client_add('some', encode(sha256('some'), 'hex'), 'x', null, null, null, array['good', 'gemini-2*'], null);
select admin.model_set('good', '{"aliases": ["nice"], "upstream_name": "gemini-real"}');
create function pg_temp.some(p_model text) returns text language sql as $$
    select concat(a ->> 'verdict', ' ', a ->> 'reason')
    from test.ask1(p_model, jsonb_build_object('token_hash', encode(sha256('some'), 'hex'))) a
$$;
select test.is('a model of the list', pg_temp.some('good'), 'go ');
select test.is('by its alias', pg_temp.some('nice'), 'go ');
select test.is('by a prefix', pg_temp.some('gemini-2.5-pro'), 'go ');
select test.is('another', pg_temp.some('other'), 'no model_denied');
select test.is('calls without a model', pg_temp.some(''), 'go ');
select test.is('an alias is resolved', (select a ->> 'model' || ' ' || (a ->> 'upstream_model') from test.ask1('nice') a),
               'good gemini-real');
select test.is('a name of 201 characters', test.ask1(repeat('x', 201)) ->> 'reason', 'model_unavailable');
select test.is('a name with a line break', test.ask1(E'x\ny') ->> 'reason', 'model_unavailable');
select test.is('the permit has what is needed to call',
               (select array[a ? 'sealed', a ? 'fingerprint', a ? 'credential_id', a ? 'started_at', a ->> 'kind' = 'api_key']
                from test.ask1() a), array[true, true, true, true, true]);
