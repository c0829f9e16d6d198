// SPDX-License-Identifier: MIT
// Two hosts on one database, the second by a wire of the test's own: what is cut, stalled, paused or refused there
// hangs nothing, loses nothing, and is over when its cause is.
import { after, afterEach, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { startFleet, startWire } from '../lib/fleet.mjs';
import { newHome, run, startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { startLoad, stopLoads, sums } from '../lib/load.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const model = 'gemini-2.5-flash';
const unary = `/v1beta/models/${model}:generateContent`;
const stream = `/v1beta/models/${model}:streamGenerateContent?alt=sse`;
const chat = '/v1/chat/completions';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const chatBody = { model, messages: [{ role: 'user', content: 'hello' }] };
const slowly = (chunks, delay) => ({ contents: [{ role: 'user', parts: [{ text: `[[sim:chunks=${chunks},delay=${delay}]] hello` }] }] });

let fleet, one, two, wire, start;
before(async () => {
  fleet = await startFleet(2, { first: { sim: { projects: projects(6), latency_ms: 5 } },
    database: async (i, home) => (wire = await startWire(home)).conninfo });
  [one, two] = fleet.hosts;
});
beforeEach(async () => { start = await sums(one); });
afterEach(stopLoads);
after(async () => {
  await fleet?.stop();
  await wire?.stop();
});

const superuser = (query) => one.sql(query, 'postgres');
const served = (host) => waitFor('the host to serve again', async () => (await host.send(unary, { body })).status === 200, { timeout: 30_000 });

// An answer is a whole one, or a 503 that its dialect knows and that says when to come again.
function assertWellFormed(answer, dialect) {
  if (answer.status === 200) return assert.ok(answer.complete);
  assert.equal(answer.status, 503, answer.text);
  assert.ok(Number(answer.headers['retry-after']) >= 1);
  const { error } = answer.json();
  return assert.equal(dialect === 'openai' ? error.type : error.status, dialect === 'openai' ? 'server_error' : 'UNAVAILABLE');
}

// What was granted and could not be told any more stays counted; it was not used.
async function assertBalanced(seen) {
  const found = await sums(one, start);
  const all = JSON.stringify({ seen, found });
  assert.deepEqual([found.requests.ok, found.attempts.ok, found.admitted, found.requests.lost ?? 0], [seen.ok, seen.ok, seen.ok, 0], all);
  assert.ok(found.counted >= found.calls && found.counted - found.calls <= (found.requests.unavailable ?? 0), all);
}

test('a network to the database that goes silent holds nobody up for long, and is found again when it is back', async () => {
  await pooled(20, 4, () => two.send(unary, { body }));
  wire.stall();
  const began = performance.now();
  const answers = await Promise.all([two.send(unary, { body }), two.send(chat, { body: chatBody }), two.send(stream, { body }), one.send(unary, { body })]);
  const took = performance.now() - began;
  assert.deepEqual(answers.map((answer) => answer.status), [503, 503, 503, 200]);
  answers.forEach((answer, i) => assertWellFormed(answer, i === 1 ? 'openai' : 'native'));
  assert.ok(took < 25_000, `answered after ${took} ms`);
  wire.mend();
  await served(two);
  await assertBalanced({ ok: 22 });
});

test('a network that is cut under load: streams go on, no answer is malformed, and all sums agree', async () => {
  const streams = pooled(5, 5, () => two.send(stream, { body: slowly(20, 100) }));
  await waitFor('the streams to run', async () => (await one.sim.stats()).open === 5);
  const answers = [];
  const load = startLoad(8, async (n) => {
    const answer = await two.send(n % 2 ? unary : chat, { body: n % 2 ? body : chatBody });
    answers.push([answer, n % 2 ? 'native' : 'openai']);
    return answer;
  });
  await load.reached(50);
  for (let i = 0; i < 3; i++) {
    wire.cut();
    await waitFor('nobody to be connected', () => wire.pairs === 0);
    wire.mend();
    await load.reached(load.seen.ok + 30);
  }
  const seen = await load.stop();
  const whole = (await streams).filter((answer) => answer.complete && answer.text.includes('"finishReason"'));
  assert.equal(whole.length, 5);
  answers.forEach(([answer, dialect]) => assertWellFormed(answer, dialect));
  await assertBalanced({ ...seen, ok: seen.ok + 5 });
});

test('connections that the database has no more of are not tried again while others are there', async () => {
  wire.cut();
  wire.mend();
  await served(two);
  wire.slow(400);
  const lock = superuser('begin; lock table pollux.open_request; select pg_sleep(0.3); commit');
  await waitFor('the lock', async () => (await superuser("select 1 from pg_locks where mode = 'AccessExclusiveLock' and relation = 'pollux.open_request'::regclass")).length > 0);
  const opened = wire.opened;
  const crowd = await pooled(12, 12, () => two.send(unary, { body }));
  await lock;
  assert.ok(wire.opened > opened, 'more connections were asked for');
  const times = [];
  for (let i = 0; i < 10; i++) {
    const began = performance.now();
    assert.equal((await two.send(unary, { body })).status, 200);
    times.push(performance.now() - began);
  }
  wire.mend();
  assert.deepEqual([...new Set(crowd.map((answer) => answer.status))], [200]);
  assert.ok(Math.max(...times) < 200, times.map(Math.round).join(' '));
  await assertBalanced({ ok: 23 });
});

// Limits of the system are those of the worker's own user.
const limit = (pid, ...words) => {
  const { uid, gid } = statSync(`/proc/${pid}`);
  const own = process.getuid() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'] : [];
  const [program, ...args] = [...own, 'prlimit', '-p', String(pid), ...words];
  return run(program, args);
};

const workerOf = (host) => Number(readFileSync(`/proc/${host.pid('workers.pid')}/task/${host.pid('workers.pid')}/children`, 'utf8'));

test('a worker whose files may not grow any more goes on to serve', async () => {
  const pid = workerOf(two);
  const unknown = '/v1beta/models/no-such-model:generateContent';
  assert.equal((await limit(pid, '--fsize=1:')).code, 0);
  const answers = [await two.send(unknown, { body }), await two.send(unary, { body }), await two.send(unary, { body, token: 'wrong' })];
  assert.deepEqual(answers.map((answer) => answer.status), [404, 200, 401]);
  assert.equal(workerOf(two), pid, 'it is still the same process');
  assert.equal((await limit(pid, '--fsize=unlimited:')).code, 0);
});

test('a worker that may make no more threads goes on to accept as soon as it may', async () => {
  const pid = workerOf(one);
  const soft = /^Max processes +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))[1];
  assert.equal((await limit(pid, '--nproc=1:')).code, 0);
  const streams = pooled(40, 40, () => one.send(stream, { body: slowly(40, 100) }));
  await waitFor('all threads to be busy', async () => one.logs().some(({ text }) => text.includes('cannot make another thread')));
  const { open } = await one.sim.stats();
  const waiting = one.send(unary, { body });
  assert.equal((await limit(pid, `--nproc=${soft}:`)).code, 0);
  const began = performance.now();
  assert.equal((await waiting).status, 200);
  const took = performance.now() - began;
  const answers = await streams;
  assert.ok(open < 40, `${open} of 40 had a thread`);
  assert.ok(took < 2500, `served after ${took} ms`);
  assert.ok(answers.every((answer) => answer.status === 200 && answer.text.includes('"finishReason"')));
  const said = one.logs().flatMap(({ text }) => text.split('\n')).filter((line) => line.includes('cannot make another thread'));
  assert.ok(said.length <= 2, said.join('\n'));
});

