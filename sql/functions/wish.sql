-- SPDX-License-Identifier: MIT
-- Wish: what a request asks for before it may call the upstream, and who asks. Its shape stands above
-- api.exchange().
set check_function_bodies = off;

-- The look-ups are lateral and fenced, so that each is one descent of an index whatever the statistics say.
create or replace function pollux.wish_read(p_wishes jsonb) returns pollux.seat[]
language plpgsql stable as $$
declare
    v_now timestamptz := pollux.now();
    g pollux.model_preset;
    v_seats pollux.seat[];
begin
    select * into g from pollux.model_preset;
    v_seats := array(
        select row(
               w.ord, w.id, w.kind, pollux.whole(w.attempt, 1000), w.dialect, w.verb, w.model, m.name,
               pollux.quota_model(m.name, w.verb), m.upstream_name, w.stream,
               coalesce(pollux.whole(w.est_tokens, 1000000000), 0),
               v_now - interval '1 millisecond' * coalesce(pollux.whole(w.since_ms, 86400000), 0), w.since_ms > 0,
               left(w.remote, 100), c.id, c.name, c.limited and v.reason is null, coalesce(w.exclude, '{}'),
               null, null, null, null, case when v.reason is not null then 'no' when w.kind = 'auth' then 'go' end,
               v.reason, null, null, null, null,
               case when b.base is not null then coalesce(t.traits, '{}') || '{"search": true}'
                    else t.traits end)::pollux.seat
    from (select ord, id, kind, attempt, token_hash, dialect, verb, coalesce(model, '') as model, stream,
                 est_tokens, since_ms, exclude, fallback, remote
          from rows from (jsonb_to_recordset(p_wishes) as (
                   id uuid, kind text, attempt numeric, token_hash text, dialect text, verb text,
                   model text, stream boolean, est_tokens numeric, since_ms numeric, exclude bigint[],
                   fallback boolean, remote text)) with ordinality
               as w(id, kind, attempt, token_hash, dialect, verb, model, stream, est_tokens, since_ms,
                    exclude, fallback, remote, ord)) w
    left join lateral (select l.id, l.name, l.models, l.expires_at, l.revoked_at,
                              coalesce(l.rpm, l.tpm, l.daily_tokens) is not null as limited
                       from pollux.client l
                       where l.token_hash = decode(w.token_hash, 'hex') limit 1) c on true
    cross join lateral (select case when w.model like '%-search' and g.search
                                    then pollux.model_base(w.model) end as base) b
    left join lateral (select l.model from pollux.model_alias l
                       where l.alias = coalesce(b.base, w.model) limit 1) l on true
    left join lateral (select n.name, n.upstream_name, n.traits from pollux.model n
                       where n.name = coalesce(l.model, b.base, w.model) limit 1) n on true
    cross join lateral (select coalesce(l.model, b.base, w.model) as name,
                               coalesce(n.upstream_name, l.model, b.base, w.model) as upstream_name) m
    cross join lateral (select case when n.name is null then g.traits else n.traits end as traits) t
    cross join lateral (select case
        when c.id is null then 'unauthenticated'
        when c.revoked_at is not null then 'token_revoked'
        when c.expires_at <= v_now then 'token_expired'
        when w.kind = 'auth' then null
        when length(w.model) > 200 or w.model ~ '[[:cntrl:]]' then 'model_unavailable'
        when (g.deny is not null or g.allow is not null) and w.fallback is not true
             and pollux.model_hidden(g.allow, g.deny, array[w.model, m.name, m.upstream_name])
             then 'model_hidden'
        when c.models is not null and not pollux.client_may(c.models, w.model, m.name) then 'model_denied'
    end as reason) v
    order by pollux.quota_model(m.name, w.verb) collate "C", w.since_ms desc, w.ord);
    if jsonb_path_exists(p_wishes, '$[*] ? (@.resources[0] != null || @.prefer_own == true || @.repeat == true
                                            || @.credential != null)') then
        return pollux.wish_tie(p_wishes, v_seats, v_now);
    end if;
    return v_seats;
end
$$;
comment on function pollux.wish_read(jsonb) is
    'Wishes as seats, by quota model and age: client, model and alias, and what ties them looked up. '
    'Those that are clear by now have their verdict: refused (and not charged to a client with limits), '
    'authenticated, or granted before.';

