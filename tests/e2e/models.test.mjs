// SPDX-License-Identifier: MIT
// What an operator may say about models, seen by clients: variants with search, thinking, who may be asked for, who
// stands in, what there is, what it costs.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { answerOf, either, startScripted } from '../lib/scripted.mjs';
import { checkChunks } from '../lib/openai-shape.mjs';

const google = 'gemini-2.5-flash';
const generate = (model) => `/v1beta/models/${model}:generateContent`;
const stream = (model) => `/v1beta/models/${model}:streamGenerateContent?alt=sse`;
const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
const chat = (model, more = {}) => ({ model, messages: [{ role: 'user', content: 'hello' }], ...more });

describe('what is sent to Google', () => {
  let pollux;
  let upstream;
  before(async () => {
    upstream = await startScripted();
    upstream.says(either([answerOf([{ text: 'fine' }])]));
    pollux = await startPollux({ upstream: upstream.url, settings: { POLLUX_WORKERS: '1' } });
    await pollux.addProjects(projects(1));
  });
  beforeEach(() => upstream.forget());
  after(async () => {
    await pollux?.stop();
    await upstream?.stop();
  });
  const set = (name, value) => pollux.cli('setting', 'set', name, value);
  // What reaches Google of a native body, as it was written.
  async function sent(model, text, where = generate) {
    upstream.forget();
    const answer = await pollux.send(where(model), { body: text, headers: { 'content-type': 'application/json' } });
    assert.equal(answer.status, 200, answer.text);
    return { path: upstream.calls[0].path, text: upstream.calls[0].body.toString() };
  }
  async function sentChat(model, more) {
    upstream.forget();
    await pollux.openai().chat.completions.create(chat(model, more));
    return upstream.calls[0].json();
  }
  const odd = '{ "contents" :[{"parts":[{"text":"h\\u00e9llo \\"tools\\""}]}], "generationConfig":{"temperature":0.50, "stopSequences" : [ ]} }\n';

  test('a native body goes as it came, byte for byte, when nothing is configured', async () => {
    for (const where of [generate, stream]) assert.equal((await sent(google, odd, where)).text, odd);
  });
  test('the variant with search: one tool is put in, every other byte stays', async () => {
    for (const where of [generate, stream]) {
      const { path, text } = await sent(`${google}-search`, odd, where);
      assert.ok(path.startsWith(`/v1beta/models/${google}:`), path);
      assert.equal(text, `{"tools":[{"googleSearch":{}}],${odd.slice(1)}`);
    }
    const own = '{"contents":[],"tools":[{"google_search":{}}]}';
    assert.equal((await sent(`${google}-search`, own)).text, own, 'who brings search along gets nothing more');
    assert.deepEqual((await sentChat(`${google}-search`)).tools, [{ googleSearch: {} }]);
  });
  test('which can be switched off', async () => {
    await set('search_variants', 'off');
    try {
      const { path, text } = await sent('gemini-x-search', odd);
      assert.deepEqual([path, text], ['/v1beta/models/gemini-x-search:generateContent', odd]);
    } finally {
      await set('search_variants', 'on');
    }
  });
  test('thinking as a model\'s operator wants it, where the request does not say', async () => {
    await pollux.model('thinker', { upstream: google, thinking_budget: 512, include_thoughts: 'on' });
    assert.equal((await sent('thinker', '{"contents":[]}')).text, '{"generationConfig":{"thinkingConfig":{"thinkingBudget":512,"includeThoughts":true}},"contents":[]}');
    const own = '{"generationConfig":{"thinkingConfig":{"thinkingBudget":0,"includeThoughts":false}}}';
    assert.equal((await sent('thinker', own)).text, own);
    assert.deepEqual((await sentChat('thinker')).generationConfig, { thinkingConfig: { thinkingBudget: 512, includeThoughts: true } });
    assert.equal((await sentChat('thinker', { reasoning_effort: 'low' })).generationConfig.thinkingConfig.thinkingBudget, 1024);
    await set('thinking_override', 'on');
    try {
      assert.equal((await sent('thinker', own)).text, '{"generationConfig":{"thinkingConfig":{"thinkingBudget":512,"includeThoughts":true}}}');
      assert.equal((await sentChat('thinker', { reasoning_effort: 'low' })).generationConfig.thinkingConfig.thinkingBudget, 512);
    } finally {
      await set('thinking_override', 'off');
    }
    await pollux.model('thinker', { thinking_budget: -1, include_thoughts: 'none' });
    assert.equal((await sent('thinker', odd)).text, odd, '-1 leaves it to the model');
  });
  test('and for all models, if they can think', async () => {
    await set('thinking_level', 'low');
    try {
      assert.equal((await sent('gemini-3.5-flash', '{}')).text, '{"generationConfig":{"thinkingConfig":{"thinkingLevel":"low"}}}');
      assert.equal((await sent(google, '{}')).text, '{"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}}}');
      assert.equal((await sent('gemini-2.0-flash', '{}')).text, '{}');
      assert.equal((await sent(google, '{}', (model) => `/v1beta/models/${model}:countTokens`)).text, '{}');
    } finally {
      await set('thinking_level', 'model');
    }
    assert.equal((await sent(google, '{}')).text, '{}');
  });
  test('an alias that a body repeats is Google\'s name there as well', async () => {
    await pollux.cli('model', 'alias', 'gemini-embedding-001', 'vectors');
    upstream.says({ body: '{"embeddings":[{"values":[1]}]}' });
    try {
      await pollux.genai().models.embedContent({ model: 'vectors', contents: ['one'] });
      assert.match(upstream.calls[0].path, /\/models\/gemini-embedding-001:batchEmbedContents$/);
      assert.equal(upstream.calls[0].json().requests[0].model, 'models/gemini-embedding-001');
    } finally {
      upstream.says(either([answerOf([{ text: 'fine' }])]));
    }
  });
  test('a call that names its model in the body alone may name it by an alias', async () => {
    await pollux.cli('model', 'alias', google, 'fast');
    for (const where of ['cachedContents', 'interactions']) {
      upstream.forget();
      await pollux.send(`/v1beta/${where}`, { body: '{"ttl":"60s", "model" : "models/fast"}', headers: { 'content-type': 'application/json' } });
      assert.equal(upstream.calls[0].body.toString(), `{"ttl":"60s", "model" : "models/${google}"}`, where);
    }
  });
});

