-- SPDX-License-Identifier: MIT
-- Keys folder: files with API keys on the hosts of the workers (POLLUX_KEYS_DIR), read every keys_folder_s
-- seconds. New keys are added; a key that vanished from the last folder that had it is disabled, if it had
-- come from a folder, and enabled when it is there again. What an operator did by hand stays: a key that he
-- removed or disabled is not brought back by a file that still holds it.
--
-- A reading is a round: keys_folder_begin, keys_folder_seen for batches of fingerprints, keys_folder_add for
-- those that are unknown, keys_folder_end. Keys are missed only when everything could be read.
set check_function_bodies = off;

create or replace function pollux.keys_folder_due(p_places text[]) returns void
language plpgsql volatile as $$
declare
    v_place text;
    v_next timestamptz;
begin
    foreach v_place in array p_places loop
        select least(next_at, tried_at + make_interval(secs => pollux.setting('keys_folder_s')::float8))
        into v_next from pollux.keys_folder where place = v_place;
        if not found then
            insert into pollux.keys_folder (place, next_at) values (v_place, pollux.now()) on conflict do nothing;
            v_next := pollux.now();
        end if;
        if v_next <= pollux.now() and not exists (
                select from pollux.job where kind = 'keys_folder' and subject = v_place and done_at is null) then
            perform pollux.job_enqueue('keys_folder', v_place, '{}', null);
        end if;
    end loop;
end
$$;
comment on function pollux.keys_folder_due(text[]) is
    'Asks for the reading of these folders if it is time. Unknown ones are made known.';

