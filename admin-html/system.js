// SPDX-License-Identifier: MIT
// system.js: workers and hosts, versions, sizes, queues, and what the doctor says.
import { get } from './api.js';
import { trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { bytes, number, percent, span, when } from './format.js';
import { plural, server, t } from './i18n.js';
import { every, page } from './shell.js';
import { plainTable } from './table.js';
import { stateTag } from './words.js';

const frame = await page({ title: t('System') });
let now = null;
every(5000, load);

async function load() {
  try {
    now = await get('system');
    draw();
  } catch (error) {
    if (!now) fill(frame.body, el('div', { class: 'empty' }, el('p', {}, trouble(error))));
  }
}

const stat = (title, value, detail) => el('div', { class: 'card stat w3' }, el('h2', {}, title), el('div', { class: 'value' }, value), el('div', { class: 'detail' }, detail));
const unit = (text) => el('small', {}, ` ${text}`);

function draw() {
  const bad = now.checks.filter((one) => one.state !== 'ok').length;
  frame.retitle({ lede: bad === 0 ? t('All checks are well.') : plural(bad, '{n} check wants a look.', '{n} checks want a look.') });
  const [size, name] = bytes(now.database.bytes).split(' ');
  morph(frame.body,
    el('div', { class: 'grid', 'data-key': 'figures' },
      stat(t('Pollux'), [`v${now.version}`], t('up for {span}', { span: span(Date.parse(now.now) - Date.parse(now.up_since ?? now.now)) })),
      stat(t('Workers'), number(now.workers.filter((one) => one.state === 'alive').length), plural(now.open, '{n} request under way', '{n} requests under way')),
      stat(t('Database'), [size, unit(name)], `PostgreSQL ${now.database.version}`),
      stat(t('Connections'), [number(now.database.connections), unit(`/ ${number(now.database.connections_max)}`)], plural(now.waiting, '{n} request waits', '{n} requests wait'))),
    el('div', { class: 'card', 'data-key': 'checks' }, el('div', { class: 'card-head' }, el('h2', {}, t('Checks'))), plainTable({
      label: t('Checks'), rows: now.checks, key: (row) => row.check,
      columns: [
        { label: t('State'), show: (row) => stateTag(row.state) },
        { label: t('Check'), narrow: 'title', show: (row) => data(server(row.check), 60) },
        { label: t('Found'), wrap: true, show: (row) => data(server(row.detail), 500) },
        { label: t('What to do'), wrap: true, show: (row) => (row.advice ? data(server(row.advice), 500) : '') },
      ] })),
    el('div', { class: 'card', 'data-key': 'workers' }, el('div', { class: 'card-head' }, el('h2', {}, t('Workers'))), plainTable({
      label: t('Workers'), rows: now.workers, empty: t('No worker has come yet.'),
      columns: [
        { label: t('Host'), narrow: 'title', show: (row) => data(row.host, 60) },
        { label: t('Process'), align: 'r', show: (row) => String(row.pid ?? '') },
        { label: t('State'), show: (row) => stateTag(row.state) },
        { label: t('Version'), show: (row) => data(row.version, 30) },
        { label: t('Under way'), align: 'r', show: (row) => number(row.open_requests) },
        { label: t('CPU'), align: 'r', show: (row) => (row.cpu_percent === null || row.cpu_percent === undefined ? '' : `${number(row.cpu_percent, 1)} %`) },
        { label: t('Memory'), align: 'r', show: (row) => (row.memory_bytes ? bytes(row.memory_bytes) : '') },
        { label: t('Started'), show: (row) => when(row.started_at) },
        { label: t('Last heartbeat'), show: (row) => when(row.beat_at, 'relative') },
      ] })),
    el('div', { class: 'grid', 'data-key': 'store' },
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Largest tables'))), plainTable({
        label: t('Largest tables'), rows: now.tables, key: (row) => row.name,
        columns: [{ label: t('Table'), narrow: 'title', show: (row) => mono(row.name, 60) }, { label: t('Rows, about'), align: 'r', show: (row) => number(Math.max(0, row.rows)) }, { label: t('Size'), align: 'r', show: (row) => bytes(row.bytes) }] })),
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Queues'))), el('dl', { class: 'facts' },
        el('dt', {}, t('Requests under way')), el('dd', {}, number(now.open)), el('dt', {}, t('Requests that wait for a turn')), el('dd', {}, number(now.waiting)),
        el('dt', {}, t('Jobs that wait')), el('dd', {}, number(now.jobs_waiting ?? 0)), el('dt', {}, t('Maintenance by')), el('dd', {}, data(now.maintained_by, 60)),
        now.host && [el('dt', {}, t('Load of this host')), el('dd', {}, now.host.load), el('dt', {}, t('Memory of this host')), el('dd', {}, `${bytes(now.host.memory_used)} / ${bytes(now.host.memory_total)} (${percent(now.host.memory_used, now.host.memory_total)} %)`)]))));
}
