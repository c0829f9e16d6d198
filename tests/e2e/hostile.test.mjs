// SPDX-License-Identifier: MIT
// Paths, headers and bodies that nobody should send. Whatever stands in front, the answer is a clear refusal in the
// dialect of the route, nothing reaches the upstream, and the workers stay alive.
import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';

const generate = '/v1beta/models/gemini-2.5-flash:generateContent';
const native = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'hello' }] }] });
const chat = { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'hello' }] };

let pollux;
let pids;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(2) }, settings: { POLLUX_BODY_MAX: '1000000' } });
  assert.equal((await pollux.send(generate, { body: native })).status, 200);
  pids = await pollux.workers();
});
afterEach(async () => assert.deepEqual((await pollux.workers()).sort(), pids.sort(), 'no worker died'));
after(() => pollux?.stop());

const raw = (target, { method = 'POST', lines = [], body = native, length = Buffer.byteLength(body), end } = {}) => pollux.sendRaw(
  Buffer.concat([Buffer.from([`${method} ${target} HTTP/1.1`, 'Host: pollux', `Authorization: Bearer ${pollux.token}`, 'Content-Type: application/json',
    ...(length === null ? [] : [`Content-Length: ${length}`]), 'Connection: close', ...lines, '', ''].join('\r\n'), 'latin1'), Buffer.from(body)]), { end });
const urlsAfter = async (job) => {
  await pollux.sim.reset();
  const result = await job();
  return { result, urls: (await pollux.sim.stats()).urls };
};

describe('paths', () => {
  for (const path of ['/v1beta/../../etc/passwd', '/v1beta/%2e%2e/%2e%2e/etc/passwd', '/v1beta/models/../files', '/v1beta/models/a%00b:generateContent',
    '/v1beta/models/a%0d%0aX-Evil:%20y:generateContent', '/v1beta/models/%ff%fe:generateContent', '/v1beta//models/x:generateContent', '/v1beta/models/x\\..\\y:generateContent',
    '/v1beta/models/..:generateContent', '/v1beta/models/%2e%2e%2ffiles:generateContent', '/v1beta/models/x%252e%252e:generateContent', '/v1beta/%zz', '/v1beta/models/x:generateContent%3fkey=1']) {
    test(`${path} is refused`, async () => {
      const { result, urls } = await urlsAfter(() => raw(path));
      assert.ok(result.status >= 400 && result.status < 500, `${result.status} ${result.text.slice(0, 200)}`);
      assert.ok(!/root:|X-Evil/i.test(result.text.split('\r\n\r\n')[0]), 'nothing of the path becomes a header');
      assert.deepEqual(urls.filter((url) => /\.\.|%2e|%0|%ff|etc|%25/i.test(url)), []);
    });
  }
  test('an unknown path is 404 with an error object', async () => {
    for (const path of ['/', '/v1/nothing', '/v2/x', '/administer', '/favicon.ico']) {
      const answer = await pollux.send(path);
      assert.equal(answer.status, 404, path);
      assert.ok(answer.json().error.message.length > 0);
    }
  });
  test('a known path with the wrong method is 405 and says which are right', async () => {
    const answer = await pollux.send('/v1/chat/completions');
    assert.equal(answer.status, 405);
    assert.match(answer.headers.allow ?? '', /POST/);
    assert.equal(answer.json().error.type, 'invalid_request_error');
  });
  test('a percent-encoded colon, a doubled models/ and odd parameters still find their way', async () => {
    for (const path of ['/v1beta/models/gemini-2.5-flash%3AgenerateContent', '/v1beta/models/models/gemini-2.5-flash:generateContent', `${generate}?prettyPrint=false&$alt=json`, `/v1/models/gemini-2.5-flash:generateContent`]) {
      assert.equal((await raw(path)).status, 200, path);
    }
  });
});

describe('headers', () => {
  test('hop-by-hop and smuggling headers go nowhere', async () => {
    const both = await raw(generate, { lines: ['Transfer-Encoding: chunked'], body: '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n', length: 5 });
    assert.ok(both.status >= 400 || both.status === 0, both.text.slice(0, 100));
    const { urls } = await urlsAfter(() => raw(generate, { lines: ['X-Forwarded-For: 1.2.3.4', 'Proxy: http://evil', 'Upgrade: h2c', 'TE: trailers'] }));
    assert.ok(!urls.some((url) => url.includes('smuggled')));
  });
  test('a very long header is refused by the server, not by a crash', async () => {
    const answer = await raw(generate, { lines: [`X-Long: ${'a'.repeat(70_000)}`] });
    assert.ok([400, 413, 414, 431].includes(answer.status), answer.text.slice(0, 100));
  });
  test('a compressed body is refused with 415', async () => {
    const answer = await raw(generate, { lines: ['Content-Encoding: gzip'], body: 'x' });
    assert.equal(answer.status, 415);
  });
});

