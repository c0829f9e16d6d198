// SPDX-License-Identifier: MIT
// clients.js: who calls us, with what limits. A token is shown once, with ready-made first calls.
import { get, list, post, remove, segment } from './api.js';
import { confirmAct, openDialog, toast } from './dialog.js';
import { data, el, fill, mono } from './dom.js';
import { form } from './form.js';
import { number, short, when } from './format.js';
import { t } from './i18n.js';
import { may, page } from './shell.js';
import { snippets } from './snippets.js';
import { tokenBox } from './start.js';
import { table } from './table.js';
import { clientFields } from './clientform.js';
import { stateTag } from './words.js';

const frame = await page({ title: t('Clients'), lede: t('Your applications: each has a token of its own.'), tools: () => [
  may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Add a client'))] });

const clients = table({
  label: t('Clients'),
  filters: [{ name: 'q', label: t('Search name'), type: 'search' },
    { name: 'state', label: t('Any state'), type: 'select', options: [['active', t('active')], ['expired', t('expired')], ['revoked', t('revoked')]] }],
  columns: [
    { label: t('Client'), narrow: 'title', sort: 'name', show: (row) => data(row.name, 60) },
    { label: t('State'), show: (row) => stateTag(row.state) },
    { label: t('Token ends with'), narrow: 'hide', show: (row) => mono(row.hint) },
    { label: t('Requests /min'), align: 'r', show: (row) => (row.rpm === null ? el('span', { class: 'muted' }, t('any')) : number(row.rpm)) },
    { label: t('Tokens today'), align: 'r', show: (row) => [short(row.tokens_today), row.daily_tokens !== null && ` / ${short(row.daily_tokens)}`] },
    { label: t('Models'), wrap: true, narrow: 'hide', show: (row) => (row.models ? mono(row.models.join(', '), 60) : el('span', { class: 'muted' }, t('all'))) },
    { label: t('Expires'), show: (row) => (row.expires_at ? when(row.expires_at) : el('span', { class: 'muted' }, t('never'))) },
    { label: t('Added'), sort: 'id', descending: true, narrow: 'hide', show: (row) => when(row.created_at) },
  ],
  nameOf: (row) => row.name,
  href: (row) => `client.html?id=${row.id}`,
  load: (asked) => list('clients', asked),
  actions: may('operator') ? [{ label: t('Revoke'), danger: true, run: revoke }] : [],
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('No client yet. A client is an application with a token of its own; limits are up to you.')),
    may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Add a client'))),
});
fill(frame.body, clients.node);

async function add() {
  const made = await openDialog(t('Add a client'), (close) => form({
    cancel: () => close(), act: t('Add'), fields: clientFields({}), submit: async (given) => close(await post('clients', given)),
  }));
  if (!made) return;
  clients.refresh();
  const { items } = await get('models', { limit: 1 }).catch(() => ({ items: [] }));
  await openDialog(t('The token of {name}', { name: made.name }), (close) => el('div', { class: 'form' }, tokenBox(made.token), snippets({ token: made.token, model: items[0]?.model }),
    el('div', { class: 'actions' }, el('a', { class: 'btn', href: 'playground.html' }, t('Try it in the playground')), el('button', { class: 'btn primary', type: 'button', onclick: () => close() }, t('Done')))), { wide: true });
}

async function revoke(selection) {
  const sure = await confirmAct({ title: t('Revoke these tokens?'), act: t('Revoke'), text: el('p', {}, t('Applications that use them are refused from the next second on. A revoked token cannot be made valid again.')) });
  if (!sure) return;
  for (const id of selection.ids) await remove(`clients/${segment(id)}`);
  toast(t('Revoked.'));
  selection.done();
}
