// SPDX-License-Identifier: MIT
// The OpenAI dialect, shape by shape: what every peer gateway got wrong once. The upstream is scripted, so each test
// sees both sides: what went to Gemini and what came back to the client, through the official client where it can be.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf } from '../lib/sim.mjs';
import { answerOf, either, rawChunks, rawHead, sse, startScripted, unary } from '../lib/scripted.mjs';
import { checkChunks, checkCompletion, joinChunks } from '../lib/openai-shape.mjs';

let pollux;
let upstream;
let client;
before(async () => {
  upstream = await startScripted();
  pollux = await startPollux({ upstream: upstream.url });
  await pollux.addProjects([1, 2, 3].map((i) => ({ id: `p${i}`, keys: [keyOf(i)] })));
  client = pollux.openai();
});
after(async () => {
  await pollux?.stop();
  await upstream?.stop();
});
beforeEach(() => {
  upstream.forget();
  upstream.says(either([answerOf([{ text: 'fine' }])]));
});

const user = (content) => ({ role: 'user', content });
const weather = { type: 'function', function: { name: 'weather', description: 'Weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } };
const signature = Buffer.from('a thought signature').toString('base64');

// One completion; gives the client's view and the body that the upstream saw.
async function ask(body) {
  const answer = await client.chat.completions.create({ model: 'gemini-2.5-flash', messages: [user('hello')], ...body });
  checkCompletion(answer);
  return { answer, sent: upstream.calls.at(-1).json() };
}

// The same as a stream, raw, checked, and put together.
async function askStream(body, { usage = false } = {}) {
  const answer = await pollux.send('/v1/chat/completions', { body: { model: 'gemini-2.5-flash', messages: [user('hello')], stream: true,
    ...(usage ? { stream_options: { include_usage: true } } : {}), ...body } });
  assert.equal(answer.status, 200, answer.text);
  checkChunks(answer.text, { usage });
  return { whole: joinChunks(answer.events()), answer, sent: upstream.calls.at(-1).json() };
}

const texts = (content) => [content].flat().flatMap((one) => one.parts).map((part) => part.text);
const partsOf = (sent) => sent.contents.flatMap((content) => content.parts);

describe('messages', () => {
  test('two system messages are both kept, in order', async () => {
    const { sent } = await ask({ messages: [{ role: 'system', content: 'one' }, user('hi'), { role: 'system', content: 'two' }] });
    assert.deepEqual(texts(sent.systemInstruction), ['one', 'two']);
    assert.deepEqual(sent.contents, [{ role: 'user', parts: [{ text: 'hi' }] }]);
  });
  test('a developer message is a system instruction', async () => {
    const { sent } = await ask({ messages: [{ role: 'developer', content: 'be brief' }, user('hi')] });
    assert.deepEqual(texts(sent.systemInstruction), ['be brief']);
  });
  test('a system message alone still gives the model something to answer', async () => {
    const { sent } = await ask({ messages: [{ role: 'system', content: 'say hello' }] });
    assert.ok(sent.contents.length > 0 && partsOf(sent).length > 0);
    assert.equal(sent.contents[0].role, 'user');
  });
  test('neighbouring messages of one role become one content', async () => {
    const { sent } = await ask({ messages: [user('a'), user('b'), { role: 'assistant', content: 'c' }, { role: 'assistant', content: 'd' }, user('e')] });
    assert.deepEqual(sent.contents.map((content) => content.role), ['user', 'model', 'user']);
    assert.deepEqual(partsOf(sent).map((part) => part.text), ['a', 'b', 'c', 'd', 'e']);
  });
  test('content null beside tool calls adds no text part', async () => {
    const { sent } = await ask({ tools: [weather], messages: [user('x'), calling(['c1', '{"city":"Rome"}']), result('c1', '{"deg":20}')] });
    assert.equal(sent.contents[1].role, 'model');
    assert.equal(sent.contents[1].parts.length, 1);
    assert.deepEqual(sent.contents[1].parts[0].functionCall.args, { city: 'Rome' });
  });
  for (const [what, content, want] of [
    ['an object', '{"deg":20}', { deg: 20 }], ['plain text', 'it is warm', { result: 'it is warm' }],
    ['an array', '[1,2]', { result: [1, 2] }], ['a number', '42', { result: 42 }],
    ['text parts', [{ type: 'text', text: 'warm' }], { result: 'warm' }],
  ]) {
    test(`a tool result that is ${what} becomes an object for Gemini`, async () => {
      const { sent } = await ask({ tools: [weather], messages: [user('x'), calling(['c1', '{"city":"Rome"}']), result('c1', content)] });
      const answered = sent.contents[2];
      assert.equal(answered.role, 'user');
      assert.equal(answered.parts[0].functionResponse.name, 'weather');
      assert.deepEqual(answered.parts[0].functionResponse.response, want);
    });
  }
  test('results of parallel calls go up in one content, in the order of the calls', async () => {
    const { sent } = await ask({ tools: [weather], messages: [user('x'), calling(['c1', '{"city":"Rome"}'], ['c2', '{"city":"Oslo"}']),
      result('c2', '{"deg":3}'), result('c1', '{"deg":20}')] });
    assert.deepEqual(sent.contents[2].parts.map((part) => part.functionResponse.response), [{ deg: 20 }, { deg: 3 }]);
  });
  test('numbers in arguments and results keep every digit, and get none', async () => {
    const numbers = '{"lat":48.856613999999998,"at":1732189123.1234567,"price":0.1,"n":9007199254740993}';
    upstream.says({ body: JSON.stringify(answerOf([{ functionCall: { name: 'weather', args: 'ARGS' } }])).replace('"ARGS"', numbers) });
    const { answer } = await ask({ tools: [weather], messages: [user('x'), calling(['c1', numbers]), result('c1', numbers)] });
    const same = '{"lat":48.856614,"at":1732189123.1234567,"price":0.1,"n":9007199254740993}';
    assert.equal(answer.choices[0].message.tool_calls[0].function.arguments, same);
    const sent = upstream.calls.at(-1).body.toString();
    assert.equal(sent.split(same).length, 3, sent);
  });
  test('arguments "" from a client mean no arguments', async () => {
    const { sent } = await ask({ tools: [weather], messages: [user('x'), calling(['c1', '']), result('c1', 'ok')] });
    assert.deepEqual(sent.contents[1].parts[0].functionCall.args ?? {}, {});
  });
  test('a signature that the client dropped is replaced, so that Gemini 3 accepts the turn', async () => {
    const { sent } = await ask({ model: 'gemini-3-flash-preview', tools: [weather],
      messages: [user('x'), calling(['c1', '{}'], ['c2', '{}']), result('c1', 'a'), result('c2', 'b')] });
    const [first, second] = sent.contents[1].parts;
    assert.ok(first.thoughtSignature, 'the first call of the step is signed');
    assert.ok(!second.thoughtSignature, 'only the first');
  });
  test('a signature that the client kept goes back where it came from', async () => {
    const kept = calling(['c1', '{}'], ['c2', '{}']);
    kept.tool_calls[0].extra_content = { google: { thought_signature: signature } };
    const { sent } = await ask({ model: 'gemini-3-flash-preview', tools: [weather], messages: [user('x'), kept, result('c1', 'a'), result('c2', 'b')] });
    assert.equal(sent.contents[1].parts[0].thoughtSignature, signature);
  });
});

describe('parts', () => {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const image = (url) => ({ type: 'image_url', image_url: { url } });
  for (const [what, url, mime] of [
    ['as it should be', `data:image/png;base64,${png}`, 'image/png'],
    ['with extra parameters', `data:image/png;charset=utf-8;name=a.png;base64,${png}`, 'image/png'],
    ['called image/jpg', `data:image/jpg;base64,${png}`, 'image/jpeg'],
  ]) {
    test(`an image data URL ${what} is inlined`, async () => {
      const { sent } = await ask({ messages: [user([{ type: 'text', text: 'what is it?' }, image(url)])] });
      assert.deepEqual(partsOf(sent)[0], { text: 'what is it?' });
      assert.deepEqual(partsOf(sent)[1].inlineData, { mimeType: mime, data: png });
    });
  }
  test('an image data URL without a type is recognised by its bytes', async () => {
    const { sent } = await ask({ messages: [user([image(`data:;base64,${png}`)])] });
    assert.equal(partsOf(sent).find((part) => part.inlineData).inlineData.mimeType, 'image/png');
  });
  test('audio and files are inlined', async () => {
    const { sent } = await ask({ messages: [user([{ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } }])] });
    assert.deepEqual(partsOf(sent).map((part) => part.inlineData?.mimeType), ['audio/wav', 'application/pdf']);
  });
  test('an http image is not fetched unless the operator allows it', async () => {
    const refused = await pollux.send('/v1/chat/completions', { body: { model: 'gemini-2.5-flash',
      messages: [user([image(`${upstream.url}/secret.png`)])] } });
    assert.equal(refused.status, 400);
    assert.equal(refused.json().error.type, 'invalid_request_error');
    assert.equal(upstream.calls.length, 0, 'nobody was asked');
  });
});

describe('parameters', () => {
  test('stop as a string, a list, and with empty strings', async () => {
    assert.deepEqual((await ask({ stop: 'END' })).sent.generationConfig.stopSequences, ['END']);
    assert.deepEqual((await ask({ stop: ['A', '', 'B'] })).sent.generationConfig.stopSequences, ['A', 'B']);
    assert.equal((await ask({ stop: null })).sent.generationConfig?.stopSequences, undefined);
  });
  test('sampling parameters keep their values, and null is as if absent', async () => {
    const { sent } = await ask({ temperature: 0, top_p: 0.5, max_completion_tokens: 9, max_tokens: 5, seed: 7, presence_penalty: 0.5, n: 2, logit_bias: null, user: 'u' });
    const { temperature, topP, maxOutputTokens, seed, presencePenalty, candidateCount } = sent.generationConfig;
    assert.deepEqual({ temperature, topP, maxOutputTokens, seed, presencePenalty, candidateCount },
      { temperature: 0, topP: 0.5, maxOutputTokens: 9, seed: 7, presencePenalty: 0.5, candidateCount: 2 });
    const none = (await ask({ temperature: null, max_tokens: null })).sent.generationConfig ?? {};
    assert.ok(!('temperature' in none) && !('maxOutputTokens' in none));
  });
  test('unknown fields are ignored', async () => {
    const { sent } = await ask({ made_up: { deep: [1] }, metadata: { a: 'b' }, store: true });
    assert.ok(!JSON.stringify(sent).includes('made_up'));
  });
  const efforts = { 'gemini-2.5-flash': { none: { thinkingBudget: 0 }, low: { thinkingBudget: 1024 }, high: { thinkingBudget: 24576 } },
    'gemini-2.5-pro': { none: { thinkingBudget: 128 }, medium: { thinkingBudget: 8192 } },
    'gemini-3-flash-preview': { none: { thinkingLevel: 'minimal' }, medium: { thinkingLevel: 'medium' }, xhigh: { thinkingLevel: 'high' } },
    'gemini-3.1-pro-preview': { none: { thinkingLevel: 'low' }, minimal: { thinkingLevel: 'low' } },
    'gemini-2.0-flash': { high: undefined } };
  for (const [model, table] of Object.entries(efforts)) {
    test(`reasoning effort on ${model}`, async () => {
      for (const [effort, want] of Object.entries(table)) {
        const got = (await ask({ model, reasoning_effort: effort })).sent.generationConfig?.thinkingConfig;
        if (!want) assert.equal(got, undefined, effort);
        else for (const [name, value] of Object.entries(want)) assert.equal(lower(got[name]), value, `${effort} ${JSON.stringify(got)}`);
        assert.ok(!(got && 'thinkingLevel' in got && 'thinkingBudget' in got), 'never both fields');
      }
    });
  }
  test('Gemini settings in extra_body reach Gemini, in both places where SDKs put them', async () => {
    const thinking = { thinking_config: { include_thoughts: true, thinking_budget: 100 } };
    for (const body of [{ extra_body: { google: thinking } }, { google: thinking }]) {
      const { thinkingConfig } = (await ask(body)).sent.generationConfig;
      assert.deepEqual([thinkingConfig.includeThoughts ?? thinkingConfig.include_thoughts, thinkingConfig.thinkingBudget ?? thinkingConfig.thinking_budget], [true, 100]);
    }
  });
  test('web_search_options turns Google search on', async () => {
    const { sent } = await ask({ web_search_options: {} });
    assert.deepEqual(sent.tools, [{ googleSearch: {} }]);
  });
  test('the model may be written with a prefix', async () => {
    for (const model of ['models/gemini-2.5-flash', 'google/gemini-2.5-flash', 'gemini/gemini-2.5-flash']) {
      await ask({ model });
      assert.match(upstream.calls.at(-1).path, /^\/v1beta\/models\/gemini-2\.5-flash:generateContent/);
    }
    await ask({ model: 'tunedModels/mine-1' });
    assert.match(upstream.calls.at(-1).path, /^\/v1beta\/tunedModels\/mine-1:generateContent/);
  });
});

describe('tools and schemas', () => {
  for (const [choice, want] of [
    ['auto', { mode: 'AUTO' }], ['required', { mode: 'ANY' }],
    [{ type: 'function', function: { name: 'weather' } }, { mode: 'ANY', allowedFunctionNames: ['weather'] }],
  ]) {
    test(`tool_choice ${JSON.stringify(choice)}`, async () => {
      const { sent } = await ask({ tools: [weather], tool_choice: choice });
      assert.deepEqual(sent.toolConfig?.functionCallingConfig ?? { mode: 'AUTO' }, want);
    });
  }
  test('tool_choice none keeps the model from calling', async () => {
    const { sent } = await ask({ tools: [weather], tool_choice: 'none' });
    assert.ok(!sent.tools || sent.toolConfig.functionCallingConfig.mode === 'NONE');
  });
  test('a tool choice without tools is dropped', async () => {
    assert.equal((await ask({ tool_choice: 'none' })).sent.toolConfig, undefined);
  });
  test('a tool name that Gemini would refuse is made fit, and given back as the client wrote it', async () => {
    const name = `mcp/server.${'long'.repeat(20)}/do it!`;
    upstream.says((call) => {
      const used = call.json().tools[0].functionDeclarations[0].name;
      assert.match(used, /^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/);
      return unary(answerOf([{ functionCall: { name: used, args: { a: 1 } } }]));
    });
    const { answer } = await ask({ tools: [{ type: 'function', function: { name, parameters: { type: 'object', properties: {} } } }] });
    assert.equal(answer.choices[0].message.tool_calls[0].function.name, name);
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
  });
  test('a schema with $ref, const, type arrays and a property called "title" loses nothing that matters', async () => {
    const parameters = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', additionalProperties: false,
      $defs: { place: { type: 'object', properties: { city: { type: 'string' } } } },
      properties: { title: { type: 'string' }, where: { $ref: '#/$defs/place' }, unit: { const: 'C' }, note: { type: ['string', 'null'] } },
      required: ['title', 'where'] };
    const { sent } = await ask({ tools: [{ type: 'function', function: { name: 'f', parameters, strict: true } }] });
    const declaration = sent.tools[0].functionDeclarations[0];
    assert.ok(!('strict' in declaration));
    const schema = declaration.parametersJsonSchema ?? declaration.parameters;
    assert.deepEqual(Object.keys(schema.properties), ['title', 'where', 'unit', 'note']);
    assert.deepEqual(schema.required, ['title', 'where']);
    if (declaration.parameters) assert.ok(!/\$ref|\$defs|\$schema|"const"|additionalProperties/.test(JSON.stringify(schema)));
  });
  test('structured output by JSON schema', async () => {
    const { sent } = await ask({ response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true,
      schema: { type: 'object', properties: { b: { type: 'integer' }, a: { type: 'string' } }, required: ['b', 'a'], additionalProperties: false } } } });
    assert.equal(sent.generationConfig.responseMimeType, 'application/json');
    const schema = sent.generationConfig.responseJsonSchema ?? sent.generationConfig.responseSchema;
    assert.deepEqual(Object.keys(schema.properties), ['b', 'a']);
  });
  test('JSON mode without a schema', async () => {
    assert.equal((await ask({ response_format: { type: 'json_object' } })).sent.generationConfig.responseMimeType, 'application/json');
  });
});

