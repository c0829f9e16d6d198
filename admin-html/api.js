// SPDX-License-Identifier: MIT
// api.js: the only fetch() of the console. Paths are relative to the page, so that the console works below any prefix.
// The rules of the server stand in fcgi/admin/console.h.
import { language, server, t } from './i18n.js';

// What the server refuses: status, message and hint in its words (in Chinese where zh.js has them), field if one is to blame, retry: seconds, if it says when to
// come again.
export class ApiError extends Error {
  constructor(status, error, retry) {
    super(server(error?.message) || t('The server answered with status {status}.', { status }));
    this.name = 'ApiError';
    this.status = status;
    this.hint = server(error?.hint);
    this.field = error?.field;
    this.retry = retry;
  }

  // words is message and hint, as two sentences.
  get words() {
    if (!this.hint) return this.message;
    const [stop, blank] = language === 'zh' ? ['。', ''] : ['.', ' '];
    return `${this.message}${/[.!?:。！？：]$/.test(this.message) ? '' : stop}${blank}${this.hint}`;
  }
}

let csrf = null;

// What a page asks by itself keeps nobody signed in: a minute after the last sign of a person it says so.
let seen = Date.now();
for (const sign of ['pointerdown', 'pointermove', 'keydown', 'wheel']) addEventListener(sign, () => { seen = Date.now(); }, { capture: true, passive: true });
const alone = () => Date.now() - seen > 60_000;

// session is who is signed in; a page that has it can change things.
export async function session(options) {
  const who = await get('session', {}, options);
  csrf = who.csrf;
  return who;
}

export const get = (path, params, options) => ask('GET', path + query(params), undefined, options);
export const post = (path, body = {}, options) => ask('POST', path, body, options);
export const patch = (path, body, options) => ask('PATCH', path, body, options);
export const remove = (path, body, options) => ask('DELETE', path, body, options);

// Logins of accounts have an address of their own, which scripts use as well.
export const logins = {
  start: (wish) => post('start', wish, { base: 'cli-auth/' }),
  status: (id) => get('status', { session: id }, { base: 'cli-auth/' }),
  import: (body) => post('import', body, { base: 'cli-auth/' }),
};

// segment puts an id or a name into a path.
export const segment = (text) => encodeURIComponent(String(text));

function query(params = {}) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== null && value !== undefined && value !== '') words.set(name, value);
  return words.size > 0 ? `?${words}` : '';
}

// list asks for a page of a list, as table.js wants it: {rows, next, total, estimated, more: there are more than total}.
export async function list(path, { filters = {}, sort, descending, cursor, limit } = {}) {
  const page = await get(path, { ...filters, sort: sort && (descending ? `-${sort}` : sort), after: cursor, limit });
  return { rows: page.items, next: page.next ?? null, total: page.total, estimated: page.total_exact === false, more: page.total_more === true, page };
}

// fullList is list for what the server looks for a moment only: it goes on until the page is full, for some seconds.
export async function fullList(path, asked) {
  const first = await list(path, asked);
  const until = performance.now() + 3000;
  const rows = [...first.rows];
  let { next } = first;
  while (next && rows.length < asked.limit && performance.now() < until) {
    const more = await list(path, { ...asked, cursor: next, limit: asked.limit - rows.length });
    rows.push(...more.rows);
    next = more.next;
  }
  const whole = first.more && !next && !asked.cursor;
  return { ...first, rows, next, ...(whole ? { total: rows.length, estimated: false, more: false } : {}) };
}

// inParts repeats a call that works in parts until it has no more to do; `said` hears {done, left} after each.
export async function inParts(path, body, said = () => true) {
  let after = null;
  let done = 0;
  do {
    const part = await post(path, after ? { ...body, after } : body);
    done += part.done ?? 0;
    after = part.next ?? null;
    if (said({ done, left: part.left ?? 0, part }) === false) break;
  } while (after !== null);
  return done;
}

async function ask(method, path, body, { quiet = false, again = true, base = 'api/', patience = 30_000 } = {}) {
  const { answer, text } = await send(`${base}${path}`, method, body, patience);
  const value = readJson(text);
  if (answer.ok) return value;
  if (answer.status === 401 && !quiet) {
    // What somebody is typing is not thrown away.
    if (method !== 'GET' || document.querySelector('dialog[open]')) throw new ApiError(401, { message: t('Your session has ended.'), hint: t('Sign in again in another tab, then try once more: what you typed stays here.') });
    await leave();
  }
  // Another tab may have changed the password since: then there is a new token.
  if (answer.status === 403 && again && method !== 'GET' && /CSRF/.test(value?.error?.message ?? '')) {
    await session();
    return ask(method, path, body, { quiet, base, again: false });
  }
  throw new ApiError(answer.status, value?.error, Number(answer.headers.get('Retry-After')) || undefined);
}

// A question that nobody answers ends after `patience` ms, so that a page that refreshes itself goes on; a change does not:
// whether it was made would not be known.
async function send(path, method, body, patience) {
  const headers = { Accept: 'application/json', ...(method === 'GET' && alone() ? { 'X-Pollux-Idle': '1' } : {}) };
  if (method !== 'GET') Object.assign(headers, { 'Content-Type': 'application/json', ...(csrf ? { 'X-CSRF-Token': csrf } : {}) });
  try {
    const signal = method === 'GET' ? AbortSignal.timeout(patience) : undefined;
    const answer = await fetch(path, { method, headers, signal, body: method === 'GET' ? undefined : JSON.stringify(body ?? {}), credentials: 'same-origin', cache: 'no-store' });
    return { answer, text: await answer.text() };
  } catch (error) {
    if (error.name === 'TimeoutError') throw new ApiError(0, { message: t('The server did not answer in {n} seconds.', { n: patience / 1000 }) });
    throw new ApiError(0, { message: t('The server cannot be reached.'), hint: t('Is Pollux running, and the network up?') });
  }
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// To the door, and back to this page afterwards. Never resolves: the page is going away.
function leave() {
  const back = location.pathname.split('/').pop() + location.search + location.hash;
  location.href = `login.html?next=${encodeURIComponent(back)}`;
  return new Promise(() => {});
}

// load reads a file beside the page, as JSON.
export async function load(path) {
  const answer = await fetch(path, { credentials: 'same-origin' });
  if (!answer.ok) throw new ApiError(answer.status);
  return answer.json();
}

// The gateway itself, as an application would call it: for the playground and the first request. `seen` hears each piece
// of text as it comes; resolves to {status, headers, text, first_ms, total_ms}.
export async function callGateway(path, { token, body, method = 'POST', seen = () => {}, signal }) {
  const began = performance.now();
  const answer = await fetch(`../${path}`, {
    method, signal, headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: body === undefined ? undefined : JSON.stringify(body), credentials: 'omit', cache: 'no-store',
  });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let first = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    first ??= performance.now() - began;
    text += value;
    seen(value, text);
  }
  return { status: answer.status, headers: [...answer.headers], text, first_ms: first, total_ms: performance.now() - began };
}
