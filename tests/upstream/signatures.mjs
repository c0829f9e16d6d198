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