describe('answers', () => {
  test('two parallel calls to one function have different ids', async () => {
    upstream.says(either([answerOf([{ functionCall: { name: 'weather', args: { city: 'Rome' } }, thoughtSignature: signature },
      { functionCall: { name: 'weather', args: { city: 'Oslo' } } }])]));
    const { answer } = await ask({ tools: [weather] });
    const calls = answer.choices[0].message.tool_calls;
    assert.deepEqual(calls.map((call) => call.function.arguments), ['{"city":"Rome"}', '{"city":"Oslo"}'].map((text) => calls[0].function.arguments.includes(': ') ? text.replace(':', ': ') : text));
    assert.equal(answer.choices[0].message.content, null);
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    assert.equal(calls[0].extra_content.google.thought_signature, signature);
    assert.ok(!calls[1].extra_content);
  });
  test('calls in two chunks of a stream count on, and the stream finishes with tool_calls', async () => {
    upstream.says(sse([answerOf([{ text: 'let me see' }, { functionCall: { name: 'weather', args: { city: 'Rome' } } }], { finish: null }),
      answerOf([{ functionCall: { name: 'weather', args: { city: 'Oslo' } } }], { finish: null }), answerOf([{ text: '' }])]));
    const { whole } = await askStream({ tools: [weather] });
    assert.equal(whole.text, 'let me see');
    assert.deepEqual(whole.calls.map((call) => JSON.parse(call.function.arguments).city), ['Rome', 'Oslo']);
    assert.notEqual(whole.calls[0].id, whole.calls[1].id);
    assert.equal(whole.finish, 'tool_calls');
  });
  test('text and a call in one answer are both there', async () => {
    upstream.says(either([answerOf([{ text: 'one moment' }, { functionCall: { name: 'weather' } }])]));
    const { answer } = await ask({ tools: [weather] });
    assert.equal(answer.choices[0].message.content, 'one moment');
    assert.equal(answer.choices[0].message.tool_calls[0].function.arguments, '{}');
  });
  test('a last chunk without parts ends the stream well', async () => {
    upstream.says(sse([answerOf([{ text: 'hello' }], { finish: null }), { candidates: [{ finishReason: 'STOP' }], usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 } }]));
    const { whole } = await askStream({}, { usage: true });
    assert.deepEqual([whole.text, whole.finish, whole.usage.total_tokens], ['hello', 'stop', 2]);
  });
  test('a blocked prompt is a content_filter, streamed and not', async () => {
    upstream.says(either([{ promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 } }]));
    const { answer } = await ask({});
    assert.equal(answer.choices[0].finish_reason, 'content_filter');
    assert.equal((await askStream({})).whole.finish, 'content_filter');
  });
  test('usage that is absent, alone in a chunk, or repeated is summed right', async () => {
    upstream.says(sse([answerOf([{ text: 'a' }], { finish: null, usage: null }), { usageMetadata: { promptTokenCount: 5, totalTokenCount: 5 } },
      answerOf([{ text: 'b' }], { usage: { promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 3, totalTokenCount: 10 } })]));
    const { whole } = await askStream({}, { usage: true });
    assert.deepEqual([whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens], [5, 5, 10]);
    assert.equal(whole.usage.completion_tokens_details.reasoning_tokens, 3);
    upstream.says(either([answerOf([{ text: 'x' }], { usage: null })]));
    assert.equal((await ask({})).answer.choices[0].message.content, 'x');
  });
  test('cached and tool tokens are told where OpenAI tells them', async () => {
    upstream.says(either([answerOf([{ text: 'x' }], { usage: { promptTokenCount: 100, cachedContentTokenCount: 80, candidatesTokenCount: 5, toolUsePromptTokenCount: 7, totalTokenCount: 112 } })]));
    const { usage } = (await ask({})).answer;
    assert.deepEqual([usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens], [107, 5, 80]);
  });
  test('a model that only thought until its limit finishes with length', async () => {
    const usage = { promptTokenCount: 5, thoughtsTokenCount: 60, totalTokenCount: 65 };
    upstream.says(either([{ candidates: [{ content: { role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 }], usageMetadata: usage }]));
    const { answer } = await ask({ max_tokens: 60 });
    assert.equal(answer.choices[0].finish_reason, 'length');
    assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 60);
    assert.equal((await askStream({})).whole.finish, 'length');
  });
  test('every reason of Gemini becomes one that OpenAI has', async () => {
    for (const [reason, want] of [['SAFETY', 'content_filter'], ['RECITATION', 'content_filter'], ['PROHIBITED_CONTENT', 'content_filter'],
      ['MAX_TOKENS', 'length'], ['STOP', 'stop'], ['SOMETHING_NEW', 'stop'], ['OTHER', 'stop']]) {
      upstream.says(either([answerOf([{ text: 'x' }], { finish: reason })]));
      assert.equal((await ask({})).answer.choices[0].finish_reason, want, reason);
    }
  });
  test('an end for a reason of its own is asked about once more, and nobody rests for it', async () => {
    for (const reason of ['MALFORMED_FUNCTION_CALL', 'OTHER', 'SOMETHING_NEW']) {
      upstream.forget();
      upstream.says(either([{ candidates: [{ finishReason: reason, index: 0 }], usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 } }]));
      const { answer } = await ask({ tools: [weather] });
      assert.deepEqual([answer.choices[0].message.content, answer.choices[0].finish_reason], ['', 'stop'], reason);
      assert.equal((await askStream({ tools: [weather] })).whole.finish, 'stop');
      assert.equal(upstream.calls.length, 4, `${reason}: two calls each`);
    }
    await pollux.settled();
    assert.deepEqual(await pollux.sql('select reason from pollux.quota where ready_at > clock_timestamp()'), []);
  });
  test('a STOP with nothing in it is asked about of each project, but not of one again and again', async () => {
    upstream.says(either([{ candidates: [{ finishReason: 'STOP', content: { role: 'model' } }] }]));
    const began = performance.now();
    assert.equal((await ask({})).answer.choices[0].message.content, '');
    const keys = upstream.calls.map((call) => call.key);
    assert.equal(new Set(keys).size, 3);
    assert.equal(keys.length, 4, 'the one that says it twice is believed');
    assert.ok(performance.now() - began < 8000);
    await pollux.cli('reset', '--all');
  });
  test('text parts are joined with nothing between them, thoughts apart', async () => {
    upstream.says(either([answerOf([{ text: 'hm', thought: true }, { text: 'one ' }, { text: 'two' }])]));
    const { message } = (await ask({})).answer.choices[0];
    assert.equal(message.content, 'one two');
    assert.equal(message.reasoning_content, 'hm');
  });
  test('a candidate without an index is the first', async () => {
    upstream.says(either([{ candidates: [{ content: { parts: [{ text: 'x' }], role: 'model' }, finishReason: 'STOP' }] }]));
    assert.equal((await ask({})).answer.choices[0].index, 0);
  });
  test('two candidates stream side by side', async () => {
    const piece = (index, text, finish) => ({ candidates: [{ index, content: { role: 'model', parts: [{ text }] }, ...(finish ? { finishReason: finish } : {}) }] });
    upstream.says(sse([piece(0, 'a'), piece(1, 'x'), piece(0, 'b', 'STOP'), piece(1, 'y', 'STOP')]));
    const { answer } = await askStream({ n: 2 });
    assert.deepEqual([0, 1].map((index) => joinChunks(answer.events(), index).text), ['ab', 'xy']);
  });
  test('logprobs take OpenAI\'s form', async () => {
    upstream.says(either([answerOf([{ text: 'Hi' }], { logprobsResult: { chosenCandidates: [{ token: 'Hi', tokenId: 1, logProbability: -0.25 }],
      topCandidates: [{ candidates: [{ token: 'Hi', logProbability: -0.25 }, { token: 'Yo', logProbability: -2 }] }] } })]));
    const { answer, sent } = await ask({ logprobs: true, top_logprobs: 2 });
    assert.deepEqual([sent.generationConfig.responseLogprobs, sent.generationConfig.logprobs], [true, 2]);
    const [token] = answer.choices[0].logprobs.content;
    assert.deepEqual([token.token, token.logprob, token.bytes, token.top_logprobs.length], ['Hi', -0.25, [72, 105], 2]);
  });
  test('citations of a search are annotations counted in characters, not bytes', async () => {
    upstream.says(either([answerOf([{ text: 'Zürich ist schön.' }], { groundingMetadata: { groundingChunks: [{ web: { uri: 'https://example.org/z', title: 'Z' } }],
      groundingSupports: [{ segment: { startIndex: 0, endIndex: 7, text: 'Zürich' }, groundingChunkIndices: [0] }] } })]));
    const { message } = (await ask({ web_search_options: {} })).answer.choices[0];
    assert.deepEqual(message.annotations, [{ type: 'url_citation', url_citation: { start_index: 0, end_index: 6, title: 'Z', url: 'https://example.org/z' } }]);
  });
});