create or replace function pollux.wish_tie(p_wishes jsonb, p_seats pollux.seat[], p_now timestamptz)
returns pollux.seat[]
language plpgsql stable as $$
declare
    t record;
    s pollux.seat;
begin
    for t in
        select y.at, coalesce(x.project_id, a.project_id) as pin, o.project_id as prefer, x.id as exact,
               r.project_id, r.credential_id, r.attempt_at, r.gated,
               case when a.projects > 1 or x.project_id <> a.project_id then 'resource_conflict'
                    when w.credential is not null and x.live is not true then 'no_credentials' end as reason
        from rows from (jsonb_to_recordset(p_wishes) as (
                 id uuid, attempt numeric, resources text[], prefer_own boolean, credential bigint,
                 repeat boolean)) with ordinality
             as w(id, attempt, resources, prefer_own, credential, repeat, ord)
        join (select ordinality as at, ord, client_id from unnest(p_seats) with ordinality
              where verdict is null) y on y.ord = w.ord
        left join lateral (select k.id, k.project_id,
                                  k.enabled and k.dead_at is null and k.removed_at is null as live
                           from pollux.credential k where k.id = w.credential limit 1) x on true
        left join lateral (select p.project_id, p.credential_id, p.attempt_at, p.gated
                           from pollux.open_request p
                           where w.repeat and p.id = w.id and p.attempt = w.attempt limit 1) r on true
        left join lateral (select min(f.project_id) as project_id, count(distinct f.project_id) as projects
                           from (select * from pollux.affinity where resource = any (w.resources) offset 0) f
                           where f.expires_at > p_now) a on w.resources <> '{}'
        left join lateral (select f.project_id from pollux.affinity f
                           where w.prefer_own and f.client_id = y.client_id and f.expires_at > p_now
                           order by f.created_at desc limit 1) o on true
    loop
        s := p_seats[t.at];
        s.pin := t.pin;
        s.prefer := t.prefer;
        s.exact := t.exact;
        if t.reason is not null then
            s.verdict := 'no';
            s.reason := t.reason;
            s.limited := false;
        elsif t.project_id is not null then
            s.verdict := 'go';
            s.gated := t.gated;
            s.project_id := t.project_id;
            s.credential_id := t.credential_id;
            s.started_at := t.attempt_at;
        end if;
        p_seats[t.at] := s;
    end loop;
    return p_seats;
end
$$;
comment on function pollux.wish_tie(jsonb, pollux.seat[], timestamptz) is
    'What ties wishes that are not clear yet: a credential or resources that they name, the project of the '
    'client''s other things, or what was granted to the very same wish before.';

create or replace function pollux.wish_limit(p_seats pollux.seat[], p_now timestamptz) returns pollux.seat[]
language plpgsql volatile as $$
declare
    v_at integer;
    s pollux.seat;
begin
    foreach s in array p_seats loop
        exit when s.limited;
    end loop;
    if s.limited is not true then
        return p_seats;
    end if;
    for v_at in select i from generate_subscripts(p_seats, 1) i
                where p_seats[i].limited and p_seats[i].attempt = 1
                  and (p_seats[i].verdict is null or p_seats[i].kind = 'auth' and p_seats[i].verdict = 'go')
                order by p_seats[i].client_id, p_seats[i].since loop
        s := p_seats[v_at];
        select * into s.reason, s.retry_ms from pollux.client_take(s.client_id, s.est, p_now);
        if s.reason is not null then
            s.verdict := 'no';
        end if;
        p_seats[v_at] := s;
    end loop;
    return p_seats;
end
$$;
comment on function pollux.wish_limit(pollux.seat[], timestamptz) is
    'Counts first attempts of clients that have limits, or refuses them. Locks client rows in order.';

create or replace function pollux.wish_failed(p_wishes jsonb) returns pollux.effect[]
language plpgsql volatile as $$
begin
    return (
        select pollux.attempt_log(array_agg((w ->> 'id')::uuid), array_agg(w ->> 'verb'),
                                  array_agg(null::integer), array_agg(w -> 'failed'))
        from jsonb_array_elements(p_wishes) w
        where jsonb_typeof(w -> 'failed') = 'object');
end
$$;
comment on function pollux.wish_failed(jsonb) is
    'Logs the attempts that failed before these wishes; answers their effects.';

