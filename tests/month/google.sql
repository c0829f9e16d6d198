-- SPDX-License-Identifier: MIT
-- A Google of fifty keys that follow a script: what it answers to whom and when, and what it was asked.

create schema google;

-- What it says in each case, and what the gateway takes that for (judge.c).
create table google.answer (name text primary key, verdict jsonb not null);

-- A key, its project's requests a day (null: any number), and how it was named in the pool.
create table google.key (n integer primary key, rpd integer, day date, used integer not null default 0,
                         credential_id bigint, project_id bigint);

-- When a key is what; what has no end here is for good. n null: all of them.
create table google.fate (n integer, what text not null, since timestamptz not null, until timestamptz not null);

create table google.call (at timestamptz not null, n integer not null, probe boolean not null, spends boolean not null,
                          said text not null);
create index on google.call (n, at);

create function google.fate(p_n integer, p_at timestamptz) returns text language sql stable as $$
    select what from google.fate where (n = p_n or n is null) and since <= p_at and p_at < until
    order by n nulls last limit 1
$$;

-- Answers a request (which costs one of the day) or, if it spends nothing, a count of tokens.
create function google.ask(p_n integer, p_probe boolean, p_spends boolean) returns jsonb language plpgsql as $$
declare
    v_now timestamptz := pollux.now();
    v_today date := (v_now at time zone 'America/Los_Angeles')::date;
    v_said text := coalesce(google.fate(p_n, v_now), 'ok');
    k google.key;
begin
    if v_said in ('ok', 'overloaded') and p_spends then
        update google.key set day = v_today, used = case when day = v_today then used else 0 end + 1 where n = p_n
        returning * into k;
        if k.used > k.rpd and v_said = 'ok' then
            v_said := 'day_' || k.rpd;
        end if;
    end if;
    insert into google.call values (v_now, p_n, p_probe, p_spends, v_said);
    return (select verdict from google.answer where name = v_said)
           || case when v_said = 'ok' and p_spends then '{"usage": {"prompt": 90, "candidates": 40, "total": 130}}'
                   else '{}' end::jsonb;
end $$;

create function google.spent(k google.key, p_at timestamptz) returns boolean language sql stable as $$
    select k.day = (p_at at time zone 'America/Los_Angeles')::date and coalesce(k.used >= k.rpd, false)
$$;
