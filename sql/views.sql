-- SPDX-License-Identifier: MIT
-- Views: all that Pollux knows, for people in psql and for dashboards. No key, token, hash or ciphertext is
-- among it. They are stated again each time. New columns go to the end; for any other change of columns a
-- migration drops the view.

create or replace view report.settings as
select name, value, preset as "default", unit, help, changed_at, kind, least as min, most as max, choices
from pollux.setting order by position, name;
comment on view report.settings is 'Settings an operator may change while Pollux runs.';

create or replace view report.clients as
select c.id, c.name, c.hint, c.rpm, c.tpm, c.daily_tokens, c.models, c.created_at, c.expires_at, c.revoked_at,
       pollux.window_sum(c.seconds, c.starts, pollux.second_of(pollux.now()) - 61) as requests_this_minute,
       pollux.client_today(c, pollux.pacific_date(pollux.now())) as tokens_today
from pollux.client c;
comment on view report.clients is
    'Clients and their limits. What they used is counted here only if they have limits.';

create or replace view report.error_rules as
select id, position, status_from, status_to, text, action, scope, rest_ms, note, enabled, created_at, updated_at
from pollux.error_rule order by position, id;
comment on view report.error_rules is
    'What errors of the upstream mean, where the operator knows better; the first that matches decides.';

create or replace view report.model_rests as
select model, until, reason from pollux.model_rest where until > pollux.now();
comment on view report.model_rests is 'Models that rest as a whole now, because a rule about errors said so.';

create or replace view report.bans as
select net, reason, automatic, created_at, ends_at from pollux.ban where ends_at > pollux.now() order by ends_at;
comment on view report.bans is
    'Networks from which nobody is served without a client token now, and until when.';

create or replace view report.visitors as
select v.net, v.seen_at,
       pollux.window_sum(v.seconds, v.starts, pollux.second_of(pollux.now()) - 61) as requests_this_minute,
       pollux.window_sum(v.minutes, v.starts_by_minute, pollux.second_of(pollux.now()) / 60 - 61)
           as requests_this_hour,
       case when v.breach_since > pollux.now() - interval '1 hour' then v.breaches else 0 end as refusals
from pollux.visitor v;
comment on view report.visitors is
    'Addresses (IPv6: /64) from which requests without a token came lately, how many, and how often they were '
    'refused for their limits within the hour.';

create or replace view report.admin_tokens as
select id, name, role, hint, created_at, expires_at, last_used_at, revoked_at from pollux.admin_token;
comment on view report.admin_tokens is 'Tokens by which programs administer; the tokens themselves are not known.';

create or replace view report.metrics as
select name || suffix as name, labels, value from pollux.metrics();
comment on view report.metrics is 'What /metrics tells: each sample with its labels, as of now.';

create or replace view report.credentials as
select c.id, p.name as project, c.project_id, c.kind, c.label, c.hint, c.priority,
       case when c.removed_at is not null then 'removed' when not c.enabled then 'disabled'
            when c.rest_until is not null then 'resting'
            when c.dead_reason is not null then 'dead' when q.resting then 'resting'
            else 'ready' end as state,
       coalesce(c.dead_reason, case when q.resting then q.reason end) as reason,
       coalesce(c.rest_until, case when q.resting and q.until < 'infinity' then q.until end) as until,
       q.last_used_at as project_last_used_at, q.today as project_requests_today, c.created_at, c.dead_at,
       c.removed_at, c.proxy_hint as proxy, c.tags, c.notes
from pollux.credential c
join pollux.project p on p.id = c.project_id
cross join (select pollux.now() as now, pollux.pacific_date(pollux.now()) as day offset 0) t
left join lateral (select bool_and(ready_at > t.now) as resting, min(ready_at) as until,
                          (array_agg(reason order by ready_at))[1] as reason, max(last_used_at) as last_used_at,
                          sum(q.day_requests) filter (where q.day = t.day) as today
                   from pollux.quota q where project_id = c.project_id) q on true;
comment on view report.credentials is
    'Credentials and how they are: ready, resting (their project rests for every model it was used for), '
    'dead, disabled, removed.';

