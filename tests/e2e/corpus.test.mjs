// SPDX-License-Identifier: MIT
// Every answer that was recorded from Google passes through: natively byte for byte, in the OpenAI dialect as valid
// objects that say the same. The recordings are not part of the project; without them these tests are skipped.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { startPollux } from '../lib/pollux.mjs';
import { corpus } from '../lib/places.mjs';
import { keyOf } from '../lib/sim.mjs';
import { startScripted } from '../lib/scripted.mjs';
import { sseEvents } from '../lib/http.mjs';
import { checkCompletion, checkChunks, joinChunks } from '../lib/openai-shape.mjs';

const prompt = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const chat = { messages: [{ role: 'user', content: 'hello' }] };

// Each test asks for a model of its own: what broke off in one does not make the next wait for the rest of a project.
let model;
let tests = 0;

const recorded = (folder) => (corpus ? readdirSync(path.join(corpus, folder)).filter((name) => /\.(json|txt)$/.test(name)) : [])
  .map((name) => ({ name, bytes: readFileSync(path.join(corpus, folder, name)) }))
  .map((file) => ({ ...file, text: file.bytes.toString('utf8') }));

const streams = recorded('googleai').filter((file) => file.text.startsWith('data:'));
const wholes = recorded('googleai').filter((file) => !file.text.startsWith('data:'));
const cookbook = recorded('cookbook-rest');

const isAnswer = (text) => /"candidates"|"promptFeedback"/.test(text);

// Errors that Google sent about a credential: the caller gets another credential's answer, never these.
const ofCredential = (text) => /API_KEY_INVALID|SERVICE_DISABLED/.test(text);

describe('the recorded answers', { skip: corpus ? false : 'no recordings here (POLLUX_CORPUS names their folder)' }, () => {
  let pollux;
  let upstream;
  before(async () => {
    upstream = await startScripted();
    pollux = await startPollux({ upstream: upstream.url });
    await pollux.addProjects([1, 2, 3].map((i) => ({ id: `p${i}`, keys: [keyOf(i)] })));
  });
  beforeEach(() => { model = `gemini-2.5-flash-${++tests}`; });
  after(async () => {
    await pollux?.stop();
    await upstream?.stop();
  });
  const ask = (verb, options) => pollux.send(`/v1beta/models/${model}:${verb}`, { body: prompt, ...options });

  for (const { name, bytes } of streams) {
    for (const [how, cut] of [['whole', bytes.length], ['in pieces of 7 bytes', 7], ['in pieces of 1000 bytes', 1000]]) {
      test(`${name}, sent ${how}, reaches a native client byte for byte`, async () => {
        upstream.says({ type: 'text/event-stream', pieces: slices(bytes, cut) });
        const answer = await ask('streamGenerateContent?alt=sse');
        assert.equal(answer.status, 200);
        assert.match(answer.headers['content-type'], /^text\/event-stream/);
        assert.ok(answer.body.equals(bytes), `got ${answer.body.length} bytes of ${bytes.length}`);
      });
    }
    test(`${name} becomes a valid OpenAI stream`, async () => {
      upstream.says({ type: 'text/event-stream', pieces: slices(bytes, 333) });
      const answer = await pollux.send('/v1/chat/completions', { body: { ...chat, model, stream: true, stream_options: { include_usage: true } } });
      assert.equal(answer.status, 200, answer.text);
      checkChunks(answer.text, { usage: true });
      compare(joinChunks(answer.events()), expected(sseEvents(bytes.toString())));
    });
    test(`${name}, cut before its end, never ends with a finish reason of ours`, async () => {
      const events = bytes.toString().split(/(?<=\r?\n\r?\n)/);
      const end = events.findIndex((event) => event.includes('"finishReason"') || event.includes('blockReason'));
      if (end <= 0) return;
      upstream.says({ type: 'text/event-stream', pieces: events.slice(0, end) });
      const answer = await pollux.send('/v1/chat/completions', { body: { ...chat, model, stream: true } });
      const got = answer.events();
      assert.ok(!got.some((event) => event.choices?.some((choice) => choice.finish_reason)), answer.text);
      assert.ok(answer.status !== 200 || got.at(-1)?.error, `no error was said: ${answer.text.slice(-300)}`);
    });
  }

  for (const { name, bytes, text } of [...wholes, ...cookbook.filter((file) => isAnswer(file.text))]) {
    const status = JSON.parse(text).error?.code ?? 200;
    if (ofCredential(text)) continue;
    test(`${name} reaches a native client byte for byte with its status ${status}`, async () => {
      upstream.says({ status, body: bytes });
      const answer = await ask('generateContent');
      assert.equal(answer.status, status);
      assert.ok(answer.body.equals(bytes), answer.text);
    });
    test(`${name} becomes a valid OpenAI ${status === 200 ? 'completion' : 'error'}`, async () => {
      upstream.says({ status, body: bytes });
      const answer = await pollux.send('/v1/chat/completions', { body: { ...chat, model } });
      assert.equal(answer.status, status, answer.text);
      if (status !== 200) return assert.deepEqual(Object.keys(answer.json().error).sort(), ['code', 'message', 'param', 'type']);
      checkCompletion(answer.json());
      const choice = answer.json().choices[0];
      return compare({ text: choice.message.content ?? '', finish: choice.finish_reason, calls: choice.message.tool_calls ?? [],
        usage: answer.json().usage }, expected([JSON.parse(text)]));
    });
  }

  for (const { name, bytes } of cookbook.filter((file) => !isAnswer(file.text))) {
    test(`${name}, on a route that Pollux only forwards, arrives byte for byte`, async () => {
      upstream.says({ status: 200, body: bytes });
      const answer = await pollux.send('/v1beta/tunedModels/recorded');
      assert.equal(answer.status, 200);
      assert.ok(answer.body.equals(bytes), answer.text);
    });
  }

  for (const { name, bytes, text } of wholes.filter((file) => ofCredential(file.text))) {
    test(`${name} is about a credential: another one answers, and it is not asked again`, async () => {
      const good = wholes.find((file) => file.name === 'unary-success-basic-reply-short.json');
      let blamed = null;
      upstream.forget();
      upstream.says((call) => {
        blamed ??= call.key;
        return call.key === blamed ? { status: JSON.parse(text).error.code, body: bytes } : { body: good.bytes };
      });
      for (let i = 0; i < 5; i++) {
        const answer = await ask('generateContent');
        assert.equal(answer.status, 200);
        assert.ok(answer.body.equals(good.bytes));
      }
      assert.equal(upstream.calls.filter((call) => call.key === blamed).length, 1);
      const dead = (await pollux.cli('key', 'list')).filter((key) => key.state === 'dead');
      assert.equal(dead.length, 1);
      assert.match(dead[0].reason, /INVALID|DISABLED/i);
      assert.equal(dead[0].hint, blamed.slice(-4));
      await pollux.cli('key', 'enable', String(dead[0].id));
    });
  }
});

