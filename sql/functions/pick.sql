-- SPDX-License-Identifier: MIT
-- Pick: permits for the wishes of one model.
--
--   pick                the story: rounds of take a hand, deal, book, until all are served or nothing is left
--     pick_terms        limits of the model, and whether all its rows are there
--     pick_company      who waits elsewhere and came earlier: they get a share of a hand, but only in thought
--     pick_slots        how many more requests the model's max_concurrency lets in
--     pick_hold         locks rows that were named in advance
--     pick_hand         locks some rows that are ready, best first, with what is left in each
--     pick_deal         deals them out in the order of age (arrays only, no table)
--     pick_book         writes down what was dealt
--     pick_spent        rows that have nothing left get the moment they are back
--     pick_refuse       what the others are told: wait so long, or no
--
-- A row that SKIP LOCKED skipped is busy for a moment, not spent: nobody is refused before pick_wait_busy()
-- has looked again and waited for it. That only who holds nothing may do, lest two wait for each other. So rows
-- are locked by project and model, which never change: asked for by what does, a row that is found changed once
-- it is locked would be left out, and yet stay locked. How locks are ordered is told in quota.sql.
set check_function_bodies = off;

create or replace function pollux.pick_terms(p_model text) returns pollux.terms
language plpgsql volatile as $$
declare
    v_terms pollux.terms;
begin
    for v_try in 1..2 loop
        select m.rpm, m.tpm, m.rpd, m.max_concurrency, s.model is not null, s.confirmed,
               s.seeded_to < (select max(id) from pollux.project), x.until
        into v_terms
        from (select) one
        left join pollux.model m on m.name = p_model
        left join pollux.model_state s on s.model = p_model
        left join pollux.model_rest x on x.model = p_model;
        exit when v_terms.seen;
        insert into pollux.model_state (model, confirmed, asked_at)
        values (p_model, p_model = '' or exists (select from pollux.model where name = p_model), pollux.now())
        on conflict do nothing;
    end loop;
    return v_terms;
end
$$;
comment on function pollux.pick_terms(text) is
    'What there is to know of a model. It comes into being when it is asked for; its rows a few at a time '
    'until it has answered once, so that a made-up name costs a few rows and not one per project.';

create or replace function pollux.pick_company(p_model text, p_seats pollux.seat[]) returns pollux.seat[]
language plpgsql stable as $$
declare
    v_company pollux.seat[];
    v_now timestamptz;
begin
    if not exists (select from pollux.waiter where model = p_model) then
        return p_seats;
    end if;
    v_now := pollux.now();
    select array_agg(jsonb_populate_record(null::pollux.seat, jsonb_build_object(
               'id', w.id, 'est', w.est_tokens, 'since', w.since, 'exclude', w.exclude, 'pin', w.pin)))
    into v_company
    from (select * from pollux.waiter
          where model = p_model and lease_until > v_now
            and since < (select max(s.since) from unnest(p_seats) s)
            and id <> all (array(select s.id from unnest(p_seats) s))
          order by since limit 400) w;
    return array(select s from unnest(p_seats || v_company) s order by s.since, s.ord);
end
$$;
comment on function pollux.pick_company(text, pollux.seat[]) is
    'Seats by age, with seats for those who wait for the model in other batches and came before the '
    'youngest of these.';

create or replace function pollux.pick_slots(p_model text, p_most integer, p_seats pollux.seat[])
returns integer
language plpgsql volatile as $$
begin
    perform 1 from pollux.model where name = p_model for no key update;
    return p_most - (select count(*) from pollux.open_request o
                     where o.model = p_model and o.gated
                       and o.id <> all (array(select s.id from unnest(p_seats) s)));
end
$$;
comment on function pollux.pick_slots(text, integer, pollux.seat[]) is
    'How many requests may be open besides those that are. The model row stays locked, so that the count '
    'is exact.';

create or replace function pollux.pick_hold(p_model text, p_projects bigint[]) returns integer
language plpgsql volatile as $$
declare
    v_held integer;
