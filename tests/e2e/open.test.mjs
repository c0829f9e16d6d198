// SPDX-License-Identifier: MIT
// Requests without a token: nobody by default; then as a client of their own, with limits and bans by address, turned
// away when the pool runs low. Whoever has a valid token notices nothing of all this.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { pooled } from '../lib/wait.mjs';

const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const generate = '/v1beta/models/gemini-2.5-flash:generateContent';
const proxy = '127.0.0.1', stranger = '127.0.0.2';

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(10) }, settings: { POLLUX_TRUSTED_PROXIES: `${proxy}, 10.0.0.0/8` } });
});
after(() => pollux?.stop());

// Each test begins with nobody seen or banned, and without limits.
beforeEach(async () => {
  await pollux.sql('truncate pollux.visitor, pollux.ban, pollux.pool');
  await set({ open_per_minute: 0, open_per_hour: 0, ban_after: 0, protect_below: 0, protect_all_at: 0, protect_percent: 0 });
});

// These are read by the database itself: they act at once.
async function set(values) {
  for (const [name, value] of Object.entries(values)) await pollux.cli('setting', 'set', name, String(value));
}

const open = (headers = {}, options = {}) => pollux.send(generate, { body, token: undefined, from: stranger, headers, ...options });
const through = (hops) => open({ 'x-forwarded-for': hops }, { from: proxy });
async function statuses(count, ask) {
  const seen = [];
  for (let i = 0; i < count; i++) seen.push((await ask(i)).status);
  return seen;
}
const times = (status, count) => Array.from({ length: count }, () => status);

describe('who may come in', () => {
  test('without open access: 401, which says what to send', async () => {
    const answer = await open();
    assert.equal(answer.status, 401);
    assert.match(answer.json().error.message, /No client token: send it as/);
  });

  test('with open access: everybody without a credential, as the client "open access"', async () => {
    await pollux.setting('open_access', 'on');
    assert.equal((await open()).status, 200);
    const chat = await pollux.send('/v1/chat/completions', { token: undefined, body: { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'hi' }] } });
    assert.equal(chat.status, 200, chat.text);
    const list = await pollux.send('/v1/models', { token: undefined });
    assert.ok(list.json().data.length > 5);
    assert.equal((await pollux.send('/v1beta/models', { token: undefined })).status, 200);
    await pollux.settled();
    const [row] = await pollux.sql("select client, client_id, remote from report.requests join (select id as rid, client_id from pollux.request) x on rid = id where dialect = 'openai' and verb <> '' limit 1");
    assert.equal(row.client, 'open access');
    assert.equal(row.client_id, -1);
    assert.ok((await pollux.cli('usage', '--by', 'client')).some((sum) => sum.client === 'open access' && sum.requests >= 2));
  });

  test('but nobody with a credential that is none', async () => {
    const wrong = [
      { authorization: 'Bearer plx_wrong' }, { authorization: 'Bearer ' }, { authorization: 'Bearer' }, { authorization: 'nonsense' },
      { authorization: `Basic ${Buffer.from('x:').toString('base64')}` }, { 'x-goog-api-key': 'AIzaSyNobodysKey' }, { 'x-api-key': '!' },
    ];
    for (const headers of wrong) assert.equal((await open(headers)).status, 401, JSON.stringify(headers));
    assert.equal((await pollux.send(`${generate}?key=plx_wrong`, { body, token: undefined })).status, 401);
    assert.equal((await pollux.send(`${generate}?key=%21`, { body, token: undefined })).status, 401);
    const client = await pollux.addClient('gone');
    await pollux.cli('client', 'revoke', 'gone');
    assert.equal((await open({ authorization: `Bearer ${client.token}` })).status, 401);
    assert.equal((await open({ 'x-api-key': pollux.token })).status, 200);
    for (const headers of [{ 'x-api-key': '' }, { authorization: '' }]) assert.equal((await open(headers)).status, 200, JSON.stringify(headers));
  });

  test('and only for models: what belongs to somebody needs a token', async () => {
    const wants = async (where, options) => (await pollux.send(where, { token: undefined, ...options })).status;
    assert.equal(await wants('/v1beta/files'), 401);
    assert.equal(await wants('/v1beta/files/abc', { method: 'DELETE' }), 401);
    assert.equal(await wants('/v1beta/cachedContents', { body: {} }), 401);
    assert.equal(await wants('/v1beta/models/gemini-2.5-flash/operations/abc'), 401);
    assert.equal(await wants('/upload/v1beta/files', { body: { file: {} }, headers: { 'x-goog-upload-command': 'start', 'x-goog-upload-protocol': 'resumable' } }), 401);
    assert.equal((await pollux.send('/v1beta/files')).status, 200);
  });

  test('its client has limits and an allow-list like any other', async () => {
    await pollux.cli('client', 'set', 'open access', '--models', 'gemini-2.5-pro');
    assert.equal((await open()).status, 403);
    await pollux.cli('client', 'set', 'open access', '--models', 'none', '--rpm', '2');
    assert.deepEqual(await statuses(3, () => open()), [200, 200, 429]);
    await pollux.cli('client', 'set', 'open access', '--rpm', 'none');
    assert.equal((await open()).status, 200);
    const said = await pollux.command('client', 'revoke', 'open access');
    assert.equal(said.code, 1);
    assert.match(said.err, /open_access off/);
  });
});

