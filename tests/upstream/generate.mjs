// SPDX-License-Identifier: MIT
// generateContent and streamGenerateContent: read, check, count against quota, misbehave if
// told to, answer.

import { checkGenerate } from './rules.mjs';
import { Failure, badRequest, invalid, quotaExceeded } from './errors.mjs';
import { checkResources } from './resources.mjs';
import { emptyObject, sendStream } from './stream.mjs';
import { close, errorInside, refuseEarly, refuseLate, reset } from './faults.mjs';
import { now } from './clock.mjs';
import { pause, sinkFor } from './sink.mjs';
import { pretty } from './json.mjs';
import { plan } from './answers.mjs';
import { read } from './proto.mjs';
import { replay } from './replay.mjs';
import { requestTokens, textTokens } from './tokens.mjs';
import { head, send, sendFailure, sendJson } from './reply.mjs';
import { whole } from './respond.mjs';

/** Parses the body as JSON; 400 as Google words it when it is none. */
export function parseBody(call) {
  try {
    return JSON.parse(call.raw.toString());
  } catch (error) {
    throw new Failure(badRequest([{ description: `Invalid JSON payload received. ${error.message}` }]));
  }
}

/** Reads the body as `message`; throws all violations at once. */
export function readBody(call, message) {
  const violations = [];
  const result = readShallow(call.parsed, message, violations);
  if (violations.length > 0 && call.config.strict) throw new Failure(badRequest(violations));
  return result;
}

/** read(), but what is nested deeper than the stack goes is the caller's fault. */
function readShallow(parsed, message, violations) {
  try {
    return read(parsed, message, violations);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure(badRequest([{ description: 'Invalid JSON payload received. Message too deep.' }]));
  }
}

const TEXTS = /"text"\s*:/;

/** The contents of the turn that is asking now: what follows the model's last content. */
export function asking(contents) {
  const list = Array.isArray(contents) ? contents : [contents];
  return list.slice(list.findLastIndex((content) => content && content.role === 'model') + 1);
}

/** Words from markers in the last content's texts (any text of the body, for other shapes). */
export function markerWords(call, contents) {
  if (!call.raw || call.raw.indexOf('[[sim:') < 0 || !TEXTS.test(call.raw.toString('latin1')))
    return call.words;
  const list = Array.isArray(contents) ? contents : [contents];
  for (let i = list.length - 1; i >= 0; i--) {
    if (!list[i] || list[i].role === 'model') continue;
    const text = []
      .concat(list[i].parts || [])
      .map((p) => (p && p.text) || '')
      .join('\n');
    const words = text.includes('[[sim:') ? call.sim.markers.words(text, call) : null;
    if (words) return Object.assign(call.words || {}, words);
  }
  return call.words;
}

/** Counts a call; true when it may go on, else the 429 has been sent. */
export function admitted(call, tokens) {
  const quota = call.project.quota(call.model, call.config);
  if (!quota) return true;
  const time = now();
  const refusal = quota.admit(time, tokens, /embed/i.test(call.verb));
  if (!refusal) return true;
  if (call.config.count_rejected) quota.count(time, tokens);
  sendFailure(call, quotaExceeded(refusal.violations, Math.round(refusal.ms * 1e6) / 1e6, call.stats.r429));
  return false;
}

function checked(call) {
  try {
    call.about = call.sim.models.find(call.model, call.version, call.verb);
    call.parsed = parseBody(call);
    call.body = readBody(call, 'GenerateContentRequest');
    normalise(call.body);
    if (call.config.strict) checkGenerate(call.body, call.about, call.config);
    checkResources(call);
  } catch (error) {
    if (call.config.count_invalid && error instanceof Failure && call.about) admitted(call, 0);
    throw error;
  }
}

/** Absent roles mean user, absent parts none. */
export function normalise(request) {
  request.contents = request.contents || [];
  for (const content of request.contents) content.parts = content.parts || [];
}

