-- SPDX-License-Identifier: MIT
-- The month is over: how it went.
create temp view credential as
select k.n, c.*, case when c.archived_at is not null then 'archived' else pollux.credential_state(c) end as state
from google.key k join pollux.credential c on c.id = k.credential_id;

select test.is('at no hour anything was wrong', (select count(*) || coalesce(': ' || min(format('%s key %s %s', at, n, what)), '') from month.wrong), '0');
select test.is('each key is in the state in which a careful human would have put it',
               (select string_agg(format('%s %s, not %s', n, c.state, w.state), '; ') from month.wanted w join credential c using (n) where c.state <> w.state), null);
select test.is('those that are in use would serve now, or have spent their day',
               (select string_agg(format('%s %s', k.n, q.reason), '; ') from google.key k join credential c using (n) join pollux.quota q on q.project_id = k.project_id
                where c.state = 'ready' and q.ready_at > pollux.now() and not google.spent(k, pollux.now())), null);

-- The dead. What a key was asked while it was dead, in its order; the first may be a caller's request.
create temp view dead_call as
select f.n, f.what, f.since, c.at, c.probe, c.at - lag(c.at) over w as gap, row_number() over w as i
from google.fate f
join google.call c on c.n = f.n and c.at >= f.since and c.at < f.until
where f.what in ('suspended', 'leaked', 'expired')
window w as (partition by f.n, f.since order by c.at);
select test.is('the script came true: every one of them was found out', (select count(distinct (n, since)) from dead_call), 16::bigint);
select test.is('a dead key got one request, and after that probes only', (select string_agg(n || ' ' || at, '; ') from dead_call where i > 1 and not probe), null);
select test.is('one a probe: never two within 10 days of a 403, a day of a 400',
               (select string_agg(n || ' ' || gap, '; ') from dead_call where i > 1 and gap < case what when 'expired' then interval '1 day' else interval '10 days' end), null);
select test.ok('they were probed, when it was time', (select count(*) from dead_call where what = 'expired' and probe) between 40 and 60
                                                     and (select count(*) from dead_call where what = 'suspended' and probe) between 2 and 6);
-- The recovered: back with the first probe after they had recovered.
select test.is('those that recovered were back with the next probe',
               (select string_agg(format('%s recovered %s back %s', f.n, f.until, b.at), '; ')
                from google.fate f
                cross join lateral (select min(at) as at from dead_call d where d.n = f.n and d.since = f.since) found
                cross join lateral (select min(at) as at from google.call c where c.n = f.n and c.said = 'ok' and c.at >= f.until) b
                where f.what = 'suspended' and b.at is distinct from least(b.at,
                    found.at + interval '10 days' * ceil(extract(epoch from f.until - found.at) / 864000) + interval '4 hours')), null);
select test.is('and served callers within the day', (select string_agg(f.n::text, ' ') from google.fate f
                where f.what = 'suspended' and not exists (select from google.call c where c.n = f.n and not c.probe and c.said = 'ok' and c.at > f.until)), null);
select test.is('every change is an event of the last days', (select count(*) from report.credential_states where at > pollux.now() - interval '6 days' and model is null and to_state in ('ready', 'dead', 'removed'))
               > 0, true);

-- The dry.
select test.is('a limit is run into once and then known, until what was learned is forgotten after a week',
               (select string_agg(n || ' ' || times, '; ') from (select n, count(*) as times from google.call where said like 'day%' group by n) x where times > 5), null);
select test.is('and many ran dry day by day, unharmed', (select count(*) > 150 from (
                    select c.n, (at at time zone 'America/Los_Angeles')::date, count(*) as used from google.call c join google.key k using (n)
                    where c.said = 'ok' and c.spends group by 1, 2, k.rpd having count(*) = k.rpd) x), true);
select test.is('no caller was refused while a key could have served him', (
                    select string_agg(started_at::text, '; ') from pollux.request r
                    where outcome <> 'ok' and outcome <> 'lost' and not exists (select from google.fate f where n is null and r.started_at between f.since and f.until)), null);

-- The log and the sums.
create temp view hour as
select hour, credential_id, sum(requests) as requests, sum(errors) as errors, sum(total_tokens) as tokens from report.usage_hourly
where hour >= (select end_at - interval '13 days' from month.span) group by 1, 2;
create temp view told as
select hour, credential_id, count(*)::numeric as requests, count(*) filter (where not ok)::numeric as errors, sum(tokens)::numeric as tokens from month.tally
where hour >= (select end_at - interval '13 days' from month.span) group by 1, 2;
select test.ok('there is something to compare', (select count(*) from told) > 1000);
select test.is('every hour, credential, request, error and token of the last 13 days is in the sums, none twice',
               (select count(*) from (select * from told except all select * from hour) a) + (select count(*) from (select * from hour except all select * from told) b), 0::bigint);
select test.is('with what it cost', (select sum(cost) from report.usage_hourly where hour >= (select end_at - interval '13 days' from month.span)),
               (select count(*) filter (where ok) * (90 * 0.3 + 40 * 2.5) / 1000000 from month.tally where hour >= (select end_at - interval '13 days' from month.span)));
select test.is('and how long it took', (select pollux.percentile(pollux.histogram_sum(latency), 0.5) from report.usage_hourly) between 500 and 750, true);
select test.is('nothing older than usage_days is left of them', (select min(hour) >= (select end_at - interval '15 days' from month.span) from pollux.usage_hour), true);
select test.is('the pool was summed up every time', (select count(*) from report.health_hourly where hour >= (select end_at - interval '13 days' from month.span) and hour < (select end_at from month.span)), 13 * 8::bigint);
select test.is('partitions of seven days back and seven ahead, and no others',
               (select string_agg(name, ' ' order by name) from report.partitions where name !~ 'default'),
               (select string_agg(t || '_' || to_char((end_at at time zone 'UTC')::date + d, 'YYYYMMDD'), ' ' order by t, d) from month.span, unnest(array['attempt', 'request']) t, generate_series(-7, 7) d));
select test.is('none of their rows is elsewhere', (select count(*) from pollux.request_default) + (select count(*) from pollux.attempt_default), 0::bigint);
select test.is('every request of the last days is in the log', (select count(*) from pollux.request where ended_at >= (select end_at - interval '5 days' from month.span)),
               (select count(*) from month.tally where hour >= (select end_at - interval '5 days' from month.span)));

-- What is kept.
select test.is('events of eight days', (select min(at) > (select end_at - interval '8 days 1 hour' from month.span) from pollux.event), true);
select test.is('jobs of 72 hours', (select min(done_at) > (select end_at - interval '73 hours 10 minutes' from month.span) from pollux.job where done_at is not null), true);
select test.is('nothing open, nothing waiting', (select count(*) from pollux.open_request) + (select count(*) from pollux.waiter), 0::bigint);
select test.is('every job of maintenance is on time', (select string_agg(name || ' ' || next_due, ', ') from report.jobs where failed or late), null);
select '# ' || count(*) || ' requests, ' || (select count(*) from google.call) || ' calls of Google, ' || (select count(*) from google.call where probe) || ' of them probes; tables of '
       || pg_size_pretty((select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'pollux'::regnamespace and relkind in ('r', 'p')))
from month.tally;
