-- SPDX-License-Identifier: MIT
-- Looking for something rare among a million changes or events. Both tables are written by hand or when something
-- happens, not by requests; changes of state, which are most of what happens, are found by their own indexes.
create index audit_actor on pollux.audit (actor, id);
comment on index pollux.audit_actor is 'What one of them changed.';
create index audit_action on pollux.audit (action collate "C", id);
comment on index pollux.audit_action is 'What was changed in that way.';
create index audit_subject on pollux.audit (subject, id);
comment on index pollux.audit_subject is 'Who changed that one.';
create index event_kind on pollux.event (kind, id) where kind <> 'state';
comment on index pollux.event_kind is 'What happened of that kind.';
