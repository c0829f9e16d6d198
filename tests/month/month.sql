-- SPDX-License-Identifier: MIT
-- Thirty days of a pool, three hours by three hours, as its workers and pg_cron would live them: requests through api.exchange,
-- probes through the jobs that workers take, maintenance through pollux.maintain.

create schema month;
create table month.tally (hour timestamptz not null, credential_id bigint, ok boolean not null, tokens bigint not null);
create table month.wrong (at timestamptz not null, n integer, what text not null);
create table month.owed (due timestamptz not null, settlement jsonb not null);
create table month.span (begin_at timestamptz, end_at timestamptz);

create function month.key_of(p_credential bigint) returns integer language sql stable as $$
    select n from google.key where credential_id = p_credential
$$;

-- A request: what the gateway's loop does. Its worker may die before it settles: then a spool settles it some days
-- later, or nobody ever does.
create procedure month.request(p_worker uuid, inout p_done jsonb) language plpgsql as $$
declare
    v_wish jsonb := test.wish('gemini-2.5-flash', jsonb_build_object('est_tokens', 130));
    v_attempts jsonb := '[]';
    p jsonb;
    a jsonb;
begin
    for n in 1..8 loop
        select to_jsonb(x) into p from api.exchange(p_worker, '[]', jsonb_build_array(v_wish)) x;
        exit when p ->> 'verdict' <> 'go';
        perform test.later('700 ms');
        a := test.attempt(p, 'ok', null, '{"duration_ms": 700, "first_byte_ms": 300, "usage": null}')
             || google.ask(month.key_of((p ->> 'credential_id')::bigint), false, true);
        v_attempts := v_attempts || a;
        exit when a ->> 'outcome' = 'ok';
        v_wish := v_wish || jsonb_build_object('attempt', n + 1, 'failed', a, 'since_ms', 700 * n,
                                               'exclude', v_wish -> 'exclude' || (p -> 'project_id'));
    end loop;
    p_done := test.settlement(p, v_attempts, jsonb_build_object(
        'outcome', case when a ->> 'outcome' = 'ok' then 'ok' else 'exhausted' end, 'asked_model', 'gemini-2.5-flash',
        'model', 'gemini-2.5-flash', 'started_at', v_attempts -> 0 -> 'started_at', 'id', v_wish -> 'id', 'worker', p_worker,
        'status', case when a ->> 'outcome' = 'ok' then 200 else 429 end, 'duration_ms', 700, 'first_byte_ms', 300));
end $$;

create procedure month.tell(p_at timestamptz, p_done jsonb, p_lost boolean) language sql as $$
    insert into month.tally values (date_trunc('hour', p_at, 'UTC'), (p_done -> 'attempts' -> -1 ->> 'credential_id')::bigint,
                                    p_done ->> 'outcome' = 'ok' and not p_lost,
                                    case when p_lost then 0 else coalesce((p_done -> 'usage' ->> 'total')::bigint, 0) end)
$$;

create procedure month.settle(p_done jsonb) language plpgsql as $$
begin
    perform test.settle(jsonb_build_array(p_done));
    call month.tell(pollux.now(), p_done, false);
end $$;

-- The probes that are due, as a worker does them.
create procedure month.probe() language plpgsql as $$
declare
    j jsonb;
    b jsonb;
    g jsonb;
begin
    loop
        j := api.job_take(test.worker(), '{probe}', '{}', 1) -> 0;
        exit when j is null;
        b := api.probe_begin((j ->> 'id')::bigint, (j ->> 'attempt')::integer);
        if b is null then
            perform api.job_done(test.worker(), (j ->> 'id')::bigint, (j ->> 'attempt')::integer, true, '{}');
        else
            g := google.ask(month.key_of((b ->> 'credential_id')::bigint), true, b ->> 'with' = 'generate');
            perform api.probe_end(test.worker(), (j ->> 'id')::bigint, (j ->> 'attempt')::integer, g || '{"duration_ms": 90}');
        end if;
    end loop;
end $$;

-- What must hold at every moment: who would be answered well rests no longer (after an overload for six minutes at
-- the most), and who has spent the day is told to come back two seconds after midnight in Los Angeles. Of the dead
-- check.sql speaks.
create procedure month.look() language plpgsql as $$
declare
    v_now timestamptz := pollux.now();
    v_midnight timestamptz := pollux.pacific_midnight(pollux.pacific_date(v_now - interval '2 seconds') + 1) + interval '2 seconds';
