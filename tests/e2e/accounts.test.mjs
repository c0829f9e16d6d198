// SPDX-License-Identifier: MIT
// OAuth accounts at work: tokens are refreshed once by whoever comes first, refusals take an account out with a reason,
// rotated refresh tokens survive a crash, and with Code Assist a client notices nothing.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { run, startPollux } from '../lib/pollux.mjs';
import { startHttpProxy } from '../lib/proxies.mjs';
import { waitFor } from '../lib/wait.mjs';

const model = 'gemini-2.5-flash';
const body = (text = 'hello') => ({ contents: [{ role: 'user', parts: [{ text }] }] });
const generate = (pollux, text) => pollux.send(`/v1beta/models/${model}:generateContent`, { body: body(text) });
const client = { id: '123-test.apps.googleusercontent.com', secret: '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' };
const file = (refresh_token, more = {}) => JSON.stringify({ refresh_token, access_token: 'ya29.stale', token_type: 'Bearer', expiry_date: 1, ...more }, null, 2);

let pollux;
before(async () => {
  pollux = await startPollux({ sim: { projects: [{ id: 'cloud-a' }, { id: 'cloud-b' }], oauth: { clients: [client] }, record: 400 }, keys: false, settings: { POLLUX_WORKERS: '2' } });
});
after(() => pollux?.stop());

const oauth = () => pollux.sim.control('oauth');
const google = (change) => pollux.sim.configure({ oauth: change });

// Pollux knows no account and Google nothing of earlier tests.
beforeEach(async () => {
  for (const { id } of await pollux.cli('account', 'list')) await pollux.cli('account', 'remove', String(id));
  for (const { id } of await pollux.cli('key', 'list')) await pollux.cli('key', 'remove', String(id));
  await google({ clients: [client], rotate: false, expires_in: 3599, refresh_delay_ms: 0, fail: null, consent: null });
  await pollux.sim.reset();
});

let serial = 0;
// An account that Google knows, imported.
async function account({ upstream = 'gemini', google: more = {}, options = [], known } = {}) {
  const email = known ?? `user${++serial}@example.org`;
  const refresh_token = `1//0planted-refresh-token-${serial}`;
  await google({ accounts: [{ email, refresh_token, projects: ['cloud-a', 'cloud-b'], state: 'ok', code_assist: null, ...more }] });
  const added = await importFile(file(refresh_token), '--upstream', upstream, ...options);
  return { ...added[0], email, refresh_token };
}
async function importFile(text, ...options) {
  const said = await pollux.commandWithInput(text, 'account', 'import', '-', ...options, '--json');
  if (said.code !== 0) throw new Error(said.err);
  return JSON.parse(said.out);
}
const configure = async () => {
  const said = await pollux.commandWithInput(`${client.secret}\n`, 'account', 'client', client.id, '--json');
  assert.equal(said.code, 0, said.err);
  return JSON.parse(said.out);
};
const show = async (id) => (await pollux.cli('account', 'list')).find((one) => one.id === id);
// The access token in the database is over; nobody's cache may hide it, and Google does not take it any more either.
async function expire(one) {
  await pollux.sql(`update pollux.account set access_expires_at = pollux.now() - interval '1 second' where credential_id = ${one.id}`);
  await google({ accounts: [{ email: one.email, expire: true }] });
}

test('without an OAuth client accounts are off, and that is said with what to do', async () => {
  const said = await pollux.commandWithInput(file('1//0some-refresh-token-of-a-stranger'), 'account', 'import', '-');
  assert.equal(said.code, 1);
  assert.match(said.err, /no OAuth client is configured/);
  assert.match(said.err, /pollux account client/);
  assert.equal((await pollux.command('account', 'login')).code, 1);
  assert.equal((await oauth()).refreshes, 0, 'Google was not asked');
});

test('the OAuth client is configured with its secret on standard input, and shown without it', async () => {
  const shown = await configure();
  assert.equal(shown.client_id, client.id);
  assert.ok(!JSON.stringify(shown).includes('GOCSPX'));
});

