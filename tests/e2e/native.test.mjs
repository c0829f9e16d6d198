// SPDX-License-Identifier: MIT
// The native dialect through Google's own client, base URL alone changed, and through plain HTTP as curl sends it.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { startPollux } from '../lib/pollux.mjs';
import { answerOf, sse, startScripted, unary } from '../lib/scripted.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { send } from '../lib/http.mjs';
import { waitFor } from '../lib/wait.mjs';

const model = 'gemini-2.5-flash';
const generate = `/v1beta/models/${model}:generateContent`;
const stream = `/v1beta/models/${model}:streamGenerateContent`;
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let pollux;
let ai;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(5), record: 50, body_max: 300 * 1024 * 1024 } });
  ai = pollux.genai();
});
beforeEach(() => pollux.sim.reset());
after(() => pollux?.stop());

const recorded = async () => (await pollux.sim.control('requests')).requests;
const usedKeys = async () => Object.keys((await pollux.sim.stats()).by_key).filter((key) => key !== '');

describe('the official client', () => {
  test('chats over several turns', async () => {
    const chat = ai.chats.create({ model });
    const first = await chat.sendMessage({ message: 'hello' });
    assert.ok(first.text.length > 0);
    assert.equal(first.candidates[0].finishReason, 'STOP');
    assert.equal(first.usageMetadata.totalTokenCount, first.usageMetadata.promptTokenCount + first.usageMetadata.candidatesTokenCount + (first.usageMetadata.thoughtsTokenCount ?? 0));
    assert.ok((await chat.sendMessage({ message: 'and again' })).text.length > 0);
    assert.equal(chat.getHistory().length, 4);
  });
  test('streams', async () => {
    let text = '';
    let pieces = 0;
    let last;
    for await (const chunk of await ai.models.generateContentStream({ model, contents: '[[sim:chunks=5]] tell me a long story' })) {
      text += chunk.text ?? '';
      pieces++;
      last = chunk;
    }
    assert.ok(pieces >= 5 && text.length > 0);
    assert.equal(last.candidates[0].finishReason, 'STOP');
  });
  test('calls tools in parallel and takes their results, over two turns', async () => {
    const declaration = { name: 'weather', description: 'Weather of a city', parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] } };
    for (const one of [model, 'gemini-3-flash-preview']) {
      const config = { tools: [{ functionDeclarations: [declaration] }] };
      const contents = [{ role: 'user', parts: [{ text: 'weather in "Rome" and "Oslo", both at once?' }] }];
      for (let turn = 0; turn < 2; turn++) {
        const asked = await ai.models.generateContent({ model: one, contents, config });
        assert.equal(asked.functionCalls.length, 2, one);
        contents.push(asked.candidates[0].content, { role: 'user', parts: asked.functionCalls.map((call) => ({ functionResponse: { name: call.name, ...(call.id ? { id: call.id } : {}), response: { deg: 20 } } })) });
        const answered = await ai.models.generateContent({ model: one, contents, config });
        assert.ok(answered.text.length > 0, `${one} turn ${turn}`);
        contents.push(answered.candidates[0].content, { role: 'user', parts: [{ text: 'and the weather in both, "Rome" and "Oslo", tomorrow?' }] });
      }
    }
  });
  test('gets structured output', async () => {
    const answer = await ai.models.generateContent({ model, contents: 'a person', config: { responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { name: { type: 'STRING' }, age: { type: 'INTEGER' } }, required: ['name', 'age'] } } });
    const person = JSON.parse(answer.text);
    assert.deepEqual([typeof person.name, typeof person.age], ['string', 'number']);
  });
  test('shows images', async () => {
    const answer = await ai.models.generateContent({ model, contents: [{ role: 'user', parts: [{ text: 'what is it?' }, { inlineData: { mimeType: 'image/png', data: png } }] }] });
    assert.ok(answer.text.length > 0);
  });
  test('embeds and counts', async () => {
    const { embeddings } = await ai.models.embedContent({ model: 'gemini-embedding-001', contents: ['one', 'two'], config: { outputDimensionality: 768 } });
    assert.deepEqual(embeddings.map((one) => one.values.length), [768, 768]);
    assert.ok((await ai.models.countTokens({ model, contents: 'one two three' })).totalTokens > 0);
  });
  test('lists models and looks at one', async () => {
    const names = [];
    for await (const one of await ai.models.list()) names.push(one.name);
    assert.ok(names.includes(`models/${model}`) && names.length > 5);
    assert.equal((await ai.models.get({ model })).name, `models/${model}`);
  });
  test('uploads a file of 50 MB in parts, uses it, and deletes it, all at the project that owns it', async () => {
    const bytes = randomBytes(50 * 1024 * 1024);
    const file = path.join(path.dirname(pollux.home), 'fifty.bin');
    writeFileSync(file, bytes);
    const uploaded = await ai.files.upload({ file, config: { mimeType: 'video/mp4', displayName: 'fifty' } });
    assert.equal(uploaded.sizeBytes, String(bytes.length));
    assert.equal(Buffer.from(uploaded.sha256Hash, 'base64').toString(), createHash('sha256').update(bytes).digest('hex'));
    const [owner] = await usedKeys();
    assert.equal((await usedKeys()).length, 1, 'one project saw the whole upload');
    for (let i = 0; i < 6; i++) {
      const answer = await ai.models.generateContent({ model, contents: [{ role: 'user', parts: [{ text: 'what is it?' }, { fileData: { fileUri: uploaded.uri, mimeType: uploaded.mimeType } }] }] });
      assert.ok(answer.text.length > 0);
    }
    assert.equal((await ai.files.get({ name: uploaded.name })).state, 'ACTIVE');
    await ai.files.delete({ name: uploaded.name });
    assert.deepEqual(await usedKeys(), [owner], 'every use went to the owner');
    await assert.rejects(ai.files.get({ name: uploaded.name }), { status: 403 });
  });
  test('makes a cache, uses it, changes it, deletes it', async () => {
    const cache = await ai.caches.create({ model, config: { contents: [{ role: 'user', parts: [{ text: 'long text '.repeat(2000) }] }], ttl: '300s' } });
    for (let i = 0; i < 4; i++) {
      const answer = await ai.models.generateContent({ model, contents: 'sum it up', config: { cachedContent: cache.name } });
      assert.ok(answer.usageMetadata.cachedContentTokenCount > 0);
    }
    assert.equal((await ai.caches.get({ name: cache.name })).name, cache.name);
    await ai.caches.update({ name: cache.name, config: { ttl: '600s' } });
    await ai.caches.delete({ name: cache.name });
    assert.equal((await usedKeys()).length, 1);
  });
  test('runs a batch to its end', async () => {
    const job = await ai.batches.create({ model, src: [{ contents: [{ role: 'user', parts: [{ text: 'one' }] }] }, { contents: [{ role: 'user', parts: [{ text: 'two' }] }] }] });
    const done = await waitFor('the batch to succeed', async () => {
      const now = await ai.batches.get({ name: job.name });
      return /SUCCEEDED/.test(now.state) && now;
    });
    assert.equal(done.dest.inlinedResponses.length, 2);
    await ai.batches.delete({ name: job.name });
    assert.equal((await usedKeys()).length, 1);
  });
  test('meets errors as its own error class, with Google\'s status', async () => {
    const wrong = pollux.genai('plx_wrong0000000000000000000000000000');
    for (const [ask, status] of [
      [() => ai.models.generateContent({ model: 'gemini-none', contents: 'x' }), 404], [() => ai.models.generateContent({ model, contents: 'x', config: { temperature: 9 } }), 400],
      [() => wrong.models.generateContent({ model, contents: 'x' }), 401], [() => ai.files.get({ name: 'files/none' }), 403],
    ]) {
      await assert.rejects(ask, (error) => error.name === 'ApiError' && error.status === status, `status ${status}`);
    }
  });
});

