-- SPDX-License-Identifier: MIT
-- Clock: the only place that knows what time it is, and what day at Google.
-- Quota days are those of America/Los_Angeles, daylight saving included.
set check_function_bodies = off;

create or replace function pollux.now() returns timestamptz
language sql volatile as $$ select clock_timestamp() $$;
comment on function pollux.now() is 'The time. Everything asks this one function; a test may replace it.';

create or replace function pollux.pacific_date(p_at timestamptz) returns date
language sql immutable as $$ select (p_at at time zone 'America/Los_Angeles')::date $$;
comment on function pollux.pacific_date(timestamptz) is 'The day of America/Los_Angeles at that moment.';

create or replace function pollux.pacific_midnight(p_day date) returns timestamptz
language sql immutable as $$ select p_day::timestamp at time zone 'America/Los_Angeles' $$;
comment on function pollux.pacific_midnight(date) is
    'The moment at which that day begins in America/Los_Angeles.';

create or replace function pollux.second_of(p_at timestamptz) returns bigint
language sql stable as $$ select floor(extract(epoch from p_at))::bigint $$;
comment on function pollux.second_of(timestamptz) is 'The second (Unix time) a moment lies in.';

-- What counts at Google is when a request arrives there, which is up to `margin` seconds after its
-- reservation, and Google's clock is not ours. So a second leaves the window 60 s + margin after it has
-- passed, and starts within 2 s of midnight count for both days.
create or replace function pollux.moment(p_policy pollux.policy) returns pollux.moment
language plpgsql volatile as $$
declare
    v_at timestamptz := pollux.now();
    v_second bigint := pollux.second_of(v_at);
    v_day date := pollux.pacific_date(v_at - interval '2 seconds');
begin
    return row(v_at, v_second, v_second - 61 - p_policy.margin, v_day,
               pollux.pacific_date(v_at + interval '2 seconds') > v_day,
               pollux.pacific_midnight(v_day + 1) + interval '2 seconds')::pollux.moment;
end
$$;
comment on function pollux.moment(pollux.policy) is 'Now, as counters see it.';

create or replace function pollux.ms_until(p_then timestamptz, p_now timestamptz) returns bigint
language sql immutable as $$
    select case when p_then >= 'infinity' then null
                else greatest(ceil(extract(epoch from p_then - p_now) * 1000), 0)::bigint end
$$;
comment on function pollux.ms_until(timestamptz, timestamptz) is
    'Milliseconds until then, at least 0; null for never.';

create or replace function pollux.whole(p_number numeric, p_most bigint) returns bigint
language sql immutable as $$
    select case when p_number is null then null
                when p_number = 'NaN' then 0
                else least(greatest(trunc(p_number), 0), p_most)::bigint end
$$;
comment on function pollux.whole(numeric, bigint) is
    'A number from outside as an integer between 0 and p_most; null stays null.';
