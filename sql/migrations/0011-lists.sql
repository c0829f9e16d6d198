-- SPDX-License-Identifier: MIT
-- Lists and reports of a large pool. What takes long (sums of usage) comes first and holds nothing that requests
-- need; locks on tables that requests use come last and are held for the rest of the migration, a second or two. The
-- log itself, which may have many millions of rows, gets no index.

------------------------------------------------------------------------------------ usage without credentials

create table pollux.usage_brief (like pollux.usage_hour including defaults including constraints);
comment on table pollux.usage_brief is
    'The same requests as in pollux.usage_hour, summed up by hour, client and model alone: some rows where that one has '
    'as many as there are credentials.';
comment on column pollux.usage_brief.hour is 'Beginning of the hour.';
comment on column pollux.usage_brief.client_id is 'Client.';
comment on column pollux.usage_brief.credential_id is 'Always null: of all credentials.';
comment on column pollux.usage_brief.model is 'Model after aliases.';
comment on column pollux.usage_brief.requests is 'Number of requests.';
comment on column pollux.usage_brief.errors is 'Those whose outcome was not ok.';
comment on column pollux.usage_brief.prompt_tokens is 'Sum.';
comment on column pollux.usage_brief.cached_tokens is 'Sum.';
comment on column pollux.usage_brief.output_tokens is 'Sum.';
comment on column pollux.usage_brief.thoughts_tokens is 'Sum.';
comment on column pollux.usage_brief.tool_tokens is 'Sum.';
comment on column pollux.usage_brief.total_tokens is 'Sum.';
comment on column pollux.usage_brief.duration_ms is 'As in pollux.usage_hour.';
comment on column pollux.usage_brief.first_byte_ms is 'As in pollux.usage_hour.';
comment on column pollux.usage_brief.latency is 'As in pollux.usage_hour.';
comment on column pollux.usage_brief.first_byte is 'As in pollux.usage_hour.';
comment on column pollux.usage_brief.cost is 'As in pollux.usage_hour.';

-- Until this migration is done nobody sums up, and then with the new functions: what is in one of the two tables is in
-- the other.
select pg_advisory_xact_lock(hashtext('pollux maintain'));
insert into pollux.usage_brief
select hour, client_id, null, model, sum(requests), sum(errors), sum(prompt_tokens), sum(cached_tokens),
       sum(output_tokens), sum(thoughts_tokens), sum(tool_tokens), sum(total_tokens), sum(duration_ms),
       sum(first_byte_ms), case when count(latency[1]) > 0 then array(
           select sum(l) from unnest(array_agg(latency) filter (where latency <> '{}')) with ordinality x(l, i)
           group by (i - 1) % 21 order by (i - 1) % 21) else '{}' end,
       case when count(first_byte[1]) > 0 then array(
           select sum(l) from unnest(array_agg(first_byte) filter (where first_byte <> '{}')) with ordinality x(l, i)
           group by (i - 1) % 21 order by (i - 1) % 21) else '{}' end, sum(cost)
from pollux.usage_hour group by hour, client_id, model;
create unique index usage_brief_group on pollux.usage_brief (hour, client_id, credential_id, model)
    nulls not distinct;
comment on index pollux.usage_brief_group is 'What is summed up later is added to the row that is there.';
create index usage_hour_credential on pollux.usage_hour (credential_id, hour);
comment on index pollux.usage_hour_credential is 'Usage by credential, page by page.';

-------------------------------------------------------------------------------------- credentials in any order

create table pollux.credential_use (
    credential_id bigint primary key,
    used_at timestamptz not null default '-infinity'
) with (fillfactor = 70);
create index credential_use_at on pollux.credential_use (used_at, credential_id);
comment on table pollux.credential_use is
    'When the project of each credential was last used, as far as somebody has noted it: what the console''s list is '
    'sorted by. The moment itself is in pollux.quota, where it changes with every request and so has no index.';
comment on column pollux.credential_use.credential_id is
    'Credential. No foreign key: credentials are never deleted, and rows come by the thousand.';
comment on column pollux.credential_use.used_at is 'Last reservation, up to a minute ago; -infinity: never.';
comment on index pollux.credential_use_at is 'The console''s list by last use.';
insert into pollux.credential_use
select c.id, coalesce(q.at, '-infinity')
from pollux.credential c
left join (select project_id, max(last_used_at) as at from pollux.quota group by project_id) q using (project_id);

create index project_by_name on pollux.project (search, id);
comment on index pollux.project_by_name is 'The console''s list by project.';
create index credential_by_priority on pollux.credential (priority, id);
comment on index pollux.credential_by_priority is 'The console''s list by priority.';

-- Lists ask row by row, by the primary key, and counts go through the whole table: nobody needs it any more.
drop index pollux.quota_resting;
