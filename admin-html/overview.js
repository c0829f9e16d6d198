// SPDX-License-Identifier: MIT
// overview.js: is all well, what is wrong, how much is left today, what happens now. While there is no credential it is
// the way from no key to the first answered request instead (start.js).
import { get } from './api.js';
import { chart } from './chart.js';
import { openDialog, trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { clock, compact, duration, money, number, percent, seconds, until, when } from './format.js';
import { plural, server, t } from './i18n.js';
import { addKeys } from './keys.js';
import { every, may, notice, page, segments, session } from './shell.js';
import { snippets } from './snippets.js';
import { isFirst, start } from './start.js';
import { plainTable } from './table.js';
import { leftMeter, leftOf, outcomeTag, reasonOf, sourceOf, stateTag } from './words.js';
import { warningNote } from './warnings.js';

const ranges = [['1', t('1 h')], ['24', t('24 h')], ['168', t('7 d')]];
const asked = new URLSearchParams(location.search).get('hours');
let hours = ranges.some(([value]) => value === asked) ? asked : '24';
let now = null;

const frame = await page({ title: t('Overview') });
const requestChart = chart({ label: t('Requests and failures'), series: [
  { name: t('requests'), color: 'accent', area: true }, { name: t('failures'), color: 'bad-fill' }] });
const speedChart = chart({ label: t('Seconds to the first byte'), series: [
  { name: t('half of all, up to'), color: 'accent', area: true, format: seconds }, { name: t('95 of 100, up to'), color: 'rest-fill', format: seconds }] });

const refresh = every(5000, load);

async function load() {
  try {
    now = await get('overview', { hours });
  } catch (error) {
    if (now) {
      frame.retitle({ lede: t('How it is now cannot be seen: these figures are old.'), tools: tools() });
      throw error;
    }
    fill(frame.body, el('div', { class: 'empty' }, el('p', {}, trouble(error)), el('button', { class: 'btn', type: 'button', onclick: refresh }, t('Try again'))));
    return;
  }
  if (isFirst(now)) await start(frame, now, refresh);
  else draw();
}

function draw() {
  frame.retitle({ lede: sentence(), tools: tools() });
  notice({ broken: now.credentials.broken, facts: facts() });
  morph(frame.body,
    now.warnings.length > 0 && el('div', { 'data-key': 'warnings' }, now.warnings.map(warningNote)),
    el('div', { class: 'grid', 'data-key': 'figures' }, figures()),
    el('div', { class: 'grid', 'data-key': 'charts' },
      el('div', { class: 'card w8' }, cardHead(t('Requests and failures'), 'requests.html', t('Requests')), requestChart.node), credentialsCard()),
    el('div', { class: 'grid', 'data-key': 'lists' }, modelsCard(), nowCard()),
    el('div', { class: 'grid', 'data-key': 'more' },
      el('div', { class: 'card w6' }, cardHead(t('Seconds to the first byte')), speedChart.node), jobsCard()));
  const times = now.series.map((point) => Date.parse(point.at));
  requestChart.show(times, [now.series.map((point) => point.requests), now.series.map((point) => point.failed)]);
  speedChart.show(times, [now.series.map((point) => point.first_byte_p50_ms), now.series.map((point) => point.first_byte_p95_ms)]);
}

const cardHead = (title, href, text) => el('div', { class: 'card-head' }, el('h2', {}, title), href && el('a', { href }, text));

// ---------------------------------------------------------------- the sentence under the title

function sentence() {
  const { credentials: c, warnings } = now;
  const need = c.broken > 0 ? ` ${plural(c.broken, '{n} credential needs you.', '{n} credentials need you.')}` : '';
  if (c.ready === 0) return t('Nothing can be served right now.') + need;
  if (warnings.some((warning) => warning.level === 'bad')) return t('Served, but not well.') + need;
  if (warnings.length === 0) return t('All well.');
  return t('Everything is served.') + (need || ` ${plural(warnings.length, '{n} thing wants a look.', '{n} things want a look.')}`);
}

function tools() {
  return [
    segments(t('Time range'), ranges, hours, (value) => {
      hours = value;
      history.replaceState(null, '', value === '24' ? location.pathname : `?hours=${value}`);
      refresh();
    }),
    el('button', { class: 'btn', type: 'button', onclick: showSnippet }, t('Copy client snippet')),
    may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: async () => { if (await addKeys()) refresh(); } }, t('Add keys')),
  ];
}

