// SPDX-License-Identifier: MIT
// administrators.js: who may enter, with what role.
import { get, list, patch, post, remove, segment } from './api.js';
import { attempt, confirmAct, openDialog, toast } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { field, form } from './form.js';
import { tokenBox } from './start.js';
import { number, when } from './format.js';
import { t } from './i18n.js';
import { may, page, session } from './shell.js';
import { plainTable, table } from './table.js';
import { stateTag } from './words.js';

const roles = [['viewer', t('viewer: sees everything')], ['operator', t('operator: also changes what serves requests')], ['owner', t('owner: also decides who may enter')]];
const names = { metrics: t('metrics'), viewer: t('viewer'), operator: t('operator'), owner: t('owner') };

const frame = await page({ title: t('Administrators'), lede: t('Who may enter this console, and what programs may administer.'), tools: () => [
  may('owner') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Add an administrator'))] });

let people;
const tokens = el('div', { class: 'card' });
if (may('owner')) show();
else fill(frame.body, el('div', { class: 'empty' }, el('p', {}, t('Only owners see who may enter.'))));

function show() {
  people = table({
  label: t('Administrators'), nameOf: (row) => row.name,
  columns: [
    { label: t('Name'), narrow: 'title', show: (row) => [data(row.name, 64), row.name === session.name && [' ', el('span', { class: 'tag info' }, t('you'))]] },
    { label: t('Role'), show: (row) => names[row.role] ?? row.role },
    { label: t('State'), show: (row) => stateTag(row.state) },
    { label: t('Sessions'), align: 'r', show: (row) => number(row.sessions) },
    { label: t('Last sign-in'), show: (row) => when(row.login_at, 'relative') },
    { label: t('Password set'), narrow: 'hide', show: (row) => when(row.password_at) },
    { label: t('Actions'), show: actions },
  ],
  load: (asked) => list('administrators', asked),
  });
  fill(frame.body, people.node, tokens);
  showTokens();
}

function actions(row) {
  if (!may('owner')) return '';
  return el('div', { class: 'tools' },
    el('button', { class: 'btn small', type: 'button', onclick: () => edit(row) }, t('Change')),
    el('button', { class: 'btn small', type: 'button', onclick: () => setPassword(row) }, t('New password')),
    row.name !== session.name && el('button', { class: 'btn small danger', type: 'button', onclick: (event) => attempt(() => removeOne(row), event.currentTarget) }, t('Remove')));
}

async function add() {
  const made = await openDialog(t('Add an administrator'), (close) => form({
    cancel: () => close(), act: t('Add'),
    fields: [{ name: 'name', label: t('Name'), required: true, autofocus: true, help: t('Letters, digits and . _ @ -') }, { name: 'role', label: t('Role'), type: 'select', options: roles, value: 'operator' },
      { name: 'password', label: t('First password'), type: 'password', autocomplete: 'new-password', required: true, help: t('10 characters or more. They can change it after signing in.') }],
    submit: async (given) => close(await post('administrators', given)),
  }));
  if (!made) return;
  toast(t('{name} may enter now.', { name: made.name }));
  people.refresh();
}

async function edit(row) {
  const done = await openDialog(row.name, (close) => form({
    cancel: () => close(),
    fields: [field({ name: 'role', label: t('Role'), type: 'select', options: roles, value: row.role }),
      field({ name: 'enabled', label: t('May sign in'), type: 'checkbox', value: row.state === 'active', help: t('Without it all sessions end.') })],
    submit: async (given) => close(await patch(`administrators/${segment(row.id)}`, given)),
  }));
  if (done) people.refresh();
}

async function setPassword(row) {
  const done = await openDialog(t('New password for {name}', { name: row.name }), (close) => form({
    cancel: () => close(),
    fields: [{ name: 'password', label: t('New password'), type: 'password', autocomplete: 'new-password', required: true, autofocus: true, help: t('10 characters or more. All their sessions end.') }],
    submit: async (given) => close(await post(`administrators/${segment(row.id)}/password`, given)),
  }));
  if (done) toast(t('The password was set.'));
}

async function removeOne(row) {
  const sure = await confirmAct({ title: t('Remove {name}?', { name: row.name }), act: t('Remove'), text: el('p', {}, t('They can no longer enter, and their sessions end. What they did stays in the audit.')) });
  if (!sure) return;
  await remove(`administrators/${segment(row.id)}`);
  toast(t('Removed.'));
  people.refresh();
}

// ---------------------------------------------------------------- tokens of programs

async function showTokens() {
  const { items } = await get('tokens');
  morph(tokens, el('div', { class: 'card-head' }, el('h2', {}, t('Tokens for programs')), el('button', { class: 'btn small', type: 'button', onclick: addToken }, t('Make a token'))),
    el('p', { class: 'muted small' }, t('For scripts and Prometheus, at /metrics and below /admin/. They open neither this console nor the models.')),
    plainTable({
      label: t('Tokens for programs'), rows: items, empty: t('No program has a token yet.'),
      columns: [
        { label: t('Name'), narrow: 'title', show: (row) => data(row.name, 60) },
        { label: t('Role'), show: (row) => names[row.role] ?? row.role },
        { label: t('Token ends with'), show: (row) => mono(row.hint) },
        { label: t('State'), show: (row) => stateTag(row.state) },
        { label: t('Expires'), show: (row) => (row.expires_at ? when(row.expires_at) : el('span', { class: 'muted' }, t('never'))) },
        { label: t('Last used'), show: (row) => when(row.last_used_at, 'relative') },
        { label: t('Actions'), show: (row) => row.state === 'active' && el('button', { class: 'btn small danger', type: 'button', onclick: (event) => attempt(() => revokeToken(row), event.currentTarget) }, t('Revoke')) },
      ] }));
}

async function addToken() {
  const made = await openDialog(t('Make a token'), (close) => form({
    cancel: () => close(), act: t('Make a token'),
    fields: [{ name: 'name', label: t('Name'), required: true, autofocus: true, help: t('Of the program that will use it.') },
      { name: 'role', label: t('Role'), type: 'select', value: 'viewer', options: [['metrics', t('metrics: reads /metrics and /status.txt')], ...roles] },
      { name: 'expires_at', label: t('Expires'), type: 'moment', help: t('Empty: never.') }],
    submit: async (given) => close(await post('tokens', given)),
  }));
  if (!made) return;
  await showTokens();
  await openDialog(t('The token of {name}', { name: made.name }), (close) => el('div', { class: 'form' }, tokenBox(made.token),
    el('div', { class: 'actions' }, el('button', { class: 'btn primary', type: 'button', onclick: () => close() }, t('Done')))), { wide: true });
}

async function revokeToken(row) {
  const sure = await confirmAct({ title: t('Revoke this token?'), act: t('Revoke'), text: el('p', {}, t('Programs that use it are refused from the next second on. A revoked token cannot be made valid again.')) });
  if (!sure) return;
  await remove(`tokens/${segment(row.id)}`);
  toast(t('Revoked.'));
  await showTokens();
}
