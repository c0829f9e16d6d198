-- SPDX-License-Identifier: MIT
-- Captured exchanges for debugging; settings that are a moment; which master keys are in use.

alter table pollux.setting
    drop constraint setting_kind_check,
    add constraint setting_kind_check
        check (kind in ('integer', 'number', 'boolean', 'choice', 'text', 'list', 'moment'));
comment on column pollux.setting.kind is
    'integer, number (with a fraction), boolean (on or off), choice (one of choices), text, list (texts '
    'without blanks, separated by commas), or moment (a time to come, or off).';
comment on column pollux.setting.most is
    'Largest number allowed; of a text the most characters, of a list the most items, of a moment the most '
    'minutes from now.';

create table pollux.capture (
    request_id uuid primary key,
    at timestamptz not null,
    expires_at timestamptz not null,
    client_id bigint,
    model text,
    outcome text,
    status integer,
    bytes integer not null,
    exchange jsonb not null
);
create index capture_at on pollux.capture (at, request_id);
create index capture_expiry on pollux.capture (expires_at);
comment on table pollux.capture is
    'Whole exchanges, kept for debugging for some hours while the operator wants it. No view shows them.';
comment on index pollux.capture_at is 'The latest first; the oldest make room.';
comment on index pollux.capture_expiry is 'What is to be deleted.';
comment on column pollux.capture.request_id is 'The request, as in pollux.request.';
comment on column pollux.capture.at is 'When it was stored.';
comment on column pollux.capture.expires_at is 'When it is deleted; from then on nobody can read it.';
comment on column pollux.capture.client_id is 'Who asked; null: nobody that is known.';
comment on column pollux.capture.model is 'Model that served, or was asked for.';
comment on column pollux.capture.outcome is 'How it went, as in pollux.request.';
comment on column pollux.capture.status is 'HTTP status of the answer.';
comment on column pollux.capture.bytes is 'Size of the exchange as text.';
comment on column pollux.capture.exchange is
    'What was said, without secrets and inline data: {request, attempts, calls, answer}; see api.capture().';

alter table pollux.worker add column master_keys text[];
comment on column pollux.worker.master_keys is
    'Ids of the master keys that it knows; the first is the one that it seals with.';

create table pollux.retired_master_key (
    id text primary key,
    retired_at timestamptz not null
);
comment on table pollux.retired_master_key is
    'Master keys that nothing may be sealed with any more: `pollux rotate-key` replaced them.';
comment on column pollux.retired_master_key.id is 'Its id, as in the key file.';
comment on column pollux.retired_master_key.retired_at is 'When it was replaced.';
