-- SPDX-License-Identifier: MIT
-- Wish: what a request asks for before it may call the upstream, and who asks. Its shape stands above api.exchange().
set check_function_bodies = off;

create or replace function pollux.wish_read(p_wishes jsonb) returns pollux.seat[]
language sql stable as $$
    select array_agg(row(
        w.ord, w.id, w.kind, pollux.whole(w.attempt, 1000), w.dialect, w.verb, w.model, m.name,
        pollux.quota_model(m.name, w.verb), m.upstream_name, w.stream,
        coalesce(pollux.whole(w.est_tokens, 1000000000), 0),
        t.at - coalesce(pollux.whole(w.since_ms, 86400000), 0) * interval '1 millisecond', w.since_ms > 0,
        left(w.remote, 100), c.id, c.name, coalesce(c.rpm, c.tpm, c.daily_tokens) is not null,
        coalesce(w.exclude, '{}'), coalesce(x.project_id, a.project_id), o.project_id, x.id, r.gated,
        null, pollux.wish_refuse(c, w.model, m.name, w.kind, a.projects, w.credential, x, t.at),
        null, r.project_id, r.credential_id, r.attempt_at)::pollux.seat order by w.ord)
    from (select ord, id, kind, attempt, token_hash, dialect, verb, coalesce(model, '') as model, stream, est_tokens,
                 since_ms, exclude, resources, prefer_own, credential, repeat, remote
          from rows from (jsonb_to_recordset(p_wishes) as (
                   id uuid, kind text, attempt numeric, token_hash text, dialect text, verb text, model text,
                   stream boolean, est_tokens numeric, since_ms numeric, exclude bigint[], resources text[],
                   prefer_own boolean, credential bigint, repeat boolean, remote text)) with ordinality
               as w(id, kind, attempt, token_hash, dialect, verb, model, stream, est_tokens, since_ms, exclude,
                    resources, prefer_own, credential, repeat, remote, ord)) w
    cross join (select pollux.now() as at offset 0) t
    left join pollux.client c on c.token_hash = decode(w.token_hash, 'hex')
    left join pollux.model_alias l on l.alias = w.model
    left join pollux.model n on n.name = coalesce(l.model, w.model)
    left join pollux.credential x on x.id = w.credential
    left join pollux.open_request r on r.id = w.id and r.attempt = w.attempt and w.repeat
    cross join lateral (select coalesce(l.model, w.model) as name,
                               coalesce(n.upstream_name, l.model, w.model) as upstream_name) m
    left join lateral (select min(f.project_id) as project_id, count(distinct f.project_id) as projects
                       from pollux.affinity f
                       where f.resource = any (w.resources) and f.expires_at > t.at) a on w.resources <> '{}'
    left join lateral (select f.project_id from pollux.affinity f
                       where f.client_id = c.id and f.expires_at > t.at
                       order by f.created_at desc limit 1) o on w.prefer_own
$$;
comment on function pollux.wish_read(jsonb) is
    'Wishes as seats: client, model and alias, affinity and repeats looked up; reason says why not, as far as that is clear.';

create or replace function pollux.wish_refuse(
    p_client pollux.client, p_asked text, p_model text, p_kind text, p_projects bigint, p_wanted bigint,
    p_credential pollux.credential, p_now timestamptz
) returns text
language sql immutable as $$
    select case
        when p_client.id is null then 'unauthenticated'
        when p_client.revoked_at is not null then 'token_revoked'
        when p_client.expires_at <= p_now then 'token_expired'
        when p_kind = 'auth' then null
        when length(p_asked) > 200 or p_asked ~ '[[:cntrl:]]' then 'model_unavailable'
        when not pollux.client_may(p_client.models, p_asked, p_model) then 'model_denied'
        when p_projects > 1 or p_credential.project_id <> p_projects then 'resource_conflict'
        when p_wanted is not null and (p_credential.id is null or not p_credential.enabled
                                       or coalesce(p_credential.dead_at, p_credential.removed_at) is not null)
            then 'no_credentials'
    end
