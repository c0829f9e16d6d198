// SPDX-License-Identifier: MIT
// Proxies towards the upstream: one for all calls, one of a key's own. A key keeps to its proxy, no two keys share a
// tunnel, a proxy that fails is nobody's fault but its own, and its password is nowhere to be seen.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { freePort, startPollux } from '../lib/pollux.mjs';
import { answerOf, startScripted, unary } from '../lib/scripted.mjs';
import { startHttpProxy, startSocksProxy } from '../lib/proxies.mjs';
import { keyOf } from '../lib/sim.mjs';
import { pooled } from '../lib/wait.mjs';

const where = '/v1beta/models/gemini-2.5-flash:generateContent';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const secret = 'pr0xy-Passw0rd';

let upstream, web, socks, pollux;
before(async () => {
  upstream = await startScripted();
  upstream.says(() => unary(answerOf([{ text: 'fine' }])));
  web = await startHttpProxy({ users: { anna: secret, bert: secret } });
  socks = await startSocksProxy({ users: { carl: secret } });
  pollux = await startPollux({ upstream: upstream.url, settings: { no_proxy: '*', http_proxy: 'http://127.0.0.1:9' } });
  for (const i of [1, 2, 3]) await pollux.cli('key', 'add', '--project', `p${i}`, keyOf(i));
});
after(async () => {
  await pollux?.stop();
  for (const server of [upstream, web, socks]) await server?.stop();
});
beforeEach(async () => {
  upstream.forget();
  for (const proxy of [web, socks]) {
    proxy.cut();
    proxy.asked.length = 0;
    proxy.refuse = null;
  }
  for (const i of [1, 2, 3]) {
    await pollux.cli('key', 'set', String(i), '--proxy', 'none');
    await pollux.cli('key', 'enable', String(i));
  }
});

const only = async (...ids) => {
  for (const i of [1, 2, 3]) if (!ids.includes(i)) await pollux.cli('key', 'disable', String(i));
};
const url = (scheme, user, proxy) => `${scheme}://${user}:${secret}@127.0.0.1:${proxy.port}`;
const ask = () => pollux.send(where, { body });

describe('a proxy of its own', () => {
  for (const [scheme, user, proxy] of [['http', 'anna', () => web], ['socks5', 'carl', () => socks], ['socks5h', 'carl', () => socks]]) {
    test(`${scheme}: all calls with the key go through it`, async () => {
      await only(1);
      const key = await pollux.cli('key', 'set', '1', '--proxy', url(scheme, user, proxy()));
      assert.equal(key.proxy, `${scheme}://127.0.0.1:${proxy().port}`);
      assert.equal((await ask()).status, 200);
      assert.equal(upstream.calls.length, 1);
      assert.equal(proxy().asked[0].user, user);
      assert.equal(web.plain, 0, 'a tunnel: the proxy sees no key');
      assert.ok(!JSON.stringify(proxy().asked).includes('AIza'));
      assert.ok(!('proxy-authorization' in upstream.calls[0].headers));
    });
  }
  test('a key without one goes on directly, and two users of a proxy never share a tunnel', async () => {
    await only(1, 2, 3);
    await pollux.cli('key', 'set', '1', '--proxy', url('http', 'anna', web));
    await pollux.cli('key', 'set', '2', '--proxy', url('http', 'bert', web));
    const answers = await pooled(60, 6, ask);
    assert.ok(answers.every((answer) => answer.status === 200));
    const user = new Map(web.asked.map((row) => [row.from, row.user]));
    const ways = [...new Set(upstream.calls.map((call) => `${call.key} by ${user.get(call.port) ?? 'itself'}`))].sort();
    assert.deepEqual(ways, [`${keyOf(1)} by anna`, `${keyOf(2)} by bert`, `${keyOf(3)} by itself`]);
    assert.ok(web.asked.length < 30, `${web.asked.length} tunnels for some forty calls: they are used again`);
  });
  test('it comes from standard input, too; and a wrong one is refused without being repeated', async () => {
    const said = await pollux.commandWithInput(`${url('socks5h', 'carl', socks)}\n`, 'key', 'set', '1', '--proxy', '-');
    assert.equal(said.code, 0, said.err);
    for (const wrong of [`ftp://x:${secret}@h:1`, `socks5://u:${secret}@`, `http://u:${secret}@h:99999`, `http://u:${secret}@h:80/path`, `${secret}`]) {
      const refused = await pollux.command('key', 'set', '1', '--proxy', wrong);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /socks5h:\/\//);
      assert.ok(!refused.err.includes(secret));
    }
    assert.match((await pollux.command('key', 'list')).out, new RegExp(`socks5h://127.0.0.1:${socks.port}`));
  });
});