create or replace view report.quota as
select p.name as project, q.project_id, nullif(q.model, '') as model,
       case when q.ready_at <= t.now then 'ready' when q.ready_at = 'infinity' then 'out'
            else 'resting' end as state,
       case when q.ready_at > t.now then q.reason end as reason,
       case when q.ready_at > t.now and q.ready_at < 'infinity' then q.ready_at end as until,
       pollux.window_sum(q.seconds, q.starts, t.since) as requests_this_minute,
       pollux.quota_limit(m.rpm, q.learned_rpm, q.learned_at, t.learned_since) as rpm,
       pollux.window_sum(q.seconds, q.tokens, t.since) as tokens_this_minute,
       pollux.quota_limit(m.tpm, q.learned_tpm, q.learned_at, t.learned_since) as tpm,
       pollux.quota_today(q.day, q.day_requests, q.late_requests, t.day) as requests_today,
       pollux.quota_limit(m.rpd, q.learned_rpd, q.learned_at, t.learned_since) as rpd,
       q.learned_rpm, q.learned_tpm, q.learned_rpd, q.learned_at, q.failures, q.failed_at, q.last_used_at
from pollux.report_moment() t
cross join pollux.quota q
join pollux.project p on p.id = q.project_id
left join pollux.model m on m.name = q.model;
comment on view report.quota is
    'Every project and model now: ready or not and until when, use and limit of the minute (as it counts, '
    'margin included) and of the day; limits that are unknown are null.';

create or replace view report.models as
select nullif(coalesce(s.model, m.name), '') as model, m.name is not null as configured, s.confirmed, m.upstream_name, m.rpm,
       m.tpm, m.rpd, m.max_concurrency,
       array(select a.alias from pollux.model_alias a where a.model = m.name order by a.alias) as aliases,
       q.projects, q.ready, q.spent, q.resting, q.out, coalesce(q.today, 0) as requests_today,
       m.thinking_budget, m.thinking_level, m.include_thoughts, m.stream_policy, m.wait_limit_ms, m.fallback,
       m.price_input, m.price_cached, m.price_output
from pollux.model_state s
full join pollux.model m on m.name = s.model
left join pollux.model_counts() q on q.model = coalesce(s.model, m.name);
comment on view report.models is 'Models, configured or asked for, and how many projects are ready for them.';

create or replace view report.requests as
select r.id, r.started_at, r.ended_at, r.outcome, r.status, c.name as client, r.dialect, r.verb,
       nullif(r.model, '') as model, nullif(r.asked_model, '') as asked_model, r.stream, r.attempts,
       p.name as project, r.credential_id, r.duration_ms, r.first_byte_ms, r.waited_ms, r.prompt_tokens,
       r.cached_tokens, r.output_tokens, r.thoughts_tokens,
       r.tool_tokens, r.total_tokens, r.bytes_in, r.bytes_out, r.error, r.remote, r.user_agent, r.worker
from (select id, started_at, ended_at, outcome, status, client_id, dialect, verb, model, asked_model, stream,
             attempts, project_id, credential_id, duration_ms, first_byte_ms, waited_ms, prompt_tokens,
             cached_tokens, output_tokens, thoughts_tokens, tool_tokens, total_tokens, bytes_in, bytes_out,
             error, remote, user_agent, worker
      from pollux.request
      union all
      select id, started_at, null, 'open', null, client_id, dialect, verb, model, asked_model, stream,
             attempt, project_id, credential_id, null, null, null, null, null, null, null, null, null, null,
             null, null, remote, null, worker
      from pollux.open_request) r
left join pollux.client c on c.id = r.client_id
left join pollux.project p on p.id = r.project_id;
comment on view report.requests is
    'All requests: those that are over, and with outcome open those that are under way. Say when: where '
    'started_at > now() - interval ''1 hour''.';

create or replace view report.open_requests as
select o.id, o.started_at, pollux.now() - o.started_at as age, c.name as client, o.dialect, o.verb,
       nullif(o.model, '') as model, o.stream, o.attempt, p.name as project, o.credential_id, o.remote,
       o.worker, w.host, w.pid
