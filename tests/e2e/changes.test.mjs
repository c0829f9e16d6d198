// SPDX-License-Identifier: MIT
// What is changed in the console is in psql, is in the audit, and acts on running workers within a second. The table of
// routes is walked: each route that changes something has its case below, and a new one without a case fails.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newHome, startPollux } from '../lib/pollux.mjs';
import { build } from '../lib/places.mjs';
import { signIn, visitor } from '../lib/console.mjs';
import { startHttpProxy } from '../lib/proxies.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';

const MOST_MS = 1000; // from the answer to a change until each worker goes by it
const model = 'gemini-2.5-flash';
const google = { id: '123-test.apps.googleusercontent.com', secret: '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' };
const secrets = new Set([google.secret]); // what nobody may find in the audit
const longest = { ms: 0, what: 'nothing' };

let pollux;
let boss;
let folder;
before(async () => {
  const home = newHome();
  folder = path.join(home, 'keys');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const people = ['ann', 'bob', 'carl'].map((name) => ({ email: `${name}@example.org`, refresh_token: `1//0planted-refresh-token-of-${name}`, projects: ['cloud-a', 'cloud-b'], state: 'ok' }));
  for (const one of people) secrets.add(one.refresh_token);
  for (let i = 1; i <= 600; i++) secrets.add(keyOf(i));
  pollux = await startPollux({
    sim: { any_key: false, projects: [...projects(600), { id: 'cloud-a' }, { id: 'cloud-b' }], oauth: { clients: [google], accounts: people } },
    keys: false, settings: { POLLUX_WORKERS: '2', POLLUX_KEYS_DIR: folder }, database: { wait_limit_ms: 0, login_free_attempts: 100, retry_budget_floor: 1_000_000 },
  });
  boss = await signIn(pollux);
});
after(async () => {
  console.log(`# the longest a change took to act on both workers: ${Math.round(longest.ms)} ms (${longest.what})`);
  await pollux?.stop();
});

// ------------------------------------------------------------------------------------------------- psql and the audit

const one = async (query, role) => (await pollux.sql(query, role))[0];
const newest = async () => (await one('select coalesce(max(id), 0)::bigint as id from pollux.audit')).id;
const rowsSince = (id) => pollux.sql(`select actor, remote, action, subject, before, after from report.audit where id > ${id} and remote is not null order by id`, 'pollux_read');

// Makes a change and holds its rows of the audit: exactly these, each [action, subject, before, after], by `actor`. A
// member that is a function judges what is there. Answers {at: when the change was answered, ...its answer}.
async function told(call, rows, { actor = 'boss', status = 200 } = {}) {
  const from = await newest();
  const answer = await call();
  const at = performance.now();
  assert.equal(answer.status, status, answer.text);
  const seen = await rowsSince(from);
  const brief = JSON.stringify(seen, null, 1);
  assert.deepEqual(seen.map((row) => row.action), rows.map((row) => row[0]), brief);
  for (const [i, [, subject, before_, after_]] of rows.entries()) {
    assert.equal(seen[i].actor, actor);
    assert.equal(seen[i].remote, '127.0.0.1');
    if (subject !== undefined) assert.equal(seen[i].subject, subject === null ? null : String(subject), brief);
    for (const [name, wanted] of [['before', before_], ['after', after_]]) {
      if (typeof wanted === 'function') assert.ok(wanted(seen[i][name]), `${name}: ${brief}`);
      else if (wanted !== undefined) assert.deepEqual(seen[i][name], wanted, `${name}: ${brief}`);
    }
    if (before_ && after_) assert.notDeepEqual(seen[i].before, seen[i].after, brief);
  }
  return { answer, at, json: () => answer.json() };
}
// A change that changes nothing, or is refused: no row.
const silent = (call, status = 200) => told(call, [], { status });

// --------------------------------------------------------------------------------------------------- running workers

const body = (text = 'hello') => ({ contents: [{ role: 'user', parts: [{ text }] }] });
const generate = (options = {}) => pollux.send(`/v1beta/models/${options.model ?? model}:generateContent`, { body: body(options.text), ...options });
const status = (wanted, options) => async () => (await generate(options)).status === wanted;

// Until every answer to ask() is as it is to be after the change that was answered at `at`. Several are asked at once, so
// that each worker answers; whoever is asked a second after the change, or later, has to know of it.
async function acts(what, at, ask, { width = 8 } = {}) {
  let late = at;
  for (let good = 0; good < 2;) {
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: width }, ask));
    good = answers.every(Boolean) ? good + 1 : 0;
    if (good === 0) late = began;
    assert.ok(late - at < MOST_MS, `${what}: ${Math.round(late - at)} ms after the change a worker went by the old state`);
  }
  if (late - at > longest.ms) Object.assign(longest, { ms: late - at, what });
}
// The same for what workers hold in their memory: both have answered.
async function actsOnBoth(what, at, ask) {
  const ids = [];
  await acts(what, at, async () => {
    const { good, id } = await ask();
    if (good) ids.push(id);
    return good;
  });
  await waitFor(`both workers to show: ${what}`, async () => {
    await pollux.settled();
    const [{ n }] = await pollux.sql(`select count(distinct worker)::int as n from pollux.request where id in ('${ids.join("', '")}')`);
    if (n === 2) return true;
    const { good, id } = await ask();
    assert.ok(good, `${what}: a worker went by the old state`);
    ids.push(id);
    return false;
  });
}

// ---------------------------------------------------------------------------------------------------- what there is

let serial = 0;
const fresh = (word) => `${word}-${++serial}`;
const stored = (id) => one(`select c.*, p.name as project, encode(c.sealed, 'hex') is not null as has_secret from pollux.credential c join pollux.project p on p.id = c.project_id where c.id = ${id}`);
const viewed = (id) => one(`select * from report.credentials where id = ${id}`);

// A pool of exactly these keys, which nobody has seen before: key(1), key(2) ... are others each time. Their ids.
async function pool(...numbers) {
  await pollux.sql('select admin.credential_remove(id) from pollux.credential where sealed is not null');
  first += 10;
  return numbers.length === 0 ? [] : (await boss.post('/credentials', { keys: numbers.map(key) })).json().ids;
}
let first = 0;
const key = (n) => keyOf(first + n);
async function addClient(more = {}) {
  const made = (await boss.post('/clients', { name: fresh('client'), ...more })).json();
  secrets.add(made.token);
  return made;
}
async function addAdmin(role = 'operator') {
  const name = fresh('admin');
  const made = (await boss.post('/administrators', { name, role })).json();
  secrets.add(made.password);
  const person = visitor(pollux);
  await person.login(name, made.password);
  return Object.assign(person, { name, id: made.id, password: made.password });
}
const configure = () => boss.post('/accounts/client', { client_id: google.id, secret: google.secret });
const cliAuth = () => visitor(pollux, { cookie: boss.cookie, csrf: boss.csrf, base: '/admin/cli-auth' });
async function account(who) {
  await configure();
  const answer = await cliAuth().post('/import', { credentials: { refresh_token: `1//0planted-refresh-token-of-${who}`, access_token: 'ya29.stale', expiry_date: 1 }, upstream: 'gemini', project: 'cloud-a' });
  assert.equal(answer.status, 200, answer.text);
  return answer.json();
}
const aborted = (answer) => answer.status === 429 || answer.status === 503;
const serves = async () => (await generate()).status === 200;
const servesNot = async () => aborted(await generate());

