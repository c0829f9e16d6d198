// SPDX-License-Identifier: MIT
// The OpenAI dialect through the official client, base URL alone changed, against the strict simulator: whatever the
// translation does wrong, Google's rules refuse.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { checkCompletion } from '../lib/openai-shape.mjs';

const models = ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-3-flash-preview', 'gemini-3.1-pro-preview', 'gemini-2.0-flash'];
const [model] = models;
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const weather = { type: 'function', function: { name: 'weather', description: 'Weather of a city', strict: true,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } } };

let pollux;
let client;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(5), models: ['spent', 'overloaded'] } });
  client = pollux.openai();
});
after(() => pollux?.stop());

const ask = (more) => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }], ...more });

test('a completion', async () => {
  for (const one of models) {
    const answer = await ask({ model: one, messages: [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'hello' }] });
    checkCompletion(answer);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.ok(answer.usage.total_tokens > 0);
  }
});

test('a stream, read by the client\'s own helper', async () => {
  const stream = client.chat.completions.stream({ model, messages: [{ role: 'user', content: '[[sim:chunks=6]] hello, tell me a long story' }], stream_options: { include_usage: true } });
  let deltas = 0;
  stream.on('content', () => { deltas++; });
  const whole = await stream.finalChatCompletion();
  assert.ok(deltas >= 3);
  assert.ok(whole.choices[0].message.content.length > 0);
  assert.ok((await stream.totalUsage()).total_tokens > 0);
});

for (const one of models) {
  for (const streamed of [false, true]) {
    test(`parallel tool calls and their results over two turns, ${streamed ? 'streamed' : 'whole'}, ${one}`, async () => {
      const messages = [{ role: 'user', content: 'weather in "Rome" and "Oslo", both at once?' }];
      const turn = async () => {
        const body = { model: one, messages, tools: [weather] };
        const answer = streamed ? await client.chat.completions.stream(body).finalChatCompletion() : await client.chat.completions.create(body);
        const { message, finish_reason: finish } = answer.choices[0];
        messages.push(message);
        return { message, finish };
      };
      for (let round = 0; round < 2; round++) {
        const asked = await turn();
        assert.equal(asked.finish, 'tool_calls');
        assert.equal(asked.message.tool_calls.length, 2);
        for (const call of asked.message.tool_calls) {
          assert.equal(call.function.name, 'weather');
          JSON.parse(call.function.arguments);
          messages.push({ role: 'tool', tool_call_id: call.id, content: JSON.stringify({ deg: 20 }) });
        }
        const answered = await turn();
        assert.equal(answered.finish, 'stop');
        assert.ok(answered.message.content.length > 0);
        messages.push({ role: 'user', content: 'and the weather in both, "Rome" and "Oslo", tomorrow?' });
      }
    });
  }
}

test('a client that drops what it does not know still gets its tool results accepted by Gemini 3', async () => {
  const messages = [{ role: 'user', content: 'weather in "Rome" and "Oslo", both at once?' }];
  const { message } = (await ask({ model: 'gemini-3-flash-preview', messages, tools: [weather] })).choices[0];
  const bare = message.tool_calls.map(({ id, type, function: { name, arguments: args } }) => ({ id, type, function: { name, arguments: args } }));
  messages.push({ role: 'assistant', content: null, tool_calls: bare }, ...bare.map((call) => ({ role: 'tool', tool_call_id: call.id, content: '20 degrees' })));
  assert.equal((await ask({ model: 'gemini-3-flash-preview', messages, tools: [weather] })).choices[0].finish_reason, 'stop');
});

test('structured output', async () => {
  for (const one of models) {
    const answer = await ask({ model: one, response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: { type: 'object', additionalProperties: false,
      $defs: { place: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } },
      properties: { name: { type: 'string' }, age: { type: ['integer', 'null'] }, home: { $ref: '#/$defs/place' } }, required: ['name', 'age', 'home'] } } } });
    const person = JSON.parse(answer.choices[0].message.content);
    assert.deepEqual(Object.keys(person).sort(), ['age', 'home', 'name'], one);
  }
});

test('image input', async () => {
  const answer = await ask({ messages: [{ role: 'user', content: [{ type: 'text', text: 'what is it?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${png}`, detail: 'low' } }] }] });
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('a file is used with the project that has it, whichever way it is named', async () => {
  const file = await pollux.genai().files.upload({ file: new Blob(['a little text']), config: { mimeType: 'text/plain' } });
  const parts = [{ type: 'file', file: { file_id: file.name, filename: 'a.txt' } }, { type: 'file', file: { file_id: file.uri, filename: 'a.txt' } }, { type: 'image_url', image_url: { url: file.uri } }];
  for (const part of parts)
    for (let i = 0; i < 5; i++)
      assert.equal((await ask({ messages: [{ role: 'user', content: [{ type: 'text', text: 'what is it?' }, part] }] })).choices[0].finish_reason, 'stop', JSON.stringify(part));
});

test('every reasoning effort is accepted by every family', async () => {
  for (const one of models) {
    for (const effort of ['none', 'minimal', 'low', 'medium', 'high', 'xhigh']) {
      const answer = await ask({ model: one, reasoning_effort: effort });
      assert.equal(answer.choices[0].finish_reason, 'stop', `${one} ${effort}`);
    }
  }
});

test('embeddings', async () => {
  const one = await client.embeddings.create({ model: 'gemini-embedding-001', input: 'hello' });
  assert.equal(one.data[0].embedding.length, 3072);
  assert.ok(one.usage.prompt_tokens > 0);
  const many = await client.embeddings.create({ model: 'gemini-embedding-001', input: Array.from({ length: 150 }, (_, i) => `text ${i}`), dimensions: 256, encoding_format: 'float' });
  assert.equal(many.data.length, 150);
  assert.ok(many.data.every((row) => row.embedding.length === 256 && Math.abs(Math.hypot(...row.embedding) - 1) < 1e-3));
});

test('the model list, and one of it', async () => {
  const names = [];
  for await (const one of client.models.list()) names.push(one.id);
  assert.ok(models.every((one) => names.includes(one)), names.join(' '));
  assert.ok(!names.some((name) => name.startsWith('models/')));
  assert.equal((await client.models.retrieve(model)).id, model);
  await assert.rejects(client.models.retrieve('gemini-none'), (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
});

test('errors come as the client\'s own classes', async () => {
  const wrong = pollux.openai({ apiKey: 'plx_wrong00000000000000000000000000' });
  const cases = [
    [() => wrong.chat.completions.create({ model, messages: [{ role: 'user', content: 'x' }] }), OpenAI.AuthenticationError, 'invalid_api_key'],
    [() => ask({ model: 'gemini-none' }), OpenAI.NotFoundError, 'model_not_found'],
    [() => ask({ messages: [] }), OpenAI.BadRequestError],
    [() => ask({ temperature: 7 }), OpenAI.BadRequestError],
    [() => ask({ model: 'spent', messages: [{ role: 'user', content: '[[sim:429-day]] x' }] }), OpenAI.RateLimitError],
    [() => ask({ model: 'overloaded', messages: [{ role: 'user', content: '[[sim:503]] x' }] }), OpenAI.InternalServerError],
  ];
  for (const [ask_, kind, code] of cases) {
    await assert.rejects(ask_, (error) => {
      assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
      assert.equal(typeof error.error.type, 'string');
      if (code) assert.equal(error.code, code);
      assert.ok(!/AIza/.test(error.message));
      return true;
    });
  }
});
