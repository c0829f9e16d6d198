// SPDX-License-Identifier: MIT
// requests.js: the log: filters, order, live tail, export.
import { get, list } from './api.js';
import { captureNote } from './capture.js';
import { data, el, fill, mono } from './dom.js';
import { duration, fromLocalField, short, toLocalField, when } from './format.js';
import { t } from './i18n.js';
import { page } from './shell.js';
import { table } from './table.js';
import { errorWords, outcomeCodes, outcomeTag, outcomeWord } from './words.js';

const address = new URLSearchParams(location.search);
let live = address.get('live') === '1';
const follow = el('button', { class: 'btn', type: 'button', 'aria-pressed': String(live), onclick: toggleLive });
const exported = el('a', { class: 'btn', download: 'pollux-requests.csv' }, t('Export CSV'));
const frame = await page({ title: t('Requests'), lede: t('Everything that was asked, and how it went. Prompts and answers are not kept.'), tools: [follow, exported] });

const moment = (name, label) => el('label', { class: 'moment' }, el('span', { class: 'small muted' }, label), el('input', { type: 'datetime-local', name, 'aria-label': label, title: label, value: toLocalField(address.get(name)), onchange: (event) => setTime(name, event.target.value) }));
const times = { from: address.get('from') ?? '', to: address.get('to') ?? '' };

const requests = table({
  label: t('Requests'),
  filters: [
    { name: 'id', label: t('Request id'), type: 'search' },
    { name: 'outcome', label: t('Any outcome'), type: 'select', options: [['failed', t('failed, by no fault of the caller')], ['saved', t('saved by another key')], ...outcomeCodes.map((code) => [code, outcomeWord(code)])] },
    { name: 'status', label: t('Status') },
    { name: 'client', label: t('Client') },
    { name: 'model', label: t('Model') },
    { name: 'credential', label: t('Credential no.') },
  ],
  tools: [moment('from', t('From')), moment('to', t('Until'))],
  columns: [
    { label: t('Time'), narrow: 'title', nowrap: true, show: (row) => when(row.started_at) },
    { label: t('Client'), show: (row) => data(row.client, 30) },
    { label: t('Model'), show: (row) => mono(row.model ?? row.asked_model, 40) },
    { label: t('Outcome'), show: (row) => [outcomeTag(row.outcome, row.status), row.attempts > 1 && row.model && ` ${t('key no. {n}', { n: row.attempts })}`] },
    { label: t('First byte'), align: 'r', show: (row) => ((row.first_byte_ms ?? null) === null ? '' : duration(row.first_byte_ms)) },
    { label: t('Took'), align: 'r', show: (row) => ((row.duration_ms ?? null) === null ? '' : duration(row.duration_ms)) },
    { label: t('Tokens in / out'), align: 'r', narrow: 'hide', show: (row) => ((row.prompt_tokens ?? null) === null ? '' : `${short(row.prompt_tokens)} / ${short((row.output_tokens ?? 0) + (row.thoughts_tokens ?? 0))}`) },
    { label: t('Error'), wrap: true, show: (row) => (row.error ? data(errorWords(row.error), 120) : '') },
  ],
  href: (row) => `request.html?id=${encodeURIComponent(row.id)}`,
  load: (asked) => {
    const filters = { ...asked.filters, ...Object.fromEntries(Object.entries(times).filter(([, value]) => value)) };
    exported.href = `api/requests/export?${new URLSearchParams(filters)}`;
    return withOpen(asked, filters);
  },
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('No request yet. Try one in the playground, or copy a first call.')), el('a', { class: 'btn primary', href: 'playground.html' }, t('Playground'))),
});
fill(frame.body, captureNote(), requests.node);
showLive();
setInterval(() => { if (live && !document.hidden && requests.state.cursors.length === 1) requests.refresh(); }, 1500);

// What is under way stands above what is over, on the first page without filters.
async function withOpen(asked, filters) {
  const whole = Object.keys(filters).length === 0;
  const [over, open] = await Promise.all([list('requests', { ...asked, filters }), whole && asked.cursor === null ? get('requests/open', { limit: 20 }) : { items: [] }]);
  const seen = new Set(open.items.map((row) => row.id));
  return { ...over, rows: [...open.items.reverse(), ...over.rows.filter((row) => !seen.has(row.id))], total: whole ? over.total : null, searchedTo: over.page.searched_to };
}

function setTime(name, text) {
  times[name] = fromLocalField(text) ?? '';
  const next = new URLSearchParams(location.search);
  times[name] ? next.set(name, times[name]) : next.delete(name);
  history.replaceState(null, '', `?${next}`);
  requests.clear();
}

function toggleLive() {
  live = !live;
  const next = new URLSearchParams(location.search);
  live ? next.set('live', '1') : next.delete('live');
  history.replaceState(null, '', next.size > 0 ? `?${next}` : location.pathname);
  showLive();
}

function showLive() {
  follow.setAttribute('aria-pressed', String(live));
  fill(follow, live ? el('i', { class: 'dot fill-ok' }) : null, live ? t('Following') : t('Follow live'));
}
