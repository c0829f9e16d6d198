// SPDX-License-Identifier: MIT
// Google's OAuth 2.0: consent, codes (with PKCE), refresh tokens (that may rotate), access tokens
// that expire, and whose they are. As strict as RFC 6749 and 7636 and as Google words it.

import { createHash, randomBytes } from 'node:crypto';
import { fault, unauthenticated } from './errors.mjs';
import { now } from './clock.mjs';
import { pause } from './sink.mjs';
import { send, sendJson } from './reply.mjs';

const SCOPE = 'https://www.googleapis.com/auth/';
const CODE_MS = 10 * 60 * 1000;
const JSON_TYPE = 'application/json; charset=utf-8';

const token = (prefix) => prefix + randomBytes(24).toString('base64url');
const sha256 = (text) => createHash('sha256').update(text).digest('base64url');

const DEFAULTS = {
  clients: [] /* {id, secret, redirect_uris (installed clients: any loopback address), project} */,
  accounts: [] /* {email, refresh_token, projects, state, code_assist} */,
  consent: null /* e-mail of who logs in; null: the first account; "deny": nobody */,
  expires_in: 3599,
  rotate: false /* a refresh gives a new refresh token and the old one is dead */,
  refresh_delay_ms: 0,
  fail: null /* {status, error, times}: refreshes fail */,
};

export class OAuth {
  constructor() {
    Object.assign(this, structuredClone(DEFAULTS));
    this.codes = new Map();
    this.access = new Map();
    this.refresh = new Map();
    this.emails = new Map();
    this.reset();
  }

  reset() {
    this.seen = {
      consents: 0, exchanges: 0, refreshes: 0, granted: 0, refused: 0, under_way: 0, max_under_way: 0,
      by_account: {}, errors: [], imitations: 0,
    };
  }

  merge(given) {
    const { accounts, ...rest } = given;
    Object.assign(this, rest);
    for (const one of accounts || []) this.mergeAccount(one);
  }

  mergeAccount(given) {
    const account = this.emails.get(given.email) || { state: 'ok', projects: [], tokens: new Set() };
    Object.assign(account, given);
    if (given.code_assist) account.code_assist = { ...given.code_assist };
    this.emails.set(given.email, account);
    if (given.refresh_token) this.remember(given.refresh_token, account);
    if (given.access_token)
      this.access.set(given.access_token, { account, expires: now() + (given.access_expires_in ?? this.expires_in) * 1000 });
    if (given.expire) for (const [name, row] of this.access) if (row.account === account) this.access.delete(name);
  }

  remember(refresh, account, client = null) {
    this.refresh.set(refresh, { account, client });
  }

  view() {
    return {
      ...this.seen,
      refresh_tokens: Object.fromEntries([...this.emails].map(([email, account]) => [
        email, [...this.refresh].filter(([, row]) => row.account === account).map(([name]) => name),
      ])),
      access_tokens: [...this.access.keys()],
    };
  }

  /** The account of a Bearer token, or null when it is unknown, expired or revoked. */
  owner(bearer) {
    const row = this.access.get(bearer);
    return row && row.expires > now() && row.account.state === 'ok' ? row.account : null;
  }

  client(id) {
    return this.clients.find((one) => one.id === id);
  }

  /** New tokens of an account. A refresh token only at a first grant, or when they rotate. */
  grant(account, client, refresh) {
    const access_token = token('ya29.');
    this.access.set(access_token, { account, expires: now() + this.expires_in * 1000 });
    this.seen.granted++;
    const claims = { iss: 'https://accounts.google.com', aud: client.id, email: account.email, email_verified: true };
    return {
      access_token,
      expires_in: this.expires_in,
      ...(refresh ? { refresh_token: refresh } : {}),
      scope: `${SCOPE}userinfo.email ${SCOPE}cloud-platform openid ${SCOPE}userinfo.profile`,
      token_type: 'Bearer',
      id_token: ['{"alg":"RS256"}', JSON.stringify(claims), 'signature'].map((s) => Buffer.from(s).toString('base64url')).join('.'),
    };
  }
}

/** Who a Bearer token belongs to and which project pays; a failure, or null after setting key and project. */
export function bearerOf(call, bearer) {
  const { oauth, config } = call.sim;
  const account = oauth.owner(bearer);
  if (!account) return unauthenticated('ACCESS_TOKEN_EXPIRED');
  const named = call.req.headers['x-goog-user-project'];
  const id = named || account.projects[0];
  call.key = account.email;
  call.account = account;
  if (!id || !account.projects.includes(id))
    return fault(403, `Caller does not have required permission to use project ${id}. Grant the caller the `
      + 'roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use '
      + 'permission, by visiting https://console.developers.google.com/iam-admin/iam/project and then retry.', {
      details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'USER_PROJECT_DENIED',
        domain: 'googleapis.com', metadata: { consumer: `projects/${id}` } }],
    });
  if (!config.projects.has(id)) config.mergeProject({ id });
  call.project = config.projects.get(id);
  return null;
}

/* ---- the endpoints ---- */

const page = (call, status, title) =>
  send(call, status, 'text/html; charset=utf-8', `<html><title>Error ${status} (OAuth)</title><body>Access blocked: ${title}</body></html>`);

function refuse(call, status, error, description, more = {}) {
  const { seen } = call.sim.oauth;
  seen.refused++;
  seen.errors.push(error);
  const body = JSON.stringify({ error, error_description: description, ...more }, null, 2);
  send(call, status, JSON_TYPE, body);
}

const LOOPBACK = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(\/|$)/;

function redirectOk(client, uri) {
  return (client.redirect_uris || []).includes(uri) || (client.type !== 'web' && LOOPBACK.test(uri));
}

