// SPDX-License-Identifier: MIT
// words.js: what the codes of the server are called, and how they look: states, reasons, outcomes. The same words on
// every page.
import { el } from './dom.js';
import { duration, number, percent, span } from './format.js';
import { named, plural, t } from './i18n.js';

const states = {
  ready: ['ok', 'ready'], resting: ['rest', 'resting'], dead: ['bad', 'broken'], broken: ['bad', 'broken'], disabled: ['', 'off'], removed: ['', 'removed'],
  out: ['bad', 'refused for good'], active: ['ok', 'active'], expired: ['rest', 'expired'], revoked: ['', 'revoked'], off: ['', 'off'],
  alive: ['ok', 'alive'], silent: ['rest', 'silent'], gone: ['bad', 'lost'], left: ['', 'left'], ok: ['ok', 'ok'], warn: ['rest', 'warning'], fail: ['bad', 'failed'],
  done: ['ok', 'done'], failed: ['bad', 'failed'], running: ['info', 'running'], queued: ['', 'waiting'], waiting: ['', 'waiting'], late: ['rest', 'late'],
  open: ['info', 'under way'], spent: ['rest', 'spent'], needs_login: ['bad', 'needs a new login'], needs_validation: ['bad', 'needs a confirmation'],
  refused: ['bad', 'refused'], on: ['ok', 'on'], half_open: ['rest', 'on trial'], closed: ['ok', 'closed'],
};

// stateTag shows a state as a word in its colour.
export function stateTag(code) {
  const [look, word] = states[code] ?? ['', null];
  return el('span', { class: `tag ${look}` }, word ? t(word) : named({}, code));
}

// Why a credential, or a project for a model, is not used now: spent_ by our own count, told_ by Google, or a word alone.
const reasons = {
    rpm: 'minute quota used up', tpm: 'token quota of the minute used up', rpd: 'daily quota spent', tpd: 'token quota of the day spent', exhausted: 'quota used up', quota: 'quota used up', long: 'Google asked to wait',
  retry_info: 'Google asked to wait', bare: 'Google said: too many requests', tool: 'Google said: too many requests', limit_0_here: 'Google allows no request of this model', capacity: 'Google lacks capacity for this model',
  timeout: 'took too long', model_denied: 'Google does not allow this model', overloaded: 'overloaded', empty: 'empty answer', truncated: 'cut off', reset: 'connection lost',
  backoff: 'rests after failures', trial: 'one trial request is under way', limit_0: 'Google allows no request of this model', credential: 'no usable credential in this project',
  API_KEY_INVALID: 'Google does not know this key (any more)', expired: 'the key has expired', suspended: 'Google suspended the project', leaked: 'Google found the key in public and blocked it',
  denied: 'Google denied the project access', SERVICE_DISABLED: 'the Gemini API is switched off in this project', API_KEY_SERVICE_BLOCKED: 'the key is not allowed to use the Gemini API',
  API_KEY_HTTP_REFERRER_BLOCKED: 'the key is restricted to web pages', API_KEY_IP_ADDRESS_BLOCKED: 'the key is restricted to other IP addresses',
  API_KEY_ANDROID_APP_BLOCKED: 'the key is restricted to an Android app', API_KEY_IOS_APP_BLOCKED: 'the key is restricted to an iOS app',
  CONSUMER_INVALID: 'the project of the key is not valid', billing: 'billing is switched off in this project', ACCOUNT_STATE_INVALID: 'Google says the account cannot be used',
  TOS_VIOLATION: 'Google says the account broke its terms', VALIDATION_REQUIRED: 'Google wants the account to be confirmed', UNSUPPORTED_CLIENT: 'Google does not allow this software for the account',
};
export const reasonOf = (code) => named(reasons, code?.replace(/^(spent|told)_/, ''));

const outcomes = {
  ok: ['ok', 'answered'], caller: ['rest', 'caller’s mistake'], refused: ['rest', 'refused'], exhausted: ['bad', 'no quota left'], upstream_error: ['bad', 'upstream failed'],
  truncated: ['bad', 'cut off'], client_gone: ['', 'client left'], unavailable: ['bad', 'not available'], lost: ['bad', 'lost'], open: ['info', 'under way'],
  empty: ['bad', 'empty answer'], quota_minute: ['rest', 'minute quota'], quota_day: ['rest', 'daily quota'], quota_tokens: ['rest', 'token quota'], quota_bare: ['rest', 'too many requests'],
  quota_never: ['bad', 'model not allowed'], credential_dead: ['bad', 'key refused'], location: ['bad', 'location not allowed'], overloaded: ['rest', 'overloaded'],
  error_in_200: ['bad', 'error inside a 200'], connect: ['bad', 'no connection'], timeout_first_byte: ['bad', 'no first byte in time'], timeout_idle: ['bad', 'fell silent'],
  timeout_total: ['bad', 'took too long'], reset: ['bad', 'connection lost'], auth_expired: ['rest', 'access token expired'],
};
export const outcomeCodes = ['ok', 'caller', 'refused', 'exhausted', 'upstream_error', 'truncated', 'client_gone', 'unavailable', 'lost'];
export const outcomeWord = (code) => (outcomes[code] ? t(outcomes[code][1]) : named({}, code));
export const outcomeTag = (code, status) => el('span', { class: `tag ${outcomes[code]?.[0] ?? ''}` }, status && code !== 'ok' ? `${status} ` : '', status && code === 'ok' ? String(status) : outcomeWord(code));

