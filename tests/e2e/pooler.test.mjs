// SPDX-License-Identifier: MIT
// PgBouncer in transaction mode between the workers and PostgreSQL: statements of one connection land on several server
// connections, and those that one of them prepared are not known to the others.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { freePort, newHome, ownersCommand, startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const generate = '/v1beta/models/gemini-2.5-flash:generateContent';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
let direct, behind, bouncer, log;

// PgBouncer refuses root, and PostgreSQL lets in by who runs the client: it runs as the owner of the cluster.
async function startBouncer(home) {
  const place = newHome();
  const port = await freePort();
  log = path.join(place, 'log');
  writeFileSync(path.join(place, 'users'), '"pollux_app" ""\n');
  writeFileSync(path.join(place, 'ini'), `[databases]\npollux = host=${home}/run user=pollux_app
[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = any\nauth_file = ${place}/users
pool_mode = transaction\ndefault_pool_size = 3\nverbose = 1\n`);
  bouncer = spawn(...ownersCommand(home, 'pgbouncer', [path.join(place, 'ini')]), { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  const said = [];
  bouncer.stderr.on('data', (data) => { said.push(data); writeFileSync(log, Buffer.concat(said)); });
  await waitFor('PgBouncer to listen', () => new Promise((resolve) => {
    const probe = net.connect(port, '127.0.0.1', () => { probe.destroy(); resolve(true); }).on('error', () => resolve(false));
  }));
  return port;
}

before(async () => {
  direct = await startPollux({ sim: { projects: projects(4) } });
  const port = await startBouncer(direct.home);
  behind = await startPollux({ upstream: direct.sim.url, keys: false, settings: {
    POLLUX_DATABASE: `host=127.0.0.1 port=${port} dbname=pollux user=pollux_app`, POLLUX_DATABASE_OWNER: direct.owner,
    POLLUX_MASTER_KEY_FILE: path.join(direct.home, 'master.key') } });
  behind.token = direct.token;
});
after(async () => {
  await behind?.stop();
  bouncer?.kill('SIGTERM');
  await direct?.stop();
});

test('every request is served and settled once, whichever server connection its statements land on', async () => {
  const answers = await pooled(200, 16, () => behind.send(generate, { body }));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
  await direct.settled();
  const [{ requests, attempts }] = await direct.sql(`select (select count(*)::int from report.requests where outcome = 'ok') as requests,
    (select count(*)::int from report.attempts where outcome = 'ok') as attempts`);
  assert.deepEqual([requests, attempts], [200, 200]);
  assert.match(readFileSync(log, 'utf8'), /pollux_app/, 'it did go through PgBouncer');
});

test('server connections that break behind PgBouncer lose nothing', async () => {
  await direct.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pollux' and usename = 'pollux_app'", 'postgres');
  const answers = await pooled(60, 8, () => behind.send(generate, { body }));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
});

test('the doctor has nothing to say against it', async () => {
  const lines = await behind.cli('check');
  assert.deepEqual(lines.filter((line) => line.state !== 'ok'), []);
});