function authorize(call) {
  const { oauth } = call.sim;
  const q = call.query;
  const client = oauth.client(q.client_id);
  if (!client) return page(call, 401, 'Error 401: invalid_client. The OAuth client was not found.');
  if (!redirectOk(client, q.redirect_uri)) return page(call, 400, 'Error 400: redirect_uri_mismatch');
  if (q.response_type !== 'code') return page(call, 400, 'Error 400: unsupported_response_type');
  if (!q.scope) return page(call, 400, 'Error 400: invalid_request. Missing required parameter: scope');
  if (q.code_challenge && q.code_challenge_method !== 'S256')
    return page(call, 400, 'Error 400: invalid_request. Only S256 is accepted here');
  oauth.seen.consents++;
  const target = new URL(q.redirect_uri);
  if (q.state !== undefined) target.searchParams.set('state', q.state);
  if (oauth.consent === 'deny') {
    target.searchParams.set('error', 'access_denied');
  } else {
    const account = oauth.emails.get(oauth.consent) || [...oauth.emails.values()][0];
    const code = token('4/0A');
    oauth.codes.set(code, { account, client, redirect: q.redirect_uri, challenge: q.code_challenge,
      offline: q.access_type === 'offline', until: now() + CODE_MS });
    target.searchParams.set('code', code);
    target.searchParams.set('scope', q.scope);
  }
  return send(call, 302, 'text/html', '', ['Location', target.href]);
}

function form(call) {
  const type = call.req.headers['content-type'] || '';
  return type.startsWith('application/x-www-form-urlencoded') ? Object.fromEntries(new URLSearchParams(call.raw.toString())) : null;
}

async function tokens(call) {
  const { oauth } = call.sim;
  const given = form(call);
  if (!given || call.req.method !== 'POST') return refuse(call, 400, 'invalid_request', 'Could not find a form.');
  if (Object.keys(call.query).length > 0) return refuse(call, 400, 'invalid_request', 'Parameters belong into the body.');
  const client = oauth.client(given.client_id);
  if (!client) return refuse(call, 401, 'invalid_client', 'The OAuth client was not found.');
  if (client.secret !== given.client_secret) return refuse(call, 401, 'invalid_client', 'The provided client secret is invalid.');
  if (given.grant_type === 'authorization_code') return exchange(call, oauth, client, given);
  if (given.grant_type === 'refresh_token') return refreshed(call, oauth, client, given);
  return refuse(call, 400, 'unsupported_grant_type', `Invalid grant_type: ${given.grant_type}`);
}

function exchange(call, oauth, client, given) {
  oauth.seen.exchanges++;
  const found = oauth.codes.get(given.code);
  oauth.codes.delete(given.code); /* a code is good for one time, also when it fails */
  if (!found || found.client !== client || found.until < now()) return refuse(call, 400, 'invalid_grant', 'Malformed auth code.');
  if (found.redirect !== given.redirect_uri) return refuse(call, 400, 'redirect_uri_mismatch', 'Bad Request');
  if (found.challenge && sha256(given.code_verifier || '') !== found.challenge)
    return refuse(call, 400, 'invalid_grant', given.code_verifier ? 'Invalid code verifier.' : 'Missing code verifier.');
  const refresh = found.offline ? token('1//0') : null;
  if (refresh) oauth.remember(refresh, found.account, client);
  return answer(call, oauth.grant(found.account, client, refresh));
}

const DEAD = {
  revoked: ['Token has been expired or revoked.'],
  deleted: ['Account has been deleted'],
  rapt: ['reauth related error (invalid_rapt)', { error_subtype: 'invalid_rapt' }],
};

async function refreshed(call, oauth, client, given) {
  const { seen } = oauth;
  const row = oauth.refresh.get(given.refresh_token);
  seen.refreshes++;
  seen.max_under_way = Math.max(seen.max_under_way, ++seen.under_way);
  await pause(call, oauth.refresh_delay_ms);
  seen.under_way--;
  if (oauth.fail && oauth.fail.times-- > 0)
    return refuse(call, oauth.fail.status, oauth.fail.error, 'try again later');
  if (!row || (row.client && row.client !== client)) return refuse(call, 400, 'invalid_grant', 'Bad Request');
  const { account } = row;
  seen.by_account[account.email] = (seen.by_account[account.email] || 0) + 1;
  if (DEAD[account.state]) return refuse(call, 400, 'invalid_grant', DEAD[account.state][0], DEAD[account.state][1]);
  if (!oauth.rotate) return answer(call, oauth.grant(account, client, null));
  oauth.refresh.delete(given.refresh_token);
  const next = token('1//0');
  oauth.remember(next, account, client);
  return answer(call, oauth.grant(account, client, next));
}

const answer = (call, value) => send(call, 200, JSON_TYPE, JSON.stringify(value, null, 2), ['Cache-Control', 'no-store']);

const bearer = (call) => (call.req.headers.authorization || '').replace(/^Bearer\s+/i, '');

function userinfo(call) {
  const account = call.sim.oauth.owner(bearer(call));
  if (!account)
    return send(call, 401, JSON_TYPE, JSON.stringify({ error: { code: 401, message: 'Request is missing required authentication credential.', status: 'UNAUTHENTICATED' } }));
  return sendJson(call, { id: '1', email: account.email, verified_email: true, name: account.email });
}

function revoke(call) {
  const { oauth } = call.sim;
  const given = (form(call) || {}).token || call.query.token;
  if (!oauth.refresh.delete(given) && !oauth.access.delete(given)) return refuse(call, 400, 'invalid_token', 'Token expired or revoked');
  return answer(call, {});
}

export const OAUTH_ROUTES = {
  'GET /o/oauth2/v2/auth': authorize,
  'POST /token': tokens,
  'GET /oauth2/v2/userinfo': userinfo,
  'POST /revoke': revoke,
};
