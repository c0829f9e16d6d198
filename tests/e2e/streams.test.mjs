// SPDX-License-Identifier: MIT
// Streams: events arrive as they are sent, a client that leaves ends the call at Google, a slow or large answer harms
// nobody.
import { after, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { answerOf, sse, startScripted } from '../lib/scripted.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';
import { checkChunks, joinChunks } from '../lib/openai-shape.mjs';
import { percentile } from '../lib/figures.mjs';

const model = 'gemini-2.5-flash';
const path = `/v1beta/models/${model}:streamGenerateContent?alt=sse`;
const asking = (words) => ({ contents: [{ role: 'user', parts: [{ text: `[[sim:${words}]] tell me a long story` }] }] });
const chatting = (words) => ({ model, stream: true, messages: [{ role: 'user', content: `[[sim:${words}]] tell me a long story` }] });

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(4) }, settings: { POLLUX_HEARTBEAT: '1' }, database: { idle_timeout_ms: 5000 } });
});
beforeEach(() => pollux.sim.reset());
after(() => pollux?.stop());

test('each event is at the client before the next is sent, in both dialects', async (t) => {
  const upstream = await startScripted();
  const timed = await startPollux({ upstream: upstream.url });
  try {
    await timed.addProjects([{ id: 'p1', keys: [keyOf(1)] }]);
    for (const [dialect, where, body] of [['native', path, asking('')], ['OpenAI', '/v1/chat/completions', chatting('')]]) {
      const sent = [];
      const events = Array.from({ length: 40 }, (_, i) => answerOf([{ text: `<${i}>` }], { finish: i === 39 ? 'STOP' : null }));
      upstream.says({ ...sse(events), pause: 40, pieces: events.map((event, i) => () => {
        sent[i] = performance.now();
        return `data: ${JSON.stringify(event)}\r\n\r\n`;
      }) });
      const arrived = [];
      const stream = timed.stream(where, { body });
      for await (const { at, event } of stream.events) {
        const number = /<(\d+)>/.exec(JSON.stringify(event))?.[1];
        if (number !== undefined) arrived[number] = at;
      }
      const lags = sent.map((at, i) => arrived[i] - at);
      assert.equal(lags.filter(Number.isFinite).length, 40, dialect);
      for (let i = 0; i < 38; i++) assert.ok(arrived[i] < sent[i + 2], `${dialect}: event ${i} came ${lags[i]} ms after it was sent`);
      t.diagnostic(`${dialect}: median ${percentile(lags, 50).toFixed(1)} ms, p99 ${percentile(lags, 99).toFixed(1)} ms`);
    }
  } finally {
    await timed.stop();
    await upstream.stop();
  }
});

test('without alt=sse the stream is one JSON array that grows', async () => {
  const answer = await pollux.send(path.split('?')[0], { body: asking('chunks=5,delay=100') });
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.ok(answer.json().length >= 5);
  assert.ok(answer.chunks.at(-1).at - answer.chunks[0].at > 200, 'not in one piece');
});

test('a client that leaves in mid-stream ends the call upstream within a second, and what was used is recorded', async () => {
  for (const [where, body] of [[path, asking('chunks=100,delay=200')], ['/v1/chat/completions', chatting('chunks=100,delay=200')]]) {
    await pollux.sim.reset();
    const stream = pollux.stream(where, { body });
    for (let i = 0; i < 3; i++) await stream.next();
    const left = performance.now();
    stream.leave();
    const closed = await waitFor('the upstream call to be closed', async () => {
      const stats = await pollux.sim.stats();
      return stats.closed_early === 1 && stats.open === 0 && stats.closed[0];
    });
    assert.ok(performance.now() - left < 1700, `closed ${performance.now() - left} ms after the client left`);
    assert.ok(closed.events < 15, `${closed.events} events were sent`);
    const row = await waitFor('its row', async () => (await pollux.sql("select * from report.requests where outcome = 'client_gone' order by started_at desc limit 1"))[0]);
    assert.ok(row.prompt_tokens > 0, JSON.stringify(row));
  }
  await waitFor('both rows', async () => (await pollux.sql("select 1 from report.requests where outcome = 'client_gone'")).length === 2);
});

// The web server tells of a silent client that left only when bytes flow: the heartbeat makes them flow.
test('a client that leaves while the upstream is silent ends the call too', async () => {
  for (const [where, body] of [['/v1/chat/completions', chatting('stall=60000')], [path, asking('chunks=5,stall-mid=60000,at=1')]]) {
    await pollux.sim.reset();
    const stream = pollux.stream(where, { body });
    stream.done.catch(() => {});
    await waitFor('the heartbeat to begin the answer', () => stream.answer);
    stream.leave();
    await waitFor('the upstream call to be closed', async () => (await pollux.sim.stats()).closed_early > 0, { timeout: 4500 });
  }
});