$$;
comment on function pollux.wish_refuse(pollux.client, text, text, text, bigint, bigint, pollux.credential, timestamptz) is
    'Why this client may not have what it wishes, as far as its token, the model''s name and the resources say; else null.';

create or replace function pollux.wish_limit(p_seats pollux.seat[], p_now timestamptz) returns pollux.seat[]
language plpgsql volatile as $$
declare
    v_at integer;
    s pollux.seat;
begin
    for v_at in select i from generate_subscripts(p_seats, 1) i
                where p_seats[i].limited and p_seats[i].attempt = 1 and p_seats[i].kind = 'permit'
                  and p_seats[i].reason is null and p_seats[i].project_id is null
                order by p_seats[i].client_id, p_seats[i].since loop
        s := p_seats[v_at];
        select * into s.reason, s.retry_ms from pollux.client_take(s.client_id, s.est, p_now);
        p_seats[v_at] := s;
    end loop;
    return p_seats;
end
$$;
comment on function pollux.wish_limit(pollux.seat[], timestamptz) is
    'Counts first attempts of clients that have limits; reason says which limit forbids one. Locks client rows in order.';

create or replace function pollux.wish_failed(p_wishes jsonb) returns pollux.effect[]
language sql volatile as $$
    select pollux.attempt_log(array_agg((w ->> 'id')::uuid), array_agg(w ->> 'verb'),
                              array_agg(null::integer), array_agg(w -> 'failed'))
    from jsonb_array_elements(p_wishes) w
    where jsonb_typeof(w -> 'failed') = 'object'
$$;
comment on function pollux.wish_failed(jsonb) is 'Logs the attempts that failed before these wishes; answers their effects.';

create or replace function pollux.wish_grant(p_worker uuid, p_seats pollux.seat[]) returns void
language sql volatile as $$
    insert into pollux.open_request (id, worker, client_id, project_id, credential_id, started_at, attempt_at, est_tokens,
                                     attempt, stream, gated, dialect, verb, model, asked_model, remote)
    select id, p_worker, client_id, project_id, credential_id, started_at, started_at, est, attempt,
           coalesce(stream, false), gated, dialect, verb, model, asked, remote
    from unnest(p_seats) where verdict = 'go' and kind = 'permit'
    order by id
    on conflict (id) do update
    set worker = excluded.worker, project_id = excluded.project_id, credential_id = excluded.credential_id,
        attempt_at = excluded.attempt_at, est_tokens = excluded.est_tokens, attempt = excluded.attempt,
        gated = excluded.gated
$$;
comment on function pollux.wish_grant(uuid, pollux.seat[]) is 'Writes the open requests of those who may go.';

create or replace function pollux.wish_queue(p_seats pollux.seat[], p_now timestamptz) returns void
language plpgsql volatile as $$
begin
    insert into pollux.waiter (id, model, since, asks_at, lease_until, est_tokens, pin, exclude)
    select id, quota_model, since, p_now + least(retry_ms, 1500) * interval '1 millisecond',
           p_now + (least(retry_ms, 1500) + 1500) * interval '1 millisecond', est, pin, exclude
    from unnest(p_seats) where verdict = 'wait'
    order by id
    on conflict (id) do update
    set asks_at = excluded.asks_at, lease_until = excluded.lease_until, model = excluded.model,
        est_tokens = excluded.est_tokens, pin = excluded.pin, exclude = excluded.exclude;
    delete from pollux.waiter w using unnest(p_seats) s where w.id = s.id and s.verdict <> 'wait';
end
$$;
comment on function pollux.wish_queue(pollux.seat[], timestamptz) is
    'Those who are told to wait get or keep their place; those who are served or refused give it up. A place is a lease: '
    'workers ask again after at most 1.5 s.';

