// SPDX-License-Identifier: MIT
// Starting, stopping, starting again, and several instances side by side. (What is said when it cannot start: tests/stack.)
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort, newHome, run, startPollux } from '../lib/pollux.mjs';
import { server, stack } from '../lib/places.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { send } from '../lib/http.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';
import { checkChunks } from '../lib/openai-shape.mjs';

const model = 'gemini-2.5-flash';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const generate = `/v1beta/models/${model}:generateContent`;
const chat = { model, messages: [{ role: 'user', content: 'hello' }] };

const running = [];
const begin = async (options) => {
  const pollux = await startPollux(options);
  running.push(pollux);
  return pollux;
};
after(async () => {
  for (const pollux of running.reverse()) await pollux.stop();
});

test('the second start keeps everything: clients, keys, what was counted', async () => {
  const pollux = await begin({ sim: { projects: projects(2) }, settings: { GEMINI_API_KEYS: `${keyOf(1)},${keyOf(2)}` }, keys: false });
  assert.match(pollux.token, /^plx_/);
  assert.equal((await pollux.send(generate, { body })).status, 200);
  await pollux.stop({ keep: true });
  await assert.rejects(pollux.send('/health'), /ECONNREFUSED/);
  const said = await pollux.start();
  assert.ok(said.includes(`Pollux listens on ${pollux.url}`), said);
  assert.ok(!said.includes('Client token'), 'no second first client');
  assert.equal((await pollux.send(generate, { body })).status, 200, 'the token of the first start still opens');
  assert.equal((await pollux.cli('key', 'list')).length, 2, 'GEMINI_API_KEYS were known already');
  await waitFor('both requests in the log', async () => (await pollux.sql("select 1 from report.requests where outcome = 'ok'")).length === 2);
});

test('two instances on one database, each with its own address, share keys, clients and quota', async () => {
  const [first] = running;
  await first.model(model, { rpm: 8 });
  await first.setting('wait_limit_ms', 200);
  const second = await begin({ upstream: first.sim.url, keys: false, settings: {
    POLLUX_DATABASE: `host=${first.home}/run dbname=pollux user=pollux_app`, POLLUX_DATABASE_OWNER: first.owner, POLLUX_MASTER_KEY_FILE: path.join(first.home, 'master.key') } });
  second.token = first.token;
  const answers = await pooled(30, 10, (i) => [first, second][i % 2].send(generate, { body }));
  const ok = answers.filter((answer) => answer.status === 200).length;
  assert.ok(ok >= 12 && ok <= 16, `${ok} of the 16 that two projects allow in a minute (some were used before)`);
  assert.equal((await first.sim.stats()).r429, 0);
  const workers = await first.sql('select host, pid from report.workers');
  assert.ok(workers.length >= 4, JSON.stringify(workers));
});

