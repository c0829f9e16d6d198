// SPDX-License-Identifier: MIT
// Requests the API refuses, with its words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { THREE, sim, user, ask, generate, refused, accepted, tools } from './testing.mjs';

test('unknown fields are refused with their place; both spellings are known', async () => {
  const body = { contents: [{ parts: [{ txt: 'x' }] }], generation_config: { top_q: 1 }, foo: 2 };
  const { json } = await generate(body);
  assert.deepEqual(
    json.error.details[0].fieldViolations.map((v) => v.field),
    ['contents[0].parts[0]', 'generation_config', undefined],
  );
  assert.ok(
    json.error.message.includes('Unknown name "txt" at \'contents[0].parts[0]\': Cannot find field.'),
  );
  assert.ok(
    json.error.message.includes('Invalid JSON payload received. Unknown name "foo": Cannot find field.'),
  );
  await accepted({
    contents: [{ parts: [{ text: 'x' }] }],
    system_instruction: { parts: { text: 's' } },
    generation_config: { max_output_tokens: 500, topP: 0.5 },
  });
  assert.match(await refused(ask('x', { labels: { a: 'b' } })), /Unknown name "labels"/);
  assert.match(
    await refused(ask('x', { generationConfig: { temperature: 'warm' } })),
    /Invalid value at 'generation_config.temperature' \(TYPE_FLOAT\)/,
  );
  assert.match(await refused(ask('x', { generationConfig: { maxOutputTokens: 1.5 } })), /TYPE_INT32/);
  assert.match(
    await refused(ask('x', { toolConfig: { functionCallingConfig: { mode: 'REQUIRED' } } })),
    /v1beta\.FunctionCallingConfig\.Mode\), "REQUIRED"/,
  );
  assert.match(
    await refused({ contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: 'a b' } }] }] }),
    /TYPE_BYTES/,
  );
  assert.match(
    await refused({ contents: [{ parts: [{ text: 'a', inlineData: {} }] }] }),
    /oneof field 'data' is already set/,
  );
  const broken = await generate('{"contents": [');
  assert.equal(broken.status, 400);
  assert.match(broken.json.error.message, /^Invalid JSON payload received/);
});

test('contents and roles', async () => {
  assert.equal(await refused({}), '* GenerateContentRequest.contents: contents is not specified');
  assert.match(
    await refused({ contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }),
    /valid role: user, model/,
  );
  assert.match(await refused({ contents: [{ role: 'user' }] }), /parts must not be empty/);
  assert.equal(
    await refused({ contents: [user('a'), { role: 'model', parts: [{}] }, user('b')] }),
    '* GenerateContentRequest.contents[1].parts[0].data: '
      + "required oneof field 'data' must have one initialized field",
  );
  assert.match(await refused(ask('')), /required oneof field 'data'/);
});

test('schemas: keywords only where they are known', async () => {
  const config = (schema, name = 'responseSchema') =>
    ask('x', { generationConfig: { responseMimeType: 'application/json', [name]: schema } });
  const reffed = {
    type: 'object',
    properties: { a: { $ref: '#/$defs/a' } },
    $defs: { a: { type: 'string' } },
    additionalProperties: false,
  };
  const message = await refused(config(reffed));
  assert.match(
    message,
    /Unknown name "\$ref" at 'generation_config\.response_schema\.properties\[0\]\.value': Cannot find field/,
  );
  assert.match(message, /Unknown name "additionalProperties"/);
  await accepted(config(reffed, 'responseJsonSchema'));
  assert.match(
    await refused(config({ type: ['string', 'null'] })),
    /Proto field is not repeating, cannot start list/,
  );
  assert.match(await refused(config({ type: 'array' })), /response_schema\.items: missing field/);
  assert.match(await refused(config({ type: 'string', enum: [''] })), /enum\[0\]: cannot be empty/);
  assert.match(await refused(config({ type: 'string', format: 'uuid' })), /only 'enum' and 'date-time'/);
  assert.match(
    await refused(config({ type: 'object', properties: { a: { type: 'string' } }, required: ['b'] })),
    /required\[0\]: property is not defined/,
  );
  const declare = (declaration) =>
    ask('x', { tools: [{ functionDeclarations: [{ name: 'f', ...declaration }] }] });
  assert.match(
    await refused(declare({ parameters: { type: 'object', properties: { a: { const: 1 } } } })),
    /Unknown name "const" at 'tools\[0\]\.function_declarations\[0\]\.parameters\.properties\[0\]\.value'/,
  );
  await accepted(declare({ parametersJsonSchema: reffed }));
  await accepted(
    declare({
      parameters: { type: 'OBJECT', properties: { title: { type: 'STRING' }, format: { type: 'STRING' } } },
    }),
  );
  assert.match(
    await refused(declare({ parameters: { type: 'object', properties: {} } })),
    /should be non-empty for OBJECT type/,
  );
  assert.match(await refused(declare({ strict: true })), /Unknown name "strict"/);
  const both = ask('x', {
    generationConfig: {
      responseMimeType: 'application/json',
      responseSchema: { type: 'STRING' },
      responseJsonSchema: {},
    },
  });
  assert.match(await refused(both), /only one of/);
  assert.match(
    await refused(ask('x', { generationConfig: { responseSchema: { type: 'STRING' } } })),
    /response_mime_type must be/,
  );
});