export async function generate(call) {
  call.generates = true;
  call.stream = call.verb === 'streamGenerateContent';
  call.sse = call.stream && (call.query.alt === 'sse' || call.query.$alt === 'sse');
  if (call.config.answer === 'static') return fixed(call);
  if (refuseEarly(call)) return undefined;
  const file = call.config.replay && call.config.replay.models && call.config.replay.models[call.model];
  if (!file) {
    checked(call);
    call.words = markerWords(call, asking(call.body.contents));
    if (call.words && refuseEarly(call)) return undefined;
    call.model3 = call.about.can.family >= 3 && call.config.strict_matching === 'empty';
    tooLong(call);
  }
  if (!admitted(call, call.tally ? call.tally.total : 1) || (call.words && (await refuseLate(call))))
    return undefined;
  const raw = file || (call.words && call.words.raw);
  return raw ? replay(call, raw) : reply(call);
}

function tooLong(call) {
  call.tally = requestTokens(call.body, call.fileSize);
  const most = call.about.shown.inputTokenLimit;
  if (call.tally.total > most)
    throw new Failure(
      invalid(
        `The input token count (${call.tally.total}) exceeds the maximum number of tokens `
          + `allowed (${most}).`,
      ),
    );
}

/** Sends what the model says. */
export async function reply(call) {
  const made = plan(call);
  if (call.stream) return sendStream(call, made);
  const words = call.words || {};
  await pause(call, Number(words.latency ?? words.first ?? call.config.latency_ms));
  if (call.gone) return undefined;
  if (words['error-200'] && words['error-200-form'] === 'array')
    return sendJson(call, [errorInside(call, 'error-200')]);
  if (words['error-200']) return sendJson(call, errorInside(call, 'error-200'));
  const object = emptyObject(call, words) || whole(call, made);
  return SHAPED.some((word) => words[word]) ? sendShaped(call, object) : sendJson(call, object);
}

const SHAPED = ['slow', 'split', 'utf8-split', 'reset-mid', 'close-mid'];

/** A whole answer in small writes, or broken off in its middle. */
async function sendShaped(call, object) {
  const bytes = Buffer.from(pretty(object));
  const broken = call.words['reset-mid'] ? reset : call.words['close-mid'] ? close : null;
  head(call, 200, [
    'Content-Type',
    'application/json; charset=UTF-8',
    'Content-Length',
    String(bytes.length),
  ]);
  await sinkFor(call, false).write(broken ? bytes.subarray(0, bytes.length >> 1) : bytes);
  await pause(call, broken ? 5 : 0);
  if (call.gone) return;
  if (broken) {
    broken(call);
    return;
  }
  call.whole = true;
  call.res.end();
}

/* ---- config answer: "static" ---- */

const TEXT = 'The quick brown fox jumps over the lazy dog.';
const FIXED = {
  candidates: [{ content: { parts: [{ text: TEXT }], role: 'model' }, finishReason: 'STOP', index: 0 }],
  usageMetadata: {
    promptTokenCount: 4,
    candidatesTokenCount: textTokens(TEXT),
    totalTokenCount: 4 + textTokens(TEXT),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: 4 }],
  },
  modelVersion: 'gemini-2.5-flash',
  responseId: 'c3RhdGljIGFuc3dlcg',
};
const FIXED_BYTES = Buffer.from(JSON.stringify(FIXED, null, 2) + '\n');

async function fixed(call) {
  if (call.words && refuseEarly(call)) return undefined;
  if (!admitted(call, 4) || (call.words && (await refuseLate(call)))) return undefined;
  if (call.stream) {
    call.body = { contents: [{ parts: [{ text: TEXT }] }] };
    call.about = call.sim.models.byId.get(call.model) || call.sim.models.byId.get('gemini-2.5-flash');
    return sendStream(call, plan(call));
  }
  await pause(call, call.config.latency_ms);
  call.usage = FIXED.usageMetadata;
  return call.gone ? undefined : send(call, 200, 'application/json; charset=UTF-8', FIXED_BYTES);
}
