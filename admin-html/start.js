// SPDX-License-Identifier: MIT
// start.js: from no key to the first answered request, on one page: paste keys, watch them being tested, get a token,
// see the request arrive.
import { callGateway, get, post } from './api.js';
import { attempt, copyButton } from './dialog.js';
import { data, el, mono, morph } from './dom.js';
import { duration } from './format.js';
import { t } from './i18n.js';
import { keysForm } from './keys.js';
import { may } from './shell.js';
import { snippets } from './snippets.js';
import { outcomeTag, reasonOf, stateTag } from './words.js';

// How far this visit came. The page stays the guide until the person leaves it or the first answer is there.
const way = { on: false, form: null, token: null, model: null, answer: null };

// isFirst: nothing to work with yet, or the guide was begun in this visit.
export const isFirst = (now) => way.on || now.credentials.total === 0;

export async function start(frame, now, refresh) {
  way.on = true;
  frame.retitle({ lede: t('Welcome. Four steps to the first answer.'), tools: now.credentials.total > 0 ? [el('button', { class: 'btn', type: 'button', onclick: () => { way.on = false; refresh(); } }, t('Show the overview'))] : [] });
  if (!may('operator')) {
    morph(frame.body, el('div', { class: 'empty' }, el('p', {}, t('There is no credential yet. An operator has to add the first one.'))));
    return;
  }
  const keys = now.credentials.total > 0 ? (await get('credentials', { limit: 8, sort: '-id' })).items : [];
  const tested = now.credentials.ready > 0;
  way.model ??= now.models.find((row) => row.model)?.model ?? null;
  morph(frame.body, el('div', { class: 'card', 'data-key': 'start' }, el('ol', { class: 'steps' },
    step(1, t('Add API keys'), keys.length > 0, true, addStep(refresh, keys.length > 0)),
    step(2, t('They are tested'), tested, keys.length > 0, keys.length > 0 ? keyList(keys) : t('Pollux asks Google whether each key works.')),
    step(3, t('Get a client token'), Boolean(way.token), keys.length > 0, keys.length > 0 ? tokenStep(refresh) : t('Your applications use it; your keys stay here.')),
    step(4, t('Send the first request'), way.answer?.status === 200, Boolean(way.token), way.token ? requestStep(refresh) : t('From here, or from your application.')))));
}

function step(n, title, done, reached, content) {
  return el('li', { 'data-key': `step-${n}`, class: done ? 'done' : reached ? 'now' : 'later' }, el('div', {}, el('h3', {}, title), el('div', { class: 'stack' }, content)));
}

function addStep(refresh, done) {
  if (done) return el('div', { 'data-key': 'added' }, el('a', { href: 'credentials.html' }, t('All credentials')));
  way.form ??= keysForm({ done: refresh });
  return el('div', { 'data-key': 'adding', 'data-keep': true }, el('p', { class: 'muted' }, t('They come from Google AI Studio, one for each project:'), ' ',
    el('a', { href: 'https://aistudio.google.com/apikey', target: '_blank', rel: 'noreferrer' }, 'aistudio.google.com/apikey'), '. ',
    t('Several projects give several times the quota.'), ' ', el('a', { href: 'accounts.html' }, t('Accounts with a login work as well.'))), way.form);
}

function keyList(keys) {
  return el('table', {}, el('tbody', {}, keys.map((key) => el('tr', { 'data-key': `key-${key.id}` },
    el('td', {}, el('a', { href: `credential.html?id=${key.id}` }, key.label ? data(key.label, 40) : mono(`…${key.hint ?? ''}`))),
    el('td', {}, stateTag(key.state)), el('td', { class: 'wrap muted' }, key.state === 'ready' ? '' : reasonOf(key.reason))))));
}

function tokenStep(refresh) {
  if (way.token) {
    return el('div', { class: 'stack', 'data-key': 'token', 'data-keep': true }, tokenBox(way.token), snippets({ token: way.token, model: way.model }));
  }
  return el('div', { 'data-key': 'no-token' }, el('button', { class: 'btn primary', type: 'button', onclick: (event) => attempt(async () => {
    const made = await post('clients', { name: `first-${new Date().toISOString().slice(0, 16).replace('T', '-').replace(':', '')}` });
    way.token = made.token;
    refresh();
  }, event.currentTarget) }, t('Make a client token')));
}

// tokenBox shows a token this once.
export function tokenBox(token) {
  return el('div', { class: 'stack' }, el('div', { class: 'secret' }, el('code', {}, token), copyButton(token)),
    el('p', { class: 'small muted' }, t('Copy it now: only its hash is kept, it cannot be shown again.')));
}

function requestStep(refresh) {
  const answer = el('div', { 'data-keep': true, 'data-key': `answer-${way.answer?.id ?? 'none'}` }, way.answer && answerBox());
  return el('div', { class: 'stack', 'data-key': 'request' }, el('div', {}, el('button', { class: `btn ${way.answer?.status === 200 ? '' : 'primary'}`, type: 'button', onclick: (event) => attempt(async () => {
    const model = way.model ?? await firstModel(way.token);
    const body = { contents: [{ role: 'user', parts: [{ text: 'Say hello in one short sentence.' }] }] };
    const said = await callGateway(`v1beta/models/${encodeURIComponent(model)}:generateContent`, { token: way.token, body });
    way.model = model;
    way.answer = { ...said, id: Object.fromEntries(said.headers)['x-request-id'] ?? String(Date.now()), model };
    refresh();
  }, event.currentTarget) }, t('Send it from here'))), answer);
}

// The first model of the list that answers prompts and costs little.
async function firstModel(token) {
  const said = await callGateway('v1/models', { token, method: 'GET' });
  const names = said.status === 200 ? JSON.parse(said.text).data.map((one) => one.id.replace(/^models\//, '')) : [];
  const chat = names.filter((name) => /^gemini-/.test(name) && !/embed|image|tts|live|audio|robotics|computer/.test(name));
  return chat.find((name) => name === 'gemini-2.5-flash') ?? chat.find((name) => /flash(-lite)?$/.test(name)) ?? chat[0] ?? 'gemini-2.5-flash';
}

function answerBox() {
  const { status, text, total_ms: took, id, model } = way.answer;
  let said;
  try {
    const body = JSON.parse(text);
    said = body.candidates?.[0]?.content?.parts?.map((part) => part.text).filter(Boolean).join('') ?? body.error?.message ?? text;
  } catch {
    said = text;
  }
  return el('div', { class: 'card' }, el('p', {}, outcomeTag(status === 200 ? 'ok' : 'upstream_error', status), ' ', mono(model), ' ', el('span', { class: 'muted' }, duration(took))),
    el('p', { class: 'answer' }, data(said, 2000)), el('a', { href: `request.html?id=${encodeURIComponent(id)}` }, t('See what Pollux wrote down about it')));
}
