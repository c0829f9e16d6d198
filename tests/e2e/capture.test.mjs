// SPDX-License-Identifier: MIT
// Two things that have to do with what lies in the database: exchanges that are captured for debugging, and the rotation
// of the master key, while requests are served.
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { run, startPollux } from '../lib/pollux.mjs';
import { signIn } from '../lib/console.mjs';
import { startLoad, stopLoads } from '../lib/load.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';

const model = 'gemini-2.5-flash';
const generate = `/v1beta/models/${model}:generateContent`;
const body = (text = 'hello', ...parts) => ({ contents: [{ role: 'user', parts: [{ text }, ...parts] }] });
const chat = (text, more = {}) => ({ model, messages: [{ role: 'user', content: text }], ...more });
const client = { id: '123-test.apps.googleusercontent.com', secret: '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' };
const refresh = '1//0planted-refresh-token-of-the-account';

let pollux;
let boss;
let viewer;
before(async () => {
  pollux = await startPollux({ sim: { projects: [...projects(3), { id: 'cloud-a' }], oauth: { clients: [client], accounts: [{ email: 'user@example.org', refresh_token: refresh, projects: ['cloud-a'], state: 'ok' }] } }, keys: false, settings: { POLLUX_WORKERS: '2' } });
  await pollux.addProjects(projects(3));
  boss = await signIn(pollux);
  viewer = await signIn(pollux, 'looker', 'viewer');
});
after(() => pollux?.stop());

// Until the workers go by what was just set: a heartbeat of each has begun since.
const heard = () => pollux.setting('metrics_models', 50 + (beats++ % 9));
let beats = 1;

