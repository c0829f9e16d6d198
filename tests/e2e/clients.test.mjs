// SPDX-License-Identifier: MIT
// Who may enter, how they say so, and what they may use: tokens, limits, models, expiry; CORS and health beside them.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const model = 'gemini-2.5-flash';
const generate = `/v1beta/models/${model}:generateContent`;
const native = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const chat = { model, messages: [{ role: 'user', content: 'hello' }] };

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(3) }, settings: { POLLUX_CORS_ORIGINS: 'https://app.example' } });
});
after(() => pollux?.stop());

// One request of every kind of route, with a token of its own; the statuses by name.
const routes = {
  native: (token) => pollux.send(generate, { body: native, token }),
  'native stream': (token) => pollux.send(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, { body: native, token }),
  countTokens: (token) => pollux.send(`/v1beta/models/${model}:countTokens`, { body: native, token }),
  'chat completions': (token) => pollux.send('/v1/chat/completions', { body: chat, token }),
  embeddings: (token) => pollux.send('/v1/embeddings', { body: { model: 'gemini-embedding-001', input: 'x' }, token }),
  'model list': (token) => pollux.send('/v1beta/models', { token }),
  'OpenAI model list': (token) => pollux.send('/v1/models', { token }),
  'pass-through list': (token) => pollux.send('/v1beta/cachedContents', { token }),
  'file upload': (token) => pollux.send('/upload/v1beta/files', { method: 'POST', token, body: { file: { displayName: 'x' } },
    headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start', 'x-goog-upload-header-content-length': '3', 'x-goog-upload-header-content-type': 'text/plain' } }),
};
const calls = async () => (await pollux.sim.stats()).calls;

describe('a token', () => {
  const ways = {
    'Authorization: Bearer': (token) => ({ headers: { authorization: `Bearer ${token}` } }),
    'Authorization: Basic': (token) => ({ headers: { authorization: `Basic ${Buffer.from(`anyone:${token}`).toString('base64')}` } }),
    'x-goog-api-key': (token) => ({ headers: { 'x-goog-api-key': token } }),
    'x-api-key': (token) => ({ headers: { 'x-api-key': token } }),
    '?key=': (token) => ({ query: `key=${token}` }),
  };
  for (const [way, present] of Object.entries(ways)) {
    test(`is taken from ${way}, and goes no further`, async () => {
      const { headers, query } = present(pollux.token);
      const answer = await pollux.send(generate + (query ? `?${query}` : ''), { body: native, headers, token: null });
      assert.equal(answer.status, 200, answer.text);
      assert.equal((await pollux.send('/v1/chat/completions' + (query ? `?${query}` : ''), { body: chat, headers, token: null })).status, 200);
      const { urls } = await pollux.sim.stats();
      assert.ok(urls.length > 0 && !urls.some((url) => /plx_|key=/.test(url)), urls.join('\n'));
    });
    test(`that is wrong is refused in ${way} before anyone is asked`, async () => {
      const before = await calls();
      const { headers, query } = present('plx_wrong0000000000000000000000000000000000000');
      const answer = await pollux.send(generate + (query ? `?${query}` : ''), { body: native, headers, token: null });
      assert.equal(answer.status, 401);
      assert.equal(answer.json().error.status, 'UNAUTHENTICATED');
      assert.equal(await calls(), before);
    });
  }
  test('that is missing is refused on every route, in the dialect of the route', async () => {
    for (const [name, ask] of Object.entries(routes)) {
      const answer = await ask(null);
      assert.equal(answer.status, 401, name);
      const { error } = answer.json();
      if (/chat|OpenAI|embeddings/.test(name)) assert.deepEqual([error.type, error.code, error.param], ['invalid_request_error', 'invalid_api_key', null], name);
      else assert.deepEqual([error.code, error.status], [401, 'UNAUTHENTICATED'], name);
    }
  });
  test('given twice alike is one token; two that differ are refused, wherever they stand', async () => {
    const same = await pollux.send(`${generate}?key=${pollux.token}`, { body: native, headers: { 'x-goog-api-key': pollux.token } });
    assert.ok([200, 400].includes(same.status), `status ${same.status}`);
    for (const [path, headers] of [
      [`${generate}?key=plx_other`, { 'x-goog-api-key': pollux.token }], [generate, { 'x-goog-api-key': pollux.token, 'x-api-key': 'plx_other' }],
      [`${generate}?key=${pollux.token}&key=plx_other`, {}],
    ]) {
      const answer = await pollux.send(path, { body: native, headers, token: path.includes('&key') ? null : pollux.token });
      assert.ok([400, 401].includes(answer.status), `${answer.status} for ${path}`);
    }
  });
  test('header given twice, or forged with an underscore, is refused or ignored alike behind every server', async () => {
    const raw = (lines) => pollux.sendRaw(`POST ${generate} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${JSON.stringify(native).length}\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n${JSON.stringify(native)}`);
    const twice = await raw([`x-goog-api-key: ${pollux.token}`, 'x-goog-api-key: plx_other']);
    assert.ok([400, 401].includes(twice.status), twice.text.slice(0, 200));
    const forged = await raw(['X_Goog_Api_Key: plx_other']);
    assert.ok([400, 401].includes(forged.status), forged.text.slice(0, 200));
  });
});

describe('a client', () => {
  const make = async (name, ...options) => (await pollux.addClient(name, ...options)).token;

  test('is made with a token that is shown once and then only hinted at', async () => {
    const made = await pollux.addClient('once');
    assert.deepEqual([made.name, typeof made.id], ['once', typeof made.id]);
    assert.match(made.token, /^plx_\S{30,}$/);
    assert.ok(!JSON.stringify(await pollux.cli('client', 'list')).includes(made.token));
  });
  test('over its requests per minute gets 429 for a list of models too, which is answered from memory', async () => {
    for (const name of ['model list', 'OpenAI model list']) {
      const token = await make(`rpm ${name}`, '--rpm', '2');
      const statuses = [];
      for (let i = 0; i < 6; i++) statuses.push((await routes[name](token)).status);
      assert.deepEqual(statuses, [200, 200, 429, 429, 429, 429], name);
    }
  });
  test('over its requests per minute gets 429 on every other route, in the right dialect', async () => {
    for (const [name, ask] of Object.entries(routes).filter(([one]) => !one.includes('model list'))) {
      const token = await make(`rpm ${name}`, '--rpm', '2');
      const statuses = [await ask(token), await ask(token), await ask(token)];
      assert.ok(statuses.slice(0, 2).every((answer) => answer.status < 400), `${name}: ${statuses.map((answer) => answer.status)}`);
      assert.equal(statuses[2].status, 429, name);
      const { error } = statuses[2].json();
      if (/chat|OpenAI|embeddings/.test(name)) assert.match(error.code, /rate_limit/, name);
      else assert.equal(error.status, 'RESOURCE_EXHAUSTED', name);
      const wait = statuses[2].headers['retry-after'];
      if (wait === undefined) assert.match(name, /chat|OpenAI|embeddings/);
      else assert.ok(Number(wait) >= 1 && Number(wait) <= 61, `${name}: retry-after ${wait}`);
    }
  });
  test('over its requests per minute is refused even when it asks all at once', async () => {
    const token = await make('burst', '--rpm', '5');
    const statuses = (await pooled(20, 20, () => pollux.send(generate, { body: native, token }))).map((answer) => answer.status);
    assert.equal(statuses.filter((status) => status === 200).length, 5, statuses.join(' '));
    assert.equal(statuses.filter((status) => status === 429).length, 15);
  });
  test('over its tokens per minute gets 429', async () => {
    const token = await make('tpm', '--tpm', '50');
    const long = { contents: [{ role: 'user', parts: [{ text: 'word '.repeat(400) }] }] };
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await pollux.send(generate, { body: long, token })).status);
    assert.equal(statuses.at(-1), 429, statuses.join(' '));
  });
  test('over its daily budget is refused, and told not to come back soon', async () => {
    const token = await make('budget', '--daily-tokens', '20');
    const statuses = [];
    let last;
    for (let i = 0; i < 10 && last?.status !== 429; i++) {
      last = await pollux.send('/v1/chat/completions', { body: chat, token });
      statuses.push(last.status);
    }
    assert.equal(last.status, 429, statuses.join(' '));
    assert.equal(last.json().error.code, 'insufficient_quota');
    assert.equal(last.headers['x-should-retry'], 'false');
    assert.equal(last.headers['retry-after'], undefined, 'an official client would sleep that long');
    // What the first request really used is known once it is settled; then nothing at all may pass.
    await waitFor('pass-through to be refused too', async () => (await pollux.send('/v1beta/cachedContents', { token })).status === 429, { timeout: 3000 });
  });
  test('may use the models on its list and no other, by any route and any spelling', async () => {
    const token = await make('models', '--models', 'gemini-2.5-pro');
    assert.equal((await pollux.send('/v1beta/models/gemini-2.5-pro:generateContent', { body: native, token })).status, 200);
    for (const path of [generate, `/v1beta/models/${model}:streamGenerateContent?alt=sse`, `/v1beta/models/${model}:countTokens`,
      `/v1beta/models/models/${model}:generateContent`, `/v1beta/models/${model}%3AgenerateContent`]) {
      const answer = await pollux.send(path, { body: native, token });
      assert.equal(answer.status, 403, `${path}: ${answer.text.slice(0, 200)}`);
    }
    const answer = await pollux.send('/v1/chat/completions', { body: chat, token });
    assert.equal(answer.status, 403);
    assert.equal(answer.json().error.type, 'invalid_request_error');
    assert.equal((await pollux.send('/v1/embeddings', { body: { model: 'gemini-embedding-001', input: 'x' }, token })).status, 403);
  });
  test('whose time is over is refused', async () => {
    const token = await make('expired', '--expires', '1h');
    assert.equal((await routes.native(token)).status, 200);
    await pollux.sql("update pollux.client set expires_at = now() - interval '1 second' where name = 'expired'");
    for (const ask of Object.values(routes)) assert.equal((await ask(token)).status, 401);
  });
  test('that is revoked is refused from then on', async () => {
    const token = await make('revoked');
    assert.equal((await routes.native(token)).status, 200);
    await pollux.cli('client', 'revoke', 'revoked');
    for (const ask of Object.values(routes)) assert.equal((await ask(token)).status, 401);
  });
});