describe('limits of an address', () => {
  test('per minute: four of five, five of five, and not a sixth', async () => {
    await set({ open_per_minute: 5 });
    assert.deepEqual(await statuses(4, () => open()), times(200, 4));
    assert.equal((await open()).status, 200);
    const answer = await open();
    assert.equal(answer.status, 429);
    const wait = Number(answer.headers['retry-after']);
    assert.ok(wait > 50 && wait <= 61, `retry-after ${wait}`);
    assert.match(answer.json().error.message, /this address .* per minute without a client token/);
    assert.equal((await open({}, { from: '127.0.0.3' })).status, 200, 'another address');
    assert.equal((await open({}, { token: pollux.token })).status, 200, 'a token at the same address');
  });

  test('per hour, told in the dialect of the caller', async () => {
    await set({ open_per_hour: 3 });
    assert.deepEqual(await statuses(3, () => open()), times(200, 3));
    const answer = await pollux.send('/v1/chat/completions', { token: undefined, from: stranger, body: { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'hi' }] } });
    assert.equal(answer.status, 429);
    assert.equal(answer.json().error.type, 'rate_limit_error');
  });

  test('thirty at the same time over two workers: exactly ten', async () => {
    await set({ open_per_minute: 10 });
    const seen = await pooled(30, 30, () => open());
    assert.equal(seen.filter((answer) => answer.status === 200).length, 10);
  });

  test('a forged header changes nothing', async () => {
    await set({ open_per_minute: 6 });
    const forged = (i) => [
      { 'x-forwarded-for': `198.51.100.${i}` }, { 'X_Forwarded_For': `198.51.100.${i}` }, { forwarded: `for=198.51.100.${i}` }, { 'x-real-ip': `198.51.100.${i}` },
      { 'x-forwarded-for': '10.0.0.1' }, { 'x-forwarded-for': proxy }, { 'client-ip': `198.51.100.${i}` }, { 'x-forwarded-for': `198.51.100.${i}, 10.0.0.1` },
    ][i % 8];
    assert.deepEqual(await statuses(8, (i) => open(forged(i))), [...times(200, 6), 429, 429]);
    assert.deepEqual(await pollux.sql('select host(net) as net from pollux.visitor'), [{ net: stranger }]);
  });

  test('behind a trusted proxy the hop before it counts, whatever stands left of that', async () => {
    await set({ open_per_minute: 4 });
    assert.deepEqual(await statuses(5, (i) => through(`203.0.113.${i}, 198.51.100.7`)), [...times(200, 4), 429]);
    assert.equal((await through('198.51.100.7, 198.51.100.8')).status, 200, 'another client of the proxy');
    assert.equal((await through('198.51.100.7, 10.0.0.5, 10.0.0.6')).status, 429, 'through three proxies');
    assert.equal((await through('[2001:db8::1]:443')).status, 200);
    assert.deepEqual((await pollux.sql('select net::text from pollux.visitor order by net')).map((row) => row.net), ['198.51.100.7/32', '198.51.100.8/32', '2001:db8::/64']);
    await pollux.settled();
    assert.ok((await pollux.sql("select count(*)::int as n from report.requests where remote = '198.51.100.7'"))[0].n >= 4, 'the log names it, too');
  });

  test('two headers of that name are nobody: the proxy itself counts', async () => {
    await open({ 'x-forwarded-for': '198.51.100.9', X_Forwarded_For: '198.51.100.10' }, { from: proxy });
    const seen = (await pollux.sql('select host(net) as net from pollux.visitor')).map((row) => row.net);
    assert.ok(seen.length === 1 && [proxy, '198.51.100.9'].includes(seen[0]), `${seen}`); // Apache drops the one with underscores
  });
});

