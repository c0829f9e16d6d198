// SPDX-License-Identifier: MIT
// Models, tokens, embeddings, files, caches, batches, operations, interactions, stores.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import http from 'node:http';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setOffset } from './clock.mjs';
import {
  KEY,
  FLASH,
  sim,
  base,
  user,
  ask,
  call,
  generate,
  stream,
  textOf,
  stats,
  identity,
  refused,
  accepted,
  tools,
  limits,
} from './testing.mjs';

test('models are paged; one is found by name', async () => {
  const names = [];
  let token = '';
  do {
    const { json } = await call(
      'GET',
      `/v1beta/models?pageSize=10${token && '&pageToken=' + encodeURIComponent(token)}`,
    );
    names.push(...json.models.map((m) => m.name));
    token = json.nextPageToken;
  } while (token);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length > 25 && names.includes('models/' + FLASH));
  assert.equal((await call('GET', '/v1beta/models/' + FLASH)).json.thinking, true);
  assert.equal((await call('GET', '/v1beta/models/none')).status, 404);
});

test('countTokens and its two forms', async () => {
  const count = (body) => call('POST', `/v1beta/models/${FLASH}:countTokens`, body);
  const request = {
    model: 'models/' + FLASH,
    ...ask('a'.repeat(40)),
    systemInstruction: { parts: [{ text: 'b'.repeat(40) }] },
  };
  assert.equal((await count(ask('a'.repeat(40)))).json.totalTokens, 10);
  assert.equal((await count({ generateContentRequest: request })).json.totalTokens, 20);
  assert.match(
    (await count({ ...ask('x'), systemInstruction: {} })).json.error.message,
    /Unknown name "systemInstruction"/,
  );
  assert.match(
    (await count({ generateContentRequest: ask('x') })).json.error.message,
    /model is not specified/,
  );
  assert.equal((await count({ ...ask('x'), generateContentRequest: request })).status, 400);
  assert.equal((await accepted(ask('a'.repeat(40)))).usageMetadata.promptTokenCount, 10);
});

test('embeddings: order, sizes, limits', async () => {
  const model = 'gemini-embedding-001';
  const one = (text, more) => ({ model: 'models/' + model, content: { parts: [{ text }] }, ...more });
  const batch = (requests) => call('POST', `/v1beta/models/${model}:batchEmbedContents`, { requests });
  const { json } = await batch([one('a'), one('b', { outputDimensionality: 8 })]);
  assert.deepEqual(
    json.embeddings.map((e) => e.values.length),
    [3072, 8],
  );
  const norm = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  assert.ok(Math.abs(norm(json.embeddings[0].values) - 1) < 1e-4 && norm(json.embeddings[1].values) < 0.5);
  const again = await call('POST', `/v1beta/models/${model}:embedContent`, {
    content: { parts: [{ text: 'a' }] },
  });
  assert.deepEqual(again.json.embedding, json.embeddings[0]);
  assert.match(
    (await batch(Array(101).fill(one('a')))).json.error.message,
    /at most 100 requests can be in one batch/,
  );
  assert.match((await batch([one('a', { model: 'models/other' })])).json.error.message, /model must match/);
  assert.equal((await batch([one('')])).status, 400);
  assert.equal((await batch([one('a', { outputDimensionality: 5000 })])).status, 400);
});

const begin = (size, headers = {}, body = { file: { displayName: 'x' } }, query = '') =>
  call('POST', '/upload/v1beta/files' + query, body, {
    'x-goog-upload-protocol': 'resumable',
    'x-goog-upload-command': 'start',
    'x-goog-upload-header-content-length': String(size),
    'x-goog-upload-header-content-type': 'video/mp4',
    ...headers,
  });

/** A call to an upload URL, without any key. */
async function send(url, command, offset, bytes) {
  const response = await fetch(url, {
    method: 'POST',
    body: bytes,
    headers: {
      'x-goog-upload-command': command,
      ...(offset === undefined ? {} : { 'x-goog-upload-offset': String(offset) }),
    },
  });
  return {
    status: response.status,
    headers: response.headers,
    state: response.headers.get('x-goog-upload-status'),
    text: await response.text(),
  };
}

