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

create table pollux.health (
    credential_id bigint not null,
    next_probe_at timestamptz not null,
    last_at timestamptz,
    ok_at timestamptz,
    failed_at timestamptz,
    probed_at timestamptz,
    faded_at timestamptz not null,
    ok real not null default 0,
    failed real not null default 0,
    latency_ms real,
    first_byte_ms real,
    streak integer not null default 0,
    last_status integer,
    probe_status integer,
    model text collate "C" not null,
    last_outcome text,
    probe_outcome text,
    primary key (credential_id, model)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
create index health_due on pollux.health (next_probe_at);
comment on table pollux.health is
    'How a credential does with a model. Failures are noted when they are settled, successes by the minute, '
    'so that a request that goes well costs nothing here.';
comment on index pollux.health_due is 'What is to be probed next.';
comment on column pollux.health.credential_id is
    'Credential. No foreign key: rows of removed ones go with pollux.health_expire().';
comment on column pollux.health.next_probe_at is
    'When it is probed, unless it has answered in the meantime; of a dead credential see there.';
comment on column pollux.health.last_at is 'When the last answer came that is known here.';
comment on column pollux.health.ok_at is 'Last good answer.';
comment on column pollux.health.failed_at is 'Last answer that it was blamed for.';
comment on column pollux.health.probed_at is 'Last probe.';
comment on column pollux.health.faded_at is 'Moment at which ok and failed were what they say.';
comment on column pollux.health.ok is
    'Good answers; fades, half of it in a day, so that ok / (ok + failed) is the success rate of late.';
comment on column pollux.health.failed is 'Answers that it was blamed for; fades likewise.';
comment on column pollux.health.latency_ms is
    'Duration of requests that went well at the first attempt: mean, weighted likewise.';
comment on column pollux.health.first_byte_ms is 'Until their first byte: mean, weighted likewise.';
comment on column pollux.health.streak is 'Good answers in a row; below 0: failures in a row.';
comment on column pollux.health.last_status is 'HTTP status of the last answer; 0: none came.';
comment on column pollux.health.probe_status is 'HTTP status of the last probe.';
comment on column pollux.health.model is 'Model after aliases; empty: calls that have none.';
comment on column pollux.health.last_outcome is 'What the last answer was taken for, as pollux.attempt.outcome.';
comment on column pollux.health.probe_outcome is 'What the last probe was taken for.';

create table pollux.health_folded (
    only_one boolean primary key default true check (only_one),
    to_at timestamptz not null
);
comment on table pollux.health_folded is 'One row: how far the log of requests is part of pollux.health.';
comment on column pollux.health_folded.only_one is 'True.';
comment on column pollux.health_folded.to_at is 'Requests that ended before it are.';

alter table pollux.credential add column probe_at timestamptz, add column revived_at timestamptz;
create index credential_dead on pollux.credential (probe_at) where dead_reason is not null;
comment on index pollux.credential_dead is 'The dead, by when they are probed.';
comment on column pollux.credential.probe_at is 'When a dead one is probed next.';
comment on column pollux.credential.revived_at is 'When a probe last found that it works again.';

create index event_state on pollux.event (((detail ->> 'credential_id')::bigint), id) where kind = 'state';
comment on index pollux.event_state is 'The history of a credential.';

------------------------------------------------------------------------------------------------- keys folders

alter table pollux.credential
    add column from_folder boolean not null default false,
    add column gone_at timestamptz;
comment on column pollux.credential.from_folder is 'Whether it came out of a keys folder (POLLUX_KEYS_DIR).';
comment on column pollux.credential.gone_at is
    'When it vanished from the last keys folder that had it: it is disabled for that, and comes back with it.';

create table pollux.keys_folder (
    place text collate "C" primary key,
    next_at timestamptz not null,
    tried_at timestamptz,
    synced_at timestamptz,
    round bigint not null default 0,
    files integer,
    keys integer,
    malformed integer,
    errors jsonb not null default '[]'
) with (fillfactor = 50);
comment on table pollux.keys_folder is 'Folders with keys: each host has its own (POLLUX_KEYS_DIR).';
comment on column pollux.keys_folder.place is 'Host and path: host:/path.';
comment on column pollux.keys_folder.next_at is 'When it is read next.';
comment on column pollux.keys_folder.tried_at is 'When it was last looked at.';
comment on column pollux.keys_folder.synced_at is
    'When it was last read whole: only then are keys missed in it.';
comment on column pollux.keys_folder.round is 'Number of the last reading.';
comment on column pollux.keys_folder.files is 'Files in it.';
comment on column pollux.keys_folder.keys is 'Keys in them.';
comment on column pollux.keys_folder.malformed is 'Words in them that are no keys.';
comment on column pollux.keys_folder.errors is
    'What was wrong: an array of {file, line, text: masked, error}, cut to a few.';

create table pollux.keys_folder_key (
    credential_id bigint not null,
    round bigint not null,
    place text collate "C" not null references pollux.keys_folder on delete cascade,
    primary key (place, credential_id)
) with (fillfactor = 70);
create index keys_folder_key_credential on pollux.keys_folder_key (credential_id);
comment on table pollux.keys_folder_key is 'Which folder holds which credential.';
comment on index pollux.keys_folder_key_credential is 'The folders of a credential.';
comment on column pollux.keys_folder_key.credential_id is 'Credential, also one that was removed by hand.';
comment on column pollux.keys_folder_key.round is 'The last reading that found it.';
comment on column pollux.keys_folder_key.place is 'Folder.';
