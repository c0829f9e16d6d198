-- SPDX-License-Identifier: MIT
-- Guard: requests without a client token, if the operator lets them in at all (setting open_access). They are
-- those of a client of their own, number -1, which has limits and an allow-list like others. Besides, each
-- address has its limits, and when few credentials are ready some of these requests are turned away, so that
-- who has a token is served. Whoever has a valid token never comes here.
--
-- Rows of visitors are locked in the order of their networks, before those of clients.
set check_function_bodies = off;

-- No SHA-256 looks like this hash: only the workers name it, for requests that hold no credential at all.
create or replace function pollux.guard_client() returns void
language plpgsql volatile as $$
begin
    insert into pollux.client (id, name, token_hash, created_at)
    overriding system value
    select -1, case when exists (select from pollux.client where name = 'open access')
                    then 'open access (without a token)' else 'open access' end, '\x00', pollux.now()
    on conflict do nothing;
end
$$;
comment on function pollux.guard_client() is
    'Makes the client that requests without a token belong to, unless it is there.';

create or replace function pollux.guard() returns pollux.guard
language plpgsql stable as $$
begin
    return (
        select row(bool_or(value = 'on') filter (where name = 'open_access'),
                   max(value) filter (where name = 'open_per_minute')::bigint,
                   max(value) filter (where name = 'open_per_hour')::bigint,
                   max(value) filter (where name = 'ban_after')::integer,
                   max(value) filter (where name = 'ban_minutes')::integer,
                   max(value) filter (where name = 'protect_below')::integer,
                   max(value) filter (where name = 'protect_all_at')::integer,
                   max(value) filter (where name = 'protect_percent')::integer)::pollux.guard
        from pollux.setting
        where name in ('open_access', 'open_per_minute', 'open_per_hour', 'ban_after', 'ban_minutes',
                       'protect_below', 'protect_all_at', 'protect_percent'));
end
$$;
comment on function pollux.guard() is 'The settings about requests without a token.';

create or replace function pollux.wish_guard(p_seats pollux.seat[], p_now timestamptz) returns pollux.seat[]
language plpgsql volatile as $$
declare
    v_at integer;
    v_guard pollux.guard;
    v_reason text;
    v_retry_ms bigint;
    s pollux.seat;
begin
    foreach s in array p_seats loop
        exit when s.client_id = -1;
    end loop;
    if s.client_id is distinct from -1 then
        return p_seats;
    end if;
    v_guard := pollux.guard();
    for v_at in select i from generate_subscripts(p_seats, 1) i
                where p_seats[i].client_id = -1 and not p_seats[i].waited and p_seats[i].attempt <= 1
                  and (p_seats[i].verdict is distinct from 'go' or p_seats[i].kind = 'auth')
                order by pollux.net_of(p_seats[i].remote), i loop
        s := p_seats[v_at];
        select reason, retry_ms into v_reason, v_retry_ms
        from pollux.guard_ask(s.id, pollux.net_of(s.remote), s.attempt = 1, v_guard, p_now);
        continue when v_reason is null;
        s.verdict := 'no';
        s.reason := v_reason;
        s.retry_ms := v_retry_ms;
        s.limited := false;
        p_seats[v_at] := s;
    end loop;
    return p_seats;
end
$$;
comment on function pollux.wish_guard(pollux.seat[], timestamptz) is
    'Turns away those of the wishes without a token that may not come in. Each is looked at once, when it is '
    'first asked; later attempts and waiting cost it nothing more.';

create or replace function pollux.guard_ask(
    p_id uuid, p_net cidr, p_counts boolean, p_guard pollux.guard, p_now timestamptz,
    out reason text, out retry_ms bigint
)
language plpgsql volatile as $$
declare
    v_until timestamptz;
begin
    if not p_guard.open then
        reason := 'open_access_off';
        return;
    end if;
    v_until := pollux.ban_end(p_net, p_now);
    if v_until is null and p_counts then
        select * into reason, v_until from pollux.visitor_take(p_net, p_guard, p_now);
    elsif v_until is not null then
        reason := 'banned';
    end if;
    if reason is not null then
        retry_ms := pollux.ms_until(v_until, p_now);
    elsif pollux.guard_turns_away(p_id, p_guard, p_now) then
        reason := 'protected';
        retry_ms := 10000;
    end if;
end
$$;
comment on function pollux.guard_ask(uuid, cidr, boolean, pollux.guard, timestamptz) is
    'Whether a request without a token may come in: null, or open_access_off, banned, ip_minute, ip_hour, '
    'protected, and when to come again.';

-------------------------------------------------------------------------------------------- limits of an address

create or replace function pollux.visitor_take(
    p_net cidr, p_guard pollux.guard, p_now timestamptz, out reason text, out until timestamptz
)
language plpgsql volatile as $$
declare
    v pollux.visitor;
    v_second bigint := pollux.second_of(p_now);
    v_minute bigint := pollux.second_of(p_now) / 60;
