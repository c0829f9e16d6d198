// SPDX-License-Identifier: MIT
// credentials.js: keys and accounts in one list, however many: search, filters, order, and what can be done to many.
import { fullList, get, inParts, post } from './api.js';
import { chart } from './chart.js';
import { attempt, confirmAct, openDialog, toast } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { field, form } from './form.js';
import { number, percent, span, until, when } from './format.js';
import { plural, t } from './i18n.js';
import { addKeys } from './keys.js';
import { every, may, notice, page } from './shell.js';
import { plainTable, table } from './table.js';
import { kindOf, reasonOf, stateTag } from './words.js';

const frame = await page({ title: t('Credentials'), lede: t('Keys and accounts that answer for your applications.'), tools: () => [
  may('operator') && el('a', { class: 'btn', href: 'api/credentials/export', download: 'pollux-credentials.csv', title: t('Everything but the secrets, as CSV') }, t('Export')),
  may('operator') && el('button', { class: 'btn', type: 'button', title: t('Ends everything automatic: verdicts, rests, failures, learned limits'), onclick: (event) => attempt(resetAll, event.currentTarget) }, t('Reset all')),
  may('operator') && el('button', { class: 'btn', type: 'button', onclick: removeBroken }, t('Remove broken')),
  may('operator') && el('a', { class: 'btn', href: 'accounts.html' }, t('Add an account')),
  may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Add keys')),
] });

const credentials = table({
  label: t('Credentials'), selectAll: true,
  filters: [
    { name: 'q', label: t('Search label, project, ending'), type: 'search' },
    { name: 'state', label: t('Any state'), type: 'select', options: [['ready', t('ready')], ['resting', t('resting')], ['dead', t('broken')], ['disabled', t('off')], ['removed', t('in the archive')]] },
    { name: 'kind', label: t('Any kind'), type: 'select', options: [['api_key', t('key')], ['account', t('account')]] },
    { name: 'project', label: t('Project') },
    { name: 'model', label: t('Resting for model') },
    { name: 'tag', label: t('Tag') },
  ],
  columns: [
    { label: t('Credential'), narrow: 'title', sort: 'label', show: (row) => (row.label ? data(row.label, 60) : mono(`…${row.hint ?? row.id}`)) },
    { label: t('State'), show: (row) => [stateTag(row.state), row.reason && el('div', { class: 'small muted' }, reasonOf(row.reason))], wrap: true },
    { label: t('Until'), show: (row) => (row.until ? until(row.until) : '') },
    { label: t('Kind'), narrow: 'hide', nowrap: true, show: (row) => kindOf(row.kind) },
    { label: t('Project'), sort: 'project', show: (row) => mono(row.project, 28), wrap: true },
    { label: t('Tags'), narrow: 'hide', show: (row) => (row.tags ?? []).slice(0, 4).map((tag) => [el('span', { class: 'tag' }, data(tag, 20)), ' ']) },
    { label: t('Priority'), align: 'r', sort: 'priority', narrow: 'hide', show: (row) => number(row.priority) },
    { label: t('Today'), align: 'r', show: (row) => number(row.requests_today) },
    { label: t('Last used'), sort: 'last_used_at', narrow: 'hide', show: (row) => when(row.last_used_at, 'relative') },
    { label: t('Added'), sort: 'id', descending: true, narrow: 'hide', show: (row) => when(row.created_at) },
  ],
  nameOf: (row) => row.label ?? row.hint,
  href: (row) => `credential.html?id=${row.id}`,
  load: async (asked) => {
    const answer = await fullList('credentials', asked);
    if (answer.page.counts) notice({ broken: answer.page.counts.broken });
    return answer;
  },
  actions: may('operator') ? [
    { label: t('Test'), run: (selection) => bulk('test', selection, t('Testing'), (n) => plural(n, '{n} credential is being tested.', '{n} credentials are being tested.')) },
    { label: t('Enable'), run: (selection) => bulk('enable', selection, t('Enabling'), (n) => plural(n, '{n} credential was enabled.', '{n} credentials were enabled.'), 'disable') },
    { label: t('Disable'), run: (selection) => bulk('disable', selection, t('Disabling'), (n) => plural(n, '{n} credential was disabled.', '{n} credentials were disabled.'), 'enable') },
    { label: t('Reset cool-down'), run: (selection) => bulk('reset', selection, t('Resetting'), (n) => plural(n, '{n} credential is used again.', '{n} credentials are used again.')) },
    { label: t('Change'), run: change },
    { label: t('Remove'), danger: true, run: removeSelected },
  ].map((action) => ({ ...action, when: (filters) => filters.state !== 'removed' })).concat([
    { label: t('Bring back'), run: (selection) => bulk('restore', selection, t('Bringing back'), (n) => plural(n, '{n} credential is back.', '{n} credentials are back.')) },
    { label: t('Delete for good'), danger: true, run: purgeSelected },
  ].map((action) => ({ ...action, when: (filters) => filters.state === 'removed' }))) : [],
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('No credential yet. Paste API keys of Google AI Studio, one for each project, or log an account in.')),
    may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Add keys'))),
});
const curve = chart({ label: t('How long credentials live'), height: 180, steps: true, most: 1, series: [{ name: t('alive'), color: 'accent', area: true, format: (share) => `${number(100 * share, 1)} %` }], x: { name: t('After'), say: (ms) => span(ms) } });
const survival = el('section', { class: 'grid', hidden: true, 'aria-label': t('Survival') });
fill(frame.body, credentials.node, survival);
every(60_000, showSurvival);
if (location.hash === '#add' && may('operator')) add();

