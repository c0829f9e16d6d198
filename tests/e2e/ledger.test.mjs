// SPDX-License-Identifier: MIT
// Nothing is missing and nothing is counted twice, whatever dies under load: a worker, the database, both, or the
// client. The sums of five witnesses are compared: the clients, the request rows, the attempts, the quota counters and
// the simulator.
import { after, afterEach, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from '../lib/places.mjs';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { assertAllEqual, startLoad, stopLoads, sums } from '../lib/load.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const unary = '/v1beta/models/gemini-2.5-flash:generateContent';
const stream = '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse';
const slowly = (chunks, delay) => ({ contents: [{ role: 'user', parts: [{ text: `[[sim:chunks=${chunks},delay=${delay}]] hello` }] }] });

let pollux;
let start;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(4), latency_ms: 5 }, settings: { POLLUX_WORKERS: '2' } });
});
beforeEach(async () => { start = await sums(pollux); });
afterEach(stopLoads);
after(() => pollux?.stop());

const load = (clients) => startLoad(clients, (n) => pollux.send(n % 2 ? unary : stream, { body }));
const killWorker = async () => {
  const victim = (await pollux.workers()).find(alive);
  process.kill(victim, 'SIGKILL');
  return victim;
};

const restartDatabase = () => pollux.database('restart', '-m', 'immediate');

// Signals a process that may end at any moment; false when it has.
function tell(pid, name) {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

const alive = (pid) => tell(pid, 0);

test('without a fault all five sums are one number', async () => {
  const running = load(16);
  await running.reached(300);
  const seen = await running.stop();
  assert.equal(seen.ok, seen.sent, JSON.stringify(seen));
  assertAllEqual(seen, await sums(pollux, start));
});

test('kill -9 of one of two workers under load loses nothing and counts nothing twice', async () => {
  const running = load(16);
  await running.reached(100);
  const victim = await killWorker();
  const before = running.seen.ok;
  await running.reached(before + 200);
  const seen = await running.stop();
  const found = await sums(pollux, start);
  const lost = found.requests.lost ?? 0;
  assert.ok((found.requests.ok ?? 0) <= seen.ok + seen.broken, JSON.stringify({ seen, found }));
  assert.ok(seen.ok <= (found.requests.ok ?? 0) + lost, JSON.stringify({ seen, found }));
  assert.ok(found.counted >= found.calls, `never fewer counted (${found.counted}) than sent (${found.calls})`);
  assert.ok(found.counted - found.calls <= lost, JSON.stringify(found));
  assert.equal(found.attempts.total, found.counted, 'each count has its attempt');
  const workers = await waitFor('the worker to be replaced', async () => {
    const pids = (await pollux.workers()).filter((pid) => pid !== victim && alive(pid));
    return pids.length === 2 && pids;
  });
  assert.ok(!workers.includes(victim));
});

test('kill -9 of the parent of the workers: others take over while a stream that is running goes on to its end', async () => {
  let ended = false;
  const answer = pollux.send(stream, { body: slowly(60, 100) }).finally(() => { ended = true; });
  await waitFor('the stream to run', async () => (await pollux.sim.stats()).open === 1);
  const parent = pollux.pid('workers.pid');
  process.kill(parent, 'SIGKILL');
  await waitFor('another one', () => pollux.pid('workers.pid') !== parent);
  const served = await waitFor('a request to be served', async () => {
    const one = await pollux.send(unary, { body });
    return one.status === 200 && one;
  });
  assert.equal(ended, false, `too late: ${served.status}`);
  const { status, complete, text } = await answer;
  assert.deepEqual([status, complete, text.includes('"finishReason"')], [200, true, true]);
  const found = await sums(pollux, start);
  assert.deepEqual([found.requests.ok, found.attempts.ok, found.counted, found.requests.lost ?? 0], [2, 2, 2, 0], JSON.stringify(found));
});

test('PostgreSQL restarted in the middle of it: no admitted request is missing or doubled', async () => {
  const running = load(16);
  await running.reached(100);
  await restartDatabase();
  const before = running.seen.ok;
  await running.reached(before + 100);
  const seen = await running.stop();
  const found = await sums(pollux, start);
  assert.equal(found.requests.ok, seen.ok, JSON.stringify({ seen, found }));
  assert.equal(found.attempts.ok, seen.ok);
  assert.equal(found.admitted, seen.ok);
  assert.ok(found.counted >= found.calls && found.counted - found.calls <= seen.sent - seen.ok, JSON.stringify({ seen, found }));
  assert.equal(found.requests.lost ?? 0, 0, 'no worker died');
});

test('a stream that is running while PostgreSQL restarts is not disturbed, and is settled afterwards', async () => {
  const streams = pooled(10, 10, () => pollux.send(stream, { body: slowly(30, 100) }));
  await waitFor('the streams to run', async () => (await pollux.sim.stats()).open === 10);
  await restartDatabase();
  const answers = await streams;
  assert.ok(answers.every((answer) => answer.status === 200 && answer.complete && answer.text.includes('"finishReason"')));
  const found = await sums(pollux, start);
  assert.deepEqual([found.requests.ok, found.attempts.ok, found.counted], [10, 10, 10], JSON.stringify(found));
});

test('without the database nothing is admitted: 503 with Retry-After, in the caller\'s dialect', async () => {
  const pid = Number(readFileSync(path.join(pollux.home, 'pg/postmaster.pid'), 'utf8').split('\n')[0]);
  tell(pid, 'SIGSTOP');
  const backends = await childrenOf(pid);
  backends.forEach((child) => tell(child, 'SIGSTOP'));
  try {
    const began = performance.now();
    const [native, openai, ...health] = await Promise.all([pollux.send(unary, { body }),
      pollux.send('/v1/chat/completions', { body: { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'x' }] } }),
      ...Array.from({ length: 12 }, () => pollux.send('/health'))]);
    assert.deepEqual([native.status, openai.status, ...new Set(health.map((answer) => answer.status))], [503, 503, 503]);
    assert.ok(performance.now() - began < 60_000, `who looks after the health waits together: ${performance.now() - began} ms`);
    assert.equal(native.json().error.status, 'UNAVAILABLE');
    assert.equal(openai.json().error.type, 'server_error');
    assert.ok(Number(native.headers['retry-after']) >= 1 && Number(openai.headers['retry-after']) >= 1);
  } finally {
    [pid, ...backends].forEach((child) => tell(child, 'SIGCONT'));
  }
  await waitFor('requests to be served again', async () => (await pollux.send(unary, { body })).status === 200);
});

