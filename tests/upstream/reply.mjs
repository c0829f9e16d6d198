// SPDX-License-Identifier: MIT
// How answers leave: status, the header set Google's front end sends, whole bodies (pretty
// JSON, gzip when asked for) and failures. Each call is counted here, exactly once.

import { gzipSync } from 'node:zlib';
import { whole as json } from './json.mjs';

const JSON_TYPE = 'application/json; charset=UTF-8';
const FRONT = [
  'Vary',
  'Origin',
  'Vary',
  'X-Origin',
  'Vary',
  'Referer',
  'Server',
  'scaffolding on HTTPServer2',
  'X-XSS-Protection',
  '0',
  'X-Frame-Options',
  'SAMEORIGIN',
  'X-Content-Type-Options',
  'nosniff',
  'Server-Timing',
  'gfet4t7; dur=12',
  'Alt-Svc',
  'h3=":443"; ma=2592000',
];

const wantsGzip = (call) => call.config.gzip && /\bgzip\b/.test(call.req.headers['accept-encoding'] || '');

/** Sends a head. headers: flat list of names and values, before the front end's own. */
export function head(call, status, headers) {
  call.stats.answered(call, status);
  call.res.writeHead(status, headers.concat(FRONT));
}

/** Sends a whole body of a given type. */
export function send(call, status, type, body, extra = []) {
  let bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const headers = ['Content-Type', type, ...extra];
  if (bytes.length > 512 && wantsGzip(call)) {
    bytes = gzipSync(bytes, { level: 1 });
    headers.push('Content-Encoding', 'gzip');
  }
  headers.push('Content-Length', String(bytes.length));
  head(call, status, headers);
  call.whole = true;
  call.res.end(bytes);
}

/** Code Assist puts answers of a model into an envelope; errors stay as they are. */
export function wrapped(call, object) {
  return call.wrap && !object.error && !Array.isArray(object) ? call.wrap(object) : object;
}

export function sendJson(call, value, extra) {
  send(call, 200, JSON_TYPE, json(wrapped(call, value), call.query), extra);
}

/** Sends a failure: JSON, HTML, or (streams without alt=sse) JSON in an array. */
export function sendFailure(call, { status, error, html, extra }) {
  if (html !== undefined) {
    send(call, status, 'text/html; charset=UTF-8', html, extra);
    return;
  }
  const body = json({ error }, call.query);
  const array = call.stream && !call.sse;
  send(call, status, JSON_TYPE, array ? '[' + body.trimEnd() + '\n]\n' : body, extra);
}

/** Begins a stream; returns whether it is to be compressed. */
export function beginStream(call) {
  const gzip = wantsGzip(call);
  const type = call.sse ? 'text/event-stream' : JSON_TYPE;
  const headers = ['Content-Type', type, 'Transfer-Encoding', 'chunked'];
  if (call.sse) headers.push('Content-Disposition', 'attachment');
  if (gzip) headers.push('Content-Encoding', 'gzip');
  head(call, 200, headers);
  call.res.flushHeaders();
  call.streaming = true;
  call.stats.streamOpened();
  return gzip;
}
