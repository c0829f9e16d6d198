// SPDX-License-Identifier: MIT
// Errors by name: keys, quota forms, overload, routes; markers and behaviours that provoke them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEY, FLASH, sim, base, user, ask, call, generate, stream } from './testing.mjs';

test('other forms of 429', async () => {
  const form = async (word) => (await generate(ask(`[[sim:${word}]]`))).json.error;
  const ids = (error) =>
    error.details.find((d) => d.violations).violations.map((v) => v.quotaId.replace(/-.*/, ''));
  assert.equal((await form('429-bare')).message, 'Resource has been exhausted (e.g. check quota).');
  assert.equal((await form('429-bare')).details, undefined);
  assert.deepEqual(
    (await form('429-help')).details.map((d) => d['@type'].split('.').pop()),
    ['Help'],
  );
  assert.equal(ids(await form('429-many')).length, 3);
  const day = await form('429-day-10s');
  assert.match(ids(day)[0], /PerDay/);
  assert.equal(day.details.find((d) => d.retryDelay).retryDelay, '10s');
  assert.match((await form('429-zero')).message, /limit: 0/);
  const old = (await form('429-old')).details[0];
  assert.equal(old.reason, 'RATE_LIMIT_EXCEEDED');
  assert.equal(old.metadata.quota_limit_value, '60');
  assert.match((await form('429-short')).message, /Please retry in 345\.678ms\./);
  assert.match((await generate(ask('[[sim:429-html]]'))).text, /automated queries/);
});

test('keys that are wrong in every way', async () => {
  const states = {
    invalid: [400, 'API key not valid. Please pass a valid API key.', 'API_KEY_INVALID'],
    expired: [400, 'API key expired. Please renew the API key.', 'API_KEY_INVALID'],
    suspended: [
      403,
      `Permission denied: Consumer 'api_key:${KEY}' has been suspended.`,
      'CONSUMER_SUSPENDED',
    ],
    leaked: [403, 'Your API key was reported as leaked. Please use another API key.', undefined],
    denied: [403, 'Your project has been denied access. Please contact support.', undefined],
    disabled: [403, /has not been used in project 4711 before or it is disabled/, 'SERVICE_DISABLED'],
    blocked: [403, /are blocked/, 'API_KEY_SERVICE_BLOCKED'],
    location: [400, 'User location is not supported for the API use.', undefined],
  };
  for (const [state, [status, message, reason]] of Object.entries(states)) {
    sim.configure({ key_state: { [KEY]: state } });
    const answer = await generate(ask('x'));
    assert.equal(answer.status, status, state);
    assert.match(
      answer.json.error.message,
      message instanceof RegExp ? message : new RegExp(escape(message)),
    );
    const info = (answer.json.error.details || []).find((d) => d.reason);
    assert.equal(info && info.reason, reason, state);
    assert.equal(answer.json.error.status === 'FAILED_PRECONDITION', state === 'location');
  }
  sim.configure({ key_state: { [KEY]: 'ok' } });
});

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

test('unknown keys, no key, a key as bearer', async () => {
  assert.equal((await generate(ask('x'), FLASH, { 'x-goog-api-key': 'AIzaNobody' })).status, 400);
  const none = await fetch(`${base}/v1beta/models/${FLASH}:generateContent`, { method: 'POST', body: '{}' });
  assert.equal(none.status, 403);
  assert.match((await none.json()).error.message, /unregistered callers/);
  const bearer = await fetch(`${base}/v1beta/models`, { headers: { authorization: 'Bearer ' + KEY } });
  assert.equal(bearer.status, 401);
  sim.configure({ any_key: true });
  assert.equal((await generate(ask('x'), FLASH, { 'x-goog-api-key': 'AIzaNobody' })).status, 200);
});

test('5xx, HTML, and failures of a stream without alt=sse in an array', async () => {
  assert.equal((await generate(ask('[[sim:503]]'))).json.error.status, 'UNAVAILABLE');
  assert.equal((await generate(ask('[[sim:500]]'))).json.error.status, 'INTERNAL');
  assert.equal((await generate(ask('[[sim:504]]'))).json.error.status, 'DEADLINE_EXCEEDED');
  const page = await generate(ask('[[sim:502]]'));
  assert.equal(page.status, 502);
  assert.match(page.headers.get('content-type'), /text\/html/);
  const array = await call('POST', `/v1beta/models/${FLASH}:streamGenerateContent`, ask('[[sim:503]]'));
  assert.equal(array.status, 503);
  assert.equal(array.json[0].error.code, 503);
});

test('unknown model, unknown route, wrong method', async () => {
  const { status, json } = await generate(ask('x'), 'gemini-0');
  assert.equal(status, 404);
  assert.equal(
    json.error.message,
    'models/gemini-0 is not found for API version v1beta, or is not supported for '
      + 'generateContent. Call ListModels to see the list of available models and their supported methods.',
  );
  assert.equal((await generate(ask('x'), 'gemini-embedding-001')).status, 404);
  for (const path of ['/v1beta/nothing', '/', `/v1beta/models/${FLASH}:sing`]) {
    const lost = await call('POST', path, {});
    assert.equal(lost.status, 404);
    assert.match(lost.text, /<title>Error 404/);
  }
});

test('a marker may apply a number of times, from a given call on, to one project', async () => {
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await generate(ask('[[sim:503,times=2,after=1]] x'))).status);
  assert.deepEqual(statuses, [200, 503, 503, 200]);
  assert.equal((await generate(ask('[[sim:503,project=p2]] x'))).status, 200);
});

test('behaviours bind to key, project, model, method and number', async () => {
  sim.configure({
    behaviour: [
      { match: { model: 'gemini-2.5-p*' }, do: '503' },
      { match: { key: 'AIzaOther' }, do: '500', times: 1 },
    ],
    projects: [{ id: 'p1', behaviour: [{ match: { stream: true }, do: '429-bare' }] }],
  });
  assert.equal((await generate(ask('x'), 'gemini-2.5-pro')).status, 503);
  assert.equal((await generate(ask('x'))).status, 200);
  const other = { 'x-goog-api-key': 'AIzaOther' };
  assert.equal((await generate(ask('x'), FLASH, other)).status, 500);
  assert.equal((await generate(ask('x'), FLASH, other)).status, 200);
});

test('a marker belongs to its own turn, and counts of behaviours outlive other changes', async () => {
  const earlier = [user('[[sim:503]] a'), { role: 'model', parts: [{ text: 'b' }] }, user('c')];
  assert.equal((await generate({ contents: earlier })).status, 200);
  sim.configure({ behaviour: [{ match: {}, do: '500', times: 1 }] });
  assert.equal((await generate(ask('x'))).status, 500);
  sim.configure({ latency_ms: 0, projects: [{ id: 'p1', tier: 'paid' }] });
  assert.equal((await generate(ask('x'))).status, 200);
});