from pollux.open_request o
left join pollux.client c on c.id = o.client_id
left join pollux.project p on p.id = o.project_id
left join pollux.worker w on w.id = o.worker;
comment on view report.open_requests is 'Requests under way: admitted and not settled.';

create or replace view report.waiting_requests as
select id, nullif(model, '') as model, since, pollux.now() - since as waited, asks_at, pin as project_id,
       est_tokens
from pollux.waiter where lease_until > pollux.now();
comment on view report.waiting_requests is 'Requests that wait for their turn, first come first served.';

create or replace view report.attempts as
select a.request_id, a.n, a.started_at, a.outcome, a.status, nullif(a.model, '') as model, p.name as project,
       a.credential_id, a.duration_ms, a.first_byte_ms, a.est_tokens, a.prompt_tokens, a.cached_tokens,
       a.output_tokens, a.thoughts_tokens, a.tool_tokens, a.total_tokens, a.error, a.penalty
from pollux.attempt a
left join pollux.project p on p.id = a.project_id;
comment on view report.attempts is 'All upstream calls, what came of them and what it cost the credential.';

create or replace view report.usage_hourly as
select u.hour, c.name as client, u.client_id, coalesce(k.label, p.name) as credential, u.credential_id,
       u.model, u.requests, u.errors, u.prompt_tokens, u.cached_tokens, u.output_tokens, u.thoughts_tokens,
       u.tool_tokens, u.total_tokens, u.cost, u.duration_ms, u.first_byte_ms, u.latency, u.first_byte
from (select * from pollux.usage_hour union all select * from pollux.usage_rest()) u
left join pollux.client c on c.id = u.client_id
left join pollux.credential k on k.id = u.credential_id
left join pollux.project p on p.id = k.project_id;
comment on view report.usage_hourly is
    'Requests, tokens, cost and times by the hour they ended in, client, credential (its label, or its project) '
    'and model. Several rows may be of one group: add them up, histograms (latency, first_byte) with '
    'histogram_sum.';

create or replace view report.usage_daily as
select (hour at time zone z.zone)::date as day, client, client_id, credential, credential_id, model,
       sum(requests) as requests, sum(errors) as errors, sum(prompt_tokens) as prompt_tokens,
       sum(cached_tokens) as cached_tokens, sum(output_tokens) as output_tokens,
       sum(thoughts_tokens) as thoughts_tokens, sum(tool_tokens) as tool_tokens,
       sum(total_tokens) as total_tokens, sum(cost) as cost,
       pollux.percentile(pollux.histogram_sum(latency), 0.5) as median_ms,
       pollux.percentile(pollux.histogram_sum(latency), 0.95) as p95_ms,
       pollux.percentile(pollux.histogram_sum(latency), 0.99) as p99_ms,
       pollux.percentile(pollux.histogram_sum(first_byte), 0.5) as first_byte_median_ms,
       pollux.percentile(pollux.histogram_sum(first_byte), 0.95) as first_byte_p95_ms
from report.usage_hourly, (select value as zone from pollux.setting where name = 'time_zone') z group by 1, 2, 3, 4, 5, 6;
comment on view report.usage_daily is
    'Usage by client, credential, model and day of the operator''s time zone (setting time_zone). An hour belongs '
    'to the day it begins in, also where the zone is not whole hours from UTC.';

create or replace view report.usage_pacific as
select pollux.pacific_date(hour) as day, client, client_id, credential, credential_id, model,
       sum(requests) as requests, sum(errors) as errors, sum(prompt_tokens) as prompt_tokens,
       sum(cached_tokens) as cached_tokens, sum(output_tokens) as output_tokens,
       sum(thoughts_tokens) as thoughts_tokens, sum(tool_tokens) as tool_tokens,
       sum(total_tokens) as total_tokens, sum(cost) as cost,
       pollux.percentile(pollux.histogram_sum(latency), 0.5) as median_ms,
       pollux.percentile(pollux.histogram_sum(latency), 0.95) as p95_ms,
       pollux.percentile(pollux.histogram_sum(latency), 0.99) as p99_ms,
       pollux.percentile(pollux.histogram_sum(first_byte), 0.5) as first_byte_median_ms,
       pollux.percentile(pollux.histogram_sum(first_byte), 0.95) as first_byte_p95_ms
