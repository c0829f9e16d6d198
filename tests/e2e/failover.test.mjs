// SPDX-License-Identifier: MIT
// Half of the pool is broken, in every way in which it can be: the clients do not notice, and the upstream is not
// asked in vain again and again.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { freePort, startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';
import { checkChunks } from '../lib/openai-shape.mjs';

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const path = (model, verb) => `/v1beta/models/${model}:${verb}`;
const chat = (model) => ({ model, messages: [{ role: 'user', content: 'hello' }] });
const asks = [
  (model) => pollux.send(path(model, 'generateContent'), { body }),
  (model) => pollux.send(path(model, 'streamGenerateContent?alt=sse'), { body }),
  (model) => pollux.send('/v1/chat/completions', { body: chat(model) }),
  (model) => pollux.send('/v1/chat/completions', { body: { ...chat(model), stream: true } }),
];

// Each test has a model of its own, and so quota rows that no other test has touched.
const models = Array.from({ length: 40 }, (_, i) => `gemini-2.5-flash-${i}`);
let model;
let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(10), models }, database: { first_byte_timeout_ms: 1000 } });
});
after(() => pollux?.stop());

beforeEach(async () => {
  model = models.pop();
  for (const key of await pollux.cli('key', 'list')) if (key.state !== 'ready') await pollux.cli('key', 'enable', String(key.id));
  await keysAre('ok', 10);
  await breakHalf(null);
  await pollux.sim.reset();
});

// Projects p1 to p5 behave as told from now on.
const breakHalf = (words) => pollux.sim.configure({ projects: projects(5).map(({ id }) => ({ id, behaviour: words ? [{ match: { path: '*enerateContent*' }, do: words }] : [] })) });
const keysAre = (state, count) => pollux.sim.configure({ key_state: Object.fromEntries(projects(count).map((project) => [project.keys[0], state])) });

async function hammer(count, width) {
  const answers = await pooled(count, width, (i) => asks[i % asks.length](model));
  const failed = answers.filter((answer) => answer.status !== 200 || !answer.complete);
  assert.equal(failed.length, 0, failed[0]?.text);
  return answers;
}

const callsTo = async (from, to) => {
  const { by_key: seen } = await pollux.sim.stats();
  return Array.from({ length: to - from + 1 }, (_, i) => seen[keyOf(from + i)]?.calls ?? 0);
};

describe('five of ten projects', () => {
  for (const [what, words] of [
    ['answer 429', '429'], ['answer 429 for the day', '429-day-10s'], ['answer 429 without a reason', '429-bare'], ['answer 429 because they may never', '429-zero'],
    ['are overloaded', '503'], ['have internal errors', '500'], ['answer with nothing in it', 'empty'], ['stop without a word', 'empty-stop'], ['send an error inside a 200', 'error-200'],
    ['stall before the first byte', 'stall'], ['send headers and then nothing', 'stall-headers'], ['reset the connection', 'reset'], ['close it after the headers', 'reset-headers'],
  ]) {
    test(`${what}: every request succeeds, and the broken are left alone`, async (t) => {
      await breakHalf(words);
      await hammer(40, 8);
      const learning = await callsTo(1, 5);
      await pollux.sim.reset();
      const answers = await hammer(160, 8);
      for (const answer of answers) if (answer.text.startsWith('data: {"id"')) checkChunks(answer.text);
      const { calls } = await pollux.sim.stats();
      t.diagnostic(`calls to the broken: ${learning.join(' ')} while learning, then ${(await callsTo(1, 5)).join(' ')}; to the rest: ${(await callsTo(6, 10)).join(' ')}`);
      assert.ok(calls <= 160 * 1.15, `${calls} calls for 160 requests`);
    });
  }

  for (const [state, reason] of [['invalid', /INVALID/], ['suspended', /suspended/i], ['leaked', /leaked/i], ['disabled', /DISABLED/i]]) {
    test(`have keys that are ${state}: out after one call each, with the reason shown`, async () => {
      await keysAre(state, 5);
      await hammer(60, 1);
      const calls = await callsTo(1, 5);
      assert.ok(calls.every((one) => one <= 1), `${calls}`);
      await hammer(40, 8);
      const dead = (await pollux.cli('key', 'list')).filter((key) => key.state === 'dead');
      assert.equal(dead.length, (await callsTo(1, 5)).filter((one) => one > 0).length);
      for (const key of dead) assert.match(key.reason, reason);
    });
  }

  test('one good key is found among many wrong ones, by the first request', async () => {
    const wrong = Array.from({ length: 60 }, (_, i) => keyOf(101 + i));
    await pollux.commandWithInput(wrong.join('\n'), 'key', 'import');
    await keysAre('invalid', 9);
    const answer = await asks[0](model);
    const keys = await pollux.cli('key', 'list');
    for (const key of keys.filter(({ id }) => id > 10)) await pollux.cli('key', 'remove', String(key.id));
    assert.equal(answer.status, 200, answer.text);
  });

  test('come back when they are well again', async () => {
    await breakHalf('503');
    await hammer(60, 4);
    await breakHalf(null);
    await waitFor('the broken projects to be used again', async () => {
      await hammer(20, 4);
      const { by_key: seen } = await pollux.sim.stats();
      return projects(5).every((project) => (seen[project.keys[0]]?.['200'] ?? 0) > 0);
    }, { timeout: 30_000, every: 200 });
  });
});