const cases = {};

// ------------------------------------------------------------------------------------------------------------- doors

cases['POST /admin/api/login'] = async () => {
  const { name, password } = await addAdmin();
  const person = visitor(pollux);
  const { at } = await told(() => person.login(name, password), [['session.login', name, null, null]], { actor: name });
  assert.equal((await one(`select count(*)::int as n from pollux.session s join pollux.admin a on a.id = s.admin_id where a.name = '${name}'`)).n, 2);
  await acts('a session that was opened', at, async () => (await person.get('/session')).status === 200);
  await told(() => visitor(pollux).login(name, 'not the password'), [['session.refused', name, null, null]], { actor: name, status: 401 });
};
cases['POST /admin/api/logout'] = async () => {
  const person = await addAdmin();
  const thief = visitor(pollux, { cookie: person.cookie });
  const { at } = await told(() => person.post('/logout'), [['session.logout', person.name, null, null]], { actor: person.name });
  assert.equal((await one(`select count(*)::int as n from pollux.session where admin_id = ${person.id}`)).n, 0);
  await acts('a session that was ended', at, async () => (await thief.get('/session')).status === 401);
  await silent(() => visitor(pollux, { cookie: thief.cookie, csrf: person.csrf }).post('/logout'), 401);
};
cases['POST /admin/api/logout-all'] = async () => {
  const person = await addAdmin();
  const other = visitor(pollux);
  await other.login(person.name, person.password);
  const { at } = await told(() => person.post('/logout-all'), [['session.logout_all', person.name, null, { sessions: 2 }]], { actor: person.name });
  assert.equal((await one(`select count(*)::int as n from pollux.session where admin_id = ${person.id}`)).n, 0);
  await acts('all sessions that were ended', at, async () => (await other.get('/session')).status === 401);
};
cases['POST /admin/api/password'] = async () => {
  const person = await addAdmin();
  const other = visitor(pollux);
  await other.login(person.name, person.password);
  const { password_at: was } = await one(`select password_at from pollux.admin where id = ${person.id}`);
  await silent(() => person.post('/password', { current: 'not the current one', password: 'another password' }), 400);
  const { at, answer } = await told(() => person.post('/password', { current: person.password, password: 'another password' }),
    [['admin.password', person.name, (v) => v.password_at, (v) => v.password_at]], { actor: person.name });
  secrets.add('another password');
  person.csrf = answer.json().csrf;
  assert.ok(new Date((await one(`select password_at from pollux.admin where id = ${person.id}`)).password_at) > new Date(was));
  await acts('a password that was changed', at, async () => (await other.get('/session')).status === 401 && (await person.get('/session')).status === 200);
  assert.equal((await visitor(pollux).login(person.name, person.password)).status, 401);
  assert.equal((await visitor(pollux).login(person.name, 'another password')).status, 200);
};

// ------------------------------------------------------------------------------------------------------- credentials

