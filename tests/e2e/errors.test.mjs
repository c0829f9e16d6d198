// SPDX-License-Identifier: MIT
// The operator's own rules about errors: running workers go by them within two seconds, before what is built in; a dry
// run says beforehand what they would do.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { answerOf, startScripted, sse, unary } from '../lib/scripted.mjs';
import { keyOf } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';

const where = '/v1beta/models/gemini-2.5-flash:generateContent';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const good = unary(answerOf([{ text: 'fine' }]));
const failing = (code, message, status = 'INTERNAL', details) => unary({ error: { code, message, status, ...(details ? { details } : {}) } }, code);

let upstream, pollux;
before(async () => {
  upstream = await startScripted();
  pollux = await startPollux({ upstream: upstream.url });
  for (let i = 1; i <= 6; i++) await pollux.cli('key', 'add', '--project', `p${i}`, keyOf(i));
});
after(async () => {
  await pollux?.stop();
  await upstream?.stop();
});
beforeEach(async () => {
  for (const rule of await pollux.cli('policy', 'list')) await pollux.cli('policy', 'remove', String(rule.id));
  await pollux.cli('reset', '--all');
  await known();
  upstream.forget();
});

const ask = (path = where) => pollux.send(path, { body });
// Until every worker has had a heartbeat since now.
async function known() {
  const [{ now }] = await pollux.sql('select clock_timestamp()::text as now');
  await waitFor('a heartbeat of every worker', async () => (await pollux.sql(`select bool_and(beat_at > '${now}') as heard from pollux.worker where left_at is null and swept_at is null`))[0].heard);
}
async function rule(...words) {
  const made = await pollux.cli('policy', 'add', ...words);
  await known();
  return made;
}
const failOnce = (answer) => upstream.says(() => (upstream.calls.length === 1 ? answer : good));

describe('what follows', () => {
  test('stop: the caller gets the error as it came, after one call, and nobody rests', async () => {
    upstream.says(failing(503, 'The batch window is closed', 'UNAVAILABLE'));
    await rule('--status', '500-599', '--text', 'batch WINDOW', '--action', 'stop');
    const answer = await ask();
    assert.equal(answer.status, 503);
    assert.equal(answer.json().error.message, 'The batch window is closed');
    const openai = await pollux.send('/v1/chat/completions', { body: { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'x' }] } });
    assert.equal(openai.status, 503);
    assert.match(openai.json().error.message, /batch window is closed/);
    assert.equal(upstream.calls.length, 2);
    assert.ok((await pollux.cli('key', 'list')).every((key) => key.state === 'ready'));
  });
  test('another: what was the caller\'s mistake is tried elsewhere', async () => {
    failOnce(failing(404, 'models/x is not found in this region', 'NOT_FOUND'));
    assert.equal((await ask()).status, 404, 'without the rule');
    upstream.forget();
    failOnce(failing(404, 'models/x is not found in this region', 'NOT_FOUND'));
    await rule('--status', '404', '--text', 'this region', '--action', 'another');
    assert.equal((await ask()).status, 200);
    assert.equal(new Set(upstream.calls.map((call) => call.key)).size, 2);
    upstream.says(failing(404, 'another thing', 'NOT_FOUND'));
    assert.equal((await ask()).status, 404, 'other texts stay what they are');
  });
  test('within a stream that has not begun', async () => {
    upstream.says(() => (upstream.calls.length === 1 ? sse([{ error: { code: 400, message: 'odd hiccup', status: 'INVALID_ARGUMENT' } }]) : sse([answerOf([{ text: 'fine' }])])));
    await rule('--status', '400', '--text', 'odd hiccup', '--action', 'another');
    const answer = await ask('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse');
    assert.match(answer.text, /fine/);
  });
  test('the status name and the reason are looked at, too; the first row decides', async () => {
    await rule('--status', '403', '--text', 'MY_REASON', '--action', 'another');
    await rule('--status', '403', '--action', 'stop', '--position', '1', '--text', 'permission_denied');
    failOnce(failing(403, 'no', 'SOMETHING', [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'MY_REASON' }]));
    assert.equal((await ask()).status, 200);
    upstream.forget();
    failOnce(failing(403, 'no', 'PERMISSION_DENIED', [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'MY_REASON' }]));
    assert.equal((await ask()).status, 403);
  });
});

