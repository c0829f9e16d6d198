// SPDX-License-Identifier: MIT
// HTTP as the tests need it: paths sent exactly as written, every chunk kept with the moment it arrived.
import http from 'node:http';
import net from 'node:net';

// One request on a connection of its own. Resolves when the answer has ended or broken off:
// {status, headers, rawHeaders, chunks: [{at, data}], body, text, complete, json(), events()}.
// onChunk(data, answer) sees chunks as they come; answer.leave() closes the connection. `from` is the address it is
// sent from (127.0.0.0/8 is all this machine).
export function send(base, path, options = {}) {
  const { method = options.body === undefined ? 'GET' : 'POST', headers = {}, body, token, onChunk, onHead, from } = options;
  const url = new URL(base);
  const bytes = encode(body);
  const sent = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...jsonType(body), ...headers };
  if (bytes !== undefined && !isStream(bytes)) sent['content-length'] ??= String(bytes.length);
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const request = http.request({
      host: url.hostname, port: url.port, path: (url.pathname === '/' ? '' : url.pathname) + path,
      method, headers: sent, agent: false, localAddress: from, timeout: options.timeout ?? 120_000,
    });
    request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer in time`)));
    request.on('error', reject);
    request.on('response', (response) => {
      const answer = newAnswer(response, started, () => request.destroy());
      onHead?.(answer);
      response.on('data', (data) => {
        answer.chunks.push({ at: performance.now(), data });
        onChunk?.(data, answer);
      });
      response.on('end', () => resolve(finish(answer, true)));
      response.on('aborted', () => resolve(finish(answer, false)));
      response.on('error', () => resolve(finish(answer, false)));
    });
    if (isStream(bytes)) bytes.pipe(request);
    else request.end(bytes);
  });
}

function newAnswer(response, started, leave) {
  return {
    status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders,
    chunks: [], started, headAt: performance.now(), leave,
  };
}

function finish(answer, complete) {
  answer.complete = complete;
  answer.body = Buffer.concat(answer.chunks.map((chunk) => chunk.data));
  answer.text = answer.body.toString('utf8');
  answer.json = () => JSON.parse(answer.text);
  answer.events = () => sseEvents(answer.text);
  return answer;
}

function encode(body) {
  if (body === undefined || Buffer.isBuffer(body) || isStream(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

const isStream = (body) => typeof body?.pipe === 'function';

function jsonType(body) {
  return body === undefined || Buffer.isBuffer(body) || isStream(body) ? {} : { 'content-type': 'application/json' };
}

// The data of every event of an SSE text: parsed where it is JSON, else the text itself ("[DONE]").
export function sseEvents(text) {
  return text.split(/\r\n\r\n|\n\n/).flatMap((block) => {
    const data = block.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim());
    if (data.length === 0) return [];
    try {
      return [JSON.parse(data.join('\n'))];
    } catch {
      return [data.join('\n')];
    }
  });
}

// Raw bytes to a server, everything it says back until it closes; for requests that no client library would send.
// {end: true} half-closes after sending, as a client does that promised more than it sent.
export function sendRaw(base, bytes, { timeout = 10_000, end = false } = {}) {
  const url = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(url.port), url.hostname);
    const parts = [];
    const timer = setTimeout(() => socket.destroy(new Error('the server neither answered nor closed')), timeout);
    socket.on('connect', () => (end ? socket.end(bytes) : socket.write(bytes)));
    socket.on('data', (data) => parts.push(data));
    socket.on('error', (error) => (parts.length > 0 ? undefined : reject(error)));
    socket.on('close', () => {
      clearTimeout(timer);
      const text = Buffer.concat(parts).toString('latin1');
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
      resolve({ status, text, body: text.slice(text.indexOf('\r\n\r\n') + 4) });
    });
  });
}

// A stream read event by event while it lives: for await (const event of openStream(...).events).
export function openStream(base, path, options = {}) {
  const queue = [];
  let wake = () => {};
  let over = false;
  let text = '';
  let live;
  const push = (event) => {
    queue.push(event);
    wake();
  };
  const done = send(base, path, {
    ...options,
    onHead: (answer) => {
      live = answer;
      options.onHead?.(answer);
    },
    onChunk: (data) => {
      text += data.toString('utf8');
      const blocks = text.split(/\r\n\r\n|\n\n/);
      text = blocks.pop();
      for (const block of blocks) for (const event of sseEvents(`${block}\n\n`)) push({ at: performance.now(), event });
    },
  }).finally(() => {
    over = true;
    wake();
  });
  async function next() {
    while (queue.length === 0 && !over) await new Promise((resolve) => { wake = resolve; });
    return queue.shift();
  }
  async function* events() {
    for (let event = await next(); event !== undefined; event = await next()) yield event;
  }
  return { done, next, events: events(), leave: () => live?.leave(), get answer() { return live; } };
}
