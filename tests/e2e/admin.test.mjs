// SPDX-License-Identifier: MIT
// The administration by scripts: its door, its pages behind the web server, what it tells and what it changes.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startPollux } from '../lib/pollux.mjs';
import { checkout } from '../lib/places.mjs';
import { lintMetrics, seriesOf } from '../lib/metrics.mjs';
import { projects } from '../lib/sim.mjs';

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
let pollux;
const tokens = {};
const get = (where, token, more = {}) => pollux.send(where, { token, ...more });

before(async () => {
  pollux = await startPollux({ sim: { projects: projects(3) }, settings: { POLLUX_PREFIX: '/pollux.x' } });
  for (const role of ['metrics', 'viewer', 'operator', 'owner']) tokens[role] = (await pollux.cli('admin', 'token', 'add', `the ${role}`, '--role', role)).token;
});
after(() => pollux?.stop());

test('files of the console come from the web server, typed, protected, revalidated', async () => {
  const answer = await get('/admin/openapi.json', null);
  assert.equal(answer.status, 200);
  assert.equal(answer.text, readFileSync(path.join(checkout, 'admin-html/openapi.json'), 'utf8'));
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.headers['content-security-policy'], policy);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['referrer-policy'], 'no-referrer');
  assert.equal(answer.headers['cache-control'], 'no-cache');
  assert.equal((await get('/admin/openapi.json', null, { headers: { 'if-none-match': answer.headers.etag } })).status, 304);
  assert.equal(answer.headers['x-request-id'], undefined, 'no worker was asked');
});
test('what is no file below admin/ is answered by a worker, and nothing leads out of the folder', async () => {
  for (const where of ['/admin/nothing', '/admin/api/x.json', '/admin/api/', '/admin/stats/x']) {
    const answer = await get(where, null);
    assert.equal(answer.status, 404, where);
    assert.equal(answer.json().error.code, 'not_found', where);
  }
  for (const where of ['/admin/../../Makefile', '/admin/%2e%2e/sql/views.txt', '/admin/..%2f..%2fREADME.txt', '/admin/vendor/../../pollux.json', '/admin/vendor/..%2f..%2fmaster.txt']) {
    assert.ok([400, 403, 404].includes((await get(where, null)).status), where);
  }
  assert.equal((await get('/admin/no-such-file.js', null)).status, 404);
});
test('short addresses lead to the pages', async () => {
  for (const [where, page] of [['/admin', '/pollux.x/admin/'], ['/docs', '/pollux.x/admin/docs.html']]) {
    const answer = await get(where, null);
    assert.equal(answer.status, 302);
    assert.equal(new URL(answer.headers.location, pollux.url).pathname, page);
  }
});

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const generate = '/v1beta/models/gemini-2.5-flash:generateContent';
const sample = (text, start) => Number(text.split('\n').find((line) => line.startsWith(start))?.split(' ').at(-1));

test('metrics: for this machine, for tokens of every role, for nobody else', async () => {
  assert.equal((await get('/metrics', null)).status, 200);
  for (const role of Object.keys(tokens)) assert.equal((await get('/metrics', tokens[role])).status, 200, role);
  for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
    const answer = await get('/metrics', null, { headers: { [header]: '127.0.0.1' } });
    assert.equal(answer.status, 401, `${header} means that a proxy stands in between`);
    assert.match(answer.json().error.hint, /admin token add/);
  }
  const client = await get('/metrics', pollux.token);
  assert.deepEqual([client.status, client.json().error.code], [403, 'forbidden']);
  assert.equal((await get('/metrics', 'plxa_nobodys-token-0123456789')).status, 401);
  assert.equal((await pollux.send('/metrics', { method: 'POST', token: null, body: {} })).status, 405);
});
test('metrics lint clean, count what happened, and never fall, whichever worker answers', async () => {
  const read = async () => (await get('/metrics', null)).text;
  const first = await read();
  assert.deepEqual(lintMetrics(first), []);
  for (let i = 0; i < 6; i++) assert.equal((await pollux.send(generate, { body })).status, 200);
  await pollux.settled();
  const seen = await read();
  assert.deepEqual(lintMetrics(seen), []);
  assert.equal(sample(seen, 'pollux_requests_total{dialect="native",model="gemini-2.5-flash",outcome="ok"}'), 6);
  assert.equal(sample(seen, 'pollux_client_requests_total{client="default"}'), 6);
  assert.equal(sample(seen, 'pollux_request_duration_seconds_count{model="gemini-2.5-flash"}'), 6);
  assert.equal(sample(seen, 'pollux_credentials{state="ready"}'), 3);
  assert.equal(sample(seen, 'pollux_workers'), 2);
  let before = seriesOf(seen);
  for (let i = 0; i < 12; i++) {
    if (i % 3 === 0) await pollux.send(generate, { body });
    const now = seriesOf(await read());
    for (const [name, value] of before) if (/_(total|bucket|count|sum)[{ ]/.test(`${name} `)) assert.ok(now.get(name) >= value, `${name} fell from ${value} to ${now.get(name)}`);
    before = now;
  }
  const { headers } = await get('/metrics', null);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
});
test('status.txt tells the models and stays small', async () => {
  const answer = await get('/status.txt', tokens.metrics);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain/);
  assert.match(answer.text, /credentials: 3 ready, 0 resting, 0 dead, 0 disabled\n/);
  assert.match(answer.text, /\ngemini-2\.5-flash +\d+ +0 +100\.0% /);
  assert.ok(answer.body.length < 1_000_000);
  assert.equal((await get('/status.txt', pollux.token)).status, 403);
});