begin
    if exists (select from unnest(p_projects) p
               where not exists (select from pollux.quota where project_id = p and model = p_model)) then
        perform 1 from pollux.model_state where model = p_model for no key update;
        perform pollux.quota_make(p_projects, array[p_model]);
    end if;
    perform 1 from pollux.quota where project_id = any (p_projects) and model = p_model
    order by slot for no key update;
    get diagnostics v_held = row_count;
    return v_held;
end
$$;
comment on function pollux.pick_hold(text, bigint[]) is
    'Locks the rows of these projects, making them if need be; waits for them.';

create or replace function pollux.pick_wait_busy(p_model text, p_class integer, p_want integer,
                                                 p_at timestamptz)
returns boolean
language plpgsql volatile as $$
begin
    perform 1 from (
        select 1 from pollux.quota
        where model = p_model and class = p_class and ready_at <= p_at
        order by slot limit p_want for no key update) held;
    return found;
end
$$;
comment on function pollux.pick_wait_busy(text, integer, integer, timestamptz) is
    'Waits for rows that others have locked, in order. Only for who holds none of the model. Whether there '
    'are any left.';

create or replace function pollux.pick_hand(
    p_model text, p_class integer, p_want integer, p_named bigint[],
    p_rpm bigint, p_tpm bigint, p_rpd bigint, p_moment pollux.moment, p_policy pollux.policy,
    out hand pollux.card[], out chosen integer, out held integer
)
language plpgsql volatile as $$
declare
    v_start bigint := floor(random() * 4294967296);
    v_at timestamptz := p_moment.at;
    v_since bigint := p_moment.since;
    v_day date := p_moment.day;
    v_learned timestamptz := p_policy.learned_since;
    v_strategy text := p_policy.strategy;
    v_projects bigint[];
begin
    v_projects := array(select project_id from pollux.quota
                        where model = p_model and class = p_class and ready_at = '-infinity' and slot >= v_start
                        order by slot limit p_want);
    if cardinality(v_projects) < p_want then
        v_projects := v_projects
            || array(select project_id from pollux.quota
                     where model = p_model and class = p_class and ready_at = '-infinity' and slot < v_start
                     order by slot limit p_want - cardinality(v_projects));
    end if;
    v_projects := v_projects
        || array(select project_id from pollux.quota
                 where model = p_model and class = p_class and ready_at > '-infinity' and ready_at <= v_at
                 order by ready_at limit p_want / 2 + 2);
    chosen := cardinality(v_projects);
    with locked as materialized (
        select * from pollux.quota
        where project_id = any (p_named || v_projects) and model = p_model
        for no key update skip locked
    )
    select array(
               select row(q.project_id, c.id, q.class = p_class,
                          case when c.id is null then 0
                               else greatest(least(case when q.failures > 0 then 1 end, l.rpm - u.used,
                                                   l.rpd - u.today, 1000000), 0)
                          end::integer,
                          l.tpm - pollux.window_sum(q.seconds, q.tokens, v_since), l.tpm,
                          q.ready_at > '-infinity', 0, 0)::pollux.card
               from locked q
               left join lateral (select id from pollux.credential
                                  where project_id = q.project_id and enabled and dead_reason is null
                                      and removed_at is null
                                  order by priority, id limit 1) c on true,
               lateral (select pollux.quota_limit(p_rpm, q.learned_rpm, q.learned_at, v_learned) as rpm,
                               pollux.quota_limit(p_tpm, q.learned_tpm, q.learned_at, v_learned) as tpm,
                               pollux.quota_limit(p_rpd, q.learned_rpd, q.learned_at, v_learned) as rpd) l,
               lateral (select pollux.window_sum(q.seconds, q.starts, v_since) as used,
                               pollux.quota_today(q.day, q.day_requests, q.late_requests, v_day) as today) u
               where q.ready_at <= v_at
               order by case v_strategy
                   when 'round-robin' then coalesce(extract(epoch from q.last_used_at), 0)
                   when 'priority' then q.failures * 1e10 + coalesce(extract(epoch from q.last_used_at), 0)
                   when 'token-bucket' then
                       -ln(1 - random())
                       * case when q.priority < 100 then 1 when q.priority = 100 then 2 else 4 end
                       / greatest(coalesce((l.rpm - u.used)::numeric / nullif(l.rpm, 0), 1.0 / (1 + u.used)),
                                  1e-6)
                   else u.today - coalesce(l.rpd, 1e9) end),
           (select count(*) from locked)
    into hand, held;
