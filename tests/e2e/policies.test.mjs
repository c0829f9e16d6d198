// SPDX-License-Identifier: MIT
// How answers travel: a stream at Google that becomes one answer (collect), one answer that becomes a stream (whole),
// and what bridges the silence meanwhile.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { checkChunks, checkCompletion, joinChunks } from '../lib/openai-shape.mjs';
import { asGo, asPython, asWeb } from '../lib/google-parsers.mjs';

const google = 'gemini-2.5-flash';
const native = (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
const asking = (words, more = {}) => ({ contents: [{ role: 'user', parts: [{ text: `[[sim:${words}]] tell me a story about rain` }] }], ...more });
const chatting = (model, words, more = {}) => ({ model, messages: [{ role: 'user', content: `[[sim:${words}]] tell me a story about rain` }], ...more });
const tools = [{ functionDeclarations: [{ name: 'get_weather', parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] } }] }];
const openaiTools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }];

let pollux;
before(async () => {
  pollux = await startPollux({
    sim: { projects: projects(6) }, settings: { POLLUX_HEARTBEAT: '1' }, database: { first_byte_timeout_ms: '4000' },
    models: { collected: { upstream: google, stream_policy: 'collect' }, whole: { upstream: google, stream_policy: 'whole' },
      'collected-3': { upstream: 'gemini-3.5-flash', stream_policy: 'collect' }, 'whole-3': { upstream: 'gemini-3.5-flash', stream_policy: 'whole' } },
  });
});
beforeEach(() => pollux.sim.reset());
after(() => pollux?.stop());

const urls = async () => (await pollux.sim.stats()).urls.filter((url) => url.includes('enerateContent'));
async function assertAsked(pattern, what) {
  const seen = await urls();
  assert.ok(seen.length > 0 && seen.every((url) => pattern.test(url)), `${what}: ${seen.join(' ')}`);
}
const streamed = /:streamGenerateContent\?alt=sse$/;
const unary = /:generateContent$/;
const textOf = (answer, index = 0) => answer.candidates[index].content.parts.filter((part) => !part.thought).map((part) => part.text ?? '').join('');

describe('collect', () => {
  test('asks for a stream and gives one answer that says the same, natively', async () => {
    const words = 'chunks=7,thoughts';
    const config = { generationConfig: { thinkingConfig: { includeThoughts: true } } };
    const plain = (await pollux.send(native(google), { body: asking(words, config) })).json();
    await pollux.sim.reset();
    const answer = await pollux.send(native('collected'), { body: asking(words, config) });
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.equal(answer.headers['x-pollux-model'], 'collected');
    await assertAsked(streamed, 'collect');
    const got = answer.json();
    assert.equal(textOf(got), textOf(plain));
    assert.deepEqual(got.candidates[0].content.parts.map((part) => Boolean(part.thought)), plain.candidates[0].content.parts.map((part) => Boolean(part.thought)));
    assert.equal(got.candidates[0].finishReason, plain.candidates[0].finishReason);
    assert.deepEqual(got.usageMetadata, plain.usageMetadata);
    await pollux.settled();
    const [row] = await pollux.sql("select total_tokens::int as total, stream from report.requests where model = 'collected'");
    assert.deepEqual(row, { total: got.usageMetadata.totalTokenCount, stream: false });
  });
  test('keeps calls with their signatures, and several candidates, apart', async () => {
    const calls = (await pollux.send(native('collected-3'), { body: { contents: [{ role: 'user', parts: [{ text: '[[sim:calls=2,spread]] the weather for Paris and for Rome, in parallel' }] }], tools } })).json();
    const parts = calls.candidates[0].content.parts.filter((part) => part.functionCall);
    assert.deepEqual(parts.map((part) => [part.functionCall.args.city, Boolean(part.thoughtSignature)]), [['Paris', true], ['Rome', false]]);
    const answer = (await pollux.send(native('collected'), { body: asking('chunks=3', { generationConfig: { candidateCount: 3 } }) })).json();
    assert.deepEqual(answer.candidates.map((one) => one.index ?? 0), [0, 1, 2]);
    for (const [i, one] of answer.candidates.entries()) {
      assert.equal(one.finishReason, 'STOP');
      if (i > 0) assert.match(textOf(answer, i), new RegExp(`candidate ${i}`));
    }
  });
  test('and for the OpenAI dialect, also by its own client', async () => {
    for (const [model, words, more] of [['collected', 'chunks=6', {}], ['collected', 'chunks=3', { n: 2 }], ['collected-3', 'calls=2,spread', { tools: openaiTools }]]) {
      await pollux.sim.reset();
      const answer = await pollux.openai().chat.completions.create(chatting(model, words, more));
      checkCompletion(answer);
      await assertAsked(streamed, words);
      assert.equal(answer.choices.length, more.n ?? 1);
      assert.ok(more.tools ? answer.choices[0].message.tool_calls.length === 2 : answer.choices[0].message.content.includes('rain'), JSON.stringify(answer));
    }
    const said = await pollux.genai().models.generateContent({ model: 'collected', contents: '[[sim:chunks=5]] count me in' });
    assert.match(said.text, /count me in/);
  });
  test('an answer that takes longer than the first byte may is no time-out', async () => {
    const answer = await pollux.send(native('collected'), { body: asking('chunks=6,delay=900') });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await urls()).length, 1);
  });
  for (const words of ['truncate', 'reset-mid', 'half-event', 'error-mid=503', 'garbage', 'empty-stream', '503']) {
    test(`${words}: what broke in mid-stream is asked for again, and nobody notices`, async () => {
      const answer = await pollux.send(native('collected'), { body: asking(`chunks=5,${words},times=1`) });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json().candidates[0].finishReason, 'STOP');
      assert.equal((await urls()).length, 2);
    });
  }
  test('what the caller got wrong is the caller\'s to read', async () => {
    const answer = await pollux.send(native('collected'), { body: { contents: [] } });
    assert.equal(answer.status, 400);
    assert.equal(answer.json().error.status, 'INVALID_ARGUMENT');
    const blocked = (await pollux.send(native('collected'), { body: asking('blocked') })).json();
    assert.ok(blocked.promptFeedback.blockReason);
  });
  test('who asks for a stream gets it as ever', async () => {
    const answer = await pollux.send(native('collected', true), { body: asking('chunks=5,delay=20') });
    assert.ok(answer.events().length >= 5);
    checkChunks((await pollux.send('/v1/chat/completions', { body: chatting('collected', 'chunks=5', { stream: true }) })).text);
  });
});

