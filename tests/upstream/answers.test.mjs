// SPDX-License-Identifier: MIT
// What is answered: usage, text, ends, schemas, media, tools over two turns, signatures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import {
  FLASH,
  THREE,
  sim,
  user,
  ask,
  call,
  generate,
  stream,
  eventsOf,
  textOf,
  identity,
  refused,
  accepted,
  tools,
} from './testing.mjs';

test('usage keeps the identity, grows, and is equal in a stream and a whole answer', async () => {
  for (const text of [
    'tell me something',
    'count to 9',
    '[[sim:code]]',
    '[[sim:grounding]] Rome',
    '[[sim:usage-chunk]] a b c',
  ]) {
    const events = eventsOf((await stream(ask(text))).text);
    events.forEach((e) => identity(e.usageMetadata));
    for (let i = 1; i < events.length; i++)
      assert.ok(events[i].usageMetadata.totalTokenCount >= events[i - 1].usageMetadata.totalTokenCount);
    const whole = await accepted(ask(text));
    assert.deepEqual(events[events.length - 1].usageMetadata, whole.usageMetadata, text);
  }
});

test('the model echoes, counts, obeys stops and the output limit', async () => {
  assert.equal(textOf(await accepted(ask('Hello you'))), 'Hello you');
  assert.equal(textOf(await accepted(ask('please count to 4'))), '1, 2, 3, 4');
  const stopped = await accepted(ask('one STOP two', { generationConfig: { stopSequences: ['STOP'] } }));
  assert.equal(textOf(stopped), 'one ');
  const none = { thinkingConfig: { thinkingBudget: 0 } };
  const cut = await accepted(ask('a'.repeat(100), { generationConfig: { maxOutputTokens: 5, ...none } }));
  assert.equal(cut.candidates[0].finishReason, 'MAX_TOKENS');
  assert.equal(cut.usageMetadata.candidatesTokenCount, 5);
  const eaten = await accepted(ask('a', { generationConfig: { maxOutputTokens: 5 } }));
  assert.equal(eaten.candidates[0].content.parts, undefined, 'thinking ate the budget');
  assert.equal(eaten.usageMetadata.candidatesTokenCount, undefined);
  identity(eaten.usageMetadata);
});

test('ends other than STOP', async () => {
  const end = async (word) => await accepted(ask(`[[sim:${word}]] hi`));
  assert.equal((await end('safety')).candidates[0].safetyRatings[2].probability, 'HIGH');
  assert.ok((await end('recitation')).candidates[0].citationMetadata.citationSources.length > 0);
  assert.deepEqual((await end('malformed')).candidates, [
    { finishReason: 'MALFORMED_FUNCTION_CALL', index: 0 },
  ]);
  const blocked = await end('blocked');
  assert.equal(blocked.candidates, undefined);
  assert.equal(blocked.promptFeedback.blockReason, 'SAFETY');
  const events = eventsOf((await stream(ask('[[sim:finish-empty]] hi'))).text);
  assert.deepEqual(events.pop().candidates[0].content, { role: 'model' });
});

test('thoughts are shown when asked for and counted always', async () => {
  const shown = await accepted(
    ask('hi', { generationConfig: { thinkingConfig: { includeThoughts: true, thinkingBudget: 512 } } }),
  );
  assert.equal(shown.candidates[0].content.parts[0].thought, true);
  assert.match(shown.candidates[0].content.parts[0].text, /budget 512/);
  assert.ok(shown.usageMetadata.thoughtsTokenCount > 0);
  assert.ok((await accepted(ask('hi'))).usageMetadata.thoughtsTokenCount > 0);
});

test('candidates are interleaved by index', async () => {
  const events = eventsOf((await stream(ask('a b c', { generationConfig: { candidateCount: 2 } }))).text);
  assert.deepEqual([...new Set(events.map((e) => e.candidates[0].index))], [0, 1]);
  assert.equal(events.filter((e) => e.candidates[0].finishReason).length, 2);
});

