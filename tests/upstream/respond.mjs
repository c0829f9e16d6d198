// SPDX-License-Identifier: MIT
// From a plan (answers.mjs) to response objects: one whole answer, or one object per stream
// event, each with usageMetadata that keeps the identity
// total = prompt + candidates + thoughts + toolUse and grows from event to event.

import { randomBytes } from 'node:crypto';

const IMAGE_TOKENS = 1290;

export const responseId = () => randomBytes(16).toString('base64url');

/** Output tokens so far; text counts as a whole, so that a stream and a whole answer agree. */
class Output {
  characters = 0;
  others = 0;

  add(part) {
    if (part.thought) return;
    if (part.text !== undefined) this.characters += part.text.length;
    else if (part.inlineData)
      this.others += part.inlineData.mimeType.startsWith('image/') ? IMAGE_TOKENS : 25;
    else this.others += Math.ceil(JSON.stringify(part.functionCall || part).length / 4);
  }

  get tokens() {
    return Math.ceil(this.characters / 4) + this.others;
  }
}

/** usageMetadata for `candidates` tokens of output so far; zero members are left out. */
export function usageMetadata(usage, candidates, thoughts, tool, modality) {
  return {
    promptTokenCount: usage.prompt || undefined,
    cachedContentTokenCount: usage.cached || undefined,
    candidatesTokenCount: candidates || undefined,
    totalTokenCount: usage.prompt + candidates + thoughts + tool,
    promptTokensDetails: usage.details.length > 0 ? usage.details : undefined,
    cacheTokensDetails: usage.cached ? usage.cacheDetails : undefined,
    candidatesTokensDetails: modality && candidates ? [{ modality, tokenCount: candidates }] : undefined,
    toolUsePromptTokenCount: tool || undefined,
    toolUsePromptTokensDetails: tool ? [{ modality: 'TEXT', tokenCount: tool }] : undefined,
    thoughtsTokenCount: thoughts || undefined,
  };
}

/** Members every response object of one answer shares. */
const tail = (call, id) => ({ modelVersion: call.model, responseId: id });

function candidateObject(parts, made, index, last, words) {
  const bare = made.bare === true || (last && words['finish-bare']);
  return {
    content: bare ? undefined : { parts: parts.length > 0 ? parts : undefined, role: 'model' },
    finishReason: last && !words.truncate ? made.finishReason : undefined,
    finishMessage: last ? made.finishMessage : undefined,
    index: words['no-index'] ? undefined : index,
    ...(last ? made.extra : {}),
  };
}

/** The whole answer as one GenerateContentResponse. */
export function whole(call, plan) {
  const words = call.words || {};
  const output = new Output();
  const candidates = plan.candidates.map((made, index) => {
    const parts = [];
    for (let i = 0; i < made.pieces.length; i++) parts.push(...made.pieces.at(i));
    parts.forEach((part) => output.add(part));
    return candidateObject(merged(parts), made, index, true, words);
  });
  const { usage } = plan;
  const modality = plan.candidates[0] && plan.candidates[0].modality;
  call.usage = words['no-usage']
    ? undefined
    : usageMetadata(usage, output.tokens, usage.thoughts, usage.tool, modality);
  return {
    candidates: candidates.length > 0 || plan.emptyList ? candidates : undefined,
    promptFeedback: plan.feedback,
    usageMetadata: call.usage,
    ...tail(call, responseId()),
  };
}

/** Neighbouring plain texts become one part; signed ones stay alone. */
function merged(parts) {
  const result = [];
  for (const part of parts) {
    const before = result[result.length - 1];
    const plain = (p) => p && p.text !== undefined && !p.thoughtSignature;
    if (
      plain(before)
      && part.text !== undefined
      && Boolean(before.thought) === Boolean(part.thought)
      && (!part.thoughtSignature || part.text !== '')
    )
      result[result.length - 1] = { ...part, text: before.text + part.text };
    else result.push(part);
  }
  return result;
}

/** The events of a stream, one response object each, made when asked for. */
export function* events(call, plan) {
  const words = call.words || {};
  const rest = tail(call, responseId());
  const { usage } = plan;
  const state = { output: new Output(), tool: 0, thoughts: 0 };
  const meta = (modality) =>
    words['no-usage']
      ? undefined
      : (call.usage = usageMetadata(usage, state.output.tokens, state.thoughts, state.tool, modality));
  if (plan.feedback) {
    yield {
      candidates: plan.emptyList ? [] : undefined,
      promptFeedback: plan.feedback,
      usageMetadata: meta(),
      ...rest,
    };
    return;
  }
  const steps = Math.max(1, ...plan.candidates.map((made) => lastStep(made, words) + 1));
  for (let i = 0; i < steps; i++) {
    if (words['usage-chunk'] && i === Math.floor(steps / 2)) yield { usageMetadata: meta(), ...rest };
    for (let index = 0; index < plan.candidates.length; index++) {
      const candidate = step(plan.candidates[index], i, index, words, state, usage);
      if (candidate) {
        const ended = candidate.finishReason !== undefined;
        const late = ended && words['usage-last'];
        yield {
          candidates: [candidate],
          usageMetadata: late ? undefined : meta(ended && plan.candidates[index].modality),
          ...rest,
        };
      }
    }
  }
  if (words['usage-last']) yield { usageMetadata: meta(), ...rest };
}

/** Index of the event that carries the finish reason. */
function lastStep(made, words) {
  const { length } = made.pieces;
  return words['finish-empty'] || words['finish-bare'] ? length : Math.max(0, length - 1);
}

function step(made, i, index, words, state, usage) {
  const end = lastStep(made, words);
  if (i > end) return null;
  const parts = i < made.pieces.length ? made.pieces.at(i) : [];
  parts.forEach((part) => state.output.add(part));
  state.thoughts =
    i < made.thoughts ? Math.round((usage.thoughts * (i + 1)) / made.thoughts) : usage.thoughts;
  if (i > end / 2) state.tool = usage.tool;
  const last = words['finish-early'] ? i === Math.max(0, end - 1) : i === end;
  if (i === end) state.tool = usage.tool;
  return candidateObject(parts, made, index, last, i === end ? words : { ...words, 'finish-bare': false });
}