test('resumable upload in chunks, with query and its rules', async () => {
  const size = (8 << 20) + 1000;
  const bytes = Buffer.alloc(size, 'pollux');
  const started = await begin(size);
  assert.equal(started.headers.get('x-goog-upload-status'), 'active');
  assert.equal(started.headers.get('x-goog-upload-chunk-granularity'), '8388608');
  const url = started.headers.get('x-goog-upload-url');
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/upload\/v1beta\/files\?upload_id=/);
  assert.equal(
    (await send(url, 'upload', 0, bytes.subarray(0, 1000))).status,
    400,
    'not a multiple of the granularity',
  );
  assert.equal((await send(url, 'upload', 0, bytes.subarray(0, 8 << 20))).state, 'active');
  assert.equal((await send(url, 'query')).headers.get('x-goog-upload-size-received'), String(8 << 20));
  assert.equal((await send(url, 'upload, finalize', 5, bytes.subarray(8 << 20))).status, 400, 'wrong offset');
  assert.equal((await send(url, 'upload, finalize', 8 << 20, bytes)).status, 400, 'too many bytes');
  const last = await send(url, 'upload, finalize', 8 << 20, bytes.subarray(8 << 20));
  assert.equal(last.state, 'final');
  const { file } = JSON.parse(last.text);
  assert.equal(file.sizeBytes, String(size));
  assert.equal(
    Buffer.from(file.sha256Hash, 'base64').toString(),
    createHash('sha256').update(bytes).digest('hex'),
  );
  assert.equal((await send(url, 'upload', 0, 'x')).status, 400);
  const used = await accepted({
    contents: [user('see', { fileData: { mimeType: 'video/mp4', fileUri: file.uri } })],
  });
  assert.match(textOf(used), new RegExp(`\\[video/mp4 ${size} bytes sha256`));
});

test('a key in the start URL comes back in the upload URL, and is noticed', async () => {
  const { headers } = await call('POST', '/upload/v1beta/files?key=' + KEY, '{}', {
    'x-goog-upload-protocol': 'resumable',
    'x-goog-upload-command': 'start',
    'x-goog-api-key': '',
  });
  assert.match(headers.get('x-goog-upload-url'), new RegExp('key=' + KEY));
  assert.equal((await stats()).key_in_url, 1);
});

test('an interrupted chunk leaves the session where it was', async () => {
  const url = new URL((await begin(100)).headers.get('x-goog-upload-url'));
  await new Promise((resolve) => {
    const request = http.request(url, {
      method: 'POST',
      headers: {
        'x-goog-upload-command': 'upload, finalize',
        'x-goog-upload-offset': '0',
        'content-length': '100',
      },
    });
    request.on('error', resolve);
    request.write(Buffer.alloc(50), () => request.destroy());
    request.on('close', resolve);
  });
  const query = await send(url, 'query');
  assert.deepEqual([query.state, query.headers.get('x-goog-upload-size-received')], ['active', '0']);
  assert.equal((await send(url, 'cancel')).state, 'cancelled');
  assert.equal((await send(url, 'upload, finalize', 0, Buffer.alloc(100))).status, 400);
});

test('multipart upload; list, get, delete; other projects see nothing', async () => {
  const body =
    '--B\r\nContent-Type: application/json; charset=utf-8\r\n\r\n'
    + '{"file":{"display_name":"m","name":"files/my-file"}}\r\n'
    + '--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--not the end\r\n--B--\r\n';
  const { json, text } = await call('POST', '/upload/v1beta/files?uploadType=multipart', body, {
    'x-goog-upload-protocol': 'multipart',
    'content-type': 'multipart/related; boundary=B',
  });
  assert.equal(json && json.file.sizeBytes, String('hello\r\n--not the end'.length), text);
  assert.equal(json.file.mimeType, 'text/plain');
  assert.equal((await call('GET', '/v1beta/files')).json.files.length, 1);
  assert.equal((await call('GET', '/v1beta/files/my-file')).json.name, 'files/my-file');
  const foreign = { 'x-goog-api-key': 'AIzaOther' };
  const { status, json: denied } = await call('GET', '/v1beta/files/my-file', undefined, foreign);
  assert.equal(status, 403);
  assert.equal(
    denied.error.message,
    'You do not have permission to access the File my-file or it may not exist.',
  );
  const use = { contents: [user('x', { fileData: { fileUri: json.file.uri } })] };
  assert.equal((await generate(use, FLASH, foreign)).status, 403);
  assert.equal((await call('GET', '/v1beta/files/my-file:download?alt=media')).status, 400);
  assert.deepEqual((await call('DELETE', '/v1beta/files/my-file')).json, {});
  assert.equal((await generate(use)).status, 403);
});