describe('streams', () => {
  const events = [answerOf([{ text: 'grüße, 世' }], { finish: null }), answerOf([{ text: '界 🎉' }])];
  const bytes = (eol) => Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}${eol}${eol}`).join(''));
  const cut = (whole, size) => Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.subarray(i * size, (i + 1) * size));
  for (const [name, eol] of [['CRLF', '\r\n'], ['LF', '\n']]) {
    for (const size of [1, 2, 3, 100_000]) {
      test(`events that end with ${name} and come ${size === 100_000 ? 'whole' : `${size} bytes at a time`}`, async () => {
        upstream.says({ type: 'text/event-stream', pieces: cut(bytes(eol), size) });
        assert.equal((await askStream({})).whole.text, 'grüße, 世界 🎉');
      });
    }
  }
  // How an answer is wrapped says nothing about what is in it. Natively these bytes arrive as they are.
  const plain = bytes('\r\n');
  const chunked = ['Transfer-Encoding: chunked'];
  const head = rawHead(chunked);
  const tooLong = rawHead([`Content-Length: ${plain.length + 9}`]);
  const bom = Buffer.concat([Buffer.from('\ufeff'), plain]);
  const lines = Buffer.from(events.map((event) => `: one\r\n\r\nevent: message\r\nid: 7\r\n${JSON.stringify(event, null, 1).replace(/^/gm, 'data: ')}\r\nretry: 9\r\n\r\n`).join(''));
  for (const [what, raw, { arrives = plain, destroy = false } = {}] of [
    ['behind interim answers', ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', head, rawChunks([plain])]],
    ['by HTTP/1.0, to the end of the connection', [rawHead([], '1.0'), plain]],
    ['with chunk extensions and a trailer', [head, rawChunks(cut(plain, 40)).toString('latin1').replace('28\r\n', '28;a=b\r\n').replace(/\r\n$/, 'X-Late: 1\r\n\r\n')].map((piece) => Buffer.from(piece, 'latin1'))],
    ['compressed though nobody asked', [rawHead([...chunked, 'Content-Encoding: gzip']), ...cut(rawChunks(cut(gzipSync(plain), 9)), 11)]],
    ['without a type', [head.replace(/Content-Type.*\r\n/, ''), rawChunks([plain])]],
    ['with another type', [head.replace('text/event-stream', 'application/json'), rawChunks([plain])]],
    ['behind a byte order mark', [head, rawChunks(cut(bom, 1))], { arrives: bom }],
    ['between comments and fields, over several lines', [head, rawChunks(cut(lines, 5))], { arrives: lines }],
    ['without the last chunk, behind its finish reason', [head, rawChunks([plain], '')]],
    ['and reset behind its finish reason', [head, rawChunks([plain], '')], { destroy: true }],
    ['shorter than its Content-Length, behind its finish reason', [tooLong, plain]],
  ]) {
    test(`a stream ${what}`, async () => {
      upstream.says({ raw, destroy, pause: destroy ? 20 : 0 });
      const native = await pollux.send('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', { body: { contents: [{ role: 'user', parts: [{ text: 'x' }] }] } });
      assert.equal(native.body.toString(), arrives.toString());
      assert.match(native.headers['content-type'], /^text\/event-stream/);
      const { whole } = await askStream({});
      assert.deepEqual([whole.text, whole.finish], ['grüße, 世界 🎉', 'stop']);
      assert.equal(upstream.calls.length, 2, 'each was asked once');
    });
  }
  test('a whole answer that came compressed though nobody asked', async () => {
    const text = gzipSync(JSON.stringify(answerOf([{ text: 'fine' }])));
    upstream.says({ headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: text });
    assert.equal((await ask({})).answer.choices[0].message.content, 'fine');
    const native = await pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { body: { contents: [] } });
    assert.equal(native.json().candidates[0].content.parts[0].text, 'fine');
    upstream.says({ headers: { 'content-type': 'video/mp4', 'content-encoding': 'gzip', 'content-length': String(text.length) }, body: text });
    const media = await pollux.send('/v1beta/files/x:download?alt=media');
    assert.equal(JSON.parse(media.text).candidates.length, 1);
  });
  test('one event of 5 MB', async () => {
    const text = 'ü'.repeat(2_500_000);
    upstream.says(sse([answerOf([{ text }])]));
    assert.equal((await askStream({})).whole.text, text);
  });
  test('usage only when it was asked for', async () => {
    assert.equal((await askStream({})).whole.usage, null);
    assert.equal((await askStream({}, { usage: true })).whole.usage.total_tokens, 7);
  });
  test('the headers are those of a stream', async () => {
    const { answer } = await askStream({});
    assert.match(answer.headers['content-type'], /^text\/event-stream/);
    assert.match(answer.headers['cache-control'], /no-cache/);
  });
  const failure = { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } };
  const begun = `data: ${JSON.stringify(events[0])}\r\n\r\n`;
  for (const [what, tail] of [['as an event', `data: ${JSON.stringify(failure)}\r\n\r\n`], ['as bare JSON', JSON.stringify(failure, null, 1)],
    ['in an array', JSON.stringify([failure])]]) {
    test(`an error in mid-stream, ${what}, is an error to the client and never a stop`, async () => {
      upstream.says({ type: 'text/event-stream', pieces: [begun, tail] });
      await failsInMidStream();
    });
  }
  test('an event that cannot be read is no event that may be left out', async () => {
    const garbled = 'data: {"candidates": [nonsense}\r\n\r\n';
    upstream.says({ type: 'text/event-stream', pieces: [begun, garbled, `data: ${JSON.stringify(events[1])}\r\n\r\n`] });
    await failsInMidStream();
    upstream.forget();
    upstream.says(() => (upstream.calls.length === 1 ? { type: 'text/event-stream', pieces: [garbled, bytes('\n')] } : sse(events)));
    assert.equal((await askStream({})).whole.text, 'grüße, 世界 🎉', 'before the first word it is hidden');
    assert.equal(upstream.calls.length, 2);
  });
  test('halves of surrogate pairs and bytes that are no UTF-8 cost a character, not the answer', async () => {
    upstream.says(sse([answerOf([{ text: 'a\ud83c' }], { finish: null }), answerOf([{ text: 'b' }])]));
    assert.equal((await askStream({})).whole.text, 'a\ufffdb');
    const body = JSON.stringify(answerOf([{ text: 'a@b' }]));
    upstream.says({ body: Buffer.from(body.replace('@', '\xff'), 'latin1') });
    assert.equal((await ask({})).answer.choices[0].message.content, 'a\ufffdb');
  });
  test('an upstream that breaks off without a reason is an error too', async () => {
    upstream.says({ type: 'text/event-stream', pieces: [begun] });
    await failsInMidStream();
    upstream.says({ type: 'text/event-stream', pieces: [begun, 'data: {"candi'], destroy: true });
    await failsInMidStream();
  });
  async function failsInMidStream() {
    const stream = await client.chat.completions.create({ model: 'gemini-2.5-flash', messages: [user('x')], stream: true });
    let text = '';
    await assert.rejects(async () => {
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        assert.ok(!chunk.choices[0]?.finish_reason, 'no reason is made up');
      }
    }, (error) => error.constructor.name === 'APIError');
    assert.equal(text, 'grüße, 世');
  }
  test('a silent stream gets a heartbeat comment that the client does not notice', async () => {
    const slow = await startPollux({ upstream: upstream.url, settings: { POLLUX_HEARTBEAT: '1', POLLUX_WORKERS: '1' } });
    try {
      await slow.addProjects([{ id: 'p1', keys: [keyOf(1)] }]);
      upstream.says(sse(events, { pause: 1500 }));
      const answer = await slow.send('/v1/chat/completions', { body: { model: 'gemini-2.5-flash', messages: [user('x')], stream: true } });
      assert.match(answer.text, /^:/m, 'a comment came');
      checkChunks(answer.text);
      assert.equal(joinChunks(answer.events()).text, 'grüße, 世界 🎉');
      const native = await slow.send('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', { body: { contents: [{ role: 'user', parts: [{ text: 'x' }] }] } });
      assert.ok(!/^:/m.test(native.text), 'never in the native dialect');
      assert.equal(native.events().length, 2);
      let text = '';
      for await (const chunk of await slow.genai().models.generateContentStream({ model: 'gemini-2.5-flash', contents: 'x' })) text += chunk.text ?? '';
      assert.equal(text, 'grüße, 世界 🎉');
    } finally {
      await slow.stop();
    }
  });
});

describe('embeddings', () => {
  const vectors = (call) => unary({ embeddings: call.json().requests.map((one) => ({ values: [one.content.parts[0].text.length, 0.5, -0.25] })) });
  test('base64 is what the client asks for by default, and it decodes to the numbers', async () => {
    upstream.says(vectors);
    const answer = await client.embeddings.create({ model: 'gemini-embedding-001', input: ['a', 'bb'] });
    assert.deepEqual(answer.data.map((one) => [...one.embedding]), [[1, 0.5, -0.25], [2, 0.5, -0.25]]);
    assert.ok(Number.isInteger(answer.usage.prompt_tokens));
    const raw = await pollux.send('/v1/embeddings', { body: { model: 'gemini-embedding-001', input: 'abc', encoding_format: 'base64' } });
    assert.equal(raw.json().data[0].embedding, Buffer.from(new Float32Array([3, 0.5, -0.25]).buffer).toString('base64'));
  });
  test('more than 100 inputs are split, and stay in order', async () => {
    upstream.says(vectors);
    const input = Array.from({ length: 250 }, (_, i) => 'x'.repeat(i + 1));
    const answer = await client.embeddings.create({ model: 'gemini-embedding-001', input, encoding_format: 'float' });
    assert.deepEqual(answer.data.map((one) => one.embedding[0]), input.map((text) => text.length));
    assert.deepEqual(answer.data.map((one) => one.index), input.map((_, i) => i));
    assert.deepEqual(upstream.calls.map((call) => call.json().requests.length).sort((a, b) => a - b), [50, 100, 100]);
  });
  test('shorter vectors are asked for and normalised', async () => {
    upstream.says(vectors);
    const answer = await client.embeddings.create({ model: 'gemini-embedding-001', input: 'abc', dimensions: 3, encoding_format: 'float' });
    assert.equal(upstream.calls[0].json().requests[0].outputDimensionality, 3);
    assert.ok(Math.abs(Math.hypot(...answer.data[0].embedding) - 1) < 1e-6);
  });
  test('token ids cannot be embedded, and that is said', async () => {
    await assert.rejects(client.embeddings.create({ model: 'gemini-embedding-001', input: [1, 2, 3] }), { status: 400 });
  });
});

const lower = (value) => (typeof value === 'string' ? value.toLowerCase() : value);
const result = (id, content) => ({ role: 'tool', tool_call_id: id, content });
const calling = (...calls) => ({ role: 'assistant', content: null,
  tool_calls: calls.map(([id, args]) => ({ id, type: 'function', function: { name: 'weather', arguments: args } })) });