create or replace function pollux.wish_json(p_seats pollux.seat[]) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(
        case when s.verdict = 'go' and s.kind = 'permit' then jsonb_build_object(
                 'id', s.id, 'verdict', s.verdict, 'attempt', s.attempt, 'client_id', s.client_id, 'client', s.client,
                 'credential_id', s.credential_id, 'project_id', s.project_id, 'kind', c.kind,
                 'sealed', encode(c.sealed, 'hex'), 'fingerprint', encode(c.fingerprint, 'hex'), 'model', s.model,
                 'upstream_model', s.upstream_name, 'started_at', s.started_at,
                 'alias_of', case when s.asked <> s.model then s.model end)
             else jsonb_build_object(
                 'id', s.id, 'verdict', s.verdict, 'reason', s.reason, 'retry_in_ms', s.retry_ms,
                 'client_id', s.client_id, 'client', s.client)
        end order by s.ord), '[]')
    from unnest(p_seats) s
    left join pollux.credential c on c.id = s.credential_id
$$;
comment on function pollux.wish_json(pollux.seat[]) is 'The answers to wishes, in their order.';

create or replace function pollux.wish_pick(
    p_seats pollux.seat[], p_effects pollux.effect[], p_policy pollux.policy
) returns pollux.seat[]
language plpgsql volatile as $$
declare
    v_model text;
    v_done pollux.seat[] := array(select s from unnest(p_seats) s
                                  where s.reason is not null or s.project_id is not null or s.kind = 'auth');
begin
    for v_model in select m from (
            select s.quota_model collate "C" from unnest(p_seats) s
            where s.reason is null and s.project_id is null and s.kind <> 'auth'
            union select e.model from unnest(p_effects) e) x(m) order by m loop
        v_done := v_done || pollux.pick(
            v_model,
            (select array_agg(s order by s.since, s.ord) from unnest(p_seats) s
             where s.quota_model = v_model and s.reason is null and s.project_id is null and s.kind <> 'auth'),
            (select array_agg(e) from unnest(p_effects) e where e.model = v_model), p_policy);
    end loop;
    return v_done;
end
$$;
comment on function pollux.wish_pick(pollux.seat[], pollux.effect[], pollux.policy) is
    'Picks for all wishes of a batch, model by model in their order (see the locks in quota.sql).';

create or replace function pollux.wish_settle(p_seats pollux.seat[], p_now timestamptz) returns pollux.seat[]
language plpgsql volatile as $$
declare
    s pollux.seat;
begin
    for i in 1..cardinality(p_seats) loop
        s := p_seats[i];
        if s.verdict is null then
            s.verdict := case when s.reason is null then 'go' else 'no' end;
            p_seats[i] := s;
        elsif s.verdict <> 'go' and s.limited and s.attempt = 1 then
            perform pollux.client_count(s.client_id, -1, -s.est, p_now);
        end if;
    end loop;
    return p_seats;
end
$$;
comment on function pollux.wish_settle(pollux.seat[], timestamptz) is
    'Verdicts of those that needed no pick; clients get back what was counted for wishes that were not granted.';

create or replace function pollux.wish_batch(p_worker uuid, p_wishes jsonb) returns jsonb
language plpgsql volatile as $$
declare
    v_policy pollux.policy := pollux.policy();
    v_now timestamptz := pollux.now();
    v_effects pollux.effect[] := pollux.wish_failed(p_wishes);
    v_seats pollux.seat[];
begin
    perform pollux.credential_die(v_effects);
    v_seats := pollux.wish_limit(pollux.wish_read(p_wishes), v_now);
    v_seats := pollux.wish_settle(pollux.wish_pick(v_seats, v_effects, v_policy), v_now);
    perform pollux.wish_grant(p_worker, v_seats);
    if exists (select from unnest(v_seats) s where s.verdict = 'wait' or s.waited) then
        perform pollux.wish_queue(v_seats, v_now);
    end if;
    return pollux.wish_json(v_seats);
end
$$;
comment on function pollux.wish_batch(uuid, jsonb) is 'Answers a batch of wishes.';