end
$$;
comment on function pollux.pick_hand(text, integer, integer, bigint[], bigint, bigint, bigint, pollux.moment,
                                     pollux.policy) is
    'Locks up to p_want rows of a class that are ready, from a random place on, some whose rest is over, '
    'and those of the named projects. Best first by strategy: remaining (most requests left today), '
    'token-bucket (random, weighted by what is left this minute and 4:2:1 by priority below, at, above '
    '100), round-robin (longest unused), priority (healthiest, longest unused). chosen: how many looked '
    'ready; held: how many of them and of the named ones nobody else had, all locked now, be they in the '
    'hand or spent meanwhile.';

create or replace function pollux.pick_named(p_hand pollux.card[], p_project bigint) returns integer
language plpgsql immutable as $$
begin
    if p_project is null then
        return null;
    end if;
    return (select ordinality from unnest(p_hand) with ordinality where project_id = p_project);
end
$$;
comment on function pollux.pick_named(pollux.card[], bigint) is 'Where that project is in a hand; null: nowhere.';

create or replace function pollux.pick_deal(
    inout p_seats pollux.seat[], inout p_hand pollux.card[], inout p_slots integer, out p_left integer,
    p_at timestamptz
)
language plpgsql immutable as $$
declare
    s pollux.seat;
    c pollux.card;
    v_size integer := cardinality(p_hand);
    v_turn integer := 0;
    v_row integer;
    v_named integer;
begin
    p_left := 0;
    for i in 1..cardinality(p_seats) loop
        s := p_seats[i];
        continue when s.verdict is not null or s.project_id is not null or p_slots <= 0;
        v_named := pollux.pick_named(p_hand, coalesce(s.pin, s.prefer));
        for tried in 0..v_size loop
            v_row := case when tried = 0 then v_named else (v_turn + tried - 1) % v_size + 1 end;
            c := p_hand[v_row];
            exit when c.room > 0 and (c.fuel is null or c.fuel >= least(s.est, c.tank))
                  and (tried = 0 or c.common and s.pin is null) and c.project_id <> all (s.exclude);
            v_row := null;
            exit when s.pin is not null;
        end loop;
        if v_row is null then
            p_left := p_left + (s.ord is not null)::integer;
            continue;
        end if;
        c.room := c.room - 1;
        c.fuel := c.fuel - s.est;
        p_slots := p_slots - 1;
        v_turn := v_row;
        s.project_id := c.project_id;
        if s.ord is not null then
            s.verdict := 'go';
            s.started_at := p_at;
            s.credential_id := coalesce(s.exact, c.credential_id);
            c.dealt := c.dealt + 1;
            c.spent := c.spent + s.est;
        end if;
        p_hand[v_row] := c;
        p_seats[i] := s;
    end loop;
end
$$;
comment on function pollux.pick_deal(pollux.seat[], pollux.card[], integer, timestamptz) is
    'Deals a hand to seats, oldest first, round and round. Who waits elsewhere takes room but is not served.';

create or replace function pollux.pick_book(
    p_model text, p_hand pollux.card[], p_rpm bigint, p_tpm bigint, p_rpd bigint,
    p_moment pollux.moment, p_policy pollux.policy
) returns void
language plpgsql volatile as $$
declare
    v_at timestamptz := p_moment.at;
    v_second bigint := p_moment.second;
    v_since bigint := p_moment.since;
    v_day date := p_moment.day;
    v_late boolean := p_moment.late;
    c pollux.card;
    v_look boolean := false;
