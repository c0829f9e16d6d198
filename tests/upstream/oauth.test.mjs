// SPDX-License-Identifier: MIT
// Google's OAuth and Code Assist, as strict as they are.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Simulator } from './simulator.mjs';

const client = { id: 'c1', secret: 's1' };
const email = 'me@example.org';
let simulator;
let base;
before(async () => {
  simulator = new Simulator({
    oauth: { clients: [client], accounts: [{ email, refresh_token: '1//r', projects: ['p1'], code_assist: { project: 'p1' } }] },
  });
  base = `http://127.0.0.1:${await simulator.listen(0)}`;
});
after(() => simulator.close());

const redirect_uri = 'http://127.0.0.1:1234/x';
const ask = (more = {}) =>
  fetch(`${base}/o/oauth2/v2/auth?${new URLSearchParams({ response_type: 'code', client_id: 'c1', redirect_uri, scope: 'x', access_type: 'offline', state: 'st', ...more })}`, { redirect: 'manual' });
async function tokens(fields) {
  const body = new URLSearchParams({ client_id: 'c1', client_secret: 's1', ...fields });
  const answer = await fetch(`${base}/token`, { method: 'POST', body });
  return { status: answer.status, ...(await answer.json()) };
}
async function code(more) {
  const answer = await ask(more);
  assert.equal(answer.status, 302, await answer.text());
  return new URL(answer.headers.get('location')).searchParams.get('code');
}
async function assist(verb, body, token) {
  const access = token ?? (await tokens({ grant_type: 'refresh_token', refresh_token: '1//r' })).access_token;
  const answer = await fetch(`${base}/v1internal:${verb}`, { method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${access}`, 'user-agent': 'test' } });
  return { status: answer.status, json: await answer.json() };
}

test('consent: client, redirect and PKCE method are checked', async () => {
  assert.equal((await ask({ client_id: 'nobody' })).status, 401);
  assert.equal((await ask({ redirect_uri: 'https://elsewhere.example/' })).status, 400);
  assert.equal((await ask({ code_challenge: 'x', code_challenge_method: 'plain' })).status, 400);
  assert.equal(new URL((await ask()).headers.get('location')).searchParams.get('state'), 'st');
});
test('a code is good for one time, for its client, redirect and verifier', async () => {
  const verifier = 'v'.repeat(64);
  const challenge = { code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' };
  const given = { grant_type: 'authorization_code', redirect_uri };
  assert.equal((await tokens({ ...given, code: await code(challenge) })).error, 'invalid_grant');
  assert.equal((await tokens({ ...given, code: await code(challenge), code_verifier: 'w' })).error, 'invalid_grant');
  assert.equal((await tokens({ ...given, code: await code(), redirect_uri: 'http://127.0.0.1/' })).error, 'redirect_uri_mismatch');
  const good = await code(challenge);
  const first = await tokens({ ...given, code: good, code_verifier: verifier });
  assert.match(first.refresh_token, /^1\/\//);
  assert.equal((await tokens({ ...given, code: good, code_verifier: verifier })).error, 'invalid_grant');
  assert.equal((await tokens({ grant_type: 'refresh_token', refresh_token: first.refresh_token })).refresh_token, undefined);
  assert.equal((await tokens({ grant_type: 'refresh_token', refresh_token: first.refresh_token, client_secret: 'no' })).status, 401);
});
test('refresh tokens rotate when told, and die', async () => {
  simulator.configure({ oauth: { rotate: true, accounts: [{ email, refresh_token: '1//rotating' }] } });
  const next = (await tokens({ grant_type: 'refresh_token', refresh_token: '1//rotating' })).refresh_token;
  assert.equal((await tokens({ grant_type: 'refresh_token', refresh_token: '1//rotating' })).error, 'invalid_grant');
  simulator.configure({ oauth: { rotate: false, accounts: [{ email, state: 'rapt' }] } });
  assert.equal((await tokens({ grant_type: 'refresh_token', refresh_token: next })).error_subtype, 'invalid_rapt');
  simulator.configure({ oauth: { accounts: [{ email, state: 'ok' }] } });
});
test('the Gemini API takes the token with a project of its account', async () => {
  const { access_token: access } = await tokens({ grant_type: 'refresh_token', refresh_token: '1//r' });
  const list = (headers) => fetch(`${base}/v1beta/models`, { headers });
  assert.equal((await list({ authorization: `Bearer ${access}` })).status, 200);
  assert.equal((await list({ authorization: `Bearer ${access}`, 'x-goog-user-project': 'other' })).status, 403);
  assert.equal((await list({ authorization: 'Bearer ya29.unknown' })).status, 401);
});
test('Code Assist: the envelope, and what does not belong into it', async () => {
  const request = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
  const envelope = { model: 'gemini-2.5-flash', project: 'p1', request };
  const good = await assist('generateContent', envelope);
  assert.equal(good.status, 200);
  assert.equal(good.json.response.candidates[0].content.parts[0].text, 'hello');
  assert.ok(good.json.traceId);
  for (const [change, status] of [
    [{ model: 'models/gemini-2.5-flash' }, 404], [{ project: 'other' }, 403], [{ project: undefined }, 403], [{ contents: [] }, 400],
    [{ request: { contents: [{ parts: [{ text: 'x' }] }] } }, 400], [{ request: { ...request, top: 1 } }, 400],
  ]) assert.equal((await assist('generateContent', { ...envelope, ...change })).status, status, JSON.stringify(change));
  assert.equal((await assist('countTokens', { request: { model: 'models/x', contents: request.contents } })).json.totalTokens > 0, true);
  assert.equal((await assist('countTokens', { request: { model: 'x', contents: request.contents } })).status, 404);
  assert.equal((await assist('countTokens', { model: 'x', request: {} })).status, 400);
  assert.equal((await assist('embedContent', {})).status, 404);
  assert.equal((await assist('loadCodeAssist', {}, 'ya29.no')).status, 401);
  assert.equal((await assist('onboardUser', { tierId: 'free-tier', cloudaicompanionProject: 'p1' })).status, 412);
});