test('a worker killed and PostgreSQL restarted at once', async () => {
  const running = load(16);
  await running.reached(100);
  await killWorker();
  await restartDatabase();
  const before = running.seen.ok;
  await running.reached(before + 100);
  const seen = await running.stop();
  const found = await sums(pollux, start);
  const lost = found.requests.lost ?? 0;
  assert.ok(seen.ok <= (found.requests.ok ?? 0) + lost + seen.broken, JSON.stringify({ seen, found }));
  assert.ok((found.requests.ok ?? 0) <= seen.ok + seen.broken, JSON.stringify({ seen, found }));
  assert.equal(found.requests.total + start.requests.total, new Set(await ids()).size, 'no id twice');
});

test('a lock that somebody holds on the log for long delays settlements; none is put aside', async () => {
  const asPostgres = (query) => pollux.sql(query, 'postgres');
  const patience = async (value) => {
    await asPostgres(`alter role pollux_app set lock_timeout = '${value}'`);
    await asPostgres(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pollux_app'`);
  };
  await patience('200ms');
  try {
    const answers = pooled(10, 10, () => pollux.send(unary, { body }));
    await asPostgres('begin; lock table pollux.request in access exclusive mode; select pg_sleep(2); commit');
    assert.ok((await answers).every((answer) => answer.status === 200));
    const found = await sums(pollux, start);
    assert.deepEqual([found.requests.ok, found.attempts.ok, found.counted], [10, 10, 10], JSON.stringify(found));
  } finally {
    await patience('10s');
  }
});

const ids = async () => (await pollux.sql('select id from report.requests')).map((row) => row.id);

test('stop with live streams: they finish, everything is settled, and the next start finds it', async () => {
  const streams = pooled(200, 200, () => pollux.send(stream, { body: slowly(20, 300) }));
  await waitFor('the streams to run', async () => (await pollux.sim.stats()).open === 200);
  await pollux.stop({ keep: true });
  const answers = await streams;
  assert.equal(answers.filter((answer) => answer.status === 200 && answer.complete && answer.text.includes('"finishReason"')).length, 200);
  await pollux.start();
  const found = await sums(pollux, start);
  assert.deepEqual([found.requests.ok, found.counted, found.requests.lost ?? 0], [200, 200, 0], JSON.stringify(found));
});

test('stopped while the database is away: what was not settled is written down and settled at the next start', async () => {
  const streams = pooled(10, 10, () => pollux.send(stream, { body: slowly(10, 100) }));
  await waitFor('the streams to run', async () => (await pollux.sim.stats()).open === 10);
  await pollux.database('stop', '-m', 'immediate');
  const answers = await streams;
  assert.ok(answers.every((answer) => answer.complete && answer.text.includes('"finishReason"')));
  await pollux.stop({ keep: true });
  await pollux.start();
  const found = await sums(pollux, start);
  assert.deepEqual([found.requests.ok, found.attempts.ok, found.counted, found.requests.lost ?? 0], [10, 10, 10, 0], JSON.stringify(found));
});

test('what one worker had to write down is settled by another that goes on running, once, when the database is back', async () => {
  const other = spawn(path.join(build, 'pollux.fcgi'), ['--serve'], {
    env: { ...pollux.env, POLLUX_SOCKET: path.join(pollux.home, 'run/other.sock'), POLLUX_WORKERS: '1' }, stdio: 'ignore',
  });
  const ended = new Promise((resolve) => { other.once('exit', resolve); });
  const spool = path.join(pollux.home, 'spool');
  let stopped = false;
  try {
    await waitFor('its worker', async () => {
      const [worker] = await childrenOf(other.pid);
      return worker && (await pollux.workers()).includes(worker);
    });
    const before = await ids();
    const streams = pooled(10, 10, () => pollux.send(stream, { body: slowly(10, 100) }));
    await waitFor('the streams to run', async () => (await pollux.sim.stats()).open === 10);
    await pollux.database('stop', '-m', 'immediate');
    assert.ok((await streams).every((answer) => answer.complete));
    await pollux.stop({ keep: true });
    stopped = true;
    const lines = readdirSync(spool).flatMap((name) => readFileSync(path.join(spool, name), 'utf8').trim().split('\n'));
    assert.equal(lines.length, 10);
    await pollux.database('start');
    await waitFor('the spool to be empty', async () => readdirSync(spool).length === 0, { timeout: 40_000, every: 200 });
    const found = (await pollux.sql('select id, outcome from report.requests')).filter((row) => !before.includes(row.id));
    assert.deepEqual(found.map((row) => row.outcome), Array(10).fill('ok'));
    assert.deepEqual(found.map((row) => row.id).sort(), lines.map((line) => JSON.parse(line).id).sort());
    // The same once more, as after a power failure between settling and removing the file.
    writeFileSync(path.join(spool, 'again.jsonl'), `${lines.join('\n')}\n{"id": "half a li`);
    const sum = 'select count(*)::int as n, sum(total_tokens)::int as tokens from report.requests';
    const once = await pollux.sql(sum);
    await waitFor('the spool to be empty again', async () => readdirSync(spool).length === 0, { timeout: 40_000, every: 200 });
    assert.deepEqual(await pollux.sql(sum), once);
    assert.equal(other.exitCode, null, 'the other worker was never started anew');
  } finally {
    other.kill('SIGTERM');
    await ended;
    if (stopped) await pollux.database('stop').catch(() => {});
    if (stopped) await pollux.start();
  }
});

async function childrenOf(pid) {
  const tasks = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return tasks === '' ? [] : tasks.split(' ').map(Number);
}
