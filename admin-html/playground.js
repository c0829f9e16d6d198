// SPDX-License-Identifier: MIT
// playground.js: try a model in either dialect, as an application would, with the raw exchange beside the answer. The
// token stays in this tab.
import { callGateway, get, post } from './api.js';
import { attempt, copyButton, toast } from './dialog.js';
import { data, el, fill } from './dom.js';
import { field } from './form.js';
import { bytes, duration } from './format.js';
import { t } from './i18n.js';
import { may, page } from './shell.js';

const frame = await page({ title: t('Playground'), lede: t('A request as your applications send it.') });
const known = await get('models', { limit: 100 }).catch(() => ({ items: [] }));
const names = known.items.flatMap((row) => [row.model ?? row.name, ...(row.aliases ?? [])]).filter(Boolean);

const dialects = {
  native: { label: 'Gemini', path: (model, stream) => `v1beta/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: (given) => ({ contents: [{ role: 'user', parts: [{ text: given.prompt }] }], ...(given.system ? { systemInstruction: { parts: [{ text: given.system }] } } : {}),
      ...(given.temperature !== null ? { generationConfig: { temperature: given.temperature } } : {}) }),
    text: (one) => (one.candidates?.[0]?.content?.parts ?? []).filter((part) => !part.thought).map((part) => part.text ?? '').join('') },
  openai: { label: 'OpenAI', path: () => 'v1/chat/completions',
    body: (given, stream) => ({ model: given.model, stream, messages: [...(given.system ? [{ role: 'system', content: given.system }] : []), { role: 'user', content: given.prompt }],
      ...(given.temperature !== null ? { temperature: given.temperature } : {}) }),
    text: (one) => one.choices?.map((choice) => choice.delta?.content ?? choice.message?.content ?? '').join('') ?? '' },
};

const token = field({ name: 'token', label: t('Client token'), type: 'password', class: 'mono', value: sessionStorage.getItem('pollux.playground') ?? '', help: t('Kept in this tab only.') });
const model = field({ name: 'model', label: t('Model'), value: names.includes('gemini-2.5-flash') ? 'gemini-2.5-flash' : names[0] ?? 'gemini-2.5-flash' });
const dialect = field({ name: 'dialect', label: t('Dialect'), type: 'select', options: Object.entries(dialects).map(([key, one]) => [key, one.label]) });
const stream = field({ name: 'stream', label: t('Stream'), type: 'checkbox', value: true });
const system = field({ name: 'system', label: t('System instruction'), type: 'textarea', class: '', rows: 2 });
const prompt = field({ name: 'prompt', label: t('Prompt'), type: 'textarea', class: '', rows: 5, value: t('Count to five.'), autofocus: true });
const temperature = field({ name: 'temperature', label: t('Temperature'), type: 'number', min: 0, max: 2, step: 'any', placeholder: t('the model’s own') });
const input = (node) => node.querySelector('input, select, textarea');
input(model).setAttribute('list', 'models');

const send = el('button', { class: 'btn primary', type: 'submit' }, t('Send'));
const stop = el('button', { class: 'btn', type: 'button', hidden: true, onclick: () => running?.abort() }, t('Stop'));
const answer = el('div', { class: 'answer', 'aria-live': 'polite' }, el('span', { class: 'muted' }, t('The answer appears here.')));
const facts = el('p', { class: 'small muted', role: 'status' });
const asked = el('pre', { tabindex: 0, role: 'region', 'aria-label': t('Request') });
const came = el('pre', { tabindex: 0, role: 'region', 'aria-label': t('Answer, raw') });
let running = null;

fill(frame.body, el('datalist', { id: 'models' }, names.map((name) => el('option', { value: name }))),
  el('div', { class: 'chat' },
    el('form', { class: 'card form', onsubmit: run }, el('div', { class: 'cols' }, model, dialect), prompt,
      el('details', {}, el('summary', {}, t('More')), el('div', { class: 'form' }, system, temperature)), stream, token,
      el('div', { class: 'actions' }, may('operator') && el('button', { class: 'btn', type: 'button', onclick: (event) => attempt(makeToken, event.currentTarget) }, t('Make a token for an hour')), stop, send)),
    el('div', { class: 'stack' }, el('div', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, t('Answer'))), answer, facts),
      el('div', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, t('Request')), copyButton(() => asked.textContent)), asked),
      el('div', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, t('Answer, raw')), copyButton(() => came.textContent)), came))));

async function makeToken() {
  const made = await post('playground');
  input(token).value = made.token;
  toast(t('The token {name} works for an hour.', { name: made.name }));
}

async function run(event) {
  event.preventDefault();
  const given = { token: input(token).value.trim(), model: input(model).value.trim(), prompt: input(prompt).value, system: input(system).value.trim(), temperature: input(temperature).value === '' ? null : Number(input(temperature).value) };
  if (!given.token) {
    toast(t('A client token is needed: paste one, or make one for an hour.'), { bad: true });
    return input(token).focus();
  }
  sessionStorage.setItem('pollux.playground', given.token);
  const kind = dialects[input(dialect).value];
  const streams = input(stream).checked;
  const path = kind.path(given.model, streams);
  const body = kind.body(given, streams);
  fill(asked, `POST /${path}\nAuthorization: Bearer ****\nContent-Type: application/json\n\n${JSON.stringify(body, null, 2)}`);
  fill(answer);
  fill(came);
  fill(facts, t('Waiting…'));
  running = new AbortController();
  send.disabled = true;
  stop.hidden = false;
  try {
    const said = await callGateway(path, { token: given.token, body, signal: running.signal, seen: (piece, whole) => { came.append(piece); if (streams) fill(answer, data(textOf(kind, whole, true), 100_000)); } });
    finish(kind, said, streams);
  } catch (error) {
    fill(facts, error.name === 'AbortError' ? t('Stopped.') : t('The connection broke: {why}', { why: error.message }));
  } finally {
    running = null;
    send.disabled = false;
    stop.hidden = true;
  }
  return undefined;
}

function finish(kind, said, streams) {
  const headers = Object.fromEntries(said.headers);
  fill(came, said.headers.map(([name, value]) => `${name}: ${value}`).join('\n'), '\n\n', pretty(said.text));
  fill(answer, data(textOf(kind, said.text, streams) || errorOf(said.text), 100_000));
  answer.classList.toggle('bad-text', said.status >= 400);
  fill(facts, `${said.status} · ${t('first byte {time}', { time: duration(said.first_ms) })} · ${t('in all {time}', { time: duration(said.total_ms) })} · ${bytes(new Blob([said.text]).size)}`,
    headers['x-request-id'] ? [' · ', el('a', { href: `request.html?id=${encodeURIComponent(headers['x-request-id'])}` }, t('in the log'))] : '');
}

// The text of a whole answer, or of the events of a stream that have come so far.
function textOf(kind, text, streams) {
  if (!streams) return kind.text(parsed(text) ?? {});
  return text.split(/\r?\n\r?\n/).map((event) => event.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n'))
    .map(parsed).filter(Boolean).map(kind.text).join('');
}

const errorOf = (text) => { const one = parsed(text); return one?.error?.message ?? (Array.isArray(one) ? one[0]?.error?.message : undefined) ?? ''; };

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

const pretty = (text) => { const one = parsed(text); return one ? JSON.stringify(one, null, 2) : text; };