function showSnippet() {
  openDialog(t('A first call'), (close) => el('div', { class: 'form' },
    el('p', {}, t('Put a client token in. It is shown once, when a client is made.'), ' ', el('a', { href: 'clients.html' }, t('Clients'))),
    snippets({ model: now.models[0]?.model }),
    el('div', { class: 'actions' }, el('button', { class: 'btn', type: 'button', onclick: () => close() }, t('Close')))), { wide: true });
}

const facts = () => [`v${session.version} · `, plural(now.workers, '{n} worker', '{n} workers')];

// ---------------------------------------------------------------- figures

function stat(title, value, detail) {
  return el('div', { class: 'card stat w3' }, el('h2', {}, title), el('div', { class: 'value' }, value), el('div', { class: 'detail' }, detail));
}

const rangeName = () => ranges.find(([value]) => value === hours)[1];
const unit = (text) => el('small', {}, ` ${text}`);
const scaled = (n) => { const c = compact(n); return [c.value, c.unit ? unit(c.unit) : '']; };

function figures() {
  const r = now.requests;
  const answered = r.total - r.failed;
  return [
    stat(t('Requests, {range}', { range: rangeName() }), [number(r.total), unit(t('{n} /s now', { n: number(r.per_second, r.per_second < 10 ? 1 : 0) }))], [
      change(r.total, r.before), now.open > 0 && ` · ${plural(now.open, '{n} under way', '{n} under way')}`, now.waiting > 0 && ` · ${plural(now.waiting, '{n} waiting', '{n} waiting')}`]),
    stat(t('Answered'), r.total > 0 ? [percent(answered, r.total), unit('%')] : '–',
      [plural(r.failed, '{n} failed', '{n} failed'), r.saved > 0 && ` · ${plural(r.saved, '{n} saved by another key', '{n} saved by another key')}`]),
    stat(t('First byte, p50 / p95'), now.latency.first_byte_p50_ms === null ? '–'
      : [seconds(now.latency.first_byte_p50_ms), ' / ', el('span', { class: 'unit-of' }, seconds(now.latency.first_byte_p95_ms), unit('s'))],
    [t('In all {p50} / {p95} s', { p50: seconds(now.latency.total_p50_ms), p95: seconds(now.latency.total_p95_ms) }),
      now.latency.added_ms !== null && now.latency.added_ms !== undefined && ` · ${t('Pollux adds {time}', { time: duration(now.latency.added_ms) })}`]),
    stat(t('Tokens today'), [scaled(now.today.tokens_in), unit(t('in')), ' ', scaled(now.today.tokens_out), unit(t('out'))],
      now.today.cost === null ? el('a', { href: 'models.html' }, t('Set prices to see the cost')) : t('{cost} at list price', { cost: money(now.today.cost) })),
  ];
}

function change(total, before) {
  if (!before) return t('none the time before');
  const share = Math.round((100 * (total - before)) / before);
  return [el('span', { class: 'strong' }, `${share > 0 ? '+' : ''}${number(share)} %`), ` ${t('against the time before')}`];
}

// ---------------------------------------------------------------- credentials

const stateLine = [['ready', 'fill-ok', () => t('ready')], ['resting', 'fill-rest', () => t('resting')], ['broken', 'fill-bad', () => t('broken')], ['disabled', 'fill-off', () => t('off')]];

