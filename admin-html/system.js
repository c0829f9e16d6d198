// SPDX-License-Identifier: MIT
// system.js: workers and hosts, what they use, versions, sizes, queues, folders with keys, the doctor, what happened by
// itself.
import { get, list, post } from './api.js';
import { checkCard } from './check.js';
import { attempt, confirmAct, toast, trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { eventKinds, eventLine, kindOfEvent } from './events.js';
import { bytes, number, percent, span, when } from './format.js';
import { named, plural, server, t } from './i18n.js';
import { every, may, page, session } from './shell.js';
import { plainTable, table } from './table.js';
import { stateTag } from './words.js';

const frame = await page({ title: t('System'), lede: t('The machine behind it.') });
const place = el('div', { class: 'stack', 'aria-busy': 'true' });
let now = null;

const events = table({
  label: t('What happened by itself'), size: 20, live: 15_000,
  filters: [{ name: 'kind', label: t('Any kind'), type: 'select', options: eventKinds() }],
  columns: [
    { label: t('Time'), narrow: 'title', nowrap: true, show: (row) => when(row.at) },
    { label: t('Event'), nowrap: true, show: (row) => kindOfEvent(row.kind) },
    { label: t('Details'), wrap: true, show: eventLine },
  ],
  load: (asked) => list('events', asked),
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('Nothing has happened by itself yet.'))),
});
fill(frame.body, place, checkCard(), el('section', {}, el('h2', { class: 'spaced' }, t('What happened by itself')), events.node));
const refresh = every(5000, load);

async function load() {
  try {
    now = await get('system');
    draw();
  } catch (error) {
    if (now) throw error;
    fill(place, el('div', { class: 'empty' }, el('p', {}, trouble(error))));
  } finally {
    place.removeAttribute('aria-busy');
  }
}

const stat = (title, value, detail) => el('div', { class: 'card stat w3' }, el('h2', {}, title), el('div', { class: 'value' }, value), el('div', { class: 'detail' }, detail));
const unit = (text) => el('small', {}, ` ${text}`);
const head = (title, more) => el('div', { class: 'card-head' }, el('h2', {}, title), more);
const none = (value) => value === null || value === undefined;
const up = (since) => span(Date.parse(now.now) - Date.parse(since));

function draw() {
  const alive = now.workers.filter((one) => one.state === 'alive');
  const [size, name] = bytes(now.database_bytes).split(' ');
  morph(place,
    el('div', { class: 'grid', 'data-key': 'figures' },
      stat(t('Workers'), number(alive.length), [plural(now.queues.open_requests, '{n} request under way', '{n} requests under way'), alive.length > 0 && ` · ${t('up for {span}', { span: up(alive.map((one) => one.started_at).sort()[0]) })}`]),
      stat(t('Database'), [size, unit(name)], [`PostgreSQL ${now.postgresql.split(' ')[0]} · `, t('up for {span}', { span: up(now.started_at) })]),
      stat(t('Connections'), [number(now.connections), unit(`/ ${number(now.max_connections)}`)], t('of the database')),
      stat(t('Version'), `v${session.version}`, t('schema {n}', { n: number(Math.max(...now.migrations.map((one) => one.number))) }))),
    el('div', { class: 'card', 'data-key': 'hosts' }, head(t('Hosts')), hosts()),
    el('div', { class: 'card', 'data-key': 'workers' }, head(t('Workers')), workers()),
    el('div', { class: 'grid', 'data-key': 'store' },
      el('div', { class: 'card w6' }, head(t('Queues and upkeep')), queues()),
      el('div', { class: 'card w6' }, head(t('Largest tables')), plainTable({
        label: t('Largest tables'), rows: now.tables.slice(0, 8), key: (row) => row.name,
        columns: [{ label: t('Table'), narrow: 'title', show: (row) => mono(row.name.replace(/^pollux\./, ''), 60) }, { label: t('Rows, about'), align: 'r', show: (row) => number(row.rows) }, { label: t('Size'), align: 'r', show: (row) => bytes(row.bytes) }] }))),
    el('div', { class: 'card', id: 'folders', 'data-key': 'folders' }, head(t('Folders with keys')), folders()));
}

const ways = { pg_cron: 'pg_cron, inside the database', worker: 'the workers themselves', workers: 'the workers themselves', 'pollux maintain': 'pollux maintain, from outside', console: 'this console', nobody: 'nobody' };

const queues = () => el('dl', { class: 'facts' },
  el('dt', {}, t('Requests under way')), el('dd', {}, number(now.queues.open_requests)),
  el('dt', {}, t('Requests that wait for a turn')), el('dd', {}, number(now.queues.waiting_requests)),
  el('dt', {}, t('Jobs that wait')), el('dd', {}, number(now.queues.jobs)),
  el('dt', {}, t('Maintenance by')), el('dd', {}, named(ways, now.maintained_by), ' · ', el('a', { href: 'jobs.html' }, t('Jobs'))),
  el('dt', {}, 'pg_cron'), el('dd', {}, now.cron ? t('has its job in this database') : t('has no job in this database')),
  el('dt', {}, t('Time zone')), el('dd', {}, data(now.time_zone, 60), ' · ', el('a', { href: 'settings.html#time_zone' }, t('Settings'))),
  el('dt', {}, t('Days of the log')), el('dd', {}, number(now.partitions)),
  el('dt', {}, t('Open sessions')), el('dd', {}, number(now.sessions)));

