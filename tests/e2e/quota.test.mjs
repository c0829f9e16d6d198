// SPDX-License-Identifier: MIT
// Limits per minute, per day and of tokens: known ones are kept to without a single 429 from the upstream, unknown ones
// are learned from the first. The simulator enforces them in any sliding minute. (Three minutes of this: make soak.)
import { afterEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const model = 'gemini-2.5-flash';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const unary = `/v1beta/models/${model}:generateContent`;

let pollux;
afterEach(() => pollux?.stop());
const start = async (count, limits, more = {}) => {
  pollux = await startPollux({ sim: { projects: projects(count, () => ({ limits: { [model]: limits } })) }, database: { wait_limit_ms: 300 }, ...more });
};
const ask = (options) => pollux.send(unary, { body, ...options });
const statuses = (answers) => answers.reduce((all, { status }) => ({ ...all, [status]: (all[status] ?? 0) + 1 }), {});

test('known limits per minute are used to the last request and never overstepped', async () => {
  await start(4, { rpm: 10 }, { models: { [model]: { rpm: 10 } } });
  const answers = await pooled(60, 16, () => ask());
  assert.deepEqual(statuses(answers), { 200: 40, 429: 20 });
  assert.equal((await pollux.sim.stats()).r429, 0, 'the upstream had nothing to refuse');
  const refused = answers.find((answer) => answer.status === 429);
  const wait = Number(refused.headers['retry-after']);
  assert.ok(wait >= 40 && wait <= 62, `an honest Retry-After: ${wait}`);
  assert.equal(refused.json().error.status, 'RESOURCE_EXHAUSTED');
});

test('known limits per day hold until Pacific midnight, and an official client is not sent to sleep', async () => {
  await start(2, { rpd: 5 }, { models: { [model]: { rpd: 5 } } });
  assert.deepEqual(statuses(await pooled(14, 4, () => ask())), { 200: 10, 429: 4 });
  assert.equal((await pollux.sim.stats()).r429, 0);
  const openai = await pollux.send('/v1/chat/completions', { body: { model, messages: [{ role: 'user', content: 'x' }] } });
  assert.equal(openai.status, 429);
  assert.equal(openai.headers['x-should-retry'], 'false');
  assert.equal(openai.headers['retry-after'], undefined);
});

test('unknown limits are learned from the first refusal of each project, then kept to', async () => {
  await start(3, { rpm: 5, rpd: 100 });
  assert.deepEqual(statuses(await pooled(30, 4, () => ask())), { 200: 15, 429: 15 });
  const { r429 } = await pollux.sim.stats();
  assert.ok(r429 >= 3 && r429 <= 3 + 3, `${r429} refusals taught three limits`);
  const learned = await pollux.sql(`select learned_rpm from pollux.quota where model = '${model}'`);
  assert.deepEqual(learned.map((row) => row.learned_rpm), [5, 5, 5]);
});

test('token limits are kept to as well', async () => {
  await start(2, { tpm: 3000 }, { models: { [model]: { tpm: 3000 } } });
  const long = { contents: [{ role: 'user', parts: [{ text: 'word '.repeat(1000) }] }] };
  const answers = await pooled(12, 4, () => ask({ body: long }));
  const seen = statuses(answers);
  assert.ok(seen[200] >= 2 && seen[429] >= 4, JSON.stringify(seen));
  assert.equal((await pollux.sim.stats()).r429, 0);
});

test('one project and 32 clients at once: nobody is told that it is exhausted', async () => {
  await start(1, { rpm: 1000 });
  assert.deepEqual(statuses(await pooled(320, 32, () => ask())), { 200: 320 });
});

test('a request waits its turn when something will be ready within the wait limit', async () => {
  await start(2, {}, { models: { [model]: { max_concurrency: 2 } }, database: { wait_limit_ms: 20_000 } });
  await pollux.sim.configure({ latency_ms: 150 });
  const order = [];
  const answers = await pooled(16, 16, async (i) => {
    await new Promise((resolve) => { setTimeout(resolve, i * 20); });
    const answer = await ask();
    order.push(i);
    return answer;
  });
  assert.deepEqual(statuses(answers), { 200: 16 });
  const { by_key: _, max_open: open } = await pollux.sim.stats();
  assert.ok(open <= 2, `${open} at once`);
  const late = order.map((i, place) => Math.abs(i - place)).filter((off) => off > 4);
  assert.equal(late.length, 0, `first come, first served: ${order}`);
});

test('`limit: 0` means never: the model is not asked of that project again', async () => {
  await start(2, {});
  await pollux.sim.configure({ projects: [{ id: 'p1', behaviour: [{ do: '429-zero' }] }] });
  await pooled(20, 1, () => ask());
  assert.ok(((await pollux.sim.stats()).by_project.p1?.calls ?? 0) <= 1);
});

test('a model alias and the OpenAI dialect draw on the same quota', async () => {
  await start(1, { rpm: 4 }, { models: { [model]: { rpm: 4 } } });
  for (let i = 0; i < 2; i++) assert.equal((await ask()).status, 200);
  const chat = { model, messages: [{ role: 'user', content: 'x' }] };
  for (let i = 0; i < 2; i++) assert.equal((await pollux.send('/v1/chat/completions', { body: chat })).status, 200);
  assert.equal((await pollux.send('/v1/chat/completions', { body: chat })).status, 429);
  assert.equal((await pollux.sim.stats()).r429, 0);
});

test('a spent minute is over after a minute, on the database\'s clock', async () => {
  await start(1, { rpm: 3 }, { models: { [model]: { rpm: 3 } } });
  assert.deepEqual(statuses(await pooled(5, 1, () => ask())), { 200: 3, 429: 2 });
  await travel(63);
  assert.deepEqual(statuses(await pooled(5, 1, () => ask())), { 200: 3, 429: 2 });
  assert.equal((await pollux.sim.stats()).r429, 0);
});

// Moves the clocks of database and simulator together.
async function travel(seconds) {
  await pollux.sql(`create or replace function pollux.now() returns timestamptz language sql as $$ select clock_timestamp() + interval '${seconds} seconds' $$`);
  await pollux.sim.configure({ time_offset_ms: seconds * 1000 });
  await waitFor('the clock to be moved', async () => (await pollux.sql('select pollux.now() > clock_timestamp() as moved'))[0].moved);
}
