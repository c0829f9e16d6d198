// SPDX-License-Identifier: MIT
// jobs.js: maintenance and its schedule, and what workers do with HTTP.
import { get, list, post, segment } from './api.js';
import { attempt, toast, trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { duration, number, when } from './format.js';
import { server, t } from './i18n.js';
import { every, may, page } from './shell.js';
import { plainTable, table } from './table.js';
import { stateTag } from './words.js';

const frame = await page({ title: t('Jobs'), lede: t('What is done by itself, when, and what came of it.') });
const schedule = el('div', { class: 'card' });
const ways = { pg_cron: 'pg_cron, inside the database', crontab: 'pollux maintain, from outside', workers: 'the workers themselves', worker: 'the workers themselves', 'pollux maintain': 'pollux maintain, from outside' };

const queue = table({
  label: t('Jobs of the workers'), live: 5000,
  filters: [{ name: 'kind', label: t('Kind') }, { name: 'state', label: t('Any state'), type: 'select', options: [['waiting', t('waiting')], ['running', t('running')], ['done', t('done')], ['failed', t('failed')]] }],
  columns: [
    { label: t('Job'), narrow: 'title', show: (row) => [mono(row.kind, 40), row.subject && [' ', data(row.subject, 80)]], wrap: true },
    { label: t('State'), show: (row) => stateTag(row.state) },
    { label: t('Due'), show: (row) => when(row.due_at) },
    { label: t('Done'), show: (row) => when(row.done_at) },
    { label: t('Tries'), align: 'r', show: (row) => number(row.attempts) },
    { label: t('Result'), wrap: true, show: (row) => data(row.result, 200) },
  ],
  load: (asked) => list('jobs', asked),
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('No worker has had a job yet: tests of credentials, refreshes of logins.'))),
});
fill(frame.body, schedule, el('h2', {}, t('Jobs of the workers')), queue.node);
const refresh = every(5000, load);

async function load() {
  try {
    const { items } = await get('schedule');
    morph(schedule, el('div', { class: 'card-head' }, el('h2', {}, t('Schedule')), items[0]?.way && el('span', { class: 'small muted' }, t('Done by: {way}', { way: t(ways[items[0].way] ?? items[0].way) }))),
      plainTable({
        label: t('Schedule'), rows: items, key: (row) => row.name,
        columns: [
          { label: t('Job'), narrow: 'title', wrap: true, show: (row) => [mono(row.name, 60), row.does && el('div', { class: 'small muted' }, server(row.does))] },
          { label: t('How often'), show: (row) => data(row.every, 40) },
          { label: t('Last run'), show: (row) => [when(row.last_run, 'relative'), row.late && [' ', stateTag('late')], row.failed && [' ', stateTag('failed')]] },
          { label: t('Took'), align: 'r', show: (row) => (row.duration_ms === undefined || row.duration_ms === null ? '' : duration(row.duration_ms)) },
          { label: t('Next'), show: (row) => when(row.next_due, 'relative') },
          { label: t('Result'), wrap: true, show: (row) => data(row.result, 200) },
          { label: t('Actions'), show: (row) => may('operator') && el('button', { class: 'btn small', type: 'button', onclick: (event) => attempt(() => run(row), event.currentTarget) }, t('Run now')) },
        ],
      }));
  } catch (error) {
    if (!schedule.hasChildNodes()) fill(schedule, el('p', { class: 'bad-text' }, trouble(error)));
  }
}

async function run(row) {
  const done = await post(`schedule/${segment(row.name)}/run`);
  toast(done.result ? t('{name}: {result}', { name: row.name, result: done.result }) : t('{name} was run.', { name: row.name }));
  await refresh();
}
