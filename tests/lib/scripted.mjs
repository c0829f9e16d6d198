// SPDX-License-Identifier: MIT
// An upstream that says exactly the bytes it was told, in the pieces and at the moments it was told, and keeps what it
// was asked. For recorded answers and for one odd answer at a time; whatever needs a believable Gemini uses the simulator.
import http from 'node:http';

// {url, calls, says(answer), stop()}. An answer is {status, headers, body, pieces, pause, hold, rest, destroy} or a
// function of the call that gives one; `pieces` are written one after the other with `pause` ms between, and those of
// `rest` when the promise `hold` has come true; `destroy` cuts the connection at the end instead of closing it well.
// {raw, pause, destroy}: the pieces are the whole answer, head and framing included, and the connection ends with them.
export async function startScripted() {
  let answer = { status: 500, body: 'nothing was scripted' };
  const self = { calls: [], begun: 0, says: (next) => { answer = next; }, forget: () => { self.calls.length = 0; } }; // begun: calls whose body is still to come
  const server = http.createServer((request, response) => {
    if (request.socket.over) return; // it came while the connection was being ended: who asked repeats it on another one
    const parts = [];
    self.begun++;
    request.once('close', () => { self.begun--; });
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const call = { method: request.method, path: request.url, headers: request.headers, key: request.headers['x-goog-api-key'],
        port: request.socket.remotePort,
        body: Buffer.concat(parts), json() { return JSON.parse(this.body.toString()); } };
      self.calls.push(call);
      response.on('close', () => { call.closedAt = performance.now(); });
      await write(response, typeof answer === 'function' ? await answer(call) : answer);
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  self.url = `http://127.0.0.1:${server.address().port}`;
  self.stop = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return self;
}

async function write(response, answer) {
  const { status = 200, headers, type = 'application/json; charset=UTF-8', body, pieces, pause = 0, hold, rest = [], destroy = false } = answer;
  response.socket.setNoDelay(true);
  if (answer.raw) return writeRaw(response.socket, answer);
  response.writeHead(status, headers ?? { 'content-type': type });
  response.flushHeaders();
  for (const piece of pieces ?? [body ?? '']) {
    response.write(typeof piece === 'function' ? piece() : piece);
    if (pause > 0) await new Promise((resolve) => { setTimeout(resolve, pause); });
    if (pieces && pause === 0) await new Promise(setImmediate);
    if (response.destroyed) return;
  }
  await hold;
  for (const piece of rest) response.write(piece);
  if (destroy) response.socket.resetAndDestroy();
  else response.end();
}

async function writeRaw(socket, { raw, pause = 0, destroy = false }) {
  socket.over = true;
  for (const piece of raw) {
    await new Promise((resolve) => { socket.write(piece, resolve); });
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    if (socket.destroyed) return;
  }
  if (destroy) socket.resetAndDestroy();
  else socket.end();
}

// A response as raw text: its head, and a body in chunks of these pieces, with or without the last one.
export const rawHead = (lines, version = '1.1') => [`HTTP/${version} 200 OK`, 'Content-Type: text/event-stream', ...lines, '', ''].join('\r\n');
export const rawChunks = (pieces, end = '0\r\n\r\n') => Buffer.concat([...pieces.map((piece) => Buffer.concat([
  Buffer.from(`${Buffer.byteLength(piece).toString(16)}\r\n`), Buffer.from(piece), Buffer.from('\r\n')])), Buffer.from(end)]);

// Answers in the two shapes of generate calls.
export const unary = (object, status = 200) => ({ status, body: typeof object === 'string' ? object : JSON.stringify(object, null, 2) });
export const sse = (objects, more = {}) => ({
  type: 'text/event-stream', pieces: objects.map((object) => `data: ${JSON.stringify(object)}\r\n\r\n`), ...more,
});

// One answer for both ways of asking: the events when asked to stream, else `whole` (by default the last event).
export const either = (events, whole = events.at(-1)) => (call) =>
  (call.path.includes(':streamGenerateContent') ? sse(events) : unary(whole));

// A generateContent answer with these parts.
export function answerOf(parts, { finish = 'STOP', usage = { promptTokenCount: 4, candidatesTokenCount: 3, totalTokenCount: 7 }, ...more } = {}) {
  return {
    candidates: [{ content: { role: 'model', parts }, ...(finish ? { finishReason: finish } : {}), index: 0, ...more }],
    ...(usage ? { usageMetadata: usage } : {}), modelVersion: 'gemini-2.5-flash', responseId: 'r1',
  };
}