cases['POST /admin/api/credentials'] = async () => {
  await pool();
  assert.ok(await servesNot());
  const wish = { keys: [key(1), 'rubbish'], project: fresh('project'), label: 'mine', priority: 7, proxy: '' };
  const { at, json } = await told(() => boss.post('/credentials', wish), [['credential.add', '1 key', null, (v) => v.ids.length === 1]]);
  const [id] = json().ids;
  const { project, label, priority, state } = await viewed(id);
  assert.deepEqual({ project, label, priority, state }, { project: wish.project, label: 'mine', priority: 7, state: 'ready' });
  await acts('a key that was added', at, serves);
  assert.deepEqual(Object.keys((await pollux.sim.stats()).by_key).filter((used) => used === key(1)), [key(1)]);
  await silent(() => boss.post('/credentials', wish));
  await silent(() => boss.post('/credentials', { keys: 17 }), 400);
  const three = { keys: [2, 3, 4].map(key) };
  const { ids } = (await told(() => boss.post('/credentials', three), [['credential.add', '3 keys', null, (v) => v.ids.length === 3]])).json();
  await boss.remove(`/credentials/${id}`);
  await told(() => boss.post('/credentials', wish), [['credential.restore', id, (v) => v.removed_at, (v) => v.removed_at === null]]);
  await boss.post('/credentials/bulk', { action: 'remove', ids });
  await told(() => boss.post('/credentials', three), [['credential.restore', '3 keys', null, { ids }]]);
};
cases['POST /admin/api/credentials/preview'] = async () => {
  await pool(1);
  const before_ = await one('select count(*)::int as n from pollux.credential');
  const { json } = await silent(() => boss.post('/credentials/preview', { keys: [key(1), key(2), key(2)] }));
  assert.deepEqual([json().known, json().new], [2, 1], 'one that stands there twice is new once');
  assert.deepEqual(await one('select count(*)::int as n from pollux.credential'), before_);
};
cases['POST /admin/api/credentials/bulk'] = async () => {
  const ids = await pool(1, 2);
  const bulk = (action, more = {}) => boss.post('/credentials/bulk', { action, ids, ...more });
  const row = (action, more = {}) => [[`credential.${action}`, '2 credentials', null, { ids, ...more }]];
  const states = async () => (await pollux.sql(`select state from report.credentials where id in (${ids}) order by id`)).map(({ state }) => state);
  let { at } = await told(() => bulk('disable'), row('disable'));
  assert.deepEqual(await states(), ['disabled', 'disabled']);
  await acts('many keys that were disabled', at, servesNot);
  await silent(() => bulk('disable'));
  ({ at } = await told(() => bulk('enable'), row('enable')));
  assert.deepEqual(await states(), ['ready', 'ready']);
  await acts('many keys that were enabled', at, serves);
  await told(() => bulk('change', { tags_add: ['eu'], priority: 5 }), row('change', { tags_add: ['eu'], priority: 5 }));
  assert.deepEqual(await one(`select tags, priority from report.credentials where id = ${ids[1]}`), { tags: ['eu'], priority: 5 });
  await silent(() => bulk('change', { tags_add: ['eu'], priority: 5 }));
  await told(() => bulk('test'), row('test'));
  assert.equal((await one(`select count(*)::int as n from report.job_queue where kind = 'probe' and subject in ('${ids.join("', '")}')`)).n, 2);
  await told(() => bulk('reset'), row('reset'));
  ({ at } = await told(() => bulk('remove'), row('remove')));
  assert.deepEqual(await states(), ['removed', 'removed']);
  await acts('many keys that were removed', at, servesNot);
  await silent(() => bulk('remove'));
  ({ at } = await told(() => bulk('restore'), row('restore')));
  await acts('many keys that were brought back', at, serves);
  await bulk('remove');
  await told(() => bulk('purge'), row('purge'));
  assert.deepEqual(await pollux.sql(`select sealed is null as gone from pollux.credential where id in (${ids})`), [{ gone: true }, { gone: true }]);
  await silent(() => boss.post('/credentials/bulk', { action: 'disable', ids: [987654321] }));
  await silent(() => boss.post('/credentials/bulk', { action: 'explode', ids }), 400);
};
cases['PATCH /admin/api/credentials/{id}'] = async () => {
  const [id] = await pool(1);
  const was = await stored(id);
  const wish = { label: 'of the desk', priority: 3, project: fresh('project'), notes: 'n', tags: ['eu'] };
  const set = (change) => boss.patch(`/credentials/${id}`, change);
  await told(() => set(wish), [['credential.set', id, (v) => v.priority === was.priority && v.label === null && v.project_id === was.project_id,
    (v) => v.priority === 3 && v.label === wish.label && v.project_id !== was.project_id && v.tags[0] === 'eu' && v.notes === 'n']]);
  const { label, priority, project, notes, tags } = await stored(id);
  assert.deepEqual({ label, priority, project, notes, tags }, wish);
  await silent(() => set(wish));
  await silent(() => set({ priority: -1 }), 400);
  await silent(() => boss.patch('/credentials/987654321', { priority: 1 }), 404);
  const proxy = await startHttpProxy({ users: { me: 'first-word', you: 'other' } });
  for (const word of ['first-word', 'second-word']) secrets.add(word);
  try {
    let { at } = await told(() => set({ proxy: `http://me:first-word@127.0.0.1:${proxy.port}` }), [['credential.set', id, { proxy_hint: null }, (v) => v.proxy_hint.includes(`127.0.0.1:${proxy.port}`)]]);
    assert.match((await viewed(id)).proxy, /127\.0\.0\.1/);
    proxy.refuse = 502;
    await acts('the proxy of a key', at, async () => (await generate()).status !== 200);
    await told(() => set({ proxy: `http://me:second-word@127.0.0.1:${proxy.port}` }), [['credential.proxy', id, undefined, undefined]]);
    ({ at } = await told(() => set({ proxy: null }), [['credential.set', id, (v) => v.proxy_hint.includes('127.0.0.1'), { proxy_hint: null }]]));
    await boss.post(`/credentials/${id}/reset`);
    await acts('a key without its proxy', performance.now(), serves);
  } finally {
    await proxy.stop();
  }
};
cases['DELETE /admin/api/credentials/{id}'] = async () => {
  const [id] = await pool(1);
  assert.ok(await serves());
  const { at } = await told(() => boss.remove(`/credentials/${id}`), [['credential.remove', id, (v) => v.removed_at === null && v.archived_at === null, (v) => v.removed_at && v.archived_at]]);
  assert.equal((await viewed(id)).state, 'removed');
  assert.equal((await one(`select count(*)::int as n from report.archive where id = ${id}`)).n, 1);
  await acts('a key that was removed', at, servesNot);
  await silent(() => boss.remove(`/credentials/${id}`), 409);
};
cases['POST /admin/api/credentials/{id}/disable'] = async () => {
  const [id, other] = await pool(1, 2);
  const { at } = await told(() => boss.post(`/credentials/${id}/disable`), [['credential.disable', id, { enabled: true }, { enabled: false }]]);
  assert.equal((await viewed(id)).state, 'disabled');
  await pollux.sim.reset();
  const used = async () => (await pollux.sim.stats()).by_key[key(1)]?.calls ?? 0;
  let n = 0;
  await acts('a key that was disabled', at, async () => { const was = n; await generate(); n = await used(); return n === was; }, { width: 1 });
  n = await used();
  await Promise.all(Array.from({ length: 30 }, () => generate()));
  assert.equal(await used(), n, 'the other one is used alone');
  await told(() => boss.post(`/credentials/${other}/disable`), [['credential.disable', other]]);
  await silent(() => boss.post(`/credentials/${id}/disable`));
};
cases['POST /admin/api/credentials/{id}/enable'] = async () => {
  const [id] = await pool(1);
  await boss.post(`/credentials/${id}/disable`);
  assert.ok(await servesNot());
  const { at } = await told(() => boss.post(`/credentials/${id}/enable`), [['credential.enable', id, { enabled: false }, { enabled: true }]]);
  assert.equal((await viewed(id)).state, 'ready');
  await acts('a key that was enabled', at, serves);
  await silent(() => boss.post(`/credentials/${id}/enable`));
  await silent(() => boss.post('/credentials/987654321/enable'), 404);
};
// A key whose day is spent, as Google says.
async function spent() {
  const [id] = await pool(1);
  await pollux.sim.configure({ behaviour: [{ match: { model: '*' }, do: '429-day', times: 1 }] });
  assert.ok(await servesNot());
  await pollux.sim.configure({ behaviour: [] });
  await pollux.settled();
  assert.equal((await viewed(id)).state, 'resting');
  assert.ok(await servesNot());
  return id;
}
cases['POST /admin/api/credentials/{id}/reset'] = async () => {
  const id = await spent();
  const { at } = await told(() => boss.post(`/credentials/${id}/reset`), [['credential.reset', id, (v) => v.state === 'resting', (v) => v.state === 'ready']]);
  assert.equal((await viewed(id)).state, 'ready');
  await acts('a rest that was ended', at, serves);
};
cases['POST /admin/api/credentials/{id}/test'] = async () => {
  const [id] = await pool(1);
  await pollux.sim.reset();
  const { at } = await told(() => boss.post(`/credentials/${id}/test`), [['credential.test', id, null, undefined]]);
  await acts('a test that was asked for', at, async () => (await pollux.sim.stats()).by_key[key(1)]?.calls > 0, { width: 1 });
  await waitFor('the test to be done', async () => (await one(`select state from report.job_queue where kind = 'probe' and subject = '${id}' order by id desc limit 1`)).state === 'done');
  await boss.remove(`/credentials/${id}`);
  await silent(() => boss.post(`/credentials/${id}/test`), 409);
};
cases['POST /admin/api/credentials/{id}/restore'] = async () => {
  const [id] = await pool(1);
  await boss.post(`/credentials/${id}/disable`);
  await boss.remove(`/credentials/${id}`);
  const { at } = await told(() => boss.post(`/credentials/${id}/restore`), [['credential.restore', id, (v) => v.removed_at && v.archived_at && v.enabled === false, (v) => v.removed_at === null && v.archived_at === null && v.enabled]]);
  assert.equal((await viewed(id)).state, 'ready');
  await acts('a key from the archive', at, serves);
  await silent(() => boss.post(`/credentials/${id}/restore`), 409);
};
cases['POST /admin/api/credentials/{id}/purge'] = async () => {
  const [id] = await pool(1);
  await silent(() => boss.post(`/credentials/${id}/purge`), 409);
  await boss.remove(`/credentials/${id}`);
  await told(() => boss.post(`/credentials/${id}/purge`), [['credential.purge', id, (v) => v.archived_at, { archived_at: null }]]);
  assert.equal((await stored(id)).has_secret, false);
  await silent(() => boss.post(`/credentials/${id}/restore`), 409);
};
cases['POST /admin/api/pool/reset'] = async () => {
  const id = await spent();
  const { at } = await told(() => boss.post('/pool/reset'), [['pool.reset', null, null, (v) => Object.keys(v).length > 0]]);
  assert.equal((await viewed(id)).state, 'ready');
  await acts('all rests that were ended', at, serves);
};

// ----------------------------------------------------------------------------------------------------------- clients

