// SPDX-License-Identifier: MIT
// The folder with keys: what an operator puts there is in the pool, what he takes away is out, and nothing else happens.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newHome, startPollux } from '../lib/pollux.mjs';
import { keyOf } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';

let pollux;
let folder;
let owner;

// As an operator writes it, some time ago: what was written a moment ago is left alone.
function write(name, text, { mode = 0o640, fresh = false } = {}) {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  if (owner !== undefined) chownSync(file, owner.uid, owner.gid);
  if (!fresh) utimesSync(file, new Date(), new Date(Date.now() - 60_000));
  return file;
}

const states = async () => Object.fromEntries((await pollux.sql('select hint, state from report.credentials order by id')).map((row) => [row.hint, row.state]));
const short = (...numbers) => Object.fromEntries(numbers.map(([n, state]) => [hint(n), state]));
const hint = (n) => key(n).slice(-4);
const key = (n) => keyOf(n).slice(0, -4) + String(n).padStart(4, 'k');
const becomes = (what, wanted) => waitFor(what, async () => JSON.stringify(await states()) === JSON.stringify(wanted), { timeout: 20_000, every: 100 });
const told = () => pollux.sql('select * from report.keys_folders').then((rows) => rows[0]);

before(async () => {
  const home = newHome();
  folder = path.join(home, 'keys');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  write('first', `${key(1)}, ${key(2)}\n`, { mode: 0o644 });
  mkdirSync(path.join(folder, 'a folder'));
  write('.hidden', key(9), { mode: 0o644 });
  pollux = await startPollux({ sim: { any_key: true }, settings: { POLLUX_KEYS_DIR: folder } });
  owner = statSync(path.join(pollux.home, 'pg'));
  await pollux.setting('keys_folder_s', 1);
});
after(() => pollux?.stop());

test('what is in the folder is in the pool from the start', async () => {
  assert.deepEqual(await states(), short([1, 'ready'], [2, 'ready']));
});

test('new keys are added; newlines, blanks and commas separate them', async () => {
  write('second', `# of the other account\n${key(3)} ${key(4)},${key(5)}\n\n`);
  await becomes('five keys', short([1, 'ready'], [2, 'ready'], [3, 'ready'], [4, 'ready'], [5, 'ready']));
  const labels = await pollux.sql('select label from report.credentials order by id');
  assert.deepEqual(labels.map((row) => row.label), ['first', 'first', 'second', 'second', 'second']);
});

test('keys that vanish are out, those that return are in again', async () => {
  write('second', `${key(3)}\n`);
  await becomes('two to be out', short([1, 'ready'], [2, 'ready'], [3, 'ready'], [4, 'disabled'], [5, 'disabled']));
  write('second', `${key(3)}\n${key(4)}`);
  await becomes('one to be back', short([1, 'ready'], [2, 'ready'], [3, 'ready'], [4, 'ready'], [5, 'disabled']));
});

test('a file that cannot be read takes no key away, and is told', async () => {
  // A file too large to be a list of keys: unlike one without rights it is refused to everybody, root too.
  const moved = path.join(folder, '../moved');
  cpSync(path.join(folder, 'first'), moved, { preserveTimestamps: true });
  renameSync(write('../large', Buffer.alloc(65 * 1024 * 1024, 'x')), path.join(folder, 'first'));
  await waitFor('the error', async () => (await told()).errors.length === 1, { timeout: 20_000 });
  assert.equal((await told()).errors[0].file, 'first');
  assert.deepEqual(await states(), short([1, 'ready'], [2, 'ready'], [3, 'ready'], [4, 'ready'], [5, 'disabled']));
  const said = await pollux.command('key', 'sync');
  assert.equal(said.code, 1);
  assert.match(said.err, /first: File too large[\s\S]*not all of/);
  const check = JSON.parse((await pollux.command('check', '--offline', '--json')).out).find((line) => line.check === 'keys folder');
  assert.equal(check.state, 'warn');
  assert.match(check.detail, /first/);
  chownSync(moved, owner.uid, owner.gid);
  renameSync(moved, path.join(folder, 'first'));
  await waitFor('all to be well', async () => (await told()).errors.length === 0, { timeout: 20_000 });
});

test('words that are no keys are told, masked, and harm nobody', async () => {
  write('third', `AIzaTooShort\n${key(6)}`);
  await becomes('the good one', short([1, 'ready'], [2, 'ready'], [3, 'ready'], [4, 'ready'], [5, 'disabled'], [6, 'ready']));
  const { malformed, errors } = await told();
  assert.equal(malformed, 1);
  assert.deepEqual([errors[0].file, errors[0].line, errors[0].text], ['third', 1, 'AI***']);
  rmSync(path.join(folder, 'third'));
  await becomes('it to be gone', short([1, 'ready'], [2, 'ready'], [3, 'ready'], [4, 'ready'], [5, 'disabled'], [6, 'disabled']));
});

test('a file that is just being written is left alone for a moment', async () => {
  const file = write('fourth', key(7).slice(0, 25), { fresh: true });
  const keepWriting = setInterval(() => utimesSync(file, new Date(), new Date()), 200);
  try {
    const { tried_at: was } = await told();
    await waitFor('two readings', async () => Date.parse((await told()).tried_at) > Date.parse(was) + 2500, { timeout: 20_000 });
  } finally {
    clearInterval(keepWriting);
  }
  writeFileSync(file, key(7));
  await becomes('the whole key', short([1, 'ready'], [2, 'ready'], [3, 'ready'], [4, 'ready'], [5, 'disabled'], [6, 'disabled'], [7, 'ready']));
});

test('if so set, files are written anew: a key a line, comments, owner and mode kept', async () => {
  const file = write('second', `# mine\r\n${key(3)}, ${key(4)}  # both\r\n`, { mode: 0o604 });
  const before_ = statSync(file);
  await pollux.setting('keys_folder_rewrite', 'on');
  await waitFor('the new form', () => readFileSync(file, 'utf8') === `# mine\n# both\n${key(3)}\n${key(4)}\n`, { timeout: 20_000 });
  const now = statSync(file);
  assert.deepEqual([now.mode, now.uid, now.gid], [before_.mode, before_.uid, before_.gid]);
  assert.deepEqual(readdirSync(folder).filter((name) => name.includes('pollux')), [], 'nothing is left over');
  const { mtimeMs, ino } = statSync(file);
  const { tried_at: was } = await told();
  await waitFor('another reading', async () => (await told()).tried_at > was, { timeout: 20_000 });
  assert.deepEqual([statSync(file).mtimeMs, statSync(file).ino], [mtimeMs, ino], 'a file in form is left alone');
  assert.ok(existsSync(path.join(folder, '.hidden')));
  assert.equal(Object.keys(await states()).length, 7, 'hidden files are not read');
});

test('what an operator does by hand stays', async () => {
  const [{ id: third }] = await pollux.sql(`select id from report.credentials where hint = '${hint(3)}'`);
  const [{ id: fourth }] = await pollux.sql(`select id from report.credentials where hint = '${hint(4)}'`);
  await pollux.cli('key', 'disable', String(third));
  await pollux.cli('key', 'remove', String(fourth));
  const report = await pollux.cli('key', 'sync');
  assert.deepEqual([report.new, report.back, report.gone, report.whole], [0, 0, 0, true]);
  const now = await states();
  assert.deepEqual([now[hint(3)], now[hint(4)]], ['disabled', 'removed']);
});
