// SPDX-License-Identifier: MIT
// audit.js: who changed what, from what to what.
import { list } from './api.js';
import { data, el, fill, mono } from './dom.js';
import { when } from './format.js';
import { t } from './i18n.js';
import { page } from './shell.js';
import { table } from './table.js';

const frame = await page({ title: t('Audit'), lede: t('Who changed what, from what to what.') });

const changes = table({
  label: t('Audit'),
  filters: [{ name: 'subject', label: t('What'), type: 'search' }, { name: 'actor', label: t('Who') }, { name: 'action', label: t('Action') }],
  columns: [
    { label: t('Time'), narrow: 'title', nowrap: true, show: (row) => when(row.at) },
    { label: t('Who'), show: (row) => [data(row.actor, 60), row.remote && el('div', { class: 'small faint' }, data(row.remote, 50))] },
    { label: t('Action'), show: (row) => mono(row.action, 60) },
    { label: t('What'), wrap: true, show: (row) => { const href = placeOf(row); return href ? el('a', { href }, data(row.subject, 120)) : data(row.subject, 120); } },
    { label: t('Change'), wrap: true, show: difference },
  ],
  load: (asked) => list('audit', asked),
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('Nothing was changed yet.'))),
});
fill(frame.body, changes.node);

// Where the thing that was changed is looked at, if its name says so.
function placeOf({ action, subject }) {
  const noun = action.split('.')[0];
  const name = encodeURIComponent(subject ?? '');
  if (noun === 'credential' && /^\d+$/.test(subject)) return `credential.html?id=${name}`;
  return { client: `clients.html?q=${name}`, model: `model.html?name=${name}`, setting: `settings.html?q=${name}`, account: `accounts.html?q=${name}`, ban: 'bans.html', policy: 'settings.html#policy', job: 'jobs.html', oauth_client: 'accounts.html', folder: 'system.html#folders' }[noun];
}

function difference(row) {
  const has = (side, key) => (row[side]?.[key] ?? null) !== null;
  const keys = [...new Set([...Object.keys(row.before ?? {}), ...Object.keys(row.after ?? {})])].filter((key) => has('before', key) || has('after', key));
  return keys.slice(0, 12).map((key) => el('div', { class: 'small' }, el('span', { class: 'faint' }, `${key}: `),
    has('before', key) && [el('span', { class: 'muted' }, write(row.before[key])), ' → '], el('span', { class: 'strong' }, write(row.after?.[key]))));
}

const isTime = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value);
const write = (value) => (value === null || value === undefined || value === '' ? t('nothing') : isTime(value) ? when(value, 'full') : data(typeof value === 'object' ? JSON.stringify(value) : value, 120));