async function add() {
  if (await addKeys()) credentials.refresh();
}

// What the server is to work on: some ids, or all that the filters leave.
const which = (selection) => (selection.all ? { filter: selection.filters } : { ids: selection.ids });

// bulk does something to a selection, in parts, with progress; `back` is the action that undoes it.
async function bulk(action, selection, title, said, back) {
  const all = await withParts(title, { action, ...which(selection) }, selection.count);
  if (all === null) return;
  toast(said(all.done), back ? undoing(back, all.ids) : {});
  selection.done();
}

// What a toast needs to undo an act: exactly those that are different by it, none that were so before.
const undoing = (back, ids) => (ids.length === 0 ? {} : { undo: async () => { await withParts(t('Undoing'), { action: back, ids }, ids.length); credentials.refresh(); } });

// Runs a bulk call and shows how far it is: {done, ids: of those that are different now}; null when it failed.
async function withParts(title, body, all) {
  const bar = el('progress', { max: Math.max(all, 1), value: 0, 'aria-label': title });
  const said = el('p', { class: 'muted', role: 'status' });
  let stopped = false;
  let close;
  let failure = null;
  const shown = all > 200 ? openDialog(title, (done) => {
    close = done;
    return el('div', { class: 'form' }, bar, said, el('div', { class: 'actions' }, el('button', { class: 'btn', type: 'button', onclick: () => { stopped = true; } }, t('Stop'))));
  }) : null;
  let done = 0;
  const ids = [];
  try {
    done = await inParts('credentials/bulk', body, (state) => {
      ids.push(...state.part.ids);
      bar.value = state.done;
      fill(said, t('{done} of {all}', { done: number(state.done), all: number(state.done + state.left) }));
      return !stopped;
    });
  } catch (error) {
    failure = error;
  }
  close?.();
  await shown;
  if (failure) {
    toast(failure.words ?? failure.message, { bad: true });
    return null;
  }
  return { done, ids };
}

async function change(selection) {
  const wanted = await openDialog(t('Change'), (close) => form({
    act: plural(selection.count, 'Change {n} credential', 'Change {n} credentials'), cancel: () => close(),
    fields: [
      el('p', { class: 'muted' }, t('What is left empty stays as it is.')),
      field({ name: 'priority', label: t('Priority'), type: 'number', min: 0, max: 1000000, help: t('Lower is earlier.') }),
      field({ name: 'tags_add', label: t('Add tags'), type: 'list' }),
      field({ name: 'tags_remove', label: t('Take tags away'), type: 'list' }),
      field({ name: 'project', label: t('Google Cloud project'), help: t('Keys of one project share its quota.') }),
    ],
    submit: async (given) => close(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))),
  }));
  if (!wanted || Object.keys(wanted).length === 0) return;
  const all = await withParts(t('Changing'), { action: 'change', ...which(selection), ...wanted }, selection.count);
  if (all === null) return;
  toast(plural(all.done, '{n} credential was changed.', '{n} credentials were changed.'));
  selection.done();
}