begin
    update pollux.quota q
    set seconds = pollux.window_seconds(q.seconds, v_second, v_since),
        starts = pollux.window_total(q.seconds, q.starts, v_second, v_since, d.dealt),
        tokens = pollux.window_total(q.seconds, q.tokens, v_second, v_since, d.spent),
        day = v_day,
        day_requests = pollux.quota_today(q.day, q.day_requests, q.late_requests, v_day) + d.dealt,
        late_requests = case when q.day = v_day then q.late_requests else 0 end
                        + case when v_late then d.dealt else 0 end,
        last_used_at = v_at
    from unnest(p_hand) d
    where d.dealt > 0 and q.project_id = d.project_id and q.model = p_model;
    foreach c in array p_hand loop
        v_look := v_look or c.room <= 0 or c.fuel <= 0 or c.rested;
    end loop;
    if v_look then
        perform pollux.pick_spent(p_model, p_hand, p_rpm, p_tpm, p_rpd, p_moment, p_policy);
    end if;
end
$$;
comment on function pollux.pick_book(text, pollux.card[], bigint, bigint, bigint, pollux.moment,
                                     pollux.policy) is
    'Counts what was dealt of a hand.';

create or replace function pollux.pick_spent(
    p_model text, p_hand pollux.card[], p_rpm bigint, p_tpm bigint, p_rpd bigint,
    p_moment pollux.moment, p_policy pollux.policy
) returns void
language plpgsql volatile as $$
declare
    v_leaves integer := 61 + p_policy.margin;
begin
    update pollux.quota q
    set (ready_at, reason) = (
        select y.ready_at,
               case when y.ready_at = '-infinity' then null when t.no_key is not null then 'credential'
                    when t.trial is not null then 'trial' when t.rpd is not null then 'spent_rpd'
                    when t.rpm is not null then 'spent_rpm' else 'spent_tpm' end
        from (select pollux.quota_limit(p_rpm, q.learned_rpm, q.learned_at, p_policy.learned_since) as rpm,
                     pollux.quota_limit(p_tpm, q.learned_tpm, q.learned_at, p_policy.learned_since) as tpm,
                     pollux.quota_limit(p_rpd, q.learned_rpd, q.learned_at, p_policy.learned_since) as rpd
              offset 0) l,
        lateral (select case when d.credential_id is null then 'infinity'::timestamptz end as no_key,
                        case when q.failures > 0 and d.dealt > 0
                             then p_moment.at + interval '60 seconds' end as trial,
                        case when pollux.quota_today(q.day, q.day_requests, q.late_requests, p_moment.day) >= l.rpd
                             then p_moment.day_ends end as rpd,
                        case when pollux.window_sum(q.seconds, q.starts, p_moment.since) >= l.rpm
                             then coalesce(to_timestamp(v_leaves + pollux.window_free_after(
                                               q.seconds, q.starts, l.rpm)), 'infinity') end as rpm,
                        case when pollux.window_sum(q.seconds, q.tokens, p_moment.since) >= l.tpm
                             then coalesce(to_timestamp(v_leaves + pollux.window_free_after(
                                               q.seconds, q.tokens, l.tpm)), 'infinity') end as tpm
                 offset 0) t,
        lateral (select greatest(t.no_key, t.trial, t.rpd, t.rpm, t.tpm, '-infinity') as ready_at offset 0) y
    )
    from unnest(p_hand) d
    where (d.room <= 0 or d.fuel <= 0 or d.rested) and q.project_id = d.project_id and q.model = p_model;
end
$$;
comment on function pollux.pick_spent(text, pollux.card[], bigint, bigint, bigint, pollux.moment,
                                      pollux.policy) is
    'Of a hand whose deal is counted, a row with nothing left gets the moment it is back; one that rested is '
    'ready again; one without a live credential leaves rotation until it has one.';