function slices(bytes, size) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

// What an OpenAI client should read out of these Gemini objects, worked out from the protocol and not by the translator.
function expected(objects) {
  const candidates = objects.flatMap((object) => object.candidates ?? []);
  const parts = candidates.flatMap((candidate) => candidate.content?.parts ?? []);
  const usage = Object.assign({}, ...objects.map((object) => object.usageMetadata ?? {}));
  const calls = parts.filter((part) => part.functionCall);
  const reason = candidates.map((candidate) => candidate.finishReason).filter(Boolean).at(-1);
  return {
    text: parts.filter((part) => typeof part.text === 'string' && !part.thought).map((part) => part.text).join(''),
    extra: parts.some((part) => part.executableCode || part.codeExecutionResult || part.inlineData),
    calls: calls.map((part) => ({ name: part.functionCall.name, args: part.functionCall.args ?? {} })),
    finish: finishOf(reason, calls.length > 0, objects.some((object) => object.promptFeedback)),
    usage: Object.keys(usage).length === 0 ? null : {
      prompt: (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0),
      completion: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      total: usage.totalTokenCount ?? 0,
    },
  };
}

function finishOf(reason, called, feedback) {
  if (reason === undefined && feedback) return 'content_filter';
  if (['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'LANGUAGE'].includes(reason)) return 'content_filter';
  if (reason === 'MAX_TOKENS') return 'length';
  return called ? 'tool_calls' : 'stop';
}

function compare(got, want) {
  if (want.extra) assert.ok(got.text.length > want.text.length || want.text === '' || got.text.includes(want.text.slice(0, 20)));
  else assert.equal(got.text, want.text);
  assert.equal(got.finish, want.finish);
  assert.deepEqual(got.calls.map((call) => ({ name: call.function.name, args: JSON.parse(call.function.arguments) })), want.calls);
  if (!want.usage) return;
  assert.equal(got.usage.prompt_tokens, want.usage.prompt);
  assert.equal(got.usage.completion_tokens, want.usage.completion);
  assert.equal(got.usage.total_tokens, want.usage.total);
}