describe('the whole pool', () => {
  const breakAll = (words) => pollux.sim.configure({ behaviour: words ? [{ match: { path: '*enerateContent*' }, do: words }] : [] });
  test('is overloaded: a bounded number of attempts, then the upstream\'s fault in each dialect', async () => {
    await breakAll('503');
    await pollux.setting('wait_limit_ms', 4000);
    try {
      const native = await asks[0](model);
      assert.equal(native.status, 503);
      assert.equal(native.json().error.status, 'UNAVAILABLE');
      const { calls } = await pollux.sim.stats();
      assert.ok(calls <= 8, `${calls} calls`);
      const openai = await pollux.send('/v1/chat/completions', { body: chat(model) });
      assert.ok([429, 503].includes(openai.status));
      assert.deepEqual(Object.keys(openai.json().error).sort(), ['code', 'message', 'param', 'type']);
    } finally {
      await breakAll(null);
      await pollux.setting('wait_limit_ms', 30000);
    }
  });
  test('is in the wrong country: 503 that says so, and no key is blamed', async () => {
    await breakAll('location');
    try {
      const answer = await asks[0](model);
      assert.equal(answer.status, 503);
      assert.match(answer.json().error.message, /location/i);
      assert.ok((await pollux.cli('key', 'list')).every((key) => key.state === 'ready'));
      assert.equal((await pollux.sim.stats()).calls, 1, 'another key would not help');
    } finally {
      await breakAll(null);
    }
  });
  test('has only dead keys: 503, and never the 400 or 403 that Google said about the key', async () => {
    await keysAre('invalid', 10);
    for (let i = 0; i < 3; i++) {
      const native = await asks[0](model);
      assert.equal(native.status, 503, native.text);
      const openai = await pollux.send('/v1/chat/completions', { body: chat(model) });
      assert.ok([502, 503].includes(openai.status), openai.text);
      assert.ok(!/AIza/.test(native.text + openai.text));
    }
    assert.equal((await pollux.send('/health', { token: null })).status, 503);
  });
  test('cannot be reached: an upstream error in each dialect, and no key is blamed', async () => {
    const closed = await startPollux({ upstream: `http://127.0.0.1:${await freePort()}`, settings: { POLLUX_WORKERS: '1' } });
    try {
      await closed.addProjects(projects(3));
      const native = await closed.send(path('gemini-2.5-flash', 'generateContent'), { body });
      assert.ok([502, 503].includes(native.status), native.text);
      const openai = await closed.send('/v1/chat/completions', { body: chat('gemini-2.5-flash') });
      assert.ok([429, 502, 503].includes(openai.status), openai.text);
      assert.equal((await closed.cli('key', 'list')).filter((key) => key.state === 'dead').length, 0);
    } finally {
      await closed.stop();
    }
  });
  test('is asked for something that the caller got wrong: one call, the caller\'s error, no key blamed', async () => {
    for (const [where, wrong, status] of [[path(model, 'generateContent'), { contents: [] }, 400], [path('gemini-none', 'generateContent'), body, 404]]) {
      await pollux.sim.reset();
      assert.equal((await pollux.send(where, { body: wrong })).status, status);
      assert.equal((await pollux.sim.stats()).calls, 1);
    }
    assert.ok((await pollux.cli('key', 'list')).every((key) => key.state === 'ready'));
  });
});
