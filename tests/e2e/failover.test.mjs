// SPDX-License-Identifier: MIT
// Half of the pool is broken, in every way in which it can be: the clients do not notice, and the upstream is not
// asked in vain again and again.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';
import { checkChunks } from '../lib/openai-shape.mjs';

const model = 'gemini-2.5-flash';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const unary = `/v1beta/models/${model}:generateContent`;
const stream = `/v1beta/models/${model}:streamGenerateContent?alt=sse`;
const chat = { model, messages: [{ role: 'user', content: 'hello' }] };
const asks = [
  () => pollux.send(unary, { body }),
  () => pollux.send(stream, { body }),
  () => pollux.send('/v1/chat/completions', { body: chat }),
  () => pollux.send('/v1/chat/completions', { body: { ...chat, stream: true } }),
];

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(10) }, settings: { POLLUX_FIRST_BYTE_TIMEOUT: '1', POLLUX_ATTEMPTS: '8' } });
});
after(() => pollux?.stop());

// A pool as new: nobody rests, nobody is dead, nothing was counted.
beforeEach(async () => {
  for (const key of await pollux.cli('key', 'list')) await pollux.cli('key', 'enable', String(key.id));
  await pollux.sim.configure({ key_state: Object.fromEntries(projects(10).map((project) => [project.keys[0], 'ok'])) });
  await breakHalf(null);
  await pollux.sim.reset();
});

// Projects p1 to p5 behave as told from now on.
const breakHalf = (words) => pollux.sim.configure({ projects: projects(5).map(({ id }) => ({ id, behaviour: words ? [{ match: { path: '*enerateContent*' }, do: words }] : [] })) });

async function hammer(count, width, ask = (i) => asks[i % asks.length]()) {
  const answers = await pooled(count, width, ask);
  const failed = answers.filter((answer) => answer.status !== 200 || !answer.complete);
  assert.equal(failed.length, 0, failed[0]?.text);
  return answers;
}

const callsTo = async (from, to) => {
  const { by_key: seen } = await pollux.sim.stats();
  return Array.from({ length: to - from + 1 }, (_, i) => seen[keyOf(from + i)]?.calls ?? 0);
};

describe('five of ten projects', () => {
  for (const [what, words, most] of [
    ['answer 429', '429', 2], ['answer 429 for the day', '429=day', 1], ['answer 429 without a reason', '429=bare', 8], ['are overloaded', '503', 8], ['answer with an empty body', 'empty', 8],
    ['send streams without content', 'empty', 8], ['send an error inside a 200', 'error200', 8], ['stall before the first byte', 'stall', 6], ['reset the connection', 'reset', 8],
  ]) {
    test(`${what}: every request succeeds, and the broken are left alone`, async (t) => {
      await breakHalf(words);
      const answers = await hammer(200, 8);
      for (const answer of answers) if (answer.text.startsWith('data: {"id"')) checkChunks(answer.text);
      const broken = await callsTo(1, 5);
      t.diagnostic(`calls to the broken: ${broken.join(' ')}; to the rest: ${(await callsTo(6, 10)).join(' ')}`);
      assert.ok(broken.every((calls) => calls <= most), `each broken project was asked at most ${most} times: ${broken}`);
      const { calls } = await pollux.sim.stats();
      assert.ok(calls <= 200 + broken.reduce((sum, one) => sum + one, 0), `${calls} calls`);
    });
  }

  for (const [state, reason] of [['invalid', /INVALID/], ['suspended', /suspended/i], ['leaked', /leaked/i], ['disabled', /DISABLED/i]]) {
    test(`have keys that are ${state}: out after one call each, with the reason shown`, async () => {
      await pollux.sim.configure({ key_state: Object.fromEntries(projects(5).map((project) => [project.keys[0], state])) });
      await hammer(200, 4);
      assert.ok((await callsTo(1, 5)).every((calls) => calls <= 2), `${await callsTo(1, 5)}`);
      const one = await callsTo(1, 5);
      await hammer(40, 4);
      assert.deepEqual(await callsTo(1, 5), one, 'never asked again');
      const dead = (await pollux.cli('key', 'list')).filter((key) => key.state === 'dead');
      assert.equal(dead.length, one.filter((calls) => calls > 0).length);
      for (const key of dead) assert.match(key.reason, reason);
    });
  }

  test('one after the other, an invalid key costs exactly one call', async () => {
    await pollux.sim.configure({ key_state: Object.fromEntries(projects(5).map((project) => [project.keys[0], 'invalid'])) });
    await hammer(60, 1);
    assert.ok((await callsTo(1, 5)).every((calls) => calls <= 1), `${await callsTo(1, 5)}`);
  });

  test('come back when they are well again', async () => {
    await breakHalf('503,times=1');
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
    try {
      const native = await pollux.send(unary, { body });
      assert.equal(native.status, 503);
      assert.equal(native.json().error.status, 'UNAVAILABLE');
      const { calls } = await pollux.sim.stats();
      assert.ok(calls <= 8, `${calls} calls`);
      const openai = await pollux.send('/v1/chat/completions', { body: chat });
      assert.ok([429, 503].includes(openai.status));
      assert.deepEqual(Object.keys(openai.json().error).sort(), ['code', 'message', 'param', 'type']);
    } finally {
      await breakAll(null);
    }
  });
  test('is in the wrong country: 503 that says so, and no key is blamed', async () => {
    await breakAll('location');
    try {
      const answer = await pollux.send(unary, { body });
      assert.equal(answer.status, 503);
      assert.match(answer.json().error.message, /location/i);
      assert.ok((await pollux.cli('key', 'list')).every((key) => key.state === 'ready'));
      assert.equal((await pollux.sim.stats()).calls, 1, 'another key would not help');
    } finally {
      await breakAll(null);
    }
  });
  test('has only dead keys: 503, and never the 400 or 403 that Google said about the key', async () => {
    await pollux.sim.configure({ key_state: Object.fromEntries(projects(10).map((project) => [project.keys[0], 'invalid'])) });
    for (let i = 0; i < 3; i++) {
      const native = await pollux.send(unary, { body });
      assert.equal(native.status, 503, native.text);
      const openai = await pollux.send('/v1/chat/completions', { body: chat });
      assert.ok([502, 503].includes(openai.status), openai.text);
      assert.ok(!/AIza/.test(native.text + openai.text));
    }
    assert.equal((await pollux.send('/health', { token: null })).status, 503);
  });
  test('is asked for something that the caller got wrong: one call, the caller\'s error, no key blamed', async () => {
    for (const [where, wrong, status] of [[unary, { contents: [] }, 400], ['/v1beta/models/gemini-none:generateContent', body, 404]]) {
      await pollux.sim.reset();
      assert.equal((await pollux.send(where, { body: wrong })).status, status);
      assert.equal((await pollux.sim.stats()).calls, 1);
    }
    assert.ok((await pollux.cli('key', 'list')).every((key) => key.state === 'ready'));
  });
});
