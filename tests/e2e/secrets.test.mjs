// SPDX-License-Identifier: MIT
// No secret is anywhere it should not be. Keys and tokens are planted, driven through everything that might repeat
// them (errors that quote the key, redirects of uploads, refusals, crashes), and then searched for everywhere.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { run, startPollux } from '../lib/pollux.mjs';
import { keyOf } from '../lib/sim.mjs';

const native = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const chat = { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'hello' }] };
const generate = '/v1beta/models/gemini-2.5-flash:generateContent';

const keys = { good: keyOf(1), suspended: keyOf(2), leaked: keyOf(3), disabled: keyOf(4), invalid: keyOf(5), fromFile: keyOf(6), fromEnvironment: keyOf(7), byScript: keyOf(8), newer: 'AQ.Ab8RN6planted_key-of-the-newer-kind-0123456789' };
const answers = [];
let pollux;
let client;
let admin;

before(async () => {
  const states = { suspended: 'suspended', leaked: 'leaked', disabled: 'disabled', invalid: 'invalid' };
  const projects = Object.entries(keys).map(([id, key]) => ({ id, keys: [key], state: states[id] ?? 'ok' }));
  pollux = await startPollux({ sim: { projects, any_key: false, record: 0 }, keys: false, database: { capture_share: 1, capture_until: '1d' }, settings: { GEMINI_API_KEYS: keys.fromEnvironment, POLLUX_LOG_LEVEL: 'debug' } });
  const said = await pollux.commandWithInput(`${keys.good}, ${keys.suspended}\n${keys.leaked} ${keys.disabled}\n${keys.invalid},${keys.newer}`, 'key', 'import', '-');
  assert.equal(said.code, 0, said.err);
  answers.push(said.out + said.err);
  const added = await pollux.command('key', 'add', '--label', 'label', keys.fromFile);
  answers.push(added.out + added.err);
  client = (await pollux.addClient('planted')).token;
  admin = (await pollux.cli('admin', 'token', 'add', 'planted', '--role', 'owner')).token;
  await drive();
});
after(() => pollux?.stop());

