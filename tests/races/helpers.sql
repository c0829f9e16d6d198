-- SPDX-License-Identifier: MIT
-- For races: loops that commit after each exchange, and what they saw.

create table test.seen (session integer, verdict text, reason text, n bigint);

create procedure test.hammer(p_session integer, p_batches integer, p_size integer, p_model text default 'm', p_more jsonb default '{}')
language plpgsql as $$
declare
    a jsonb;
begin
    for i in 1..p_batches loop
        a := test.ask((select jsonb_agg(test.wish(p_model, p_more)) from generate_series(1, 1 + floor(random() * p_size)::integer)));
        insert into test.seen select p_session, x ->> 'verdict', x ->> 'reason', count(*) from jsonb_array_elements(a) x group by 2, 3;
        commit;
    end loop;
end $$;

-- Like a worker: who is told to wait its turn asks again.
create procedure test.insist(p_session integer, p_requests integer, p_model text default 'm')
language plpgsql as $$
declare
    w jsonb; a jsonb; began timestamptz;
begin
    for i in 1..p_requests loop
        w := test.wish(p_model);
        began := clock_timestamp();
        loop
            a := test.ask(jsonb_build_array(w || jsonb_build_object('since_ms', extract(epoch from clock_timestamp() - began) * 1000))) -> 0;
            commit;
            exit when a ->> 'verdict' <> 'wait' or a ->> 'reason' = 'quota' or clock_timestamp() > began + interval '10 seconds';
            perform pg_sleep((a ->> 'retry_in_ms')::numeric / 1000);
        end loop;
        insert into test.seen values (p_session, a ->> 'verdict', a ->> 'reason', 1);
        commit;
    end loop;
end $$;

-- All that a worker may do, at random: new requests, retries with the attempt that failed, pins, batches of
-- models, ends; who is told to wait gives up.
create procedure test.storm(p_session integer, p_seconds numeric)
language plpgsql as $$
declare
    stop timestamptz := clock_timestamp() + p_seconds * interval '1 second';
    a jsonb; x jsonb; open_ jsonb[] := '{}'; again jsonb[]; v_batch jsonb; v_outcome text; v_penalty jsonb;
    kinds text[] := array['ok', 'ok', 'ok', 'overloaded', 'quota_minute', 'client_gone', 'caller'];
begin
    while clock_timestamp() < stop loop
        again := '{}';
        v_batch := '[]';
        foreach x in array open_ loop
            continue when random() < 0.3;
            v_outcome := kinds[1 + floor(random() * 7)];
            v_penalty := case v_outcome when 'overloaded' then '{"scope": "quota", "rest": "backoff", "reason": "503"}'
                                        when 'quota_minute' then '{"scope": "quota", "rest": "ms", "ms": 1, "reason": "rpm"}' end;
            if v_penalty is not null and random() < 0.7 and (x ->> 'attempt')::integer < 4 then
                again := again || test.wish(x ->> 'model', jsonb_build_object(
                    'id', x -> 'id', 'attempt', (x ->> 'attempt')::integer + 1, 'exclude', jsonb_build_array(x -> 'project_id'),
                    'failed', test.attempt(x, v_outcome, v_penalty)));
            else
                v_batch := v_batch || test.settlement(x, jsonb_build_array(test.attempt(x, v_outcome, v_penalty)));
            end if;
        end loop;
        if v_batch <> '[]' then
            perform test.settle(v_batch);
            commit;
        end if;
        a := test.ask((select jsonb_agg(w) from (
            select unnest(again) as w union all
            select test.wish((array['m', 'n', 'o'])[1 + floor(random() * 3)], case when random() < 0.2
                then jsonb_build_object('credential', 1 + floor(random() * 6)) else '{}' end)
            from generate_series(1, 1 + floor(random() * 8)::integer)) z));
        insert into test.seen select p_session, y ->> 'verdict', y ->> 'reason', count(*) from jsonb_array_elements(a) y group by 2, 3;
        select coalesce(jsonb_agg(test.settlement(y, '[]', '{"outcome": "exhausted", "status": 429}')), '[]') into v_batch
        from jsonb_array_elements(a) y where y ->> 'verdict' = 'wait';
        open_ := array(select y from jsonb_array_elements(a) y where y ->> 'verdict' = 'go');
        commit;
        perform test.settle(v_batch);
        commit;
    end loop;
end $$;

create function test.saw() returns text language sql as $$
    select coalesce(string_agg(v || ' ' || n, ', ' order by v), 'nothing')
    from (select concat_ws(' ', verdict, reason) as v, sum(n) as n from test.seen group by 1) x
$$;
-- The most starts of a project within p_seconds, anywhere.
create function test.most_starts(p_model text, p_seconds numeric) returns bigint language sql as $$
    select max(n) from (
        select count(*) over (partition by project_id order by attempt_at range between p_seconds * interval '1 second' preceding and current row) as n
        from pollux.open_request where model = p_model) x
$$;
create function test.again() returns void language sql as $$ select test.reset(); truncate test.seen; select test.at(null) $$;
