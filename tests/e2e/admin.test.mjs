// SPDX-License-Identifier: MIT
// The administration by scripts: its door, its pages behind the web server, what it tells and what it changes.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startPollux } from '../lib/pollux.mjs';
import { checkout } from '../lib/places.mjs';
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
