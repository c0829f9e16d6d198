// SPDX-License-Identifier: MIT
// Ninety seconds of real silence, in both dialects and under each policy at once: no official client chokes on what
// bridges it, with the heartbeat as it is shipped. (Files are begun in the order of their names: the longest goes first.)
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { checkChunks } from '../lib/openai-shape.mjs';
import { asGo, asPython, asWeb } from '../lib/google-parsers.mjs';

const SILENCE = 90_000;
const google = 'gemini-2.5-flash';
const words = `[[sim:latency=${SILENCE},chunks=3]] patience`;
const native = { contents: [{ role: 'user', parts: [{ text: words }] }] };
const chat = (model) => ({ model, stream: true, messages: [{ role: 'user', content: words }] });

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(4) },
    models: { whole: { upstream: google, stream_policy: 'whole' }, collected: { upstream: google, stream_policy: 'collect' } } });
});
after(() => pollux?.stop());

async function byGoogle(model) {
  let text = '';
  for await (const event of await pollux.genai().models.generateContentStream({ model, ...native })) text += event.text ?? '';
  return text;
}

async function byOpenai(model) {
  let text = '';
  for await (const chunk of await pollux.openai().chat.completions.create(chat(model))) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

// Silent pieces: blanks or comments. They come every 15 s.
function assertBeaten(answer, what) {
  assert.equal(answer.status, 200, what);
  const beats = answer.chunks.filter(({ data }) => /^(data:)?\s*$|^: /.test(data.toString()));
  assert.ok(beats.length >= 5, `${what}: ${beats.length} heartbeats`);
  assert.ok(answer.chunks.at(-1).at - answer.started >= SILENCE, what);
}

test('both SDKs wait for a whole answer, a stream and a collected one; so would Python, Go and the web', { timeout: 200_000 }, async () => {
  const raw = (model) => pollux.send(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, { body: native, timeout: 150_000 });
  const [googleWhole, googleStream, openaiWhole, openaiStream, collected, openaiCollected, rawWhole, rawStream, rawChat] = await Promise.all([
    byGoogle('whole'), byGoogle(google), byOpenai('whole'), byOpenai(google),
    pollux.genai().models.generateContent({ model: 'collected', ...native }),
    pollux.openai().chat.completions.create({ ...chat('collected'), stream: false }),
    raw('whole'), raw(google), pollux.send('/v1/chat/completions', { body: chat('whole'), timeout: 150_000 }),
  ]);
  for (const text of [googleWhole, googleStream, openaiWhole, openaiStream, collected.text, openaiCollected.choices[0].message.content])
    assert.match(text, /patience/);
  assertBeaten(rawWhole, 'whole');
  assertBeaten(rawStream, 'stream');
  assertBeaten(rawChat, 'chat');
  checkChunks(rawChat.text);
  for (const read of [asPython, asGo, asWeb])
    for (const answer of [rawWhole, rawStream]) assert.match(read(answer.body).map((event) => event.candidates[0].content.parts[0].text).join(''), /patience/, read.name);
});
