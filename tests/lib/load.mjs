// SPDX-License-Identifier: MIT
// A steady load of small requests, and the sums that must agree after whatever happened under it.
import assert from 'node:assert/strict';
import { waitFor } from './wait.mjs';

// `clients` loops of ask(n) until stop() is called. An answer counts as ok when it is 200 and whole.
export function startLoad(clients, ask) {
  const seen = { sent: 0, ok: 0, broken: 0, statuses: {} };
  let running = true;
  async function loop() {
    while (running) {
      const mine = seen.sent++;
      const answer = await ask(mine).catch(() => ({ status: 0, complete: false }));
      seen.statuses[answer.status] = (seen.statuses[answer.status] ?? 0) + 1;
      if (answer.status === 200 && answer.complete) seen.ok++;
      else if (answer.status === 200 || answer.status === 0) seen.broken++;
      if (answer.status !== 200) await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  }
  const loops = Promise.all(Array.from({ length: clients }, loop));
  const self = {
    seen,
    reached: (count) => waitFor(`${count} answers`, () => seen.ok >= count, { timeout: 30_000 }),
    async stop() {
      running = false;
      under_way.delete(self);
      await loops;
      return seen;
    },
  };
  under_way.add(self);
  return self;
}

// Loads that nobody has stopped: those of a test that failed. For afterEach(), or the process would never end.
const under_way = new Set();
export const stopLoads = () => Promise.all([...under_way].map((load) => load.stop()));

// What database and simulator have counted once nothing is open any more; with `since`, from then on.
export async function sums(pollux, since, { timeout = 90_000 } = {}) {
  await pollux.settled(timeout);
  const rows = await pollux.sql('select outcome, count(*)::int as n from report.requests group by outcome');
  const attempts = await pollux.sql('select outcome, count(*)::int as n from report.attempts group by outcome');
  const [{ counted }] = await pollux.sql("select coalesce(sum(day_requests), 0)::int as counted from pollux.quota where model <> ''");
  const sim = await pollux.sim.stats();
  const found = { requests: byOutcome(rows), attempts: byOutcome(attempts), counted, calls: sim.calls, admitted: sim.requests };
  return since ? less(found, since) : found;
}

function less(found, since) {
  return Object.fromEntries(Object.entries(found).map(([name, value]) =>
    [name, typeof value === 'object' ? less(value, since[name] ?? {}) : value - (since[name] ?? 0)]));
}

function byOutcome(rows) {
  const all = Object.fromEntries(rows.map((row) => [row.outcome, row.n]));
  return { ...all, total: rows.reduce((sum, row) => sum + row.n, 0) };
}

// No fault at all: every number is the same number.
export function assertAllEqual(seen, found) {
  assert.deepEqual({ rows: found.requests.ok, attempts: found.attempts.ok, counted: found.counted, upstream: found.admitted },
    { rows: seen.ok, attempts: seen.ok, counted: seen.ok, upstream: seen.ok }, JSON.stringify({ seen, found }));
}