describe('with the Gemini API', () => {
  test('a request goes out with a Bearer token and the project, and never with a key', async () => {
    const one = await account({ options: ['--project', 'cloud-b'] });
    assert.equal(one.google_project, 'cloud-b');
    const answer = await generate(pollux);
    assert.equal(answer.status, 200, answer.text);
    const { requests } = await pollux.sim.control('requests');
    const call = requests.find((request) => request.url.includes(':generateContent'));
    assert.match(call.headers.authorization, /^Bearer ya29\./);
    assert.equal(call.headers['x-goog-user-project'], 'cloud-b');
    assert.equal(call.headers['x-goog-api-key'], undefined);
    assert.match(call.headers['user-agent'], /^pollux\//);
  });

  test('100 threads on 2 workers meet an expired access token: one refresh, all requests succeed', async () => {
    const one = await account();
    await google({ refresh_delay_ms: 300 });
    await expire(one);
    await pollux.sim.reset();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => generate(pollux, `number ${i}`)));
    assert.deepEqual(answers.filter((answer) => answer.status !== 200).map((answer) => answer.text), []);
    const seen = await oauth();
    assert.equal(seen.refreshes, 1);
    assert.equal(seen.max_under_way, 1);
    await pollux.settled();
    const workers = await pollux.sql("select count(distinct worker)::int as n from pollux.request where ended_at > now() - interval '10 seconds'");
    assert.equal(workers[0].n, 2, 'both workers took part');
  });

  test('a 401 with a token that should be good: refreshed once, and the same request succeeds', async () => {
    const one = await account();
    assert.equal((await generate(pollux)).status, 200);
    await google({ accounts: [{ email: one.email, expire: true }] });
    await pollux.sim.reset();
    const answers = await Promise.all(Array.from({ length: 100 }, () => generate(pollux)));
    assert.deepEqual(answers.filter((answer) => answer.status !== 200).map((answer) => answer.text), []);
    const seen = await oauth();
    assert.equal(seen.refreshes, 1);
    await pollux.settled();
    const attempts = await pollux.sql(`select outcome, count(*)::int as n from pollux.attempt where credential_id = ${one.id} group by 1`);
    assert.deepEqual(attempts, [{ outcome: 'ok', n: 101 }], 'the refused call and its repetition are one attempt');
    const [{ requests }] = await pollux.sql("select project_requests_today as requests from report.credentials where state <> 'removed'");
    assert.equal(requests, 101, 'what was refused counts for nothing');
  });

  test('the token is refreshed five minutes before it expires, and used meanwhile when that fails', async () => {
    const one = await account();
    await pollux.sql(`update pollux.account set access_expires_at = pollux.now() + interval '4 minutes' where credential_id = ${one.id}`);
    await google({ fail: { status: 503, error: 'internal_failure', times: 1000 } });
    await pollux.sim.reset();
    assert.equal((await generate(pollux)).status, 200, 'Google does not refresh now, the old token lasts');
    assert.match((await show(one.id)).says, /internal_failure/);
    await google({ fail: null });
    const { refreshes } = await oauth();
    assert.ok(refreshes >= 1);
    await waitFor('the next refresh', async () => (await generate(pollux)).status === 200 && (await oauth()).refreshes > refreshes, { every: 500 });
    assert.equal((await show(one.id)).account, 'ok');
  });

  test('accounts that nobody uses stay logged in: a job refreshes what expires soon, each once', async () => {
    const soon = await account();
    const later = await account();
    await pollux.sql(`update pollux.account set access_expires_at = pollux.now() + interval '3 minutes' where credential_id = ${soon.id}`);
    await pollux.sim.reset();
    const asked = await pollux.sql('select pollux.account_refresh_enqueue() as one, pollux.account_refresh_enqueue() as two');
    assert.deepEqual(asked, [{ one: 1, two: 1 }], 'asked for twice, it is one job');
    const jobs = () => pollux.sql(`select ok, result from pollux.job where kind = 'refresh' and done_at is not null and subject = '${soon.id}'`);
    await waitFor('the job to be done', async () => (await jobs()).length > 0);
    assert.deepEqual(await jobs(), [{ ok: true, result: { token: 'fresh' } }]);
    assert.deepEqual((await oauth()).by_account, { [soon.email]: 1 });
    assert.ok(new Date((await show(soon.id)).expires_at) > Date.now() + 50 * 60_000);
    assert.equal((await show(later.id)).account, 'ok');
  });

  test('invalid_grant takes the account out, with a reason that says what to do; a new login brings it back', async () => {
    const one = await account();
    const other = await account();
    await google({ accounts: [{ email: one.email, state: 'revoked' }] });
    await expire(one);
    for (let i = 0; i < 20; i++) assert.equal((await generate(pollux)).status, 200, 'the other account carries on');
    const shown = await show(one.id);
    assert.equal(shown.state, 'dead');
    assert.equal(shown.account, 'revoked');
    assert.match(shown.reason, /log in again with `pollux account login`/);
    assert.match(shown.says, /invalid_grant: Token has been expired or revoked/);
    assert.equal((await show(other.id)).state, 'ready');
    const events = await pollux.sql(`select detail from pollux.event where kind = 'state' and detail ->> 'to' = 'dead' and detail ->> 'credential_id' = '${one.id}'`);
    assert.equal(events.length, 1);
    const back = await account({ known: one.email });
    assert.equal(back.id, one.id, 'the same account');
    assert.equal(back.new, false);
    assert.equal(back.state, 'ready');
  });

  test('a wrong client secret is the operator\'s mistake: no account is blamed for it', async () => {
    const one = await account();
    await google({ clients: [{ ...client, secret: 'GOCSPX-another-one-now' }] });
    await expire(one);
    const said = await pollux.command('account', 'refresh', String(one.id));
    assert.equal(said.code, 1);
    assert.match(said.err + said.out, /OAuth client is not right/);
    assert.equal((await show(one.id)).state, 'ready');
  });

  test('an account with a proxy of its own is refreshed through it', async (t) => {
    const one = await account();
    const proxy = await startHttpProxy();
    t.after(() => proxy.stop());
    await pollux.cli('key', 'set', String(one.id), '--proxy', `http://127.0.0.1:${proxy.port}`);
    await pollux.cli('account', 'refresh', String(one.id));
    assert.deepEqual(proxy.asked.map(({ port }) => Number(port)), [pollux.sim.port], 'the one call went through it');
    assert.equal((await generate(pollux)).status, 200);
    assert.equal(proxy.plain, 0);
  });

  test('a rotated refresh token survives a crash of PostgreSQL right after', async () => {
    await google({ rotate: true });
    const one = await account();
    await expire(one);
    await pollux.sim.reset();
    await pollux.cli('account', 'refresh', String(one.id));
    await pollux.database('restart', '-m', 'immediate');
    assert.equal((await oauth()).refreshes, 1);
    await expire(one);
    await waitFor('the workers to find the database again', async () => (await generate(pollux)).status === 200, { timeout: 30_000, every: 500 });
    assert.ok((await oauth()).refreshes >= 2);
    assert.equal((await show(one.id)).account, 'ok', 'the new refresh token was the one that was used');
  });

  test('the database is away when Google has just rotated the refresh token: it is stored when it is back', async () => {
    await google({ rotate: true });
    const one = await account();
    await expire(one);
    await google({ refresh_delay_ms: 3000 });
    await pollux.sim.reset();
    const refresh = pollux.command('account', 'refresh', String(one.id));
    await waitFor('the refresh to be under way', async () => (await oauth()).under_way === 1);
    await pollux.database('stop', '-m', 'immediate');
    await waitFor('Google to have rotated the token', async () => (await oauth()).granted >= 1);
    await pollux.database('start');
    const said = await refresh;
    assert.equal(said.code, 0, said.err);
    await google({ refresh_delay_ms: 0 });
    await pollux.cli('account', 'refresh', String(one.id));
    assert.equal((await show(one.id)).account, 'ok');
  });
});