// Whether the upstream is silent before its head or after it: the status goes out, then the beginning of an event that
// the first one completes.
test('a native stream beats before its first event, which then comes whole, also for Google\'s own client', async () => {
  const plain = await pollux.send(path, { body: asking('chunks=3,delay=10') });
  for (const silence of ['latency=2600', 'early-headers,first=2600']) {
    const late = await pollux.send(path, { body: asking(`${silence},chunks=3,delay=10`) });
    const before = late.chunks.at(-1).at - late.chunks[0].at;
    assert.ok(before > 500, `${silence}: the first bytes came only ${before} ms before the last`);
    assert.match(late.text, /^data: {2,}\{/, silence);
    assert.deepEqual(late.events().map(textOf), plain.events().map(textOf), silence);
    const said = [];
    for await (const event of await pollux.genai().models.generateContentStream({ model, ...asking(`${silence},chunks=3,delay=10`) })) said.push(event.text);
    assert.deepEqual(said, plain.events().map(textOf), silence);
  }
});

const textOf = (event) => event.candidates?.[0]?.content?.parts?.[0]?.text;

test('an upstream that goes silent in mid-stream is given up after the idle time-out, in words', async () => {
  const native = await pollux.send(path, { body: asking('chunks=5,delay=10,stall-mid,at=2') });
  const said = native.events().at(-1);
  assert.ok(said.error, native.text.slice(-300));
  assert.equal(said.error.status, 'DEADLINE_EXCEEDED');
  const openai = await pollux.send('/v1/chat/completions', { body: chatting('chunks=5,delay=10,stall-mid,at=2') });
  const whole = joinChunks(openai.events());
  assert.ok(whole.error && whole.finish === null, openai.text.slice(-300));
});

test('an event of 8 MB passes through both dialects', async () => {
  const native = await pollux.send(path, { body: asking('big=8000000') });
  assert.ok(native.body.length > 8_000_000);
  assert.equal(native.events().at(-1).candidates[0].finishReason, 'STOP');
  const openai = await pollux.send('/v1/chat/completions', { body: chatting('big=8000000') });
  checkChunks(openai.text);
});

test('a reader that stops reading holds up nobody else', async () => {
  const body = JSON.stringify(asking('big=30000000'));
  const slow = net.connect(Number(new URL(pollux.url).port), '127.0.0.1');
  slow.on('error', () => {});
  slow.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${pollux.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await once(slow, 'readable');
  const others = await pooled(20, 10, () => pollux.send(path, { body: asking('chunks=3') }));
  assert.ok(others.every((answer) => answer.status === 200));
  slow.destroy();
  await waitFor('the call for the slow reader to end', async () => (await pollux.sim.stats()).open === 0);
});

test('two hundred streams at once, an event every half second, all whole', async () => {
  const answers = await pooled(200, 200, () => pollux.send(path, { body: asking('chunks=6,delay=500') }));
  const whole = answers.filter((answer) => answer.status === 200 && answer.complete && answer.text.includes('"finishReason"'));
  assert.equal(whole.length, 200);
  assert.equal((await pollux.sim.stats()).max_open, 200);
});

test('a large request takes its room only until the answer has begun, in both dialects', async () => {
  const upstream = await startScripted();
  const small = await startPollux({ upstream: upstream.url, settings: { POLLUX_WORKERS: '1', POLLUX_BODY_BUDGET: '3000000' } });
  try {
    await small.addProjects([{ id: 'p1', keys: [keyOf(1)] }]);
    const [begun, ended] = [answerOf([{ text: 'begun' }], { finish: null }), answerOf([{ text: ' and ended' }])];
    const large = 'x'.repeat(2_000_000);
    for (const [where, body] of [[path, { contents: [{ role: 'user', parts: [{ text: large }] }] }],
      ['/v1/chat/completions', { model, stream: true, messages: [{ role: 'user', content: large }] }]]) {
      let begin, end;
      const first = new Promise((resolve) => { begin = resolve; }), last = new Promise((resolve) => { end = resolve; });
      upstream.forget();
      upstream.says(async () => {
        await first;
        return { type: 'text/event-stream', pieces: [`data: ${JSON.stringify(begun)}\r\n\r\n`], hold: last, rest: [`data: ${JSON.stringify(ended)}\r\n\r\n`] };
      });
      const running = small.stream(where, { body });
      await waitFor('the first call', () => upstream.calls.length === 1);
      const refused = await small.send(where, { body });
      assert.equal(refused.status, 503, refused.text.slice(0, 200));
      assert.match(refused.text, /too many large requests/);
      begin();
      assert.ok(await running.next(), 'it begins');
      upstream.says(sse([ended]));
      await waitFor('room for another', async () => (await small.send(where, { body })).status === 200, { timeout: 5000, every: 100 });
      end();
      const answer = await running.done;
      assert.ok(answer.complete && answer.text.includes('and ended'), answer.text.slice(-300));
    }
  } finally {
    await small.stop();
    await upstream.stop();
  }
});