from report.usage_hourly group by 1, 2, 3, 4, 5, 6;
comment on view report.usage_pacific is
    'The same by day of America/Los_Angeles, by which Google counts quota.';

create or replace view report.usage_by_client as
select pollux.pacific_date(u.hour) as day, c.name as client, sum(u.requests) as requests, sum(u.errors) as errors,
       sum(u.prompt_tokens) as prompt_tokens, sum(u.cached_tokens) as cached_tokens,
       sum(u.output_tokens) as output_tokens, sum(u.thoughts_tokens) as thoughts_tokens,
       sum(u.tool_tokens) as tool_tokens, sum(u.total_tokens) as total_tokens, sum(u.cost) as cost
from (select * from pollux.usage_brief union all select * from pollux.usage_rest_brief()) u
left join pollux.client c on c.id = u.client_id
group by 1, 2;
comment on view report.usage_by_client is 'Usage by client and day of America/Los_Angeles.';

create or replace view report.usage_by_credential as
select pollux.pacific_date(hour) as day, credential, credential_id, sum(requests) as requests,
       sum(errors) as errors, sum(prompt_tokens) as prompt_tokens, sum(cached_tokens) as cached_tokens,
       sum(output_tokens) as output_tokens, sum(thoughts_tokens) as thoughts_tokens,
       sum(tool_tokens) as tool_tokens, sum(total_tokens) as total_tokens, sum(cost) as cost
from report.usage_hourly group by 1, 2, 3;
comment on view report.usage_by_credential is
    'Usage by credential (of the last attempt of each request) and day of America/Los_Angeles.';

create or replace view report.usage_by_model as
select pollux.pacific_date(hour) as day, nullif(model, '') as model, sum(requests) as requests,
       sum(errors) as errors, sum(prompt_tokens) as prompt_tokens, sum(cached_tokens) as cached_tokens,
       sum(output_tokens) as output_tokens, sum(thoughts_tokens) as thoughts_tokens,
       sum(tool_tokens) as tool_tokens, sum(total_tokens) as total_tokens, sum(cost) as cost
from (select * from pollux.usage_brief union all select * from pollux.usage_rest_brief()) u
group by 1, 2;
comment on view report.usage_by_model is 'Usage by model and day of America/Los_Angeles.';

create or replace view report.workers as
select w.id, w.host, w.pid, w.version,
       case when w.left_at is not null then 'left' when w.swept_at is not null then 'dead'
            when w.beat_at < pollux.now() - interval '15 seconds' then 'silent' else 'alive' end as state,
       (select count(*) from pollux.open_request o where o.worker = w.id) as open_requests,
       w.started_at, w.beat_at, w.left_at, w.swept_at, w.cpu_percent, w.cpu_ms, w.memory_bytes, w.threads
from pollux.worker w;
comment on view report.workers is
    'Worker processes of the last day: alive, silent, dead (what they had open is lost), left. cpu_percent: of one '
    'processor, in the last seconds; cpu_ms: since its start.';

create or replace view report.hosts as
select l.host, n.workers, n.open_requests, n.cpu_percent, n.memory_bytes, l.host_load as load, l.host_cpus as cpus,
       l.host_memory_bytes, l.host_free_bytes, l.vitals_at as seen_at
from (select distinct on (host) * from pollux.worker where vitals_at is not null
      order by host, vitals_at desc) l
join (select host, count(*) filter (where state = 'alive') as workers, sum(open_requests) as open_requests,
             sum(cpu_percent) filter (where state = 'alive') as cpu_percent,
             sum(memory_bytes) filter (where state = 'alive') as memory_bytes
      from report.workers group by host) n on n.host is not distinct from l.host;
comment on view report.hosts is
    'Machines that workers ran on in the last day: how many are alive, what these use together, and the machine: load of '
    'a minute, processors, memory, how much of it new programs could have.';