cases['POST /admin/api/clients'] = async () => {
  await pool(1);
  const name = fresh('shop');
  const { at, json } = await told(() => boss.post('/clients', { name, rpm: 1000, tpm: 100000, daily_tokens: 5000, models: [model], expires_at: '2099-01-01T00:00:00Z' }),
    [['client.add', name, null, (v) => v.rpm === 1000 && v.tpm === 100000 && v.daily_tokens === 5000 && v.models[0] === model && v.expires_at]]);
  secrets.add(json().token);
  const { rpm, tpm, daily_tokens, models } = await one(`select * from report.clients where name = '${name}'`);
  assert.deepEqual({ rpm, tpm, daily_tokens, models }, { rpm: 1000, tpm: 100000, daily_tokens: 5000, models: [model] });
  await acts('a client that was added', at, status(200, { token: json().token }));
  await silent(() => boss.post('/clients', { name }), 409);
  await silent(() => boss.post('/clients', { name: fresh('shop'), rpm: -1 }), 400);
};
cases['PATCH /admin/api/clients/{id}'] = async () => {
  await pool(1);
  const { id, token, name } = await addClient();
  const set = (change) => boss.patch(`/clients/${id}`, change);
  const view = () => one(`select name, rpm, models, expires_at from report.clients where id = ${id}`);
  let { at } = await told(() => set({ rpm: 0 }), [['client.set', name, { rpm: null }, { rpm: 0 }]]);
  assert.equal((await view()).rpm, 0);
  await acts('a limit of a client', at, status(429, { token }));
  await silent(() => set({ rpm: 0 }));
  ({ at } = await told(() => set({ rpm: null, daily_tokens: 0 }), [['client.set', name, { rpm: 0, daily_tokens: null }, { rpm: null, daily_tokens: 0 }]]));
  await acts('a budget of a client', at, status(429, { token }));
  ({ at } = await told(() => set({ daily_tokens: null, models: ['gemini-2.5-pro'] }), [['client.set', name, { daily_tokens: 0, models: null }, { daily_tokens: null, models: ['gemini-2.5-pro'] }]]));
  assert.deepEqual((await view()).models, ['gemini-2.5-pro']);
  await acts('the models of a client', at, async () => [403, 404].includes((await generate({ token })).status));
  ({ at } = await told(() => set({ models: null, name: `${name} renamed`, tpm: 9 }), [['client.set', `${name} renamed`, (v) => v.name === name && v.tpm === null && v.models, (v) => v.name === `${name} renamed` && v.tpm === 9 && v.models === null]]));
  assert.equal((await view()).name, `${name} renamed`);
  ({ at } = await told(() => set({ tpm: null }), [['client.set']]));
  await acts('a client without limits again', at, status(200, { token }));
  await silent(() => set({ expires_at: '2001-01-01T00:00:00Z' }), 400);
  await silent(() => boss.patch('/clients/987654321', { rpm: 1 }), 404);
  const soon = new Date(Date.now() + 400).toISOString();
  ({ at } = await told(() => set({ expires_at: soon }), [['client.set', undefined, { expires_at: null }, (v) => v.expires_at]]));
  await acts('the end of a client', Math.max(at, performance.now() + Date.parse(soon) - Date.now()), status(401, { token }));
};
cases['DELETE /admin/api/clients/{id}'] = async () => {
  await pool(1);
  const { id, token, name } = await addClient();
  assert.equal((await generate({ token })).status, 200);
  const { at } = await told(() => boss.remove(`/clients/${id}`), [['client.revoke', name, { revoked_at: null }, (v) => v.revoked_at]]);
  assert.ok((await one(`select revoked_at from report.clients where id = ${id}`)).revoked_at);
  await acts('a client that was revoked', at, status(401, { token }));
  await acts('a client that was revoked, of a list', at, async () => (await pollux.send('/v1/models', { token })).status === 401);
  await silent(() => boss.remove(`/clients/${id}`));
};
cases['POST /admin/api/playground'] = async () => {
  await pool(1);
  const name = 'playground of boss';
  const first = await told(() => boss.post('/playground'), [['client.add', name, null, (v) => v.expires_at]]);
  secrets.add(first.json().token);
  await acts('the token of the playground', first.at, status(200, { token: first.json().token }));
  const second = await told(() => boss.post('/playground'), [['client.set', name, (v) => v.expires_at, (v) => v.expires_at]]);
  secrets.add(second.json().token);
  assert.ok((await one(`select expires_at > now() as good from report.clients where name = '${name}'`)).good);
  await acts('a token of the playground that was replaced', second.at, async () => (await generate({ token: first.json().token })).status === 401 && (await generate({ token: second.json().token })).status === 200);
};

// ------------------------------------------------------------------------------------------------------------ models

