// SPDX-License-Identifier: MIT
// The administration by scripts: its door, its pages behind the web server, what it tells and what it changes.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import { newHome, startPollux } from '../lib/pollux.mjs';
import { checkout } from '../lib/places.mjs';
import { lintMetrics, seriesOf } from '../lib/metrics.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
let pollux;
const tokens = {};
const get = (where, token, more = {}) => pollux.send(where, { token, ...more });

before(async () => {
  const home = path.join(newHome(), 'h');
  pollux = await startPollux({ home, sim: { projects: projects(3) }, settings: { POLLUX_PREFIX: '/pollux.x', POLLUX_STATUS_FILE: path.join(home, 'status.txt'), POLLUX_CORS_ORIGINS: 'https://elsewhere.example' } });
  for (const role of ['metrics', 'viewer', 'operator', 'owner']) tokens[role] = (await pollux.cli('admin', 'token', 'add', `the ${role}`, '--role', role)).token;
});
after(() => pollux?.stop());

test('files of the console come from the web server, typed, protected, revalidated', async () => {
  const answer = await get('/admin/openapi.json', null);
  assert.equal(answer.status, 200);
  assert.equal(answer.text, readFileSync(path.join(checkout, 'admin-html/openapi.json'), 'utf8'));
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.headers['content-security-policy'], policy);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['referrer-policy'], 'no-referrer');
  assert.equal(answer.headers['cache-control'], 'no-cache');
  assert.equal((await get('/admin/openapi.json', null, { headers: { 'if-none-match': answer.headers.etag } })).status, 304);
  assert.equal(answer.headers['x-request-id'], undefined, 'no worker was asked');
});
test('what is no file below admin/ is answered by a worker, and nothing leads out of the folder', async () => {
  for (const where of ['/admin/nothing', '/admin/api/x.json', '/admin/api/', '/admin/stats/x']) {
    const answer = await get(where, null);
    assert.equal(answer.status, 404, where);
    assert.equal(answer.json().error.code, 'not_found', where);
  }
  for (const where of ['/admin/../../Makefile', '/admin/%2e%2e/sql/views.txt', '/admin/..%2f..%2fREADME.txt', '/admin/vendor/../../pollux.json', '/admin/vendor/..%2f..%2fmaster.txt']) {
    assert.ok([400, 403, 404].includes((await get(where, null)).status), where);
  }
  assert.equal((await get('/admin/no-such-file.js', null)).status, 404);
});
test('short addresses lead to the pages', async () => {
  for (const [where, page] of [['/admin', '/pollux.x/admin/'], ['/docs', '/pollux.x/admin/docs.html']]) {
    const answer = await get(where, null);
    assert.equal(answer.status, 302);
    assert.equal(new URL(answer.headers.location, pollux.url).pathname, page);
  }
});

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const generate = '/v1beta/models/gemini-2.5-flash:generateContent';
const sample = (text, start) => Number(text.split('\n').find((line) => line.startsWith(start))?.split(' ').at(-1));

test('metrics: for this machine, for tokens of every role, for nobody else', async () => {
  assert.equal((await get('/metrics', null)).status, 200);
  for (const role of Object.keys(tokens)) assert.equal((await get('/metrics', tokens[role])).status, 200, role);
  for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
    const answer = await get('/metrics', null, { headers: { [header]: '127.0.0.1' } });
    assert.equal(answer.status, 401, `${header} means that a proxy stands in between`);
    assert.match(answer.json().error.hint, /admin token add/);
  }
  const client = await get('/metrics', pollux.token);
  assert.deepEqual([client.status, client.json().error.code], [403, 'forbidden']);
  assert.equal((await get('/metrics', 'plxa_nobodys-token-0123456789')).status, 401);
  assert.equal((await pollux.send('/metrics', { method: 'POST', token: null, body: {} })).status, 405);
});
test('metrics lint clean, count what happened, and never fall, whichever worker answers', async () => {
  const read = async () => (await get('/metrics', null)).text;
  const first = await read();
  assert.deepEqual(lintMetrics(first), []);
  for (let i = 0; i < 6; i++) assert.equal((await pollux.send(generate, { body })).status, 200);
  await pollux.settled();
  const seen = await read();
  assert.deepEqual(lintMetrics(seen), []);
  assert.equal(sample(seen, 'pollux_requests_total{dialect="native",model="gemini-2.5-flash",outcome="ok"}'), 6);
  assert.equal(sample(seen, 'pollux_client_requests_total{client="default"}'), 6);
  assert.equal(sample(seen, 'pollux_request_duration_seconds_count{model="gemini-2.5-flash"}'), 6);
  assert.equal(sample(seen, 'pollux_credentials{state="ready"}'), 3);
  assert.equal(sample(seen, 'pollux_workers'), 2);
  let before = seriesOf(seen);
  for (let i = 0; i < 12; i++) {
    if (i % 3 === 0) await pollux.send(generate, { body });
    const now = seriesOf(await read());
    for (const [name, value] of before) if (/_(total|bucket|count|sum)[{ ]/.test(`${name} `)) assert.ok(now.get(name) >= value, `${name} fell from ${value} to ${now.get(name)}`);
    before = now;
  }
  const { headers } = await get('/metrics', null);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
});
test('status.txt tells the models and stays small', async () => {
  const answer = await get('/status.txt', tokens.metrics);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain/);
  assert.match(answer.text, /credentials: 3 ready, 0 resting, 0 dead, 0 disabled\n/);
  assert.match(answer.text, /\ngemini-2\.5-flash +\d+ +0 +100\.0% /);
  assert.ok(answer.body.length < 1_000_000);
  assert.equal((await get('/status.txt', pollux.token)).status, 403);
});

