// SPDX-License-Identifier: MIT
// The rules between contents: roles, the order of function calls and responses, their number
// and names, and thought signatures. All work on a request with camelCase names.

import { Failure, invalid } from './errors.mjs';
import { refusal } from './signatures.mjs';

const calls = (content) => (content ? content.parts.filter((p) => p.functionCall) : []);
const responses = (content) => (content ? content.parts.filter((p) => p.functionResponse) : []);
const isModel = (content) => content.role === 'model';

function refuse(message) {
  throw new Failure(invalid(message));
}

/**
 * Neighbouring model contents as one turn where the API takes them so: calls and thoughts that
 * a client kept as the separate events of a stream. A text before a call is not joined to it.
 */
export function joinTurns(contents) {
  const result = [];
  for (const content of contents) {
    const before = result[result.length - 1];
    if (
      before
      && isModel(before)
      && isModel(content)
      && before.parts.every((p) => p.functionCall || p.thought)
    )
      result[result.length - 1] = { ...content, parts: [...before.parts, ...content.parts] };
    else result.push(content);
  }
  return result;
}

export function checkTurns(contents, model) {
  for (const content of contents)
    if (content.role !== undefined && content.role !== 'user' && content.role !== 'model')
      refuse('Please use a valid role: user, model.');
  contents.forEach((content, i) => {
    if (calls(content).length > 0) checkCallTurn(contents, i, model);
    if (responses(content).length > 0 && !(i > 0 && calls(contents[i - 1]).length > 0))
      refuse('Please ensure that function response turn comes immediately after a function call turn.');
  });
  if (isModel(contents[contents.length - 1]) && !model.can.prefill)
    refuse('Requests ending with a model turn are not supported.');
}

function checkCallTurn(contents, i, model) {
  if (!isModel(contents[i]) || i === 0 || isModel(contents[i - 1]))
    refuse(
      'Please ensure that function call turn comes immediately after a user turn or '
        + 'after a function response turn.',
    );
  const answered = responses(contents[i + 1]);
  if (model.can.family < 3 && answered.length !== calls(contents[i]).length)
    refuse(
      'Please ensure that the number of function response parts is equal to the number of function '
        + 'call parts of the function call turn.',
    );
  if (model.can.family < 3) checkNames(calls(contents[i]), answered);
}

function checkNames(called, answered) {
  const names = (parts, member) =>
    parts
      .map((p) => p[member].name)
      .sort()
      .join();
  if (names(called, 'functionCall') !== names(answered, 'functionResponse'))
    refuse(
      'Please ensure that the function response parts match the function call parts of the '
        + 'function call turn.',
    );
}

/**
 * Generation 3 matches responses strictly: as many as calls, names equal, ids echoed. Returns
 * what does not match, or null. (The API answers with nothing instead of an error.)
 */
export function mismatch(contents) {
  for (let i = 0; i < contents.length; i++) {
    const called = calls(contents[i]);
    if (called.length === 0) continue;
    const answered = responses(contents[i + 1]);
    if (answered.length !== called.length) return `${answered.length} responses to ${called.length} calls`;
    const why = unmatched(
      called.map((p) => p.functionCall),
      answered.map((p) => p.functionResponse),
    );
    if (why) return why;
  }
  return null;
}

function unmatched(called, answered) {
  for (let i = 0; i < called.length; i++) {
    const call = called[i];
    const response = call.id ? answered.find((r) => r.id === call.id) : answered[i];
    if (!response) return `no response with id ${call.id}`;
    if (response.name !== call.name) return `response ${response.name} to call ${call.name}`;
    if (!call.id && response.id) return `response with id ${response.id} to a call without one`;
  }
  return null;
}

/** Where the current turn begins: after the last user content that is not a function response. */
function turnStart(contents) {
  for (let i = contents.length - 1; i >= 0; i--)
    if (!isModel(contents[i]) && responses(contents[i]).length === 0) return i + 1;
  return 0;
}

export function checkSignatures(contents, model, config) {
  const start = turnStart(contents);
  contents.forEach((content, i) => {
    for (const part of content.parts) checkSignature(part, model, config);
    if (model.can.family >= 3 && i >= start && isModel(content)) requireSignature(calls(content)[0], i);
  });
}

function checkSignature(part, model, config) {
  if (part.thoughtSignature === undefined) return;
  const name = part.functionCall ? part.functionCall.name : '';
  const why = refusal(config, part.thoughtSignature, model.id, name);
  if (why) refuse(why);
}

function requireSignature(first, i) {
  if (!first || first.thoughtSignature) return;
  refuse(
    'Function call is missing a thought_signature in functionCall parts. This is required for '
      + 'tools to work correctly, and missing thought_signature may lead to degraded model '
      + `performance. Additional data, function call \`default_api:${first.functionCall.name}\` , `
      + `position ${i + 1}. Please refer to `
      + 'https://ai.google.dev/gemini-api/docs/thought-signatures for more details.',
  );
}
