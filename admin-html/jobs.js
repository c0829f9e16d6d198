// SPDX-License-Identifier: MIT
// jobs.js: maintenance and its schedule, and what workers do with HTTP.
import { get, post, segment } from './api.js';
import { attempt, toast, trouble } from './dialog.js';
import { data, el, fill, mono, morph, prose } from './dom.js';
import { duration, number, span, when } from './format.js';
import { named, server, t } from './i18n.js';
import { every, may, page } from './shell.js';
import { plainTable } from './table.js';
import { outcomeTag, stateTag } from './words.js';

const ways = { pg_cron: 'pg_cron, inside the database', worker: 'the workers themselves', workers: 'the workers themselves', 'pollux maintain': 'pollux maintain, from outside', console: 'this console' };

const frame = await page({ title: t('Jobs'), lede: t('What is done by itself, when, and what came of it.') });
let drawn = false;
const refresh = every(4000, load);

async function load() {
  try {
    draw(await get('jobs'));
    drawn = true;
  } catch (error) {
    if (drawn) throw error;
    fill(frame.body, el('div', { class: 'empty' }, el('p', {}, trouble(error))));
  }
}

function draw({ way, items, queue }) {
  morph(frame.body,
    el('div', { class: 'card', 'data-key': 'schedule' }, el('div', { class: 'card-head' }, el('h2', {}, t('Schedule')), el('span', { class: 'small muted' }, t('Done by: {way}', { way: named(ways, way) }))), schedule(items)),
    el('div', { class: 'card', 'data-key': 'queue' }, el('div', { class: 'card-head' }, el('h2', {}, t('Jobs of the workers'))), jobs(queue)));
}

const schedule = (rows) => plainTable({
  label: t('Schedule'), rows, key: (row) => row.name,
  columns: [
    { label: t('Job'), narrow: 'title', wrap: true, show: (row) => [mono(row.name, 60), row.does && el('div', { class: 'small muted' }, prose(server(row.does)))] },
    { label: t('How often'), nowrap: true, show: (row) => interval(row.every) },
    { label: t('Last run'), nowrap: true, show: (row) => [when(row.last_run, 'relative'), row.late && [' ', stateTag('late')], row.failed && [' ', stateTag('failed')]] },
    { label: t('Done by'), narrow: 'hide', show: (row) => mono(row.done_by, 30) },
    { label: t('Took'), align: 'r', show: (row) => ((row.duration_ms ?? null) === null ? '' : duration(row.duration_ms)) },
    { label: t('Next run'), nowrap: true, show: (row) => when(row.next_due, 'relative') },
    { label: t('Result'), wrap: true, show: (row) => el('span', { class: row.failed ? 'bad-text' : '' }, data(server(row.result), 200)) },
    { label: t('Actions'), show: (row) => may('operator') && el('button', { class: 'btn small', type: 'button', onclick: (event) => attempt(() => run(row), event.currentTarget) }, t('Run now')) },
  ].filter((column) => column.label !== t('Actions') || may('operator')),
});

// '00:05:00' of PostgreSQL; a time of day stays as it is.
function interval(text) {
  const parts = /^(\d+):(\d\d):(\d\d)$/.exec(text);
  return parts ? span(1000 * (Number(parts[1]) * 3600 + Number(parts[2]) * 60 + Number(parts[3]))) : data(text, 40);
}

const jobs = (rows) => plainTable({
  label: t('Jobs of the workers'), rows, empty: t('No worker has had a job yet: tests of credentials, refreshes of logins.'),
  columns: [
    { label: t('Job'), narrow: 'title', wrap: true, show: (row) => [named(kinds, row.kind), ' ', subject(row)] },
    { label: t('State'), show: (row) => stateTag(row.state) },
    { label: t('Due'), show: (row) => when(row.due_at) },
    { label: t('Done'), show: (row) => when(row.done_at) },
    { label: t('Tries'), align: 'r', show: (row) => number(row.attempts) },
    { label: t('Result'), wrap: true, show: (row) => result(row.kind, row.result ?? {}) },
  ],
});

const kinds = { probe: 'test of', refresh: 'new access token for', keep_alive: 'call of', keys_folder: 'reading of' };
const tokens = { fresh: 'a new access token is there', out: 'the account is out', later: 'it is tried again later', failed: 'failed' };

const subject = (row) => (['probe', 'refresh'].includes(row.kind) ? el('a', { href: `credential.html?id=${encodeURIComponent(row.subject)}` }, t('credential {n}', { n: row.subject })) : row.subject && data(row.subject, 120));

// What came of a job, in words; what is not known here as the worker wrote it.
function result(kind, said) {
  if (kind === 'probe' && said.outcome) return [outcomeTag(said.outcome, said.status), ' ', said.model && mono(said.model, 40), said.error && el('div', { class: 'small muted' }, data(said.error, 300))];
  if (said.skipped) return t('there was nothing to do');
  if (said.error) return el('span', { class: 'bad-text' }, data(server(said.error), 300));
  if (kind === 'refresh' && said.token) return named(tokens, said.token);
  if (kind === 'keys_folder' && said.files !== undefined) return t('{files} files, {keys} keys: {fresh} new, {back} back, {gone} gone', { files: number(said.files), keys: number(said.keys), fresh: number(said.new), back: number(said.back), gone: number(said.gone) });
  if (kind === 'keep_alive' && said.status !== undefined) return [outcomeTag(said.status === 200 ? 'ok' : 'upstream_error', said.status), ' ', duration(said.duration_ms)];
  return Object.keys(said).length > 0 ? data(JSON.stringify(said), 200) : '';
}

async function run(row) {
  const done = await post(`jobs/${segment(row.name)}/run`);
  toast(done.result ? t('{name}: {result}', { name: row.name, result: server(done.result) }) : t('{name} was run.', { name: row.name }), { bad: done.failed === true });
  await refresh();
}