begin
    insert into pollux.visitor as o (net, seen_at) values (p_net, p_now)
    on conflict (net) do update set seen_at = excluded.seen_at returning o.* into v;
    if pollux.window_sum(v.seconds, v.starts, v_second - 61) >= nullif(p_guard.per_minute, 0) then
        reason := 'ip_minute';
        until := to_timestamp(61 + pollux.window_free_after(v.seconds, v.starts, p_guard.per_minute));
    elsif pollux.window_sum(v.minutes, v.starts_by_minute, v_minute - 61) >= nullif(p_guard.per_hour, 0) then
        reason := 'ip_hour';
        until := to_timestamp(60 * (61 + pollux.window_free_after(v.minutes, v.starts_by_minute,
                                                                  p_guard.per_hour)));
    end if;
    if reason is null then
        update pollux.visitor
        set starts = pollux.window_total(seconds, starts, v_second, v_second - 61, 1),
            seconds = pollux.window_seconds(seconds, v_second, v_second - 61),
            starts_by_minute = pollux.window_total(minutes, starts_by_minute, v_minute, v_minute - 61, 1),
            minutes = pollux.window_seconds(minutes, v_minute, v_minute - 61)
        where net = p_net;
    elsif pollux.visitor_breach(v, p_guard, p_now) then
        reason := 'banned';
        until := pollux.ban_end(p_net, p_now);
    end if;
end
$$;
comment on function pollux.visitor_take(cidr, pollux.guard, timestamptz) is
    'Counts a request of an address, or says which limit forbids it and until when. No sliding 60 seconds hold '
    'more than the one, no sliding 60 minutes more than the other. Its row stays locked, so that the count is '
    'exact.';

create or replace function pollux.visitor_breach(v pollux.visitor, p_guard pollux.guard, p_now timestamptz)
returns boolean
language plpgsql volatile as $$
declare
    v_again boolean := coalesce(v.breach_since > p_now - interval '1 hour', false);
    v_breaches integer := case when v_again then v.breaches else 0 end + 1;
    v_ban boolean := p_guard.ban_after > 0 and v_breaches >= p_guard.ban_after and v.net <> '0.0.0.0/32';
begin
    update pollux.visitor
    set breaches = case when v_ban then 0 else v_breaches end,
        breach_since = case when v_ban then null when v_again then breach_since else p_now end
    where net = v.net;
    if v_ban then
        perform pollux.ban_put(v.net, format('refused %s times within an hour', v_breaches), true,
                               p_now + p_guard.ban_minutes * interval '1 minute');
    end if;
    return v_ban;
end
$$;
comment on function pollux.visitor_breach(pollux.visitor, pollux.guard, timestamptz) is
    'Notes that an address was refused for its limits; whether that was once too often and it is banned now.';

-------------------------------------------------------------------------------------------- protection of the pool

create or replace function pollux.guard_percent(p_ready integer, p_guard pollux.guard) returns numeric
language sql immutable as $$
    select case when p_ready >= p_guard.protect_below then 0
                when p_ready <= p_guard.protect_all_at then 100
                else p_guard.protect_percent + (100 - p_guard.protect_percent)
                     * (p_guard.protect_below - p_ready)::numeric
                     / (p_guard.protect_below - p_guard.protect_all_at) end
$$;
comment on function pollux.guard_percent(integer, pollux.guard) is
    'Of a hundred requests without a token how many are turned away while so many credentials are ready: none '
    'from protect_below on, all at protect_all_at, and between them from protect_percent along a straight line.';

create or replace function pollux.guard_turns_away(p_id uuid, p_guard pollux.guard, p_now timestamptz)
returns boolean
language plpgsql volatile as $$
begin
    if p_guard.protect_below = 0 then
        return false;
    end if;
    return (hashtextextended(p_id::text, 0) & 2147483647) * 100
           < pollux.guard_percent(pollux.pool_ready(p_guard.protect_below, p_now), p_guard) * 2147483648;
end
$$;
comment on function pollux.guard_turns_away(uuid, pollux.guard, timestamptz) is
    'Whether the protection of the pool meets this request. Chance lies in its id, so that asking again does '
    'not help.';

create or replace function pollux.pool_ready(p_most integer, p_now timestamptz) returns integer
language plpgsql volatile as $$
declare
    p pollux.pool;
begin
    select * into p from pollux.pool;
    if p.most = p_most and p_now between p.counted_at and p.counted_at + p.good_for then
        return p.ready;
    elsif p.one then
        perform 1 from pollux.pool for update skip locked;
        if not found then
            return p.ready;
        end if;
    end if;
    p.ready := pollux.pool_count(p_most, p_now);
    insert into pollux.pool (ready, most, counted_at, good_for)
    values (p.ready, p_most, p_now, greatest(interval '1 second', 20 * (pollux.now() - p_now)))
    on conflict (one) do update
    set ready = excluded.ready, most = excluded.most, counted_at = excluded.counted_at,
        good_for = excluded.good_for;
    return p.ready;
end
$$;
comment on function pollux.pool_ready(integer, timestamptz) is
    'How many credentials are ready, counted up to p_most: a figure that is a second old, older only where '
    'counting takes long. One session at a time counts.';

create or replace function pollux.pool_count(p_most integer, p_now timestamptz) returns integer
language plpgsql stable as $$
begin
    return (
        select count(*) from (
            select 1 from pollux.credential c
            where c.enabled and c.dead_reason is null and c.removed_at is null
              and (exists (select from pollux.quota q
                           where q.project_id = c.project_id and q.model <> '' and q.ready_at <= p_now)
                   or not exists (select from pollux.quota q
                                  where q.project_id = c.project_id and q.model <> ''))
            limit p_most) ready);
end
$$;
comment on function pollux.pool_count(integer, timestamptz) is
    'Credentials that are live and whose project is ready for a model, or has not been used for any, up to '
    'p_most.';