describe('beside the dialects', () => {
  for (const path of ['/health', '/healthz', '/wake']) {
    test(`${path} tells without a token whether requests can be served, and nothing secret`, async () => {
      // What it says may be some seconds old, and a moment ago there were no keys.
      const answer = await waitFor(`${path} to be well`, () => pollux.send(path, { token: null }).then((one) => one.status === 200 && one));
      assert.ok(!/AIza|plx_|password|host=/.test(answer.text), answer.text);
      assert.match(answer.text, /\d+\.\d+\.\d+/, 'the version');
      assert.equal(answer.headers['cache-control']?.includes('no-store') ?? true, true);
    });
  }
  test('/health is 503 when no credential can serve', async () => {
    const keys = await pollux.cli('key', 'list');
    for (const key of keys) await pollux.cli('key', 'disable', String(key.id));
    try {
      await waitFor('/health to say so', async () => (await pollux.send('/health', { token: null })).status === 503);
      const answer = await pollux.send(generate, { body: native });
      assert.equal(answer.status, 503, answer.text);
      assert.equal(answer.json().error.status, 'UNAVAILABLE');
    } finally {
      for (const key of keys) await pollux.cli('key', 'enable', String(key.id));
    }
    await waitFor('/health to be well again', async () => (await pollux.send('/health', { token: null })).status === 200);
  });
  test('a browser of an allowed origin may ask, of another may not', async () => {
    const preflight = (origin) => pollux.send('/v1/chat/completions', { method: 'OPTIONS', token: null,
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' } });
    const allowed = await preflight('https://app.example');
    assert.ok([200, 204].includes(allowed.status));
    assert.equal(allowed.headers['access-control-allow-origin'], 'https://app.example');
    assert.match(allowed.headers['access-control-allow-headers'], /authorization/i);
    assert.match(allowed.headers.vary ?? '', /origin/i);
    assert.equal(allowed.headers['access-control-allow-credentials'], undefined);
    assert.equal((await preflight('https://evil.example')).headers['access-control-allow-origin'], undefined);
    const answer = await pollux.send('/v1/chat/completions', { body: chat, headers: { origin: 'https://app.example' } });
    assert.equal(answer.headers['access-control-allow-origin'], 'https://app.example');
    const refused = await pollux.send('/v1/chat/completions', { body: chat, token: 'plx_wrong', headers: { origin: 'https://app.example' } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['access-control-allow-origin'], 'https://app.example', 'a page may read its error');
  });
});