// With the words of the README.
test('a dump of the database and the master key are enough to go on elsewhere, while both instances run', async () => {
  const other = await startPollux({ upstream: one.sim.url, keys: false, settings: { POLLUX_WORKERS: '1', POLLUX_MASTER_KEY_FILE: path.join(one.home, 'master.key') } });
  try {
    const dump = path.join(newHome(), 'pollux.dump');
    const well = async (program, ...args) => {
      const said = await run(program, args);
      assert.deepEqual([said.code, said.err], [0, ''], `${program}: ${said.out}`);
    };
    const of = (host) => ['-h', path.join(host.home, 'run'), '-U', 'pollux_owner'];
    await well('pg_dump', ...of(one), '-Fc', '-n', 'pollux', '-n', 'api', '-n', 'admin', '-n', 'report', '-f', dump, 'pollux');
    await well('psql', '-qX', ...of(other), '-c', 'set client_min_messages = warning', '-c', 'drop schema pollux, api, admin, report cascade', 'pollux');
    await well('pg_restore', ...of(other), '-d', 'pollux', '-1', dump);
    assert.equal((await other.cli('migrate')).applied.length, 0);
    other.token = one.token;
    await served(other);
    const known = 'select (select count(*) from report.attempts) as attempts, (select count(*) from report.credentials) as keys';
    const [[before], [now]] = [await one.sql(known), await other.sql(known)];
    assert.equal(now.keys, before.keys);
    assert.ok(now.attempts >= before.attempts, JSON.stringify({ before, now }));
    assert.equal((await other.cli('key', 'list')).length, 6);
    assert.equal((await other.command('check', '--offline')).code, 0);
  } finally {
    await other.stop();
  }
});

