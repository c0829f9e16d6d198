// SPDX-License-Identifier: MIT
// The worker as a plain CGI program: one request in, one answer out, the same code and the same database behind it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { startPollux } from '../lib/pollux.mjs';
import { build } from '../lib/places.mjs';
import { projects } from '../lib/sim.mjs';
import { checkChunks, joinChunks } from '../lib/openai-shape.mjs';
import { sseEvents } from '../lib/http.mjs';

const native = { contents: [{ role: 'user', parts: [{ text: 'hello, tell me a long story' }] }] };
const chat = { model: 'gemini-2.5-flash', messages: [{ role: 'user', content: 'hello, tell me a long story' }] };

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(2), chunks: 4, chunk_delay_ms: 100 } });
});
after(() => pollux?.stop());

// Runs the worker as a web server would run a CGI: {status, headers, text, arrivals}.
function cgi(target, { method = 'POST', body = '', headers = {} } = {}) {
  const env = { ...pollux.env, GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1', SERVER_SOFTWARE: 'test', REQUEST_METHOD: method,
    REQUEST_URI: target, SCRIPT_NAME: '/pollux.cgi', PATH_INFO: target.split('?')[0], QUERY_STRING: target.split('?')[1] ?? '', REMOTE_ADDR: '127.0.0.1',
    SERVER_NAME: 'localhost', SERVER_PORT: '80', CONTENT_LENGTH: String(Buffer.byteLength(body)), CONTENT_TYPE: 'application/json',
    HTTP_AUTHORIZATION: `Bearer ${pollux.token}`, ...headers };
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(build, 'pollux.fcgi'), [], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const parts = [];
    child.stdout.on('data', (data) => parts.push({ at: performance.now(), data }));
    child.on('error', reject);
    child.on('close', (code) => {
      const whole = Buffer.concat(parts.map((part) => part.data)).toString();
      const split = whole.search(/\r?\n\r?\n/);
      const head = whole.slice(0, split);
      resolve({ code, head, text: whole.slice(split).replace(/^\r?\n\r?\n/, ''), arrivals: parts.map((part) => part.at),
        status: Number(/^Status: (\d+)/mi.exec(head)?.[1] ?? 200) });
    });
    child.stdin.end(body);
  });
}

test('a native request is answered', async () => {
  const answer = await cgi('/v1beta/models/gemini-2.5-flash:generateContent', { body: JSON.stringify(native) });
  assert.deepEqual([answer.code, answer.status], [0, 200], answer.head + answer.text);
  assert.ok(JSON.parse(answer.text).candidates.length > 0);
});
test('a native stream comes event by event', async () => {
  const answer = await cgi('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', { body: JSON.stringify(native) });
  assert.match(answer.head, /text\/event-stream/);
  assert.ok(sseEvents(answer.text).length >= 4);
  assert.ok(answer.arrivals.length >= 3 && answer.arrivals.at(-1) - answer.arrivals[0] > 150, 'not all at once');
});
test('an OpenAI stream comes event by event', async () => {
  const answer = await cgi('/v1/chat/completions', { body: JSON.stringify({ ...chat, stream: true }) });
  checkChunks(answer.text);
  assert.ok(joinChunks(sseEvents(answer.text)).text.length > 0);
  assert.ok(answer.arrivals.at(-1) - answer.arrivals[0] > 150, 'not all at once');
});
test('a missing token is 401, and nothing secret is said', async () => {
  const answer = await cgi('/v1/chat/completions', { body: JSON.stringify(chat), headers: { HTTP_AUTHORIZATION: '' } });
  assert.equal(answer.status, 401);
  assert.equal(JSON.parse(answer.text).error.code, 'invalid_api_key');
});
test('every request is in the log like any other', async () => {
  await pollux.settled();
  const rows = await pollux.sql('select status, outcome from report.requests order by started_at');
  assert.equal(rows.filter((row) => row.outcome === 'ok').length, 3, JSON.stringify(rows));
  assert.equal((await pollux.sql('select 1 from report.open_requests')).length, 0);
});
test('an exchange is captured before the process ends', async () => {
  await pollux.setting('capture_share', 1);
  await pollux.setting('capture_until', '1h');
  const answer = await cgi('/v1beta/models/gemini-2.5-flash:generateContent', { body: JSON.stringify(native) });
  const id = /^x-request-id: (\S+)/mi.exec(answer.head)[1];
  const [{ exchange }] = await pollux.sql(`select exchange from pollux.capture where request_id = '${id}'`);
  assert.deepEqual([exchange.answer.body.text, exchange.request.body.text], [answer.text, JSON.stringify(native)]);
  await pollux.setting('capture_until', 'off');
});
test('programs administer through it, too', async () => {
  const { token } = await pollux.cli('admin', 'token', 'add', 'cgi', '--role', 'operator');
  const stats = await cgi('/admin/stats', { method: 'GET', headers: { HTTP_AUTHORIZATION: `Bearer ${token}` } });
  assert.deepEqual([stats.status, JSON.parse(stats.text).credentials.ready], [200, 2], stats.text);
  const metrics = await cgi('/metrics', { method: 'GET', headers: { HTTP_AUTHORIZATION: '' } });
  assert.match(metrics.text, /^# HELP pollux_/, 'the caller is this machine');
  const far = await cgi('/metrics', { method: 'GET', headers: { HTTP_AUTHORIZATION: '', REMOTE_ADDR: '192.0.2.1' } });
  assert.equal(far.status, 401, 'an address elsewhere is not');
  const reset = await cgi('/admin/reset', { body: '{"all": true}', headers: { HTTP_AUTHORIZATION: `Bearer ${token}` } });
  assert.equal(reset.status, 200, reset.text);
});
