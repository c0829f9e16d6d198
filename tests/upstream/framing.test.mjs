// SPDX-License-Identifier: MIT
// Bytes of streams: framing, cuts, breaks, empty answers, stalls, replay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  KEY,
  THREE,
  FLASH,
  sim,
  base,
  dir,
  ask,
  call,
  generate,
  stream,
  eventsOf,
  textOf,
  stats,
  rawStream,
  unchunk,
  until,
} from './testing.mjs';

test('SSE is "data: " JSON CRLF CRLF, nothing else, and ends without [DONE]', async () => {
  const { head, body, ended } = await rawStream('[[sim:chunks=3]] one two three four');
  assert.match(head, /^HTTP\/1\.1 200/);
  assert.match(head, /content-type: text\/event-stream/i);
  const { writes, whole, complete } = unchunk(body);
  assert.equal(complete, true);
  assert.equal(ended, 'fin');
  assert.equal(writes.length, 3, 'one write per event');
  for (const write of writes)
    assert.match(write.toString(), /^data: \{"candidates": \[\{"content": \{"parts": \[.*\r\n\r\n$/);
  assert.ok(!whole.includes('[DONE]'));
  assert.equal(eventsOf(whole.toString()).map(textOf).join(''), 'one two three four');
});

test('without alt=sse the stream is one JSON array', async () => {
  const { status, json, text, headers } = await call(
    'POST',
    `/v1beta/models/${FLASH}:streamGenerateContent`,
    ask('count to 3'),
  );
  assert.equal(status, 200);
  assert.equal(json.length, 3);
  assert.match(headers.get('content-type'), /application\/json/);
  assert.ok(text.startsWith('[{\n') && text.includes('}\n,\r\n{') && text.endsWith(']\n'));
});

test('bytes may be cut anywhere and are the same bytes', async () => {
  const text = 'grüße 世界 🎉 ok';
  for (const words of ['split=1', 'slow=0', 'crlf-split', 'utf8-split', 'split=7']) {
    const { body } = await rawStream(`[[sim:chunks=2,${words}]] ${text}`);
    const { writes, whole, complete } = unchunk(body);
    assert.ok(complete && writes.length > 4, words);
    assert.equal(eventsOf(whole.toString()).map(textOf).join(''), text, words);
  }
  const { body } = await rawStream(`[[sim:chunks=2,crlf-split]] ${text}`);
  const ends = unchunk(body).writes.map((w) => w.toString());
  assert.ok(ends.includes('\r') && ends.includes('\n'), 'CR and LF leave in writes of their own');
  const cut = unchunk((await rawStream(`[[sim:utf8-split]] ${text}`)).body).writes;
  assert.ok(
    cut.some((w) => (w[0] & 0xc0) === 0x80),
    'a write begins inside a character',
  );
});

test('events are never cut through a character', async () => {
  const { text } = await stream(ask('[[sim:chunks=2]] 🎉🎉🎉'));
  assert.equal(eventsOf(text).length, 2);
  assert.ok(!/\\ud[89a-f]/i.test(text), 'half of a surrogate pair');
});

test('other line ends and spellings on request', async () => {
  const lf = unchunk((await rawStream('[[sim:lf]] hi there')).body).whole.toString();
  assert.ok(!lf.includes('\r') && /\}\n\n$/.test(lf));
  const tight = unchunk((await rawStream('[[sim:nospace]] hi')).body).whole.toString();
  assert.match(tight, /^data:\{/);
});

test('how streams break: reset, close, truncation, half an event, errors inside', async () => {
  const broken = async (words) => {
    const { body, ended, head } = await rawStream(`[[sim:${words}]] some words to say`);
    return { ...unchunk(body), ended, head };
  };
  const reset = await rawStream('[[sim:reset]] x');
  assert.deepEqual([reset.body.length + reset.head.length, reset.ended], [0, 'ECONNRESET']);
  const mid = await broken('reset-mid');
  assert.ok(!mid.complete && mid.writes.length === 2);
  const half = await broken('reset-event');
  assert.ok(!half.complete && !half.whole.toString().endsWith('\r\n\r\n'));
  const closed = await broken('close-mid,at=1');
  assert.ok(!closed.complete && closed.writes.length === 1);
  const truncated = await broken('truncate');
  assert.ok(truncated.complete && !truncated.whole.includes('finishReason'));
  const halved = await broken('half-event');
  assert.ok(halved.complete && !halved.whole.toString().endsWith('\r\n\r\n'));
  const inside = eventsOf((await broken('error-mid')).whole.toString());
  assert.equal(inside[2].error.status, 'UNAVAILABLE');
  assert.match(
    (await broken('error-mid-bare=500')).whole.toString(),
    /\r\n\r\n\{\n {2}"error": \{\n {4}"code": 500/,
  );
  assert.match((await broken('error-mid-array')).whole.toString(), /\r\n\r\n\[\{\n {2}"error"/);
});

test('an error inside a 200, in the first event and whole', async () => {
  const events = eventsOf((await stream(ask('[[sim:error-200]]'))).text);
  assert.equal(events.length, 1);
  assert.equal(events[0].error.code, 503);
  const unary = await generate(ask('[[sim:error-200=500]]'));
  assert.equal(unary.status, 200);
  assert.equal(unary.json.error.code, 500);
  assert.equal((await generate(ask('[[sim:error-200,error-200-form=array]]'))).json[0].error.code, 503);
});

test('empty answers of several shapes', async () => {
  const shapes = {
    empty: (o) => assert.deepEqual(o.candidates, []),
    'empty-object': (o) => assert.deepEqual(o, {}),
    'empty-content': (o) => assert.deepEqual(o.candidates[0].content, { role: 'model' }),
    'empty-part': (o) => assert.deepEqual(o.candidates[0].content.parts, [{}]),
    'empty-text': (o) => assert.deepEqual(o.candidates[0].content.parts, [{ text: '' }]),
    'usage-only': (o) => assert.equal(o.candidates, undefined),
  };
  for (const [word, check] of Object.entries(shapes)) {
    check((await generate(ask(`[[sim:${word}]]`))).json);
    check(eventsOf((await stream(ask(`[[sim:${word}]]`))).text)[0]);
  }
  assert.equal((await stream(ask('[[sim:empty-stream]]'))).text, '');
  assert.equal((await generate(ask('[[sim:empty-body]]'))).text, '');
});

test('a stall before the first byte, and one in mid-stream, end when the client leaves', async () => {
  for (const [word, bytes] of [
    ['stall', 0],
    ['stall-mid', 1],
  ]) {
    const controller = new AbortController();
    let seen = 0;
    const asking = fetch(`${base}/v1beta/models/${FLASH}:streamGenerateContent?alt=sse`, {
      method: 'POST',
      headers: { 'x-goog-api-key': KEY },
      signal: controller.signal,
      body: JSON.stringify(ask(`[[sim:${word}]] a b c d`)),
    })
      .then(async (response) => {
        for await (const chunk of response.body) seen += chunk.length;
      })
      .catch(() => {});
    await until(() => sim.stats.calls > 0 && (bytes === 0 ? sim.stats.calls : seen) > 0);
    controller.abort();
    await asking;
    await until(() => sim.stats.closedEarly === 1);
    assert.equal(seen > 0, bytes > 0, word);
    const { closed, open } = await stats();
    assert.equal(open, 0);
    assert.match(closed[0].path, /streamGenerateContent/);
    assert.ok(Math.abs(closed[0].at - Date.now()) < 60000);
    sim.reset();
  }
});

test('events are paced and stamped', async () => {
  const asked = Date.now();
  const { text } = await stream(ask('[[sim:chunks=5,delay=20,stamp]]'), THREE);
  const times = [...text.matchAll(/ t=(\d+\.\d+) /g)].map((m) => Number(m[1]));
  assert.equal(times.length, 5);
  times.forEach((time, i) => assert.ok(time >= asked + 20 * i - 3, `${asked}: ${times}`));
  assert.ok(times[4] <= Date.now() + 3);
});

test('an event of eight megabytes is one line', async () => {
  const { text } = await stream(ask('[[sim:big]]'));
  const [event] = eventsOf(text);
  assert.ok(event.candidates[0].content.parts[0].inlineData.data.length > 11e6);
  assert.equal(text.split('\n').length, 3);
});

test('a recorded file is served byte for byte and nothing outside its folder', async () => {
  const bytes = Buffer.from(
    'data: {"candidates": [{"content": {"parts": [{"text": "é"}]}}]}\r\n\r\ndata: {"x": 1}\r\n',
  );
  writeFileSync(join(dir, 'answer.txt'), bytes);
  const { body, head } = await rawStream('[[sim:raw=answer.txt]]');
  assert.match(head, /text\/event-stream/i);
  assert.deepEqual(unchunk(body).whole, bytes);
  assert.deepEqual(unchunk((await rawStream('[[sim:raw=answer.txt,split=3]]')).body).whole, bytes);
  writeFileSync(join(dir, 'error.json'), '{"error": {"code": 403, "message": "no"}}');
  assert.equal((await generate(ask('[[sim:raw=error.json]]'))).status, 403);
  assert.match((await generate(ask('[[sim:raw=../../../../etc/passwd]]'))).json.error.message, /^replay/);
  sim.configure({ replay: { dir, models: { recorded: 'answer.txt' } } });
  assert.equal((await stream(ask('x'), 'recorded')).text, bytes.toString());
});
