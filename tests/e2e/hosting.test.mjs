// SPDX-License-Identifier: MIT
// Where somebody else's Apache starts the programs: plain CGI by a .htaccess file on a shared host, with a database role
// that may nothing but own its database, below a path with a ~ in it; and mod_fcgid. Both from the files in deploy/apache.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { asOwnerOf, freePort, newHome, ownersCommand, run, startPollux } from '../lib/pollux.mjs';
import { build, checkout, server } from '../lib/places.mjs';
import { visitor } from '../lib/console.mjs';
import { send } from '../lib/http.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { checkChunks, joinChunks } from '../lib/openai-shape.mjs';
import { waitFor } from '../lib/wait.mjs';

const modules = '/usr/lib/apache2/modules';
const options = { skip: server !== 'apache' && 'is about Apache alone' };
const model = 'gemini-2.5-flash';
const native = `/v1beta/models/${model}:generateContent`;
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const slow = { model, stream: true, messages: [{ role: 'user', content: '[[sim:chunks=6,delay=100]] count' }] };
const secret = 'AIzaSyHOSTING0001abcdefghijklmnopqrstuvwxy';

let pollux, place, owner, port, apache, shared, fcgid;

// The files belong to the user of the private cluster, which is also who Apache runs as (as suexec would have it).
function give(where) {
  if (process.getuid() === 0) chownSync(where, owner.uid, owner.gid);
  if (statSync(where).isDirectory()) for (const name of readdirSync(where)) give(path.join(where, name));
}
// The command line as on that host: nothing in the environment says which instance is meant.
async function you(...words) {
  const said = await asOwnerOf(pollux.home, path.join(place, 'you/pollux/build/pollux'), words, { PATH: process.env.PATH });
  assert.equal(said.code, 0, `${words.join(' ')}: ${said.err}`);
  return said.out;
}
const yours = async (...words) => JSON.parse(await you(...words, '--json'));
const file = (where, text, mode = 0o600) => { writeFileSync(path.join(place, where), text); chmodSync(path.join(place, where), mode); };

// As the README says of shared hosting: programs and settings outside of the web space, a script and the pages inside.
async function layOutShared() {
  const folders = ['you/pollux/build', 'you/pollux/var', 'you/public_html/pollux'];
  for (const name of folders) mkdirSync(path.join(place, name), { recursive: true });
  for (const name of ['pollux', 'pollux.fcgi']) cpSync(path.join(build, name), path.join(place, 'you/pollux/build', name));
  cpSync(path.join(checkout, 'sql'), path.join(place, 'you/pollux/sql'), { recursive: true });
  cpSync(path.join(checkout, 'admin-html'), path.join(place, 'you/public_html/pollux/admin'), { recursive: true });
  cpSync(path.join(checkout, 'deploy/apache/cgi.htaccess'), path.join(place, 'you/public_html/pollux/.htaccess'));
  file('you/public_html/pollux/pollux.cgi', `#!/bin/sh\nexec ${place}/you/pollux/build/pollux.fcgi\n`, 0o755);
  file('you/public_html/pollux/secret.conf', 'x', 0o644);
  file('you/pollux/var/pollux.conf', `POLLUX_DATABASE=host=${pollux.home}/run dbname=you user=you
POLLUX_PREFIX=/~you/pollux\nPOLLUX_LISTEN=127.0.0.1:${port}\nPOLLUX_UPSTREAM=${pollux.sim.url}\n`);
  const ident = path.join(pollux.home, 'pg/pg_ident.conf');
  const user = (await run('id', ['-un', String(owner.uid)])).out.trim();
  writeFileSync(ident, `${readFileSync(ident, 'utf8')}pollux ${user} you\npollux root you\n`);
  await pollux.database('reload');
  await pollux.sql('create role you login', 'postgres');
  await pollux.sql('create database you owner you', 'postgres');
}

// The shipped file, with the places of this test.
function fcgidConf() {
  const home = path.join(place, 'fcgid');
  mkdirSync(home);
  file('fcgid/pollux.conf', `POLLUX_DATABASE=host=${pollux.home}/run dbname=pollux user=pollux_app
POLLUX_PREFIX=/pollux\nPOLLUX_MASTER_KEY_FILE=${pollux.home}/master.key\nPOLLUX_UPSTREAM=${pollux.sim.url}\n`);
  return readFileSync(path.join(checkout, 'deploy/apache/fcgid.conf'), 'utf8').replaceAll('/var/lib/pollux', home)
    .replaceAll('/usr/lib/pollux/admin-html', path.join(checkout, 'admin-html')).replaceAll('/usr/lib/pollux/build', path.join(place, 'you/pollux/build'));
}

