// SPDX-License-Identifier: MIT
// A connection string that names two hosts: a real standby beside the primary, its promotion, and a primary that was
// demoted under the running workers (it takes connections, and refuses to write).
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { asOwnerOf, newHome, pgBin, run, startPollux } from '../lib/pollux.mjs';
import { server } from '../lib/places.mjs';
import { projects } from '../lib/sim.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const generate = '/v1beta/models/gemini-2.5-flash:generateContent';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const options = { skip: server !== 'lighttpd' && 'has nothing to do with the web server' };
let first, both, place, standby;

async function asOwner(program, ...args) {
  const said = await asOwnerOf(first.home, path.join(pgBin(), program), args);
  assert.equal(said.code, 0, `${program}: ${said.out}${said.err}`);
}
const control = (...words) => asOwner('pg_ctl', '-D', path.join(place, 'pg'), '-s', '-w', '-l', path.join(place, 'log'), ...words);
const onStandby = async (query, database = 'pollux') => {
  const said = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', `host=${place}/run dbname=${database} user=postgres`, '-c', query]);
  assert.equal(said.code, 0, said.err);
  return said.out.trim();
};

async function startStandby() {
  place = newHome();
  const { uid, gid } = statSync(path.join(first.home, 'pg'));
  mkdirSync(path.join(place, 'run'));
  for (const name of ['.', 'run']) if (process.getuid() === 0) chownSync(path.join(place, name), uid, gid);
  const hba = path.join(first.home, 'pg/pg_hba.conf');
  writeFileSync(hba, `${readFileSync(hba, 'utf8')}local replication all peer map=pollux\n`);
  await first.database('reload');
  await asOwner('pg_basebackup', '-D', path.join(place, 'pg'), '-R', '-c', 'fast', '-h', path.join(first.home, 'run'), '-U', 'postgres');
  await control('-o', `-c unix_socket_directories=${place}/run -c logging_collector=off`, 'start');
  standby = true;
}

before(async () => {
  if (options.skip) return;
  first = await startPollux({ sim: { projects: projects(4) } });
  await startStandby();
  // The standby comes first: only target_session_attrs keeps the workers from it.
  const string = (user) => `host=${place}/run,${first.home}/run dbname=pollux user=${user} target_session_attrs=read-write`;
  both = await startPollux({ upstream: first.sim.url, keys: false, settings: { POLLUX_DATABASE: string('pollux_app'),
    POLLUX_DATABASE_OWNER: string('pollux_owner'), POLLUX_MASTER_KEY_FILE: path.join(first.home, 'master.key') } });
  both.token = first.token;
});
after(async () => {
  await both?.stop();
  if (standby) await control('-m', 'immediate', 'stop');
  await first?.stop();
  if (place) rmSync(place, { recursive: true, force: true });
});

const serve = async (count) => {
  const answers = await pooled(count, 8, () => both.send(generate, { body }));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200], answers.find((answer) => answer.status !== 200)?.text);
};

test('the one that can be written to is found, whichever comes first', options, async () => {
  await serve(20);
  await both.settled();
  assert.deepEqual((await both.cli('check', '--offline')).filter((line) => line.state !== 'ok'), []);
  assert.equal((await first.sql(`select count(*)::int as n from report.requests where outcome = 'ok'`))[0].n, 20);
});

test('a primary that is demoted under running workers: they go to the other one, and no request fails or is lost', options, async () => {
  await waitFor('the standby to have everything', async () => await onStandby(`select count(*) from report.requests where outcome = 'ok'`) === '20');
  await control('promote');
  await first.sql('alter system set default_transaction_read_only = on', 'postgres');
  await first.sql('select pg_reload_conf()', 'postgres');
  await waitFor('the first one to refuse', () => first.sql('create table public.refused ()', 'postgres').then(() => false, () => true));
  await serve(40);
  await waitFor('all of them to be settled there', async () => await onStandby(`select (select count(*) from report.requests where outcome = 'ok')
    || ' ' || (select count(*) from pollux.open_request)`) === '60 0');
  assert.equal((await both.cli('key', 'list')).length, 4, 'the command line finds it, too');
});