// Why a request was refused before anything was sent to Google, or given up while it waited for its turn.
const refusals = {
  unauthenticated: 'no valid client token', token_expired: 'the client token has expired', token_revoked: 'the client token was revoked', open_access_off: 'no client token, and open access is off',
  banned: 'the address is banned', ip_minute: 'the address has used up its requests of the minute', ip_hour: 'the address has used up its requests of the hour', protected: 'few credentials are ready, so open access gives way',
  model_hidden: 'this model is not offered', model_denied: 'the client may not use this model', client_rpm: 'the client has used up its requests of the minute', client_tpm: 'the client has used up its tokens of the minute',
  client_budget: 'the client has used up its tokens of the day', no_credentials: 'no credential can be used', resource_conflict: 'its files belong to different projects', malformed: 'the request could not be understood',
  model_unavailable: 'no project may use this model', exhausted: 'all credentials have reached their limits', quota: 'all credentials have reached their limits', concurrency: 'too many at the same time for this model',
};

// errorWords is what the log says of a failed request, in words; Google's own stay as they are.
export function errorWords(text) {
  const refused = /^refused: (\w+)$/.exec(text);
  if (refused) return t('Refused: {why}.', { why: named(refusals, refused[1]) });
  const waited = /^waited (\d+) ms, next in (\d+) ms \((\w+)\)$/.exec(text);
  return waited ? t('Waited {waited}: {why}. The next could have gone {next} later.', { waited: duration(Number(waited[1])), next: span(Number(waited[2])), why: named(refusals, waited[3]) }) : text;
}

// What a credential or a project turned to, in its history.
const turns = {
  new: ['', 'added'],  ready: ['ok', 'ready'], closed: ['ok', 'in use again'], open: ['rest', 'failing, tried now and then'], half_open: ['rest', 'on trial'], resting: ['rest', 'resting'], out: ['bad', 'refused for good'],
  dead: ['bad', 'broken'], disabled: ['', 'off'], removed: ['', 'removed'], archived: ['', 'in the archive'],
};
export const turnLook = (code) => turns[code]?.[0] ?? '';
export const turnWord = (code) => (turns[code] ? t(turns[code][1]) : named({}, code));

const kinds = { api_key: 'key', account: 'account' };
export const kindOf = (code) => named(kinds, code);

const sources = { configured: 'configured', learned: 'learned', unknown: 'unknown' };
export const sourceOf = (code) => named(sources, code);

// leftOf says what is left today of a model; of projects whose limit nobody knows nothing is counted.
export function leftOf({ limit, left, unknown }) {
  const title = unknown > 0 ? plural(unknown, 'Of {n} project no limit is known: it may serve more.', 'Of {n} projects no limit is known: they may serve more.') : undefined;
  if ((limit ?? null) === null || (unknown > 0 && left === 0)) return el('span', { class: 'muted', title }, t('no limit known'));
  return unknown > 0 ? el('span', { title }, t('at least {n}', { n: number(left) })) : number(left);
}

// leftMeter is the share of it as a bar, where all limits are known.
export function leftMeter({ limit, left, unknown }, short) {
  if (!(limit > 0) || unknown > 0) return '';
  const share = Math.max(0, Math.min(100, (100 * left) / limit));
  return el('span', { class: `meter ${short ? 'short' : ''} ${share < 10 ? 'low' : ''}`, role: 'img', 'aria-label': `${percent(left, limit)} %` }, el('i', { style: { width: `${share}%` } }));
}

// Every state, reason and outcome has a translation: what the tests walk.
export const tables = { states: Object.fromEntries(Object.entries(states).map(([code, [, word]]) => [code, word])), reasons, outcomes: Object.fromEntries(Object.entries(outcomes).map(([code, [, word]]) => [code, word])), kinds, sources, refusals };
