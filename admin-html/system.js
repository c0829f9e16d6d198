// SPDX-License-Identifier: MIT
// system.js: workers and hosts, versions, sizes, queues, what happened by itself.
import { get, list } from './api.js';
import { trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { bytes, number, span, when } from './format.js';
import { plural, t } from './i18n.js';
import { every, page, session } from './shell.js';
import { plainTable, table } from './table.js';
import { stateTag } from './words.js';

const frame = await page({ title: t('System'), lede: t('The machine behind it.') });
const place = el('div', { class: 'stack' });
let now = null;

const events = table({
  label: t('What happened by itself'), size: 20, live: 15_000,
  filters: [{ name: 'kind', label: t('Kind of event') }],
  columns: [
    { label: t('Time'), narrow: 'title', nowrap: true, show: (row) => when(row.at) },
    { label: t('Event'), show: (row) => mono(row.kind, 60) },
    { label: t('Details'), wrap: true, show: (row) => Object.entries(row.detail ?? {}).filter(([, value]) => value !== null).slice(0, 12).map(([key, value]) => [el('span', { class: 'faint' }, `${key} `), data(typeof value === 'object' ? JSON.stringify(value) : value, 300), '  ']) },
  ],
  load: (asked) => list('events', asked),
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('Nothing has happened by itself yet.'))),
});
fill(frame.body, place, el('section', {}, el('h2', { class: 'spaced' }, t('What happened by itself')), events.node));
every(5000, load);

async function load() {
  try {
    now = await get('system');
    draw();
  } catch (error) {
    if (!now) fill(place, el('div', { class: 'empty' }, el('p', {}, trouble(error))));
  }
}

const stat = (title, value, detail) => el('div', { class: 'card stat w3' }, el('h2', {}, title), el('div', { class: 'value' }, value), el('div', { class: 'detail' }, detail));
const unit = (text) => el('small', {}, ` ${text}`);
const head = (title) => el('div', { class: 'card-head' }, el('h2', {}, title));

function draw() {
  const alive = now.workers.filter((one) => one.state === 'alive');
  const [size, name] = bytes(now.database_bytes).split(' ');
  morph(place,
    el('div', { class: 'grid', 'data-key': 'figures' },
      stat(t('Workers'), number(alive.length), plural(now.queues.open_requests, '{n} request under way', '{n} requests under way')),
      stat(t('Database'), [size, unit(name)], `PostgreSQL ${now.postgresql.split(' ')[0]}`),
      stat(t('Connections'), [number(now.connections), unit(`/ ${number(now.max_connections)}`)], t('database up for {span}', { span: span(Date.parse(now.now) - Date.parse(now.started_at)) })),
      stat(t('Version'), `v${session.version}`, t('schema {n}', { n: number(Math.max(...now.migrations.map((one) => one.number))) }))),
    el('div', { class: 'card', 'data-key': 'workers' }, head(t('Workers')), workers()),
    el('div', { class: 'grid', 'data-key': 'store' },
      el('div', { class: 'card w6' }, head(t('Largest tables')), plainTable({
        label: t('Largest tables'), rows: now.tables, key: (row) => row.name,
        columns: [{ label: t('Table'), narrow: 'title', show: (row) => mono(row.name.replace(/^pollux\./, ''), 60) }, { label: t('Rows, about'), align: 'r', show: (row) => number(row.rows) }, { label: t('Size'), align: 'r', show: (row) => bytes(row.bytes) }] })),
      el('div', { class: 'card w6' }, head(t('Queues and upkeep')), el('dl', { class: 'facts' },
        el('dt', {}, t('Requests under way')), el('dd', {}, number(now.queues.open_requests)),
        el('dt', {}, t('Requests that wait for a turn')), el('dd', {}, number(now.queues.waiting_requests)),
        el('dt', {}, t('Jobs that wait')), el('dd', {}, number(now.queues.jobs)),
        el('dt', {}, t('Maintenance by')), el('dd', {}, data(now.maintained_by, 60), ' · ', el('a', { href: 'jobs.html' }, t('Jobs'))),
        el('dt', {}, t('Time zone')), el('dd', {}, data(now.time_zone, 60), ' · ', el('a', { href: 'settings.html#time_zone' }, t('Settings'))),
        el('dt', {}, t('Days of the log')), el('dd', {}, number(now.partitions)),
        el('dt', {}, t('Open sessions')), el('dd', {}, number(now.sessions))))));
}

const workers = () => plainTable({
  label: t('Workers'), rows: now.workers, empty: t('No worker has come yet.'),
  columns: [
    { label: t('Host'), narrow: 'title', show: (row) => data(row.host, 60) },
    { label: t('Process'), align: 'r', show: (row) => String(row.pid ?? '') },
    { label: t('State'), show: (row) => stateTag(row.state) },
    { label: t('Version'), show: (row) => data(row.version, 30) },
    { label: t('Under way'), align: 'r', show: (row) => number(row.open_requests) },
    { label: t('CPU'), align: 'r', show: (row) => ((row.cpu_percent ?? null) === null ? '' : `${number(row.cpu_percent, 1)} %`) },
    { label: t('Memory'), align: 'r', show: (row) => ((row.memory_bytes ?? null) === null ? '' : bytes(row.memory_bytes)) },
    { label: t('Started'), show: (row) => when(row.started_at) },
    { label: t('Last heartbeat'), show: (row) => when(row.beat_at, 'relative') },
  ].filter((column) => ![t('CPU'), t('Memory')].includes(column.label) || now.workers.some((row) => 'memory_bytes' in row)),
});
