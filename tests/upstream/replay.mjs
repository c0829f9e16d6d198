// SPDX-License-Identifier: MIT
// Serves a recorded file byte for byte: config {"replay": {"dir": "..."}} with a marker
// [[sim:raw=<file>]] or "models": {"name": "file"}. Never leaves that directory. Words shape
// the delivery: split=n, gap=ms, status=N, type=...

import { readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { Failure, fault } from './errors.mjs';
import { head } from './reply.mjs';
import { pause, sinkFor } from './sink.mjs';

const cache = new Map();

/** The bytes of `name` inside the configured directory. */
function bytesOf(config, name) {
  const dir = config.replay && config.replay.dir;
  if (!dir) throw new Failure(fault(500, 'replay: no directory is configured'));
  let path;
  try {
    path = realpathSync(join(dir, name));
  } catch {
    throw new Failure(fault(500, `replay: no file ${name}`));
  }
  if (!path.startsWith(realpathSync(dir) + sep))
    throw new Failure(fault(500, 'replay: outside the directory'));
  if (!cache.has(path)) cache.set(path, readFileSync(path));
  return cache.get(path);
}

/** The status a recorded error body was sent with. */
function statusOf(bytes) {
  const match = /^\s*\[?\s*\{\s*"error"\s*:\s*\{\s*"code"\s*:\s*(\d{3})/.exec(
    bytes.toString('latin1', 0, 400),
  );
  return match ? Number(match[1]) : 200;
}

/** Event ends, so that by default a recorded stream leaves event by event. */
function pieces(bytes) {
  const list = [];
  let from = 0;
  while (from < bytes.length) {
    const crlf = bytes.indexOf('\r\n\r\n', from);
    const lf = bytes.indexOf('\n\n', from);
    const ends = [crlf < 0 ? Infinity : crlf + 4, lf < 0 ? Infinity : lf + 2];
    const to = Math.min(...ends, bytes.length);
    list.push(bytes.subarray(from, to));
    from = to;
  }
  return list;
}

export async function replay(call, name) {
  const words = call.words || {};
  const bytes = bytesOf(call.config, String(name));
  const status = Number(words.status || statusOf(bytes));
  const sse = /^(data:|:)/.test(bytes.toString('latin1', 0, 5));
  const type = words.type || (sse ? 'text/event-stream' : 'application/json; charset=UTF-8');
  if (!call.stream || status !== 200) {
    head(call, status, ['Content-Type', type, 'Content-Length', String(bytes.length)]);
    call.whole = true;
    call.res.end(bytes);
    return;
  }
  head(call, status, ['Content-Type', type, 'Transfer-Encoding', 'chunked']);
  call.streaming = true;
  call.stats.streamOpened();
  const sink = sinkFor(call, false);
  for (const piece of pieces(bytes)) {
    await sink.write(piece);
    call.events++;
    await pause(call, Number(words.delay || 0));
  }
  call.whole = true;
  sink.end();
}
