// SPDX-License-Identifier: MIT
// capture.js: whole exchanges captured for debugging: the switch (page of settings), the notice while it is on (requests,
// settings) and what was captured of a request (its page).
import { get, list, post, remove, segment } from './api.js';
import { attempt, confirmAct, copyButton, openDialog, toast, trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { form } from './form.js';
import { bytes, number, when } from './format.js';
import { plural, rich, t } from './i18n.js';
import { every, may } from './shell.js';
import { plainTable } from './table.js';
import { outcomeTag } from './words.js';

// ---------------------------------------------------------------------------------------------------- the notice

// captureNote answers a place where it is said while exchanges are captured, with a button that ends it.
export function captureNote(changed = () => {}) {
  const place = el('div', { class: 'capture-note', hidden: true });
  every(10_000, load);
  return place;
  async function load() {
    const now = await get('capture').catch(() => null);
    if (!now) return;
    place.hidden = !now.on;
    morph(place, now.on && noteOf(now, async () => { await post('capture/stop'); toast(t('Nothing is captured any more.')); await load(); changed(); }));
  }
}

const noteOf = (now, stop) => el('div', { class: 'note', role: 'status' },
  el('div', {}, rich('Whole exchanges, prompts and answers, are being captured until {time}: {which}.', { time: when(now.until, 'full'), which: whichOf(now) })),
  may('operator') && el('button', { class: 'plain', type: 'button', onclick: (event) => attempt(stop, event.currentTarget) }, t('Turn it off')));

// Which requests they are, in words and data.
function whichOf(now) {
  return [now.share >= 1 ? t('all requests') : t('{n} % of the requests', { n: number(100 * now.share, 2) }),
    now.client && [', ', t('client'), ' ', data(now.client, 60)], now.model && [', ', t('model'), ' ', mono(now.model, 60)],
    now.failures && `, ${t('only those that did not end well')}`, !now.texts && `, ${t('without the texts')}`];
}

// ------------------------------------------------------------------------------------------------------ the switch

const place = el('div', { 'aria-busy': 'true' });
let tellPage = () => {};

// captureCard answers the card of the page of settings; `changed` hears when settings have changed by it.
export function captureCard(changed = () => {}) {
  tellPage = changed;
  load();
  return el('section', { class: 'card', id: 'capture', 'aria-label': t('Debug capture') }, el('div', { class: 'card-head' }, el('h2', {}, t('Debug capture'))),
    el('p', { class: 'muted small' }, t('Prompts and answers are not kept. To look for a fault, whole exchanges can be captured for a while: without keys, tokens and inline data, for operators only, and deleted after some hours.')), place);
}

async function load() {
  try {
    const [now, held] = await Promise.all([get('capture'), may('operator') ? list('captures', { limit: 20 }) : null]);
    show(now, held);
  } catch (error) {
    fill(place, el('p', { class: 'bad-text' }, trouble(error)));
  } finally {
    place.removeAttribute('aria-busy');
  }
}

async function act(run) {
  await run();
  await load();
  tellPage();
}

function show(now, held) {
  morph(place,
    el('p', {}, el('span', { class: `tag ${now.on ? 'rest' : ''}` }, now.on ? t('on') : t('off')), ' ',
      now.on && rich('until {time}: {which}.', { time: when(now.until, 'full'), which: whichOf(now) })),
    may('operator') && el('div', { class: 'tools' },
      now.on ? el('button', { class: 'btn', type: 'button', onclick: (event) => attempt(() => act(() => post('capture/stop')), event.currentTarget) }, t('Turn it off'))
        : el('button', { class: 'btn', type: 'button', onclick: () => start(now) }, t('Capture exchanges…')),
      now.held > 0 && el('button', { class: 'btn danger', type: 'button', onclick: () => clear(now) }, t('Delete all captures'))),
    now.held > 0 && el('p', { class: 'muted small' }, plural(now.held, '{n} exchange is held, {size}.', '{n} exchanges are held, {size}.', { size: bytes(now.held_bytes) }), ' ', rich('The last of them is deleted {time}.', { time: when(now.last_expires_at) })),
    held?.rows.length > 0 && plainTable({
      label: t('Captured exchanges'), rows: held.rows, empty: '',
      columns: [
        { label: t('Time'), narrow: 'title', show: (row) => el('a', { href: `request.html?id=${encodeURIComponent(row.id)}#captured` }, when(row.at)) },
        { label: t('Client'), show: (row) => data(row.client, 40) }, { label: t('Model'), show: (row) => mono(row.model, 60) },
        { label: t('Outcome'), show: (row) => outcomeTag(row.outcome, row.status) }, { label: t('Size'), align: 'r', show: (row) => bytes(row.bytes) },
      ],
    }));
}

const start = (now) => openDialog(t('Capture exchanges'), (close) => form({
  act: t('Start'), cancel: () => close(),
  fields: [
    { name: 'minutes', label: t('For how long'), type: 'select', value: 60, options: [[15, t('15 minutes')], [60, t('an hour')], [240, t('4 hours')], [1440, t('a day')]], help: t('Then it ends by itself.') },
    { name: 'percent', label: t('Share of the requests'), type: 'number', unit: '%', min: 0.01, max: 100, step: 'any', value: 100 * now.share, required: true },
    { name: 'client', label: t('Only of this client'), value: now.client, placeholder: t('all') },
    { name: 'model', label: t('Only for this model'), value: now.model, placeholder: t('all') },
    { name: 'failures', label: t('Only what did not end well'), type: 'checkbox', value: now.failures },
    { name: 'texts', label: t('With the texts'), type: 'checkbox', value: now.texts, help: t('Without it only their length is kept.') },
    { name: 'keep_hours', label: t('Kept for'), type: 'number', unit: t('hours'), min: 1, max: 168, value: now.keep_hours, required: true },
  ],
  submit: async ({ minutes, percent, ...rest }) => {
    await act(() => post('capture', { ...rest, minutes: Number(minutes), share: Number((percent / 100).toFixed(6)) }));
    toast(t('Exchanges are being captured.'));
    close(true);
  },
}));

async function clear(now) {
  const sure = await confirmAct({ title: t('Delete all captures?'), act: t('Delete all captures'), text: el('p', {}, plural(now.held, '{n} captured exchange is deleted at once. The log of requests stays.', '{n} captured exchanges are deleted at once. The log of requests stays.')) });
  if (sure) await attempt(() => act(async () => { await remove('captures'); toast(t('The captures were deleted.')); }));
}

// --------------------------------------------------------------------------------------------------- what was captured

// capturedSection answers the section of a request's page. It is loaded when it is asked for: each look is written down.
export function capturedSection(id) {
  const inside = el('div', {}, may('operator')
    ? el('div', { class: 'tools' }, el('button', { class: 'btn', type: 'button', onclick: (event) => attempt(look, event.currentTarget) }, t('Show what was captured')), el('span', { class: 'muted small' }, t('Each look is written in the audit.')))
    : el('p', { class: 'muted' }, t('Only operators may see what was captured.')));
  return el('section', { class: 'card', id: 'captured', 'aria-label': t('Captured exchange'), 'data-key': 'captured', 'data-keep': true },
    el('div', { class: 'card-head' }, el('h2', {}, t('Captured exchange'))), inside);
  async function look() {
    fill(inside, exchange(await get(`requests/${segment(id)}/capture`)));
  }
}

function exchange(one) {
  const left = (one.calls ?? 0) - one.attempts.length;
  return [
    el('p', { class: 'muted small' }, rich('Captured {time}, deleted {end}. Keys, tokens and inline data were taken out.', { time: when(one.at), end: when(one.expires_at) })),
    part(t('What the client sent'), `${one.request.method} ${one.request.url}`, one.request),
    one.attempts.map((attempt) => [
      part(t('Attempt {n}: sent to Google', { n: attempt.n }), [attempt.sent.method, attempt.sent.url ?? t('(an address that is a permission by itself)')].join(' '), attempt.sent, sentNote(attempt.sent)),
      part(t('Attempt {n}: what came back', { n: attempt.n }), attempt.came.error ?? String(attempt.came.status), attempt.came)]),
    left > 0 && el('p', { class: 'muted' }, plural(left, '{n} more attempt is not kept.', '{n} more attempts are not kept.')),
    part(t('What the client was answered'), String(one.answer.status), one.answer),
  ];
}

function sentNote(sent) {
  if (sent.same) return t('The body was the client’s, byte for byte.');
  return sent.streamed ? t('The body was passed on as it came, and not held.') : null;
}

function part(title, line, { headers, body }, note) {
  const head = (headers ?? []).map(([name, value]) => `${name}: ${value}`).join('\n');
  return el('details', { class: 'op', open: true }, el('summary', {}, el('span', { class: 'strong' }, title), ' ', mono(line, 300)),
    el('div', {}, head && el('pre', { tabindex: 0, role: 'region', 'aria-label': `${title}: ${t('headers')}` }, data(head, 100_000)),
      note && el('p', { class: 'muted small' }, note), body && bodyOf(title, body)));
}

function bodyOf(title, body) {
  if (body.text === null) return el('p', { class: 'muted small' }, t('{size} of {type}, not kept.', { size: bytes(body.bytes), type: body.type ?? t('unknown') }));
  const text = pretty(body.text);
  return [el('p', { class: 'muted small' }, bytes(body.bytes), body.cut && ` · ${t('only the beginning is kept')}`),
    el('div', { class: 'code' }, el('pre', { tabindex: 0, role: 'region', 'aria-label': `${title}: ${t('body')}` }, data(text, 2_000_000)), el('span', { class: 'copy' }, copyButton(body.text)))];
}

// JSON with indents; everything else as it is.
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