describe('with Code Assist', () => {
  const licence = { tier: 'standard-tier', project: 'cloud-a' };
  const assist = (google = {}, options = []) => account({ upstream: 'code_assist', options, google: { ...google, code_assist: { ...licence, ...google.code_assist } } });
  const calls = async (verb) => (await pollux.sim.control('requests')).requests.filter((request) => request.url.includes(verb));

  test('a native call is wrapped and its answer unwrapped; nobody else is imitated', async () => {
    const one = await assist({ code_assist: { responseId: false } });
    assert.equal(one.state, 'ready');
    assert.equal(one.tier, 'standard-tier');
    assert.equal(one.google_project, 'cloud-a');
    const answer = await pollux.send(`/v1beta/models/${model}:generateContent`, { headers: { 'x-goog-api-client': 'google-genai-sdk/1.0 gl-node/v18', 'user-agent': 'GeminiCLI/0.6' },
      body: { systemInstruction: { parts: [{ text: 'be kind' }] }, contents: [{ parts: [{ text: 'hello you' }] }], generationConfig: { temperature: 0.2 } } });
    assert.equal(answer.status, 200, answer.text);
    const said = answer.json();
    assert.equal(said.response, undefined);
    assert.match(said.candidates[0].content.parts[0].text, /hello you/);
    assert.match(said.responseId, /^trace-/, 'an id to look it up by');
    assert.ok(said.usageMetadata.totalTokenCount > 0);
    const [call] = await calls(':generateContent');
    assert.equal(call.url, '/v1internal:generateContent');
    const envelope = JSON.parse(call.body);
    assert.deepEqual([envelope.model, envelope.project, envelope.request.generationConfig], [model, 'cloud-a', { temperature: 0.2 }]);
    assert.match(call.headers['user-agent'], /^pollux\//);
    assert.equal((await oauth()).imitations, 0);
    await pollux.settled();
    const [row] = await pollux.sql(`select total_tokens::int as tokens from pollux.attempt where credential_id = ${one.id}`);
    assert.equal(row.tokens, said.usageMetadata.totalTokenCount);
  });

  for (const form of ['sse', 'array']) test(`a native stream (${form}) has the form and the events of the Gemini API`, async () => {
    await assist();
    const answer = await pollux.send(`/v1beta/models/${model}:streamGenerateContent${form === 'sse' ? '?alt=sse' : ''}`, { body: body('count to 8') });
    assert.equal(answer.status, 200, answer.text);
    const events = form === 'sse' ? answer.events() : answer.json();
    assert.ok(events.length >= 8, answer.text);
    assert.equal(events.map((event) => event.candidates[0].content.parts.map((part) => part.text).join('')).join(''), '1, 2, 3, 4, 5, 6, 7, 8');
    assert.ok(events.every((event) => event.response === undefined && event.traceId === undefined));
    assert.match(answer.headers['content-type'], form === 'sse' ? /^text\/event-stream/ : /^application\/json/);
  });

  test('the official clients work: openai (whole, stream, tools) and @google/genai (whole, stream, count, list)', async () => {
    await assist();
    const messages = [{ role: 'user', content: 'count to 5' }];
    const whole = await pollux.openai().chat.completions.create({ model, messages });
    assert.equal(whole.choices[0].message.content, '1, 2, 3, 4, 5');
    let streamed = '';
    for await (const chunk of await pollux.openai().chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })) streamed += chunk.choices[0]?.delta.content ?? '';
    assert.equal(streamed, '1, 2, 3, 4, 5');
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }];
    const ask = [{ role: 'user', content: 'the weather for "Paris"' }];
    const called = await pollux.openai().chat.completions.create({ model, messages: ask, tools });
    const [call] = called.choices[0].message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
    const told = await pollux.openai().chat.completions.create({ model, tools, messages: [...ask, called.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '{"sky":"blue"}' }] });
    assert.match(told.choices[0].message.content, /blue/);
    const ai = pollux.genai();
    assert.equal((await ai.models.generateContent({ model, contents: 'count to 5' })).text, '1, 2, 3, 4, 5');
    let text = '';
    for await (const chunk of await ai.models.generateContentStream({ model, contents: 'count to 5' })) text += chunk.text ?? '';
    assert.equal(text, '1, 2, 3, 4, 5');
    assert.ok((await ai.models.countTokens({ model, contents: 'how many are these' })).totalTokens > 0);
    const listed = [];
    for await (const one of await ai.models.list()) listed.push(one.name);
    assert.deepEqual(listed.filter((name) => !name.endsWith('-search')), ['models/gemini-2.5-flash', 'models/gemini-2.5-pro']);
    assert.equal((await ai.models.get({ model })).name, `models/${model}`);
  });

  test('what Code Assist cannot do goes to an API key; without one that is said', async () => {
    for (let i = 0; i < 3; i++) await assist();
    const embed = () => pollux.send('/v1beta/models/gemini-embedding-001:embedContent', { body: { content: { parts: [{ text: 'x' }] } } });
    const alone = await embed();
    assert.equal(alone.status, 503);
    assert.match(alone.json().error.message, /Code Assist has no such call.*pollux key add/);
    await pollux.sim.configure({ projects: [{ id: 'keyed', keys: ['AIzaSyTESTkeyedkeyedkeyedkeyedkeyedkeyed1'] }] });
    await pollux.cli('key', 'add', 'AIzaSyTESTkeyedkeyedkeyedkeyedkeyedkeyed1');
    for (let i = 0; i < 8; i++) {
      const answer = await embed();
      assert.equal(answer.status, 200, answer.text);
    }
    const upload = await pollux.send('/upload/v1beta/files?uploadType=multipart', { method: 'POST', headers: { 'content-type': 'multipart/related; boundary=b' },
      body: Buffer.from('--b\r\nContent-Type: application/json\r\n\r\n{"file":{"displayName":"x"}}\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n') });
    assert.equal(upload.status, 200, upload.text);
  });

  test('an account that has no project yet is onboarded; its operation is waited for', async () => {
    const one = await assist({ code_assist: { onboarded: false, onboard_polls: 1, project: 'cloud-b', tier: 'free-tier' } });
    assert.deepEqual([one.state, one.google_project, one.tier], ['ready', 'cloud-b', 'free-tier']);
    assert.equal((await generate(pollux)).status, 200);
  });

  test('refusals are told in plain words, with the link, and the account is out', async () => {
    const unsupported = await assist({ code_assist: { state: 'unsupported' } });
    assert.equal(unsupported.account, 'unsupported');
    assert.match(unsupported.reason, /does not serve this account to other software/);
    assert.match(unsupported.says, /no longer supported/);
    const unverified = await assist({ code_assist: { state: 'setup_validation' } });
    assert.deepEqual([unverified.account, unverified.link], ['needs_validation', 'https://accounts.google.com/verify?setup=1']);
    const later = await assist();
    for (const [state, wanted, link] of [['validation', 'needs_validation', 'https://accounts.google.com/verify?plt=1'], ['tos', 'tos', 'https://forms.gle/appeal']]) {
      await pollux.cli('account', 'enable', String(later.id));
      await google({ accounts: [{ email: later.email, code_assist: { ...licence, state } }] });
      assert.equal((await generate(pollux)).status, 503);
      const shown = await show(later.id);
      assert.deepEqual([shown.state, shown.account, shown.link], ['dead', wanted, link]);
    }
    await google({ accounts: [{ email: unverified.email, code_assist: licence }] });
    const back = await pollux.cli('account', 'refresh', String(unverified.id));
    assert.deepEqual([back.state, back.account], ['ready', 'ok'], 'the operator has opened the link');
  });

  test('a model that one account has not is served by another', async () => {
    await pollux.model('gemini-2.5-pro', { max_concurrency: 100 }); // configured: the whole pool may be asked at once
    await assist({ code_assist: { models: ['gemini-2.5-flash'] } });
    const other = await assist({ code_assist: { models: ['gemini-2.5-pro'] } });
    for (let i = 0; i < 5; i++) {
      const answer = await pollux.send('/v1beta/models/gemini-2.5-pro:generateContent', { body: body() });
      assert.equal(answer.status, 200, answer.text);
    }
    await pollux.settled();
    const used = await pollux.sql("select distinct credential_id as id from pollux.attempt where outcome = 'ok' and model = 'gemini-2.5-pro' and started_at > now() - interval '5 s'");
    assert.deepEqual(used, [{ id: other.id }]);
  });

  test('the project comes from the map by e-mail address', async () => {
    await pollux.cli('account', 'map', `user${serial + 1}@example.org`, 'cloud-b');
    const one = await assist({ code_assist: { project: 'cloud-b' } });
    assert.equal(one.google_project, 'cloud-b');
    const said = await pollux.command('account', 'map', 'x@example.org', '123456');
    assert.equal(said.code, 1);
    assert.match(said.err, /is a project number/);
  });
});

