// SPDX-License-Identifier: MIT
// Who may enter the console, and what keeps everybody else out.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startPollux } from '../lib/pollux.mjs';
import { build } from '../lib/places.mjs';
import { signIn, visitor } from '../lib/console.mjs';
import { send } from '../lib/http.mjs';
import { projects } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';

let pollux, boss;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(1) }, settings: { POLLUX_WORKERS: '2' } });
  boss = await signIn(pollux);
});
after(() => pollux?.stop());

const audit = (action) => pollux.sql(`select actor, remote, subject, before, after from pollux.audit where action = '${action}' order by id`);
const patient = (value) => pollux.cli('setting', 'set', 'login_free_attempts', String(value));

test('the first start makes an administrator and prints the password, later ones do not', async () => {
  assert.match(pollux.said, /^Console: .*\/admin\/ \(sign in as admin with the password \S{27}\)$/m);
  const password = /password (\S{27})\)/.exec(pollux.said)[1];
  assert.equal((await visitor(pollux).login('admin', password)).status, 200);
  const stored = await pollux.sql('select to_jsonb(a)::text as row from pollux.admin a');
  assert.ok(!JSON.stringify(stored).includes(password));
});
test('signing in answers who one is, and sets a cookie that scripts and other sites cannot use', async () => {
  const person = visitor(pollux);
  const answer = await person.login('BOSS', boss.password);
  const session = answer.json();
  assert.equal(session.name, 'boss');
  assert.equal(session.role, 'owner');
  const [cookie] = answer.headers['set-cookie'];
  assert.match(cookie, /^pollux_session=[\w-]{40,}; Path=\/admin; HttpOnly; SameSite=Strict$/);
  assert.match(answer.headers['cache-control'], /no-store/);
  assert.deepEqual({ ...(await person.get('/session')).json(), now: 0 }, { ...session, now: 0 });
  const rows = JSON.stringify(await pollux.sql('select to_jsonb(s)::text as row from pollux.session s'));
  assert.ok(!rows.includes(person.cookie.split('=')[1]), 'the database keeps only a hash of it');
});
test('a browser on https gets a Secure cookie', async () => {
  const person = visitor(pollux, { origin: pollux.origin.replace('http:', 'https:') });
  const answer = await person.login('boss', boss.password);
  assert.match(answer.headers['set-cookie'][0], /; Secure$/);
});
test('a wrong password, a wrong name and a disabled account get the same answer', async () => {
  await patient(50);
  const { password } = await pollux.cli('admin', 'add', 'gone');
  await pollux.cli('admin', 'disable', 'gone');
  const answers = [
    await visitor(pollux).login('boss', 'wrong wrong wrong'), await visitor(pollux).login('nobody', 'wrong wrong wrong'),
    await visitor(pollux).login('gone', password),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 401);
    assert.equal(answer.text, answers[0].text);
    assert.equal(answer.headers['set-cookie'], undefined);
  }
});
test('a stolen cookie is dead after logout, also on the other worker', async () => {
  const person = visitor(pollux);
  await person.login('boss', boss.password);
  const thief = visitor(pollux, { cookie: person.cookie, csrf: person.csrf });
  assert.equal((await thief.get('/session')).status, 200);
  assert.equal((await person.post('/logout')).status, 200);
  assert.equal(person.cookie, null);
  for (let i = 0; i < 6; i++) assert.equal((await thief.get('/session')).status, 401);
  assert.equal((await boss.get('/session')).status, 200, 'other sessions live on');
});
test('a change of password ends all other sessions and renews the cookie of this one', async () => {
  const owner = await signIn(pollux, 'changer');
  const [elsewhere, thief] = [visitor(pollux), visitor(pollux, { cookie: owner.cookie, csrf: owner.csrf })];
  await elsewhere.login('changer', owner.password);
  assert.equal((await owner.post('/password', { current: 'not the current one', password: 'a new password' })).status, 400);
  assert.equal((await owner.post('/password', { current: owner.password, password: 'short' })).status, 400);
  const answer = await owner.post('/password', { current: owner.password, password: 'a new password' });
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await elsewhere.get('/session')).status, 401);
  assert.equal((await thief.get('/session')).status, 401, 'the cookie as it was before');
  assert.equal((await owner.get('/session')).status, 200);
  owner.csrf = answer.json().csrf;
  assert.equal((await owner.patch('/settings/wait_limit_ms', { value: 1234 })).status, 200);
  assert.equal((await visitor(pollux).login('changer', owner.password)).status, 401);
  assert.equal((await visitor(pollux).login('changer', 'a new password')).status, 200);
});
test('pollux admin passwd, disable and remove end sessions', async () => {
  for (const [verb, name] of [['passwd', 'p1'], ['disable', 'p2'], ['remove', 'p3']]) {
    const person = await signIn(pollux, name);
    await pollux.cli('admin', verb, name);
    assert.equal((await person.get('/session')).status, 401, verb);
  }
});
test('sign out everywhere', async () => {
  const one = await signIn(pollux, 'everywhere');
  const two = visitor(pollux);
  await two.login('everywhere', one.password);
  assert.equal((await one.get('/sessions')).json().items.length, 2);
  assert.equal((await two.post('/logout-all')).json().sessions, 2);
  assert.equal((await one.get('/session')).status, 401);
});
test('sessions end when nothing is done, and after their time', async () => {
  const person = await signIn(pollux, 'sleeper');
  await pollux.sql(`update pollux.session set seen_at = seen_at - interval '119 minutes' where admin_id = (select id from pollux.admin where name = 'sleeper')`);
  assert.equal((await person.get('/session')).status, 200, 'a minute is left, and this counts as being there');
  await pollux.sql(`update pollux.session set seen_at = seen_at - interval '121 minutes' where admin_id = (select id from pollux.admin where name = 'sleeper')`);
  assert.equal((await person.get('/session')).status, 401);
  await person.login('sleeper', person.password);
  await pollux.sql(`update pollux.session set expires_at = now() where admin_id = (select id from pollux.admin where name = 'sleeper')`);
  assert.equal((await person.get('/session')).status, 401);
});
test('who signs in where somebody is signed in ends that session', async () => {
  const person = await signIn(pollux, 'first');
  const { password } = await pollux.cli('admin', 'add', 'second', '--role', 'viewer');
  const left = visitor(pollux, { cookie: person.cookie });
  assert.equal((await person.login('second', 'not the password')).status, 401);
  assert.equal((await left.get('/session')).status, 200, 'a wrong password ends nothing');
  assert.equal((await person.login('second', password)).status, 200);
  assert.equal((await person.get('/session')).json().name, 'second');
  assert.equal((await left.get('/session')).status, 401);
  assert.equal((await visitor(pollux).login('second\u0000', password)).status, 400);
});
test('how one gets in, and for how long, only owners say', async () => {
  const person = await signIn(pollux, 'middle', 'operator');
  assert.equal((await person.patch('/settings/wait_limit_ms', { value: '1234' })).status, 200);
  for (const name of ['session_hours', 'session_idle_minutes', 'login_free_attempts', 'login_wait_most']) {
    assert.equal((await person.patch(`/settings/${name}`, { value: '100' })).status, 403, name);
    assert.equal((await person.remove(`/settings/${name}`)).status, 403, name);
  }
  assert.equal((await boss.patch('/settings/session_hours', { value: '13' })).status, 200);
  assert.equal((await boss.remove('/settings/session_hours')).json().value, '12');
});
test('a page that is left open keeps nobody signed in', async () => {
  const person = await signIn(pollux, 'away');
  const back = (minutes) => pollux.sql(`update pollux.session set seen_at = seen_at - interval '${minutes} minutes' where admin_id = (select id from pollux.admin where name = 'away')`);
  const alone = (path) => person.call('GET', path, undefined, { 'x-pollux-idle': '1' });
  await back(119);
  for (const where of ['/overview', '/session', '/requests']) assert.equal((await alone(where)).status, 200, where);
  await back(2);
  assert.equal((await alone('/overview')).status, 401);
});
test('guessing is slowed down, is not looked at meanwhile, and recovers', async () => {
  const { password } = await pollux.cli('admin', 'add', 'target');
  await pollux.sql('delete from pollux.login_gate');
  await patient(5);
  const guesses = await Promise.all(Array.from({ length: 20 }, () => visitor(pollux).login('target', 'guess guess guess')));
  const refused = guesses.filter((answer) => answer.status === 429);
  assert.ok(guesses.filter((answer) => answer.status === 401).length <= 6, guesses.map((answer) => answer.status).join(' '));
  assert.ok(refused.every((answer) => Number(answer.headers['retry-after']) >= 1));
  await pollux.sql(`update pollux.login_gate set open_at = now() + interval '5 seconds'`);
  const early = await visitor(pollux).login('target', password);
  assert.equal(early.status, 429, 'not even the right password');
  assert.ok(Number(early.headers['retry-after']) <= 5);
  await pollux.sql('update pollux.login_gate set open_at = now()');
  assert.equal((await visitor(pollux).login('target', password)).status, 200, 'afterwards the right one is taken');
  assert.equal((await pollux.sql('select * from pollux.login_gate')).length, 0, 'and all is forgotten');
});
test('who guesses at an account from elsewhere does not lock out its owner', async () => {
  await pollux.sql(`insert into pollux.login_gate values ('account:boss', 100, now(), now() + interval '1 hour')`);
  assert.equal((await visitor(pollux).login('boss', boss.password)).status, 200, 'an address that boss signed in from before');
  await pollux.sql(`update pollux.admin set known_from = '{}' where name = 'boss'`);
  await pollux.sql(`insert into pollux.login_gate values ('account:boss', 100, now(), now() + interval '1 hour') on conflict do nothing`);
  assert.equal((await visitor(pollux).login('boss', boss.password)).status, 429);
  await pollux.sql('delete from pollux.login_gate');
});
test('one address that has to wait keeps nobody else out, and its owner\'s password opens only what is his', async () => {
  const guess = (name, password, from) => send(pollux.url, '/admin/api/login', { body: { name, password }, from, headers: { origin: pollux.origin } });
  const { password } = await pollux.cli('admin', 'add', 'wanted');
  const { password: other } = await pollux.cli('admin', 'add', 'neighbour', '--role', 'viewer');
  await patient(5);
  await pollux.sql('delete from pollux.login_gate');
  for (let i = 0; i < 6; i++) assert.equal((await guess('wanted', 'wrong wrong wrong', '127.0.0.66')).status, 401);
  await pollux.sql(`update pollux.login_gate set open_at = now() + case when key like 'address:%' then interval '800 seconds' else interval '0' end`);
  for (let i = 0; i < 3; i++) assert.equal((await guess('wanted', 'wrong wrong wrong', '127.0.0.66')).status, 429);
  assert.equal((await guess('wanted', password, '127.0.0.77')).status, 200, 'the account was not shut again and again');
  const guesses = [];
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 3; j++) guesses.push((await guess('wanted', 'wrong wrong wrong', '127.0.0.77')).status);
    assert.equal((await guess('neighbour', other, '127.0.0.77')).status, 200);
  }
  assert.ok(guesses.filter((status) => status === 401).length <= 7, `who may sign in at an address cannot guess at others there without end: ${guesses.join(' ')}`);
  await pollux.sql('delete from pollux.login_gate');
});
test('a flood of sign-ins neither takes the memory nor keeps requests from being served', async () => {
  await patient(100);
  const flood = Promise.all(Array.from({ length: 60 }, (_, i) => visitor(pollux).login(`nobody${i}`, 'guess guess guess')));
  const answer = await pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { body: { contents: [{ parts: [{ text: 'x' }] }] } });
  assert.equal(answer.status, 200);
  const peaks = await Promise.all((await pollux.workers()).map(async (pid) => Number(/VmHWM:\s+(\d+)/.exec(await (await import('node:fs/promises')).readFile(`/proc/${pid}/status`, 'utf8'))[1])));
  const statuses = (await flood).map((one) => one.status);
  assert.ok(statuses.every((status) => [401, 429, 503].includes(status)), statuses.join(' '));
  assert.ok(Math.max(...peaks) < 300_000, `${peaks} kB`);
  await pollux.sql('delete from pollux.login_gate');
});
test('what a setting is changed to is in psql and in the audit, and acts on the workers within a second', async () => {
  const answer = await boss.patch('/settings/retention_days', { value: '31' });
  assert.equal(answer.json().value, '31');
  assert.equal((await pollux.sql(`select value from pollux.setting where name = 'retention_days'`))[0].value, '31');
  const row = (await audit('setting.set')).findLast((one) => one.subject === 'retention_days');
  assert.deepEqual(row, { actor: 'boss', remote: '127.0.0.1', subject: 'retention_days', before: { value: '30' }, after: { value: '31' } });
  await waitFor('the workers to take it up', async () => (await pollux.sql(`select bool_and(beat_at > changed_at) as heard
    from pollux.worker, pollux.setting where name = 'retention_days' and left_at is null`))[0].heard, { timeout: 2000 });
  const refused = await boss.patch('/settings/retention_days', { value: 'for ever' });
  assert.equal(refused.status, 400);
  assert.match(refused.json().error.message, /whole number from 2 to 3650/);
  const unknown = await boss.patch('/settings/no_such_thing', { value: '1' });
  assert.equal(unknown.status, 404);
  assert.match(unknown.json().error.hint, /Settings: strategy/);
  assert.equal((await boss.remove('/settings/retention_days')).json().value, '30');
  await pollux.cli('setting', 'set', 'retention_days', '32');
  assert.match((await audit('setting.set')).at(-1).actor, /^pollux_owner \(pollux\)$/, 'the command line is audited as well');
});