describe('plain HTTP', () => {
  test('an answer is the upstream\'s own bytes, and only safe headers', async () => {
    await pollux.sim.configure({ answer: 'static' });
    try {
      const direct = await send(pollux.sim.url, generate, { body, headers: { 'x-goog-api-key': keyOf(1) } });
      const through = await pollux.send(generate, { body });
      assert.ok(through.body.equals(direct.body));
      assert.equal(through.headers['content-type'], direct.headers['content-type']);
    } finally {
      await pollux.sim.configure({ answer: 'auto' });
    }
  });
  test('a body reaches the upstream byte for byte, odd spacing and spelling included', async () => {
    const odd = '{ "contents" :[{"role":"user","parts":[{"text":"gr\\u00fc\\u00dfe \u4e16"}]}],\n\t"generation_config":{"temperature":1.0} }';
    assert.equal((await pollux.send(generate, { body: odd })).status, 200);
    const [seen] = (await recorded()).slice(-1);
    assert.equal(seen.body, odd);
    assert.match(seen.headers['x-goog-api-key'], /^AIza/);
    for (const name of ['authorization', 'x-api-key', 'x-forwarded-for', 'cookie']) assert.equal(seen.headers[name], undefined, name);
  });
  test('the key never stands in a URL, whatever the client wrote there', async () => {
    await pollux.send(`${generate}?key=${pollux.token}&prettyPrint=false`, { body, token: null });
    const { urls, key_in_url: keys, client_secrets: secrets } = await pollux.sim.stats();
    assert.deepEqual([keys, secrets], [0, 0]);
    assert.match(urls.at(-1), /prettyPrint=false/);
  });
  test('a stream with alt=sse and one without', async () => {
    const events = (await pollux.send(`${stream}?alt=sse`, { body })).events();
    assert.ok(events.at(-1).candidates[0].finishReason);
    const whole = await pollux.send(stream, { body });
    assert.ok(whole.json().at(-1).candidates[0].finishReason);
  });
  for (const way of ['resumable', 'multipart']) {
    test(`a file goes up by a ${way} upload as curl does it`, async () => {
      const bytes = randomBytes(10_000_000);
      const uploaded = way === 'resumable' ? await resumable(bytes) : await multipart(bytes);
      assert.equal(uploaded.file.sizeBytes, String(bytes.length));
      assert.equal(Buffer.from(uploaded.file.sha256Hash, 'base64').toString(), createHash('sha256').update(bytes).digest('hex'));
      assert.equal((await pollux.send(`/v1beta/${uploaded.file.name}`)).json().name, uploaded.file.name);
    });
  }
  async function resumable(bytes, { size = bytes.length } = {}) {
    const begun = await pollux.send('/upload/v1beta/files', { method: 'POST', body: { file: { display_name: 'x' } }, headers: { 'x-goog-upload-protocol': 'resumable',
      'x-goog-upload-command': 'start', 'x-goog-upload-header-content-length': String(size), 'x-goog-upload-header-content-type': 'image/png' } });
    assert.equal(begun.status, 200);
    const place = begun.headers['x-goog-upload-url'];
    assert.ok(place.startsWith(`${pollux.url}/`), `the upload URL is ours: ${place}`);
    assert.ok(!place.includes('AIza'));
    const where = place.slice(pollux.url.length);
    const part = (from, to, command) => pollux.send(where, { method: 'POST', token: null, body: bytes.subarray(from, to), headers: { 'x-goog-upload-offset': String(from), 'x-goog-upload-command': command } });
    const half = 8 * 1024 * 1024; // Google takes multiples of this but for the last part
    const first = await part(0, half, 'upload');
    assert.equal(first.headers['x-goog-upload-status'], 'active', first.text);
    const query = await pollux.send(where, { method: 'POST', token: null, headers: { 'x-goog-upload-command': 'query', 'content-length': '0' } });
    assert.equal(query.headers['x-goog-upload-size-received'], String(half));
    const last = await part(half, bytes.length, 'upload, finalize');
    assert.equal(last.headers['x-goog-upload-status'], 'final', last.text);
    return last.json();
  }
  async function multipart(bytes) {
    const boundary = 'b0undary';
    const whole = Buffer.concat([Buffer.from(`--${boundary}\r\nContent-Type: application/json\r\n\r\n{"file":{"displayName":"m"}}\r\n--${boundary}\r\nContent-Type: image/png\r\n\r\n`), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
    const answer = await pollux.send('/upload/v1beta/files?uploadType=multipart', { body: whole, headers: { 'x-goog-upload-protocol': 'multipart', 'content-type': `multipart/related; boundary=${boundary}` } });
    assert.equal(answer.status, 200, answer.text);
    return answer.json();
  }
  test('an upload belongs to the client that began it, and an unknown upload is refused', async () => {
    assert.ok([403, 404, 410].includes((await pollux.send('/upload/v1beta/files?upload_id=made-up&upload_protocol=resumable', { method: 'POST', body: Buffer.from('x'), headers: { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' } })).status));
  });
  test('an upload of 200 MB is streamed: no worker grows by its size', async () => {
    const size = 200 * 1024 * 1024;
    const peak = async () => {
      const { readFileSync } = await import('node:fs');
      return (await pollux.workers()).map((pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])).reduce((a, b) => Math.max(a, b), 0);
    };
    const begun = await pollux.send('/upload/v1beta/files', { method: 'POST', body: { file: {} }, headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start', 'x-goog-upload-header-content-length': String(size), 'x-goog-upload-header-content-type': 'video/mp4' } });
    const before = await peak();
    const piece = Buffer.alloc(1024 * 1024, 7);
    async function* pieces() {
      for (let i = 0; i < 200; i++) yield piece;
    }
    const done = await pollux.send(begun.headers['x-goog-upload-url'].slice(pollux.url.length), { method: 'POST', body: Readable.from(pieces()), token: null,
      headers: { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0', 'content-length': String(size) } });
    assert.equal(done.json().file.sizeBytes, String(size));
    assert.ok(await peak() - before < 50_000, `grew by ${await peak() - before} KB`);
  });
  test('things of two projects in one request are refused in words', async () => {
    const names = new Map();
    for (let i = 0; i < 40 && names.size < 2; i++) {
      const client = await pollux.addClient(`owner ${i}`);
      const cache = (await pollux.send('/v1beta/cachedContents', { token: client.token, body: { model: `models/${model}`, ttl: '60s', contents: [{ role: 'user', parts: [{ text: 'long text '.repeat(2000) }] }] } })).json();
      const [row] = await pollux.sql(`select project_id from pollux.affinity where resource = '${cache.name}'`);
      names.set(row.project_id, { cache: cache.name, token: client.token });
    }
    const [a, b] = [...names.values()];
    const file = await (async () => {
      const answer = await pollux.send('/upload/v1beta/files?uploadType=multipart', { token: b.token, body: Buffer.from('--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--\r\n'), headers: { 'x-goog-upload-protocol': 'multipart', 'content-type': 'multipart/related; boundary=b' } });
      return answer.json().file;
    })();
    const answer = await pollux.send(generate, { body: { cachedContent: a.cache, contents: [{ role: 'user', parts: [{ fileData: { fileUri: file.uri, mimeType: 'text/plain' } }, { text: 'x' }] }] } });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json().error.message, /project/i);
  });
  test('a download of a generated file streams its bytes', async () => {
    const op = await pollux.send('/v1beta/models/veo-3.0-generate-001:predictLongRunning', { body: { instances: [{ prompt: 'a cat' }] } });
    assert.equal(op.status, 200, op.text);
    const done = await waitFor('the operation to be done', async () => {
      const now = (await pollux.send(`/v1beta/${op.json().name}`)).json();
      return now.done && now;
    });
    const { uri } = done.response.generateVideoResponse.generatedSamples[0].video;
    const name = /files\/[^:?]+/.exec(uri)[0];
    const bytes = await pollux.send(`/v1beta/${name}:download?alt=media`);
    assert.equal(bytes.status, 200);
    assert.equal(bytes.body.length, 65536);
    assert.equal((await usedKeys()).length, 1, 'all at the project that made it');
  });
  test('a route that nobody has heard of yet is forwarded as it is', async () => {
    const answer = await pollux.send('/v1beta/brandNewThings?x=1', { body: '{"a":1}' });
    assert.equal(answer.status, 404);
    assert.match((await pollux.sim.stats()).urls.at(-1), /^\/v1beta\/brandNewThings\?x=1$/);
  });
});

// From an upstream that says one odd thing at a time.
describe('odd answers', () => {
  const prompt = { body };
  let upstream;
  let odd;
  before(async () => {
    upstream = await startScripted();
    odd = await startPollux({ upstream: upstream.url });
    await odd.cli('key', 'add', ...[1, 2, 3].map(keyOf));
  });
  beforeEach(async () => {
    upstream.forget();
    await odd.settled();
    await odd.cli('reset', '--all');
  });
  after(async () => {
    await odd?.stop();
    await upstream?.stop();
  });
  test('who leaves in the middle of an upload is written down as that', async () => {
    upstream.says({ headers: { 'x-goog-upload-url': `${upstream.url}/upload/v1beta/files?upload_id=theirs`, 'x-goog-upload-status': 'active' } });
    const begun = await odd.send('/upload/v1beta/files', { method: 'POST', body: { file: {} }, headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start' } });
    const place = new URL(begun.headers['x-goog-upload-url']);
    const socket = net.connect(Number(place.port), place.hostname);
    socket.on('error', () => {});
    socket.write(`POST ${place.pathname}${place.search} HTTP/1.1\r\nHost: x\r\nX-Goog-Upload-Offset: 0\r\nX-Goog-Upload-Command: upload\r\nContent-Length: 9000000\r\n\r\n`);
    socket.write(Buffer.alloc(1_000_000));
    await waitFor('the upload to reach the upstream', () => upstream.begun === 1);
    socket.destroy();
    await waitFor('it to be written down', async () => (await odd.sql("select outcome from pollux.request where verb = 'upload' order by id desc limit 1"))[0].outcome === 'client_gone');
  });
  test('a download that lies elsewhere is fetched from there, without the key', async () => {
    const elsewhere = await startScripted();
    try {
      upstream.says({ status: 302, headers: { location: `${elsewhere.url}/signed/video.mp4?sig=1` } });
      elsewhere.says({ type: 'video/mp4', pieces: ['first ', 'second'] });
      const got = await odd.send('/v1beta/files/abc:download?alt=media');
      assert.deepEqual([got.status, got.text, got.headers['content-type']], [200, 'first second', 'video/mp4']);
      assert.match(upstream.calls[0].key, /^AIza/);
      assert.deepEqual(elsewhere.calls.map((call) => [call.path, call.key, call.headers.authorization]), [['/signed/video.mp4?sig=1', undefined, undefined]]);
      elsewhere.says({ status: 404, body: '{"error": {"code": 404, "message": "gone", "status": "NOT_FOUND"}}' });
      assert.equal((await odd.send('/v1beta/files/abc:download?alt=media')).status, 404);
      upstream.says({ status: 302, headers: { location: 'ftp://example.com/x' } });
      assert.equal((await odd.send('/v1beta/files/abc:download?alt=media')).status, 502);
    } finally {
      await elsewhere.stop();
    }
  });
  test('a download that breaks off is none that looks whole', async () => {
    for (const more of [{}, { 'content-length': '200' }]) {
      upstream.says({ headers: { 'content-type': 'video/mp4', ...more }, pieces: ['first ', 'second'], pause: 20, destroy: true });
      const got = await odd.send('/v1beta/files/abc:download?alt=media');
      assert.deepEqual([got.status, got.text, got.complete], [200, 'first second', false], JSON.stringify(more));
    }
    upstream.says({ type: 'video/mp4', pieces: ['first ', 'second'] });
    assert.equal((await odd.send('/v1beta/files/abc:download?alt=media')).complete, true);
  });
  test('a stream that is an array stays one, whatever happens in it', async () => {
    const element = JSON.stringify(answerOf([{ text: 'a' }], { finish: null }), null, 2);
    const last = JSON.stringify(answerOf([{ text: 'b' }]));
    const failure = JSON.stringify({ error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } });
    const whole = `[${element}\n,\r\n${last}\n]\n`;
    upstream.says({ pieces: [...whole] });
    assert.equal((await odd.send(stream, prompt)).text, whole, 'byte for byte');
    for (const [what, pieces] of [['ends without a reason', [`[${element}`, '\n]\n']], ['ends in the middle', [`[${element}`, ',\r\n{"cand']], ['holds an error', [`[${element}`, `,\r\n${failure}`, ']\n']]]) {
      upstream.says({ pieces });
      const answer = (await odd.send(stream, prompt)).json();
      assert.deepEqual([answer[0].candidates[0].content.parts[0].text, answer.at(-1).error.status], ['a', 'UNAVAILABLE'], what);
    }
  });
  test('an answer that the client masks, or wants in another form, is not looked at for what is missing', async () => {
    const { content } = answerOf([{ text: 'a' }]).candidates[0];
    const masked = sse([{ candidates: [{ content }] }, { candidates: [{ content }] }]);
    const usage = { body: '{"usageMetadata":{"totalTokenCount":7}}' };
    const binary = { type: 'application/x-protobuf', pieces: [Buffer.from([10, 0, 1, 2]), Buffer.from([0, 255, 10])] };
    for (const [says, path, headers] of [[masked, `${stream}?alt=sse&fields=candidates.content`], [masked, `${stream}?%24fields=candidates(content)&alt=sse`], [masked, `${stream}?alt=sse`, { 'X-Goog-FieldMask': 'candidates.content' }],
      [usage, `${generate}?fields=usageMetadata`], [binary, `${stream}?alt=proto`], [binary, `${generate}?$alt=proto`], [masked, `${generate}?alt=sse`]]) {
      upstream.forget();
      upstream.says(says);
      const answer = await odd.send(path, { ...prompt, headers });
      assert.equal(answer.status, 200, answer.text);
      assert.ok(answer.body.equals(Buffer.concat([says.body ?? says.pieces].flat().map((piece) => Buffer.from(piece)))), `${path}: ${answer.text}`);
      assert.equal(upstream.calls.length, 1, path);
    }
    await odd.settled();
    assert.deepEqual(await odd.sql('select reason from pollux.quota where ready_at > clock_timestamp()'), []);
  });
  test('a tuned model is used with the project that has it, in both dialects', async () => {
    upstream.says({ body: '{"name":"tunedModels/mine"}' });
    await odd.send('/v1beta/tunedModels/mine');
    upstream.says(unary(answerOf([{ text: 'fine' }])));
    for (let i = 0; i < 5; i++) {
      assert.equal((await odd.send('/v1beta/tunedModels/mine:generateContent', prompt)).status, 200);
      assert.equal((await odd.send('/v1/chat/completions', { body: { model: 'tunedModels/mine', messages: [{ role: 'user', content: 'x' }] } })).status, 200);
    }
    assert.equal(new Set(upstream.calls.map((call) => call.key)).size, 1);
    assert.deepEqual([...new Set(upstream.calls.slice(1).map((call) => call.path))], ['/v1beta/tunedModels/mine:generateContent']);
  });
});