test('everything works below a path prefix', async () => {
  const pollux = await begin({ sim: { projects: projects(1) }, settings: { POLLUX_PREFIX: '/pollux', POLLUX_WORKERS: '1', POLLUX_FETCH_URLS: 'on' } });
  assert.match(pollux.url, /\/pollux$/);
  assert.equal((await pollux.send(generate, { body })).status, 200);
  assert.equal((await pollux.openai().chat.completions.create(chat)).choices[0].finish_reason, 'stop');
  assert.ok((await pollux.genai().models.generateContent({ model, contents: 'hello' })).text.length > 0);
  assert.equal((await send(pollux.origin, generate, { body, token: pollux.token })).status, 404, 'not beside it');
  const upload = await pollux.send('/upload/v1beta/files', { method: 'POST', body: { file: {} }, headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start', 'x-goog-upload-header-content-length': '3', 'x-goog-upload-header-content-type': 'text/plain' } });
  assert.match(upload.headers['x-goog-upload-url'], new RegExp(`^${pollux.url}/`));
});

test('when image URLs may be fetched, those of this machine and its network still may not', async () => {
  const pollux = running.at(-1);
  const { port } = new URL(pollux.sim.url);
  for (const url of [`http://127.0.0.1:${port}/x.png`, `http://localhost:${port}/x.png`, `http://[::1]:${port}/x.png`, `http://[::ffff:127.0.0.1]:${port}/x.png`, `http://2130706433:${port}/x.png`,
    `http://0x7f.1:${port}/x.png`, 'http://169.254.169.254/latest/meta-data', 'http://10.0.0.1/x.png', 'file:///etc/passwd', 'gopher://127.0.0.1/x', `http://user@127.0.0.1:${port}/x.png`]) {
    const before = (await pollux.sim.stats()).calls;
    const answer = await pollux.send('/v1/chat/completions', { body: { model, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] } });
    assert.equal(answer.status, 400, `${url}: ${answer.text}`);
    assert.ok(!/root:/.test(answer.text));
    assert.equal((await pollux.sim.stats()).calls, before, url);
  }
  await pollux.setting('open_access', 'on');
  const body = { model, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://10.0.0.1/x.png' } }] }] };
  const answer = await send(pollux.url, '/v1/chat/completions', { body });
  assert.equal(answer.status, 400);
  assert.match(answer.text, /without a client token images are not fetched/);
  await pollux.setting('open_access', 'off');
});

const supervisor = (pollux) => Number(readFileSync(path.join(pollux.home, 'run/workers.pid'), 'utf8').split('\n')[0]);
const workersOf = (pollux) => readFileSync(`/proc/${supervisor(pollux)}/task/${supervisor(pollux)}/children`, 'utf8').trim().split(' ').map(Number).sort();

test('a reload takes up settings and programs: no stream is cut, no request refused', async () => {
  const [pollux] = running;
  await pollux.model(model, { rpm: 1000 });
  const before = workersOf(pollux);
  appendFileSync(path.join(pollux.home, 'pollux.conf'), 'POLLUX_WORKERS=3\n');
  const stream = pollux.send(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, { body: { contents: [{ role: 'user', parts: [{ text: '[[sim:chunks=20,delay=100]] hello' }] }] } });
  await waitFor('the stream to run', async () => (await pollux.sim.stats()).open === 1);
  let streaming = true;
  stream.finally(() => { streaming = false; });
  const others = (async () => {
    const statuses = [];
    while (streaming) statuses.push(...(await pooled(4, 2, () => pollux.send(generate, { body }))).map((answer) => answer.status));
    return statuses;
  })();
  const reload = await run(stack, ['reload'], { env: pollux.env });
  assert.equal(reload.code, 0, reload.err);
  const answer = await stream;
  assert.ok(answer.complete && answer.text.includes('"finishReason"'));
  const statuses = await others;
  assert.ok(statuses.length > 20 && statuses.every((status) => status === 200), statuses.join());
  await waitFor('the old workers to end', () => before.every((pid) => !workersOf(pollux).includes(pid)));
  const now = workersOf(pollux);
  assert.equal(now.length, 3, now.join());
  const alive = (await pollux.sql("select pid from report.workers where state = 'alive'")).map((row) => row.pid);
  assert.deepEqual([now.filter((pid) => !alive.includes(pid)), before.filter((pid) => alive.includes(pid))], [[], []]);
});

test('a reload with settings that cannot be is refused, and nothing changes', async () => {
  const [pollux] = running;
  const before = workersOf(pollux);
  const log = path.join(pollux.home, 'log/workers.log');
  appendFileSync(path.join(pollux.home, 'pollux.conf'), 'POLLUX_DRAIN=soon\n');
  const reload = await run(stack, ['reload'], { env: { ...pollux.env, POLLUX_DRAIN: undefined } });
  assert.notEqual(reload.code, 0);
  assert.match(reload.out + reload.err, /POLLUX_DRAIN is 'soon'/);
  writeFileSync(path.join(pollux.home, 'master.key'), `${readFileSync(path.join(pollux.home, 'master.key'), 'utf8').slice(0, 20)}`);
  process.kill(supervisor(pollux), 'SIGHUP');
  await waitFor('the supervisor to say so', () => /the workers stay as they are/.test(readFileSync(log, 'utf8')));
  assert.equal((await pollux.send(generate, { body })).status, 200);
  assert.deepEqual(workersOf(pollux), before);
});

test('make demo: one command, and curl gets answers and streams in both dialects with the printed token', { timeout: 120_000 }, async () => {
  const home = path.join(newHome(), 'h');
  const port = await freePort();
  const { POLLUX_UPSTREAM, ...clean } = process.env;
  const demo = spawn(stack, ['demo'], { env: { ...clean, POLLUX_HOME: home, POLLUX_LISTEN: `127.0.0.1:${port}`, POLLUX_SERVER: server }, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const lines = [];
  createInterface({ input: demo.stdout }).on('line', (line) => lines.push(line));
  try {
    const find = (pattern) => lines.map((line) => pattern.exec(line)?.[1]).find(Boolean);
    const token = await waitFor('the token to be printed', () => find(/Client token: (plx_\S+)/), { timeout: 90_000 });
    const base = await waitFor('the address to be printed', () => find(/listens on (http:\S+)/));
    await waitFor('the demo to have shown its traffic', () => find(/(runs until Ctrl-C)/), { timeout: 30_000 });
    const curl = (where, data) => run('curl', ['-sN', '-m', '20', '-H', `Authorization: Bearer ${token}`, '-H', 'Content-Type: application/json', base + where, '-d', JSON.stringify(data)]);
    assert.match((await curl(generate, body)).out, /"candidates"[^]*"text"/);
    assert.match((await curl(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, body)).out, /^data: \{/);
    assert.equal(JSON.parse((await curl('/v1/chat/completions', chat)).out).object, 'chat.completion');
    checkChunks((await curl('/v1/chat/completions', { ...chat, stream: true })).out);
  } finally {
    demo.kill('SIGINT');
    await new Promise((resolve) => { demo.once('exit', resolve); });
    rmSync(path.dirname(home), { recursive: true, force: true });
  }
});