async function startApache() {
  const load = ['mpm_event', 'authz_core', 'setenvif', 'env', 'alias', 'dir', 'mime', 'headers', 'rewrite', 'cgid', 'fcgid', 'unixd']
    .filter((name) => existsSync(`${modules}/mod_${name}.so`)).map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`);
  file('apache.conf', `ServerRoot ${place}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${place}/apache.pid
DefaultRuntimeDir ${place}
DocumentRoot ${place}/web
ErrorLog ${place}/error.log
TypesConfig /dev/null
${load.join('\n')}
ScriptSock ${place}/cgid.sock
FcgidIPCDir ${place}/ipc
FcgidProcessTableFile ${place}/fcgid_shm
${fcgidConf()}
<VirtualHost *:${port}>
  AllowEncodedSlashes NoDecode
  Alias /~you/ ${place}/you/public_html/
  <Directory ${place}/you/public_html>
    AllowOverride Options FileInfo
    Options SymLinksIfOwnerMatch
    Require all granted
  </Directory>
</VirtualHost>
`, 0o644);
  for (const name of ['web', 'ipc']) mkdirSync(path.join(place, name));
  give(place);
  const [program, words] = ownersCommand(pollux.home, '/usr/sbin/apache2', ['-D', 'FOREGROUND', '-f', path.join(place, 'apache.conf')]);
  apache = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/', env: { PATH: process.env.PATH } });
  await waitFor('Apache to listen', () => send(`http://127.0.0.1:${port}`, '/').then(() => true, () => apache.exitCode !== null));
  assert.equal(apache.exitCode, null, existsSync(path.join(place, 'error.log')) ? readFileSync(path.join(place, 'error.log'), 'utf8') : '');
}

before(async () => {
  if (options.skip) return;
  pollux = await startPollux({ sim: { projects: [...projects(2), { id: 'yours', keys: [secret] }], chunks: 4, chunk_delay_ms: 20 }, keys: false });
  await pollux.addProjects(projects(2));
  owner = statSync(path.join(pollux.home, 'pg'));
  place = newHome();
  port = await freePort();
  await layOutShared();
  await startApache();
  await you('migrate');
  await you('generate-key');
  await you('key', 'add', '--project', 'yours', secret);
  shared = { base: `http://127.0.0.1:${port}/~you/pollux`, token: (await yours('client', 'add', 'me')).token,
    password: (await yours('admin', 'add', 'admin')).password };
  fcgid = { base: `http://127.0.0.1:${port}/pollux`, token: pollux.token, password: (await pollux.cli('admin', 'add', 'hosted', '--role', 'owner')).password, admin: 'hosted' };
});
after(async () => {
  if (apache?.exitCode === null) {
    apache.kill('SIGTERM');
    await new Promise((resolve) => { apache.once('exit', resolve); });
  }
  await pollux?.stop();
  if (place) rmSync(place, { recursive: true, force: true });
});

