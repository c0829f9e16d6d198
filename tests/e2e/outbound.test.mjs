// SPDX-License-Identifier: MIT
// Calls to the upstream: how long they may take, how often and how soon they are made again.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { answerOf, startScripted, unary } from '../lib/scripted.mjs';
import { keyOf } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';
import { Readable } from 'node:stream';

const KEYS = 200;
const where = '/v1beta/models/gemini-2.5-flash:generateContent';
const asking = (text) => ({ contents: [{ role: 'user', parts: [{ text }] }] });
const good = unary(answerOf([{ text: 'fine' }]));
const overloaded = unary({ error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } }, 503);
const limited = unary({ error: { code: 429, message: 'slow down', status: 'RESOURCE_EXHAUSTED', details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '20s' }] } }, 429);

let upstream, pollux;
before(async () => {
  upstream = await startScripted();
  pollux = await startPollux({ upstream: upstream.url, settings: { POLLUX_WORKERS: '1', POLLUX_HEARTBEAT: '1' } });
  await pollux.commandWithInput(Array.from({ length: KEYS }, (_, i) => keyOf(i + 1)).join('\n'), 'key', 'import');
});
after(async () => {
  await pollux?.stop();
  await upstream?.stop();
});

// Each test begins with a healthy pool and the settings as they come.
const presets = { retries: 7, wait_limit_ms: 30000, first_byte_timeout_ms: 120000, idle_timeout_ms: 300000, total_timeout_ms: 900000, retry_budget_percent: 20, retry_budget_floor: 100 };
async function set(values) {
  for (const [name, value] of Object.entries(values)) await pollux.cli('setting', 'set', name, String(value));
  await pollux.setting(...Object.entries(values).at(-1));
}
beforeEach(async () => {
  await set(presets);
  await pollux.sql("update pollux.quota set ready_at = '-infinity', reason = null, failures = 0, failed_at = null");
  upstream.forget();
});

const ask = (text = 'hello') => pollux.send(where, { body: asking(text) });
async function timed(run) {
  const began = performance.now();
  return [await run(), performance.now() - began];
}