describe('bodies', () => {
  const bad = async (path, body, { status = 400, headers } = {}) => {
    const answer = await pollux.send(path, { body: Buffer.from(body), headers: { 'content-type': 'application/json', ...headers } });
    assert.equal(answer.status, status, answer.text.slice(0, 300));
    const { error } = answer.json();
    if (path.startsWith('/v1/')) assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type']);
    else assert.deepEqual([error.code, typeof error.status], [status, 'string']);
    return error;
  };
  test('shorter than promised: 400 or a closed connection, and nobody is asked', async () => {
    const { result, urls } = await urlsAfter(() => raw(generate, { length: 100_000, end: true }));
    assert.ok(result.status === 400 || result.status === 0 || result.status === 408, result.text.slice(0, 100));
    assert.deepEqual(urls, []);
  });
  test('longer than allowed: 413 in both dialects', async () => {
    const big = JSON.stringify({ ...chat, contents: [], pad: 'x'.repeat(1_100_000) });
    for (const path of ['/v1/chat/completions', generate]) {
      const answer = await pollux.send(path, { body: big });
      assert.equal(answer.status, 413, path);
      assert.ok(answer.json().error.message.length > 0);
    }
  });
  test('not JSON, in the OpenAI dialect', async () => {
    for (const body of ['', '{', 'hello', '[1]', 'null', '"x"', '{"model":"gemini-2.5-flash","messages":[}']) await bad('/v1/chat/completions', body);
  });
  test('where it is not JSON is said', async () => {
    const error = await bad('/v1/chat/completions', '{"model":"gemini-2.5-flash",\n"messages":[}');
    assert.match(error.message, /not valid JSON \(line 2, column 13\)/);
  });
  test('nested ten thousand deep', async () => {
    const deep = '['.repeat(10_000) + ']'.repeat(10_000);
    await bad('/v1/chat/completions', `{"model":"gemini-2.5-flash","messages":${deep}}`);
    const answer = await pollux.send(generate, { body: `{"contents":${deep}}` });
    assert.equal(answer.status, 400, 'natively Google, or we, say so');
  });
  test('not UTF-8, lone surrogates, NUL', async () => {
    const body = (text) => Buffer.concat([Buffer.from('{"model":"gemini-2.5-flash","messages":[{"role":"user","content":"'), text, Buffer.from('"}]}')]);
    await bad('/v1/chat/completions', body(Buffer.from([0xff, 0xfe])));
    await bad('/v1/chat/completions', body(Buffer.from('\\ud800')));
    const nul = await pollux.send('/v1/chat/completions', { body: body(Buffer.from('a\\u0000b')), headers: { 'content-type': 'application/json' } });
    assert.ok([200, 400].includes(nul.status), nul.text);
  });
  test('of the wrong types', async () => {
    for (const more of [{ messages: 'hello' }, { messages: [] }, { messages: [1] }, { messages: [{ role: 'user' }] }, { messages: [{ role: 7, content: 'x' }] }, { model: 7 }, { model: '' }, { tools: 'x' },
      { tools: [{ type: 'grammar' }] }, { n: 'two' }, { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }]) {
      const error = await bad('/v1/chat/completions', JSON.stringify({ ...chat, ...more }));
      assert.equal(error.type, 'invalid_request_error', JSON.stringify(more));
    }
    await bad('/v1/chat/completions', JSON.stringify({ messages: chat.messages }));
  });
  test('with numbers and names that no program expects', async () => {
    const answer = await pollux.send('/v1/chat/completions', { body: '{"model":"gemini-2.5-flash","temperature":1e999,"messages":[{"role":"user","content":"x"}]}' });
    assert.equal(answer.status, 400);
    const names = await pollux.send('/v1/chat/completions', { body: JSON.stringify({ ...chat, "';drop table pollux.request;--": 1, user: "'||pg_sleep(9)||'" }) });
    assert.equal(names.status, 200);
    const odd = await pollux.send(`/v1beta/models/${encodeURIComponent("x';select 1")}:generateContent`, { body: native });
    assert.ok([400, 404].includes(odd.status));
  });
  test('Google\'s own errors reach the native client as they are', async () => {
    const answer = await pollux.send(generate, { body: '{"contents":[{"role":"user","parts":[{"text":"x"}]}],"madeUp":1}' });
    assert.equal(answer.status, 400);
    assert.match(answer.json().error.message, /madeUp/);
    assert.equal(answer.json().error.status, 'INVALID_ARGUMENT');
  });
});