create or replace function api.keys_folder_begin(p_place text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_round bigint;
begin
    insert into pollux.keys_folder as f (place, next_at, round) values (p_place, pollux.now(), 1)
    on conflict (place) do update set round = f.round + 1
    returning round into v_round;
    return jsonb_build_object('round', v_round, 'rewrite', pollux.setting_on('keys_folder_rewrite'));
end
$$;
comment on function api.keys_folder_begin(text) is
    'A folder ("host:/path") is going to be read. Answers {round, rewrite: shall files be written anew?}.';

create or replace function api.keys_folder_seen(p_place text, p_round bigint, p_fingerprints jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_unknown jsonb;
    v_ids bigint[];
begin
    with given as materialized (
        select distinct decode(f, 'hex') as fingerprint from jsonb_array_elements_text(p_fingerprints) f
    ), found as materialized (
        select g.fingerprint, c.id, c.removed_at is null or k.credential_id is not null as stays
        from given g
        left join pollux.credential c on c.fingerprint = g.fingerprint
        left join pollux.keys_folder_key k on k.place = p_place and k.credential_id = c.id
    ), kept as (
        insert into pollux.keys_folder_key as k (place, credential_id, round)
        select p_place, id, p_round from found where stays and id is not null order by id
        on conflict (place, credential_id) do update set round = excluded.round
    )
    select jsonb_agg(encode(fingerprint, 'hex')) filter (where stays is not true or id is null),
           array_agg(id order by id) filter (where stays)
    into v_unknown, v_ids from found;
    return jsonb_build_object('unknown', coalesce(v_unknown, '[]'), 'back', pollux.keys_folder_return(v_ids));
end
$$;
comment on function api.keys_folder_seen(text, bigint, jsonb) is
    'The folder holds keys of these fingerprints (hexadecimal). Answers {unknown: those to be added, back: how '
    'many are in use again}.';

create or replace function pollux.keys_folder_return(p_ids bigint[]) returns integer
language plpgsql volatile as $$
declare
    c pollux.credential;
    v_projects bigint[] := '{}';
begin
    for c in select * from pollux.credential
             where id = any (p_ids) and gone_at is not null and removed_at is null
             order by id for no key update loop
        update pollux.credential set enabled = true, gone_at = null where id = c.id;
        perform pollux.credential_event(c, case when c.dead_reason is null then 'ready' else 'dead' end,
                                        'back in a keys folder');
        v_projects := v_projects || c.project_id;
    end loop;
    if v_projects <> '{}' then
        perform pollux.quota_refresh(v_projects);
    end if;
    return cardinality(v_projects);
end
$$;
comment on function pollux.keys_folder_return(bigint[]) is
    'Enables those that were disabled because they had vanished. Answers how many.';

create or replace function api.keys_folder_add(p_place text, p_round bigint, p_label text, p_keys jsonb)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_added jsonb := admin.credential_add(null, left(p_label, 200), null, p_keys);
    v_new bigint[];
begin
    with added as (
        insert into pollux.keys_folder_key (place, credential_id, round)
        select p_place, i::bigint, p_round from jsonb_array_elements_text(v_added -> 'ids') i
        group by i
        on conflict (place, credential_id) do nothing returning credential_id
    )
    select array_agg(credential_id) into v_new from added;
    update pollux.credential set from_folder = true where id = any (v_new) and not from_folder;
    return jsonb_build_object('new', v_added -> 'new');
end
$$;
comment on function api.keys_folder_add(text, bigint, text, jsonb) is
    'Adds keys [{fingerprint, sealed, hint}] that keys_folder_seen() did not know. Answers {new}.';

create or replace function pollux.keys_folder_miss(p_place text, p_round bigint) returns integer
language plpgsql volatile as $$
declare
    c pollux.credential;
    v_gone bigint[];
    v_projects bigint[] := '{}';
begin
    with gone as (
        delete from pollux.keys_folder_key where place = p_place and round < p_round returning credential_id
    )
    select array_agg(credential_id) into v_gone from gone;
    for c in select * from pollux.credential x
             where x.id = any (v_gone) and x.from_folder and x.enabled and x.removed_at is null
               and not exists (select from pollux.keys_folder_key k
                               where k.credential_id = x.id and k.place <> p_place)
             order by x.id for no key update loop
        update pollux.credential set enabled = false, gone_at = pollux.now() where id = c.id;
        perform pollux.credential_event(c, 'disabled', 'vanished from its keys folder');
        v_projects := v_projects || c.project_id;
    end loop;
    if v_projects <> '{}' then
        perform pollux.quota_refresh(v_projects);
    end if;
    return cardinality(v_projects);
end
$$;
comment on function pollux.keys_folder_miss(text, bigint) is
    'Disables keys that came from a folder and that no folder holds any more. Answers how many.';

create or replace function api.keys_folder_end(p_place text, p_round bigint, p_report jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := pollux.now();
    v_whole boolean := (p_report ->> 'whole')::boolean;
    v_errors jsonb := coalesce(p_report -> 'errors', '[]');
    v_gone integer := case when v_whole then pollux.keys_folder_miss(p_place, p_round) else 0 end;
    v_news jsonb := jsonb_build_object('new', p_report -> 'new', 'back', p_report -> 'back', 'gone', v_gone);
    v_before jsonb;
begin
    select errors into v_before from pollux.keys_folder where place = p_place for update;
    update pollux.keys_folder
    set tried_at = v_now, synced_at = case when v_whole then v_now else synced_at end,
        next_at = v_now + case when (p_report ->> 'unsettled')::boolean then interval '3 seconds'
                               else make_interval(secs => pollux.setting('keys_folder_s')::float8) end,
        files = (p_report ->> 'files')::integer, keys = (p_report ->> 'keys')::integer,
        malformed = (p_report ->> 'malformed')::integer, errors = v_errors
    where place = p_place;
    if v_errors <> v_before or v_news <> '{"new": 0, "back": 0, "gone": 0}' then
        perform pollux.event('keys_folder', v_news || jsonb_build_object(
            'place', p_place, 'keys', p_report -> 'keys', 'malformed', p_report -> 'malformed', 'errors', v_errors));
    end if;
    return p_report || v_news;
end
$$;
comment on function api.keys_folder_end(text, bigint, jsonb) is
    'The folder was read: {whole: could all of it be read?, unsettled: is a file just being written?, files, '
    'keys, malformed, new, back, errors: [{file, line, text, error}]}. Answers the report and {gone}. News, '
    'and other errors than last time, become an event.';

create or replace function admin.keys_folder_sync(p_place text) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select to_jsonb(pollux.job_enqueue('keys_folder', p_place, '{"manual": true}', '-infinity'))
$$;
comment on function admin.keys_folder_sync(text) is
    'Has a folder read at once, by a worker of its host. Answers the id of the job.';

create or replace function admin.keys_folder_list() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select pollux.doctor_folders()
$$;
comment on function admin.keys_folder_list() is
    'All folders with keys, an array of {place, synced_at, tried_at, next_at, files, keys, malformed, errors, credentials, '
    'late}.';

create or replace function admin.keys_folder_forget(p_place text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_gone integer;
begin
    if not exists (select from pollux.keys_folder where place = p_place) then
        return null;
    end if;
    v_gone := pollux.keys_folder_miss(p_place, 9223372036854775807);
    delete from pollux.keys_folder where place = p_place;
    perform pollux.audit(null, 'folder.forget', p_place, null, jsonb_build_object('gone', v_gone));
    return jsonb_build_object('place', p_place, 'gone', v_gone);
end
$$;
comment on function admin.keys_folder_forget(text) is
    'The folder is no more, a host was taken down: what only it held is disabled. Answers {place, gone}; null '
    'if it is not known.';