create or replace function pollux.pick_classes(p_model text) returns integer[]
language plpgsql stable as $$
begin
    return (
        with recursive c(class) as (
        select min(class) from pollux.quota where model = p_model
        union all
        select (select min(q.class) from pollux.quota q where q.model = p_model and q.class > c.class)
        from c where c.class is not null
    )
    select coalesce(array_agg(class order by class), '{}') from c where class is not null);
end
$$;
comment on function pollux.pick_classes(text) is
    'The priority classes among the rows of a model, one index look-up each.';

create or replace function pollux.pick_rounds(
    inout p_seats pollux.seat[], inout p_slots integer, inout p_held integer, out p_left integer,
    p_model text, p_named bigint[], p_terms pollux.terms, p_policy pollux.policy
)
language plpgsql volatile as $$
declare
    v_moment pollux.moment := pollux.moment(p_policy);
    v_classes integer[] := case when p_policy.strategy = 'priority'
                                then pollux.pick_classes(p_model) else '{100}' end;
    v_want integer := least(cardinality(p_seats), 4) + 3;
    v_class integer;
    h record;
    v_deal record;
begin
    p_left := cardinality(p_seats);
    foreach v_class in array v_classes loop
        for v_round in 1..4 loop
            h := pollux.pick_hand(p_model, v_class, v_want, p_named, p_terms.rpm, p_terms.tpm, p_terms.rpd,
                                  v_moment, p_policy);
            p_held := p_held + h.held;
            if p_held = 0 then
                p_held := pollux.pick_wait_busy(p_model, v_class, v_want, v_moment.at)::integer;
                exit when p_held = 0;
                v_moment := pollux.moment(p_policy);
                continue;
            end if;
            if h.hand <> '{}' then
                v_deal := pollux.pick_deal(p_seats, h.hand, p_slots, v_moment.at);
                p_seats := v_deal.p_seats;
                p_slots := v_deal.p_slots;
                p_left := v_deal.p_left;
                perform pollux.pick_book(p_model, v_deal.p_hand, p_terms.rpm, p_terms.tpm, p_terms.rpd,
                                         v_moment, p_policy);
            end if;
            exit when p_left = 0 or p_slots <= 0 or h.chosen < v_want;
            v_want := v_want * 3;
        end loop;
        exit when p_left = 0 or p_slots <= 0;
    end loop;
end
$$;
comment on function pollux.pick_rounds(pollux.seat[], integer, integer, text, bigint[], pollux.terms,
                                       pollux.policy) is
    'Serves seats from what is ready, class by class; each further round looks at more rows. p_left: how '
    'many went empty.';

create or replace function pollux.pick_soonest(
    p_model text, p_pin bigint, p_exclude bigint[], out ready_at timestamptz, out reason text
)
language sql stable as $$
    select q.ready_at, q.reason
    from unnest(pollux.pick_classes(p_model)) c,
         lateral (select * from pollux.quota
                  where model = p_model and class = c and project_id <> all (p_exclude)
                    and (p_pin is null or project_id = p_pin)
                  order by ready_at limit 1) q
    order by q.ready_at limit 1
$$;
comment on function pollux.pick_soonest(text, bigint, bigint[]) is
    'When the first row that may serve such a seat is ready, and what it rests for; null if there is none.';

create or replace function pollux.pick_fuelled(
    p_model text, p_pin bigint, p_est bigint, p_terms pollux.terms,
    p_moment pollux.moment, p_policy pollux.policy
) returns timestamptz
language plpgsql stable as $$
begin
    return (
        select min(case when pollux.window_sum(q.seconds, q.tokens, p_moment.since)
                             + least(p_est, l.tpm) > l.tpm
                        then to_timestamp(61 + p_policy.margin + pollux.window_free_after(
                                 q.seconds, q.tokens, l.tpm - least(p_est, l.tpm) + 1))
                        else p_moment.at end)
        from (select * from pollux.quota
              where model = p_model and ready_at = '-infinity' and (p_pin is null or project_id = p_pin)
              limit 200) q,
             lateral (select pollux.quota_limit(p_terms.tpm, q.learned_tpm, q.learned_at,
                                                p_policy.learned_since) as tpm
                      offset 0) l);
