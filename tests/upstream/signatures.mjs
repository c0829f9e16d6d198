// SPDX-License-Identifier: MIT
// Thought signatures: issued here, checked when they come back. A signature carries the model
// and (on a call) the function's name, and a keyed digest, so that a foreign, damaged or
// misplaced one is noticed without anything being remembered.

import { createHmac, randomBytes } from 'node:crypto';

const BYPASS = new Set(['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go']);
const PREFIX = 0x0a;

const digest = (secret, payload) => createHmac('sha256', secret).update(payload).digest().subarray(0, 16);

/** Makes the signature of a part: base64 of prefix, digest, length, payload, padding. */
export function sign(config, model, name = '') {
  const payload = Buffer.from(`${model}|${name}|${randomBytes(9).toString('base64')}`);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(payload.length);
  const padding = randomBytes(Math.max(0, config.signature_bytes - payload.length - 19));
  return Buffer.concat([
    Buffer.from([PREFIX]),
    digest(config.signature_secret, payload),
    length,
    payload,
    padding,
  ]).toString('base64');
}

/** null when the signature may stand on this part for this model, else what Google says. */
export function refusal(config, signature, model, name = '') {
  if (BYPASS.has(signature)) return null;
  const bytes = Buffer.from(signature, 'base64');
  const length = bytes.length > 19 && bytes[0] === PREFIX ? bytes.readUInt16BE(17) : 0;
  const payload = bytes.subarray(19, 19 + length);
  if (
    length === 0
    || payload.length !== length
    || !digest(config.signature_secret, payload).equals(bytes.subarray(1, 17))
  )
    return 'Corrupted thought signature.';
  const [signedModel, signedName] = payload.toString().split('|');
  return signedModel === model && signedName === name ? null : 'Thought signature is not valid';
}

/** Puts thought signatures where the model's generation puts them. */
export function signParts(call, made, thought) {
  const { family, thinking: able } = call.about.can;
  const words = call.words || {};
  if (!able && !words.signature) return;
  const called = firstCall(made.pieces);
  const onCall = (part) => ({
    ...part,
    thoughtSignature: sign(call.config, call.model, part.functionCall.name),
  });
  if (called && family >= 3) made.pieces = replaced(made.pieces, called.at, called.part, onCall);
  else if (called && thought)
    made.pieces = replaced(made.pieces, firstSpoken(made.pieces), 0, (part) =>
      part.functionCall ? onCall(part) : { ...part, thoughtSignature: sign(call.config, call.model) },
    );
  else if (!called && ((family >= 3 && thought) || words.signature))
    made.pieces = signedEnd(call, made.pieces, words);
}

function firstCall(list) {
  if (!Array.isArray(list) && list.length > 64) return null;
  for (let at = 0; at < list.length; at++) {
    const part = list.at(at).findIndex((p) => p.functionCall);
    if (part >= 0) return { at, part };
  }
  return null;
}

/** The first event that is not a thought. */
function firstSpoken(list) {
  for (let at = 0; at < list.length; at++) if (list.at(at).length > 0 && !list.at(at)[0].thought) return at;
  return 0;
}

const replaced = (list, at, index, change) => ({
  length: list.length,
  at: (i) => (i === at ? list.at(i).map((p, k) => (k === index ? change(p) : p)) : list.at(i)),
});

/** The last part carries it: the last text, or (word "signature=own") an empty text of its own. */
function signedEnd(call, list, words) {
  const thoughtSignature = sign(call.config, call.model);
  const { length } = list;
  if (words.signature === 'own' || length === 0)
    return { length: length + 1, at: (i) => (i < length ? list.at(i) : [{ text: '', thoughtSignature }]) };
  return { length, at: (i) => (i < length - 1 ? list.at(i) : withSignature(list.at(i), thoughtSignature)) };
}

/** Signs the last part where it stands: a copy would read the clock of a stamped text too early. */
function withSignature(parts, thoughtSignature) {
  if (parts.length > 0) parts[parts.length - 1].thoughtSignature = thoughtSignature;
  return parts;
}