cases['POST /admin/api/models'] = async () => {
  await pool(1);
  const [name, alias] = [fresh('house-model'), fresh('alias')];
  const set = (change) => boss.post('/models', { name, ...change });
  let { at } = await told(() => set({ upstream_name: model, aliases: [alias], price_input: 2, price_output: 3 }),
    [['model.set', name, (v) => v.upstream_name === null && v.price_input === null, (v) => v.upstream_name === model && v.price_input === 2],
      ['alias.add', alias, null, { model: name }]]);
  assert.deepEqual((await one(`select aliases from report.models where model = '${name}'`)).aliases, [alias]);
  await acts('a model and its alias', at, async () => (await generate({ model: alias })).status === 200 && (await generate({ model: name })).status === 200);
  await acts('an alias in the list of models', at, async () => (await pollux.send('/v1/models')).json().data.some(({ id }) => id === name), { width: 2 });
  await pollux.settled();
  assert.ok((await one(`select sum(cost) > 0 as some from report.usage_by_model where model = '${name}'`)).some, 'its price counts');
  await silent(() => set({ upstream_name: model, aliases: [alias], price_input: 2, price_output: 3 }));
  ({ at } = await told(() => set({ aliases: [] }), [['alias.remove', alias, { model: name }, null]]));
  await acts('an alias that was removed', at, async () => (await generate({ model: alias })).status === 404);
  ({ at } = await told(() => set({ rpm: 1 }), [['model.set', name, { rpm: null }, { rpm: 1 }]]));
  assert.equal((await one(`select rpm from report.models where model = '${name}'`)).rpm, 1);
  await acts('a limit of a model', at, status(429, { model: name }));
  ({ at } = await told(() => set({ rpm: null }), [['model.set', name, { rpm: 1 }, { rpm: null }]]));
  await acts('a model without its limit', at, status(200, { model: name }));
  ({ at } = await told(() => set({ rpd: 1 }), [['model.set', name, { rpd: null }, { rpd: 1 }]]));
  await acts('a limit of a day', at, status(429, { model: name }));
  ({ at } = await told(() => set({ rpd: null, upstream_name: 'gemini-2.5-pro' }), [['model.set', name, { rpd: 1, upstream_name: model }, { rpd: null, upstream_name: 'gemini-2.5-pro' }]]));
  await acts('the name of a model at Google', at, async () => (await generate({ model: name })).json().modelVersion?.includes('pro'));
  ({ at } = await told(() => set({ stream_policy: 'collect' }), [['model.set', name, { stream_policy: null }, { stream_policy: 'collect' }]]));
  await pollux.sim.reset();
  await acts('how answers of a model travel', at, async () => { await generate({ model: name }); return (await pollux.sim.stats()).urls.at(-1).includes('streamGenerateContent'); }, { width: 1 });
  const busy = fresh('busy');
  const setBusy = (change) => boss.post('/models', { name: busy, ...change });
  await setBusy({ upstream_name: 'gemini-2.5-pro', rpm: 1 });
  await acts('a model without a stand-in', performance.now(), status(429, { model: busy }));
  ({ at } = await told(() => setBusy({ fallback: [model] }), [['model.set', busy, { fallback: null }, { fallback: [model] }]]));
  assert.deepEqual((await one(`select fallback from report.models where model = '${busy}'`)).fallback, [model]);
  await acts('the stand-in of a model', at, status(200, { model: busy }));
  const slowly = () => Promise.all(Array.from({ length: 4 }, () => generate({ model: name, text: '[[sim:delay=300,first=300]] x' })));
  ({ at } = await told(() => set({ upstream_name: model, max_concurrency: 1 }), [['model.set', name, { upstream_name: 'gemini-2.5-pro', max_concurrency: null }, { upstream_name: model, max_concurrency: 1 }]]));
  assert.equal((await one(`select max_concurrency from report.models where model = '${name}'`)).max_concurrency, 1);
  await acts('how many requests of a model may be open', at, async () => (await slowly()).some((answer) => answer.status === 429), { width: 1 });
  ({ at } = await told(() => set({ max_concurrency: null }), [['model.set', name, { max_concurrency: 1 }, { max_concurrency: null }]]));
  await acts('a model of which any number may be open', at, async () => (await slowly()).every((answer) => answer.status === 200), { width: 1 });
  await silent(() => set({ rpm: -1 }), 400);
  await silent(() => set({ no_such: 1 }), 400);
};
cases['POST /admin/api/models/remove'] = async () => {
  await pool(1);
  const [name, alias] = [fresh('house-model'), fresh('alias')];
  await boss.post('/models', { name, upstream_name: model, aliases: [alias], rpm: 100 });
  assert.equal((await generate({ model: alias })).status, 200);
  const { at } = await told(() => boss.post('/models/remove', { name }), [['model.remove', name, (v) => v.rpm === 100 && v.upstream_name === model, null], ['alias.remove', alias, { model: name }, null]]);
  assert.equal((await one(`select count(*)::int as n from report.models where model = '${name}' and configured`)).n, 0);
  await acts('a model that was forgotten', at, async () => (await generate({ model: alias })).status === 404 && (await generate({ model: name })).status === 404);
  await silent(() => boss.post('/models/remove', { name }), 404);
};
cases['POST /admin/api/models/reset'] = async () => {
  await spent();
  const { at } = await told(() => boss.post('/models/reset', { name: model }), [['model.reset', model, null, (v) => v.projects === 1]]);
  assert.equal((await one(`select state from report.quota q where model = '${model}' and last_used_at is not null order by last_used_at desc limit 1`)).state, 'ready');
  await acts('the rests of a model', at, serves);
  await silent(() => boss.post('/models/reset', { name: 'never-heard-of' }), 404);
};

// ---------------------------------------------------------------------------------------- settings, policy, captures

const setSetting = (name, value) => boss.patch(`/settings/${name}`, { value });
const resetSetting = (name) => boss.remove(`/settings/${name}`);
const setting = async (name) => (await one(`select value from report.settings where name = '${name}'`)).value;

cases['PATCH /admin/api/settings/{name}'] = async () => {
  await pool(1);
  let { at } = await told(() => setSetting('models_deny', `${model}*`), [['setting.set', 'models_deny', { value: '' }, { value: `${model}*` }]]);
  assert.equal(await setting('models_deny'), `${model}*`);
  await acts('a model that was hidden', at, status(404));
  await acts('a model that was hidden from lists', at, async () => !(await pollux.send('/v1/models')).json().data.some(({ id }) => id === model), { width: 2 });
  await silent(() => setSetting('models_deny', `${model}*`));
  ({ at } = await told(() => setSetting('models_deny', ''), [['setting.set', 'models_deny', { value: `${model}*` }, { value: '' }]]));
  await acts('a model that is shown again', at, serves);
  // Workers hold these themselves.
  ({ at } = await told(() => setSetting('first_byte_timeout_ms', '100'), [['setting.set', 'first_byte_timeout_ms', { value: '120000' }, { value: '100' }]]));
  const slow = async () => { const answer = await generate({ text: '[[sim:delay=700,first=700]] x' }); return { good: answer.status !== 200, id: answer.headers['x-request-id'] }; };
  await boss.patch('/settings/retries', { value: '0' });
  await actsOnBoth('a setting that workers hold', at, slow);
  await resetSetting('first_byte_timeout_ms');
  await resetSetting('retries');
  await boss.post('/pool/reset');
  await pollux.settled();
  await silent(() => setSetting('retention_days', 'for ever'), 400);
  await silent(() => setSetting('no_such_thing', '1'), 404);
};
cases['DELETE /admin/api/settings/{name}'] = async () => {
  await pool(1);
  await setSetting('models_allow', 'gemini-2.5-pro');
  await acts('the only model that is allowed', performance.now(), status(404));
  const { at } = await told(() => resetSetting('models_allow'), [['setting.set', 'models_allow', { value: 'gemini-2.5-pro' }, { value: '' }]]);
  assert.equal(await setting('models_allow'), '');
  await acts('a setting that was put back', at, serves);
  await silent(() => resetSetting('models_allow'));
  await silent(() => resetSetting('no_such_thing'), 404);
};

