// SPDX-License-Identifier: MIT
// The pool looks after itself: keys that die are out, are asked again by the schedule, and come back; jobs survive their
// worker; a changed setting reaches the workers at once.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';
import { median } from '../lib/figures.mjs';

const generate = '/v1beta/models/gemini-2.5-flash:generateContent';
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(4), any_key: false } });
});
after(() => pollux?.stop());
afterEach(() => pollux.sim.configure({ behaviour: [], latency_ms: 0, projects: projects(4, () => ({ state: 'ok', behaviour: [] })) }));

const sql = (query) => pollux.sql(query);
const state = async (id) => (await sql(`select state, reason from report.credentials where id = ${id}`))[0];
const becomes = (id, wanted) => waitFor(`credential ${id} to be ${wanted}`, async () => (await state(id)).state === wanted);
const enqueue = () => sql('select pollux.probe_enqueue()');
const say = (id, what) => pollux.sim.configure({ projects: [{ id: `p${id}`, state: what }] });
const calls = async (id) => (await pollux.sim.stats()).by_key[keyOf(id)]?.calls ?? 0;
const probes = (id) => sql(`select state, attempts, result from report.job_queue where kind = 'probe' and subject = '${id}' order by id`);

test('a suspended key is out at once, gets one request a probe, and comes back by itself', async () => {
  await pollux.setting('probe_after_403_s', 1);
  await say(2, 'suspended');
  for (let i = 0; i < 40 && (await state(2)).state === 'ready'; i++) assert.equal((await pollux.send(generate, { body })).status, 200);
  await becomes(2, 'dead');
  assert.equal((await state(2)).reason, 'suspended');
  const before_ = await calls(2);
  for (let round = 1; round <= 2; round++) {
    await waitFor('the probe to be due', async () => (await enqueue())[0].probe_enqueue > 0);
    await waitFor('the probe', async () => (await probes(2)).filter((job) => job.state === 'done').length === round);
    assert.equal(await calls(2), before_ + round, 'one request a probe');
    assert.equal((await state(2)).state, 'dead');
  }
  for (let i = 0; i < 8; i++) assert.equal((await pollux.send(generate, { body })).status, 200);
  assert.equal(await calls(2), before_ + 2, 'a dead key serves nobody');
  await say(2, 'ok');
  await waitFor('the probe to be due', async () => (await enqueue())[0].probe_enqueue > 0);
  await becomes(2, 'ready');
  const stats = await pollux.sim.stats();
  assert.equal(stats.by_key[keyOf(2)].requests, 0, 'no quota was spent on it');
  const story = await sql('select from_state, to_state, why from report.credential_states where credential_id = 2 and model is null order by id');
  assert.deepEqual(story.map((row) => [row.from_state, row.to_state]), [['ready', 'dead'], ['dead', 'ready']]);
  await waitFor('the key to serve again', async () => {
    await pollux.send(generate, { body });
    return (await pollux.sim.stats()).by_key[keyOf(2)].requests > 0;
  });
});

test('`pollux key test` asks now, also without a worker, and says what came of it', async () => {
  await say(3, 'leaked');
  const [one] = await pollux.cli('key', 'test', '3');
  assert.deepEqual([one.id, one.ok, one.status, one.outcome, one.state], [3, false, 403, 'credential_dead', 'dead']);
  await say(3, 'ok');
  const all = await pollux.cli('key', 'test', '--all', '--model', 'gemini-2.5-pro');
  assert.deepEqual(all.map((row) => [row.id, row.ok, row.state, row.model]), [1, 2, 3, 4].map((id) => [id, true, 'ready', 'gemini-2.5-pro']));
  const said = await pollux.command('key', 'test', '99');
  assert.equal(said.code, 1);
  assert.match(said.err, /no key with the id 99/);
});

test('a reset by hand ends what is automatic', async () => {
  await say(1, 'suspended');
  await pollux.cli('key', 'test', '1');
  assert.equal((await state(1)).state, 'dead');
  await say(1, 'ok');
  assert.equal((await pollux.cli('key', 'reset', '1')).state, 'ready');
  await pollux.sim.configure({ behaviour: [{ match: { model: 'gemini-2.5-pro', method: 'generate' }, do: '429-zero' }] });
  await pollux.send('/v1beta/models/gemini-2.5-pro:generateContent', { body });
  await pollux.settled();
  assert.ok((await sql("select 1 from report.quota where model = 'gemini-2.5-pro' and state = 'out'")).length > 0);
  assert.ok((await pollux.cli('model', 'reset', 'gemini-2.5-pro')).projects > 0);
  assert.equal((await sql("select 1 from report.quota where model = 'gemini-2.5-pro' and state = 'out'")).length, 0);
  assert.match((await pollux.command('model', 'reset', 'nobody-knows')).err, /nobody-knows/);
  await say(1, 'suspended');
  await pollux.cli('key', 'test', '1');
  assert.deepEqual(Object.keys(await pollux.cli('reset', '--all')).sort(), ['credentials', 'rows']);
  assert.equal((await state(1)).state, 'ready');
  assert.equal((await pollux.command('reset')).code, 2, 'not by mistake');
});

