// SPDX-License-Identifier: MIT
// accounts.js: Google accounts with a login: log in, paste back what the browser could not reach, import files, and what
// Google said when it refused.
import { get, list, post } from './api.js';
import { copyButton, openDialog, toast } from './dialog.js';
import { data, el, fill, mono } from './dom.js';
import { field, form } from './form.js';
import { until, when } from './format.js';
import { plural, t } from './i18n.js';
import { may, page } from './shell.js';
import { table } from './table.js';
import { reasonOf, stateTag } from './words.js';

const frame = await page({ title: t('Accounts'), lede: t('Google accounts that answer for your applications, logged in once.'), tools: [
  may('operator') && el('button', { class: 'btn', type: 'button', onclick: importFiles }, t('Import files')),
  may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: logIn }, t('Log in with Google')),
] });

const accounts = table({
  label: t('Accounts'), live: 10_000,
  filters: [{ name: 'q', label: t('Search e-mail, project'), type: 'search' },
    { name: 'state', label: t('Any state'), type: 'select', options: [['ready', t('ready')], ['resting', t('resting')], ['dead', t('broken')], ['disabled', t('off')]] }],
  columns: [
    { label: t('Account'), narrow: 'title', show: (row) => data(row.email ?? row.label ?? row.hint, 60) },
    { label: t('State'), wrap: true, show: (row) => [stateTag(row.account_state ?? row.state), row.reason && el('div', { class: 'small muted' }, reasonOf(row.reason)), mend(row)] },
    { label: t('Until'), show: (row) => (row.until ? until(row.until) : '') },
    { label: t('Upstream'), show: (row) => data(row.upstream) },
    { label: t('Project'), show: (row) => mono(row.project, 30) },
    { label: t('Access token until'), show: (row) => when(row.token_expires_at, 'relative') },
    { label: t('Added'), narrow: 'hide', show: (row) => when(row.created_at) },
  ],
  href: (row) => `credential.html?id=${row.id}`,
  load: (asked) => list('accounts', asked),
  empty: () => el('div', { class: 'empty' },
    el('p', {}, t('No account yet. An account needs an OAuth client of your own, made in the Google Cloud console.')),
    may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: logIn }, t('Log in with Google'))),
});
fill(frame.body, accounts.node);

const mend = (row) => [row.said && el('div', { class: 'small' }, data(row.said, 300)), row.link && el('div', { class: 'small' }, el('a', { href: row.link, target: '_blank', rel: 'noreferrer' }, t('Mend it at Google')))];

async function logIn() {
  await openDialog(t('Log in with Google'), (close) => {
    const place = el('div', { class: 'form' });
    askKind(place, close);
    return place;
  }, { wide: true });
  accounts.refresh();
}

function askKind(place, close) {
  fill(place, form({
    act: t('Continue'), cancel: () => close(), columns: false,
    fields: [
      el('p', {}, t('Google lets third-party software use Code Assist only with Standard and Enterprise licences. For all other accounts choose the Gemini API.')),
      field({ name: 'upstream', label: t('Upstream'), type: 'select', options: [['gemini', t('Gemini API')], ['code_assist', t('Code Assist (Standard or Enterprise licence)')]] }),
      field({ name: 'project', label: t('Google Cloud project'), help: t('Empty: the one that Google names for the account.') }),
    ],
    async submit(given) {
      showLogin(place, close, await post('accounts/start', given));
    },
  }));
}

function showLogin(place, close, begun) {
  const status = el('p', { class: 'muted', role: 'status' }, t('Waiting for Google…'));
  const paste = form({
    act: t('Finish'), fields: [field({ name: 'code', label: t('Or paste what you got'), type: 'textarea', rows: 3, help: t('The address of the page that could not be reached, or the code that Google showed.') })],
    async submit({ code }) {
      finish(await post('accounts/finish', { session: begun.session, code }));
    },
  });
  fill(place, el('p', {}, el('a', { class: 'btn primary', href: begun.url, target: '_blank', rel: 'noreferrer' }, t('Open Google’s page')), ' ', copyButton(begun.url, t('Copy its address'))), status, paste);
  const timer = setInterval(async () => {
    if (!place.isConnected) return clearInterval(timer);
    try {
      const now = await get(`accounts/login/${encodeURIComponent(begun.session)}`);
      if (now.state === 'done') finish(now);
      else if (now.state === 'failed') fill(status, data(now.message, 500));
    } catch { /* the next look tells */ }
    return undefined;
  }, 2000);
  function finish(result) {
    clearInterval(timer);
    toast(result.email ? t('{email} is logged in.', { email: result.email }) : t('The account is logged in.'));
    close(true);
  }
}

async function importFiles() {
  const done = await openDialog(t('Import files'), (close) => form({
    act: t('Import'), cancel: () => close(),
    fields: [field({ name: 'files', label: t('Credential files'), type: 'file', multiple: true, accept: '.json,application/json', help: t('oauth_creds.json of a command line tool, or authorized_user files of gcloud.') }),
      field({ name: 'text', label: t('or their content'), type: 'textarea', rows: 5 }),
      field({ name: 'project', label: t('Google Cloud project'), help: t('Empty: the one that Google names for the account.') })],
    async submit({ files, text, project }) {
      const texts = await Promise.all(files.map((file) => file.text()));
      if (text) texts.push(text);
      if (texts.length === 0) throw Object.assign(new Error(t('Choose a file or paste its content.')), { field: 'files' });
      let added = 0;
      for (const one of texts) added += (await post('accounts/import', { json: one, project })).new ?? 1;
      close(added);
    },
  }));
  if (done) {
    toast(plural(done, '{n} account was imported.', '{n} accounts were imported.'));
    accounts.refresh();
  }
}