describe('who rests', () => {
  const state = async (key) => (await pollux.cli('key', 'list')).find((row) => row.id === key);
  const used = () => Number(upstream.calls[0].key.slice(10, 14));
  test('the credential, exactly so long, and comes back by itself', async () => {
    failOnce(failing(503, 'tired key', 'UNAVAILABLE'));
    await rule('--status', '503', '--text', 'tired key', '--action', 'another', '--rest', 'credential', '--for', '4s');
    const began = Date.now();
    assert.equal((await ask()).status, 200);
    await pollux.settled();
    const resting = await state(used());
    assert.equal(resting.state, 'resting');
    assert.match(resting.reason, /^rule_\d+$/);
    assert.ok(Math.abs(new Date(resting.until) - began - 4000) < 1500);
    const key = upstream.calls[0].key;
    upstream.says(good);
    for (let i = 0; i < 12; i++) assert.equal((await ask()).status, 200);
    assert.equal(upstream.calls.filter((call) => call.key === key).length, 1, 'it is left alone');
    await waitFor('its return', async () => (await state(Number(key.slice(10, 14)))).state === 'ready', { timeout: 8000 });
    assert.ok(Date.now() - began >= 3900, 'not earlier');
  });
  test('its project for this model, longer than any built-in ceiling', async () => {
    failOnce(failing(500, 'weekly limit', 'INTERNAL'));
    await rule('--status', '500', '--text', 'weekly limit', '--action', 'another', '--rest', 'quota', '--for', '7d');
    assert.equal((await ask()).status, 200);
    await pollux.settled();
    const [row] = await pollux.sql("select reason, round(extract(epoch from ready_at - clock_timestamp()) / 3600)::int as hours from pollux.quota where reason like 'rule%'");
    assert.equal(row.hours, 168);
  });
  test('without any rule: who said in a header alone when to come back, in seconds or as a date', async () => {
    for (const after of ['40', new Date(Date.now() + 40_000).toUTCString()]) {
      await pollux.cli('reset', '--all');
      upstream.forget();
      failOnce({ status: 429, headers: { 'retry-after': after }, body: '' });
      assert.equal((await ask()).status, 200);
      await pollux.settled();
      const rows = await pollux.sql('select round(extract(epoch from ready_at - clock_timestamp()))::int as seconds from pollux.quota where ready_at > clock_timestamp()');
      assert.equal(rows.length, 1, after);
      assert.ok(rows[0].seconds > 30 && rows[0].seconds <= 45, `${after}: ${rows[0].seconds} s`);
    }
  });
  test('the model, with all projects', async () => {
    upstream.says(failing(503, 'the model sleeps', 'UNAVAILABLE'));
    await pollux.setting('wait_limit_ms', 500);
    await rule('--status', '503', '--text', 'the model sleeps', '--action', 'stop', '--rest', 'model', '--for', '5m');
    assert.equal((await ask()).status, 503);
    await pollux.settled();
    const answer = await ask();
    assert.equal(answer.status, 429);
    assert.ok(Number(answer.headers['retry-after']) > 280);
    assert.equal(upstream.calls.length, 1, 'nobody asks it');
    upstream.says(good);
    assert.equal((await ask('/v1beta/models/gemini-2.5-pro:generateContent')).status, 200, 'other models go on');
    await pollux.cli('model', 'reset', 'gemini-2.5-flash');
    assert.equal((await ask()).status, 200, 'until it is reset by hand');
    await pollux.setting('wait_limit_ms', 30000);
  });
});

