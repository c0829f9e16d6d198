// SPDX-License-Identifier: MIT
// What the tests of the simulator share: one simulator per process, set back before each test,
// and ways to ask it. Bytes are read from plain sockets where framing matters; time is moved
// (setOffset), never waited for.

import assert from 'node:assert/strict';
import net from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, before, beforeEach } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Simulator } from './simulator.mjs';
import { setOffset } from './clock.mjs';

export const KEY = 'AIzaTestKey000000000000000000000000001';
export const FLASH = 'gemini-2.5-flash';
export const THREE = 'gemini-3.5-flash';
export let sim;
export let base;
export let dir;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sim-replay-'));
  sim = new Simulator({ replay: { dir } });
  base = 'http://127.0.0.1:' + (await sim.listen());
});

after(() => {
  rmSync(dir, { recursive: true });
  sim.close();
});

beforeEach(() => {
  setOffset(0);
  sim.config.projects.clear();
  sim.config.credentials.clear();
  sim.configure({
    any_key: false,
    behaviour: [],
    limits: {},
    record: 0,
    chunks: 0,
    stamp: false,
    count_rejected: false,
    projects: [
      { id: 'p1', number: '4711', keys: [KEY] },
      { id: 'p2', keys: ['AIzaOther'] },
    ],
  });
  sim.reset({ resources: true });
});

export const user = (text, ...parts) => ({ role: 'user', parts: [{ text }, ...parts] });
export const ask = (text, more = {}) => ({ contents: [user(text)], ...more });

/** One call; returns {status, headers, text, json}. */
export async function call(method, path, body, headers = {}) {
  const response = await fetch(base + path, {
    method,
    headers: { 'x-goog-api-key': KEY, ...headers },
    redirect: 'manual',
    body:
      body === undefined || typeof body === 'string' || body instanceof Uint8Array
        ? body
        : JSON.stringify(body),
  });
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

export const generate = (body, model = FLASH, headers) =>
  call('POST', `/v1beta/models/${model}:generateContent`, body, headers);
export const stream = (body, model = FLASH) =>
  call('POST', `/v1beta/models/${model}:streamGenerateContent?alt=sse`, body);
export const eventsOf = (text) =>
  text
    .split(/\r\n\r\n|\n\n/)
    .filter(Boolean)
    .map((e) => JSON.parse(e.replace(/^data: ?/, '')));
export const textOf = (answer) => answer.candidates[0].content.parts.map((p) => p.text || '').join('');
export const stats = async () => (await fetch(base + '/_sim/stats')).json();

/** A stream over a plain socket: the exact body bytes (chunked framing kept) and how it ended. */
export function rawStream(text, query = '?alt=sse', more = {}) {
  const body = JSON.stringify(ask(text, more));
  return new Promise((resolve) => {
    const chunks = [];
    const socket = net.connect(sim.port, '127.0.0.1', () =>
      socket.write(
        `POST /v1beta/models/${FLASH}:streamGenerateContent${query} HTTP/1.1\r\n`
          + `Host: sim\r\nConnection: close\r\nx-goog-api-key: ${KEY}\r\n`
          + `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      ),
    );
    let ended = 'open';
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => (ended = 'fin'));
    socket.on('error', (error) => (ended = error.code));
    socket.on('close', () => {
      const all = Buffer.concat(chunks);
      const at = all.indexOf('\r\n\r\n');
      resolve({ head: all.toString('latin1', 0, at), body: all.subarray(at + 4), ended });
    });
  });
}

/** Takes chunked framing off: {writes: [Buffer], whole: Buffer, complete: bool}. */
export function unchunk(body) {
  const writes = [];
  let at = 0;
  for (;;) {
    const end = body.indexOf('\r\n', at);
    if (end < 0) return { writes, whole: Buffer.concat(writes), complete: false };
    const size = parseInt(body.toString('latin1', at, end), 16);
    if (size === 0) return { writes, whole: Buffer.concat(writes), complete: true };
    writes.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

export function identity(usage) {
  const {
    promptTokenCount: p = 0,
    candidatesTokenCount: c = 0,
    thoughtsTokenCount: t = 0,
    toolUsePromptTokenCount: u = 0,
  } = usage;
  assert.equal(usage.totalTokenCount, p + c + t + u);
}

/** The message of a 400 that must come. */
export async function refused(body, model = FLASH) {
  const { status, json, text } = await generate(body, model);
  assert.equal(status, 400, text);
  assert.equal(json.error.status, 'INVALID_ARGUMENT');
  return json.error.message;
}

export async function accepted(body, model = FLASH) {
  const { status, json, text } = await generate(body, model);
  assert.equal(status, 200, text);
  return json;
}

export async function until(done) {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(done(), 'did not happen in five seconds');
}

export const WEATHER = {
  name: 'get_weather',
  description: 'x',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
export const tools = [{ functionDeclarations: [WEATHER] }];

export const limits = (given) => sim.configure({ projects: [{ id: 'p1', limits: { [FLASH]: given } }] });
