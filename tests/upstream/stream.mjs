// SPDX-License-Identifier: MIT
// Sends a plan as a stream: framing (SSE with CRLF as Google does, other line ends on request,
// or the JSON array without alt=sse), pacing, and everything that can go wrong in mid-stream.

import { line, pretty } from './json.mjs';
import { close, errorInside, reset } from './faults.mjs';
import { beginStream, wrapped } from './reply.mjs';
import { events } from './respond.mjs';
import { pause, sinkFor, stall } from './sink.mjs';
import { stamp } from './clock.mjs';

function framing(call) {
  const words = call.words || {};
  if (!call.sse)
    return {
      first: (o) => '[' + pretty(o).trimEnd(),
      next: (o) => '\n,\r\n' + pretty(o).trimEnd(),
      end: '\n]\n',
      none: '[]\n',
    };
  const newline = words.lf ? '\n' : words.cr ? '\r' : '\r\n';
  const name = words.nospace ? 'data:' : 'data: ';
  const frame = words.multiline
    ? (o) =>
        pretty(o)
          .trimEnd()
          .split('\n')
          .map((row) => name + row + newline)
          .join('') + newline
    : (o) => name + line(o) + newline + newline;
  return {
    first: words.comment ? (o) => ': hello' + newline + newline + frame(o) : frame,
    next: frame,
    end: '',
    none: '',
  };
}

/** Sends the answer; what breaks it off is in the words. */
export async function sendStream(call, plan) {
  const words = call.words || {};
  const gap = Number(words.delay ?? call.config.chunk_delay_ms);
  const first = Number(words.first ?? words.latency ?? call.config.latency_ms);
  if (first > 0 && !words['early-headers']) await pause(call, first);
  if (call.gone) return;
  const sink = sinkFor(call, beginStream(call));
  if (first > 0 && words['early-headers']) await pause(call, first);
  const plain = framing(call);
  const frame = {
    ...plain,
    first: (o) => plain.first(wrapped(call, o)),
    next: (o) => plain.next(wrapped(call, o)),
  };
  const at = breakPoint(words);
  const start = stamp();
  if (words['error-200'] && (await errorInstead(call, sink, frame))) return;
  for (const object of shaped(call, plan)) {
    if (gap > 0 && call.events > 0) await pause(call, start + call.events * gap - stamp());
    if (call.gone || (call.events === at && (await breakOff(call, sink, frame, object)))) return;
    const wait = sink.write(call.events === 0 ? frame.first(object) : frame.next(object));
    call.events++;
    call.stats.events++;
    call.lastEvent = stamp();
    if (wait) await wait;
  }
  finish(call, sink, frame);
}

function finish(call, sink, frame) {
  const words = call.words || {};
  if (call.gone || (breakPoint(words) >= call.events && breakLate(call))) return;
  const end = words['no-final-crlf'] ? '' : call.events === 0 ? frame.none : frame.end;
  if (end) sink.write(end);
  call.whole = true;
  sink.end();
}

/** Empty answers of several shapes replace the real events. */
function* shaped(call, plan) {
  const words = call.words || {};
  if (words['empty-stream']) return;
  const empty = emptyObject(call, words);
  if (empty) yield empty;
  else yield* events(call, plan);
}

const EMPTY = {
  empty: () => ({ candidates: [] }),
  'empty-object': () => ({}),
  'empty-candidate': () => ({ candidates: [{ index: 0 }] }),
  'empty-content': () => ({ candidates: [{ content: { role: 'model' }, index: 0 }] }),
  'empty-parts': () => ({ candidates: [{ content: { parts: [], role: 'model' }, index: 0 }] }),
  'empty-part': () => ({ candidates: [{ content: { parts: [{}], role: 'model' }, index: 0 }] }),
  'empty-text': () => ({
    candidates: [{ content: { parts: [{ text: '' }], role: 'model' }, finishReason: 'STOP', index: 0 }],
  }),
  'empty-stop': () => ({ candidates: [{ content: { role: 'model' }, finishReason: 'STOP', index: 0 }] }),
  'empty-bare': () => ({ candidates: [{ finishReason: 'STOP' }] }),
  'usage-only': () => ({}),
  'empty-stream': () => ({}) /* not a stream: nothing but usage */,
};

/** The answer without an answer that the words ask for, or null. */
export function emptyObject(call, words) {
  const name = Object.keys(words).find((word) => Object.hasOwn(EMPTY, word));
  if (!name) return null;
  const object = EMPTY[name]();
  if (name === 'empty-object') return object;
  const usageMetadata = { promptTokenCount: 4, totalTokenCount: 4 };
  return { ...object, usageMetadata, modelVersion: call.model, responseId: 'empty-answer' };
}

/** error-200: as the first event, or (error-200-form) bare or in an array, and nothing else. */
async function errorInstead(call, sink, frame) {
  const object = errorInside(call, 'error-200');
  const form = call.words['error-200-form'];
  const text =
    form === 'bare'
      ? pretty(object)
      : form === 'array'
        ? '[' + pretty(object).trimEnd() + '\n]\n'
        : frame.first(object) + frame.end;
  await sink.write(text);
  call.whole = true;
  sink.end();
  return true;
}

const BREAKS = [
  'stall-mid',
  'reset-mid',
  'reset-event',
  'close-mid',
  'close-event',
  'half-event',
  'truncate',
  'error-mid',
  'error-mid-bare',
  'error-mid-array',
  'garbage',
];

/** After how many events the stream breaks (at=k, 2 unless said), or -1. */
export function breakPoint(words) {
  return BREAKS.some((word) => words[word]) ? Number(words.at ?? 2) : -1;
}

/** When the stream had fewer events than the break point, it still breaks, at its end. */
function breakLate(call) {
  const { words } = call;
  if (words['reset-mid'] || words['reset-event']) reset(call);
  else if (words['close-mid'] || words['close-event']) close(call);
  else return false;
  return true;
}

/** Breaks the stream before `object`; returns whether it is over. */
async function breakOff(call, sink, frame, object) {
  const { words } = call;
  const next = call.events === 0 ? frame.first(object) : frame.next(object);
  const half = next.slice(0, Math.ceil(next.length / 2));
  if (words['stall-mid']) {
    await (words['stall-mid'] === true ? stall(call) : pause(call, Number(words['stall-mid'])));
    return call.gone;
  }
  if (words['reset-event'] || words['close-event'] || words['half-event']) await sink.write(half);
  if (words.garbage) await sink.write('data: {"candidates": [nonsense}\r\n\r\n');
  for (const [word, wrap] of ERRORS)
    if (words[word]) await sink.write(wrap(errorInside(call, word), frame, call));
  await pause(call, 5); /* so that the peer has what was written before the connection ends */
  if (words['reset-mid'] || words['reset-event']) reset(call);
  else if (words['close-mid'] || words['close-event']) close(call);
  else if (!call.gone) endShort(call, sink);
  return true;
}

function endShort(call, sink) {
  call.whole = true;
  call.cut = true;
  call.stats.outcome('cut short');
  sink.end();
}

const ERRORS = [
  ['error-mid', (o, frame, call) => (call.events === 0 ? frame.first(o) : frame.next(o)) + frame.end],
  ['error-mid-bare', (o) => pretty(o)],
  ['error-mid-array', (o) => '[' + pretty(o).trimEnd() + '\n]\n'],
];
