-- SPDX-License-Identifier: MIT
-- Admin tokens: who enters, with which role, and with which words others are refused.
create function test.token(p_name text, p_role text default 'viewer', p_expires timestamptz default null) returns jsonb language sql as $$
    select admin.token_add(p_name, encode(sha256(p_name::bytea), 'hex'), right(p_name, 4), p_role, p_expires)
$$;
create function test.enter(p_name text, p_least text) returns text language plpgsql as $$
declare v_state text; v_hint text;
begin
    return api.admin_enter(encode(sha256(p_name::bytea), 'hex'), p_least) ->> 'role';
exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_hint = pg_exception_hint;
    return v_state || case when v_hint = '' then ' without a hint' else '' end || ': ' || sqlerrm;
end $$;
select test.is(role || ' is let in where it may', test.token('t ' || role, role) ->> 'role', role)
from unnest(array['metrics', 'viewer', 'operator', 'owner']) role;
select test.is('what ' || h.role || ' may', string_agg(least, ' ' order by n), h.may)
from (values ('metrics', 'metrics'), ('viewer', 'metrics viewer'), ('operator', 'metrics viewer operator'),
             ('owner', 'metrics viewer operator owner')) h(role, may)
cross join unnest(array['metrics', 'viewer', 'operator', 'owner']) with ordinality l(least, n)
where test.enter('t ' || h.role, least) = h.role group by h.role, h.may;
select test.is('too low a role', test.enter('t viewer', 'owner'), 'PX403: this needs the role owner, and "t viewer" has the role viewer');
select test.is('an unknown token', test.enter('nobody', 'metrics'), 'PX401: this admin token is not valid');
select test.is('a client token', test.enter('app', 'metrics'), 'PX403: a client token does not open the administration');
select test.is('no token', test.error($$select api.admin_enter(null, 'metrics')$$), 'this admin token is not valid');
select test.is('an admin token is no client token', test.ask1('m', jsonb_build_object('token_hash', encode(sha256('t owner'), 'hex'))) ->> 'reason', 'unauthenticated');
select test.is('last use is noted', (select last_used_at from pollux.admin_token where name = 't owner'), pollux.now());
select test.is('expiring', test.token('brief', 'viewer', pollux.now() + interval '1 hour') ->> 'state', 'active');
select test.later('1 hour');
select test.is('expired', test.enter('brief', 'viewer'), 'PX401: this admin token has expired');
select test.is('and says so', (select t ->> 'state' from jsonb_array_elements(admin.token_list()) t where t ->> 'name' = 'brief'), 'expired');
select test.is('revoked', admin.token_revoke('t viewer') ->> 'state', 'revoked');
select test.is('is out at once', test.enter('t viewer', 'metrics'), 'PX401: this admin token was revoked');
select test.is('nobody to revoke', admin.token_revoke('never was'), null);
select test.is('by id', admin.token_revoke((select id::text from pollux.admin_token where name = 'brief')) ->> 'name', 'brief');
select test.is('a name twice', test.error($$select test.token('t owner')$$), 'there is an admin token named "t owner" already');
select test.is('a revoked name again', (admin.token_add('t viewer', encode(sha256('second'), 'hex'), 'cond', 'viewer', null)) ->> 'state', 'active');
select test.is('a role that is none', test.error($$select test.token('x', 'root')$$), 'a role is metrics, viewer, operator or owner, not "root"');
select test.is('no name', test.error($$select test.token(E'a\nb')$$), 'an admin token needs a name of 1 to 100 characters');
select test.is('in the past', test.error($$select test.token('x', 'viewer', '2020-01-01')$$) like 'that is in the past%', true);
select test.ok('no hash is shown', admin.token_list()::text !~ '[0-9a-f]{64}');