create or replace view report.affinities as
select a.resource, p.name as project, a.credential_id, c.name as client, a.created_at, a.expires_at
from pollux.affinity a
left join pollux.project p on p.id = a.project_id
left join pollux.client c on c.id = a.client_id;
comment on view report.affinities is 'Files, caches, batches and the like, and the project that owns each.';

create or replace view report.uploads as
select p.name as project, u.credential_id, c.name as client, u.created_at, u.expires_at
from pollux.upload u
left join pollux.project p on p.id = u.project_id
left join pollux.client c on c.id = u.client_id;
comment on view report.uploads is 'Resumable uploads under way.';

create or replace view report.events as
select id, at, kind, detail from pollux.event;
comment on view report.events is
    'What happened by itself: credentials that died, limits learned, requests lost, items refused.';

create or replace view report.health as
select h.credential_id, p.name as project, c.project_id, c.label, c.hint, nullif(h.model, '') as model,
       pollux.credential_state(c) as state,
       case when q.failures > 0 and q.reason = 'trial' then 'half_open' when q.failures > 0 then 'open'
            when q.reason = 'limit_0' then 'out' else 'closed' end as breaker,
       h.last_status, h.last_outcome, h.last_at, h.streak,
       round((h.ok / nullif(h.ok + h.failed, 0))::numeric, 3) as success_rate,
       round(h.latency_ms::numeric) as latency_ms, round(h.first_byte_ms::numeric) as first_byte_ms,
       h.ok_at, h.failed_at, h.probed_at, h.probe_status, h.probe_outcome,
       coalesce(c.probe_at, h.next_probe_at) as next_probe_at
from pollux.health h
join pollux.credential c on c.id = h.credential_id
join pollux.project p on p.id = c.project_id
left join pollux.quota q on q.project_id = c.project_id and q.model = h.model;
comment on view report.health is
    'How each credential does with each model: breaker (closed, open, half_open, out), last answer, streak (below '
    '0: failures), success rate and mean times of the last days, last and next probe. Successes appear here within '
    'a minute or two.';

create or replace view report.credential_states as
select e.id, e.at, (e.detail ->> 'credential_id')::bigint as credential_id, p.name as project,
       e.detail ->> 'model' as model, e.detail ->> 'from' as from_state, e.detail ->> 'to' as to_state,
       e.detail ->> 'why' as why, (e.detail ->> 'until')::timestamptz as until
from pollux.event e
left join pollux.project p on p.id = (e.detail ->> 'project_id')::bigint
where e.kind = 'state';
comment on view report.credential_states is
    'Changes of state, of credentials (model null: ready, dead, disabled, removed) and of projects for a model '
    '(closed, open, half_open, resting, out): from, to, why, and until when at the latest.';

create or replace view report.keys_folders as
select f.place, f.synced_at, f.tried_at, f.next_at, f.files, f.keys, f.malformed, f.errors,
       (select count(*) from pollux.keys_folder_key k where k.place = f.place) as credentials
from pollux.keys_folder f;
comment on view report.keys_folders is
    'Folders with keys, by host: when they were last read whole, when last tried, and what was wrong.';

create or replace view report.job_queue as
select j.id, j.kind, j.subject, pollux.job_state(j, pollux.now()) as state,
       case when j.due_at > '-infinity' then j.due_at else j.created_at end as due_at, j.created_at, j.taken_at,
       j.done_at, j.attempts, j.taken_by as worker, j.detail, j.result
from pollux.job j;
comment on view report.job_queue is
    'Jobs that workers do (tests of credentials, refreshes, keys folders, keep-alive): waiting, running, done, '
    'failed.';

create or replace view report.jobs as
select c.name, c.help as does,
       case when c.daily_at is null then c.every::text
            else to_char(c.daily_at, 'HH24:MI') || ' ' || z.zone end as every,
       nullif(c.started_at, '-infinity') as last_run, c.took as duration, c.result, c.failed, c.done_by,
       pollux.chore_next_at(c, z.now, z.zone) as next_due,
       pollux.chore_next_at(c, z.now, z.zone) < z.now - interval '6 minutes' as late,
       pollux.maintained_by() as way