const share = (used, of) => el('span', { class: `meter short ${used / of > 0.9 ? 'low' : ''}`, role: 'img', 'aria-label': `${percent(used, of)} %` }, el('i', { style: { width: `${Math.max(0, Math.min(100, (100 * used) / of))}%` } }));

const hosts = () => plainTable({
  label: t('Hosts'), rows: now.hosts, key: (row) => row.host, empty: t('No worker has come yet.'),
  columns: [
    { label: t('Host'), narrow: 'title', show: (row) => data(row.host, 60) },
    { label: t('Workers'), align: 'r', show: (row) => number(row.workers) },
    { label: t('CPU of the workers'), align: 'r', show: (row) => (none(row.cpu_percent) ? '' : `${number(row.cpu_percent, 1)} %`) },
    { label: t('Memory of the workers'), align: 'r', show: (row) => (none(row.memory_bytes) ? '' : bytes(row.memory_bytes)) },
    { label: t('Load, processors'), align: 'r', show: (row) => (none(row.load) ? '' : [`${number(row.load, 2)} / ${number(row.cpus)} `, share(row.load, row.cpus)]) },
    { label: t('Memory of the machine'), align: 'r', show: (row) => (none(row.host_memory_bytes) ? '' : [`${bytes(row.host_memory_bytes - row.host_free_bytes)} / ${bytes(row.host_memory_bytes)} `, share(row.host_memory_bytes - row.host_free_bytes, row.host_memory_bytes)]) },
    { label: t('As of'), show: (row) => when(row.seen_at, 'relative') },
  ],
});

const workers = () => plainTable({
  label: t('Workers'), rows: now.workers, empty: t('No worker has come yet.'),
  columns: [
    { label: t('Process'), narrow: 'title', show: (row) => [data(row.host, 60), ' ', el('span', { class: 'muted' }, String(row.pid ?? ''))] },
    { label: t('State'), show: (row) => stateTag(row.state === 'dead' ? 'gone' : row.state) },
    { label: t('Version'), show: (row) => data(row.version, 30) },
    { label: t('Under way'), align: 'r', show: (row) => number(row.open_requests) },
    { label: t('CPU'), align: 'r', show: (row) => (none(row.cpu_percent) || row.state !== 'alive' ? '' : `${number(row.cpu_percent, 1)} %`) },
    { label: t('CPU in all'), align: 'r', narrow: 'hide', show: (row) => (none(row.cpu_ms) ? '' : span(row.cpu_ms)) },
    { label: t('Memory'), align: 'r', show: (row) => (none(row.memory_bytes) || row.state !== 'alive' ? '' : bytes(row.memory_bytes)) },
    { label: t('Threads'), align: 'r', show: (row) => (none(row.threads) || row.state !== 'alive' ? '' : number(row.threads)) },
    { label: t('Up for'), align: 'r', show: (row) => el('span', { title: row.started_at }, span(Date.parse(row.left_at ?? row.swept_at ?? now.now) - Date.parse(row.started_at))) },
    { label: t('Last heartbeat'), show: (row) => when(row.beat_at, 'relative') },
  ],
});

// ---------------------------------------------------------------- folders with keys

const folders = () => plainTable({
  label: t('Folders with keys'), rows: now.folders, key: (row) => row.place, empty: t('No folder is read. With POLLUX_KEYS_DIR all files of a folder are, again and again: keys come and go with them.'),
  columns: [
    { label: t('Folder'), narrow: 'title', wrap: true, show: (row) => [mono(row.place, 200), row.late && [' ', stateTag('late')]] },
    { label: t('Files'), align: 'r', show: (row) => number(row.files) },
    { label: t('Keys'), align: 'r', show: (row) => number(row.keys) },
    { label: t('Last read'), show: (row) => when(row.synced_at, 'relative') },
    { label: t('What was wrong'), wrap: true, show: (row) => (row.errors ?? []).slice(0, 3).map((one) => el('div', { class: 'small' }, data([one.file, one.line].filter(Boolean).join(':'), 120), ' ', data(one.text, 60), ' ', data(server(one.error), 300))) },
    { label: t('Actions'), show: (row) => el('div', { class: 'tools' },
      el('button', { class: 'btn small', type: 'button', onclick: (event) => attempt(() => readFolder(row), event.currentTarget) }, t('Read now')),
      el('button', { class: 'btn small danger', type: 'button', onclick: (event) => attempt(() => forgetFolder(row), event.currentTarget) }, t('Forget'))) },
  ].filter((column) => column.label !== t('Actions') || may('operator')),
});

async function readFolder(row) {
  await post('folders/sync', { place: row.place });
  toast(t('A worker of its host reads it now.'));
  await refresh();
}

async function forgetFolder(row) {
  const sure = await confirmAct({ title: t('Forget this folder?'), act: t('Forget'),
    text: el('p', {}, t('For a host that was taken down. Keys that only this folder held are disabled. A folder that is still there comes back with its next reading.')) });
  if (!sure) return;
  const done = await post('folders/forget', { place: row.place });
  toast(plural(done.gone, '{n} credential was disabled.', '{n} credentials were disabled.'));
  await refresh();
}
