// SPDX-License-Identifier: MIT
// accounts.js: Google accounts with a login: log in, paste back what the browser could not reach, import files, and what
// Google said when it refused.
import { list, logins } from './api.js';
import { copyButton, openDialog, toast } from './dialog.js';
import { data, el, fill, mono } from './dom.js';
import { field, form } from './form.js';
import { until, when } from './format.js';
import { plural, t } from './i18n.js';
import { may, page } from './shell.js';
import { table } from './table.js';
import { reasonOf, stateTag } from './words.js';

const upstreams = [['gemini', t('Gemini API')], ['code_assist', t('Code Assist (Standard or Enterprise licence)')]];
let ready = false; // an OAuth client is configured

const frame = await page({ title: t('Accounts'), lede: t('Google accounts that answer for your applications, logged in once.') });
const accounts = table({
  label: t('Accounts'), live: 10_000, nameOf: (row) => row.email,
  filters: [{ name: 'q', label: t('Search e-mail, project'), type: 'search' }],
  columns: [
    { label: t('Account'), narrow: 'title', show: (row) => data(row.email ?? row.label ?? row.hint, 60) },
    { label: t('State'), wrap: true, show: (row) => [stateTag(row.state), row.reason && el('div', { class: 'small muted' }, reasonOf(row.reason)), mend(row)] },
    { label: t('Until'), show: (row) => (row.until ? until(row.until) : '') },
    { label: t('Upstream'), show: (row) => upstreams.find(([key]) => key === row.upstream)?.[1].split(' (')[0] ?? data(row.upstream) },
    { label: t('Google Cloud project'), show: (row) => mono(row.google_project, 40) },
    { label: t('Access token until'), show: (row) => when(row.expires_at, 'relative') },
    { label: t('Added'), narrow: 'hide', show: (row) => when(row.created_at) },
  ],
  href: (row) => `credential.html?id=${row.id}`,
  load: async (asked) => {
    const found = await list('accounts', asked);
    ready = found.page.oauth_client !== null;
    frame.retitle({ tools: tools() });
    return found;
  },
  empty: () => el('div', { class: 'empty' }, ready
    ? [el('p', {}, t('No account yet. Log one in, or import the credential file of another program.')), may('operator') && loginButton()]
    : noClient()),
});
fill(frame.body, accounts.node);

const loginButton = () => el('button', { class: 'btn primary', type: 'button', onclick: logIn }, t('Log in with Google'));
const tools = () => (may('operator') ? [el('button', { class: 'btn', type: 'button', onclick: importFiles }, t('Import files')), ready && loginButton()] : []);

// What Google said when it refused, and where it can be mended.
const mend = (row) => [row.says && el('div', { class: 'small' }, data(row.says, 400)), /^https:\/\//.test(row.link ?? '') && el('div', { class: 'small' }, el('a', { href: row.link, target: '_blank', rel: 'noreferrer' }, t('Mend it at Google')))];

const noClient = () => [
  el('p', {}, t('Accounts are off until you configure an OAuth client of your own. Make one in the Google Cloud console (type: desktop app, or web application), then tell Pollux on the server:')),
  el('pre', { tabindex: 0 }, 'pollux account client CLIENT-ID < secret.txt'),
  el('p', {}, el('a', { href: 'https://console.cloud.google.com/auth/clients', target: '_blank', rel: 'noreferrer' }, 'console.cloud.google.com/auth/clients')),
  el('p', {}, t('Google lets third-party software use Code Assist only with Standard and Enterprise licences. For all other accounts choose the Gemini API.')),
];

async function logIn() {
  await openDialog(t('Log in with Google'), (close) => {
    const place = el('div', { class: 'form' });
    fill(place, form({
      act: t('Continue'), cancel: () => close(),
      fields: [
        el('p', {}, t('Google lets third-party software use Code Assist only with Standard and Enterprise licences. For all other accounts choose the Gemini API.')),
        field({ name: 'upstream', label: t('Upstream'), type: 'select', options: upstreams }),
        field({ name: 'project', label: t('Google Cloud project'), help: t('Empty: the one that Google names for the account.') }),
        field({ name: 'label', label: t('Label') }),
      ],
      submit: async (given) => showLogin(place, close, await logins.start(present(given))),
    }));
    return place;
  }, { wide: true });
  accounts.refresh();
}

const present = (given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));

function showLogin(place, close, begun) {
  const status = el('p', { class: 'muted', role: 'status' }, t('Waiting for Google…'));
  const paste = form({
    act: t('Finish'), fields: [field({ name: 'url', label: t('Or paste what you got'), type: 'textarea', rows: 3, help: t('The address of the page that could not be reached, or the code that Google showed.') })],
    submit: async ({ url }) => finish(await logins.import({ session: begun.session, url: url ?? '' })),
  });
  fill(place, el('div', { class: 'tools' }, el('a', { class: 'btn primary', href: begun.url, target: '_blank', rel: 'noreferrer' }, t('Open Google’s page')), copyButton(begun.url, t('Copy its address'))), status, paste);
  const timer = setInterval(look, 2000);
  async function look() {
    if (!place.isConnected) return clearInterval(timer);
    const now = await logins.status(begun.session).catch(() => null);
    if (now?.state === 'done') finish(now.account ?? {});
    else if (now?.state === 'failed') fill(status, data(now.says, 500));
    else if (now?.state === 'expired') fill(status, t('The login took too long. Begin again.'));
    return undefined;
  }
  function finish(account) {
    clearInterval(timer);
    toast(account.email ? t('{email} is logged in.', { email: account.email }) : t('The account is logged in.'));
    close(true);
  }
}

async function importFiles() {
  const done = await openDialog(t('Import files'), (close) => form({
    act: t('Import'), cancel: () => close(),
    fields: [
      field({ name: 'files', label: t('Credential files'), type: 'file', multiple: true, accept: '.json,application/json', help: t('oauth_creds.json of a command line tool, or authorized_user files of gcloud.') }),
      field({ name: 'text', label: t('or their content'), type: 'textarea', rows: 5 }),
      field({ name: 'upstream', label: t('Upstream'), type: 'select', options: upstreams }),
      field({ name: 'project', label: t('Google Cloud project'), help: t('Empty: the one that Google names for the account.') }),
    ],
    async submit({ files, text, ...wish }) {
      const texts = await Promise.all(files.map((file) => file.text()));
      if (text) texts.push(text);
      if (texts.length === 0) throw Object.assign(new Error(t('Choose a file or paste its content.')), { field: 'files' });
      for (const credentials of texts) await logins.import({ credentials, ...present(wish) });
      close(texts.length);
    },
  }));
  if (!done) return;
  toast(plural(done, '{n} account was imported.', '{n} accounts were imported.'));
  accounts.refresh();
}
