// SPDX-License-Identifier: MIT
// Limits per minute, per day and of tokens: known ones are kept to without a single 429 from the upstream, unknown ones
// are learned from the first. The simulator enforces them in any sliding minute. (Three minutes of this: make soak.)
import { after, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const count = 4;

// One instance for all; each test has a model of its own, whose limits nobody else uses.
const models = Array.from({ length: 12 }, (_, i) => `gemini-2.5-flash-${i}`);
let pollux;
let model;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(count), models }, database: { wait_limit_ms: 300 } });
});
beforeEach(async () => {
  model = models.pop();
  await pollux.sim.reset();
});
after(() => pollux?.stop());

// What the simulator enforces for the model in each of the first `used` projects; the others have nothing left at all.
const enforce = (limits, used = count) => pollux.sim.configure({
  projects: projects(count).map(({ id }, i) => ({ id, limits: { [model]: i < used ? limits : { rpm: 0, rpd: 0 } } })) });
const know = (limits) => pollux.model(model, limits);
const ask = (options) => pollux.send(`/v1beta/models/${model}:generateContent`, { body, ...options });
const statuses = (answers) => answers.reduce((all, { status }) => ({ ...all, [status]: (all[status] ?? 0) + 1 }), {});
const only = async (used, job) => {
  const keys = (await pollux.cli('key', 'list')).slice(used);
  for (const key of keys) await pollux.cli('key', 'disable', String(key.id));
  try {
    return await job();
  } finally {
    for (const key of keys) await pollux.cli('key', 'enable', String(key.id));
  }
};

test('known limits per minute are used to the last request and never overstepped', async () => {
  await enforce({ rpm: 10 });
  await know({ rpm: 10 });
  const answers = await pooled(60, 16, () => ask());
  assert.deepEqual(statuses(answers), { 200: 40, 429: 20 });
  assert.equal((await pollux.sim.stats()).r429, 0, 'the upstream had nothing to refuse');
  const refused = answers.find((answer) => answer.status === 429);
  const wait = Number(refused.headers['retry-after']);
  assert.ok(wait >= 40 && wait <= 62, `an honest Retry-After: ${wait}`);
  assert.equal(refused.json().error.status, 'RESOURCE_EXHAUSTED');
});

test('known limits per day hold until Pacific midnight, and an official client is not sent to sleep', async () => {
  await enforce({ rpd: 5 });
  await know({ rpd: 5 });
  assert.deepEqual(statuses(await pooled(24, 4, () => ask())), { 200: 20, 429: 4 });
  assert.equal((await pollux.sim.stats()).r429, 0);
  const openai = await pollux.send('/v1/chat/completions', { body: { model, messages: [{ role: 'user', content: 'x' }] } });
  assert.equal(openai.status, 429);
  assert.equal(openai.headers['x-should-retry'], 'false');
  assert.equal(openai.headers['retry-after'], undefined);
});

test('unknown limits are learned from the first refusal of each project, then kept to', async () => {
  await enforce({ rpm: 5, rpd: 100 });
  assert.deepEqual(statuses(await pooled(35, 4, () => ask())), { 200: 20, 429: 15 });
  const { r429 } = await pollux.sim.stats();
  assert.ok(r429 >= 4 && r429 <= 4 + 4, `${r429} refusals taught four limits`);
  const learned = await pollux.sql(`select learned_rpm from pollux.quota where model = '${model}'`);
  assert.deepEqual(learned.map((row) => row.learned_rpm), [5, 5, 5, 5]);
});

test('token limits are kept to as well', async () => {
  await enforce({ tpm: 3000 });
  await know({ tpm: 3000 });
  const long = { contents: [{ role: 'user', parts: [{ text: 'word '.repeat(1000) }] }] };
  const answers = await pooled(16, 4, () => ask({ body: long }));
  const seen = statuses(answers);
  assert.ok(seen[200] >= 2 && seen[429] >= 4, JSON.stringify(seen));
  assert.equal((await pollux.sim.stats()).r429, 0);
});

test('one project and 32 clients at once: nobody is told that it is exhausted', async () => {
  await enforce({ rpm: 1000 });
  await only(1, async () => assert.deepEqual(statuses(await pooled(320, 32, () => ask())), { 200: 320 }));
  assert.equal(Object.keys((await pollux.sim.stats()).by_key).length, 1);
});

test('requests over the concurrency limit of a model wait their turn, first come, first served', async () => {
  await know({ max_concurrency: 2 });
  await pollux.setting('wait_limit_ms', 20_000);
  const order = [];
  const slowly = { contents: [{ role: 'user', parts: [{ text: '[[sim:chunks=3,delay=60]] tell me a long story' }] }] };
  const answers = await pooled(16, 16, async (i) => {
    await new Promise((resolve) => { setTimeout(resolve, i * 20); });
    const answer = await pollux.send(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, { body: slowly });
    order.push(i);
    return answer;
  });
  await pollux.setting('wait_limit_ms', 300);
  assert.deepEqual(statuses(answers), { 200: 16 });
  const { max_open: most } = await pollux.sim.stats();
  assert.equal(most, 2, `${most} at once`);
  const late = order.filter((i, place) => Math.abs(i - place) > 4);
  assert.deepEqual(late, [], `they ended in the order ${order}`);
});

test('`limit: 0` means never: the model is not asked of that project again', async () => {
  await pollux.sim.configure({ projects: [{ id: 'p1', behaviour: [{ match: { model }, do: '429-zero' }] }] });
  await pooled(20, 1, () => ask());
  assert.ok(((await pollux.sim.stats()).by_project.p1?.calls ?? 0) <= 1);
});

test('a model alias and the OpenAI dialect draw on the same quota', async () => {
  await enforce({ rpm: 1 });
  await pollux.cli('model', 'set', model, '--rpm', '1', '--alias', 'quota-alias');
  assert.equal((await ask()).status, 200);
  assert.equal((await pollux.send('/v1beta/models/quota-alias:generateContent', { body })).status, 200);
  const chat = { model, messages: [{ role: 'user', content: 'x' }] };
  for (let i = 0; i < 2; i++) assert.equal((await pollux.send('/v1/chat/completions', { body: chat })).status, 200);
  assert.equal((await pollux.send('/v1/chat/completions', { body: chat })).status, 429);
  assert.equal((await pollux.sim.stats()).r429, 0);
});

test('a spent minute is over after a minute, on the database\'s clock', async () => {
  await enforce({ rpm: 3 });
  await know({ rpm: 3 });
  assert.deepEqual(statuses(await pooled(14, 4, () => ask())), { 200: 12, 429: 2 });
  await travel(63);
  assert.deepEqual(statuses(await pooled(14, 4, () => ask())), { 200: 12, 429: 2 });
  assert.equal((await pollux.sim.stats()).r429, 0);
});

// Moves the clocks of database and simulator together.
async function travel(seconds) {
  await pollux.sql(`create or replace function pollux.now() returns timestamptz language sql as $$ select clock_timestamp() + interval '${seconds} seconds' $$`);
  await pollux.sim.configure({ time_offset_ms: seconds * 1000 });
  await waitFor('the clock to be moved', async () => (await pollux.sql('select pollux.now() > clock_timestamp() as moved'))[0].moved);
}