const clearPolicy = async () => { for (const { id } of (await boss.get('/policy')).json().items) await boss.remove(`/policy/${id}`); };
// How often a request is tried that Google finds too large: once, if no rule says otherwise.
const tries = (wanted) => async () => {
  const answer = await generate({ text: '[[sim:413]] x' });
  const id = answer.headers['x-request-id'];
  await waitFor('the row', async () => (await pollux.sql(`select 1 from pollux.request where id = '${id}'`)).length === 1);
  const { attempts } = await one(`select attempts from pollux.request where id = '${id}'`);
  return { good: wanted(attempts), id };
};
cases['POST /admin/api/policy'] = async () => {
  await clearPolicy();
  await pool(1, 2, 3);
  const { at, json } = await told(() => boss.post('/policy', { status_from: 413, action: 'another' }), [['policy.add', undefined, null, (v) => v.status_from === 413 && v.action === 'another']]);
  assert.equal((await one('select count(*)::int as n from report.error_rules where status_from = 413')).n, 1);
  await actsOnBoth('a rule that was added', at, tries((n) => n > 1));
  assert.equal((await rowsSince(await newest() - 1))[0].subject, String(json().id));
  await silent(() => boss.post('/policy', { status_from: 99999, action: 'another' }), 400);
  await boss.post('/pool/reset');
};
cases['PATCH /admin/api/policy/{id}'] = async () => {
  await clearPolicy();
  await pool(1, 2, 3);
  const { id } = (await boss.post('/policy', { status_from: 413, action: 'another' })).json();
  const set = (change) => boss.patch(`/policy/${id}`, change);
  let { at } = await told(() => set({ enabled: false }), [['policy.disable', id, { enabled: true }, { enabled: false }]]);
  await actsOnBoth('a rule that was switched off', at, tries((n) => n === 1));
  ({ at } = await told(() => set({ enabled: true }), [['policy.enable', id, { enabled: false }, { enabled: true }]]));
  await actsOnBoth('a rule that was switched on', at, tries((n) => n > 1));
  ({ at } = await told(() => set({ action: 'stop', note: 'so' }), [['policy.set', id, { action: 'another', note: null }, { action: 'stop', note: 'so' }]]));
  assert.equal((await one(`select action from report.error_rules where id = ${id}`)).action, 'stop');
  await actsOnBoth('a rule that was changed', at, tries((n) => n === 1));
  await silent(() => set({ action: 'stop', note: 'so' }));
  await silent(() => set({ action: 'explode' }), 400);
  await silent(() => boss.patch('/policy/987654321', { enabled: true }), 404);
};
cases['DELETE /admin/api/policy/{id}'] = async () => {
  await clearPolicy();
  await pool(1, 2, 3);
  const { id } = (await boss.post('/policy', { status_from: 413, action: 'another' })).json();
  await actsOnBoth('a rule that is there', performance.now(), tries((n) => n > 1));
  const { at } = await told(() => boss.remove(`/policy/${id}`), [['policy.remove', id, (v) => v.status_from === 413, null]]);
  assert.equal((await one('select count(*)::int as n from report.error_rules')).n, 0);
  await actsOnBoth('a rule that was removed', at, tries((n) => n === 1));
  await silent(() => boss.remove(`/policy/${id}`), 404);
};
cases['POST /admin/api/policy/test'] = async () => {
  await silent(() => boss.post('/policy/test', { status: 418, body: 'I am a mirror' }));
};

const captured = async (id) => (await pollux.sql(`select 1 from pollux.capture where request_id = '${id}'`)).length === 1;
// Whether an exchange is captured: it is written some moments after its end.
const isCaptured = (wanted) => async () => {
  const { headers } = await generate();
  const id = headers['x-request-id'];
  await pollux.settled();
  const good = wanted ? await waitFor('the capture', () => captured(id), { timeout: 1500 }).catch(() => false) : !(await captured(id));
  return { good: Boolean(good), id };
};
const captureAll = { minutes: 15, share: 1, client: null, model: null, failures: false, texts: true };
cases['POST /admin/api/capture'] = async () => {
  await pool(1);
  await boss.post('/capture/stop');
  const { at } = await told(() => boss.post('/capture', captureAll), [['setting.set', 'capture_share', (v) => v.value !== '1', { value: '1' }], ['setting.set', 'capture_until', { value: 'off' }, (v) => v.value.startsWith('20')]]);
  assert.notEqual(await setting('capture_until'), 'off');
  await actsOnBoth('capturing', at, isCaptured(true));
  await silent(() => boss.post('/capture', { minutes: 0 }), 400);
  await silent(() => boss.post('/capture', { minutes: 10, client: 'nobody of this name' }), 400);
};
cases['POST /admin/api/capture/stop'] = async () => {
  await pool(1);
  await boss.post('/capture', captureAll);
  await actsOnBoth('capturing', performance.now(), isCaptured(true));
  const { at } = await told(() => boss.post('/capture/stop'), [['setting.set', 'capture_until', (v) => v.value.startsWith('20'), { value: 'off' }]]);
  assert.equal(await setting('capture_until'), 'off');
  await actsOnBoth('the end of capturing', at, isCaptured(false));
  await silent(() => boss.post('/capture/stop'));
};
cases['DELETE /admin/api/captures'] = async () => {
  await pool(1);
  await boss.post('/capture', captureAll);
  await actsOnBoth('capturing', performance.now(), isCaptured(true));
  await boss.post('/capture/stop');
  await pollux.settled();
  const { n } = await one('select count(*)::int as n from pollux.capture');
  const { request_id: id } = await one('select request_id from pollux.capture limit 1');
  const from = await newest();
  assert.equal((await boss.get(`/requests/${id}/capture`)).status, 200);
  assert.deepEqual((await rowsSince(from)).map((row) => [row.action, row.subject]), [['capture.look', id]], 'who looks is written down');
  await told(() => boss.remove('/captures'), [['capture.clear', `${n} captures`, null, null]]);
  assert.equal((await one('select count(*)::int as n from pollux.capture')).n, 0);
  await silent(() => boss.remove('/captures'));
};

// -------------------------------------------------------------------------------------------------- jobs, bans, keys

cases['POST /admin/api/jobs/{name}/run'] = async () => {
  await told(async () => waitFor('nobody else to do the maintenance', async () => { const answer = await boss.post('/jobs/expiry/run'); return answer.status !== 409 && answer; }),
    [['job.run', 'expiry', null, (v) => v.failed === false]]);
  assert.deepEqual(await one("select done_by, last_run > now() - interval '5 seconds' as now from report.jobs where name = 'expiry'"), { done_by: 'console', now: true });
  await silent(() => boss.post('/jobs/explode/run'), 404);
};
const visit = (from) => generate({ token: undefined, from });
async function letEverybodyIn() {
  await pool(1);
  const answer = await setSetting('open_access', 'on');
  assert.equal(answer.status, 200, answer.text);
  await acts('open access', performance.now(), async () => (await visit('127.0.0.3')).status === 200);
}
cases['POST /admin/api/bans'] = async () => {
  await letEverybodyIn();
  const ban = (more) => boss.post('/bans', { net: '127.0.0.2', ...more });
  assert.equal((await visit('127.0.0.2')).status, 200);
  const { at } = await told(() => ban({ reason: 'noise' }), [['ban.add', '127.0.0.2', null, (v) => v.reason === 'noise' && v.automatic === false]]);
  assert.equal((await one("select reason from report.bans where net = '127.0.0.2'")).reason, 'noise');
  await acts('a ban', at, async () => [403, 429].includes((await visit('127.0.0.2')).status));
  assert.equal((await visit('127.0.0.3')).status, 200);
  await told(() => ban({ reason: 'more noise' }), [['ban.add', '127.0.0.2', (v) => v.reason === 'noise', (v) => v.reason === 'more noise']]);
  await silent(() => ban({ net: 'nonsense' }), 400);
};
cases['POST /admin/api/bans/lift'] = async () => {
  await letEverybodyIn();
  await boss.post('/bans', { net: '127.0.0.4', reason: 'noise' });
  assert.notEqual((await visit('127.0.0.4')).status, 200);
  const { at } = await told(() => boss.post('/bans/lift', { net: '127.0.0.4' }), [['ban.lift', '127.0.0.4', (v) => v.reason === 'noise', null]]);
  assert.equal((await one("select count(*)::int as n from report.bans where net = '127.0.0.4'")).n, 0);
  await acts('a ban that was lifted', at, async () => (await visit('127.0.0.4')).status === 200);
  await silent(() => boss.post('/bans/lift', { net: '127.0.0.4' }), 404);
  await resetSetting('open_access');
};
const folderRow = () => one('select * from report.keys_folders');
cases['POST /admin/api/folders/sync'] = async () => {
  await pool();
  const { place } = await waitFor('the folder to be known', folderRow);
  await setSetting('keys_folder_s', '86400');
  const file = path.join(folder, 'of the folder');
  writeFileSync(file, `${key(7)}\n`);
  chmodSync(file, 0o644);
  utimesSync(file, new Date(), new Date(Date.now() - 60_000));
  const { at } = await told(() => boss.post('/folders/sync', { place }), [['folder.sync', place, null, null]]);
  await acts('a folder that was read at once', at, async () => (await one("select count(*)::int as n from report.credentials where state = 'ready'")).n === 1, { width: 1 });
  assert.equal((await folderRow()).keys, 1);
  assert.ok(await serves());
  await silent(() => boss.post('/folders/sync', { place: 'nowhere:/at/all' }), 404);
};
cases['POST /admin/api/folders/forget'] = async () => {
  const { place } = await waitFor('the folder to be known', folderRow);
  await pollux.sql(`insert into pollux.keys_folder select (jsonb_populate_record(f, '{"place": "gone:/srv/keys"}')).* from pollux.keys_folder f where place = '${place}'`);
  await told(() => boss.post('/folders/forget', { place: 'gone:/srv/keys' }), [['folder.forget', 'gone:/srv/keys', undefined, { gone: 0 }]]);
  assert.deepEqual((await pollux.sql('select place from report.keys_folders')).map((row) => row.place), [place]);
  await silent(() => boss.post('/folders/forget', { place: 'gone:/srv/keys' }), 404);
};