test('a file that is still processing cannot be used', async () => {
  const url = (await begin(4, {}, { file: { displayName: '[[sim:processing=5000]]' } })).headers.get(
    'x-goog-upload-url',
  );
  const { file } = JSON.parse((await send(url, 'upload, finalize', 0, 'abcd')).text);
  assert.equal(file.state, 'PROCESSING');
  const use = { contents: [user('x', { fileData: { fileUri: file.uri } })] };
  assert.match(await refused(use), /is not in an ACTIVE state and usage is not allowed/);
  setOffset(6000);
  await accepted(use);
});

test('caches: size, model, members that may not be repeated, expiry', async () => {
  const create = (body) => call('POST', '/v1beta/cachedContents', body);
  const contents = [user('a'.repeat(8000))];
  assert.match(
    (await create({ model: 'models/' + FLASH, contents: [user('a')] })).json.error.message,
    /Cached content is too small\. total_token_count=1, min_total_token_count=1024/,
  );
  const { json: cache } = await create({ model: 'models/' + FLASH, contents, ttl: '60s' });
  assert.equal(cache.usageMetadata.totalTokenCount, 2000);
  const used = await accepted(ask('abcd', { cachedContent: cache.name }));
  assert.equal(used.usageMetadata.cachedContentTokenCount, 2000);
  assert.equal(used.usageMetadata.promptTokenCount, 2001);
  identity(used.usageMetadata);
  assert.match(
    await refused(ask('x', { cachedContent: cache.name, tools })),
    /CachedContent can not be used with/,
  );
  assert.match(
    await refused(ask('x', { cachedContent: cache.name }), 'gemini-2.5-pro'),
    /has to be the same/,
  );
  assert.equal((await call('PATCH', `/v1beta/${cache.name}?updateMask=ttl`, { ttl: '600s' })).status, 200);
  assert.equal((await call('PATCH', `/v1beta/${cache.name}`, { displayName: 'x' })).status, 400);
  setOffset(300000);
  await accepted(ask('x', { cachedContent: cache.name }));
  setOffset(700000);
  const gone = await generate(ask('x', { cachedContent: cache.name }));
  assert.equal(gone.status, 403);
  assert.equal(gone.json.error.message, 'CachedContent not found (or permission denied)');
});

test('batches go through their states and answer each request', async () => {
  const requests = [
    { request: ask('hi'), metadata: { key: 'r1' } },
    { request: { contents: [] }, metadata: { key: 'r2' } },
  ];
  const made = await call('POST', `/v1beta/models/${FLASH}:batchGenerateContent`, {
    batch: { displayName: 'b', inputConfig: { requests: { requests } } },
  });
  assert.equal(made.json.metadata.state, 'BATCH_STATE_PENDING');
  const poll = async () => (await call('GET', '/v1beta/' + made.json.name)).json;
  assert.equal((await poll()).metadata.state, 'BATCH_STATE_RUNNING');
  const done = await poll();
  assert.equal(done.done, true);
  const answers = done.response.inlinedResponses.inlinedResponses;
  assert.equal(textOf(answers[0].response), 'hi');
  assert.ok(answers[1].error);
  assert.deepEqual(
    [done.metadata.batchStats.successfulRequestCount, done.metadata.batchStats.failedRequestCount],
    ['1', '1'],
  );
  assert.equal((await call('GET', '/v1beta/batches')).json.operations.length, 1);
  assert.equal(
    (await call('GET', '/v1beta/' + made.json.name, undefined, { 'x-goog-api-key': 'AIzaOther' })).status,
    404,
  );
});