describe('logins through the administration', () => {
  const tokens = {};
  before(async () => {
    for (const role of ['viewer', 'operator']) tokens[role] = (await pollux.cli('admin', 'token', 'add', `accounts ${role}`, '--role', role)).token;
  });
  const admin = (where, options = {}) => pollux.send(where, { token: tokens.operator, ...options });
  const person = async () => {
    const email = `user${++serial}@example.org`;
    await google({ consent: email, accounts: [{ email, projects: ['cloud-a'], state: 'ok' }] });
    return email;
  };
  // What a browser does with Google's page: it follows to where Google sends it. The address, not opened.
  const consent = async (url) => {
    const answer = await fetch(url, { redirect: 'manual' });
    assert.equal(answer.status, 302, await answer.text());
    return answer.headers.get('location');
  };
  const start = async (body = {}) => {
    const answer = await admin('/admin/cli-auth/start', { body });
    assert.equal(answer.status, 200, answer.text);
    return answer.json();
  };
  const status = async (session) => (await admin(`/admin/cli-auth/status?session=${session}`)).json();

  test('a login by hand: start, Google, the address that could not be opened is pasted', async () => {
    const email = await person();
    const begun = await start({ upstream: 'gemini', project: 'cloud-a', label: 'mine' });
    const asked = new URL(begun.url).searchParams;
    assert.deepEqual([asked.get('code_challenge_method'), asked.get('access_type'), asked.get('response_type')], ['S256', 'offline', 'code']);
    assert.ok(!begun.url.includes('GOCSPX'));
    assert.equal((await status(begun.session)).state, 'waiting');
    const address = await consent(begun.url);
    assert.match(address, /^http:\/\/127\.0\.0\.1:8765\/oauth2callback\?/);
    const answer = await admin('/admin/cli-auth/import', { body: { url: address } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.json().email, answer.json().label, answer.json().google_project], [email, 'mine', 'cloud-a']);
    const now = await status(begun.session);
    assert.deepEqual([now.state, now.account.email], ['done', email]);
    assert.equal((await generate(pollux)).status, 200);
    const again = await admin('/admin/cli-auth/import', { body: { url: address } });
    assert.equal(again.status, 400, 'the state is good for one time');
    assert.equal((await oauth()).exchanges, 1, 'and Google is not asked again');
    const audit = await pollux.sql(`select actor from pollux.audit where action = 'account.add' and subject = '${email}'`);
    assert.deepEqual(audit, [{ actor: 'token accounts operator' }]);
  });

  test('the code alone will do, with the session; a wrong code says so and ends the login', async () => {
    await person();
    const begun = await start();
    const code = new URL(await consent(begun.url)).searchParams.get('code');
    assert.equal((await admin('/admin/cli-auth/import', { body: { code } })).status, 400, 'whose code?');
    const answer = await admin('/admin/cli-auth/import', { body: { session: begun.session, code: encodeURIComponent(code) } });
    assert.equal(answer.status, 200, answer.text);
    const other = await start();
    const wrong = await admin('/admin/cli-auth/import', { body: { session: other.session, code: '4/0Amade-up-code' } });
    assert.equal(wrong.status, 400);
    assert.match(wrong.json().error.message, /Malformed auth code/);
    assert.equal((await status(other.session)).state, 'failed');
  });

  test('a login that took too long, or was not granted, makes no account', async () => {
    await person();
    const begun = await start();
    const address = await consent(begun.url);
    await pollux.sql(`update pollux.login set expires_at = pollux.now() - interval '1 second' where id = '${begun.session}'`);
    assert.equal((await admin('/admin/cli-auth/import', { body: { url: address } })).status, 400);
    assert.equal((await status(begun.session)).state, 'expired');
    await google({ consent: 'deny' });
    const denied = await start();
    const answer = await admin('/admin/cli-auth/import', { body: { url: await consent(denied.url) } });
    assert.equal(answer.status, 400);
    assert.match(answer.json().error.message, /not granted/);
    assert.deepEqual(await pollux.cli('account', 'list'), []);
  });

  test('in a browser: an admin token as the password, Google, and back; another browser cannot end it', async () => {
    const email = await person();
    const asked = await pollux.send('/oauth2/login', { token: null });
    assert.equal(asked.status, 401);
    assert.match(asked.headers['www-authenticate'], /^Basic /);
    const basic = (token) => ({ authorization: `Basic ${Buffer.from(`me:${token}`).toString('base64')}` });
    assert.equal((await pollux.send('/oauth2/login', { token: null, headers: basic(pollux.token) })).status, 403, 'a client token');
    assert.equal((await pollux.send('/oauth2/login', { token: null, headers: basic(tokens.viewer) })).status, 403, 'a viewer');
    const begun = await pollux.send('/oauth2/login?project=cloud-a', { token: null, headers: basic(tokens.operator) });
    assert.equal(begun.status, 302, begun.text);
    const [cookie] = begun.headers['set-cookie'];
    assert.match(cookie, /HttpOnly; SameSite=Lax/);
    const address = await consent(begun.headers.location);
    assert.ok(address.startsWith(`${pollux.url}/oauth2/callback?`), address);
    const where = address.slice(pollux.url.length);
    assert.equal((await pollux.send(where, { token: null })).status, 400, 'without the cookie');
    assert.equal((await pollux.send(where, { token: null, headers: { cookie: 'pollux_login=plx_made-up' } })).status, 400);
    const done = await pollux.send(where, { token: null, headers: { cookie: cookie.split(';')[0] } });
    assert.equal(done.status, 200, done.text);
    assert.match(done.text, new RegExp(email));
    assert.match(done.headers['content-security-policy'], /default-src 'none'/);
    assert.equal((await pollux.send(where, { token: null, headers: { cookie: cookie.split(';')[0] } })).status, 400, 'once');
    const forged = await pollux.send(`/oauth2/callback?code=4/0Astolen&state=${'0'.repeat(64)}`, { token: null });
    assert.equal(forged.status, 400);
    const odd = await pollux.send('/oauth2/callback?error=%3Cscript%3E&state=x', { token: null });
    assert.equal(odd.status, 400);
    assert.deepEqual(odd.text.match(/<script[^>]*>/g), ['<script src="/admin/theme.js">', '<script type="module" src="/admin/said.js">'], 'only scripts of the console');
    assert.match(odd.headers['content-security-policy'], /script-src 'self';/);
  });

  test('with a public address Google comes back to it; the redirect has to be registered', async () => {
    await person();
    await pollux.cli('setting', 'set', 'public_url', 'https://gateway.example.org/ai/');
    const begun = await start();
    assert.equal(begun.redirect_uri, 'https://gateway.example.org/ai/admin/cli-auth/callback');
    assert.equal((await fetch(begun.url, { redirect: 'manual' })).status, 400, 'Google: redirect_uri_mismatch');
    await google({ clients: [{ ...client, redirect_uris: [begun.redirect_uri] }] });
    const { pathname, search } = new URL(await consent(begun.url));
    const done = await pollux.send(pathname.replace('/ai', '') + search, { token: null });
    assert.equal(done.status, 200, done.text);
    assert.equal((await status(begun.session)).state, 'done');
    await pollux.cli('setting', 'set', 'public_url', '');
  });

  test('files of other programs: as the body, as a member, with a client of their own; what is wrong is said', async () => {
    const email = await person();
    await google({ accounts: [{ email, refresh_token: '1//0from-another-program' }] });
    const creds = { access_token: 'ya29.old', refresh_token: '1//0from-another-program', token_type: 'Bearer', scope: 'x openid', expiry_date: 1760000000000 };
    const plain = await admin('/admin/cli-auth/import', { body: creds });
    assert.equal(plain.status, 200, plain.text);
    assert.deepEqual([plain.json().email, plain.json().new], [email, true]);
    const member = await admin('/admin/cli-auth/import', { body: { credentials: JSON.stringify(creds), label: 'again' } });
    assert.deepEqual([member.json().id, member.json().new, member.json().label], [plain.json().id, false, 'again']);
    const nested = await admin('/admin/cli-auth/import', { body: { token: { refresh_token: '1//0from-another-program', expiry: '2026-01-01T00:00:00Z' }, project_id: 'cloud-a', email, auto: true, checked: true, type: 'gemini' } });
    assert.equal(nested.json().google_project, 'cloud-a');
    const second = { id: '999-other.apps.googleusercontent.com', secret: 'GOCSPX-other-planted-secret-value' };
    await google({ clients: [client, second], accounts: [{ email: `user${++serial}@example.org`, refresh_token: '1//0authorized-user-token', projects: ['cloud-b'], state: 'ok' }] });
    const own = await admin('/admin/cli-auth/import', { body: { type: 'authorized_user', client_id: second.id, client_secret: second.secret, refresh_token: '1//0authorized-user-token', quota_project_id: 'cloud-b' } });
    assert.equal(own.status, 200, own.text);
    assert.deepEqual([own.json().client_id, own.json().google_project], [second.id, 'cloud-b']);
    for (const [body, words] of [
      [{ access_token: 'ya29.x' }, /no refresh_token/], [{ type: 'service_account', private_key: 'x' }, /service accounts/],
      [{ installed: { client_id: 'x' } }, /OAuth client, not of an account/], [{ refresh_token: '1//0unknown-to-google-at-all' }, /does not accept this login/],
      [{ ...creds, project: '123456789' }, /project number/], [{ ...creds, upstream: 'vertex' }, /gemini or code_assist/],
    ]) {
      const answer = await admin('/admin/cli-auth/import', { body });
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.json().error.message, words);
    }
    assert.equal((await admin('/admin/cli-auth/import', { body: '{broken' })).status, 400);
  });

  test('only an operator may begin and end logins; a viewer may look', async () => {
    for (const token of [null, pollux.token, tokens.viewer]) {
      assert.ok([401, 403].includes((await admin('/admin/cli-auth/start', { token, body: {} })).status));
      assert.ok([401, 403].includes((await admin('/admin/cli-auth/import', { token, body: { refresh_token: 'x' } })).status));
    }
    assert.equal((await admin('/admin/cli-auth/status?session=00000000-0000-0000-0000-000000000000', { token: tokens.viewer })).status, 404);
    assert.equal((await admin('/admin/cli-auth/status?session=nonsense', { token: tokens.viewer })).status, 404);
    assert.equal((await admin('/admin/cli-auth/status', { token: pollux.token })).status, 403);
  });

  test('on the command line: the address to open, the answer on standard input', async () => {
    const email = await person();
    const child = (await import('node:child_process')).spawn(pollux.program, ['account', 'login', '--json'], { env: pollux.env });
    let shown = '';
    let out = '';
    child.stderr.on('data', (text) => { shown += text; });
    child.stdout.on('data', (text) => { out += text; });
    const url = await waitFor('the address', () => /^https?:\/\/\S+code_challenge\S+$/m.exec(shown)?.[0]);
    child.stdin.end(`  ${await consent(url)}  \n`);
    const code = await new Promise((resolve) => { child.on('close', resolve); });
    assert.equal(code, 0, shown);
    assert.equal(JSON.parse(out).email, email);
  });
});

