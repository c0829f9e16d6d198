// SPDX-License-Identifier: MIT
// Who does the maintenance, really: pg_cron, then nobody, then the workers, then pg_cron again. The five minutes that the
// workers wait are passed by moving the database's clock, which only its owner can do; pg_cron's minutes are real ones.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import path from 'node:path';
import { run, startPollux } from '../lib/pollux.mjs';
import { server } from '../lib/places.mjs';
import { waitFor } from '../lib/wait.mjs';

const clock = path.resolve(import.meta.dirname, '../lib/clock.sql');
const options = { skip: server !== 'lighttpd' && 'has nothing to do with the web server' };
let pollux;

before(async () => {
  if (options.skip) return;
  pollux = await startPollux({ sim: { projects: [{ id: 'p1', keys: ['AIzaSyMaintenance000000000000000000001'] }] } });
  const said = await run('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', pollux.owner, '-f', clock], { env: pollux.env });
  assert.equal(said.code, 0, said.err);
});
after(() => pollux?.stop());

const jobs = () => pollux.sql('select * from report.jobs');
const line = async (name) => (await pollux.cli('check', '--offline')).find((one) => one.check === name);
const cron = (on) => pollux.sql(on ? `select cron.schedule('pollux maintain', '* * * * *', $$call pollux.maintain('pg_cron')$$)`
  : `select cron.unschedule('pollux maintain')`);
const way = async () => (await jobs())[0].way;
// Has `change` happen unheard by the launcher of pg_cron: so much else changes while it sleeps that PostgreSQL drops its
// messages and tells it to forget everything, to which pg_cron 1.4 does not listen. So it can be after a first start.
const unheard = async (change) => {
  const [{ pid }] = await pollux.sql(`select pid from pg_stat_activity where application_name = 'pg_cron scheduler'`);
  process.kill(pid, 'SIGSTOP');
  try {
    await change();
    await pollux.sql(`do $$ begin for i in 1..300 loop execute format('create temp table noise_%s (a int primary key, b text)', i); end loop; end $$`);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
};
// The most that a job of every hour was done in one of them.
const summariesPerHour = async () => (await pollux.sql(`select coalesce(max(n), 0)::int as most from (
  select count(*) as n from pollux.event where kind = 'health' group by pollux.hour_of(at)) x`))[0].most;

test('pollux maintain does what is due, once, also when two run', options, async () => {
  await pollux.sql(`select test.later('61 minutes')`);
  const both = await Promise.all([pollux.cli('maintain'), pollux.cli('maintain')]);
  const names = both.flat().map((job) => job.name);
  assert.deepEqual(both.flat().filter((job) => job.failed), []);
  assert.equal(new Set(names).size, names.length, `twice: ${names}`);
  assert.ok(names.includes('usage') && names.includes('sweep'), `${names}`);
  const again = await pollux.cli('maintain');
  assert.ok(again.every((job) => job.name !== 'usage'), JSON.stringify(again));
  const said = await pollux.command('maintain');
  assert.equal(said.code, 0);
});

test('a key that was dead for long is archived, listed there, and restored', options, async () => {
  await pollux.sql(`update pollux.credential set dead_reason = 'suspended', dead_at = pollux.now() - interval '40 days', probe_at = null`);
  assert.equal((await pollux.sql('select pollux.credential_retire() as gone'))[0].gone, 1);
  assert.deepEqual(await pollux.cli('key', 'list'), []);
  const [archived] = await pollux.cli('key', 'list', '--archived');
  assert.deepEqual([archived.state, archived.reason, archived.project], ['archived', 'suspended', 'p1']);
  assert.match((await pollux.command('key', 'list', '--archived')).out, /suspended/);
  assert.equal((await pollux.cli('key', 'restore', String(archived.id))).state, 'ready');
  const again = await pollux.command('key', 'restore', String(archived.id));
  assert.equal(again.code, 1);
  assert.match(again.err, /no key with the id \d+ in the archive/);
  const answer = await pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { body: { contents: [{ parts: [{ text: 'hello' }] }] } });
  assert.equal(answer.status, 200, 'it serves again');
});

test('pg_cron comes by, and is in force', options, async () => {
  await waitFor('pg_cron', async () => (await jobs()).some((job) => job.done_by === 'pg_cron'), { timeout: 200_000, every: 1000 });
  assert.equal(await way(), 'pg_cron');
  const { state, detail } = await line('maintenance');
  assert.deepEqual([state, detail], ['ok', 'by pg_cron']);
});

test('pg_cron stopped: five minutes later the workers do all that is due, within the sixth', options, async () => {
  await cron(false);
  const [{ at }] = await pollux.sql(`select test.later('5 minutes'), pollux.now() as at`);
  await waitFor('the workers to have done it', async () => (await pollux.sql(`select count(*)::int as due from report.jobs
    where next_due <= '${at}'::timestamptz + interval '1 second'`))[0].due === 0, { timeout: 60_000, every: 500 });
  const done = (await jobs()).filter((job) => job.done_by === 'worker').map((job) => job.name);
  assert.ok(['sweep', 'probes', 'refreshes', 'usage', 'rotation'].every((name) => done.includes(name)), `${done}`);
  assert.deepEqual((await jobs()).filter((job) => job.failed), []);
  assert.equal(await way(), 'workers');
  assert.equal((await line('maintenance')).detail, 'by the workers; pg_cron is not in use');
  await pollux.sql(`select test.later('60 minutes')`);
  await waitFor('the hour that came to be noted', async () => (await pollux.sql(`select count(*)::int as n from report.jobs
    where name = 'summary' and next_due > pollux.now()`))[0].n === 1, { timeout: 60_000, every: 500 });
  assert.equal(await summariesPerHour(), 1);
});

test('pg_cron back: it takes over, also when it did not hear of its job, nothing is done twice', options, async () => {
  const seen = (await pollux.sql(`select max(id) as id from pollux.event where kind = 'health'`))[0].id;
  await unheard(() => cron(true));
  await waitFor('pg_cron', async () => await way() === 'pg_cron', { timeout: 200_000, every: 1000 });
  assert.equal(await summariesPerHour(), 1);
  const [{ id, hours }] = await pollux.sql(`select max(id) as id, count(*)::int as hours from pollux.event where kind = 'health' and id > ${seen}`);
  assert.ok(hours <= 1, `${id}`);
});

test('nobody but the owner moves the clock', options, async () => {
  for (const role of ['pollux_app', 'pollux_read']) {
    await assert.rejects(pollux.sql(`select test.later('1 day')`, role), /permission denied/);
  }
});