async function removeSelected(selection) {
  const sure = await confirmAct({
    title: plural(selection.count, 'Remove {n} credential?', 'Remove {n} credentials?'), act: t('Remove'),
    text: el('p', {}, t('They serve no request any more. They go to the archive, from where they can be brought back.')),
  });
  if (!sure) return;
  const all = await withParts(t('Removing'), { action: 'remove', ...which(selection) }, selection.count);
  if (all === null) return;
  toast(plural(all.done, '{n} credential was removed.', '{n} credentials were removed.'), undoing('restore', all.ids));
  selection.done();
}

async function purgeSelected(selection) {
  const sure = await confirmAct({
    title: plural(selection.count, 'Delete {n} credential for good?', 'Delete {n} credentials for good?'), act: t('Delete for good'),
    text: el('p', {}, t('Their secrets are deleted and cannot be brought back. What was counted of them stays.')),
  });
  if (!sure) return;
  const all = await withParts(t('Removing'), { action: 'purge', ...which(selection) }, selection.count);
  if (all === null) return;
  toast(plural(all.done, '{n} credential was deleted.', '{n} credentials were deleted.'));
  selection.done();
}

async function resetAll() {
  const sure = await confirmAct({ title: t('Reset everything automatic?'), act: t('Reset all'), danger: false,
    text: el('p', {}, t('Broken credentials are tried again, rests and failures end, learned limits are forgotten. What you switched off stays off; what was counted stays. It cannot be undone.')) });
  if (!sure) return;
  const done = await post('pool/reset');
  toast(t('Credentials used again: {credentials}; rests that ended: {rows}.', { credentials: number(done.credentials), rows: number(done.rows) }));
  credentials.refresh();
}

// ---------------------------------------------------------------- how long they live

async function showSurvival() {
  const seen = await get('credentials/survival').catch(() => null);
  if (!seen || seen.added === 0) return;
  survival.hidden = false;
  if (!survival.firstChild) fill(survival, el('div', { class: 'card w8' }), el('div', { class: 'card w4' }));
  morph(survival.firstChild, el('div', { class: 'card-head' }, el('h2', {}, t('How long credentials live')), el('span', { class: 'small muted' }, t('of {n} that were ever added', { n: number(seen.added) }))), curve.node);
  morph(survival.lastChild, el('div', { class: 'card-head' }, el('h2', {}, t('What ended them')), el('span', { class: 'small muted' }, plural(seen.died, '{n} of them', '{n} of them'))), plainTable({
    label: t('What ended them'), rows: seen.reasons, key: (row) => row.reason, empty: t('Google has refused none so far.'),
    columns: [{ label: t('Reason'), narrow: 'title', wrap: true, show: (row) => reasonOf(row.reason) }, { label: t('Credentials'), align: 'r', show: (row) => number(row.count) }, { label: t('Share'), align: 'r', show: (row) => `${percent(row.count, seen.died)} %` }],
  }));
  curve.show(seen.points.map((point) => point.step * seen.step_s * 1000), [seen.points.map((point) => point.alive)]);
}

async function removeBroken() {
  const broken = await get('credentials', { state: 'dead', limit: 100 });
  if (broken.items.length === 0) return toast(t('No credential is broken.'));
  const n = broken.total ?? broken.items.length;
  const sure = await confirmAct({
    title: plural(n, 'Remove {n} broken credential?', 'Remove {n} broken credentials?'), act: t('Remove'),
    text: el('div', { class: 'stack' }, el('p', {}, t('Google refuses them. They go to the archive, from where they can be brought back.')),
      el('div', { class: 'chart-table' }, el('table', {}, el('tbody', {}, broken.items.slice(0, 100).map((row) => el('tr', {},
        el('td', {}, row.label ? data(row.label, 40) : mono(`…${row.hint ?? row.id}`)), el('td', {}, mono(row.project, 24)), el('td', { class: 'wrap muted' }, reasonOf(row.reason))))))),
      n > 100 && el('p', { class: 'muted' }, plural(n - 100, 'and {n} more', 'and {n} more'))),
  });
  if (!sure) return undefined;
  const all = await withParts(t('Removing'), { action: 'remove', filter: { state: 'dead' } }, n);
  if (all !== null) toast(plural(all.done, '{n} credential was removed.', '{n} credentials were removed.'), undoing('restore', all.ids));
  credentials.refresh();
  return undefined;
}