function credentialsCard() {
  const c = now.credentials;
  return el('div', { class: 'card w4' }, cardHead(t('Credentials'), 'credentials.html', t('All {n}', { n: number(c.total) })),
    el('div', { class: 'bar', role: 'img', 'aria-label': stateLine.map(([key, , name]) => `${c[key]} ${name()}`).join(', ') },
      stateLine.map(([key, look]) => c[key] > 0 && el('i', { class: look, style: { flex: String(c[key]) } }))),
    el('div', { class: 'legend' }, stateLine.map(([key, look, name]) => el('a', { href: `credentials.html?state=${key === 'broken' ? 'dead' : key}` },
      el('i', { class: `dot ${look}` }), el('b', {}, number(c[key])), ` ${name()}`))),
    now.resting.length > 0 && el('table', {}, el('thead', {}, el('tr', {}, el('th', {}, t('Resting because')), el('th', { class: 'r' }, t('until')))),
      el('tbody', {}, now.resting.map((row) => el('tr', {}, el('td', { class: 'wrap' }, `${number(row.count)} `, reasonOf(row.reason)), el('td', { class: 'r wrap' }, until(row.until)))))));
}

// ---------------------------------------------------------------- what is left, what happens, what is due

function modelsCard() {
  return el('div', { class: 'card w6' }, cardHead(t('Left today, by model'), 'models.html', t('Models')), plainTable({
    label: t('Left today, by model'), rows: now.models.slice(0, 8), key: (row) => row.model, empty: t('No model was asked for yet.'), href: (row) => `model.html?name=${encodeURIComponent(row.model)}`,
    columns: [
      { label: t('Model'), narrow: 'title', show: (row) => mono(row.model, 40) },
      { label: t('Left'), align: 'r', wrap: true, show: (row) => [leftOf(row), row.next_at && el('div', { class: 'small muted' }, t('Ready again'), ': ', until(row.next_at))] },
      { label: '', narrow: 'hide', show: (row) => leftMeter(row) },
      { label: t('Limit from'), align: 'r', show: (row) => (row.limit === null ? '' : sourceOf(row.source)) },
    ] }), el('p', { class: 'small muted' }, t('Google counts anew:'), ' ', until(now.quota_day_ends_at)));
}

function nowCard() {
  return el('div', { class: 'card w6' }, cardHead(t('Now'), 'requests.html?live=1', t('Live log')), plainTable({
    label: t('Now'), rows: now.recent, empty: t('No request yet.'), href: (row) => `request.html?id=${row.id}`,
    columns: [
      { label: t('Time'), narrow: 'title', show: (row) => el('span', { class: 'mono' }, clock(row.started_at)) },
      { label: t('Client'), narrow: 'hide', show: (row) => data(row.client, 24) },
      { label: t('Model'), show: (row) => mono(row.model, 28) },
      { label: t('Outcome'), show: (row) => [outcomeTag(row.outcome, row.status), row.attempts > 1 && row.model && ` ${t('key no. {n}', { n: row.attempts })}`] },
      { label: t('First byte'), align: 'r', narrow: 'hide', show: (row) => (row.first_byte_ms === null ? '' : duration(row.first_byte_ms)) },
    ] }));
}

// What is late or failed, then what ran last.
function shownJobs() {
  const rank = { failed: 0, late: 1 };
  return [...now.jobs].sort((a, b) => (rank[a.state] ?? 2) - (rank[b.state] ?? 2) || Date.parse(b.at ?? 0) - Date.parse(a.at ?? 0)).slice(0, 6);
}

function jobsCard() {
  return el('div', { class: 'card w6' }, cardHead(t('Jobs'), 'jobs.html', t('All jobs')), plainTable({
    label: t('Jobs'), rows: shownJobs(), key: (row) => row.name, empty: t('No job has run yet.'),
    columns: [
      { label: t('Job'), narrow: 'title', show: (row) => mono(row.name, 40) },
      { label: t('State'), show: (row) => stateTag(row.state) },
      { label: t('Last run'), narrow: 'hide', show: (row) => when(row.at, 'relative') },
      { label: t('Result'), wrap: true, narrow: 'hide', show: (row) => data(server(row.result), 80) },
    ] }));
}