describe('whole', () => {
  test('asks for one answer and gives it as a stream of one event, natively', async () => {
    const plain = (await pollux.send(native(google), { body: asking('chunks=7') })).json();
    await pollux.sim.reset();
    const answer = await pollux.send(native('whole', true), { body: asking('chunks=7') });
    assert.match(answer.headers['content-type'], /^text\/event-stream/);
    assert.equal(answer.headers['x-pollux-model'], 'whole');
    await assertAsked(unary, 'whole');
    assert.match(answer.text, /^data: \{.*\}\r\n\r\n$/);
    const [event] = answer.events();
    assert.deepEqual([textOf(event), event.candidates[0].finishReason, event.usageMetadata], [textOf(plain), 'STOP', plain.usageMetadata]);
  });
  test('without alt=sse it is an array of one', async () => {
    const answer = await pollux.send('/v1beta/models/whole:streamGenerateContent', { body: asking('chunks=7') });
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.equal(answer.json().length, 1);
    await assertAsked(unary, 'whole');
  });
  test('other parameters of the query go on, with or without alt', async () => {
    await pollux.send('/v1beta/models/whole:streamGenerateContent?prettyPrint=false&alt=sse&x=1', { body: asking('chunks=2') });
    await pollux.send('/v1beta/models/collected:generateContent?x=1', { body: asking('chunks=2') });
    assert.deepEqual((await urls()).map((url) => url.split(':')[1]), ['generateContent?prettyPrint=false&x=1', 'streamGenerateContent?x=1&alt=sse']);
  });
  test('in the OpenAI dialect: chunks as they must be, usage, calls, several choices', async () => {
    for (const [model, words, more] of [['whole', 'chunks=6', {}], ['whole', 'chunks=3', { n: 2 }], ['whole-3', 'calls=2', { tools: openaiTools }]]) {
      await pollux.sim.reset();
      const answer = await pollux.send('/v1/chat/completions', { body: chatting(model, words, { ...more, stream: true, stream_options: { include_usage: true } }) });
      checkChunks(answer.text, { usage: true });
      await assertAsked(unary, words);
      const whole = joinChunks(answer.events());
      assert.ok(more.tools ? whole.calls.length === 2 && whole.finish === 'tool_calls' : whole.text.includes('rain') && whole.finish === 'stop', answer.text);
    }
  });
  test('while the upstream thinks the client hears heartbeats, in every client\'s language', async () => {
    const silent = asking('latency=2600');
    const answer = await pollux.send(native('whole', true), { body: silent });
    assert.match(answer.text, /^data: {2,}\{.*\}\r\n\r\n$/, 'an early prefix, blanks, the event');
    assert.ok(answer.chunks.length >= 3, `${answer.chunks.length} pieces`);
    for (const read of [asPython, asGo, asWeb]) {
      const events = read(answer.body);
      assert.equal(events.length, 1, read.name);
      assert.match(textOf(events[0]), /rain/, read.name);
    }
    const said = [];
    for await (const event of await pollux.genai().models.generateContentStream({ model: 'whole', ...silent })) said.push(event.text);
    assert.match(said.join(''), /rain/);
    const chat = await pollux.send('/v1/chat/completions', { body: chatting('whole', 'latency=2600', { stream: true }) });
    assert.match(chat.text, /^: keep-alive\n\n/);
    checkChunks(chat.text);
    let text = '';
    for await (const chunk of await pollux.openai().chat.completions.create(chatting('whole', 'latency=2600', { stream: true }))) text += chunk.choices[0]?.delta.content ?? '';
    assert.match(text, /rain/);
  });
  test('streams with silence inside, too', async () => {
    const answer = await pollux.send(native(google, true), { body: asking('early-headers,first=2600,chunks=4,delay=2600') });
    assert.match(answer.text, /data: {2,}\{.*\r\n\r\ndata: {2,}\{/s);
    for (const read of [asPython, asGo, asWeb]) assert.ok(read(answer.body).length >= 4, read.name);
  });
  test('an error before the first heartbeat is an error; after it, an event that every client takes for one', async () => {
    const early = await pollux.send(native('whole', true), { body: { contents: [] } });
    assert.equal(early.status, 400);
    const late = await pollux.send(native('whole', true), { body: asking('latency=2600,error-200=400') });
    assert.equal(late.status, 200);
    assert.equal(late.events().at(-1).error.status, 'INVALID_ARGUMENT');
    for (const read of [asPython, asGo]) assert.throws(() => read(late.body), /APIError 400/, read.name);
    await assert.rejects(async () => { for await (const event of await pollux.genai().models.generateContentStream({ model: 'whole', ...asking('latency=2600,error-200=400') })) event.text; });
    await assert.rejects(async () => { for await (const chunk of await pollux.openai().chat.completions.create(chatting('whole', 'latency=2600,error-200=400', { stream: true }))) chunk.choices; });
  });
  test('failures are hidden as ever', async () => {
    for (const words of ['503', 'empty', 'bad-json', 'short-body']) {
      await pollux.sim.reset();
      const answer = await pollux.send(native('whole', true), { body: asking(`${words},times=1`) });
      assert.equal(answer.events().at(-1)?.candidates?.[0].finishReason, 'STOP', `${words}: ${answer.text}`);
      assert.equal((await urls()).length, 2, words);
    }
  });
  test('a STOP without a word is the answer in the end', async () => {
    const answer = await pollux.send(native('whole', true), { body: asking('empty-stop') });
    assert.equal(answer.events().at(-1).candidates[0].finishReason, 'STOP');
    const collected = await pollux.send(native('collected'), { body: asking('empty-stop') });
    assert.equal(collected.json().candidates[0].finishReason, 'STOP');
  });
  test('who asks for one answer gets it as ever', async () => {
    assert.match(textOf((await pollux.send(native('whole'), { body: asking('chunks=5') })).json()), /rain/);
    await assertAsked(unary, 'whole');
  });
});

test('the policy of all models is a setting that holds at once; a model\'s own goes first', async () => {
  await pollux.cli('setting', 'set', 'stream_policy', 'whole');
  try {
    await pollux.send(native(google, true), { body: asking('chunks=3') });
    await assertAsked(unary, 'a model that nobody configured');
    await pollux.sim.reset();
    await pollux.send(native('collected'), { body: asking('chunks=3') });
    await assertAsked(streamed, 'a model with a policy of its own');
  } finally {
    await pollux.cli('setting', 'set', 'stream_policy', 'auto');
  }
  await pollux.sim.reset();
  await pollux.send(native(google, true), { body: asking('chunks=3') });
  await assertAsked(streamed, 'auto again');
});

// What the parsers are there for: they do not put up with what those clients do not put up with.
test('a comment or a bare line breaks some of Google\'s clients, which is why none is sent to them', () => {
  const event = 'data: {"candidates":[]}\r\n\r\n';
  for (const read of [asPython, asGo, asWeb]) assert.equal(read(Buffer.from(event)).length, 1);
  for (const read of [asPython, asGo, asWeb]) assert.throws(() => read(Buffer.from(`: ping\n\n${event}`)), read.name);
  assert.throws(() => asWeb(Buffer.from(`\n${event}`)));
});
