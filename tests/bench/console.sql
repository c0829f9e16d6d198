-- SPDX-License-Identifier: MIT
-- Fills a new database for tests/bench/console: :credentials keys in as many projects, two models' quota rows for
-- each, some of them resting, dead or disabled; :requests rows of log, spread over 30 days and busier today.
set synchronous_commit = off;
set client_min_messages = warning;

insert into pollux.project (name) select 'project-' || i from generate_series(1, :credentials) i;
insert into pollux.credential (project_id, label, priority, fingerprint, sealed, hint, created_at, enabled, dead_reason, dead_at)
select i, 'key ' || i || case when i % 7 = 0 then ' spare' else '' end, 100 + i % 5, sha256(i::text::bytea), '\x00', right('000' || i, 4),
       now() - i * interval '1 minute', i % 50 <> 0, case when i % 33 = 0 then 'API_KEY_INVALID' end, case when i % 33 = 0 then now() end
from generate_series(1, :credentials) i;
insert into pollux.model (name, rpm, rpd, tpm) values ('gemini-2.5-flash', 10, 250, 250000), ('gemini-2.5-pro', 5, 100, 125000);
insert into pollux.model_state (model, seeded_to, confirmed) select name, :credentials, true from pollux.model;
insert into pollux.quota (project_id, model, slot, day, day_requests, ready_at, reason, rested_at, last_used_at, seconds, starts, tokens)
select i, m, hashint8(i), pollux.pacific_date(now()), i % 250,
       case when i % 3 = 0 then now() + interval '3 hours' else '-infinity' end, case when i % 3 = 0 then 'spent_rpd' end,
       case when i % 3 = 0 then now() end, now() - i * interval '1 second',
       array[1, 2, 3], array[1, 2, 3], array[10, 20, 30]
from generate_series(1, :credentials) i, unnest(array['gemini-2.5-flash', 'gemini-2.5-pro']) m;
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
select now() - i * interval '1 minute', 'credential_dead', jsonb_build_object('credential_id', 1 + i % :credentials, 'reason', 'x')
from generate_series(1, 20000) i;
insert into pollux.audit (at, actor, action, subject, before, after)
select now() - i * interval '1 minute', 'admin' || i % 3, 'credential.disable', i::text, '{"state": "ready"}', '{"state": "disabled"}'
from generate_series(1, 50000) i;
vacuum analyze;
