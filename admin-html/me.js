// SPDX-License-Identifier: MIT
// me.js: who is signed in: password, and where else.
import { get, post, session as renew } from './api.js';
import { attempt, confirmAct, toast, trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { form } from './form.js';
import { until, when } from './format.js';
import { t } from './i18n.js';
import { page, session } from './shell.js';
import { plainTable } from './table.js';

const frame = await page({ title: t('Password and sessions'), lede: el('bdi', {}, session.name) });
const place = el('div', { 'aria-busy': 'true' });
const password = form({
  act: t('Change password'),
  fields: [
    { name: 'current', label: t('Current password'), type: 'password', autocomplete: 'current-password', required: true },
    { name: 'password', label: t('New password'), type: 'password', autocomplete: 'new-password', required: true, help: t('10 characters or more. All other sessions end.') },
    { name: 'again', label: t('New password, once more'), type: 'password', autocomplete: 'new-password', required: true },
  ],
  async submit(given, node) {
    if (given.password !== given.again) throw Object.assign(new Error(t('The two new passwords differ.')), { field: 'again' });
    await post('password', { current: given.current, password: given.password });
    await renew();
    node.reset();
    toast(t('The password was changed. All other sessions have ended.'));
    show();
  },
});
fill(frame.body, el('div', { class: 'grid' },
  el('div', { class: 'card w5' }, el('div', { class: 'card-head' }, el('h2', {}, t('Password')), el('span', { class: 'small muted' }, t('set'), ' ', when(session.password_at))), password),
  el('div', { class: 'card w7' }, el('div', { class: 'card-head' }, el('h2', {}, t('Where you are signed in')),
    el('button', { class: 'btn small danger', type: 'button', onclick: (event) => attempt(leaveAll, event.currentTarget) }, t('Sign out everywhere'))), place)));
show();

async function show() {
  try {
    const { items } = await get('sessions');
    morph(place, plainTable({
      label: t('Where you are signed in'), rows: items,
      columns: [
        { label: t('Browser'), narrow: 'title', wrap: true, show: (row) => [data(browserOf(row.user_agent), 80), row.this && [' ', el('span', { class: 'tag info' }, t('this one'))]] },
        { label: t('From'), show: (row) => mono(row.remote) },
        { label: t('Signed in'), show: (row) => when(row.signed_in_at) },
        { label: t('Last seen'), show: (row) => when(row.seen_at, 'relative') },
        { label: t('Ends'), show: (row) => until(row.expires_at) },
      ],
    }));
  } catch (error) {
    fill(place, el('p', { class: 'bad-text' }, trouble(error)));
  } finally {
    place.removeAttribute('aria-busy');
  }
}

const browserOf = (agent) => /(Firefox|Edg|OPR|Chrome|Chromium|Safari|curl)\/[\d.]+/.exec(agent ?? '')?.[0].replace('Edg/', 'Edge/').replace('OPR/', 'Opera/') ?? agent;

async function leaveAll() {
  const sure = await confirmAct({ title: t('Sign out everywhere?'), act: t('Sign out everywhere'), text: el('p', {}, t('Every browser that is signed in with your name, this one included, has to sign in again.')) });
  if (!sure) return;
  await post('logout-all');
  location.href = 'login.html';
}