test('structured answers fit their schema', async () => {
  const schema = {
    $defs: { item: { type: 'object', properties: { n: { type: 'integer', minimum: 40 } }, required: ['n'] } },
    type: 'object',
    required: ['title', 'items'],
    properties: {
      title: { type: 'string' },
      kind: { enum: ['a', 'b'] },
      items: { type: 'array', minItems: 2, items: { $ref: '#/$defs/item' } },
      note: { anyOf: [{ type: 'null' }, { type: 'string' }] },
    },
  };
  const json = (config) =>
    accepted(ask('Pollux', { generationConfig: { responseMimeType: 'application/json', ...config } }));
  assert.deepEqual(JSON.parse(textOf(await json({ responseJsonSchema: schema }))), {
    title: 'Pollux',
    kind: 'a',
    items: [{ n: 40 }, { n: 40 }],
    note: 'note',
  });
  const own = {
    type: 'OBJECT',
    properties: { b: { type: 'BOOLEAN' }, a: { type: 'NUMBER' } },
    propertyOrdering: ['a', 'b'],
  };
  assert.equal(textOf(await json({ responseSchema: own })), '{"a":7.5,"b":true}');
});

test('media are described, grounding counts bytes, images and sound are made', async () => {
  const png = (await accepted(ask('[[sim:image]]'))).candidates[0].content.parts[1].inlineData;
  const bytes = Buffer.from(png.data, 'base64');
  const described = textOf(await accepted({ contents: [user('what?', { inlineData: png })] }));
  assert.equal(
    described,
    `what?\n[image/png ${bytes.length} bytes sha256 ${createHash('sha256').update(bytes).digest('hex')}]`,
  );
  const grounded = (await accepted(ask('Rome', { tools: [{ googleSearch: {} }] }))).candidates[0];
  const text = Buffer.from(grounded.content.parts[0].text);
  for (const { segment } of grounded.groundingMetadata.groundingSupports)
    assert.equal(text.toString('utf8', segment.startIndex || 0, segment.endIndex), segment.text);
  const spoken = await accepted(
    ask('say', { generationConfig: { responseModalities: ['AUDIO'] } }),
    'gemini-2.5-flash-preview-tts',
  );
  assert.equal(spoken.candidates[0].content.parts[0].inlineData.mimeType, 'audio/L16;codec=pcm;rate=24000');
});

test('calls a tool the prompt is about, several when asked, none with NONE', async () => {
  const parts = async (text, more) =>
    (await accepted(ask(text, { tools, ...more }))).candidates[0].content.parts;
  assert.deepEqual((await parts('the weather in Paris'))[0].functionCall, {
    name: 'get_weather',
    args: { city: 'Paris' },
  });
  const both = await parts('weather for Paris and for Rome, in parallel');
  assert.deepEqual(
    both.map((p) => p.functionCall.args.city),
    ['Paris', 'Rome'],
  );
  assert.equal(
    (await parts('weather', { toolConfig: { functionCallingConfig: { mode: 'NONE' } } }))[0].text,
    'weather',
  );
  assert.ok(
    (await parts('hello', { toolConfig: { functionCallingConfig: { mode: 'ANY' } } }))[0].functionCall,
  );
  const three = (await accepted(ask('the weather in Paris', { tools }), THREE)).candidates[0];
  assert.ok(three.content.parts[0].functionCall.id && three.content.parts[0].thoughtSignature);
  assert.equal(three.finishReason, 'STOP');
});

/** A two-turn exchange on `model` with the second turn changed by `edit`. */
async function secondTurn(model, edit = () => {}) {
  const question = user('weather for Paris and for Rome, in parallel');
  const first = (await accepted({ contents: [question], tools }, model)).candidates[0].content;
  const answers = {
    role: 'user',
    parts: first.parts.map(({ functionCall: { id, name } }, i) => ({
      functionResponse: { id, name, response: { degrees: 20 + i } },
    })),
  };
  const body = { contents: [question, first, answers], tools };
  edit(body, first.parts, answers.parts);
  return generate(body, model);
}