test('two migrations at once, and one that is killed, disturb neither each other nor who is served', async () => {
  await superuser('create database fresh owner pollux_owner');
  const fresh = { ...one.env, POLLUX_DATABASE_OWNER: one.owner.replace('dbname=pollux', 'dbname=fresh') };
  const migrate = (options) => run(one.program, ['migrate', '--json'], { env: fresh, ...options });
  const load = startLoad(4, () => one.send(unary, { body }));
  assert.equal((await migrate({ timeout: 250 })).code, 'SIGKILL');
  const both = await Promise.all([migrate(), migrate()]);
  assert.deepEqual(both.map((said) => said.code), [0, 0], JSON.stringify(both));
  const applied = both.map((said) => JSON.parse(said.out).applied.length).sort((a, b) => a - b);
  assert.equal(applied[0], 0);
  assert.ok(applied[1] > 8, `the one that was killed left nothing: ${applied}`);
  assert.equal((await one.command('migrate')).code, 0);
  const seen = await load.stop();
  assert.equal(seen.ok, seen.sent, JSON.stringify(seen));
});

// The last one: what was cut off counts as lost only after a while.
test('what the web server says itself while no worker is there is an error of both dialects', async () => {
  const parent = two.pid('workers.pid');
  const cut = two.send(unary, { body: { contents: [{ role: 'user', parts: [{ text: '[[sim:latency=20000]] hello' }] }] } });
  await waitFor('the request to be under way', async () => (await one.sql('select 1 from report.open_requests')).length === 1);
  const pids = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
  process.kill(parent, 'SIGKILL');
  pids.forEach((pid) => process.kill(pid, 'SIGKILL'));
  const answers = [await cut];
  await waitFor('another parent', async () => {
    answers.push(...await Promise.all([two.send(unary, { body }), two.send(chat, { body: chatBody })]));
    return answers.at(-1).status === 200 && answers.at(-2).status === 200;
  });
  const failed = answers.filter((answer) => answer.status !== 200);
  assert.ok(failed.length >= 3, `${failed.length}`);
  for (const answer of failed) {
    assert.match(answer.headers['content-type'], /^application\/json/);
    const { error } = answer.json();
    assert.deepEqual([error.code, typeof error.message, typeof error.status, error.type], [answer.status, 'string', 'string', 'server_error']);
    assert.ok(answer.status >= 500);
  }
});
