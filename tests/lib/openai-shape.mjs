// SPDX-License-Identifier: MIT
// What every answer in the OpenAI dialect must look like, whatever is in it.
import assert from 'node:assert/strict';
import { sseEvents } from './http.mjs';

const finishes = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call'];

export function checkCompletion(object) {
  assert.equal(object.object, 'chat.completion');
  assert.match(object.id, /^chatcmpl-\w+/);
  assert.ok(Number.isInteger(object.created));
  assert.equal(typeof object.model, 'string');
  assert.ok(object.choices.length > 0);
  for (const choice of object.choices) {
    assert.ok(Number.isInteger(choice.index));
    assert.ok(finishes.includes(choice.finish_reason), `finish_reason ${choice.finish_reason}`);
    assert.equal(choice.message.role, 'assistant');
    assert.ok(choice.message.content === null || typeof choice.message.content === 'string', 'content is text or null');
    assert.ok('refusal' in choice.message, 'refusal is required');
    checkCalls(choice.message);
  }
  if (object.usage) checkUsage(object.usage);
}

function checkCalls(message) {
  if (!('tool_calls' in message)) return;
  assert.ok(message.tool_calls.length > 0, 'tool_calls is absent, not empty');
  for (const call of message.tool_calls) {
    assert.equal(call.type, 'function');
    assert.ok(call.id.length > 0);
    JSON.parse(call.function.arguments);
  }
  const ids = message.tool_calls.map((call) => call.id);
  assert.equal(new Set(ids).size, ids.length, 'call ids differ');
}

export function checkUsage(usage) {
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, JSON.stringify(usage));
}

// Checks the text of a whole, successful stream: order, one finish per choice, usage where it belongs, [DONE] last.
export function checkChunks(text, { usage = false } = {}) {
  const events = sseEvents(text);
  assert.equal(events.at(-1), '[DONE]', `the last event is ${JSON.stringify(events.at(-1))}`);
  const chunks = events.slice(0, -1);
  const first = chunks[0];
  const seen = new Map();
  for (const chunk of chunks) {
    assert.equal(chunk.object, 'chat.completion.chunk');
    for (const name of ['id', 'created', 'model']) assert.equal(chunk[name], first[name], `${name} stays the same`);
    for (const choice of chunk.choices) checkChoice(choice, seen);
    if (!usage) assert.ok(!('usage' in chunk), 'usage was not asked for');
  }
  for (const [index, state] of seen) assert.equal(state.finishes, 1, `choice ${index} finishes once`);
  if (!usage) return;
  assert.deepEqual(chunks.at(-1).choices, [], 'the usage chunk has no choices');
  checkUsage(chunks.at(-1).usage);
  for (const chunk of chunks.slice(0, -1)) assert.equal(chunk.usage, null, 'earlier chunks carry usage null');
}

function checkChoice(choice, seen) {
  const state = seen.get(choice.index) ?? { finishes: 0, calls: new Map() };
  if (!seen.has(choice.index)) assert.equal(choice.delta.role, 'assistant', 'the first delta names the role');
  else assert.ok(!('role' in choice.delta) || choice.delta.role === 'assistant');
  assert.equal(state.finishes, 0, 'nothing follows the finish reason');
  seen.set(choice.index, state);
  for (const call of choice.delta.tool_calls ?? []) {
    assert.ok(Number.isInteger(call.index), 'tool calls carry an index');
    if (state.calls.has(call.index)) continue;
    assert.equal(call.index, state.calls.size, 'tool call indices run 0, 1, 2');
    assert.ok(call.id && call.function.name, 'a call begins with id and name');
    state.calls.set(call.index, call.id);
  }
  if (choice.finish_reason === null) return;
  assert.ok(finishes.includes(choice.finish_reason), `finish_reason ${choice.finish_reason}`);
  state.finishes++;
}

// A stream's chunks put together: {text, finish, calls, usage, reasoning} of one choice.
export function joinChunks(events, index = 0) {
  const whole = { text: '', reasoning: '', finish: null, calls: [], usage: null, error: null };
  for (const chunk of events) {
    if (chunk === '[DONE]') continue;
    whole.error ??= chunk.error ?? null;
    whole.usage = chunk.usage ?? whole.usage;
    for (const choice of (chunk.choices ?? []).filter((one) => one.index === index)) {
      whole.text += choice.delta.content ?? '';
      whole.reasoning += choice.delta.reasoning_content ?? '';
      whole.finish = choice.finish_reason ?? whole.finish;
      for (const call of choice.delta.tool_calls ?? []) joinCall(whole.calls, call);
    }
  }
  return whole;
}

function joinCall(calls, piece) {
  const call = calls[piece.index] ??= { id: piece.id, type: 'function', function: { name: '', arguments: '' } };
  call.function.name += piece.function?.name ?? '';
  call.function.arguments += piece.function?.arguments ?? '';
}