end
$$;
comment on function pollux.pick_fuelled(text, bigint, bigint, pollux.terms, pollux.moment, pollux.policy) is
    'When a row that is ready, but has too few tokens left this minute, has enough: the soonest of up to '
    '200.';

-- Who comes again too early costs a little time; the further behind in the queue, the later it need come.
create or replace function pollux.pick_refuse(
    p_seat pollux.seat, p_place integer, p_slots integer, p_model text, p_terms pollux.terms,
    p_policy pollux.policy
) returns pollux.seat
language plpgsql stable as $$
declare
    v_moment pollux.moment := pollux.moment(p_policy);
    v_at timestamptz;
    v_reason text;
begin
    p_seat.verdict := 'wait';
    p_seat.reason := 'quota';
    if p_slots <= 0 then
        p_seat.reason := 'concurrency';
        p_seat.retry_ms := least(20 + 10 * p_place, 1000);
        return p_seat;
    end if;
    select * into v_at, v_reason from pollux.pick_soonest(p_model, p_seat.pin, p_seat.exclude);
    if v_at is null or v_at = 'infinity' then
        return pollux.pick_deny(p_seat, p_model, v_at is null, v_moment.at);
    elsif v_at <= v_moment.at then
        v_at := greatest(v_at, pollux.pick_fuelled(p_model, p_seat.pin, p_seat.est, p_terms, v_moment,
                                                   p_policy));
    end if;
    if v_at <= v_moment.at then
        p_seat.reason := 'turn';
    end if;
    p_seat.retry_ms := pollux.ms_until(greatest(v_at, v_moment.at), v_moment.at) + least(2 * p_place, 1000);
    if v_reason = 'trial' then
        p_seat.retry_ms := least(p_seat.retry_ms, 200 + 2 * p_place);
    end if;
    return p_seat;
end
$$;
comment on function pollux.pick_refuse(pollux.seat, integer, integer, text, pollux.terms, pollux.policy) is
    'What a seat that went empty is told: wait for quota, for its turn, for concurrency, or no. A trial '
    'may end any moment.';

create or replace function pollux.pick_deny(p_seat pollux.seat, p_model text, p_none boolean,
                                            p_at timestamptz)
returns pollux.seat
language plpgsql stable as $$
declare
    v_at timestamptz;
begin
    p_seat.verdict := 'no';
    if cardinality(p_seat.exclude) > 0 then
        select s.ready_at into v_at from pollux.pick_soonest(p_model, p_seat.pin, '{}') s;
        p_seat.reason := 'exhausted';
        p_seat.retry_ms := pollux.ms_until(greatest(v_at, p_at), p_at);
    elsif exists (select from pollux.quota where model = p_model and ready_at = 'infinity'
                         and reason in ('limit_0', 'spent_rpm', 'spent_tpm')
                  and (p_seat.pin is null or project_id = p_seat.pin)) then
        p_seat.reason := 'model_unavailable';
    else
        p_seat.reason := 'no_credentials';
    end if;
    return p_seat;
end
$$;
comment on function pollux.pick_deny(pollux.seat, text, boolean, timestamptz) is
    'Why a seat can never be served as things are: all projects were tried, none may use the model, none '
    'has a live credential.';

create or replace function pollux.pick(
    p_model text, p_seats pollux.seat[], p_effects pollux.effect[], p_policy pollux.policy
) returns pollux.seat[]
language plpgsql volatile as $$
declare
    s pollux.seat;
    v_terms pollux.terms;
    v_open boolean := false;
    v_hold bigint[] := '{}';
    v_named bigint[] := '{}';
    v_slots integer;
    v_held integer := 0;
    v_left integer;
    v_seeded integer := 0;
    v_served record;
