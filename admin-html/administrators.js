// SPDX-License-Identifier: MIT
// administrators.js: who may enter, with what role.
import { list, patch, post, remove, segment } from './api.js';
import { attempt, confirmAct, openDialog, toast } from './dialog.js';
import { data, el, fill } from './dom.js';
import { field, form } from './form.js';
import { number, when } from './format.js';
import { t } from './i18n.js';
import { may, page, session } from './shell.js';
import { table } from './table.js';
import { stateTag } from './words.js';

const roles = [['viewer', t('viewer: sees everything')], ['operator', t('operator: also changes what serves requests')], ['owner', t('owner: also decides who may enter')]];
const names = { viewer: t('viewer'), operator: t('operator'), owner: t('owner') };

const frame = await page({ title: t('Administrators'), lede: t('Who may enter this console.'), tools: () => [
  may('owner') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Add an administrator'))] });

let people;
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
  fill(frame.body, people.node);
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
