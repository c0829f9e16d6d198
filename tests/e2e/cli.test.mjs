// SPDX-License-Identifier: MIT
// What the operator's command line changes and shows of a gateway at work. (Its own manners: tests/unit/cli/run.)
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const ask = (model, options) => pollux.send(`/v1beta/models/${model}:generateContent`, { body, ...options });
let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(2) }, settings: { POLLUX_WORKERS: '1' } });
});
after(() => pollux?.stop());

test('a key that is disabled or removed is not used from then on, and is used again when it is back', async () => {
  const [first, second] = await pollux.cli('key', 'list');
  assert.equal((await pollux.cli('key', 'disable', String(first.id))).state, 'disabled');
  for (let i = 0; i < 10; i++) assert.equal((await ask('gemini-2.5-flash')).status, 200);
  assert.deepEqual(Object.keys((await pollux.sim.stats()).by_key), [keyOf(2)]);
  assert.equal((await pollux.cli('key', 'enable', String(first.id))).state, 'ready');
  assert.equal((await pollux.cli('key', 'remove', String(second.id))).id, second.id);
  await pollux.sim.reset();
  for (let i = 0; i < 10; i++) assert.equal((await ask('gemini-2.5-flash')).status, 200);
  assert.deepEqual(Object.keys((await pollux.sim.stats()).by_key), [keyOf(1)]);
  assert.equal((await pollux.cli('key', 'add', '--project', 'p2', keyOf(2))).new, 1, 'a removed key can come back');
});
test('an alias is a name of its model, in both dialects', async () => {
  await pollux.cli('model', 'set', 'gemini-2.5-flash', '--alias', 'fast,gpt-4o-mini');
  await pollux.sim.reset();
  assert.equal((await ask('fast')).status, 200);
  const answer = await pollux.openai().chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] });
  assert.equal(answer.model, 'gpt-4o-mini', 'the client is told the name it used');
  assert.equal((await pollux.sim.stats()).by_model['gemini-2.5-flash'].requests, 2);
  const listed = [];
  for await (const one of pollux.openai().models.list()) listed.push(one.id);
  assert.ok(listed.includes('fast'), listed.join(' '));
});
test('usage sums up requests and tokens by client, credential and model', async () => {
  const { token } = await pollux.addClient('counted');
  for (let i = 0; i < 3; i++) await ask('gemini-2.5-flash', { token });
  await ask('gemini-none', { token });
  await pollux.settled();
  const rows = (await pollux.cli('usage')).filter((row) => row.client === 'counted');
  const sum = (name, of = rows) => of.reduce((total, row) => total + row[name], 0);
  assert.equal(sum('requests'), 4, JSON.stringify(rows));
  assert.equal(sum('errors'), 1);
  const good = rows.filter((row) => row.model === 'gemini-2.5-flash');
  assert.ok(sum('prompt_tokens', good) > 0 && sum('output_tokens', good) > 0);
  assert.equal(sum('total_tokens', good), ['prompt_tokens', 'output_tokens', 'thoughts_tokens', 'tool_tokens'].reduce((total, name) => total + sum(name, good), 0));
  assert.ok(good.every((row) => row.credential));
});
test('the token counts in the log are those that the upstream gave', async () => {
  await pollux.sim.reset();
  const { token } = await pollux.addClient('exact');
  for (let i = 0; i < 4; i++) await ask('gemini-2.5-flash', { token });
  await pollux.send('/v1/chat/completions', { token, body: { model: 'gemini-2.5-flash', stream: true, messages: [{ role: 'user', content: 'hello there' }] } });
  await pollux.settled();
  const rows = (await pollux.cli('usage')).filter((row) => row.client === 'exact');
  const { tokens } = await pollux.sim.stats();
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  assert.deepEqual([sum('prompt_tokens'), sum('output_tokens'), sum('thoughts_tokens'), sum('total_tokens')], [tokens.prompt, tokens.candidates, tokens.thoughts, tokens.total]);
});
test('status and check speak of this instance', async () => {
  assert.ok(Object.keys(await pollux.cli('status')).length > 2);
  const checks = await pollux.cli('check');
  assert.deepEqual(checks.filter((one) => one.state === 'fail'), []);
  assert.equal(checks.find((one) => one.check === 'maintenance').state, 'ok', 'nothing is wrong before pg_cron had its first minute');
});
test('a date that is none is refused with an example of one', async () => {
  const said = await pollux.command('client', 'add', 'x', '--expires', '2026-13-45');
  assert.equal(said.code, 1);
  assert.match(said.err, /2026-13-45[^]*write a moment like 2027-01-31/);
  assert.doesNotMatch(said.err, /datestyle/);
});
test('a changed setting is taken up while it runs', async () => {
  for (const strategy of ['token-bucket', 'round-robin', 'priority', 'remaining']) {
    assert.equal((await pollux.cli('setting', 'set', 'strategy', strategy)).value, strategy);
    assert.equal((await ask('gemini-2.5-flash')).status, 200);
  }
});