describe('bans', () => {
  test('who goes on and on is banned; it shows, and can be lifted', async () => {
    await set({ open_per_minute: 2, ban_after: 3, ban_minutes: 20 });
    assert.deepEqual(await statuses(5, () => open()), [200, 200, 429, 429, 403]);
    const answer = await open();
    assert.equal(answer.status, 403);
    assert.ok(Number(answer.headers['retry-after']) > 19 * 60);
    assert.equal((await open({}, { token: pollux.token })).status, 200, 'a token passes by');
    const [ban] = await pollux.cli('ban', 'list');
    assert.equal(ban.net, stranger);
    assert.equal(ban.automatic, true);
    assert.match((await pollux.command('ban', 'list')).out, new RegExp(`${stranger} .*refused 3 times`));
    assert.equal((await pollux.cli('ban', 'lift', stranger)).net, stranger);
    assert.equal((await open()).status, 429, 'its minute is still over');
    await set({ open_per_minute: 0 });
    assert.equal((await open()).status, 200);
  });

  test('by hand: an address or a network, with an end', async () => {
    const ban = await pollux.cli('ban', 'add', '127.0.0.0/24', '--until', '2h', '--reason', 'test');
    assert.equal(ban.net, '127.0.0.0/24');
    assert.ok(Math.abs(new Date(ban.ends_at) - Date.now() - 7_200_000) < 60_000);
    assert.equal((await open()).status, 403);
    assert.equal((await through('198.51.100.1')).status, 200);
    await pollux.cli('ban', 'lift', '127.0.0.0/24');
    assert.equal((await open()).status, 200);
    for (const [words, said] of [[['add', 'nowhere'], /no address or network/], [['add', '0.0.0.0/0'], /shut out too much/], [['lift', '192.0.2.1'], /no ban of/], [['add', '192.0.2.1', '--until', '2020-01-01'], /in the past/]]) {
      const refused = await pollux.command('ban', ...words);
      assert.equal(refused.code, 1);
      assert.match(refused.err, said);
    }
    assert.equal((await pollux.command('ban', 'list')).out, 'Nobody is banned.\n');
  });
});

describe('protection of the pool', () => {
  const ready = async (count) => {
    for (const key of await pollux.cli('key', 'list')) await pollux.cli('key', key.id <= count ? 'enable' : 'disable', String(key.id));
    await pollux.sql('truncate pollux.pool');
  };
  const refused = async (count) => {
    const answers = await pooled(count, 8, () => open());
    for (const answer of answers) if (answer.status !== 200) assert.equal(answer.status, 503, answer.text);
    return answers.filter((answer) => answer.status === 503).length;
  };
  after(() => ready(10));

  test('shares before, at, between and after the two numbers', async (t) => {
    await set({ protect_below: 8, protect_all_at: 4 });
    for (const [count, low, high] of [[9, 0, 0], [8, 0, 0], [7, 22, 83], [6, 65, 135], [5, 117, 178], [4, 200, 200], [3, 200, 200]]) {
      await ready(count);
      const n = await refused(200); // a share p of 200 lies within four deviations of 200p
      t.diagnostic(`${count} ready: ${n} of 200 turned away`);
      assert.ok(n >= low && n <= high, `${count} ready: ${n} of 200`);
    }
    const answer = await open();
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '10');
    assert.match(answer.json().error.message, /few upstream credentials/);
    assert.equal((await open({}, { token: pollux.token })).status, 200, 'a token is served');
  });

  test('a pool that recovers lets them in again within two seconds', async () => {
    await set({ protect_below: 8, protect_all_at: 4 });
    await ready(2);
    assert.equal(await refused(5), 5);
    for (const key of await pollux.cli('key', 'list')) await pollux.cli('key', 'enable', String(key.id));
    const began = Date.now();
    while ((await open()).status !== 200) assert.ok(Date.now() - began < 2500, 'still turned away');
  });
});

test('secrets: nothing of all this names a key', async () => {
  assert.ok(!JSON.stringify(await pollux.sql('select detail from pollux.event')).includes(keyOf(1)));
});

test('switched off: 401 again', async () => {
  await pollux.setting('open_access', 'off');
  assert.equal((await open()).status, 401);
  assert.equal((await open({}, { token: pollux.token })).status, 200);
});
