-- SPDX-License-Identifier: MIT
-- Usage by the day: a month of it is told from some rows a day, where usage_brief has them for each hour.
create table pollux.usage_day (like pollux.usage_brief including defaults including constraints including comments);
comment on table pollux.usage_day is
    'The same requests as in pollux.usage_brief, summed up by day of America/Los_Angeles, client and model.';
comment on column pollux.usage_day.hour is 'Beginning of the day.';

-- Until this migration is done nobody sums up, and then with the new functions: what is in one of the tables is in the
-- other.
select pg_advisory_xact_lock(hashtext('pollux maintain'));
insert into pollux.usage_day
select date_trunc('day', hour, 'America/Los_Angeles') as day, client_id, null, model, sum(requests), sum(errors), sum(prompt_tokens), sum(cached_tokens),
       sum(output_tokens), sum(thoughts_tokens), sum(tool_tokens), sum(total_tokens), sum(duration_ms),
       sum(first_byte_ms), case when count(latency[1]) > 0 then array(
           select sum(l) from unnest(array_agg(latency) filter (where latency <> '{}')) with ordinality x(l, i)
           group by (i - 1) % 21 order by (i - 1) % 21) else '{}' end,
       case when count(first_byte[1]) > 0 then array(
           select sum(l) from unnest(array_agg(first_byte) filter (where first_byte <> '{}')) with ordinality x(l, i)
           group by (i - 1) % 21 order by (i - 1) % 21) else '{}' end, sum(cost)
from pollux.usage_brief group by day, client_id, model;
create unique index usage_day_group on pollux.usage_day (hour, client_id, credential_id, model) nulls not distinct;
comment on index pollux.usage_day_group is 'What is summed up later is added to the row that is there.';
