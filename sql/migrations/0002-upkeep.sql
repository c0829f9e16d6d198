-- SPDX-License-Identifier: MIT
-- Upkeep: settings of more kinds.

alter table pollux.setting
    drop constraint setting_kind_check,
    add constraint setting_kind_check
        check (kind in ('integer', 'number', 'boolean', 'choice', 'text', 'list')),
    alter column least type numeric,
    alter column most type numeric,
    add column pattern text,
    add column refusal text;
comment on column pollux.setting.kind is
    'integer, number (with a fraction), boolean (on or off), choice (one of choices), text, or list (texts '
    'without blanks, separated by commas).';
comment on column pollux.setting.least is
    'Smallest number allowed; of a text the fewest characters, of a list the fewest items.';
comment on column pollux.setting.most is
    'Largest number allowed; of a text the most characters, of a list the most items.';
comment on column pollux.setting.unit is 'Unit of a number.';
comment on column pollux.setting.pattern is
    'Regular expression that a text or each item of a list has to match as a whole; null: none.';
comment on column pollux.setting.refusal is
    'Function (text) returning text that answers what is wrong with a value, or null; null: none.';

---------------------------------------------------------------------------------------------- maintenance

alter table pollux.chore
    add column position integer not null default 0,
    add column help text not null default '',
    add column call text not null default '',
    add column says text not null default '%s',
    add column daily_at time,
    add column done_day date,
    add column started_at timestamptz not null default '-infinity',
    add column took interval,
    add column failed boolean not null default false,
    add column done_by text;
update pollux.chore set started_at = done_at;
comment on table pollux.chore is
    'Maintenance: what is due when. Rows are declared in functions/chore.sql; who does them: '
    'pollux.maintainer.';
comment on column pollux.chore.every is 'How often: at every such step of the clock (hours begin on the hour).';
comment on column pollux.chore.done_at is 'When it was last done: the end of that run.';
comment on column pollux.chore.position is 'Order in lists, and in which they are done.';
comment on column pollux.chore.help is 'What it does, in a sentence.';
comment on column pollux.chore.call is 'The function that does it, of schema pollux, without arguments.';
comment on column pollux.chore.says is 'How its answer is put: %s stands for what the function answered.';
comment on column pollux.chore.daily_at is
    'Once a day at that time in the operator''s time zone (setting time_zone); null: see every.';
comment on column pollux.chore.done_day is 'The operator''s day a daily chore was last done for.';
comment on column pollux.chore.started_at is 'When its last run began.';
comment on column pollux.chore.took is 'How long that run took.';
comment on column pollux.chore.failed is 'Whether that run failed; the result says why. It is tried again.';
comment on column pollux.chore.done_by is 'Who did it: pg_cron, pollux maintain or worker.';

create table pollux.maintainer (
    name text primary key,
    at timestamptz not null
);
comment on table pollux.maintainer is
    'Who looks after the chores, and when last: pg_cron, pollux maintain, worker. Workers do it only while '
    'none of the others has for five minutes.';
comment on column pollux.maintainer.name is 'pg_cron, pollux maintain or worker.';
comment on column pollux.maintainer.at is 'When it last looked for chores that were due.';

drop view if exists report.maintenance;
drop function if exists pollux.maintain();
drop function if exists pollux.chore_next();
drop function if exists pollux.chore_run(text);
drop function if exists pollux.chore_do(text);
drop function if exists pollux.usage_roll(integer);

----------------------------------------------------------------------------------------- usage by the hour

alter table pollux.usage_hour
    add column duration_ms bigint not null default 0,
    add column first_byte_ms bigint not null default 0,
    add column latency bigint[] not null default '{}',
    add column first_byte bigint[] not null default '{}',
    add column cost numeric;
comment on column pollux.usage_hour.duration_ms is
    'Sum over the requests that reached the upstream: from arrival to the end.';
comment on column pollux.usage_hour.first_byte_ms is
    'Sum over those that got an answer: from arrival to its first byte.';
comment on column pollux.usage_hour.latency is
    'Histogram of duration_ms: how many requests in each range; see functions/histogram.sql. Empty: none.';
comment on column pollux.usage_hour.first_byte is 'Histogram of first_byte_ms, the same way.';
comment on column pollux.usage_hour.cost is
    'What the tokens cost by the prices of then (pollux.cost()); null: no price was known.';
create unique index usage_hour_group on pollux.usage_hour (hour, client_id, credential_id, model)
    nulls not distinct;
comment on index pollux.usage_hour_group is 'What is summed up later is added to the row that is there.';
drop index pollux.usage_hour_hour;
comment on table pollux.usage_hour is
    'Requests summed up by the hour they ended in. Lost ones come in when the log of their day is dropped. '
    'Kept for usage_days.';

create table pollux.health_hour (
    hour timestamptz primary key,
    credentials integer not null,
    ready integer not null,
    resting integer not null,
    dead integer not null,
    disabled integer not null,
    requests bigint not null,
    errors bigint not null,
    median_ms bigint
);
comment on table pollux.health_hour is 'How the pool was, noted once an hour. Kept for usage_days.';
comment on column pollux.health_hour.hour is 'The hour in which it was noted.';
comment on column pollux.health_hour.credentials is 'Credentials in the pool.';
comment on column pollux.health_hour.ready is 'Those that could be used.';
comment on column pollux.health_hour.resting is 'Those whose project rested for all it was used for.';
comment on column pollux.health_hour.dead is 'Those that Google would not have.';
comment on column pollux.health_hour.disabled is 'Those the operator had taken out.';
comment on column pollux.health_hour.requests is 'Requests that ended in the hour before it was noted.';
comment on column pollux.health_hour.errors is 'Those whose outcome was not ok.';
comment on column pollux.health_hour.median_ms is 'Median of their durations, if any reached the upstream.';

------------------------------------------------------------------------------------------------ the archive

alter table pollux.credential
    add column archived_at timestamptz,
    drop constraint removed_has_no_secret,
    add constraint removed_has_no_secret
        check ((sealed is not null) = (removed_at is null or archived_at is not null)),
    add constraint archived_is_removed check (archived_at is null or removed_at is not null);
comment on column pollux.credential.archived_at is
    'When it was taken out for having been dead for long. Its sealed secret is kept, for archive_days, so that '
    'it can be restored.';
comment on column pollux.credential.removed_at is
    'When it was removed. The secret is gone, unless it was archived; the row stays for the log.';
comment on column pollux.credential.sealed is
    'The secret, sealed under the master key; null when it is gone.';
