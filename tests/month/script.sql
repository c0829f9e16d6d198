-- SPDX-License-Identifier: MIT
-- Who is what, when: days are counted from the beginning, 2030-10-15 00:00 UTC; clocks are set back on 2030-11-03.
insert into month.span values ('2030-10-15 00:00+00', null);
select test.at(begin_at) from month.span;
select admin.setting_set(name, value) from (values
    ('strategy', 'round-robin'), ('time_zone', 'Europe/Berlin'), ('remove_dead_days', '14'), ('retention_days', '7'),
    ('usage_days', '14')) s(name, value);
select admin.model_set('gemini-2.5-flash', '{"price_input": 0.3, "price_output": 2.5}');
select test.keys(1, 50);
insert into google.key (n, rpd, credential_id, project_id)
select n, case when n between 11 and 20 then 2 when n between 21 and 30 then 3 end, id, project_id
from (select row_number() over (order by id)::integer as n, id, project_id from pollux.credential) c;

insert into google.fate
select n, what, begin_at + since * interval '1 day', coalesce(begin_at + until * interval '1 day', 'infinity')
from month.span, (values
    (31, 'suspended', 2.1, 5.0), (32, 'suspended', 3.2, 14.0), (33, 'suspended', 4.3, 4.8), (34, 'suspended', 5.4, 20.0),
    (35, 'suspended', 6.5, 7.0), (36, 'suspended', 7.6, 12.0), (37, 'suspended', 9.7, 18.5), (38, 'suspended', 11.8, 15.0),
    (49, 'suspended', 5.9, 8.0), (49, 'suspended', 17.2, 18.2),
    (39, 'expired', 4.1, null), (40, 'expired', 7.2, null), (41, 'expired', 10.3, null), (44, 'expired', 24.4, null),
    (42, 'leaked', 1.5, null), (43, 'leaked', 25.6, null),
    (45, 'overloaded', 15.0, 17.0), (null, 'overloaded', 8.4, 8.55), (null, 'overloaded', 21.2, 21.23)
) as f(n, what, since, until);

-- What a careful human would have made of them by the end.
create table month.wanted (n integer primary key, state text not null);
insert into month.wanted
select n, case when n in (39, 40, 41, 42) then 'archived' when n in (43, 44) then 'dead' when n in (47, 48) then 'disabled'
               else 'ready' end
from google.key;