test('the second turn uses the results', async () => {
  for (const model of [FLASH, THREE]) {
    const { status, json, text } = await secondTurn(model);
    assert.equal(status, 200, text);
    assert.equal(textOf(json), 'Results: get_weather = {"degrees":20}; get_weather = {"degrees":21}');
  }
});

test('turns out of order, miscounted or misnamed: refused (2.x) or nothing said (3.x)', async () => {
  const message = async (model, edit) => {
    const { json } = await secondTurn(model, edit);
    return json.error ? json.error.message : json.candidates[0];
  };
  const drop = (body, first, answers) => answers.pop();
  assert.match(await message(FLASH, drop), /number of function response parts is equal/);
  assert.deepEqual((await message(THREE, drop)).content, { role: 'model' });
  const rename = (body, first, answers) => (answers[0].functionResponse.name = 'other');
  assert.match(await message(FLASH, rename), /match the function call parts/);
  assert.equal((await message(THREE, rename)).content.parts, undefined);
  assert.equal(
    (await message(THREE, (b, f, answers) => (answers[0].functionResponse.id = 'call_x'))).content.parts,
    undefined,
  );
  assert.match(
    await message(FLASH, (body) => body.contents.splice(1, 1)),
    /function response turn comes immediately/,
  );
  const between = (body) => body.contents.splice(1, 0, { role: 'model', parts: [{ text: 'wait' }] });
  assert.match(await message(FLASH, between), /function call turn comes immediately/);
  assert.match(
    await message(FLASH, (body, f, answers) => (answers[0].functionResponse.name = '')),
    /function_response\.name: Name cannot be empty/,
  );
  assert.match(
    await message(FLASH, (b, f, answers) => (answers[0].functionResponse.response = { $ref: '#' })),
    /\$ref/,
  );
  assert.match(await message(THREE, (body) => body.contents.pop()), /model turn are not supported/);
});

test('signatures: needed on 3.x, ours or the bypass, never a foreign one', async () => {
  const message = async (model, edit) => {
    const { json } = await secondTurn(model, edit);
    return json.error && json.error.message;
  };
  assert.match(
    await message(THREE, (b, parts) => delete parts[0].thoughtSignature),
    /missing a thought_signature.*function call `default_api:get_weather` , position 2\./,
  );
  assert.equal(await message(FLASH, (b, parts) => delete parts[0].thoughtSignature), undefined);
  const set = (value) => (b, parts) => (parts[0].thoughtSignature = value);
  for (const bypass of ['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go'])
    assert.equal(await message(THREE, set(bypass)), undefined);
  const damage = (b, parts) => {
    const bytes = Buffer.from(parts[0].thoughtSignature, 'base64');
    bytes[5] ^= 1;
    parts[0].thoughtSignature = bytes.toString('base64');
  };
  assert.match(await message(THREE, damage), /Corrupted thought signature/);
  assert.match(await message(THREE, set('QUJDREVGRw==')), /Corrupted thought signature/);
  assert.match(
    await message(THREE, (b, parts) => parts.push({ ...parts.shift() })),
    /missing a thought_signature/,
  );
  const foreign = (await accepted(ask('the weather in Oslo', { tools }), 'gemini-3-flash-preview'))
    .candidates[0].content.parts[0];
  assert.match(await message(THREE, set(foreign.thoughtSignature)), /Thought signature is not valid/);
  const long = {
    contents: [
      user('a'),
      { role: 'model', parts: [{ functionCall: { name: 'f', args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'f', response: {} } }] },
      { role: 'model', parts: [{ text: 'b' }] },
      user('c'),
    ],
  };
  await accepted(long, THREE); /* an earlier turn needs none */
});