test('an error that follows the request to a second project blames nobody', async () => {
  await pollux.cli('reset', '--all');
  await pollux.sim.configure({ behaviour: [{ match: { method: 'generate' }, do: '503', times: 2 }] });
  assert.equal((await pollux.send(generate, { body })).status, 200);
  await pollux.settled();
  const rows = await sql("select project, failures, state from report.quota where model = 'gemini-2.5-flash' and (failures > 0 or state <> 'ready')");
  assert.deepEqual(rows, []);
  await pollux.sim.configure({ behaviour: [{ match: { method: 'generate' }, do: '503', times: 1 }] });
  assert.equal((await pollux.send(generate, { body })).status, 200);
  await waitFor('the one that failed alone to be blamed', async () => (await sql("select 1 from report.quota where model = 'gemini-2.5-flash' and failures > 0")).length === 1);
});

test('a worker that is killed in the middle of a probe leaves it to another one', async () => {
  await pollux.setting('probe_with', 'generate');
  await pollux.sim.configure({ latency_ms: 30_000 });
  const { calls: sent } = await pollux.sim.stats();
  const [{ id: job }] = await sql("select (admin.credential_test(4, null) ->> 'job')::int as id");
  const [{ pid }] = await waitFor('the probe to run', async () => {
    const found = await sql(`select w.pid from report.job_queue j join report.workers w on w.id = j.worker where j.id = ${job} and j.state = 'running'`);
    return found.length > 0 && found;
  });
  await waitFor('the request to be at the upstream', async () => (await pollux.sim.stats()).calls > sent);
  process.kill(pid, 'SIGKILL');
  await pollux.sim.configure({ latency_ms: 0 });
  const found = await waitFor('another worker to do it', async () => {
    const [row] = await sql(`select j.state, j.attempts, j.result, w.pid from report.job_queue j join report.workers w on w.id = j.worker where j.id = ${job}`);
    return row.state === 'done' && row;
  }, { timeout: 40_000, every: 200 });
  assert.deepEqual([found.attempts, found.result.status, found.pid === pid], [2, 200, false]);
  await waitFor('the supervisor to have started another worker', async () => (await pollux.workers()).length === 2, { timeout: 40_000 });
});

test('keep-alive calls /health at the public address and notes what came', async () => {
  await pollux.setting('public_url', `${pollux.url}/`);
  await sql('select pollux.keep_alive_enqueue()');
  const job = await waitFor('the call', async () => (await sql("select result from report.job_queue where kind = 'keep_alive' and state = 'done'"))[0]);
  assert.equal(job.result.status, 200);
});

test('a changed setting acts on running workers within a second, whoever changes it', async () => {
  // Measured by the database, whose clock the heartbeats carry too.
  await sql(`create schema measure; create procedure measure.heard(p_value text, inout ms numeric default null) language plpgsql as $$
    declare v_at timestamptz;
    begin
      v_at := clock_timestamp();
      if p_value <> '' then update pollux.setting set value = p_value where name = 'wait_limit_ms'; end if;
      commit;
      for i in 1..1000 loop
        exit when (select bool_and(beat_at > (select changed_at from pollux.setting where name = 'wait_limit_ms'))
                   from pollux.worker where left_at is null and swept_at is null and beat_at > v_at - interval '10 seconds');
        perform pg_sleep(0.005);
        commit;
      end loop;
      ms := round(extract(epoch from clock_timestamp() - v_at) * 1000);
    end $$`);
  const took = [];
  for (let i = 0; i < 8; i++) took.push(Number(await sql(`call measure.heard('${20_000 + i}')`)));
  assert.ok(Math.max(...took) < 1000, `took ${took.join(' ')} ms`);
  assert.ok(median(took) < 400, `took ${took.join(' ')} ms: no faster than the heartbeat`);
  await pollux.cli('setting', 'set', 'wait_limit_ms', '30000');
  assert.ok(Number(await sql("call measure.heard('')")) < 1000, 'the command does what an UPDATE does');
  await assert.rejects(sql("update pollux.setting set value = 'soon' where name = 'wait_limit_ms'"), /must be a whole number/);
  assert.match((await pollux.command('setting', 'set', 'probe_after_5xx_s', '0')).err, /must be a whole number from 1/);
});
