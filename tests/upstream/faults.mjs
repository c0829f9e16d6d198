// SPDX-License-Identifier: MIT
// Faults by name: error answers (EARLY before quota is counted, LATE after), and what happens
// to the connection before the first byte of an answer. Faults in mid-stream are in stream.mjs.

import * as E from './errors.mjs';
import { violation } from './quota.mjs';
import { beginStream, head, send, sendFailure } from './reply.mjs';
import { pause, stall } from './sink.mjs';

const quota = (kinds, ms, limit) => (call) =>
  E.quotaExceeded(
    kinds.map((kind) =>
      violation(
        kind,
        call.model || 'unknown',
        limit ?? LIMITS[kind],
        call.project ? call.project.tier : 'free',
        /embed/i.test(call.verb || ''),
      ),
    ),
    ms,
    call.stats.calls,
  );
const LIMITS = { rpm: 10, tpm: 250000, rpd: 100 };
const keyState = (state) => (call) => E.KEY_FAULTS[state](call.key, call.project ? call.project.number : '0');

/** Refusals that count nothing. */
const EARLY = {
  400: E.argument,
  '400-html': E.badPage,
  401: () => E.unauthenticated(),
  402: E.depleted,
  403: keyState('forbidden'),
  404: (call) => E.noModel(call.model, call.version, call.verb),
  413: E.tooLarge,
  429: quota(['rpm'], 12345.678),
  '429-rpm': quota(['rpm'], 12345.678),
  '429-tpm': quota(['tpm'], 31250.5),
  '429-day': quota(['rpd'], 43210.987),
  '429-day-10s': quota(['rpd'], 10000),
  '429-many': quota(['rpm', 'rpd', 'tpm'], 54321.098),
  '429-zero': quota(['tpm', 'rpm', 'rpd'], 25678.9, 0),
  '429-zero-rpm': quota(['rpm'], 25678.9, 0),
  '429-long': quota(['rpm'], 3600000),
  '429-short': quota(['rpm'], 345.678),
  '429-none': quota(['rpm'], null),
  '429-bare': E.quotaBare,
  '429-help': E.quotaHelpOnly,
  '429-text': () => E.quotaTextOnly(7500),
  '429-old': (call) => E.quotaOlder(60, call.project ? call.project.number : '0'),
  '429-html': E.sorryPage,
  location: E.location,
  unregistered: E.unregistered,
  ...Object.fromEntries(Object.keys(E.KEY_FAULTS).map((state) => [state + '-key', keyState(state)])),
};

/** Refusals of a call that has been counted. */
const LATE = {
  499: E.cancelled,
  500: E.internal,
  502: E.gatewayPage,
  503: E.overloaded,
  '503-old': E.overloadedOld,
  504: E.deadline,
  '504-old': E.timedOut,
};

function named(table, words) {
  if (words) for (const word in words) if (Object.hasOwn(table, word)) return table[word];
  return null;
}

/** ms=N in the words overrides the wait that a 429 names, limit=N its limit. */
function adjusted(make, call) {
  const { words } = call;
  const kind = ['rpm', 'tpm', 'rpd'].find((k) => words['429'] && words[k]);
  if (words['429'] && (words.ms || words.limit || kind))
    return quota(
      [kind || 'rpm'],
      Number(words.ms || 12345),
      Number(words.limit || LIMITS[kind || 'rpm']),
    )(call);
  return make(call);
}

function answer(call, make) {
  const failure = adjusted(make, call);
  const after = call.words['retry-after'];
  if (after) failure.extra = ['Retry-After', String(after)];
  sendFailure(call, failure);
}

/** Answers with an EARLY fault when the words name one. */
export function refuseEarly(call) {
  const make = named(EARLY, call.words);
  if (make) answer(call, make);
  return make !== null;
}

/** Answers with a LATE fault, or breaks the connection before the first byte; true when done. */
export async function refuseLate(call) {
  const make = named(LATE, call.words);
  if (make) {
    answer(call, make);
    return true;
  }
  const cut = named(CONNECTION, call.words);
  if (cut) await cut(call);
  return cut !== null;
}

/** Sends RST instead of closing. */
export function reset(call) {
  call.broken = 'reset';
  call.stats.answered(call, 0);
  /* resetAndDestroy() ends the stream first: a FIN may overtake the RST. This closes at once. */
  call.req.socket.resetAndClosing = true;
  call.req.socket.destroy();
}

/** Closes the connection where it stands: no end of the chunked body. */
export function close(call) {
  call.broken = 'close';
  call.stats.answered(call, 0);
  call.req.socket.end();
  call.req.socket.destroySoon();
}

const streamOrJson = (call) =>
  call.stream && call.sse ? 'text/event-stream' : 'application/json; charset=UTF-8';

const CONNECTION = {
  reset: async (call) => {
    await pause(call, Number(call.words.delay || 0));
    reset(call);
  },
  close: async (call) => {
    await pause(call, Number(call.words.delay || 0));
    close(call);
  },
  stall: async (call) => {
    const { stall: ms } = call.words;
    await (ms === true ? stall(call) : pause(call, Number(ms)));
    if (!call.gone) sendFailure(call, E.deadline());
  },
  'stall-headers': async (call) => {
    const { 'stall-headers': ms } = call.words;
    beginStream(call);
    await (ms === true ? stall(call) : pause(call, Number(ms)));
    close(call);
  },
  'reset-headers': async (call) => {
    beginStream(call);
    await pause(call, 5);
    reset(call);
  },
  'short-body': async (call) => {
    head(call, 200, ['Content-Type', streamOrJson(call), 'Content-Length', '1000']);
    call.res.write('{\n  "candidates": [');
    await pause(call, 5);
    close(call);
  },
  'empty-body': async (call) => send(call, 200, streamOrJson(call), ''),
  'bad-json': async (call) =>
    send(call, 200, streamOrJson(call), '{"candidates": [{"content": {"parts": [{"text": "cut'),
  'html-200': async (call) =>
    send(call, 200, 'text/html', '<html><body>Not what you expected</body></html>\n'),
};

/** The error object that goes into a 200: error-200=503 and the like, 503 by default. */
export function errorInside(call, word) {
  const given = call.words[word];
  const make = LATE[given] || EARLY[given] || E.overloaded;
  return { error: make(call).error || E.overloaded().error };
}