test('a batch from a file leaves a file that can be downloaded', async () => {
  const rows = ['k1', 'k2'].map((key) => JSON.stringify({ key, request: ask('say ' + key) })).join('\n');
  const up = await call('POST', '/upload/v1beta/files', rows, {
    'x-goog-upload-protocol': 'raw',
    'content-type': 'application/jsonl',
  });
  const made = await call('POST', `/v1beta/models/${FLASH}:batchGenerateContent`, {
    batch: { inputConfig: { fileName: up.json.file.name } },
  });
  await call('GET', '/v1beta/' + made.json.name);
  const { json } = await call('GET', '/v1beta/' + made.json.name);
  const { text } = await call('GET', `/v1beta/${json.response.responsesFile}:download?alt=media`);
  assert.deepEqual(
    text
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row).key),
    ['k1', 'k2'],
  );
});

test('long-running predictions end in a download, directly or by way of a redirect', async () => {
  const model = 'veo-3.0-generate-001';
  const { json: operation } = await call('POST', `/v1beta/models/${model}:predictLongRunning`, {
    instances: [{ prompt: 'sea' }],
  });
  await call('GET', '/v1beta/' + operation.name);
  const { json } = await call('GET', '/v1beta/' + operation.name);
  const { uri } = json.response.generateVideoResponse.generatedSamples[0].video;
  const path = uri.replace(/^https:\/\/[^/]+/, '');
  assert.equal(
    (await fetch(base + path, { headers: { 'x-goog-api-key': KEY } }).then((r) => r.arrayBuffer()))
      .byteLength,
    65536,
  );
  sim.configure({ behaviour: [{ match: { path: '/v1beta/files/*' }, do: 'redirect' }] });
  const moved = await call('GET', path);
  assert.equal(moved.status, 302);
  assert.equal((await fetch(moved.headers.get('location')).then((r) => r.arrayBuffer())).byteLength, 65536);
});

test('interactions have their own schema, events and errors', async () => {
  const make = (body) => call('POST', '/v1beta/interactions', body);
  const { json } = await make({ model: FLASH, input: 'hello there' });
  assert.equal(json.steps[0].content[0].text, 'hello there');
  assert.equal((await call('GET', '/v1beta/interactions/' + json.id)).json.id, json.id);
  assert.equal(
    (await call('GET', '/v1beta/interactions/' + json.id, undefined, { 'x-goog-api-key': 'AIzaOther' }))
      .status,
    404,
  );
  assert.equal((await make({ model: FLASH, input: 'x', contents: [] })).json.error.code, 'invalid_request');
  const { text } = await make({ model: FLASH, input: 'a b', stream: true });
  assert.deepEqual(
    [...text.matchAll(/"event_type":"([^"]+)"/g)].map((m) => m[1]),
    ['interaction.created', 'step.start', 'step.delta', 'step.delta', 'step.stop', 'interaction.completed'],
  );
});

test('file search stores take uploads as operations', async () => {
  const { json: store } = await call('POST', '/v1beta/fileSearchStores', { displayName: 's' });
  const started = await call(
    'POST',
    `/upload/v1beta/${store.name}:uploadToFileSearchStore`,
    { displayName: 'd' },
    { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start' },
  );
  const last = await send(started.headers.get('x-goog-upload-url'), 'upload, finalize', 0, 'abc');
  const operation = JSON.parse(last.text);
  await call('GET', '/v1beta/' + operation.name);
  assert.equal((await call('GET', '/v1beta/' + operation.name)).json.done, true);
  assert.equal((await call('GET', `/v1beta/${store.name}/documents`)).json.documents.length, 1);
  assert.equal((await call('DELETE', '/v1beta/' + store.name)).status, 400);
  assert.deepEqual((await call('DELETE', `/v1beta/${store.name}?force=true`)).json, {});
});
