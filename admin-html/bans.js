// SPDX-License-Identifier: MIT
// bans.js: addresses that are not served without a client token, why and until when.
import { list, post } from './api.js';
import { openDialog, toast } from './dialog.js';
import { data, el, fill, mono } from './dom.js';
import { form } from './form.js';
import { until, when } from './format.js';
import { plural, t } from './i18n.js';
import { may, page } from './shell.js';
import { table } from './table.js';

const frame = await page({ title: t('Bans'), lede: t('Addresses that are not served without a client token. A valid token passes by.'), tools: () => [
  el('a', { class: 'btn', href: 'settings.html?q=open+access' }, t('Limits of open access')),
  may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Ban an address'))] });

const bans = table({
  label: t('Bans'), id: (row) => row.net, nameOf: (row) => row.net, live: 15_000,
  columns: [
    { label: t('Address or network'), narrow: 'title', show: (row) => mono(row.net, 60) },
    { label: t('Why'), wrap: true, show: (row) => data(row.reason, 200) },
    { label: t('How'), show: (row) => (row.automatic ? t('by itself') : t('by an administrator')) },
    { label: t('Since'), show: (row) => when(row.created_at) },
    { label: t('Ends'), show: (row) => until(row.ends_at) },
  ],
  load: (asked) => list('bans', asked),
  actions: may('operator') ? [{ label: t('Lift'), run: lift }] : [],
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('Nobody is banned.'))),
});
fill(frame.body, bans.node);

async function add() {
  const made = await openDialog(t('Ban an address'), (close) => form({
    act: t('Ban'), cancel: () => close(),
    fields: [{ name: 'net', label: t('Address or network'), placeholder: '203.0.113.7, 2001:db8::/64', required: true, autofocus: true },
      { name: 'reason', label: t('Why'), required: true }, { name: 'ends_at', label: t('Ends'), type: 'moment', help: t('Empty: after a day.') }],
    submit: async (given) => close(await post('bans', given)),
  }));
  if (!made) return;
  toast(t('{net} is banned.', { net: made.net }), { undo: async () => { await post('bans/lift', { net: made.net }); bans.refresh(); } });
  bans.refresh();
}

async function lift(selection) {
  const lifted = [];
  for (const net of selection.ids) lifted.push(await post('bans/lift', { net }));
  toast(plural(lifted.length, '{n} ban was lifted.', '{n} bans were lifted.'), { undo: async () => {
    for (const { net, reason, ends_at } of lifted) await post('bans', { net, reason, ends_at });
    bans.refresh();
  } });
  selection.done();
}