begin
    insert into month.wrong
    select v_now, k.n, format('rests until %s: %s', q.ready_at, q.reason)
    from google.key k
    join pollux.credential c on c.id = k.credential_id and c.enabled and c.dead_reason is null and c.removed_at is null
    join pollux.quota q on q.project_id = k.project_id and q.ready_at > v_now
    where q.reason in ('told_rpd', 'spent_rpd') and q.ready_at <> v_midnight
       or not google.spent(k, v_now - interval '2 seconds')
          and not exists (select from google.fate f where (f.n = k.n or f.n is null) and v_now >= f.since and v_now < f.until + interval '362 seconds');
end $$;

create procedure month.maintain(p_at timestamptz) language plpgsql as $$
declare
    v_done jsonb := '[]';
begin
    perform test.at(p_at);
    perform api.beat(test.worker(), '{"host": "a", "pid": 1}');
    call pollux.maintain('pg_cron', v_done);
    insert into month.wrong select p_at, null, d ->> 'name' || ': ' || (d ->> 'result')
    from jsonb_array_elements(v_done) d where (d ->> 'failed')::boolean;
    call month.probe();
    call month.look();
    commit;
end $$;

create procedure month.traffic(p_requests integer) language plpgsql as $$
declare
    v_done jsonb;
begin
    for i in 1..p_requests loop
        call month.request(test.worker(), v_done);
        call month.settle(v_done);
        perform test.later(random() * interval '10 seconds');
        commit;
    end loop;
end $$;

-- At 03:00 a worker dies whose request is settled in the next three days, at 15:00 one whose request is lost.
create procedure month.death(p_hour timestamptz) language plpgsql as $$
declare
    v_done jsonb;
begin
    if extract(hour from p_hour) in (3, 15) then
        perform api.beat('00000000-0000-0000-0000-0000dead0000', '{"host": "b", "pid": 2}');
        call month.request('00000000-0000-0000-0000-0000dead0000', v_done);
        if extract(hour from p_hour) = 3 then
            insert into month.owed values (pollux.now() + random() * interval '3 days', v_done);
        else
            call month.tell(p_hour + interval '3 hours', v_done, true);
        end if;
    end if;
end $$;

create procedure month.late(p_to timestamptz) language plpgsql as $$
declare
    v_owed record;
begin
    for v_owed in delete from month.owed where due < p_to returning * loop
        call month.settle(v_owed.settlement);
    end loop;
    commit;
end $$;

-- What the operator does by hand.
create procedure month.by_hand(p_day integer) language plpgsql as $$
begin
    if p_day = 10 then
        perform admin.credential_set_enabled(credential_id, false) from google.key where n in (46, 47, 48);
    elsif p_day = 20 then
        perform admin.credential_set_enabled(credential_id, true) from google.key where n = 46;
    end if;
end $$;

create procedure month.pass(p_days integer, p_requests integer) language plpgsql as $$
declare
    v_hour timestamptz := (select begin_at from month.span);
begin
    perform setseed(0.5);
    for h in 0..p_days * 8 - 1 loop
        if h % 8 = 0 then
            call month.by_hand(h / 8);
        end if;
        call month.maintain(v_hour + interval '3 seconds');
        perform test.later(interval '1 minute' + random() * interval '45 minutes');
        perform api.beat(test.worker(), '{"host": "a", "pid": 1}');
        call month.traffic(p_requests);
        call month.death(v_hour);
        call month.late(pollux.now());
        if extract(hour from v_hour) = 6 then -- midnight in summer is at 07:00 UTC, in winter at 08:00
            perform test.at(v_hour + interval '1 hour 3 seconds');
            call month.look();
            perform test.at(v_hour + interval '2 hours 3 seconds');
            call month.look();
        end if;
        v_hour := v_hour + interval '3 hours';
    end loop;
    call month.late('infinity');
    call month.maintain(v_hour + interval '3 seconds');
    call month.maintain(v_hour + interval '10 minutes 3 seconds');
    update month.span set end_at = v_hour;
end $$;
