-- SPDX-License-Identifier: MIT
-- What workers and their machines use, for the console's page System.

alter table pollux.worker
    add column vitals_at timestamptz,
    add column cpu_ms bigint,
    add column cpu_percent real,
    add column memory_bytes bigint,
    add column threads integer,
    add column host_load real,
    add column host_cpus integer,
    add column host_memory_bytes bigint,
    add column host_free_bytes bigint;
comment on column pollux.worker.vitals_at is 'When the worker last said what it uses.';
comment on column pollux.worker.cpu_ms is 'Processor time since its start, ms.';
comment on column pollux.worker.cpu_percent is 'Share of one processor since it said so the time before, percent.';
comment on column pollux.worker.memory_bytes is 'What it has in memory.';
comment on column pollux.worker.threads is 'Its threads.';
comment on column pollux.worker.host_load is 'Its machine: average load of a minute.';
comment on column pollux.worker.host_cpus is 'Its machine: processors.';
comment on column pollux.worker.host_memory_bytes is 'Its machine: memory.';
comment on column pollux.worker.host_free_bytes is 'Its machine: memory that new programs could have.';
