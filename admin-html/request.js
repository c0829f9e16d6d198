// SPDX-License-Identifier: MIT
// request.js: one request: what was asked, every attempt in order and why the next one was tried.
import { get, segment } from './api.js';
import { capturedSection } from './capture.js';
import { trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { bytes, duration, money, number, when } from './format.js';
import { t } from './i18n.js';
import { every, page } from './shell.js';
import { errorWords, outcomeTag, outcomeWord } from './words.js';

const id = new URLSearchParams(location.search).get('id') ?? '';
const frame = await page({ title: t('Request'), crumb: ['requests.html', t('Requests')] });
let one = null;
let over = false;
let captured = null;
every(2000, load);

async function load() {
  if (over) return;
  try {
    one = await get(`requests/${segment(id)}`);
    over = one.outcome !== 'open';
    draw();
  } catch (error) {
    if (one) throw error;
    fill(frame.body, el('div', { class: 'empty' }, el('p', {}, trouble(error)), el('a', { class: 'btn', href: 'requests.html' }, t('All requests'))));
  }
}

function draw() {
  frame.retitle({ title: mono(one.id, 60), plain: one.id, lede: [outcomeTag(one.outcome, one.status), ' ', when(one.started_at, 'full')] });
  const tries = one.tries ?? [];
  if (one.captured) captured ??= capturedSection(one.id);
  morph(frame.body,
    one.error && el('div', { class: `note long ${one.outcome === 'caller' ? '' : 'bad'}`, 'data-key': 'error' }, el('div', { tabindex: 0, role: 'region', 'aria-label': t('Error') }, data(errorWords(one.error), 12_000))),
    el('div', { class: 'grid', 'data-key': 'facts' },
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Asked'))), facts([
        [t('Client'), one.client && el('a', { href: `requests.html?client=${encodeURIComponent(one.client)}` }, data(one.client, 80))],
        [t('Model'), mono(one.model, 120)], [t('Asked for'), one.asked_model !== one.model && mono(one.asked_model, 200)],
        [t('Dialect'), [one.dialect, one.verb && ` · ${one.verb}`, one.stream && ` · ${t('stream')}`]],
        [t('From'), mono(one.remote)], [t('Program'), one.user_agent && data(one.user_agent, 200)], [t('Size of the question'), bytes(one.bytes_in)]])),
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Answered'))), facts([
        [t('Waited for its turn'), one.waited_ms > 0 && duration(one.waited_ms)], [t('First byte'), one.first_byte_ms !== null && duration(one.first_byte_ms)],
        [t('In all'), one.duration_ms !== null && duration(one.duration_ms)], [t('Size of the answer'), one.bytes_out !== null && bytes(one.bytes_out)],
        [t('Tokens in'), one.prompt_tokens !== null && [number(one.prompt_tokens), one.cached_tokens > 0 && ` (${t('{n} from a cache', { n: number(one.cached_tokens) })})`]],
        [t('Tokens out'), one.output_tokens !== null && number(one.output_tokens)], [t('Thoughts'), one.thoughts_tokens > 0 && number(one.thoughts_tokens)],
        [t('Tools'), one.tool_tokens > 0 && number(one.tool_tokens)], [t('Cost'), one.cost !== null && one.cost !== undefined && money(one.cost)]]))),
    el('div', { class: 'card', 'data-key': 'attempts' }, el('div', { class: 'card-head' }, el('h2', {}, t('Attempts'))),
      tries.length === 0 ? el('p', { class: 'muted' }, one.outcome === 'open' ? t('The first one is under way.') : t('Nothing was sent to Google.'))
        : el('ol', { class: 'timeline' }, tries.map((attempt, i) => attemptItem(attempt, tries[i + 1])))),
    captured);
}

const facts = (rows) => el('dl', { class: 'facts' }, rows.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== '').map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));

const look = (outcome) => (outcome === 'ok' ? 'ok' : ['caller', 'client_gone'].includes(outcome) ? '' : /^(quota|overloaded|auth)/.test(outcome) ? 'rest' : 'bad');

function attemptItem(attempt, next) {
  return el('li', { class: look(attempt.outcome), 'data-key': `n${attempt.n}` },
    el('div', {}, el('span', { class: 'strong' }, `${attempt.n}. `), outcomeTag(attempt.outcome, attempt.status || null), ' ',
      attempt.credential_id && el('a', { href: `credential.html?id=${attempt.credential_id}` }, attempt.label ? data(attempt.label, 60) : t('credential {n}', { n: attempt.hint ? `…${attempt.hint}` : attempt.credential_id })), attempt.project && [' · ', mono(attempt.project, 40)]),
    el('div', { class: 'small muted' }, when(attempt.started_at), attempt.duration_ms !== null && ` · ${duration(attempt.duration_ms)}`, attempt.model && [' · ', mono(attempt.model, 60)]),
    attempt.error && el('div', { class: 'small' }, data(attempt.error, 12_000)),
    attempt.penalty?.scope && el('div', { class: 'small rest-text' }, consequence(attempt.penalty)),
    next && attempt.outcome !== 'ok' && el('div', { class: 'small' }, t('Therefore another credential was tried: {why}.', { why: outcomeWord(attempt.outcome) })));
}

function consequence(penalty) {
  if (penalty.rest === 'dead') return t('The credential left the rotation.');
  if (penalty.scope === 'credential') return t('The credential rests.');
  if (penalty.scope === 'model') return t('The model rests.');
  return t('The project rests for this model.');
}
