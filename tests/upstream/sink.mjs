// SPDX-License-Identifier: MIT
// Where a stream's bytes go. The plain sink hands each event to the socket whole; the others
// cut them: every n bytes, inside CRLF, inside a UTF-8 character. Waiting ends when the peer
// has gone, so nothing outlives its connection.

import { createGzip, constants } from 'node:zlib';

/** Resolves after ms, or at once when the peer goes. */
export function pause(call, ms) {
  if (call.gone || ms <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      call.wake = null;
      resolve();
    }
    call.wake = done;
  });
}

/** Waits for ever (until the peer goes). */
export const stall = (call) => pause(call, 2 ** 31 - 1);

function drained(call) {
  if (call.gone) return Promise.resolve();
  return new Promise((resolve) => {
    function done() {
      call.res.off('drain', done);
      call.wake = null;
      resolve();
    }
    call.res.on('drain', done);
    call.wake = done;
  });
}

class Plain {
  constructor(call) {
    this.call = call;
  }

  /** Writes; returns a promise only when the peer must be waited for. */
  write(text) {
    return this.call.res.write(text) ? undefined : drained(this.call);
  }

  end() {
    this.call.res.end();
  }
}

class Gzipped {
  constructor(call) {
    this.call = call;
    this.gzip = createGzip();
    this.gzip.on('data', (bytes) => call.res.write(bytes));
    this.gzip.on('end', () => call.res.end());
  }

  write(text) {
    this.gzip.write(text);
    return new Promise((resolve) => this.gzip.flush(constants.Z_SYNC_FLUSH, resolve));
  }

  end() {
    this.gzip.end();
  }
}

class Cut extends Plain {
  constructor(call, cuts, gap) {
    super(call);
    this.cuts = cuts;
    this.gap = gap;
  }

  async write(text) {
    const bytes = Buffer.from(text);
    let from = 0;
    for (const to of [...this.cuts(bytes), bytes.length]) {
      if (to <= from || this.call.gone) continue;
      await super.write(bytes.subarray(from, to));
      from = to;
      await (this.gap > 0 ? pause(this.call, this.gap) : new Promise(setImmediate));
    }
  }
}

function every(n) {
  return (bytes) => Array.from({ length: Math.ceil(bytes.length / n) }, (_, i) => i * n);
}

function insideCrlf(bytes) {
  const cuts = [];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 13 || bytes[i] === 10) cuts.push(i, i + 1);
  return cuts;
}

function insideCharacters(bytes) {
  const cuts = [];
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] & 0xc0) === 0x80) cuts.push(i);
  return cuts;
}

/** The sink that the words ask for: slow[=ms], split=n, crlf-split, utf8-split; gap=ms between cuts. */
export function sinkFor(call, gzipped) {
  const words = call.words || {};
  const gap = Number(words.gap || 0);
  if (words.slow) return new Cut(call, every(1), words.slow === true ? 1 : Number(words.slow));
  if (words.split) return new Cut(call, every(Math.max(1, Number(words.split))), gap);
  if (words['crlf-split']) return new Cut(call, insideCrlf, gap || 1);
  if (words['utf8-split']) return new Cut(call, insideCharacters, gap || 1);
  return gzipped ? new Gzipped(call) : new Plain(call);
}
