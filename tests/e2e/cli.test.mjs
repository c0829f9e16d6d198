// SPDX-License-Identifier: MIT
// The operator's command line: what it prints, what it refuses, and what it exits with.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(3) }, keys: false, settings: { POLLUX_WORKERS: '1' } });
});
after(() => pollux?.stop());

const rejects = async (words, code, pattern, input) => {
  const said = await pollux.commandWithInput(input ?? '', ...words);
  assert.equal(said.code, code, `${words.join(' ')}: ${said.out}${said.err}`);
  assert.equal(said.out, '', 'errors go to stderr');
  assert.match(said.err, pattern);
};

test('keys come in any mix of newlines, spaces and commas, and the report counts new, known and malformed', async () => {
  const text = `${keyOf(1)}, ${keyOf(2)}\n\n${keyOf(1)} ,short, AQ.${'x'.repeat(30)}\t${'y'.repeat(257)}\nbad!key!with!odd!characters!`;
  const report = JSON.parse((await pollux.commandWithInput(text, 'key', 'import', '--json')).out);
  assert.deepEqual([report.new, report.known, report.malformed, report.ids.length], [3, 1, 3, 3]);
  assert.ok(!JSON.stringify(report).includes('odd!characters'), 'a mistyped key is still a secret');
});
test('keys come from files and folders, with comments', async () => {
  const folder = path.join(path.dirname(pollux.home), 'keys');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'a.txt'), `# mine\n${keyOf(10)}  # the tenth\n`);
  writeFileSync(path.join(folder, 'b'), `${keyOf(11)}\r\n${keyOf(10)}\r\n`);
  assert.deepEqual(await pollux.cli('key', 'import', folder).then(({ new: fresh, known }) => [fresh, known]), [2, 1]);
});
test('keys of one project share its quota row', async () => {
  await pollux.cli('key', 'add', '--project', 'shared', '--label', 'one', '--priority', '7', keyOf(20), keyOf(21));
  const both = (await pollux.cli('key', 'list')).filter((key) => key.project === 'shared');
  assert.deepEqual(both.map((key) => [key.label, key.priority, key.hint, key.state]), [20, 21].map((i) => ['one', 7, keyOf(i).slice(-4), 'ready']));
});
test('disable, enable and remove print what they changed, and do it', async () => {
  const [key] = await pollux.cli('key', 'list');
  assert.equal((await pollux.cli('key', 'disable', String(key.id))).state, 'disabled');
  assert.equal((await pollux.cli('key', 'enable', String(key.id))).state, 'ready');
  assert.equal((await pollux.cli('key', 'remove', String(key.id))).id, key.id);
  assert.ok(!(await pollux.cli('key', 'list')).some((one) => one.id === key.id));
  assert.equal((await pollux.cli('key', 'add', keyOf(1))).new, 1, 'a removed key can come back');
});
test('clients: made once by name, listed, revoked by name or id', async () => {
  const made = await pollux.addClient('app', '--rpm', '5', '--models', 'gemini-2.5-flash,gemini-2.5-pro', '--expires', '30d');
  assert.deepEqual([made.name, made.rpm, made.models], ['app', 5, ['gemini-2.5-flash', 'gemini-2.5-pro']]);
  await rejects(['client', 'add', 'app'], 1, /app/);
  assert.ok((await pollux.cli('client', 'list')).some((client) => client.id === made.id && !('token' in client)));
  assert.ok((await pollux.cli('client', 'revoke', String(made.id))).revoked_at);
});
test('models: set, changed in part, cleared', async () => {
  await pollux.cli('model', 'set', 'gemini-2.5-flash', '--rpm', '10', '--rpd', '100', '--alias', 'fast,cheap');
  const changed = await pollux.cli('model', 'set', 'gemini-2.5-flash', '--rpm', 'none');
  assert.deepEqual([changed.rpm, changed.rpd, changed.aliases.sort()], [null, 100, ['cheap', 'fast']]);
  assert.equal((await pollux.send('/v1beta/models/fast:generateContent', { body })).status, 200, 'an alias is a name of the model');
  assert.equal((await pollux.sim.stats()).by_model['gemini-2.5-flash'].requests, 1);
});
test('usage sums requests and tokens by client, credential and model', async () => {
  await pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { body });
  const rows = await pollux.cli('usage');
  const row = rows.find((one) => one.model === 'gemini-2.5-flash' && one.requests > 0);
  assert.ok(row && row.prompt_tokens > 0 && row.total_tokens >= row.prompt_tokens, JSON.stringify(rows));
  for (const name of ['client', 'credential', 'errors', 'cached_tokens', 'output_tokens', 'thoughts_tokens', 'tool_tokens']) assert.ok(name in row, name);
  assert.ok((await pollux.cli('usage', '--by', 'client', '--from', '1h')).every((one) => 'client' in one));
});
test('status and check speak of this instance', async () => {
  assert.ok(JSON.stringify(await pollux.cli('status')).length > 20);
  const checks = await pollux.cli('check', '--offline');
  assert.ok(checks.length >= 4 && checks.every((one) => ['ok', 'warn', 'fail'].includes(one.state)), JSON.stringify(checks));
  assert.deepEqual(checks.filter((one) => one.state === 'fail'), []);
});
test('settings are checked', async () => {
  await rejects(['setting', 'set', 'strategy', 'psychic'], 1, /strategy/);
  await rejects(['setting', 'set', 'nonsense', '1'], 1, /nonsense/);
  await rejects(['setting', 'set', 'wait_limit_ms', 'soon'], 1, /wait_limit_ms/);
});
test('what is wrong is said on stderr: 2 for the command line, 1 for what could not be done', async () => {
  await rejects(['frobnicate'], 2, /frobnicate/);
  await rejects(['key', 'lst'], 2, /did you mean/);
  await rejects(['key', 'enable'], 2, /ID/);
  await rejects(['key', 'enable', 'abc'], 2, /number/);
  await rejects(['key', 'enable', '999999'], 1, /999999/);
  await rejects(['model', 'set', 'x', '--rpm', 'many'], 2, /rpm/);
  await rejects(['key', 'add', 'tooshort'], 1, /./);
});
test('every command explains itself', async () => {
  const all = await pollux.command('--help');
  assert.equal(all.code, 0);
  for (const words of ['key add', 'key import', 'client add', 'model set', 'status', 'usage', 'migrate', 'generate-key', 'check']) {
    assert.ok(all.out.includes(words), words);
    const said = await pollux.command(...words.split(' '), '--help');
    assert.equal(said.code, 0, words);
    assert.match(said.out, /--json|JSON|usage/);
  }
});
test('migrate may be repeated, and changes nothing then', async () => {
  assert.deepEqual((await pollux.cli('migrate')).applied, []);
});