describe('time-outs act on running workers', () => {
  const silent = () => new Promise(() => {});
  test('until the first byte', async () => {
    upstream.says(silent);
    await set({ retries: 0, first_byte_timeout_ms: 400 });
    const [answer, ms] = await timed(ask);
    assert.equal(answer.status, 504, answer.text);
    assert.ok(ms > 350 && ms < 3000, `${ms} ms`);
  });
  test('in all', async () => {
    upstream.says(silent);
    await set({ total_timeout_ms: 1000 });
    const [answer, ms] = await timed(ask);
    assert.equal(answer.status, 504, answer.text);
    assert.ok(ms > 900 && ms < 4000, `${ms} ms`);
  });
  test('of silence within an answer', async () => {
    const event = `data: ${JSON.stringify(answerOf([{ text: 'begun' }], { finish: null }))}\r\n\r\n`;
    upstream.says({ type: 'text/event-stream', pieces: [event, event], pause: 5000 });
    await set({ idle_timeout_ms: 500 });
    const [answer, ms] = await timed(() => pollux.send('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', { body: asking('x') }));
    assert.match(answer.text, /fell silent/);
    assert.ok(ms < 4000, `${ms} ms`);
  });
  test('but while a client is still sending, nobody waits for an answer', async () => {
    const pieces = Array.from({ length: 10 }, (_, i) => Buffer.alloc(100_000, i));
    async function* slowly() {
      for (const piece of pieces) {
        yield piece;
        await new Promise((resolve) => { setTimeout(resolve, 150); });
      }
    }
    upstream.says(unary({ file: { name: 'files/slow', uri: 'https://x/v1beta/files/slow' } }));
    await set({ first_byte_timeout_ms: 500 });
    const answer = await pollux.send('/upload/v1beta/files', { method: 'POST', body: Readable.from(slowly()),
      headers: { 'content-type': 'application/octet-stream', 'content-length': '1000000', 'x-goog-upload-protocol': 'raw' } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(upstream.calls.length, 1);
    assert.ok(upstream.calls[0].body.equals(Buffer.concat(pieces)), 'all of it came');
  });
  test('a wrong one is refused with the reason, and the old one stays', async () => {
    const said = await pollux.command('setting', 'set', 'first_byte_timeout_ms', 'soon');
    assert.equal(said.code, 1);
    assert.match(said.err, /whole number from 100 to 3600000 \(ms\)/);
  });
});

describe('tries', () => {
  test('an overloaded model: the second project at once, then after 1, 2 s', async (t) => {
    const at = [];
    upstream.says(() => {
      at.push(performance.now());
      return overloaded;
    });
    await set({ retries: 3 });
    const answer = await ask();
    assert.equal(answer.status, 503);
    const gaps = at.slice(1).map((moment, i) => moment - at[i]);
    t.diagnostic(`gaps ${gaps.map(Math.round).join(', ')} ms`);
    assert.equal(gaps.length, 3);
    assert.ok(gaps[0] < 700, 'another project is tried at once');
    assert.ok(gaps[1] >= 800 && gaps[1] < 2000, 'then a pause of a second');
    assert.ok(gaps[2] >= 1600 && gaps[2] < 3500, 'then of two');
    assert.equal(new Set(upstream.calls.map((call) => call.key)).size, 4, 'each with another key');
  });
  test('a client that waits for a stream gets heartbeats meanwhile, and leaves when it likes', async () => {
    upstream.says(overloaded);
    await set({ retries: 6 });
    const stream = pollux.stream('/v1/chat/completions', { body: { model: 'gemini-2.5-flash', stream: true, messages: [{ role: 'user', content: 'x' }] } });
    await waitFor('a heartbeat between the tries', () => stream.answer?.chunks.length > 0);
    const calls = upstream.calls.length;
    stream.leave();
    await stream.done;
    await pollux.settled();
    assert.ok(calls >= 2 && upstream.calls.length <= calls + 2, 'no more calls for somebody who has gone, once a heartbeat has found that out');
  });
  test('none at all, if so set', async () => {
    upstream.says(overloaded);
    await set({ retries: 0 });
    assert.equal((await ask()).status, 503);
    assert.equal(upstream.calls.length, 1);
  });
  test('a spent key costs neither time nor budget', async () => {
    upstream.says((call) => (upstream.calls.length < 4 ? limited : good));
    await set({ retry_budget_percent: 0, retry_budget_floor: 0 });
    const [answer, ms] = await timed(ask);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(upstream.calls.length, 4);
    assert.ok(ms < 800, `${ms} ms`);
  });
});

describe('the budget', () => {
  // Every request fails with its first call and would succeed with its second.
  const failFirst = () => {
    const seen = new Set();
    upstream.says((call) => {
      const { text } = call.json().contents[0].parts[0];
      const first = !seen.has(text);
      seen.add(text);
      return first ? overloaded : good;
    });
  };
  test('without one there is no second call', async () => {
    failFirst();
    await set({ retry_budget_percent: 0, retry_budget_floor: 0, wait_limit_ms: 0 });
    assert.equal((await ask('a')).status, 503);
    assert.equal(upstream.calls.length, 1);
  });
  test('retries are a fifth of the traffic', async (t) => {
    failFirst();
    await set({ retry_budget_percent: 20, retry_budget_floor: 0, wait_limit_ms: 0 });
    const answers = await pooled(100, 8, (i) => ask(`request ${i}`));
    const retries = upstream.calls.length - 100;
    t.diagnostic(`${retries} retries for 100 requests, ${answers.filter((answer) => answer.status === 200).length} answered`);
    assert.ok(retries >= 15 && retries <= 25, `${retries} retries`);
    assert.ok(answers.filter((answer) => answer.status === 200).length >= 15);
  });
  test('little traffic has its floor, and what is over it waits until there is room', async (t) => {
    failFirst();
    await set({ retry_budget_percent: 0, retry_budget_floor: 30 });
    const [answers, ms] = await timed(() => pooled(40, 40, (i) => ask(`more ${i}`)));
    t.diagnostic(`40 requests, 30 retries in ten seconds: all answered after ${Math.round(ms)} ms`);
    assert.ok(answers.every((answer) => answer.status === 200));
    assert.ok(ms > 7000 && ms < 30_000, `${ms} ms`);
  });
});
