-- SPDX-License-Identifier: MIT
-- Summary: how the pool is, noted once an hour.
set check_function_bodies = off;

create or replace function pollux.summary_note() returns text
language plpgsql volatile as $$
declare
    v_now timestamptz := pollux.now();
    h jsonb := api.health();
    n pollux.health_hour;
begin
    select sum(requests), sum(errors), pollux.percentile(pollux.histogram_sum(latency), 0.5)
    into n.requests, n.errors, n.median_ms
    from pollux.usage_sums(v_now - interval '1 hour', v_now);
    insert into pollux.health_hour (hour, credentials, ready, resting, dead, disabled, requests, errors, median_ms)
    values (pollux.hour_of(v_now), (h ->> 'credentials')::integer, (h ->> 'ready')::integer,
            (h ->> 'resting')::integer, (h ->> 'dead')::integer, (h ->> 'disabled')::integer,
            coalesce(n.requests, 0), coalesce(n.errors, 0), n.median_ms)
    on conflict (hour) do update
    set credentials = excluded.credentials, ready = excluded.ready, resting = excluded.resting,
        dead = excluded.dead, disabled = excluded.disabled, requests = excluded.requests,
        errors = excluded.errors, median_ms = excluded.median_ms
    returning * into n;
    perform pollux.event('health', to_jsonb(n) - 'hour');
    return format('credentials ready: %s of %s, requests: %s, errors: %s', n.ready, n.credentials, n.requests,
                  n.errors);
end
$$;
comment on function pollux.summary_note() is
    'Notes how many credentials are in which state and how the last hour went: a row of health_hour and an '
    'event. Says the main figures.';
