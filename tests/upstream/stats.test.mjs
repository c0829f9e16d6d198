// SPDX-License-Identifier: MIT
// What the simulator reports: exact sums, secrets in wrong places, the program itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  KEY,
  FLASH,
  THREE,
  sim,
  base,
  ask,
  call,
  generate,
  stream,
  stats,
  rawStream,
  until,
  limits,
} from './testing.mjs';

test('every call ends in one status, and the sums agree', async () => {
  limits({ rpm: 4 });
  await rawStream('[[sim:reset]]');
  for (let i = 0; i < 6; i++) await generate(ask('x'));
  await Promise.all([
    stream(ask('x'), THREE),
    generate({}),
    call('GET', '/v1beta/models'),
    generate(ask('x'), FLASH, { 'x-goog-api-key': 'AIzaOther' }),
  ]);
  await until(() => Object.values(sim.stats.statuses).reduce((a, b) => a + b, 0) === 11);
  const s = await stats();
  const total = (table) => Object.values(table).reduce((sum, row) => sum + row.calls, 0);
  assert.equal(s.calls, 11);
  for (const table of [s.by_key, s.by_project, s.by_day]) assert.equal(total(table), 11);
  assert.deepEqual(s.statuses, { 0: 1, 200: 6, 400: 1, 429: 3 });
  assert.deepEqual(s.by_project_model[`p1/${FLASH}`], {
    0: 1,
    200: 3,
    400: 1,
    429: 3,
    calls: 8,
    requests: 3,
  });
  assert.equal(s.requests, 5, 'generate-like calls only');
  assert.equal(s.by_key[KEY].requests + s.by_key.AIzaOther.requests, 5);
  assert.equal(s.r429, 3);
  assert.equal(s.quota[`p1/${FLASH}`].peak_in_minute, 4);
  assert.equal(s.key_in_url, 0);
  assert.equal(s.tokens.total, s.tokens.prompt + s.tokens.candidates + s.tokens.thoughts + s.tokens.tool);
});

test('keys in URLs and client tokens are noticed; requests can be recorded', async () => {
  sim.configure({ record: 2 });
  await fetch(`${base}/v1beta/models?key=${KEY}`);
  await generate(ask('x'), FLASH, { 'x-extra': 'plx_abc' });
  const s = await stats();
  assert.deepEqual([s.key_in_url, s.client_secrets], [1, 1]);
  assert.equal(s.urls[0], '/v1beta/models?key=' + KEY);
  const { requests } = await (await fetch(base + '/_sim/requests')).json();
  assert.equal(requests[1].headers['x-extra'], 'plx_abc');
  assert.equal(JSON.parse(requests[1].body).contents[0].parts[0].text, 'x');
});

test('as a program: prints its port, takes configuration, is reset', async () => {
  const main = fileURLToPath(new URL('main.mjs', import.meta.url));
  const child = spawn(process.execPath, [main, '--port', '0', '-c', '{"any_key":true,"answer":"static"}']);
  try {
    const printed = await new Promise((resolve) => child.stdout.once('data', resolve));
    const { port } = JSON.parse(printed.toString());
    const there = 'http://127.0.0.1:' + port;
    const asked = () =>
      fetch(`${there}/v1beta/models/${FLASH}:generateContent`, {
        method: 'POST',
        headers: { 'x-goog-api-key': 'k' },
        body: '{}',
      });
    assert.equal((await (await asked()).json()).candidates[0].finishReason, 'STOP');
    await fetch(there + '/_sim/config', { method: 'POST', body: '{"answer":"auto"}' });
    assert.equal((await asked()).status, 400);
    await fetch(there + '/_sim/reset', { method: 'POST' });
    assert.equal((await (await fetch(there + '/_sim/stats')).json()).calls, 0);
  } finally {
    child.kill();
  }
});
