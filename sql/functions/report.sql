-- SPDX-License-Identifier: MIT
-- Report: what the views of schema report need that their readers may not reach themselves.
set check_function_bodies = off;

create or replace function pollux.report_moment(
    out now timestamptz, out since bigint, out day date, out learned_since timestamptz
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_policy pollux.policy := pollux.policy();
    v_moment pollux.moment := pollux.moment(v_policy);
begin
    now := v_moment.at;
    since := v_moment.since;
    day := v_moment.day;
    learned_since := v_policy.learned_since;
end
$$;
comment on function pollux.report_moment() is 'Now, as counters see it, for readers.';

-- A column that comes from a table as it is has the comment of that one's. The others are told here: of one view, or
-- (null) of all that have a column of this name.
create or replace function pollux.view_words() returns table (of_view text, name text, says text)
language sql immutable as $$
    values
        (null, 'id', 'Its number, or for requests and workers their unique id.'),
        (null, 'project', 'Name of the project at Google whose quota is used.'),
        (null, 'project_id', 'Number of that project.'),
        (null, 'client', 'Name of the client; null: nobody was recognised.'),
        (null, 'client_id', 'Number of the client.'),
        (null, 'credential', 'Label of the credential or, without one, the name of its project; null: none was used.'),
        (null, 'credential_id', 'Number of the credential; null: none.'),
        (null, 'model', 'Name of the model after aliases; null: a call that concerns none.'),
        (null, 'worker', 'Id of the worker (report.workers).'),
        (null, 'state', 'How it is now; the comment on the view names the states.'),
        (null, 'until', 'When that ends by itself; null: it does not, or there is nothing to end.'),
        (null, 'reason', 'Why it is so.'),
        (null, 'day', 'The day; whose days they are says the comment on the view.'),
        (null, 'requests', 'Requests that ended.'),
        (null, 'errors', 'Those of them that did not end well.'),
        (null, 'prompt_tokens', 'Tokens of the prompts, cached ones included.'),
        (null, 'cached_tokens', 'Those of them that came out of a cache.'),
        (null, 'output_tokens', 'Tokens of the answers, thoughts not included.'),
        (null, 'thoughts_tokens', 'Tokens of thoughts; they cost as much as those of answers.'),
        (null, 'tool_tokens', 'Tokens of what tools put into the prompts.'),
        (null, 'total_tokens', 'All of them together.'),
        (null, 'cost', 'What they cost by the prices of the model; null: it has none.'),
        (null, 'median_ms', 'Half of the requests took no longer.'),
        (null, 'p95_ms', '95 of 100 took no longer.'),
        (null, 'p99_ms', '99 of 100 took no longer.'),
        (null, 'first_byte_median_ms', 'Half of the requests had their first byte by then.'),
        (null, 'first_byte_p95_ms', '95 of 100 had it by then.'),
        (null, 'requests_this_minute', 'Requests that count for the minute that is running.'),
        (null, 'tokens_this_minute', 'Tokens that count for the minute that is running.'),
        (null, 'open_requests', 'Requests under way.'),
        (null, 'name', 'Its name.'),
        ('settings', 'default', 'The value that it has as delivered.'),
        ('settings', 'min', 'The least value it may have (of a text: the least length).'),
        ('settings', 'max', 'The largest value it may have (of a text: the greatest length).'),
        ('clients', 'tokens_today', 'Tokens used on this day of America/Los_Angeles.'),
        ('visitors', 'requests_this_hour', 'Requests that count for the last 60 minutes.'),
        ('visitors', 'refusals', 'How often its limits made it wait within the last hour.'),
        ('metrics', 'labels', 'What the sample is about.'),
        ('metrics', 'value', 'The figure itself.'),
        ('credentials', 'proxy', 'The proxy of its own, without its password.'),
        ('credentials', 'project_last_used_at', 'When the project was last used, with whichever key and model.'),
        ('credentials', 'project_requests_today', 'Requests of the project on this day of America/Los_Angeles.'),
        ('quota', 'requests_today', 'Requests that count for this day of America/Los_Angeles.'),
        ('quota', 'rpm', 'Requests a minute that are kept to: configured or learned; null: unknown.'),
        ('quota', 'tpm', 'Prompt tokens a minute that are kept to; null: unknown.'),
        ('quota', 'rpd', 'Requests a day that are kept to; null: unknown.'),
        ('models', 'configured', 'Whether anything was said of it with `pollux model set`.'),
        ('models', 'aliases', 'Other names that clients may use.'),
        ('models', 'projects', 'Projects that have counters for it; null: nobody has asked for it yet.'),
        ('models', 'ready', 'Those of them that may be used now.'),
        ('models', 'spent', 'Those whose own limit of the minute or the day is used up.'),
        ('models', 'resting', 'Those that rest since Google said so, or failed.'),
        ('models', 'out', 'Those that cannot be used for it at all as things are.'),
        ('models', 'requests_today', 'Requests on this day of America/Los_Angeles.'),
        ('requests', 'started_at', 'When it was admitted.'),
        ('requests', 'stream', 'Whether the client asked for a stream.'),
        ('open_requests', 'age', 'How long it has been under way.'),
        ('waiting_requests', 'waited', 'How long it has been waiting.'),
        ('waiting_requests', 'project_id', 'The only project that may serve it, because of what the request refers to.'),
        ('hosts', 'workers', 'Workers that are alive on it.'),
        ('hosts', 'load', 'Load of the machine in the last minute.'),
        ('hosts', 'cpus', 'Processors of the machine.'),
        ('hosts', 'cpu_percent', 'What its workers use together, of one processor.'),
        ('hosts', 'memory_bytes', 'What its workers use together.'),
        ('hosts', 'seen_at', 'When it last told of itself.'),
        ('health', 'breaker', 'closed: in use; open: rests after failures; half_open: one request tries; out: never.'),
        ('health', 'success_rate', 'Share of answers that were good, of the last days.'),
        ('credential_states', 'from_state', 'How it was.'),
        ('credential_states', 'to_state', 'How it has been since.'),
        ('credential_states', 'why', 'What made it change.'),
        ('keys_folders', 'place', 'The host and the folder on it.'),
        ('keys_folders', 'credentials', 'Credentials whose keys it holds.'),
        ('jobs', 'does', 'What it does.'),
        ('jobs', 'every', 'How often, or at what time of which zone''s day.'),
        ('jobs', 'last_run', 'When its last run began.'),
        ('jobs', 'duration', 'How long that took.'),
        ('jobs', 'next_due', 'When it is due again, or since when it is.'),
        ('jobs', 'late', 'Whether it has been due for more than six minutes.'),
        ('jobs', 'way', 'Who looks after all of them now: pg_cron, pollux maintain, workers or nobody.'),
        ('partitions', 'log', 'The log that it is a part of.'),
        ('partitions', 'bounds', 'The days that it holds.'),
        ('partitions', 'bytes', 'What it takes of the disk, indexes included.'),
        ('partitions', 'rows', 'About how many rows it has.')
$$;
comment on function pollux.view_words() is 'What is said of columns of views that come from no column of a table.';
