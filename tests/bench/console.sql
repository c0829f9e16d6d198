-- SPDX-License-Identifier: MIT
-- Fills a new database for tests/bench: :credentials keys in as many projects, three models' quota rows for each, some
-- of them resting, dead or disabled; :requests rows of log, spread over 30 days and busier today; what is summed up of
-- them (ten hours of each credential in usage_hour).
set synchronous_commit = off;
set client_min_messages = warning;

insert into pollux.project (name) select 'project-' || i from generate_series(1, :credentials) i;
insert into pollux.credential (project_id, label, priority, fingerprint, sealed, hint, created_at, enabled, dead_reason, dead_at)
select i, 'key ' || i || case when i % 7 = 0 then ' spare' else '' end, 100 + i % 5, sha256(i::text::bytea), '\x00', right('000' || i, 4),
       now() - i * interval '1 minute', i % 50 <> 0, case when i % 33 = 0 then 'API_KEY_INVALID' end, case when i % 33 = 0 then now() end
from generate_series(1, :credentials) i;
insert into pollux.model (name, rpm, rpd, tpm)
values ('gemini-2.5-flash', 10, 250, 250000), ('gemini-2.5-pro', 5, 100, 125000), ('gemini-2.5-flash-lite', 15, 1000, 250000);
insert into pollux.model_state (model, seeded_to, confirmed) select name, :credentials, true from pollux.model;
insert into pollux.quota (project_id, model, slot, day, day_requests, ready_at, reason, rested_at, last_used_at, seconds, starts, tokens)
select i, m, hashint8(i), pollux.pacific_date(now()), i % 250,
       case when i % 3 = 0 then now() + interval '3 hours' else '-infinity' end, case when i % 3 = 0 then 'spent_rpd' end,
       case when i % 3 = 0 then now() end, now() - i * interval '1 second',
       array[1, 2, 3], array[1, 2, 3], array[10, 20, 30]
from generate_series(1, :credentials) i, unnest(array['gemini-2.5-flash', 'gemini-2.5-flash-lite', 'gemini-2.5-pro']) m;
update pollux.credential_use u set used_at = now() - u.credential_id * interval '1 second';
insert into pollux.client (name, token_hash, hint) select 'client ' || i, sha256(('client' || i)::bytea), right('000' || i, 4) from generate_series(1, 40) i;

-- A past day has its partition too.
select count(pollux.partition_make(t, (now() at time zone 'UTC')::date - d)) from unnest(array['request', 'attempt']) t, generate_series(0, 30) d;
-- In the order of their time, as they come in life. Half of them in the last two days.
insert into pollux.request (id, started_at, ended_at, client_id, project_id, credential_id, prompt_tokens, output_tokens, total_tokens,
    duration_ms, first_byte_ms, waited_ms, status, attempts, stream, outcome, dialect, verb, model, asked_model, error, remote, user_agent)
select md5('r' || i)::uuid, at, at + interval '1 second', 1 + i % 40, 1 + k, 1 + k, 100 + i % 1000, 50 + i % 500, 150 + i % 1500,
       300 + (i::bigint * 7919) % 4000, 200 + (i::bigint * 104729) % 1500, 0, case when i % 20 = 0 then 503 else 200 end, 1 + (i % 15 = 0)::int, i % 2 = 0,
       case when i % 20 = 0 then 'upstream_error' when i % 5000 = 1 then 'truncated' else 'ok' end, case when i % 3 = 0 then 'openai' else 'native' end,
       'generateContent', case when i % 4 = 0 then 'gemini-2.5-pro' else 'gemini-2.5-flash' end, 'gemini-2.5-flash',
       case when i % 20 = 0 then 'The model is overloaded. Please try again later.' end, '192.0.2.' || i % 250, 'python-httpx/0.27'
from (select i, (i::bigint * 7919) % :credentials as k,
             now() - interval '30 days' * case when i <= :requests / 2 then 1 - (i::float8 / (:requests / 2)) * 28 / 30
                                               else (1 - (i - :requests / 2)::float8 / (:requests / 2)) * 2 / 30 end as at
      from generate_series(1, :requests) i) x;
insert into pollux.attempt (request_id, started_at, n, project_id, credential_id, model, outcome, status, duration_ms)
select id, started_at, 1, project_id, credential_id, model, case outcome when 'ok' then 'ok' else 'overloaded' end, status, duration_ms
from pollux.request;
insert into pollux.event (at, kind, detail)
select now() - interval '30 days' * (1 - i::float8 / (:requests / 5)), case when i % 50000 = 1 then 'credential_dead' else 'state' end,
       jsonb_build_object('credential_id', 1 + i % :credentials, 'project_id', 1 + i % :credentials, 'from', 'ready', 'to', 'dead', 'why', 'x')
from generate_series(1, :requests / 5) i;
insert into pollux.audit (at, actor, action, subject, before, after)
select now() - interval '30 days' * (1 - i::float8 / (:requests / 5)), 'admin' || i % 3, 'credential.disable', i::text, '{"state": "ready"}', '{"state": "disabled"}'
from generate_series(1, :requests / 5) i;

-- What is summed up: as if the maintenance had come by all the time.
insert into pollux.usage_hour
select pollux.hour_of(now()) - h * interval '1 hour', 1 + i % 40, i, case when i % 4 = 0 then 'gemini-2.5-pro' else 'gemini-2.5-flash' end,
       1 + i % 5, i % 2, 1000, 0, 500, 100, 0, 1600, 1500 * (1 + i % 5), 700 * (1 + i % 5), l, l, 0.01
from generate_series(1, :credentials) i, generate_series(1, 10) h,
     (select array_fill(0::bigint, array[7]) || 1::bigint || array_fill(0::bigint, array[13]) as l) x;
-- A month in which each client used each model in each hour.
insert into pollux.usage_brief
select pollux.hour_of(now()) - h * interval '1 hour', c, null, m, 50, 2, 50000, 0, 25000, 5000, 0, 80000, 75000, 35000, l, l, 0.5
from generate_series(1, 40) c, generate_series(1, 720) h, unnest(array['gemini-2.5-flash', 'gemini-2.5-flash-lite', 'gemini-2.5-pro']) m,
     (select array(select i::bigint from generate_series(1, 21) i) as l) x;
insert into pollux.usage_day select * from pollux.usage_by_day(array(select row(b.*)::pollux.usage_hour from pollux.usage_brief b));
insert into pollux.meter_name select name, now() from pollux.model on conflict do nothing; -- a worker may have been faster
update pollux.chore set done_to = pollux.chore_step('5 minutes', now() - interval '5 minutes') where name = 'usage';
update pollux.chore set done_to = date_trunc('second', now() - interval '1 minute') where name = 'meter';
select pollux.pulse_roll('15 days');
vacuum analyze;
select pollux.figures_keep();
