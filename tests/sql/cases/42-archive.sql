-- SPDX-License-Identifier: MIT
-- Credentials that have been dead for long leave the pool and can be brought back.
select test.keys(1, 5);
create function pg_temp.die(p_id bigint) returns void language sql as $$
    select test.end(test.ask1('m', jsonb_build_object('credential', p_id)), 'credential_dead', '{"scope": "credential", "rest": "dead", "reason": "suspended"}')
$$;
-- What a probe that fails leaves behind.
create function pg_temp.probed() returns void language sql as $$
    update pollux.health set probed_at = pollux.now() where exists (select from pollux.credential c where c.id = credential_id and c.dead_reason is not null)
$$;
select pg_temp.die(1), pg_temp.die(2), pg_temp.die(4);
select test.later('29 days 23 hours');
select test.is('dead for less than 30 days: it stays', pollux.credential_retire(), 0);
select pg_temp.die(3), admin.credential_set_enabled(4, false);
select test.later('61 minutes');
select admin.setting_set('remove_dead_days', '0');
select test.is('switched off', pollux.credential_retire(), 0);
select admin.setting_set('remove_dead_days', '30');
select test.is('longer, but not asked since: it may have recovered, it stays', pollux.credential_retire(), 0);
select pg_temp.probed();
select test.is('asked: it goes, but not what the operator switched off, nor what died later', pollux.credential_retire(), 2);
select test.is('to the archive', (select string_agg(id::text, ' ' order by id) from report.archive), '1 2');
select test.is('once', pollux.credential_retire(), 0);
select test.is('it is not listed any more', (select string_agg(c ->> 'id', ' ') from jsonb_array_elements(admin.credential_list(100, 0)) c), '3 4 5');
select test.is('but in the archive, with its reason and its end', (select (c ->> 'state') || ' ' || (c ->> 'reason') || ' ' || ((c ->> 'until')::timestamptz - pollux.now()) from jsonb_array_elements(admin.credential_archive(1, 0)) c), 'archived suspended 365 days');
select test.is('in pages', admin.credential_archive(1, 1) -> 0 ->> 'id', '2');
select test.is('it cannot be used', test.ask1('m', '{"credential": 1}') ->> 'reason', 'no_credentials');
select test.is('it is an event', (select string_agg(detail ->> 'credential_id', ' ' order by id) from report.events where kind = 'state' and detail ->> 'to' = 'removed'), '1 2');
select test.is('restored', admin.credential_restore(1) ->> 'state', 'ready');
select test.is('it serves', test.ask1('m', '{"credential": 1}') ->> 'sealed', encode('sealed k1', 'hex'));
select test.is('not twice', admin.credential_restore(1), null);
select test.is('nor one that never was there', admin.credential_restore(5), null);
select test.is('added again: it is back as well', test.keys(2, 2) ->> 'new', '1');
select test.is('and not in the archive', (select count(*) from report.archive), 0::bigint);
select pg_temp.die(1), pg_temp.die(5);
select test.later('31 days');
select pg_temp.probed();
select pollux.credential_retire();
select test.is('removed for good out of the archive', admin.credential_remove(1) ->> 'id', '1');
select test.is('its secret is gone', (select sealed is null and archived_at is null from pollux.credential where id = 1), true);
select test.later('365 days 1 hour');
select test.is('after a year secrets go', pollux.archive_purge(), 2);
select test.is('and nothing can be restored', admin.credential_restore(5), null);
select admin.setting_set('archive_days', '0');
select pg_temp.die((test.keys(6, 6) -> 'ids' ->> 0)::bigint);
select test.later('100 years');
select pg_temp.probed();
select pollux.credential_retire();
select test.later('100 years');
select test.is('archive_days 0: kept for ever', pollux.archive_purge(), 0);
select test.is('without an end', admin.credential_archive(9, 0) -> 0 -> 'until', 'null');