// ---------------------------------------------------------------------------------------------------- administrators

const person = (id) => one(`select name, role, disabled_at, password_at from report.administrators where id = ${id}`);
cases['POST /admin/api/administrators'] = async () => {
  const name = fresh('admin');
  const { at, json } = await told(() => boss.post('/administrators', { name, role: 'viewer' }), [['admin.add', name, null, (v) => v.role === 'viewer']]);
  secrets.add(json().password);
  assert.equal((await person(json().id)).role, 'viewer');
  await acts('an administrator that was added', at, async () => (await visitor(pollux).login(name, json().password)).status === 200, { width: 2 });
  await silent(() => boss.post('/administrators', { name, role: 'viewer' }), 409);
  await silent(() => boss.post('/administrators', { name: fresh('admin'), role: 'king' }), 400);
};
cases['PATCH /admin/api/administrators/{id}'] = async () => {
  const other = await addAdmin('operator');
  assert.equal((await other.post('/bans/lift', { net: '127.0.0.9' })).status, 404);
  let { at } = await told(() => boss.patch(`/administrators/${other.id}`, { role: 'viewer' }), [['admin.set', other.name, { role: 'operator' }, { role: 'viewer' }]]);
  assert.equal((await person(other.id)).role, 'viewer');
  await acts('a role that was lowered, in an open session', at, async () => (await other.post('/bans/lift', { net: '127.0.0.9' })).status === 403);
  await silent(() => boss.patch(`/administrators/${other.id}`, { role: 'viewer' }));
  ({ at } = await told(() => boss.patch(`/administrators/${other.id}`, { enabled: false }), [['admin.disable', other.name, { disabled_at: null }, (v) => v.disabled_at]]));
  await acts('an administrator that was disabled', at, async () => (await other.get('/session')).status === 401);
  await silent(() => boss.patch(`/administrators/${other.id}`, { enabled: false }));
  await told(() => boss.patch(`/administrators/${other.id}`, { enabled: true }), [['admin.enable', other.name, (v) => v.disabled_at, { disabled_at: null }]]);
  assert.equal((await visitor(pollux).login(other.name, other.password)).status, 200);
  await silent(() => boss.patch('/administrators/987654321', { role: 'viewer' }), 404);
};
cases['POST /admin/api/administrators/{id}/password'] = async () => {
  const other = await addAdmin('operator');
  const { at, json } = await told(() => boss.post(`/administrators/${other.id}/password`), [['admin.password', other.name, (v) => v.password_at, (v) => v.password_at]]);
  secrets.add(json().password);
  await acts('a password that an owner set', at, async () => (await other.get('/session')).status === 401);
  assert.equal((await visitor(pollux).login(other.name, json().password)).status, 200);
  await silent(() => boss.post(`/administrators/${other.id}/password`, { password: 'short' }), 400);
};
cases['DELETE /admin/api/administrators/{id}'] = async () => {
  const other = await addAdmin('operator');
  const { at } = await told(() => boss.remove(`/administrators/${other.id}`), [['admin.remove', other.name, (v) => v.role === 'operator', null]]);
  assert.equal(await person(other.id), undefined);
  await acts('an administrator that was removed', at, async () => (await other.get('/session')).status === 401);
  await silent(() => boss.remove(`/administrators/${other.id}`), 404);
};
cases['POST /admin/api/tokens'] = async () => {
  const name = fresh('token');
  const { at, json } = await told(() => boss.post('/tokens', { name, role: 'viewer' }), [['token.add', name, null, (v) => v.role === 'viewer']]);
  secrets.add(json().token);
  assert.equal((await one(`select role from report.admin_tokens where name = '${name}'`)).role, 'viewer');
  await acts('an admin token that was made', at, async () => (await pollux.send('/admin/stats', { token: json().token })).status === 200);
  await silent(() => boss.post('/tokens', { name: fresh('token'), role: 'king' }), 400);
};
cases['DELETE /admin/api/tokens/{id}'] = async () => {
  const { id, token, name } = (await boss.post('/tokens', { name: fresh('token'), role: 'viewer' })).json();
  const { at } = await told(() => boss.remove(`/tokens/${id}`), [['token.revoke', name, { revoked_at: null }, (v) => v.revoked_at]]);
  assert.ok((await one(`select revoked_at from report.admin_tokens where id = ${id}`)).revoked_at);
  await acts('an admin token that was revoked', at, async () => (await pollux.send('/admin/stats', { token })).status === 401);
  await silent(() => boss.remove(`/tokens/${id}`));
};

// ---------------------------------------------------------------------------------------------------------- accounts

