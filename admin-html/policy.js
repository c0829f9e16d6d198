// SPDX-License-Identifier: MIT
// policy.js: rules about errors of the upstream, asked before the table that is built in; with a dry run. Part of the
// page of settings.
import { get, patch, post, remove, segment } from './api.js';
import { attempt, openDialog, toast, trouble } from './dialog.js';
import { data, el, fill, morph } from './dom.js';
import { form } from './form.js';
import { number, span } from './format.js';
import { named, t } from './i18n.js';
import { may } from './shell.js';
import { plainTable } from './table.js';
import { outcomeWord, reasonOf } from './words.js';

const actions = { stop: 'stop: the client gets the error', another: 'another: the next credential is tried' };
const scopes = { none: 'nobody', credential: 'the credential', quota: 'its project, for this model', model: 'all projects, for this model' };
const next = { answer: 'The client gets this answer.', another: 'Another credential is tried.', again: 'The same credential is tried again.' };

const place = el('div', { 'aria-busy': 'true' });

// policy answers the card; it fills itself.
export function policy() {
  load();
  return el('section', { class: 'card', id: 'policy', 'aria-label': t('Error policy') },
    el('div', { class: 'card-head' }, el('h2', {}, t('Error policy')), may('operator') && el('div', { class: 'tools' },
      el('button', { class: 'btn small', type: 'button', onclick: dryRun }, t('Dry run')), el('button', { class: 'btn small primary', type: 'button', onclick: () => edit({}) }, t('Add a rule')))),
    el('p', { class: 'muted small' }, t('What an error of Google means where you know better: the first row that matches decides, before the built-in table.')), place);
}

async function load() {
  try {
    show((await get('policy')).items);
  } catch (error) {
    fill(place, el('p', { class: 'bad-text' }, trouble(error)));
  } finally {
    place.removeAttribute('aria-busy');
  }
}

function show(rules) {
  morph(place, plainTable({
    label: t('Error policy'), rows: rules, empty: t('No rule of your own: the built-in table decides.'),
    columns: [
      { label: t('Order'), narrow: 'title', show: (row) => [number(row.position), !row.enabled && [' ', el('span', { class: 'tag' }, t('off'))]] },
      { label: t('Status'), show: (row) => (row.status_from === row.status_to ? String(row.status_from) : `${row.status_from}–${row.status_to}`) },
      { label: t('Holds the text'), wrap: true, show: (row) => (row.text ? data(row.text, 200) : el('span', { class: 'muted' }, t('any'))) },
      { label: t('What happens'), wrap: true, show: (row) => named(actions, row.action) },
      { label: t('Who rests'), wrap: true, show: (row) => [named(scopes, row.scope), row.rest_ms > 0 && `, ${span(row.rest_ms)}`] },
      { label: t('Note'), wrap: true, narrow: 'hide', show: (row) => (row.note ? data(row.note, 200) : '') },
      { label: may('operator') ? t('Actions') : '', show: (row) => may('operator') && el('div', { class: 'tools' },
        el('button', { class: 'btn small', type: 'button', onclick: () => edit(row) }, t('Change')),
        el('button', { class: 'btn small danger', type: 'button', onclick: (event) => attempt(() => take(row), event.currentTarget) }, t('Remove'))) },
    ],
  }));
}

const written = ({ position, status_from: from, status_to: to, text, action, scope, rest_ms: rest, note, enabled }) => ({ position, status_from: from, status_to: to, text, action, scope, rest_ms: rest, note, enabled });

async function take(row) {
  await remove(`policy/${segment(row.id)}`);
  toast(t('The rule was removed.'), { undo: async () => { await post('policy', written(row)); await load(); } });
  await load();
}

async function edit(row) {
  const options = (table) => Object.entries(table).map(([key, text]) => [key, t(text)]);
  const done = await openDialog(row.id ? t('Change the rule') : t('Add a rule'), (close) => form({
    cancel: () => close(),
    fields: [
      { name: 'status', label: t('Status'), value: row.id ? (row.status_from === row.status_to ? row.status_from : `${row.status_from}-${row.status_to}`) : '429', required: true, autofocus: true, help: t('A number, or a range such as 500-599.') },
      { name: 'text', label: t('Holds the text'), value: row.text, help: t('In its message, status name or reason, in any case of letters. Empty: any.') },
      { name: 'action', label: t('What happens'), type: 'select', options: options(actions), value: row.action ?? 'another' },
      { name: 'scope', label: t('Who rests'), type: 'select', options: options(scopes), value: row.scope ?? 'none' },
      { name: 'seconds', label: t('For how long'), type: 'number', min: 0, unit: t('seconds'), value: row.rest_ms ? row.rest_ms / 1000 : null },
      { name: 'position', label: t('Order'), type: 'number', min: 0, max: 1000000, value: row.position, placeholder: t('at the end'), help: t('Lower is earlier.') },
      { name: 'note', label: t('Note'), value: row.note },
      { name: 'enabled', label: t('In use'), type: 'checkbox', value: row.enabled ?? true },
    ],
    async submit(given) {
      const [from, to] = String(given.status ?? '').split('-').map((part) => Number(part.trim()));
      const rule = { status_from: from, status_to: to ?? from, text: given.text, action: given.action, scope: given.scope, rest_ms: given.scope === 'none' ? 0 : Math.round((given.seconds ?? 0) * 1000), note: given.note, enabled: given.enabled };
      if (given.position !== null) rule.position = given.position;
      if (row.id) await patch(`policy/${segment(row.id)}`, rule);
      else await post('policy', rule);
      close(true);
    },
  }));
  if (!done) return;
  toast(t('Saved. Running workers follow within a second.'));
  await load();
}

function dryRun() {
  const result = el('div', { role: 'status' });
  return openDialog(t('Dry run'), (close) => el('div', { class: 'form' },
    el('p', { class: 'muted' }, t('Which row would an error hit? Nothing is done.')),
    form({
      act: t('Try'), cancel: () => close(),
      fields: [{ name: 'status', label: t('Status'), type: 'number', min: 100, max: 999, value: 429, autofocus: true },
        { name: 'body', label: t('Body of the error'), type: 'textarea', rows: 6, placeholder: '{"error": {"code": 429, "message": "..."}}' },
        { name: 'account', label: t('It came for an account, not for a key'), type: 'checkbox' }],
      submit: async (given) => fill(result, verdict(await post('policy/test', { ...given, body: given.body ?? '' }))),
    }), result), { wide: true });
}

const verdict = (one) => el('dl', { class: 'facts' },
  el('dt', {}, t('Decided by')), el('dd', {}, one.rule === null ? t('the built-in table') : t('rule {n}', { n: one.rule })),
  el('dt', {}, t('Taken for')), el('dd', {}, outcomeWord(one.outcome)), el('dt', {}, t('Then')), el('dd', {}, named(next, one.next)),
  one.scope !== 'none' && [el('dt', {}, t('Who rests')), el('dd', {}, named(scopes, one.scope), one.rest_ms > 0 && `, ${span(one.rest_ms)}`)],
  one.reason && [el('dt', {}, t('Reason')), el('dd', {}, reasonOf(one.reason))]);