// Everything that is said to anyone is kept, headers too.
async function drive() {
  const keep = async (where, options) => {
    const answer = await pollux.send(where, options);
    answers.push(JSON.stringify(answer.headers) + answer.text);
    return answer;
  };
  for (let i = 0; i < 30; i++) await keep(i % 2 ? generate : '/v1/chat/completions', { body: i % 2 ? native : chat, token: client });
  await keep(`${generate}?key=${client}`, { body: native, token: null });
  await keep('/v1/chat/completions', { body: { ...chat, stream: true }, token: client });
  await keep('/v1/chat/completions', { body: '{broken', token: client });
  await keep('/v1/chat/completions', { body: chat, token: `${client}x` });
  await keep(`/nowhere?key=${client}`, { token: client });
  await keep(generate, { body: { madeUp: client }, token: client, headers: { 'user-agent': `agent ${client}` } });
  await keep('/upload/v1beta/files', { method: 'POST', token: client, body: { file: { displayName: 'x' } }, headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start', 'x-goog-upload-header-content-length': '3', 'x-goog-upload-header-content-type': 'text/plain' } });
  await keep('/health', { token: null });
  await pollux.settled();
  for (const where of ['/metrics', '/status.txt', '/admin/stats', '/admin/status', '/admin/status/1', '/admin/status/2', '/admin/credentials', '/admin/usage?per=hour', `/admin/nowhere?key=${admin}`, `/admin/stats?${client}=1`]) await keep(where, { token: admin });
  for (const body of [{ keys: [keys.byScript, keys.good, `${keys.leaked}!`] }, { key: keys.byScript, nosuch: 1 }, `{"keys": ["${keys.byScript}`, { keys: [`x ${keys.good}`] }]) await keep('/admin/keys', { token: admin, body });
  await keep('/admin/keys', { token: client, body: { key: keys.good } });
  await keep('/admin/reset', { token: admin, body: { model: keys.good } });
  for (const words of [['key', 'list'], ['client', 'list'], ['status'], ['usage'], ['model', 'list'], ['check'], ['key', 'add', 'short'], ['key', 'enable', '999999'], ['admin', 'token', 'list'], ['usage', '--csv'],
    ['key', 'test', '--all'], ['key', 'test', '1', '--model', keys.good], ['model', 'reset', keys.leaked], ['key', 'reset', '2'], ['key', 'sync'], ['reset', '--all']]) {
    const said = await pollux.command(...words, '--json');
    answers.push(said.out + said.err);
  }
}

// Also halves of a secret are secrets; its last four characters are shown on purpose.
const secrets = () => [...Object.values(keys), client, admin, pollux.token].flatMap((secret) => [secret, secret.slice(4, 28), Buffer.from(secret).toString('base64').slice(0, 24)]);
const search = (where, text) => assert.deepEqual(secrets().filter((secret) => text.includes(secret)), [], `a secret is in ${where}`);

test('the planted secrets were really used', async () => {
  const { by_key: used } = await pollux.sim.stats();
  for (const name of ['suspended', 'leaked', 'disabled', 'invalid']) assert.ok(used[keys[name]]?.calls > 0, `${name} was tried`);
  assert.ok((await pollux.sql('select 1 from report.requests')).length > 30);
  assert.ok((await pollux.sql('select 1 from pollux.capture')).length > 30, 'and captured: the dump is searched for them');
});
test('probes, jobs and changes of state are there to be searched, with errors that quote the key', async () => {
  const jobs = await pollux.sql("select result from report.job_queue where kind = 'probe'");
  assert.ok(jobs.some(({ result }) => /suspended/.test(result?.error ?? '')), JSON.stringify(jobs));
  assert.ok((await pollux.sql('select 1 from report.credential_states')).length > 0);
  assert.ok((await pollux.sql('select 1 from report.health where probe_status = 403')).length > 0);
});
test('no answer to a client and no word of the command line holds a secret', () => {
  answers.forEach((text, i) => search(`answer ${i}: ${text.slice(0, 200)}`, text));
});
test('no log holds a secret', () => {
  const logs = pollux.logs();
  assert.ok(logs.length > 0 && logs.some(({ text }) => text.length > 0), 'there are logs');
  for (const { file, text } of logs) search(file, text);
});
test('the upstream sees keys in one header only, and never a client token', async () => {
  const stats = await pollux.sim.stats();
  search('URLs at the upstream', stats.urls.join('\n'));
  assert.deepEqual([stats.key_in_url, stats.client_secrets], [0, 0]);
});
test('no view of the read-only role holds a secret, and it can read nothing else', async () => {
  const views = await pollux.sql("select table_name as name from information_schema.views where table_schema = 'report'");
  assert.ok(views.length >= 7, views.map((view) => view.name).join(' '));
  for (const { name } of views) search(`report.${name}`, JSON.stringify(await pollux.sql(`select * from report.${name}`, 'pollux_read')));
  await assert.rejects(pollux.sql('select * from pollux.credential', 'pollux_read'), /permission denied/);
  await assert.rejects(pollux.sql('select * from pollux.client', 'pollux_read'), /permission denied/);
});
test('the application\'s role may call its functions and touch no table', async () => {
  await assert.rejects(pollux.sql('select * from pollux.credential', 'pollux_app'), /permission denied/);
  await assert.rejects(pollux.sql("select admin.status()", 'pollux_app'), /permission denied/);
  assert.ok((await pollux.sql('select api.health() as h', 'pollux_app'))[0].h.credentials > 0);
});
test('a dump of the database holds no secret', async () => {
  const said = await run('pg_dump', ['-d', pollux.owner.replace('pollux_owner', 'postgres')], { env: pollux.env });
  assert.equal(said.code, 0, said.err);
  assert.match(said.out, /COPY pollux\.credential/);
  search('the dump', said.out);
  for (const key of Object.values(keys)) assert.ok(!said.out.includes(Buffer.from(key).toString('hex')), 'not in hex either');
});
test('the master key is in its file alone, readable by its owner alone', async () => {
  const file = path.join(pollux.home, 'master.key');
  const { mode } = await import('node:fs').then((fs) => fs.statSync(file));
  assert.equal(mode & 0o077, 0, `mode ${(mode & 0o777).toString(8)}`);
  const key = readFileSync(file, 'utf8').trim().split(/\s+/).at(-1);
  const dump = (await run('pg_dump', ['-d', pollux.owner.replace('pollux_owner', 'postgres')], { env: pollux.env })).out;
  assert.ok(key.length > 20 && !dump.includes(key));
  for (const { file: log, text } of pollux.logs()) assert.ok(!text.includes(key), log);
});