describe('capture', () => {
  beforeEach(async () => {
    await boss.remove('/captures');
    await boss.post('/capture/stop');
    await heard();
  });
  after(async () => {
    await boss.post('/capture/stop');
    await boss.remove('/captures');
  });

  const start = async (more = {}) => {
    const answer = await boss.post('/capture', { minutes: 15, share: 1, client: null, model: null, failures: false, texts: true, ...more });
    assert.equal(answer.status, 200, answer.text);
    await heard();
    return answer.json();
  };
  const ids = async () => (await pollux.sql('select request_id as id from pollux.capture order by at')).map(({ id }) => id);
  const look = async (id) => {
    const answer = await waitFor('the capture', async () => { const one = await boss.get(`/requests/${id}/capture`); return one.status === 200 && one; });
    return answer.json();
  };
  const ask = async (where, what, more = {}) => {
    const answer = await pollux.send(where, { body: what, ...more });
    return { answer, id: answer.headers['x-request-id'] };
  };

  test('it is off until somebody switches it on', async () => {
    const state = (await viewer.get('/capture')).json();
    assert.deepEqual([state.on, state.until, state.held], [false, null, 0]);
    const { id } = await ask(generate, body());
    await pollux.settled();
    assert.deepEqual(await ids(), []);
    assert.equal((await boss.get(`/requests/${id}`)).json().captured, false);
    assert.equal((await boss.get(`/requests/${id}/capture`)).status, 404);
  });

  test('a native exchange: what was asked, sent and answered, byte for byte where nothing is secret', async () => {
    const state = await start();
    assert.ok(state.on && Math.abs(new Date(state.until) - Date.now() - 900_000) < 20_000, state.until);
    const { answer, id } = await ask(generate, body('a plain question'), { headers: { 'x-goog-api-client': 'genai-test/1.0' } });
    const one = await look(id);
    assert.equal(one.request.method, 'POST');
    assert.equal(one.request.url, generate);
    assert.deepEqual(JSON.parse(one.request.body.text), body('a plain question'));
    assert.deepEqual([one.attempts.length, one.calls], [1, 1]);
    const [{ sent, came, ...attempt }] = one.attempts;
    assert.deepEqual([attempt.n, attempt.model, sent.same, sent.body], [1, model, true, null]);
    assert.match(sent.url, new RegExp(`${generate}$`));
    assert.ok(sent.headers.some(([name, value]) => name === 'x-goog-api-client' && value === 'genai-test/1.0'), JSON.stringify(sent.headers));
    assert.deepEqual([came.status, came.body.text, came.body.cut], [200, answer.text, false]);
    assert.deepEqual([one.answer.status, one.answer.body.text, one.answer.body.bytes], [200, answer.text, answer.body.length]);
    assert.ok(new Date(one.expires_at) - new Date(one.at) === 24 * 3600_000);
    assert.equal((await boss.get(`/requests/${id}`)).json().captured, true);
  });

  test('nothing secret is in it: keys and tokens wherever they stand, cookies, pictures', async () => {
    await start();
    const planted = [pollux.token, keyOf(1), keyOf(2), keyOf(3), 'plx_planted-token-of-somebody-else', 'hunter2-of-the-config', 'ya29.planted-access-token', 'cookie-of-a-browser', Buffer.from(`u:${pollux.token}`).toString('base64')];
    const picture = Buffer.from('not really a picture, but data all the same '.repeat(40)).toString('base64');
    const text = `my key is ${keyOf(1)}, escaped A\u0049za; Authorization: Bearer ${planted[6]}; and ${planted[4]}`;
    const asked = [
      await ask(`${generate}?key=${pollux.token}`, body(text, { inlineData: { mimeType: 'image/png', data: picture } }, { text: JSON.stringify({ password: planted[5] }) }), { headers: { cookie: `session=${planted[7]}`, 'x-their-token': planted[7], 'user-agent': `agent ${pollux.token}` } }),
      await ask(generate, JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'x' }] }], labels: { api_key: planted[5] } }), { token: null, headers: { authorization: `Basic ${planted[8]}` } }),
      await ask('/v1/chat/completions', chat([{ type: 'text', text }, { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } }], { stream: true })),
      await ask(generate, body(`[[sim:dump]] ${keyOf(2)}`)),
      await ask(generate, body('[[sim:headers]] what arrived')),
      await ask(generate, body('hello'), { token: `${pollux.token}x` }),
      await ask(generate, `{"contents": "${keyOf(3)}`),
    ];
    await pollux.settled();
    for (const { id } of asked) await look(id);
    const everything = await pollux.sql('select exchange::text as text from pollux.capture');
    assert.equal(everything.length, asked.length);
    for (const { text: kept } of everything) {
      for (const secret of planted) assert.ok(!kept.includes(secret) && !kept.includes(secret.slice(4, 24)), `${secret} in ${kept}`);
      assert.ok(!kept.includes(picture.slice(0, 60)), 'the picture');
    }
    const first = await look(asked[0].id);
    assert.match(first.request.body.text, /\[1760 bytes of base64\]/);
    assert.match(first.request.body.text, /my key is AIza\*\*\*/);
    assert.ok(!first.request.headers.some(([name]) => ['authorization', 'cookie', 'x-their-token', 'x-goog-api-key'].includes(name)), JSON.stringify(first.request.headers));
    assert.match((await look(asked[2].id)).attempts[0].sent.body.text, /"data":"\[1760 bytes of base64\]"/);
    assert.equal((await look(asked[5].id)).answer.status, 401);
  });

  test('a stream in the other dialect: what was sent differs, what came are events, and so is the answer', async () => {
    await start();
    const { answer, id } = await ask('/v1/chat/completions', chat('count to 5', { stream: true }));
    const { request, attempts: [{ sent, came }], answer: answered } = await look(id);
    assert.equal(request.url, '/v1/chat/completions');
    assert.equal(sent.same, false);
    assert.deepEqual(JSON.parse(sent.body.text).contents[0].parts, [{ text: 'count to 5' }]);
    assert.match(sent.url, /streamGenerateContent\?alt=sse$/);
    assert.match(came.body.text, /^data: \{.*finishReason/s);
    assert.equal(answered.body.text, answer.text);
    assert.match(answered.body.text, /data: \[DONE\]\s*$/);
  });

  test('an upload is passed on, not held: how large it was is told, and no address that is a permission', async () => {
    await start();
    const started = await ask('/upload/v1beta/files', { file: { displayName: 'x' } }, { headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start', 'x-goog-upload-header-content-length': '5000', 'x-goog-upload-header-content-type': 'image/png' } });
    const url = new URL(started.answer.headers['x-goog-upload-url']);
    const sent = await ask(url.pathname + url.search, Buffer.alloc(5000, 7), { headers: { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0', 'content-type': 'image/png' } });
    assert.equal(sent.answer.status, 200, sent.answer.text);
    const one = await look(sent.id);
    assert.deepEqual(one.request.body, { text: null, bytes: 5000, cut: false, type: 'image/png' });
    assert.deepEqual([one.attempts[0].sent.streamed, one.attempts[0].sent.url, one.attempts[0].came.status], [true, null, 200]);
    for (const kept of [one, await look(started.id)]) assert.ok(!JSON.stringify(kept).includes(url.searchParams.get('upload_id')), 'the id of the upload');
  });

  test('each attempt is there, with what was refused', async () => {
    await start();
    const { id } = await ask(generate, body('[[sim:503,times=1]] again'));
    const { attempts } = await look(id);
    assert.deepEqual(attempts.map(({ n, came }) => [n, came.status]), [[1, 503], [2, 200]]);
    assert.match(attempts[0].came.body.text, /UNAVAILABLE/);
  });

  test('only of a client, only for a model, only what failed, only a share', async () => {
    const other = (await pollux.addClient('other')).token;
    await start({ client: 'other', failures: true, model });
    const unwanted = [await ask(generate, body('[[sim:400]]')), await ask(generate, body(), { token: other }), await ask('/v1beta/models/gemini-2.5-pro:generateContent', body('[[sim:400]]'), { token: other })];
    const { id } = await ask(generate, body('[[sim:400]]'), { token: other });
    assert.equal((await look(id)).answer.status, 400);
    assert.deepEqual(await ids(), [id]);
    assert.ok(unwanted.every((one) => one.id));
    await start({ share: 0 });
    await ask(generate, body());
    await start({ share: 0.5 });
    for (let i = 0; i < 40; i++) await ask(generate, body());
    const half = await waitFor('some of them', async () => { const n = (await ids()).length - 1; return n > 3 && n; });
    assert.ok(half < 37, `${half} of 40`);
    const refused = await boss.post('/capture', { client: 'nobody' });
    assert.deepEqual([refused.status, refused.json().error.message], [400, 'setting "capture_client": there is no client "nobody"']);
  });

  test('without texts their length is kept, in the stream and in arguments as well', async () => {
    await start({ texts: false });
    const secret = 'a very private matter';
    const made = [await ask(generate, body(secret)), await ask('/v1/chat/completions', chat(secret, { stream: true })), await ask('/v1/chat/completions', chat(`weather for ${secret}`, { tools: [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }] }))];
    for (const { id } of made) assert.doesNotMatch(JSON.stringify(await look(id)), /private|matter/);
    assert.deepEqual(JSON.parse((await look(made[0].id)).request.body.text), body('[21 characters]'));
    assert.match((await look(made[1].id)).attempts[0].came.body.text, /"finishReason": ?"STOP"/);
  });

  test('bodies are cut where they are too long, and the oldest make room for the newest', async () => {
    await pollux.cli('setting', 'set', 'capture_body_bytes', '1000');
    await start();
    const { id } = await ask(generate, body('word '.repeat(2000)));
    const { request, answer } = await look(id);
    assert.deepEqual([request.body.cut, request.body.text.length, request.body.bytes > 10_000, answer.body.cut], [true, 1000, true, true]);
    for (const [name, value] of [['capture_body_bytes', '400000'], ['capture_total_mb', '1']]) await pollux.cli('setting', 'set', name, value);
    await heard();
    let last;
    for (let i = 0; i < 3; i++) ({ id: last } = await ask(generate, body('word '.repeat(40_000))));
    await look(last);
    const [{ bytes, n }] = await pollux.sql('select sum(bytes)::int as bytes, count(*)::int as n from pollux.capture');
    assert.ok(bytes <= 1_000_000 && bytes > 400_000 && n === 1, `${n} of ${bytes} bytes`);
    for (const name of ['capture_body_bytes', 'capture_total_mb']) await boss.remove(`/settings/${name}`);
  });

  test('the switch goes off by itself, and what is held is deleted when its time is over', async () => {
    await start();
    const { id } = await ask(generate, body());
    await look(id);
    await boss.patch('/settings/capture_until', { value: new Date(Date.now() + 2000).toISOString() });
    await waitFor('the end', async () => !(await boss.get('/capture')).json().on);
    const [late] = await Promise.all([ask(generate, body()), heard()]); // workers may not have heard yet: the database has
    const later = await ask(generate, body());
    await pollux.settled();
    await pollux.sql('update pollux.capture set expires_at = pollux.now()');
    assert.equal((await boss.get(`/requests/${id}/capture`)).status, 404, 'not to be read any more');
    assert.equal((await boss.get('/captures')).json().items.length, 0);
    assert.equal((await boss.post('/jobs/expiry/run')).status, 200);
    assert.deepEqual(await ids(), [], `${late.id} and ${later.id} were not captured, ${id} is deleted`);
    assert.match((await pollux.sql("select result from report.jobs where name = 'expiry'"))[0].result, /capture 1/);
    for (const [value, why] of [['2020-01-01T00:00Z', /within the next 168 hours/], ['30d', /within/], ['soon', /a time such as/]]) {
      const refused = await boss.patch('/settings/capture_until', { value });
      assert.equal(refused.status, 400);
      assert.match(refused.json().error.message, why);
    }
  });

  test('only operators see it, each look is in the audit, and the role that reads cannot', async () => {
    await start();
    const { id } = await ask(generate, body());
    await look(id);
    for (const where of [`/requests/${id}/capture`, '/captures']) assert.equal((await viewer.get(where)).status, 403, where);
    for (const [method, where] of [['POST', '/capture'], ['POST', '/capture/stop'], ['DELETE', '/captures']]) assert.equal((await viewer.call(method, where)).status, 403, where);
    const audit = async (action) => (await pollux.sql(`select actor, subject from pollux.audit where action = '${action}' order by id desc limit 1`))[0];
    assert.deepEqual(await audit('capture.look'), { actor: 'boss', subject: id });
    await assert.rejects(pollux.sql('select * from pollux.capture', 'pollux_read'), /permission denied/);
    await assert.rejects(pollux.sql('select * from pollux.capture', 'pollux_app'), /permission denied/);
    assert.deepEqual(await pollux.sql("select view_name from information_schema.view_table_usage where table_schema = 'pollux' and table_name = 'capture'"), [], 'no view shows it');
    assert.deepEqual((await boss.remove('/captures')).json(), { deleted: 1 });
    assert.deepEqual(await audit('capture.clear'), { actor: 'boss', subject: '1 captures' });
    assert.equal((await boss.get(`/requests/${id}/capture`)).status, 404);
  });

  test('a database that is slow to take captures holds up no request', async () => {
    await start();
    const lock = run('psql', ['-Xq', '-d', pollux.owner, '-c', "begin; select pg_advisory_xact_lock(hashtext('pollux capture')); select pg_sleep(1.5); commit"], { env: pollux.env });
    await waitFor('the lock', async () => (await pollux.sql("select count(*)::int as n from pg_locks where locktype = 'advisory' and granted"))[0].n > 0);
    const began = performance.now();
    const made = await Promise.all(Array.from({ length: 12 }, () => ask(generate, body())));
    assert.ok(made.every(({ answer }) => answer.status === 200) && performance.now() - began < 1400, `${performance.now() - began} ms`);
    await lock;
    for (const { id } of made) await look(id);
  });
});

describe('rotate-key', () => {
  const file = () => path.join(pollux.home, 'master.key');
  const lines = () => readFileSync(file(), 'utf8').trim().split('\n').map((line) => line.split(' '));
  const kinds = () => lines().map(([kind]) => kind).join(' ');
  const count = async () => (await pollux.sql('select admin.sealed_count() as n'))[0].n;
  const loads = [];
  afterEach(() => stopLoads());

  // Something of every kind that is sealed, and enough of it to be met in the middle.
  before(async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `AIzaSyMANY${String(i).padStart(5, '0')}abcdefghijklmnopqrstuvwx`);
    const said = await pollux.commandWithInput(many.join('\n'), 'key', 'import', '--project', 'many', '-');
    assert.equal(said.code, 0, said.err);
    await pollux.sql("set pollux.audit_rows = 'off'; update pollux.credential set enabled = false where project_id = (select id from pollux.project where name = 'many')");
    assert.equal((await pollux.commandWithInput(client.secret, 'account', 'client', client.id)).code, 0);
    const added = await pollux.commandWithInput(JSON.stringify({ refresh_token: refresh }), 'account', 'import', '-', '--project', 'cloud-a');
    assert.equal(added.code, 0, added.err);
    const idle = (await pollux.sql("select min(id) as id from pollux.credential where not enabled"))[0].id;
    assert.equal((await pollux.commandWithInput('http://user:planted-proxy-password@127.0.0.1:9', 'key', 'set', String(idle), '--proxy', '-')).code, 0);
    const upload = await pollux.send('/upload/v1beta/files', { method: 'POST', body: { file: { displayName: 'x' } }, headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start', 'x-goog-upload-header-content-length': '3', 'x-goog-upload-header-content-type': 'text/plain' } });
    assert.equal(upload.status, 200, upload.text);
    loads.upload = new URL(upload.headers['x-goog-upload-url']);
    const places = (await pollux.sql('select place, count(*)::int as n from pollux.sealed_all() group by 1')).map(({ place }) => place).sort();
    for (const place of ['access', 'credential', 'oauth', 'proxy', 'upload']) assert.ok(places.includes(place), `${place} in ${places}`);
  });

  const load = () => startLoad(4, (n) => pollux.send(n % 2 ? generate : '/v1/chat/completions', { body: n % 2 ? body() : chat('hello') }));
  const rotate = () => {
    const child = spawn(pollux.program, ['rotate-key', '--json'], { env: pollux.env, stdio: 'ignore' });
    return Object.assign(child, { ended: new Promise((resolve) => { child.on('exit', (code, signal) => resolve(signal ?? code)); }) });
  };

  test('killed while workers do not know the new key yet, and in the middle of sealing: the next run goes on, no request fails', async () => {
    copyFileSync(file(), `${file()}.before`);
    const before = lines()[0][1];
    const workers = await pollux.workers();
    const under = load();
    await under.reached(20);

    process.kill(workers[0], 'SIGSTOP'); // it lives, and reads nothing
    const first = rotate();
    try {
      await waitFor('the new key in the file', () => kinds() === 'f1 v1 n1');
      first.kill('SIGKILL');
    } finally {
      process.kill(workers[0], 'SIGCONT');
    }
    assert.equal(await first.ended, 'SIGKILL');
    const id = lines()[2][1];
    assert.deepEqual(Object.keys(await count()), [before], 'nothing is sealed with a key that not all know');

    const held = run('psql', ['-Xq', '-d', pollux.owner, '-c', 'begin; lock table pollux.upload in share mode; select pg_sleep(60)'], { env: pollux.env });
    const second = rotate();
    const seen = await waitFor('the middle', async () => { const n = await count(); return n[id] > 0 && n; });
    second.kill('SIGKILL');
    await second.ended;
    await pollux.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like 'begin; lock table%'");
    await held;
    assert.ok(seen[before] > 0, `it was in the middle: ${JSON.stringify(seen)}`);
    assert.equal(kinds(), 'f1 v1 v1', 'both keys are known until the end');
    const so_far = under.seen.ok;
    await under.reached(so_far + 20);

    const done = await pollux.cli('rotate-key');
    assert.deepEqual([done.key, done.removed], [id, [before]]);
    assert.deepEqual([kinds(), lines()[1][1]], ['f1 v1', id]);
    assert.equal(statSync(file()).mode & 0o777, statSync(`${file()}.before`).mode & 0o777);
    assert.deepEqual(Object.keys(await count()), [id]);
    await under.reached(under.seen.ok + 20);
    const { statuses, broken } = await under.stop();
    assert.deepEqual([Object.keys(statuses), broken], [['200'], 0], JSON.stringify(statuses));
    assert.deepEqual((await pollux.workers()).sort(), workers.sort(), 'by the same workers');
  });

  test('afterwards everything can be opened: keys, account, upload; keys are known again by their fingerprints', async () => {
    const check = await pollux.command('check', '--offline');
    assert.match(check.out, /all can be read with the master key file/);
    const again = await pollux.cli('key', 'add', keyOf(1));
    assert.deepEqual([again.new, again.known], [0, 1]);
    const [account] = await pollux.cli('account', 'list');
    const refreshed = await pollux.command('account', 'refresh', String(account.id));
    assert.equal(refreshed.code, 0, refreshed.err);
    const url = loads.upload;
    const done = await pollux.send(url.pathname + url.search, { method: 'POST', body: Buffer.from('abc'), headers: { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0', 'content-type': 'text/plain' } });
    assert.equal(done.status, 200, done.text);
    assert.match((await pollux.sql("select subject from pollux.audit where action = 'master_key.rotate'"))[0].subject, /^[0-9a-f]{8}$/);
  });

  test('whoever still has the old key can store nothing with it', async () => {
    const env = { ...pollux.env, POLLUX_MASTER_KEY_FILE: `${file()}.before` };
    const said = await run(pollux.program, ['key', 'add', keyOf(77)], { env });
    assert.equal(said.code, 1);
    assert.match(said.err, /which has been replaced/);
    assert.match(said.err, /Copy the master key file/);
  });

  test('where a worker does not get the new key it stops with what to do, and nothing is lost', async () => {
    await pollux.sql("insert into pollux.worker (id, host, pid, version, started_at, beat_at) values ('00000000-0000-0000-0000-000000000001', 'elsewhere', 1, 'x', pollux.now(), pollux.now() + interval '10 seconds')");
    const said = await pollux.command('rotate-key', '--wait', '1');
    assert.equal(said.code, 1);
    assert.match(said.err, /workers on elsewhere do not know the new master key yet/);
    assert.match(said.err, /copy .*master\.key to every host/);
    assert.equal(kinds(), 'f1 v1 n1');
    assert.match((await pollux.command('check', '--offline')).out, /the rotation of the master key has not ended/);
    assert.equal((await pollux.send(generate, { body: body() })).status, 200);
    await pollux.sql("delete from pollux.worker where host = 'elsewhere'");
    assert.equal((await pollux.cli('rotate-key')).key, lines().at(-1)[1]);
    assert.equal(kinds(), 'f1 v1');
    assert.equal((await pollux.send(generate, { body: body() })).status, 200);
  });

  test('a secret that cannot be opened keeps the old key in the file', async () => {
    const [{ id, sealed }] = await pollux.sql("select id, encode(sealed, 'hex') as sealed from pollux.credential where not enabled order by id desc limit 1");
    await pollux.sql(`update pollux.credential set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where id = ${id}`);
    const said = await pollux.command('rotate-key');
    assert.equal(said.code, 1);
    assert.match(said.err, new RegExp(`1 stored secrets cannot be opened \\(the first: credential ${id};`));
    assert.equal(kinds(), 'f1 v1 v1');
    assert.equal((await pollux.send(generate, { body: body() })).status, 200);
    await pollux.sql(`update pollux.credential set sealed = decode('${sealed}', 'hex') where id = ${id}`).catch((error) => assert.match(String(error), /which has been replaced/));
    await pollux.cli('key', 'remove', String(id));
    assert.equal((await pollux.command('rotate-key')).code, 0);
    assert.equal(kinds(), 'f1 v1');
  });
});