for (const [what, where] of [['CGI by .htaccess', () => shared], ['mod_fcgid', () => fcgid]]) {
  describe(what, options, () => {
    const ask = (target, more = {}) => send(where().base, target, { token: where().token, ...more });

    test('both dialects, whichever way the token comes', async () => {
      const ways = [{ token: where().token }, { headers: { 'x-goog-api-key': where().token } },
        { headers: { authorization: `Basic ${Buffer.from(`any:${where().token}`).toString('base64')}` } }];
      for (const way of ways) {
        const answer = await send(where().base, native, { body, ...way });
        assert.equal(answer.status, 200, answer.text);
        assert.ok(answer.json().candidates.length > 0);
      }
      const chat = await ask('/v1/chat/completions', { body: { ...slow, stream: false } });
      assert.equal(chat.json().object, 'chat.completion', chat.text);
    });

    test('a stream comes event by event, and is not compressed', async () => {
      const answer = await ask('/v1/chat/completions', { body: slow, headers: { 'accept-encoding': 'gzip, deflate' } });
      assert.equal(answer.headers['content-encoding'], undefined);
      checkChunks(answer.text);
      assert.ok(joinChunks(answer.events()).text.length > 0);
      assert.ok(answer.chunks.at(-1).at - answer.chunks[0].at > 250, 'not in one piece');
    });

    test('errors are those of the dialect; one that comes before the body was read arrives, too', async () => {
      const none = await send(where().base, '/v1/chat/completions', { body: slow });
      assert.deepEqual([none.status, none.json().error.code], [401, 'invalid_api_key']);
      const big = await send(where().base, native, { body: { contents: [{ parts: [{ text: 'a'.repeat(3e6) }] }] }, token: 'plx_wrong' });
      assert.deepEqual([big.status, big.json().error.status], [401, 'UNAUTHENTICATED']);
      const strange = await ask('/v1beta/models/a%3Fb:generateContent', { body: 'x'.repeat(3e6), headers: { 'content-type': 'application/json' } });
      assert.deepEqual([strange.status, strange.json().error.status], [400, 'INVALID_ARGUMENT']);
    });

    test('large bodies, with and without a length, and names with %2F', async () => {
      const large = JSON.stringify({ contents: [{ parts: [{ text: 'word '.repeat(2e6) }] }] });
      for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
        const answer = await ask(`/v1beta/models/${model}:countTokens`, { body: large, headers: { 'content-type': 'application/json', ...headers } });
        assert.equal(answer.status, 200, answer.text);
        assert.ok(answer.json().totalTokens > 1e6);
      }
      const encoded = await ask('/v1beta/models/tunedModels%2Fx:generateContent', { body });
      assert.equal(encoded.json().error.status, 'NOT_FOUND', 'Google was asked');
    });

    test('the console: pages with their headers, a login, a session below the path', async () => {
      for (const [name, type] of [['', 'text/html'], ['login.html', 'text/html'], ['api.js', 'text/javascript'], ['style.css', 'text/css'], ['openapi.json', 'application/json']]) {
        const page = await send(where().base, `/admin/${name}`);
        assert.deepEqual([page.status, page.headers['content-type'].split(';')[0]], [200, type], name);
        assert.match(page.headers['content-security-policy'], /default-src 'none'/, name);
      }
      assert.equal((await send(where().base, '/admin/overview')).headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'", 'that of the worker alone');
      const console = visitor({ url: where().base, origin: `http://127.0.0.1:${port}` });
      const entered = await console.login(where().admin ?? 'admin', where().password);
      assert.equal(entered.status, 200, entered.text);
      assert.equal((await console.get('/session')).json().role, 'owner');
      const made = await console.post('/clients', { name: 'by the console' });
      assert.match(made.json().token ?? made.text, /^plx_/);
    });
  });
}

describe('on the shared host', options, () => {
  test('settings and keys in the web space are not given away', async () => {
    for (const name of ['secret.conf', 'master.key', 'x.log']) assert.equal((await send(shared.base, `/${name}`)).status, 403, name);
    assert.equal((await send(shared.base, '/.htaccess')).status, 404);
  });

  test('pollux maintain does the jobs of the workers that are not there, and check has nothing to say against it', async () => {
    const sql = async (query) => {
      const said = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', `host=${pollux.home}/run dbname=you user=you`, '-c', query]);
      assert.equal(said.code, 0, said.err);
      return said.out.trim();
    };
    await sql(`update pollux.credential set dead_reason = 'suspended', dead_at = pollux.now() - interval '2 days', probe_at = pollux.now()`);
    assert.equal((await yours('key', 'list'))[0].state, 'dead');
    const done = await yours('maintain');
    assert.match(done.find((row) => row.name === 'jobs')?.result ?? JSON.stringify(done), /due: 1, left: 0/);
    assert.equal((await yours('key', 'list'))[0].state, 'ready', 'it was asked, and works');
    assert.equal((await yours('maintain')).find((row) => row.name === 'jobs'), undefined, 'nothing is left');
    const lines = await yours('check');
    assert.deepEqual(lines.filter((line) => line.state !== 'ok').map((line) => line.check), ['workers']);
    assert.equal(lines.find((line) => line.check === 'maintenance').detail, 'by pollux maintain');
  });

  test("Apache's log has no key, no token, and no mark of trouble", () => {
    const log = readFileSync(path.join(place, 'error.log'), 'utf8');
    assert.match(log, /No client token|is no client token/, 'what the programs say is in it');
    for (const word of [secret, keyOf(1), shared.token, fcgid.token, shared.password]) assert.ok(!log.includes(word), 'a secret');
    assert.doesNotMatch(log, /Sanitizer|runtime error:|Premature end|Connection reset by peer/);
  });
});
