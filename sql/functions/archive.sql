-- SPDX-License-Identifier: MIT
-- Archive: credentials that have been dead for long leave the pool, but their sealed secret is kept for some
-- time, so that they can be brought back. An archived credential counts as removed everywhere else. None goes
-- that was not asked once more when its time was over: it may have recovered since the last probe.
set check_function_bodies = off;

create or replace function pollux.credential_retire() returns integer
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    v_days integer := pollux.setting('remove_dead_days');
    v_count integer := 0;
    c pollux.credential;
begin
    if v_days = 0 then
        return 0;
    end if;
    for c in select * from pollux.credential k
             where k.dead_at < v_now - make_interval(days => v_days) and k.dead_reason is not null
               and k.enabled and k.removed_at is null
               and (k.probe_at is null
                    or exists (select from pollux.health h where h.credential_id = k.id
                               and h.probed_at >= k.dead_at + make_interval(days => v_days)))
             order by k.id for no key update loop
        update pollux.credential set removed_at = v_now, archived_at = v_now where id = c.id;
        perform pollux.credential_event(c, 'removed', format('dead for %s days: archived', v_days));
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
comment on function pollux.credential_retire() is
    'Archives credentials that have been dead for remove_dead_days, found so by a probe after that time (those that '
    'are not probed at once). Answers how many. Those that the operator disabled stay.';

create or replace function pollux.archive_purge() returns integer
language plpgsql volatile as $$
declare
    v_days integer := pollux.setting('archive_days');
    v_rows integer;
begin
    update pollux.credential set sealed = null, archived_at = null
    where archived_at < pollux.now() - make_interval(days => nullif(v_days, 0));
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;
comment on function pollux.archive_purge() is
    'Deletes the secrets of credentials that were archived archive_days ago. Answers how many.';

create or replace function admin.credential_archive(p_limit integer, p_after bigint) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', c.id, 'project', p.name, 'kind', c.kind, 'label', c.label, 'hint', c.hint, 'priority', c.priority,
        'state', 'archived', 'reason', c.dead_reason, 'created_at', c.created_at, 'dead_at', c.dead_at,
        'archived_at', c.archived_at,
        'until', c.archived_at + make_interval(days => nullif(pollux.setting('archive_days')::integer, 0)))
        order by c.id), '[]')
    from (select * from pollux.credential where archived_at is not null and id > coalesce(p_after, 0)
          order by id limit p_limit) c
    join pollux.project p on p.id = c.project_id
$$;
comment on function admin.credential_archive(integer, bigint) is
    'Up to p_limit archived credentials with ids above p_after, an array of {id, project, kind, label, hint, '
    'priority, state: archived, reason, created_at, dead_at, archived_at, until: when its secret is deleted}.';

create or replace function admin.credential_restore(p_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    c pollux.credential;
begin
    select * into c from pollux.credential where id = p_id and archived_at is not null for no key update;
    if c.id is null then
        return null;
    end if;
    update pollux.credential set removed_at = null, archived_at = null, enabled = true, gone_at = null, dead_reason = null,
                                 dead_at = null, probe_at = null, rest_until = null, revived_at = pollux.now()
    where id = p_id;
    perform pollux.credential_event(c, 'ready', 'restored from the archive');
    return admin.credential_reset(p_id);
end
$$;
comment on function admin.credential_restore(bigint) is
    'Brings an archived credential back into the pool, enabled, its old verdict forgotten. Answers it as in '
    'credential_list; null if none of that number is in the archive.';