const post = (where, body, token, more = {}) => pollux.send(where, { method: 'POST', body, token, ...more });

test('the door: no token, a wrong one, a client\'s, too low a role, two at once; each is told what to do', async () => {
  const routes = [['GET', '/admin/stats'], ['GET', '/admin/status'], ['GET', '/admin/status/1'], ['GET', '/admin/credentials'], ['GET', '/admin/usage'],
    ['POST', '/admin/reset'], ['POST', '/admin/keys'], ['DELETE', '/admin/keys/1']];
  for (const [method, where] of routes) {
    const ask = async (token, more = {}) => {
      const answer = await pollux.send(where, { method, token, body: method === 'POST' ? { all: true } : undefined, ...more });
      return [answer.status, answer.json().error?.code, typeof answer.json().error?.hint];
    };
    assert.deepEqual(await ask(null), [401, 'unauthenticated', 'string'], where);
    assert.deepEqual(await ask('plxa_0123456789012345678901234567890123456789012'), [401, 'unauthenticated', 'string'], where);
    assert.deepEqual(await ask(pollux.token), [403, 'forbidden', 'string'], `${where} with a client's token`);
    assert.deepEqual(await ask(tokens.metrics), [403, 'forbidden', 'string'], `${where} as metrics`);
    if (method !== 'GET') assert.deepEqual(await ask(tokens.viewer), [403, 'forbidden', 'string'], `${where} as viewer`);
    for (const headers of [{ 'x-goog-api-key': tokens.owner }, { 'x-api-key': tokens.owner }, { authorization: `Basic ${Buffer.from(`x:${tokens.owner}`).toString('base64')}` },
      { authorization: `Bearer ${tokens.owner}, Bearer ${tokens.owner}` }]) assert.equal((await ask(null, { headers }))[0], 401, `${where} ${Object.keys(headers)}`);
    assert.equal((await pollux.send(`${where}?key=${tokens.owner}`, { method, token: null, body: method === 'POST' ? {} : undefined })).status, 401, `${where}?key=`);
    const other = await pollux.send(where, { method: 'PUT', token: tokens.owner, body: {} });
    assert.deepEqual([other.status, other.headers.allow], [405, method], where);
  }
  assert.equal((await pollux.send(generate, { body, token: tokens.owner })).status, 401, 'an admin token is no client token');
  const answer = await get('/admin/stats', tokens.viewer);
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.headers['cache-control'], answer.headers['x-content-type-options']], ['no-store', 'nosniff']);
});
test('a revoked token is out at once', async () => {
  const { token } = await pollux.cli('admin', 'token', 'add', 'brief');
  assert.equal((await get('/admin/stats', token)).status, 200);
  assert.equal((await pollux.cli('admin', 'token', 'revoke', 'brief')).state, 'revoked');
  const answer = await get('/admin/stats', token);
  assert.deepEqual([answer.status, answer.json().error.message], [401, 'this admin token was revoked']);
  const listed = (await pollux.cli('admin', 'token', 'list')).find((one) => one.name === 'the viewer');
  assert.ok(listed.last_used_at && listed.state === 'active' && !('token' in listed));
});
test('keys come and go by HTTP, and serve requests meanwhile', async () => {
  await pollux.sim.configure({ projects: [...projects(3), { id: 'p9', keys: [keyOf(9)] }] });
  const added = await post('/admin/keys', { keys: [keyOf(9), keyOf(1), 'short', 7], project: 'nine', label: 'by script' }, tokens.operator);
  assert.equal(added.status, 200, added.text);
  assert.deepEqual([added.json().new, added.json().known, added.json().malformed], [1, 1, 2]);
  assert.deepEqual(added.json().malformed_items.map((item) => item.index), [2, 3]);
  const [id] = added.json().ids;
  const one = (await get(`/admin/status/${id}`, tokens.viewer)).json();
  assert.deepEqual([one.id, one.project, one.label, one.state, one.hint], [id, 'nine', 'by script', 'ready', keyOf(9).slice(-4)]);
  await waitFor('the new key to serve', async () => {
    await pollux.send(generate, { body });
    return (await pollux.sim.stats()).by_key[keyOf(9)]?.calls > 0;
  });
  assert.ok((await get(`/admin/status/${id}`, tokens.viewer)).json().quota.some((row) => row.model === 'gemini-2.5-flash'));
  const removed = await pollux.send(`/admin/keys/${id}`, { method: 'DELETE', token: tokens.operator });
  assert.deepEqual([removed.status, removed.json().id], [200, id]);
  for (const [where, status] of [[`/admin/keys/${id}`, 404], ['/admin/keys/x', 404], ['/admin/keys/', 404], ['/admin/keys/1/2', 404]]) {
    assert.equal((await pollux.send(where, { method: 'DELETE', token: tokens.operator })).status, status, where);
  }
  assert.equal((await get(`/admin/status/${id}`, tokens.viewer)).status, 404);
  for (const bad of [{}, { keys: [] }, { keys: ['short'] }, { keys: 'AIza' }, { key: 5 }, { key: keyOf(8), colour: 'red' }, { key: keyOf(8), priority: -1 }, { key: keyOf(8), project: 'a\nb' }, [], 'x', '{broken']) {
    const answer = await post('/admin/keys', bad, tokens.operator);
    assert.equal(answer.status, 400, JSON.stringify(bad) + answer.text);
    assert.ok(!answer.text.includes(keyOf(8)));
  }
  assert.equal((await pollux.sql("select 1 from pollux.credential where label is null and hint = right('" + keyOf(8) + "', 4) and project_id not in (select id from pollux.project where name ~ '^p')")).length, 0, 'nothing was added by a refused request');
});
test('a list in pages is the whole list, each once, in order', async () => {
  const seen = [];
  for (let after = 0; after !== null;) {
    const page = (await get(`/admin/credentials?limit=2&after=${after}`, tokens.viewer)).json();
    assert.ok(page.items.length <= 2);
    seen.push(...page.items.map((item) => item.id));
    after = page.next;
  }
  assert.deepEqual(seen, (await pollux.cli('key', 'list')).map((key) => key.id));
  for (const [query, word] of [['limit=0', 'limit'], ['limit=x', 'limit'], ['state=tired', 'state'], ['lmit=2', 'lmit'], ['after=-1', 'after']]) {
    const answer = await get(`/admin/credentials?${query}`, tokens.viewer);
    assert.deepEqual([answer.status, answer.json().error.code], [400, 'bad_request'], query);
    assert.ok(answer.json().error.message.includes(word), answer.text);
  }
});
test('reset ends what is automatic: a key that Google would not have, and a rest', async () => {
  const [key] = await pollux.cli('key', 'list');
  await pollux.sql(`update pollux.credential set dead_reason = 'suspended', dead_at = pollux.now() where id = ${key.id}`);
  assert.equal((await get(`/admin/status/${key.id}`, tokens.viewer)).json().state, 'dead');
  assert.equal((await get('/admin/status?state=dead', tokens.viewer)).json().items[0].reason, 'suspended');
  const answer = await post('/admin/reset', { credential: key.id }, tokens.operator);
  assert.deepEqual([answer.status, answer.json().state], [200, 'ready'], answer.text);
  assert.equal((await post('/admin/reset', { model: 'gemini-2.5-flash' }, tokens.operator)).json().model, 'gemini-2.5-flash');
  assert.equal((await post('/admin/reset', { all: true }, tokens.operator)).status, 200);
  for (const [bad, status] of [[{}, 400], [{ all: true, credential: 1 }, 400], [{ credential: 999999 }, 404], [{ model: 'never-heard-of' }, 404], [{ credential: 'x' }, 400]]) {
    assert.equal((await post('/admin/reset', bad, tokens.operator)).status, status, JSON.stringify(bad));
  }
  const audit = await pollux.sql('select actor, remote, action, subject from pollux.audit order by id');
  const mine = audit.filter((row) => row.actor === 'token the operator').map((row) => row.action);
  for (const action of ['credential.add', 'credential.remove', 'credential.reset', 'model.reset', 'pool.reset']) assert.ok(mine.includes(action), `${action} in ${mine}`);
  assert.ok(audit.some((row) => row.action === 'token.add') && audit.some((row) => row.action === 'token.revoke'));
});
test('usage: by HTTP, as CSV and as JSON the same sums, with tokens and cost', async () => {
  await pollux.sql("insert into pollux.model (name, price_input, price_output) values ('gemini-2.5-flash', 1000, 1000)");
  const { token } = await pollux.addClient('=cmd|"quoted", too');
  for (let i = 0; i < 3; i++) assert.equal((await pollux.send(generate, { body, token })).status, 200);
  await pollux.settled();
  const http = (await get('/admin/usage?by=client,model&per=hour&since=1h', tokens.viewer)).json();
  const cli = await pollux.cli('usage', '--by', 'client,model', '--per', 'hour', '--since', '1h');
  assert.deepEqual(http.items, cli);
  const mine = cli.filter((row) => row.client.startsWith('=cmd'));
  assert.equal(mine.reduce((sum, row) => sum + row.requests, 0), 3);
  assert.ok(mine.every((row) => Math.abs(row.cost - (row.prompt_tokens + row.output_tokens + row.thoughts_tokens) / 1000) < 1e-9), JSON.stringify(mine));
  assert.ok(mine[0].median_ms > 0 && mine[0].p95_ms >= mine[0].median_ms);
  const csv = (await pollux.command('usage', '--by', 'client', '--per', 'day', '--since', '1h', '--csv')).out.split('\r\n');
  assert.equal(csv[0], 'day,client,requests,errors,prompt_tokens,cached_tokens,output_tokens,thoughts_tokens,tool_tokens,total_tokens,cost,median_ms,p95_ms');
  assert.ok(csv.some((line) => line.includes(',"\'=cmd|""quoted"", too",3,0,')), csv.join('\n'));
  const stats = (await get('/admin/stats', tokens.viewer)).json();
  assert.equal(stats.last_24_hours.requests, (await pollux.cli('usage', '--since', '24h')).reduce((sum, row) => sum + row.requests, 0));
  assert.ok(stats.models.some((model) => model.model === 'gemini-2.5-flash' && model.requests >= 3 && model.cost > 0));
  assert.ok(stats.last_hour.p95_ms > 0 && stats.workers === 2);
});
test('the status file is written by one worker, as a whole; the log sums up what was used', async () => {
  const file = path.join(pollux.home, 'status.txt');
  await pollux.setting('status_file_seconds', 5);
  const first = await waitFor('the status file', () => { try { return readFileSync(file, 'utf8'); } catch { return null; } });
  assert.match(first, /^Pollux, .* UTC\ncredentials: \d+ ready/);
  await waitFor('it to be written anew', () => readFileSync(file, 'utf8').split('\n')[0] !== first.split('\n')[0], { timeout: 15_000 });
  assert.deepEqual(readdirSync(pollux.home).filter((name) => name.startsWith('status.txt.')), [], 'nothing half-written lies about');
  await pollux.setting('usage_log_seconds', 2);
  await pollux.send(generate, { body });
  const line = await waitFor('a line in the log', () => pollux.logs().flatMap(({ text }) => text.split('\n')).find((one) => /usage of \d+ s: /.test(one)), { timeout: 20_000 });
  assert.match(line, /[1-9]\d* requests \(\d+ not ok\) of [1-9]\d* clients with [1-9]\d* credentials; tokens: [1-9]\d* in \(\d+ cached\), \d+ out; pool: 3 ready/);
});
test('every answer is what the OpenAPI document says, and has nothing that the document does not know', async () => {
  const document = JSON.parse((await get('/admin/openapi.json', null)).text);
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true }).addSchema(document, 'openapi');
  const [{ id }] = await pollux.cli('key', 'list');
  const check = async (method, where, template, { token = tokens.operator, body: sent } = {}) => {
    const answer = await pollux.send(where, { method, token, body: sent });
    const documented = document.paths[template][method.toLowerCase()].responses[answer.status];
    assert.ok(documented, `${method} ${where}: ${answer.status} is documented`);
    const pointer = documented.$ref ?? `#/paths/${escape(template)}/${method.toLowerCase()}/responses/${answer.status}`;
    const validate = ajv.compile({ $ref: `openapi${pointer}/content/application~1json/schema` });
    assert.ok(validate(answer.json()), `${method} ${where}: ${JSON.stringify(validate.errors)} in ${answer.text.slice(0, 500)}`);
    return answer.json();
  };
  const known = (name, object) => {
    const schema = document.components.schemas[name];
    const names = [schema, ...(schema.allOf ?? []).map((part) => (part.$ref ? document.components.schemas[part.$ref.split('/').at(-1)] : part))].flatMap((part) => Object.keys(part.properties ?? {}));
    const inherited = schema.allOf?.some((part) => part.$ref?.endsWith('/Credential')) ? Object.keys(document.components.schemas.Credential.properties) : [];
    assert.deepEqual(Object.keys(object).filter((key) => ![...names, ...inherited].includes(key)), [], `${name} has undocumented members`);
  };
  const stats = await check('GET', '/admin/stats', '/admin/stats');
  known('Stats', stats);
  known('Totals', stats.last_hour);
  stats.models.forEach((model) => known('Model', model));
  const page = await check('GET', '/admin/credentials?limit=1', '/admin/credentials');
  known('Credential', page.items[0]);
  known('Status', await check('GET', '/admin/status', '/admin/status'));
  known('CredentialStatus', await check('GET', `/admin/status/${id}`, '/admin/status/{id}'));
  known('UsagePage', await check('GET', '/admin/usage?per=day', '/admin/usage'));
  known('KeysAdded', await check('POST', '/admin/keys', '/admin/keys', { body: { key: keyOf(1) } }));
  await check('POST', '/admin/reset', '/admin/reset', { body: { all: true } });
  await check('POST', '/admin/reset', '/admin/reset', { body: {} });
  await check('GET', '/admin/status/999999', '/admin/status/{id}');
  await check('GET', '/admin/stats?x=1', '/admin/stats');
  await check('GET', '/admin/stats', '/admin/stats', { token: null });
  await check('DELETE', '/admin/keys/1', '/admin/keys/{id}', { token: tokens.viewer });
  await check('GET', '/health', '/health', { token: null });
});
const escape = (where) => where.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D');
test('when the worker that writes the status file is killed, another one takes over', async () => {
  const file = path.join(pollux.home, 'status.txt');
  const { ino } = statSync(path.join(pollux.home, 'reporter.lock'));
  const holder = () => readFileSync('/proc/locks', 'utf8').split('\n').map((row) => row.trim().split(/\s+/)).find((row) => row[1] === 'FLOCK' && row[5]?.endsWith(`:${ino}`))?.[4];
  const first = await waitFor('a worker to hold the lock', holder);
  process.kill(Number(first), 'SIGKILL');
  const second = await waitFor('another one to hold it', () => (holder() !== first ? holder() : undefined));
  assert.ok((await pollux.workers()).includes(Number(second)), `${second} is a worker`);
  const before = statSync(file).mtimeMs;
  await waitFor('the file to be written by it', () => statSync(file).mtimeMs > before, { timeout: 20_000 });
});
test('pages of other origins may not read what is for administrators, clients\' routes they may if so set', async () => {
  for (const where of ['/metrics', '/status.txt', '/admin/stats', '/admin/nothing']) {
    const answer = await get(where, tokens.owner, { headers: { origin: 'https://elsewhere.example' } });
    assert.equal(answer.headers['access-control-allow-origin'], undefined, where);
  }
  assert.equal((await get('/health', null, { headers: { origin: 'https://elsewhere.example' } })).headers['access-control-allow-origin'], 'https://elsewhere.example');
});
test('while the database is away the administration says so; afterwards it goes on, changes included', async () => {
  assert.equal((await get('/admin/stats', tokens.viewer)).status, 200);
  await pollux.database('stop', '-m', 'immediate');
  try {
    for (const where of ['/admin/stats', '/metrics', '/status.txt']) {
      const answer = await get(where, tokens.viewer);
      assert.deepEqual([answer.status, answer.json().error.code], [503, 'unavailable'], where);
      assert.ok(Number(answer.headers['retry-after']) > 0, where);
    }
  } finally {
    await pollux.database('start');
  }
  assert.equal((await post('/admin/reset', { all: true }, tokens.operator)).status, 200, 'also on a connection that broke while it was idle');
  assert.equal((await get('/metrics', tokens.metrics)).status, 200);
});