from (select pollux.now() as now, value as zone from pollux.setting where name = 'time_zone') z,
     pollux.chore c
order by c.position;
comment on view report.jobs is
    'Maintenance: each job, when it last ran, for how long and with what result, who did it (pg_cron, pollux '
    'maintain, worker), when it is due again, whether it is late; and which way is in force. What workers do with '
    'HTTP is in job_queue.';

create or replace view report.health_hourly as
select hour, credentials, ready, resting, dead, disabled, requests, errors, median_ms from pollux.health_hour;
comment on view report.health_hourly is 'How the pool was, hour by hour.';

create or replace view report.archive as
select c.id, p.name as project, c.kind, c.label, c.hint, c.dead_reason as reason, c.dead_at, c.archived_at,
       c.archived_at + make_interval(days => nullif(s.value, '0')::integer) as until
from pollux.credential c
join pollux.project p on p.id = c.project_id
join pollux.setting s on s.name = 'archive_days'
where c.archived_at is not null;
comment on view report.archive is
    'Credentials that were dead for long and left the pool; `pollux key restore` brings them back until then.';

create or replace view report.accounts as
select a.credential_id, a.email, a.upstream, a.google_project, a.tier, a.scopes, o.client_id, c.enabled,
       case when c.dead_reason is not null then a.state when a.lease_until > pollux.now() then 'refreshing'
            else 'ok' end as state,
       a.says, a.link, a.access_expires_at, a.refreshed_at, a.refresh_after, a.failures, c.created_at
from pollux.account a
join pollux.credential c on c.id = a.credential_id
join pollux.oauth_client o on o.id = a.oauth_client_id
where c.removed_at is null;
comment on view report.accounts is
    'OAuth accounts: credentials of kind account, with what Google said of them last; without their tokens.';

create or replace view report.account_projects as
select email, google_project from pollux.account_project;
comment on view report.account_projects is 'Which Google Cloud project an account uses, by e-mail address.';

create or replace view report.oauth_clients as
select client_id, preferred, created_at, changed_at from pollux.oauth_client;
comment on view report.oauth_clients is 'OAuth clients that accounts were made with; without their secrets.';

create or replace view report.audit as
select id, at, actor, remote, action, subject, before, after from pollux.audit;
comment on view report.audit is 'Who changed what, from where, from what to what; without secrets.';

create or replace view report.administrators as
select id, name, role, created_at, password_at, login_at, disabled_at from pollux.admin;
comment on view report.administrators is 'Who may sign in to the console, unless disabled_at says since when not.';

create or replace view report.partitions as
select c.relname as name, i.inhparent::regclass::text as log, pg_get_expr(c.relpartbound, c.oid) as bounds,
       pg_total_relation_size(c.oid) as bytes, c.reltuples::bigint as rows
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent in ('pollux.request'::regclass, 'pollux.attempt'::regclass);
comment on view report.partitions is
    'The days of the log. Rows in request_default or attempt_default want a look.';

-- What the columns are. In the order in which the views came about, since some look at others.
do $$
declare
    v record;
    c record;
begin
    for v in select oid, relname from pg_class where relnamespace = 'report'::regnamespace and relkind = 'v'
             order by oid loop
        for c in
                select a.attname, coalesce(
                           (select w.says from pollux.view_words() w where w.of_view = v.relname and w.name = a.attname),
                           case when count(distinct b.said) = 1 then min(b.said) end,
                           (select w.says from pollux.view_words() w where w.of_view is null and w.name = a.attname)) as says
                from pg_attribute a
                left join lateral (
                    select col_description(d.refobjid, d.refobjsubid) as said
                    from pg_rewrite r
                    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                                        and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
                    join pg_attribute t on t.attrelid = d.refobjid and t.attnum = d.refobjsubid
                    where r.ev_class = v.oid and t.attname = a.attname) b on true
                where a.attrelid = v.oid and a.attnum > 0 and not a.attisdropped
                group by a.attname loop
            execute format('comment on column report.%I.%I is %L', v.relname, c.attname, c.says);
        end loop;
    end loop;
end
$$;
