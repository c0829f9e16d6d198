-- SPDX-License-Identifier: MIT
-- For tests only, never part of the schema: the database's clock stands where a test puts it, or runs ahead by
-- what a test says. Whoever owns the database may replace pollux.now() and so has done it here; nobody else may
-- do that, nor call these functions, nor touch the table.

create schema if not exists test;
create table test.clock (at timestamptz, ahead interval not null default '0');
insert into test.clock values (null);

create or replace function pollux.now() returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (select coalesce(c.at, clock_timestamp() + c.ahead) from test.clock c);
end $$;

create function test.at(p_at timestamptz) returns void language sql as $$ update test.clock set at = p_at $$;
comment on function test.at(timestamptz) is 'It is that time, until another is set; null: it runs again.';
create function test.later(p_interval interval) returns void language sql as $$
    update test.clock set at = at + p_interval, ahead = case when at is null then ahead + p_interval else ahead end
$$;
comment on function test.later(interval) is 'So much later, whether it stands or runs.';
revoke all on function test.at(timestamptz), test.later(interval) from public;
