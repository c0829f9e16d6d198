// SPDX-License-Identifier: MIT
// embedContent, batchEmbedContents and countTokens. A vector depends on model and content only;
// shorter ones are the beginning of the full one, so only full ones have length 1.

import { createHash } from 'node:crypto';
import { Failure, invalid } from './errors.mjs';
import { admitted, asking, markerWords, normalise, parseBody, readBody } from './generate.mjs';
import { checkGenerate } from './rules.mjs';
import { checkResources } from './resources.mjs';
import { refuseEarly, refuseLate } from './faults.mjs';
import { requestTokens } from './tokens.mjs';
import { route } from './router.mjs';
import { sendJson } from './reply.mjs';

const MOST = 100;

function refuse(message) {
  throw new Failure(invalid(message));
}

/** Pseudo-random numbers from a seed, normalised, the first `length` of `full`. */
function vector(seed, full, length) {
  let state = createHash('sha256').update(seed).digest().readUInt32BE(0) || 1;
  const values = new Float64Array(full);
  let sum = 0;
  for (let i = 0; i < full; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (state >>> 0) / 2147483648 - 1;
    sum += values[i] * values[i];
  }
  const norm = Math.sqrt(sum);
  return Array.from(values.subarray(0, length), (v) => Number((v / norm).toFixed(9)));
}

function check(given, call, root, needModel) {
  if (needModel && !given.model) refuse(`* ${root}.model: model is required`);
  if (given.model && given.model !== 'models/' + call.model)
    refuse(
      `* ${root}.model: model must match the model of the path (models/${call.model}), got ${given.model}`,
    );
  const parts = (given.content && given.content.parts) || [];
  if (parts.length === 0) refuse(`* ${root}.content: contents is not specified`);
  if (parts.some((p) => p.text === '' || Object.keys(p).length === 0))
    refuse(`* ${root}.content.parts[0].data: required oneof field 'data' must have one initialized field`);
  const dimensions = given.outputDimensionality;
  if (dimensions !== undefined && (dimensions < 1 || dimensions > call.about.can.dimensions))
    refuse(`* ${root}.output_dimensionality: must be in the range [1, ${call.about.can.dimensions}]`);
  if (given.title && given.taskType !== 'RETRIEVAL_DOCUMENT')
    refuse(`* ${root}.title: title may only be set when task_type is RETRIEVAL_DOCUMENT`);
}

function embedding(given, call) {
  const full = call.about.can.dimensions;
  const length = given.outputDimensionality || full;
  return { values: vector(call.model + JSON.stringify(given.content.parts), full, length) };
}

async function ready(call, message) {
  call.generates = true;
  call.about = call.sim.models.find(call.model, call.version, call.verb);
  call.parsed = parseBody(call);
  const body = readBody(call, message);
  const contents = body.requests ? body.requests.map((r) => r.content) : [body.content];
  call.words = markerWords(call, contents.filter(Boolean));
  call.tally = requestTokens({ contents: contents.filter(Boolean) });
  const refused = call.words && refuseEarly(call);
  return refused ? null : body;
}

const usageOf = (call) =>
  call.about.can.embedUsage
    ? {
        promptTokenCount: call.tally.total,
        totalTokenCount: call.tally.total,
        promptTokensDetails: call.tally.details(),
      }
    : undefined;

async function one(call) {
  const body = await ready(call, 'EmbedContentRequest');
  if (!body) return;
  const given = { ...body, ...body.embedContentConfig };
  check(given, call, 'EmbedContentRequest', false);
  if (!admitted(call, call.tally.total) || (call.words && (await refuseLate(call)))) return;
  sendJson(call, { embedding: embedding(given, call), usageMetadata: usageOf(call) });
}

async function many(call) {
  const body = await ready(call, 'BatchEmbedContentsRequest');
  if (!body) return;
  const requests = body.requests || [];
  if (requests.length === 0) refuse('* BatchEmbedContentsRequest.requests: requests is not specified');
  if (requests.length > MOST)
    refuse(`* BatchEmbedContentsRequest.requests: at most ${MOST} requests can be in one batch`);
  requests.forEach((given, i) => check(given, call, `BatchEmbedContentsRequest.requests[${i}]`, true));
  if (!admitted(call, call.tally.total) || (call.words && (await refuseLate(call)))) return;
  sendJson(call, {
    embeddings: requests.map((given) => embedding(given, call)),
    usageMetadata: usageOf(call),
  });
}

/* ---- countTokens ---- */

const CONTENT = { contents: [{ role: 'user', parts: [{ text: 'x' }] }] };

async function count(call) {
  call.about = call.sim.models.find(call.model, call.version, call.verb);
  call.parsed = parseBody(call);
  const body = readBody(call, 'CountTokensRequest');
  const inner = body.generateContentRequest;
  if (inner && body.contents)
    refuse('* CountTokensRequest: only one of contents and generate_content_request may be set');
  if (inner && !inner.model)
    refuse('* CountTokensRequest.generate_content_request.model: model is not specified');
  if (inner && inner.model !== 'models/' + call.model)
    refuse(`* CountTokensRequest.generate_content_request.model: model must be models/${call.model}`);
  call.body = inner || { contents: body.contents };
  if (!inner && !body.contents) refuse('* CountTokensRequest.contents: contents is not specified');
  normalise(call.body);
  const root = inner ? 'CountTokensRequest.generate_content_request' : 'CountTokensRequest';
  checkGenerate(
    call.body.cachedContent ? { ...CONTENT, ...call.body } : call.body,
    call.about,
    call.config,
    root,
  );
  checkResources(call);
  call.words = markerWords(call, asking(call.body.contents));
  if (call.words && (refuseEarly(call) || (await refuseLate(call)))) return;
  const tally = requestTokens(call.body, call.fileSize);
  const cached = call.cache ? call.cache.tally.total : 0;
  sendJson(call, {
    totalTokens: tally.total + cached,
    cachedContentTokenCount: cached || undefined,
    promptTokensDetails: tally.details(),
    cacheTokensDetails: call.cache ? call.cache.tally.details() : undefined,
  });
}

route('POST', 'models/{model}:countTokens', count, { verb: 'countTokens' });
route('POST', 'models/{model}:embedContent', one, { verb: 'embedContent' });
route('POST', 'models/{model}:batchEmbedContents', many, { verb: 'batchEmbedContents' });
export { embedding, check as checkEmbedding };