test('a redirect, a status of another upstream\'s own and a late answer are failures of the upstream, in both dialects', async () => {
  await pollux.setting('retries', 0);
  const asks = [() => ask(), () => ask('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse'), () => pollux.send('/v1beta/cachedContents', { body: {} }),
    () => pollux.send('/v1/chat/completions', { body: { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'x' }] } })];
  for (const [answer, native, openai] of [[{ status: 302, headers: { location: 'https://elsewhere.example/' }, body: '' }, 502, 502], [{ status: 999, body: 'x' }, 502, 502], [failing(529, 'Overloaded', 'OVERLOADED'), 529, 502],
    [failing(408, 'too late', 'UNKNOWN'), 408, 504], [failing(409, 'aborted', 'ABORTED'), 409, 409]]) {
    for (const one of asks) {
      await pollux.cli('reset', '--all');
      upstream.says(answer);
      const said = await one();
      assert.equal(said.status, one === asks.at(-1) ? openai : native, `${answer.status}: ${said.text}`);
      assert.ok(said.json().error.message.length > 0);
    }
  }
  await pollux.setting('retries', 7);
  upstream.says(good);
});

describe('editing', () => {
  test('a change acts on running workers, so does one by psql, and the end of a rule', async () => {
    upstream.says(failing(418, 'teapot', 'UNKNOWN'));
    const made = await rule('--status', '418', '--action', 'another');
    await pollux.setting('retries', 1);
    await ask();
    assert.equal(upstream.calls.length, 2);
    await pollux.cli('policy', 'set', String(made.id), '--enabled', 'no');
    await known();
    upstream.forget();
    await ask();
    assert.equal(upstream.calls.length, 1);
    await pollux.sql(`update pollux.error_rule set enabled = true where id = ${made.id}`);
    await known();
    upstream.forget();
    await ask();
    assert.equal(upstream.calls.length, 2);
    await pollux.cli('policy', 'remove', String(made.id));
    await known();
    upstream.forget();
    await ask();
    assert.equal(upstream.calls.length, 1);
    await pollux.setting('retries', 7);
  });
  test('what makes no sense is refused in plain words', async () => {
    for (const [words, said] of [
      [['--status', '99', '--action', 'stop'], /from 100 to 599/], [['--status', '500'], /action is stop or another/], [['--action', 'stop'], /status/],
      [['--status', '500', '--action', 'stop', '--rest', 'model'], /belong together/], [['--status', '500', '--action', 'fly'], /stop or another/],
      [['--status', 'x', '--action', 'stop'], /--status/], [['--status', '500', '--action', 'stop', '--for', 'ever'], /--for/],
    ]) {
      const refused = await pollux.command('policy', 'add', ...words);
      assert.ok(refused.code > 0, words.join(' '));
      assert.match(refused.err, said);
    }
    assert.equal((await pollux.command('policy', 'remove', '999')).code, 1);
  });
  test('a dry run says which row it would be, or what is built in', async () => {
    const made = await rule('--status', '429', '--text', 'image quota', '--action', 'another', '--rest', 'quota', '--for', '6h');
    const dry = (status, error) => pollux.cli('policy', 'test', status, JSON.stringify({ error }));
    const own = await dry('429', { code: 429, message: 'Image quota used up', status: 'RESOURCE_EXHAUSTED' });
    assert.deepEqual([own.rule, own.next, own.scope, own.rest, own.rest_ms], [made.id, 'another', 'quota', 'exact', 21_600_000]);
    const built = await dry('400', { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' });
    assert.deepEqual([built.rule, built.outcome, built.next, built.scope, built.rest], [null, 'credential_dead', 'another', 'credential', 'dead']);
    const caller = await dry('400', { code: 400, message: 'Invalid value', status: 'INVALID_ARGUMENT' });
    assert.deepEqual([caller.outcome, caller.next, caller.scope], ['caller', 'answer', 'none']);
    const page = await pollux.commandWithInput('<html>503</html>', 'policy', 'test', '503');
    assert.match(page.out, /none of yours/);
    assert.match(page.out, /overloaded/);
    assert.match((await pollux.command('policy', 'list')).out, /image quota/);
  });
});
