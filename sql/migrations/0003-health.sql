-- SPDX-License-Identifier: MIT
-- Health: jobs that workers do.

create table pollux.job (
    id bigint generated always as identity primary key,
    due_at timestamptz not null,
    created_at timestamptz not null,
    taken_at timestamptz,
    lease_until timestamptz,
    done_at timestamptz,
    taken_by uuid,
    attempts integer not null default 0,
    ok boolean,
    kind text not null,
    subject text collate "C" not null default '',
    detail jsonb not null default '{}',
    result jsonb
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create unique index job_open on pollux.job (kind, subject) where done_at is null;
create index job_due on pollux.job (due_at) where done_at is null;
create index job_done on pollux.job (done_at) where done_at is not null;
comment on table pollux.job is
    'Work that needs HTTP or files and is done by workers: waiting, under way, and for some days done.';
comment on index pollux.job_open is 'There is at most one open job of a kind for a subject.';
comment on index pollux.job_due is 'What is to be done next.';
comment on index pollux.job_done is 'What may be forgotten.';
comment on column pollux.job.id is 'Number.';
comment on column pollux.job.due_at is 'Not before this moment; -infinity: before all others.';
comment on column pollux.job.created_at is 'When it was asked for.';
comment on column pollux.job.taken_at is 'When it was last taken.';
comment on column pollux.job.lease_until is
    'A worker holds it until then, and prolongs that while it works; null: nobody does.';
comment on column pollux.job.done_at is 'When it was over, well or not.';
comment on column pollux.job.taken_by is 'Worker that took it last.';
comment on column pollux.job.attempts is 'How often it was taken.';
comment on column pollux.job.ok is 'Whether it could be done; null while it is open.';
comment on column pollux.job.kind is 'probe, refresh, keys_folder, keep_alive.';
comment on column pollux.job.subject is 'What it is about, such as the id of a credential; may be empty.';
comment on column pollux.job.detail is 'What else the worker has to know. No secrets.';
comment on column pollux.job.result is 'What came of it, or of the last attempt. No secrets.';
