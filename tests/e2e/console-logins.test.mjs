// SPDX-License-Identifier: MIT
// The logins of accounts open to a session of the console as they do to an admin token, and to nobody else.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { signIn } from '../lib/console.mjs';
import { projects } from '../lib/sim.mjs';

let pollux, boss, guest;
before(async () => {
  pollux = await startPollux({ sim: { projects: projects(1) } });
  boss = Object.assign(await signIn(pollux), { base: '/admin/cli-auth' });
  guest = Object.assign(await signIn(pollux, 'guest', 'viewer'), { base: '/admin/cli-auth' });
});
after(() => pollux?.stop());

test('an operator begins a login with the session, and is told what is missing', async () => {
  const answer = await boss.post('/start', {});
  assert.equal(answer.status, 400, 'it got in: what fails is the OAuth client, which nobody configured');
  assert.match(answer.text, /no OAuth client is configured/);
});

test('a viewer may look at logins and begin none', async () => {
  assert.equal((await guest.get('/status')).status, 404, 'there is no login yet');
  assert.equal((await guest.post('/start', {})).status, 403);
  assert.equal((await guest.post('/import', { credentials: '{}' })).status, 403);
});

test('without CSRF token, from another site, without a session nothing begins', async () => {
  for (const path of ['/start', '/import']) {
    const without = await boss.call('POST', path, {}, { 'x-csrf-token': 'not it' });
    const foreign = await boss.call('POST', path, {}, { origin: 'https://elsewhere.example' });
    const stranger = await boss.call('POST', path, {}, { cookie: '' });
    assert.deepEqual([without.status, foreign.status, stranger.status], [403, 403, 401], path);
  }
});

test('a session that has ended opens nothing, and a wrong token is not made up for by a session', async () => {
  const other = Object.assign(await signIn(pollux, 'other', 'operator'), { base: '/admin/cli-auth' });
  const { cookie } = other;
  other.base = '/admin/api';
  assert.equal((await other.post('/logout', {})).status, 200);
  Object.assign(other, { base: '/admin/cli-auth', cookie });
  assert.equal((await other.post('/start', {})).status, 401);
  assert.equal((await boss.call('GET', '/status', undefined, { authorization: 'Bearer plxa_no-such-token-at-all' })).status, 401);
});