begin
    foreach s in array coalesce(p_seats, '{}') loop
        continue when s.verdict is not null;
        v_open := true;
        if s.pin is not null then
            v_hold := v_hold || s.pin;
        end if;
        if coalesce(s.pin, s.prefer) is not null then
            v_named := v_named || coalesce(s.pin, s.prefer);
        end if;
    end loop;
    if p_effects is not null then
        v_hold := v_hold || array(select e.project_id from unnest(p_effects) e);
    elsif not v_open then
        return p_seats;
    end if;
    v_terms := pollux.pick_terms(p_model);
    if v_terms.max_concurrency is not null then
        v_slots := pollux.pick_slots(p_model, v_terms.max_concurrency, p_seats);
    end if;
    if v_hold <> '{}' then
        v_held := pollux.pick_hold(p_model, v_hold);
    end if;
    if p_effects is not null then
        perform pollux.quota_apply(p_effects, pollux.moment(p_policy), p_policy);
    end if;
    if v_open and v_terms.rest_until > pollux.now() then
        return pollux.pick_rest(p_seats, v_terms.rest_until);
    elsif v_open then
        p_seats := pollux.pick_company(p_model, p_seats);
        for v_try in 1..4 loop
            if v_terms.wide and (v_try > 1 or v_terms.confirmed) then
                v_seeded := pollux.quota_seed(
                    p_model, case when v_terms.confirmed then 256
                                  else least(v_left * 8 ^ (v_try - 1), 4096)::integer end,
                    v_try > 1 and v_held = 0);
                exit when v_seeded = 0 and v_try > 2;
            end if;
            v_served := pollux.pick_rounds(p_seats, v_slots, v_held, p_model, v_named, v_terms, p_policy);
            p_seats := v_served.p_seats;
            v_slots := v_served.p_slots;
            v_held := v_served.p_held;
            v_left := v_served.p_left;
            exit when v_left = 0 or v_slots <= 0 or not v_terms.wide;
        end loop;
        if v_left > 0 and v_seeded is null and (v_slots <= 0) is not true then
            p_seats := pollux.pick_rest(p_seats, pollux.now() + interval '20 milliseconds');
        end if;
        p_seats := pollux.pick_close(p_seats, v_slots, p_model, v_terms, p_policy);
    end if;
    return p_seats;
end
$$;
comment on function pollux.pick(text, pollux.seat[], pollux.effect[], pollux.policy) is
    'Permits for the wishes of one model, oldest first, after the effects of attempts on it. Answers them '
    'with their verdicts.';

create or replace function pollux.pick_rest(p_seats pollux.seat[], p_until timestamptz) returns pollux.seat[]
language plpgsql volatile as $$
declare
    v_at integer;
    s pollux.seat;
begin
    for v_at in select generate_subscripts(p_seats, 1) loop
        s := p_seats[v_at];
        continue when s.verdict is not null;
        s.verdict := 'wait';
        s.reason := 'quota';
        s.retry_ms := pollux.ms_until(p_until, pollux.now());
        p_seats[v_at] := s;
    end loop;
    return p_seats;
end
$$;
comment on function pollux.pick_rest(pollux.seat[], timestamptz) is
    'All that are open wait until then: a rule about errors lets the model rest, or another session is just '
    'making rows.';

create or replace function pollux.pick_close(
    p_seats pollux.seat[], p_slots integer, p_model text, p_terms pollux.terms, p_policy pollux.policy
) returns pollux.seat[]
language plpgsql volatile as $$
declare
    s pollux.seat;
    v_place integer := 0;
    v_served pollux.seat[] := '{}';
begin
    foreach s in array p_seats loop
        if s.project_id is null and s.verdict is null then
            v_place := v_place + 1;
        end if;
        continue when s.ord is null;
        if s.verdict is null then
            s := pollux.pick_refuse(s, v_place, p_slots, p_model, p_terms, p_policy);
        elsif s.verdict = 'go' then
            s.gated := p_terms.max_concurrency is not null;
        end if;
        v_served := v_served || s;
    end loop;
    return v_served;
end
$$;
comment on function pollux.pick_close(pollux.seat[], integer, text, pollux.terms, pollux.policy) is
    'Gives each seat its verdict; those who wait elsewhere are left out.';