cases['POST /admin/api/accounts/client'] = async () => {
  await boss.remove('/accounts/client');
  const { at } = await told(configure, [['oauth_client.set', google.id, null, (v) => v.client_id === google.id]]);
  assert.equal((await one('select client_id from report.oauth_clients where preferred')).client_id, google.id);
  await acts('an OAuth client', at, async () => (await cliAuth().post('/start', {})).status === 200, { width: 2 });
  await silent(() => boss.post('/accounts/client', { client_id: 'with blanks ', secret: 'GOCSPX-other' }), 400);
};
cases['DELETE /admin/api/accounts/client'] = async () => {
  await configure();
  const { at } = await told(() => boss.remove('/accounts/client'), [['oauth_client.remove', google.id, (v) => v.client_id === google.id, null]]);
  assert.equal((await one('select count(*)::int as n from report.oauth_clients where preferred')).n, 0);
  await acts('an OAuth client that was forgotten', at, async () => (await cliAuth().post('/start', {})).status === 400, { width: 2 });
  await silent(() => boss.remove('/accounts/client'), 404);
};
cases['POST /admin/cli-auth/import'] = async () => {
  await pool();
  await configure();
  assert.ok(await servesNot());
  const { at, json } = await told(() => cliAuth().post('/import', { credentials: { refresh_token: '1//0planted-refresh-token-of-ann', access_token: 'ya29.stale', expiry_date: 1 }, upstream: 'gemini', project: 'cloud-a' }),
    [['account.add', 'ann@example.org', null, (v) => v.new === true && v.upstream === 'gemini']]);
  assert.equal((await viewed(json().id)).kind, 'account');
  await acts('an account that was imported', at, serves);
  await silent(() => cliAuth().post('/import', { credentials: 'nothing of the kind' }), 400);
  const off = await told(() => boss.post(`/credentials/${json().id}/disable`), [['credential.disable', json().id, { enabled: true }, { enabled: false }]]);
  await acts('an account that was disabled', off.at, servesNot);
  const on = await told(() => boss.post(`/credentials/${json().id}/enable`), [['credential.enable', json().id, { enabled: false }, { enabled: true }]]);
  await acts('an account that was enabled', on.at, serves);
  const gone = await told(() => boss.remove(`/credentials/${json().id}`), [['credential.remove', json().id]]);
  await acts('an account that was removed', gone.at, servesNot);
};
cases['POST /admin/cli-auth/start'] = async () => {
  await pool();
  await configure();
  await pollux.sim.configure({ oauth: { consent: 'bob@example.org' } });
  const begun = await silent(() => cliAuth().post('/start', { upstream: 'gemini', project: 'cloud-a' })); // nothing is changed until it ends
  const consent = await fetch(begun.json().url, { redirect: 'manual' });
  const { at, json } = await told(() => cliAuth().post('/import', { url: consent.headers.get('location') }), [['account.add', 'bob@example.org', null, (v) => v.new === true]]);
  assert.equal((await one(`select email from report.accounts where credential_id = ${json().id}`)).email, 'bob@example.org');
  await acts('an account that was logged in', at, serves);
};
cases['POST /admin/api/accounts/projects'] = async () => {
  await pool();
  const { id, email } = await account('carl');
  assert.equal(email, 'carl@example.org');
  const map = (google_project) => boss.post('/accounts/projects', { email, google_project });
  const { at } = await told(() => map('cloud-b'), [['account.map', email, { google_project: null }, { google_project: 'cloud-b' }]]);
  assert.equal((await one(`select google_project from report.account_projects where email = '${email}'`)).google_project, 'cloud-b');
  assert.equal((await one(`select google_project from report.accounts where credential_id = ${id}`)).google_project, 'cloud-b');
  await pollux.sim.reset();
  await acts('the project of an account', at, async () => { await generate(); return (await pollux.sim.stats()).by_project['cloud-a'] === undefined; });
  await silent(() => map('cloud-b'));
  await told(() => map(null), [['account.map', email, { google_project: 'cloud-b' }, { google_project: null }]]);
  await silent(() => map(null));
  await silent(() => boss.post('/accounts/projects', { email: 'nobody', google_project: 'cloud-a' }), 400);
};
cases['POST /admin/api/accounts/{id}/refresh'] = async () => {
  await pool();
  const { id } = await account('ann');
  const { refreshes } = await pollux.sim.control('oauth');
  const { at } = await told(() => boss.post(`/accounts/${id}/refresh`), [['account.refresh', id, null, null]]);
  await acts('a refresh that was asked for', at, async () => (await pollux.sim.control('oauth')).refreshes > refreshes, { width: 1 });
  const [key] = await pool(1);
  await silent(() => boss.post(`/accounts/${key}/refresh`), 409);
};

// ---------------------------------------------------------------------------------- what scripts do, with a token

const script = async () => {
  const name = fresh('script');
  const { token } = (await boss.post('/tokens', { name, role: 'operator' })).json();
  secrets.add(token);
  return { name, call: (method, where, data) => pollux.send(where, { method, body: data, token }) };
};
cases['POST /admin/keys'] = async () => {
  await pool();
  const { name, call } = await script();
  const { at } = await told(() => call('POST', '/admin/keys', { keys: [key(5)] }), [['credential.add', '1 key', null, (v) => v.ids.length === 1]], { actor: `token ${name}` });
  await acts('a key that a script added', at, serves);
  await silent(() => call('POST', '/admin/keys', { keys: [key(5)] }));
};
cases['DELETE /admin/keys/*'] = async () => {
  const [id] = await pool(6);
  const { name, call } = await script();
  const { at } = await told(() => call('DELETE', `/admin/keys/${id}`), [['credential.remove', id, { removed_at: null }, (v) => v.removed_at]], { actor: `token ${name}` });
  assert.equal((await viewed(id)).state, 'removed');
  await acts('a key that a script removed', at, servesNot);
  await silent(() => call('DELETE', `/admin/keys/${id}`), 404);
};
cases['POST /admin/reset'] = async () => {
  const id = await spent();
  const { name, call } = await script();
  const { at } = await told(() => call('POST', '/admin/reset', { credential: id }), [['credential.reset', id, (v) => v.state === 'resting', (v) => v.state === 'ready']], { actor: `token ${name}` });
  await acts('a rest that a script ended', at, serves);
  await silent(() => call('POST', '/admin/reset', { credential: 987654321 }), 404);
  await silent(() => call('POST', '/admin/reset', {}), 400);
};

// ---------------------------------------------------------------------------------------------------------- the walk

const routes = JSON.parse(execFileSync(path.join(build, 'pollux.fcgi'), ['--routes'], { encoding: 'utf8' }))
  .filter((row) => row.path?.startsWith('/admin/') && !/\bGET\b/.test(row.methods)).map((row) => `${row.methods} ${row.path}`);

describe('a change', () => {
  test('has a case for each route, and only for routes', () => {
    assert.ok(routes.length > 45, `${routes.length} routes`);
    assert.deepEqual(Object.keys(cases).filter((route) => !routes.includes(route)), []);
  });
  for (const route of routes) {
    test(route, async () => {
      assert.ok(cases[route], `nobody says what ${route} is to do: add a case`);
      await cases[route]();
    });
  }
  test('acts within a second also when the connections that listen have just been cut, and they are back at once', async () => {
    const listening = (since) => one(`select count(*)::int as n from pg_stat_activity where application_name = 'pollux ears' and backend_start < now() - interval '${since}'`, 'postgres');
    await waitFor('both workers to have listened for a while', async () => (await listening('6 seconds')).n === 2, { timeout: 30_000 });
    await pollux.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pollux ears'`, 'postgres');
    const { id } = (await boss.post('/policy', { status_from: 418, text: 'earless', action: 'another' })).json();
    const at = performance.now();
    await acts('a rule that nobody was told of', at, async () => (await boss.post('/policy/test', { status: 418, body: 'earless' })).json().rule === id);
    await waitFor('them to listen again', async () => (await listening('0 seconds')).n === 2, { timeout: 3000 });
    await boss.remove(`/policy/${id}`);
  });
  test('leaves no secret in the audit or the events', async () => {
    const { text } = await one("select coalesce(string_agg(a::text, ' '), '') as text from (select to_jsonb(a) as a from pollux.audit a union all select to_jsonb(e) from pollux.event e) x");
    assert.ok(secrets.size > 60 && !secrets.has(undefined), String(secrets.size));
    for (const secret of secrets) assert.ok(!text.includes(secret), secret);
  });
});
