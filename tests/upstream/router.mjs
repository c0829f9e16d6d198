// SPDX-License-Identifier: MIT
// One table of every route, and what happens to each call before its handler: route, key,
// the key's state, behaviours of the configuration, body.

import { gunzip } from 'node:zlib';
import { promisify } from 'node:util';
import * as E from './errors.mjs';
import { fromBehaviours } from './directives.mjs';
import { refuseEarly, refuseLate } from './faults.mjs';
import { generate } from './generate.mjs';
import { codeAssist } from './codeassist.mjs';
import { OAUTH_ROUTES, bearerOf } from './oauth.mjs';
import { sendFailure, sendJson } from './reply.mjs';

const inflate = promisify(gunzip);

const routes = [];

/**
 * Adds a route. The pattern is what follows the version: "models/{model}:countTokens"; names in
 * braces become members of the call. Options: verb, prefix ("upload/", "download/"), stream (the
 * handler reads the body itself), open(call) (true: the URL is the capability, no key needed).
 */
export function route(method, pattern, handle, options = {}) {
  const names = [];
  const regex = pattern.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{(\w+)\}/g, (_, name) => {
    names.push(name);
    return '([^/:]+)';
  });
  routes.push({
    methods: method.split(' '),
    regex: new RegExp('^' + regex + '$'),
    names,
    handle,
    ...options,
  });
}

route('POST', 'models/{model}:generateContent', generate, { verb: 'generateContent' });
route('POST', 'models/{model}:streamGenerateContent', generate, { verb: 'streamGenerateContent' });
route('GET', 'models', (call) => sendJson(call, call.sim.models.page(call)));
route('GET', 'models/{model}', (call) => sendJson(call, call.sim.models.get(call, call.model)));

const PATH = /^\/(upload\/|download\/)?(v1beta|v1alpha|v1)\/(.+)$/;

function findRoute(call) {
  const parts = PATH.exec(call.path.replace(/%3A/gi, ':'));
  if (!parts) return null;
  call.version = parts[2];
  for (const found of routes) {
    if ((parts[1] || '') !== (found.prefix || '') || !found.methods.includes(call.req.method)) continue;
    const match = found.regex.exec(parts[3]);
    if (match) {
      found.names.forEach((name, i) => {
        call[name] = safeDecode(match[i + 1]);
      });
      return found;
    }
  }
  return null;
}

function safeDecode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseQuery(text) {
  const query = {};
  if (text) for (const [name, value] of new URLSearchParams(text)) query[name] = value;
  return query;
}

/** Finds who calls; returns a failure, or null after setting call.key and call.project. */
function identify(call) {
  const { headers } = call.req;
  const key = headers['x-goog-api-key'] || call.query.key;
  if (key) {
    call.key = key;
    const credential = call.config.credential(key);
    if (!credential) return E.KEY_FAULTS.invalid();
    call.project = credential.project;
    const state = call.config.state(credential);
    return state === 'ok' ? null : keyFault(state, call);
  }
  if (headers.authorization) return bearer(call, headers.authorization);
  return E.unregistered();
}

function keyFault(state, call) {
  if (state === 'location') return E.location();
  return (E.KEY_FAULTS[state] || E.KEY_FAULTS.invalid)(call.key, call.project.number);
}

function bearer(call, authorization) {
  const token = authorization.replace(/^Bearer\s+/i, '');
  if (call.sim.oauth.access.has(token)) return bearerOf(call, token);
  const project = call.config.projects.get(call.config.tokens[token]);
  if (!project)
    return E.unauthenticated(
      token.startsWith('ya29.') ? 'ACCESS_TOKEN_EXPIRED' : 'ACCESS_TOKEN_TYPE_UNSUPPORTED',
    );
  call.key = token;
  call.project = project;
  return null;
}

/** Reads a body of at most `limit` bytes; beyond that it is drained and null returned. */
export function readBytes(call, limit) {
  return new Promise((resolve) => {
    const chunks = [];
    let size = 0;
    call.req.on('data', (chunk) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
    });
    call.req.on('end', () =>
      resolve(size > limit ? null : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)),
    );
    call.req.on('error', () => resolve(null));
    call.req.on('close', () => resolve(null));
  });
}

async function readWhole(call) {
  const { config } = call;
  const hardest = Math.max(config.body_max * 2, config.body_max + (64 << 20));
  const raw = await readBytes(call, hardest);
  if (raw === null) return call.gone ? null : E.tooLarge();
  if (raw.length > config.body_max)
    return E.invalid(`Request payload size exceeds the limit: ${config.body_max} bytes.`);
  call.raw = /\bgzip\b/.test(call.req.headers['content-encoding'] || '') ? await inflate(raw) : raw;
  return null;
}

function behaviours(call) {
  const rows = call.project ? call.project.behaviours : [];
  if (rows.length > 0) call.words = fromBehaviours(rows, call, call.words);
  if (call.config.behaviours.length > 0)
    call.words = fromBehaviours(call.config.behaviours, call, call.words);
}

/** Why this call may not enter its route, or null. An open route needs no key but notes one. */
function entry(call, found) {
  if (!found.open || !found.open(call)) return identify(call);
  call.key = call.req.headers['x-goog-api-key'] || call.query.key;
  return null;
}

/** What lies beside the API: OAuth and Code Assist. False when the call is for neither. */
async function beside(call) {
  const found = OAUTH_ROUTES[`${call.req.method} ${call.path}`];
  const wrapped = /^\/v1internal[:/]/.test(call.path);
  if (!found && !wrapped) return false;
  const failed = await readWhole(call);
  if (call.gone) return true;
  if (failed) sendFailure(call, failed);
  else await (wrapped ? codeAssist(call, behaviours) : found(call));
  return true;
}

/** Answers one call. */
export async function answer(call) {
  if (await beside(call)) return;
  const found = findRoute(call);
  call.verb = found && found.verb;
  const denied = found ? entry(call, found) : E.noRoute(call.req.url);
  if (!found || !found.stream || denied) {
    const failed = await readWhole(call);
    if (call.gone) return;
    if (denied || failed) {
      sendFailure(call, denied || failed);
      return;
    }
  }
  behaviours(call);
  if (call.words && found.handle !== generate && (refuseEarly(call) || (await refuseLate(call)))) return;
  await found.handle(call);
}