describe('who may be asked for, and who answers', () => {
  let pollux;
  before(async () => {
    pollux = await startPollux({ sim: { projects: projects(4), models: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((letter) => `gemini-2.5-flash-${letter}`) }, settings: { POLLUX_WORKERS: '1' } });
  });
  beforeEach(() => pollux.sim.reset());
  after(() => pollux?.stop());
  const set = (name, value) => pollux.cli('setting', 'set', name, value);
  const behave = (rows) => pollux.sim.configure({ behaviour: rows.map(([model, words]) => ({ match: { model }, do: words })) });
  const m = (letter) => `gemini-2.5-flash-${letter}`;
  const names = async (more = {}) => {
    const all = [];
    for await (const one of (await pollux.openai(more)).models.list()) all.push(one.id);
    return all;
  };

  test('the list is what the credentials are offered, with search variants, by both official clients', async () => {
    const offered = await names();
    for (const name of [google, `${google}-search`, m('a'), 'gemini-embedding-001']) assert.ok(offered.includes(name), name);
    assert.ok(!offered.some((name) => /embedding.*-search|image.*-search|tts.*-search|gemma.*-search/.test(name)), offered.join(' '));
    const native = [];
    for await (const one of await pollux.genai().models.list({ config: { pageSize: 7 } })) native.push(one.name.replace('models/', ''));
    assert.deepEqual(native, offered, 'the same list, in pages');
    await pollux.sim.reset();
    for (let i = 0; i < 5; i++) await names();
    assert.equal((await pollux.sim.stats()).calls, 0, 'Google is not asked each time');
  });
  test('several projects were asked, and what each may use is known', async () => {
    const rows = await pollux.sql('select p.name, cardinality(o.names) as names, o.answered_at is not null as answered from pollux.model_offer o join pollux.project p on p.id = o.project_id');
    assert.equal(rows.length, 4, JSON.stringify(rows));
    assert.ok(rows.every((row) => row.answered && row.names > 5), JSON.stringify(rows));
  });
  test('aliases and configured models are in it at once, described as what they stand for', async () => {
    await pollux.cli('model', 'set', 'mine', '--upstream', google, '--alias', 'gpt-4o');
    const all = await names();
    for (const name of ['mine', 'gpt-4o', 'gpt-4o-search']) assert.ok(all.includes(name), name);
    const alias = await pollux.genai().models.get({ model: 'gpt-4o' });
    assert.equal(alias.name, 'models/gpt-4o');
    assert.equal(alias.inputTokenLimit, (await pollux.genai().models.get({ model: google })).inputTokenLimit);
    assert.equal((await pollux.openai().models.retrieve('gpt-4o-search')).id, 'gpt-4o-search');
    assert.match((await pollux.genai().models.generateContent({ model: 'gpt-4o-search', contents: 'rain' })).text, /rain/);
    await pollux.cli('model', 'remove', 'mine');
    assert.ok(!(await names()).includes('gpt-4o'));
    assert.equal((await pollux.send(generate('gpt-4o'), { body })).status, 404);
  });
  test('a client sees what it may use', async () => {
    const { token } = await pollux.addClient('few', '--models', `${m('a')},gemini-embedding*`);
    assert.deepEqual((await names({ apiKey: token })).filter((name) => !name.startsWith('gemini-embedding')), [m('a'), `${m('a')}-search`]);
  });
  test('what is denied is not there: by no name, in no dialect, in no list', async () => {
    await set('models_deny', '*-b,*-search');
    await pollux.cli('model', 'alias', m('b'), 'hidden');
    try {
      for (const name of [m('b'), 'hidden', `${google}-search`]) {
        assert.equal((await pollux.send(generate(name), { body })).status, 404, name);
        const openai = await pollux.send('/v1/chat/completions', { body: chat(name) });
        assert.equal(openai.status, 404, name);
        assert.equal(openai.json().error.code, 'model_not_found');
        assert.equal((await pollux.send(`/v1/models/${name}`)).status, 404, name);
        assert.equal((await pollux.send(`/v1beta/models/${name}`)).status, 404, name);
        assert.equal((await pollux.send('/v1beta/cachedContents', { body: { ...body, model: `models/${name}`, ttl: '60s' } })).status, 404, name);
        assert.equal((await pollux.send('/v1beta/interactions', { body: { model: name, input: 'hello' } })).status, 404, name);
        assert.ok(!(await names()).includes(name), name);
      }
      assert.equal((await pollux.sim.stats()).calls, 0, 'nothing of it reached Google');
      assert.equal((await pollux.send(generate(google), { body })).status, 200);
    } finally {
      await set('models_deny', '');
    }
    await set('models_allow', `${m('a')},gemini-emb*`);
    try {
      assert.equal((await pollux.send(generate(google), { body })).status, 404);
      assert.equal((await pollux.send(generate(m('a')), { body })).status, 200);
      assert.ok((await names()).every((name) => name.startsWith(m('a')) || name.startsWith('gemini-emb')));
    } finally {
      await set('models_allow', '');
    }
  });

  test('an overloaded model has its stand-in, and the answer says who it is', async () => {
    await pollux.cli('model', 'set', m('c'), '--fallback', `${m('d')},${m('e')}`);
    await behave([[m('c'), '503'], [m('d'), '503']]);
    try {
      const native = await pollux.send(generate(m('c')), { body });
      assert.deepEqual([native.status, native.headers['x-pollux-model']], [200, m('e')]);
      const { by_model: seen } = await pollux.sim.stats();
      assert.deepEqual([seen[m('c')].calls, seen[m('d')].calls, seen[m('e')].calls], [2, 2, 1]);
      const streamed = await pollux.send(stream(m('c')), { body });
      assert.equal(streamed.headers['x-pollux-model'], m('e'));
      const openai = await pollux.send('/v1/chat/completions', { body: chat(m('c'), { stream: true }) });
      assert.equal(openai.headers['x-pollux-model'], m('e'));
      checkChunks(openai.text);
      const searched = await pollux.send(generate(`${m('c')}-search`), { body: { contents: [{ role: 'user', parts: [{ text: '[[sim:dump]]' }] }] } });
      assert.equal(searched.headers['x-pollux-model'], m('e'));
      assert.match(searched.text, /googleSearch/);
    } finally {
      await behave([]);
    }
    await pollux.settled();
    const [row] = await pollux.sql(`select model, asked_model, attempts from report.requests where asked_model = '${m('c')}' order by started_at limit 1`);
    assert.deepEqual(row, { model: m('e'), asked_model: m('c'), attempts: 5 });
  });
  test('an exhausted one has it too, at once; without one there is 429', async () => {
    await pollux.cli('model', 'set', m('f'), '--rpd', '1', '--fallback', m('g'));
    const served = [];
    for (let i = 0; i < 6; i++) served.push((await pollux.send(generate(m('f')), { body })).headers['x-pollux-model']);
    assert.deepEqual(served, [...Array(4).fill(m('f')), m('g'), m('g')]);
    await pollux.cli('model', 'set', m('f'), '--fallback', 'none');
    const refused = await pollux.send(generate(m('f')), { body });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['x-pollux-model'], undefined);
  });
  test('a client that may not use the stand-in gets what it would have got without one', async () => {
    await pollux.cli('model', 'set', m('f'), '--fallback', m('g'));
    const { token } = await pollux.addClient('only f', '--models', m('f'));
    assert.equal((await pollux.send(generate(m('f')), { body, token })).status, 429);
  });
  test('a stand-in need not be one that clients may ask for; what the caller got wrong is not asked of it', async () => {
    await set('models_deny', m('g'));
    try {
      assert.equal((await pollux.send(generate(m('f')), { body })).headers['x-pollux-model'], m('g'));
    } finally {
      await set('models_deny', '');
    }
    await pollux.cli('model', 'set', m('a'), '--fallback', m('g'));
    await pollux.sim.reset();
    assert.equal((await pollux.send(generate(m('a')), { body: { contents: [] } })).status, 400);
    assert.equal((await pollux.sim.stats()).calls, 1);
    await pollux.cli('model', 'set', m('a'), '--fallback', 'none');
  });
  test('all of them overloaded: the fault is told, and the number of calls is bounded', async () => {
    await behave([[m('c'), '503'], [m('d'), '503'], [m('e'), '503']]);
    try {
      const answer = await pollux.send(generate(m('c')), { body });
      assert.equal(answer.status, 503, answer.text);
      const { calls } = await pollux.sim.stats();
      assert.ok(calls >= 5 && calls <= 12, `${calls} calls`);
    } finally {
      await behave([]);
    }
  });
  test('a loop is refused, in words', async () => {
    const said = await pollux.command('model', 'set', m('e'), '--fallback', m('c'));
    assert.equal(said.code, 1);
    assert.match(said.err, new RegExp(`${m('e')} -> ${m('c')} -> ${m('e')}`));
  });
  test('a model\'s wait limit is its own', async () => {
    await pollux.cli('model', 'set', m('h'), '--rpm', '1', '--wait-limit-ms', '0', '--max-concurrency', '1');
    const [slow, quick] = await Promise.all([
      pollux.send(generate(m('h')), { body: { contents: [{ role: 'user', parts: [{ text: '[[sim:latency=1500]] x' }] }] } }),
      new Promise((resolve) => { setTimeout(resolve, 400); }).then(() => pollux.send(generate(m('h')), { body })),
    ]);
    assert.equal(slow.status, 200);
    assert.equal(quick.status, 429);
    assert.ok(quick.headAt - quick.started < 700, 'at once');
  });
  test('what was used has its price', async () => {
    await pollux.cli('model', 'set', m('a'), '--price-input', '2', '--price-output', '10.5');
    const { token } = await pollux.addClient('payer');
    const { usageMetadata: used } = (await pollux.send(generate(m('a')), { body, token })).json();
    await pollux.settled();
    const [row] = (await pollux.cli('usage')).filter((one) => one.client === 'payer');
    const expected = (used.promptTokenCount * 2 + ((used.candidatesTokenCount ?? 0) + (used.thoughtsTokenCount ?? 0)) * 10.5) / 1e6;
    assert.ok(Math.abs(row.cost - expected) < 1e-9, `${row.cost} is not ${expected}`);
  });
  test('what the command line says of a model', async () => {
    const model = await pollux.cli('model', 'set', 'said', '--thinking-level', 'high', '--stream-policy', 'whole', '--price-cached', '0.25', '--wait-limit-ms', '100', '--alias', 'x,y');
    assert.deepEqual([model.thinking_level, model.stream_policy, model.price_cached, model.wait_limit_ms, model.aliases], ['high', 'whole', 0.25, 100, ['x', 'y']]);
    assert.deepEqual((await pollux.cli('model', 'alias', 'said', 'y', '--remove')).aliases, ['x']);
    assert.equal((await pollux.cli('model', 'list')).find((one) => one.name === 'said').stream_policy, 'whole');
    for (const [args, words] of [[['--thinking-level', 'huge'], /thinking_level must be one of/], [['--price-input', 'cheap'], /number such as 2.5/], [['--stream-policy', 'fast'], /stream_policy must be one of/], [['--include-thoughts', 'maybe'], /include_thoughts must be true, false or null/]]) {
      const said = await pollux.command('model', 'set', 'said', ...args);
      assert.notEqual(said.code, 0);
      assert.match(said.err, words);
    }
    assert.equal((await pollux.cli('model', 'remove', 'said')).name, 'said');
    assert.match((await pollux.command('model', 'remove', 'said')).err, /no configured model/);
  });
  test('without a list of its own, an old one will do; keys that are gone take theirs along', async () => {
    const before = await names();
    await pollux.sql("update pollux.model_offer set asked_at = '2020-01-01'");
    await pollux.sim.configure({ behaviour: [{ match: { path: '*/models*', method: 'GET' }, do: '503' }] });
    try {
      assert.deepEqual(await names(), before);
    } finally {
      await pollux.sim.configure({ behaviour: [] });
    }
  });
});