test('function names and calling config', async () => {
  const named = (name) => ask('x', { tools: [{ functionDeclarations: [{ name }] }] });
  for (const name of ['1abc', 'a/b', 'a'.repeat(65), 'ä'])
    assert.match(await refused(named(name)), /Invalid function name/);
  await accepted(named('a.b:c-d_e'));
  assert.match(
    await refused(ask('x', { tools: [{ functionDeclarations: [{ name: 'f' }, { name: 'f' }] }] })),
    /Duplicate function declaration found: f/,
  );
  assert.match(
    await refused(ask('x', { toolConfig: { functionCallingConfig: { mode: 'ANY' } } })),
    /without function_declarations/,
  );
  const calling = { mode: 'AUTO', allowedFunctionNames: ['get_weather'] };
  assert.match(
    await refused(ask('x', { tools, toolConfig: { functionCallingConfig: calling } })),
    /mode is ANY or VALIDATED/,
  );
});

test('what a model cannot do', async () => {
  const config = (generationConfig, more) => ask('x', { generationConfig, ...more });
  const thinking = (thinkingConfig) => config({ thinkingConfig });
  assert.match(
    await refused(thinking({ thinkingBudget: 100, thinkingLevel: 'low' }), THREE),
    /only one of thinking budget and thinking level/,
  );
  assert.match(
    await refused(thinking({ thinkingBudget: 100 }), 'gemini-2.0-flash'),
    /Thinking is not enabled/,
  );
  assert.match(await refused(thinking({ thinkingLevel: 'low' })), /Thinking level is not supported/);
  assert.match(
    await refused(thinking({ thinkingLevel: 'minimal' }), 'gemini-3.1-pro-preview'),
    /MINIMAL is not supported/,
  );
  assert.match(
    await refused(thinking({ thinkingBudget: 0 }), 'gemini-2.5-pro'),
    /Budget 0 is invalid\. This model only works in thinking mode/,
  );
  assert.match(await refused(thinking({ thinkingBudget: 99999 })), /between 0 and 24576/);
  assert.match(
    await refused(config({ candidateCount: 2 }), 'gemini-2.0-flash-lite'),
    /Multiple candidates is not enabled for this model/,
  );
  assert.match(
    await refused(config({ presencePenalty: 0.5 }), 'gemini-2.5-pro'),
    /Penalty is not enabled for this model/,
  );
  assert.match(await refused(config({ stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] })), /at most 5/);
  assert.match(await refused(config({ stopSequences: [''] })), /must not be empty/);
  const mime = { responseMimeType: 'application/json' };
  assert.match(
    await refused(config(mime, { tools })),
    /Function calling with a response mime type: 'application\/json' is unsupported/,
  );
  await accepted(config(mime, { tools }), THREE);
  const mixed = [...tools, { googleSearch: {} }];
  assert.match(await refused(ask('x', { tools: mixed })), /Tool use with function calling is unsupported/);
  await accepted(ask('x', { tools: mixed, toolConfig: { includeServerSideToolInvocations: true } }), THREE);
  assert.match(
    await refused(ask('x', { systemInstruction: { parts: [{ text: 's' }] } }), 'gemma-3-27b-it'),
    /Developer instruction/,
  );
  const twice = { category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' };
  assert.match(await refused(ask('x', { safetySettings: [twice, twice] })), /duplicate/);
  assert.match(
    await refused({
      contents: [user('x', { inlineData: { mimeType: 'image/png', data: 'aGVsbG8gd29ybGQ=' } })],
    }),
    /image is not valid/,
  );
  assert.match(
    await refused({
      contents: [user('x', { inlineData: { mimeType: 'image/jpg', data: 'aGVsbG8gd29ybGQ=' } })],
    }),
    /Unsupported MIME type: image\/jpg/,
  );
});

test('too long, too large', async () => {
  await accepted(ask('a'.repeat(4 * 131072)), 'gemma-3-27b-it');
  assert.match(
    await refused(ask('a'.repeat(4 * 131073)), 'gemma-3-27b-it'),
    /input token count \(131073\) exceeds the maximum number of tokens allowed \(131072\)/,
  );
  sim.configure({ body_max: 1000 });
  assert.match(await refused(ask('a'.repeat(2000))), /Request payload size exceeds the limit: 1000 bytes/);
  sim.configure({ body_max: 100 << 20 });
});