describe('a proxy that fails', () => {
  const failures = [['407', () => { web.refuse = 407; }], ['502', () => { web.refuse = 502; }], ['a cut connection', () => { web.refuse = 'reset'; }]];
  for (const [what, fail] of failures) {
    test(`with ${what}: another key serves, and the key keeps its good name`, async () => {
      await only(1, 2);
      await pollux.cli('key', 'set', '1', '--proxy', url('http', 'anna', web));
      web.cut();
      fail();
      for (let i = 0; i < 6; i++) assert.equal((await ask()).status, 200);
      assert.ok(upstream.calls.every((call) => call.key === keyOf(2)));
      assert.ok(web.asked.length > 0, 'it was tried');
      await pollux.settled();
      const keys = await pollux.cli('key', 'list');
      assert.equal(keys.find((key) => key.id === 1).state, 'ready');
      assert.deepEqual(await pollux.sql("select reason, failures from pollux.quota where project_id = 1 and (failures > 0 or reason is not null)"), []);
      const [attempt] = await pollux.sql("select outcome, error from pollux.attempt where credential_id = 1 and outcome <> 'ok' order by started_at desc limit 1");
      assert.equal(attempt.outcome, 'connect');
      assert.match(attempt.error, /through its own proxy/);
    });
  }
  test('SOCKS that refuses, or a port where nobody listens', async () => {
    await only(1, 2);
    await pollux.cli('key', 'set', '1', '--proxy', url('socks5', 'carl', socks));
    socks.cut();
    socks.refuse = 2;
    for (let i = 0; i < 4; i++) assert.equal((await ask()).status, 200);
    await pollux.cli('key', 'set', '1', '--proxy', `socks5://127.0.0.1:${await freePort()}`);
    for (let i = 0; i < 4; i++) assert.equal((await ask()).status, 200);
    assert.equal((await pollux.cli('key', 'list')).find((key) => key.id === 1).state, 'ready');
  });
  test('and is the only way out: an upstream error, never a direct call', async () => {
    await only(1);
    await pollux.cli('key', 'set', '1', '--proxy', url('http', 'anna', web));
    web.cut();
    web.refuse = 502;
    const answer = await ask();
    assert.ok([502, 503].includes(answer.status), answer.text);
    assert.equal(upstream.calls.length, 0);
    assert.ok(!answer.text.includes(secret));
  });
});

test('one proxy for all calls, password and all, from the environment', async () => {
  const through = await startPollux({ upstream: upstream.url, settings: { POLLUX_PROXY: url('http', 'bert', web), POLLUX_WORKERS: '1' } });
  try {
    await through.cli('key', 'add', keyOf(1));
    assert.equal((await through.send(where, { body })).status, 200);
    assert.equal(web.asked.at(-1).user, 'bert');
    const key = await through.cli('key', 'set', '1', '--proxy', url('socks5h', 'carl', socks));
    assert.match(key.proxy, /^socks5h:/);
    assert.equal((await through.send(where, { body })).status, 200);
    assert.equal(socks.asked.at(-1).user, 'carl', "a key's own goes before it");
    const files = through.logs().map(({ text }) => text).join('');
    assert.ok(!files.includes(secret));
  } finally {
    await through.stop();
  }
});

test('the password is sealed: no view, event, attempt, log or list holds it', async () => {
  await pollux.cli('key', 'set', '1', '--proxy', url('http', 'anna', web));
  const dump = [
    JSON.stringify(await pollux.sql('select * from pollux.credential')), JSON.stringify(await pollux.sql('select detail from pollux.event')),
    JSON.stringify(await pollux.sql('select error from pollux.attempt')), JSON.stringify(await pollux.sql('select * from report.credentials')),
    (await pollux.command('key', 'list', '--json')).out, ...pollux.logs().map(({ text }) => text),
  ].join('\n');
  assert.ok(!dump.includes(secret));
  assert.ok(!dump.includes(Buffer.from(secret).toString('hex')));
  assert.ok(!dump.includes('anna'));
});