// The table of routes itself is walked, so that a new route is covered the day it is made.
const routes = JSON.parse(execFileSync(path.join(build, 'pollux.fcgi'), ['--routes'], { encoding: 'utf8' })).filter((row) => row.path?.startsWith('/admin/api/') && !row.path.endsWith('*'))
  .map((row) => ({ method: row.methods, path: row.path.slice('/admin/api'.length).replaceAll(/\{\w+\}/g, '1') }));
const changing = routes.filter((row) => row.method !== 'GET');
const own = ['/login', '/logout', '/logout-all', '/password'];

test('every route that changes something is refused without a CSRF token, to a page of another site, to viewers and to client tokens', async () => {
  const viewer = await signIn(pollux, 'looker', 'viewer');
  assert.ok(changing.length > 25, `${changing.length} routes`);
  const before = await pollux.sql('select count(*)::int as n from pollux.audit');
  for (const { method, path: where } of changing) {
    const said = (answer, what) => `${method} ${where} ${what}: ${answer.status} ${answer.text.slice(0, 200)}`;
    const refused = async (what, status, person, headers = {}) => {
      const answer = await person.call(method, where, {}, headers);
      assert.equal(answer.status, status, said(answer, what));
      assert.equal(typeof answer.json().error.message, 'string');
    };
    await refused('from a foreign page', 403, { ...boss, call: boss.call }, { origin: 'https://evil.example' });
    await refused('from no page', 403, boss, { origin: 'null' });
    await refused('from a page of an extension', 403, boss, { origin: pollux.origin.replace('http', 'chrome-extension') });
    await refused('from a page of another port', 403, boss, { origin: `${pollux.origin}0` });
    await refused('from another site, as the browser says', 403, boss, { 'sec-fetch-site': 'cross-site' });
    if (where === '/login') continue;
    await refused('without a CSRF token', 403, boss, { 'x-csrf-token': '' });
    await refused("with another session's CSRF token", 403, boss, { 'x-csrf-token': viewer.csrf });
    await refused('without a session', 401, visitor(pollux));
    await refused('with a client token', 401, visitor(pollux), { authorization: `Bearer ${pollux.token}`, 'x-goog-api-key': pollux.token });
    await refused('as a form', 415, boss, { 'content-type': 'application/x-www-form-urlencoded' });
    if (!own.includes(where)) await refused("with a viewer's session", 403, viewer);
  }
  assert.deepEqual(await pollux.sql('select count(*)::int as n from pollux.audit'), before, 'nothing was done');
});
test('what is wrong with a value is told in words for people, whatever was sent', async () => {
  const ways = [['GET', '/credentials?after=["x"]'], ['GET', '/credentials?after=[99999999999999999999]'], ['GET', '/clients?after=[true]'], ['GET', '/requests?after=["x","y"]'],
    ['GET', '/requests?after=["2026-01-01T00:00:00Z","x"]'], ['GET', '/requests?from=infinity'], ['GET', '/credentials/x/attempts'], ['GET', '/audit?after=[[1]]'],
    ['POST', '/clients', { name: 'a', models: true }], ['POST', '/clients', { name: 'a', expires_at: 'infinity' }], ['POST', '/credentials/bulk', { action: 'test', ids: [1], after: '[{}]' }],
    ['POST', '/policy', { status_from: 429, action: 'another', enabled: 'perhaps' }], ['POST', '/bans', { net: '198.51.100.7', ends_at: 'never' }], ['POST', '/models', { name: 'a', aliases: 7 }],
    ['PATCH', '/settings/retention_days', '{"value": "1'], ['PATCH', '/settings/retention_days', { value: 'a'.repeat(1_100_000) }]];
  for (const [method, where, body] of ways) {
    const answer = await boss.call(method, where.replaceAll('"', '%22'), body, body ? { 'content-type': 'application/json' } : {});
    const said = `${method} ${where}: ${answer.status} ${answer.text.slice(0, 300)}`;
    assert.ok(answer.status === 400 || answer.status === 413, said);
    assert.doesNotMatch(answer.json().error.message, /input syntax|out of range|bigint|timestamp|extract elements|type |constraint|POLLUX_/, said);
  }
});
test('changes that get in each other\'s way are all made', async () => {
  const { ids } = (await boss.post('/credentials', { keys: Array.from({ length: 12 }, (_, i) => `AIzaSyCROSSING-000000000000000000000${String(i).padStart(3, '0')}`), project: 'crossing' })).json();
  const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => (i % 3 === 0
    ? boss.post('/credentials/bulk', { action: i % 2 ? 'disable' : 'enable', ids })
    : boss.patch(`/credentials/${ids[(i * 5) % 12]}`, { project: i % 2 ? 'crossing' : 'crossed', priority: i }))));
  assert.deepEqual(answers.filter((answer) => answer.status !== 200).map((answer) => `${answer.status} ${answer.text}`), []);
  await boss.post('/credentials/bulk', { action: 'remove', ids });
});
test('every route that only looks wants a session, and answers JSON or a table', async () => {
  for (const { method, path: where } of routes.filter((row) => row.method === 'GET')) {
    assert.equal((await visitor(pollux).call(method, where)).status, 401, where);
    assert.equal((await visitor(pollux).call(method, where, undefined, { authorization: `Bearer ${pollux.token}` })).status, 401, where);
    const answer = await boss.call(method, where);
    assert.ok([200, 400, 404].includes(answer.status), `${where}: ${answer.status} ${answer.text}`);
    if (answer.status === 200) assert.match(answer.headers['content-type'], where.endsWith('export') ? /^text\/csv/ : /^application\/json/);
    assert.match(answer.headers['cache-control'], /no-store/);
  }
});
test('keys are looked at, added, changed in many and removed, and never seen again', async () => {
  const [one, two] = ['AIzaSyCONSOLE-0000000000000000000000001', 'AIzaSyCONSOLE-0000000000000000000000002'];
  const preview = (await boss.post('/credentials/preview', { keys: [one, two, 'short', 'with space'] })).json();
  assert.deepEqual([preview.new, preview.known, preview.malformed_count], [2, 0, 3]);
  assert.ok(!JSON.stringify(preview).includes(one));
  const added = (await boss.post('/credentials', { keys: [one, two], project: 'desk', label: 'of the desk' })).json();
  assert.equal(added.new, 2);
  assert.equal((await boss.post('/credentials', { keys: `${one}\n${two}` })).json().known, 2);
  assert.equal((await boss.get('/credentials?q=desk')).json().total, 2);
  const done = (await boss.post('/credentials/bulk', { action: 'disable', ids: added.ids })).json();
  assert.deepEqual(done, { done: 2, seen: 2, left: 0, next: null, ids: added.ids });
  const proxied = (await boss.patch(`/credentials/${added.ids[1]}`, { proxy: 'socks5h://me:secretpass@127.0.0.1:1080', notes: 'n' })).json();
  assert.match(proxied.proxy, /127\.0\.0\.1:1080/);
  assert.ok(!JSON.stringify(proxied).includes('secretpass'));
  assert.equal((await boss.patch(`/credentials/${added.ids[1]}`, { proxy: 'gopher://x' })).status, 400);
  assert.equal((await boss.patch(`/credentials/${added.ids[1]}`, { proxy: '' })).json().proxy, null);
  const table = (await boss.get('/credentials/export?project=desk')).text;
  assert.equal(table.trim().split('\r\n').length, 3);
  assert.equal((await boss.remove(`/credentials/${added.ids[0]}`)).json().state, 'removed');
  const everything = await pollux.sql("select coalesce(string_agg(a::text, ' '), '') as text from (select to_jsonb(a) as a from pollux.audit a union all select to_jsonb(e) from pollux.event e) x");
  for (const key of [one, two, 'secretpass']) assert.ok(!table.includes(key) && !everything[0].text.includes(key));
});
test('a NUL in a text is refused in words that say so', async () => {
  const answer = await boss.post('/clients', { name: 'a\u0000b' });
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.json().error.message, /holds the character NUL/);
});
test('a table that cannot be finished does not look whole', async (t) => {
  await pollux.sql('alter function admin.console_usage_export(jsonb) rename to console_usage_export_kept');
  t.after(() => pollux.sql(`drop function admin.console_usage_export(jsonb);
    alter function admin.console_usage_export_kept(jsonb) rename to console_usage_export`));
  await pollux.sql(`create function admin.console_usage_export(p jsonb) returns jsonb language plpgsql as $$ begin
    if p ? 'after' then raise exception 'the second piece'; end if;
    perform pg_sleep(0.3);
    return jsonb_build_object('text', e'a,b\r\n', 'next', 'more'); end $$`);
  const broken = async (name, get) => {
    const answer = await get.catch((error) => ({ error }));
    assert.ok(answer.error || !answer.complete, `${name}: it ended well: ${answer.text}`);
  };
  await broken('at once', boss.get('/usage/export'));
  // A web server that was busy meanwhile meets the beginning together with the missing end.
  const web = -Number(readFileSync(path.join(pollux.home, 'run/web.pid'), 'utf8').split('\n')[0]);
  const ended = () => readFileSync(path.join(pollux.home, 'log/workers.log'), 'utf8').split('was broken off: ').length;
  const before = ended();
  const late = boss.get('/usage/export').catch((error) => ({ error }));
  await waitFor('the first piece to be asked for', async () => (await pollux.sql("select 1 from pg_stat_activity where wait_event = 'PgSleep'")).length === 1);
  process.kill(web, 'SIGSTOP');
  await waitFor('the second piece to fail', () => ended() > before);
  process.kill(web, 'SIGCONT');
  await broken('late', late);
});
test('a token is shown once and works at once; the log shows the request and its attempt', async () => {
  const made = (await boss.post('/clients', { name: 'from the console', rpm: 100 })).json();
  assert.match(made.token, /^plx_/);
  const answer = await pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { token: made.token, body: { contents: [{ parts: [{ text: 'x' }] }] } });
  assert.equal(answer.status, 200);
  await pollux.settled();
  const { items } = (await boss.get('/requests?client=from+the+console')).json();
  assert.equal(items.length, 1);
  const one = (await boss.get(`/requests/${items[0].id}`)).json();
  assert.deepEqual(one.tries.map((row) => row.outcome), ['ok']);
  assert.match((await boss.get('/requests/export?client=from+the+console')).text, new RegExp(items[0].id));
  assert.ok(!(await boss.get('/clients')).text.includes(made.token));
  assert.equal((await boss.remove(`/clients/${made.id}`)).json().state, 'revoked');
  assert.equal((await pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { token: made.token, body: {} })).status, 401);
  const overview = (await boss.get('/overview')).json();
  assert.ok(overview.requests.total >= 1 && overview.credentials.ready >= 1, JSON.stringify(overview).slice(0, 500));
});