create or replace function pollux.wish_grant(p_worker uuid, p_seats pollux.seat[]) returns void
language plpgsql volatile as $$
begin
    insert into pollux.open_request (id, worker, client_id, project_id, credential_id, started_at,
                                     attempt_at, est_tokens, attempt, stream, gated, dialect, verb, model,
                                     asked_model, remote)
    select id, p_worker, client_id, project_id, credential_id, started_at, started_at, est, attempt,
           coalesce(stream, false), gated, dialect, verb, model, asked, remote
    from unnest(p_seats) where verdict = 'go' and kind = 'permit'
    order by id
    on conflict (id) do update
    set worker = excluded.worker, project_id = excluded.project_id, credential_id = excluded.credential_id,
        attempt_at = excluded.attempt_at, est_tokens = excluded.est_tokens, attempt = excluded.attempt,
        gated = excluded.gated, model = excluded.model;
end
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
    'Those who are told to wait get or keep their place; those who are served or refused give it up. A '
    'place is a lease: workers ask again after at most 1.5 s.';

create or replace function pollux.wish_permits(p_seats pollux.seat[]) returns setof api.permit
language plpgsql stable rows 20 as $$
begin
    return query
        select s.id::text, s.verdict, s.reason, s.retry_ms, s.attempt, s.client_id, s.client, s.credential_id,
               s.project_id, c.kind, encode(c.sealed, 'hex'), encode(c.fingerprint, 'hex'), s.model,
               s.upstream_name, s.started_at, s.traits::text, encode(c.proxy_sealed, 'hex')
        from unnest(p_seats) s
        left join lateral (select k.kind, k.sealed, k.fingerprint, k.proxy_sealed from pollux.credential k
                           where k.id = s.credential_id limit 1) c on true
        order by s.ord;
end
$$;
comment on function pollux.wish_permits(pollux.seat[]) is 'The answers to wishes, in their order.';

create or replace function pollux.wish_pick(
    p_seats pollux.seat[], p_effects pollux.effect[], p_policy pollux.policy
) returns pollux.seat[]
language plpgsql volatile as $$
declare
    v_model text;
    v_done pollux.seat[] := '{}';
begin
    if p_effects is null and p_seats[1].quota_model = p_seats[cardinality(p_seats)].quota_model then
        return pollux.pick(p_seats[1].quota_model, p_seats, null, p_policy);
    end if;
    for v_model in select s.quota_model collate "C" as model from unnest(p_seats) s
                   union select e.model from unnest(p_effects) e order by model loop
        v_done := v_done || pollux.pick(
            v_model, (select array_agg(s) from unnest(p_seats) s where s.quota_model = v_model),
            (select array_agg(e) from unnest(p_effects) e where e.model = v_model), p_policy);
    end loop;
    return v_done;
end
$$;
comment on function pollux.wish_pick(pollux.seat[], pollux.effect[], pollux.policy) is
    'Picks for all wishes of a batch, model by model in their order (see the locks in quota.sql).';

create or replace function pollux.wish_batch(p_worker uuid, p_wishes jsonb) returns pollux.seat[]
language plpgsql volatile as $$
declare
    v_policy pollux.policy := pollux.policy();
    v_now timestamptz := pollux.now();
    v_effects pollux.effect[];
    v_seats pollux.seat[];
    s pollux.seat;
    v_queue boolean := false;
begin
    if jsonb_path_exists(p_wishes, '$[*].failed.n') then
        v_effects := pollux.wish_failed(p_wishes);
        perform pollux.credential_die(v_effects);
        perform pollux.health_settle(v_effects);
    end if;
    v_seats := pollux.wish_guard(pollux.wish_read(p_wishes), v_now);
    v_seats := pollux.wish_pick(pollux.wish_limit(v_seats, v_now), v_effects, v_policy);
    foreach s in array v_seats loop
        if s.limited and s.attempt = 1 and s.verdict <> 'go' and s.reason not like 'client%' then
            perform pollux.client_count(s.client_id, -1, -s.est, v_now);
        end if;
        v_queue := v_queue or s.verdict = 'wait' or s.waited;
    end loop;
    perform pollux.wish_grant(p_worker, v_seats);
    if v_queue then
        perform pollux.wish_queue(v_seats, v_now);
    end if;
    return v_seats;
end
$$;
comment on function pollux.wish_batch(uuid, jsonb) is
    'Answers a batch of wishes. Clients with limits get back what was counted for those that were not '
    'granted.';