test('fewer working credentials than wanted: a warning in /health, in `pollux check` and at the start', async () => {
  const one = await account();
  await pollux.setting('credentials_minimum', '2');
  const warned = await waitFor('/health to look again', async () => (await pollux.send('/health', { token: null })).json().warning);
  assert.match(warned, /1 credentials work, at least 2 should/);
  const line = (await pollux.cli('check', '--offline')).find((found) => found.check === 'keys');
  assert.equal(line.state, 'warn');
  await pollux.stop({ keep: true });
  await pollux.start();
  await waitFor('the warning in the log', () => pollux.logs().some(({ text }) => /warn .*1 credentials work, at least 2 should/.test(text)));
  assert.equal((await generate(pollux)).status, 200, 'and requests are served');
  const other = await account();
  await waitFor('the warning to go', async () => (await pollux.send('/health', { token: null })).json().warning === undefined);
  assert.ok(one.id !== other.id);
});

test('no refresh token, access token, client secret or code is in a log, a URL, a view, a job, an event or a dump', async () => {
  const one = await account();
  await assistOnce();
  const seen = await oauth();
  const secrets = [client.secret, 'GOCSPX-other-planted-secret-value', '1//0planted-refresh-token-1', '1//0from-another-program', '1//0authorized-user-token',
    ...seen.access_tokens, ...Object.values(seen.refresh_tokens).flat()].filter((secret) => secret.length > 16);
  assert.ok(secrets.length > 30, `${secrets.length} secrets were planted`);
  const search = (where, text) => assert.deepEqual(secrets.filter((secret) => text.includes(secret) || text.includes(Buffer.from(secret).toString('hex'))), [], `a secret is in ${where}`);
  for (const { file: log, text } of pollux.logs()) search(log, text);
  for (const { file: log, text } of pollux.logs()) assert.ok(!/code=4|state=[0-9a-f]{64}/.test(text), log);
  for (const words of [['account', 'list', '--json'], ['account', 'list'], ['account', 'client'], ['key', 'list', '--json'], ['check'], ['account', 'refresh', String(one.id), '--json']]) {
    const said = await pollux.command(...words);
    search(words.join(' '), said.out + said.err);
  }
  search('URLs at Google', (await pollux.sim.stats()).urls.join('\n'));
  const views = await pollux.sql("select table_name as name from information_schema.views where table_schema = 'report'");
  for (const { name } of views) search(`report.${name}`, JSON.stringify(await pollux.sql(`select * from report.${name}`, 'pollux_read')));
  const dump = await run('pg_dump', ['-d', pollux.owner.replace('pollux_owner', 'postgres')], { env: pollux.env });
  assert.equal(dump.code, 0, dump.err);
  assert.match(dump.out, /COPY pollux\.account /);
  search('the dump', dump.out);
});

// One more login with a code, so that codes are among what could leak; and a refusal whose words quote a token.
async function assistOnce() {
  const one = await account({ upstream: 'code_assist', google: { code_assist: { tier: 'standard-tier', project: 'cloud-a' } } });
  await google({ fail: { status: 500, error: `internal_failure ya29.${'x'.repeat(40)}`, times: 1 } });
  await pollux.command('account', 'refresh', String(one.id));
  assert.ok(!(await show(one.id)).says?.includes('xxxxxxxx'), 'what Google says is shown without what looks like a secret');
}
