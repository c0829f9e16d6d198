// SPDX-License-Identifier: MIT
// accounts.js: Google accounts with a login: log in, paste back what the browser could not reach, import files, and what
// Google said when it refused.
import { get, list, logins, post, remove, segment } from './api.js';
import { attempt, confirmAct, copyButton, openDialog, toast } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { field, form } from './form.js';
import { number, until, when } from './format.js';
import { plural, server, t } from './i18n.js';
import { may, page } from './shell.js';
import { plainTable, table } from './table.js';
import { reasonOf, stateTag } from './words.js';

const upstreams = [['gemini', t('Gemini API')], ['code_assist', t('Code Assist (Standard or Enterprise licence)')]];
let client = null; // the OAuth client, if one is configured
let publicUrl = null; // the address of Pollux from outside, if that is set

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
    { label: t('Actions'), show: (row) => el('button', { class: 'btn small', type: 'button', title: t('Asks Google for a new access token now'), onclick: (event) => attempt(() => renew(row), event.currentTarget) }, t('Refresh')) },
  ].filter((column) => column.label !== t('Actions') || may('operator')),
  href: (row) => `credential.html?id=${row.id}`,
  load: async (asked) => {
    const found = await list('accounts', asked);
    client = found.page.oauth_client;
    publicUrl = found.page.public_url;
    frame.retitle({ tools: tools() });
    morph(oauth, clientCard());
    return found;
  },
  empty: () => el('div', { class: 'empty' }, client
    ? [el('p', {}, t('No account yet. Log one in, or import the credential file of another program.')), may('operator') && loginButton()]
    : noClient()),
});
const oauth = el('div', { class: 'card w6' });
const map = el('div', { class: 'card w6' });
fill(frame.body, accounts.node, el('div', { class: 'grid' }, oauth, map));
showMap();

const loginButton = () => el('button', { class: 'btn primary', type: 'button', onclick: logIn }, t('Log in with Google'));
const tools = () => (may('operator') ? [el('button', { class: 'btn', type: 'button', onclick: importFiles }, t('Import files')), client && loginButton()] : []);

// What Google said when it refused, and where it can be mended.
const mend = (row) => [row.says && el('div', { class: 'small' }, data(row.says, 400)), /^https:\/\//.test(row.link ?? '') && el('div', { class: 'small' }, el('a', { href: row.link, target: '_blank', rel: 'noreferrer' }, t('Mend it at Google')))];

const noClient = () => [
  el('p', {}, t('Accounts are off until you configure an OAuth client of your own. Make one in the Google Cloud console; a desktop app is the simplest.')),
  el('p', {}, consoleLink()),
  may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: setClient }, t('Configure the OAuth client')),
  el('p', { class: 'small' }, t('Google lets third-party software use Code Assist only with Standard and Enterprise licences. For all other accounts choose the Gemini API.')),
];
const consoleLink = () => el('a', { href: 'https://console.cloud.google.com/auth/clients', target: '_blank', rel: 'noreferrer' }, 'console.cloud.google.com/auth/clients');

async function renew(row) {
  await post(`accounts/${segment(row.id)}/refresh`);
  toast(t('Google is asked for it now.'));
  await accounts.refresh();
}

// ---------------------------------------------------------------- the OAuth client, and who uses which project

// Where Google sends the browser of a web application back to: to be entered there.
const ownAddress = () => publicUrl ?? new URL('..', location.href).href.replace(/\/$/, '');
const callback = () => `${ownAddress()}/admin/cli-auth/callback`;

const clientCard = () => [
  el('div', { class: 'card-head' }, el('h2', {}, t('OAuth client')), may('operator') && el('div', { class: 'tools' },
    client && el('button', { class: 'btn small danger', type: 'button', onclick: (event) => attempt(removeClient, event.currentTarget) }, t('Remove')),
    el('button', { class: 'btn small', type: 'button', onclick: setClient }, client ? t('Change') : t('Configure')))),
  client ? el('dl', { class: 'facts' }, el('dt', {}, t('Client ID')), el('dd', {}, mono(client.client_id, 120)), el('dt', {}, t('Accounts')), el('dd', {}, number(client.accounts)),
    el('dt', {}, t('Changed')), el('dd', {}, when(client.changed_at)), el('dt', {}, t('Redirect address')), el('dd', {}, mono(callback(), 200)))
    : el('p', { class: 'muted' }, t('None is configured: accounts are off.')),
];

async function setClient() {
  const done = await openDialog(t('OAuth client'), (close) => form({
    cancel: () => close(),
    fields: [
      el('p', {}, t('Make one in the Google Cloud console.'), ' ', consoleLink()),
      el('p', { class: 'small muted' }, t('Desktop app: nothing else to enter there; after logging in you paste an address back. Web application: enter this redirect address there, then one click is enough.')),
      el('div', { class: 'secret plain-box' }, el('code', {}, callback()), copyButton(callback())),
      field({ name: 'client_id', label: t('Client ID'), value: client?.client_id, required: true, autofocus: true, placeholder: '123-abc.apps.googleusercontent.com' }),
      field({ name: 'secret', label: t('Client secret'), type: 'password', required: true, autocomplete: 'off', help: t('It is sealed before it is stored and never shown again.') }),
    ],
    submit: async (given) => close(await post('accounts/client', given)),
  }), { wide: true });
  if (!done) return;
  toast(t('The OAuth client is configured.'));
  await accounts.refresh();
}

async function removeClient() {
  const sure = await confirmAct({ title: t('Remove the OAuth client?'), act: t('Remove'), text: el('p', {}, t('No account can be logged in any more. Accounts that were logged in with it go on.')) });
  if (!sure) return;
  await remove('accounts/client');
  toast(t('Removed.'));
  await accounts.refresh();
}

async function showMap() {
  const { items } = await get('accounts/projects').catch(() => ({ items: [] }));
  morph(map, el('div', { class: 'card-head' }, el('h2', {}, t('Projects of e-mail addresses')), may('operator') && el('button', { class: 'btn small', type: 'button', onclick: () => setProject({}) }, t('Add'))),
    plainTable({
      label: t('Projects of e-mail addresses'), rows: items, key: (row) => row.email, empty: t('An account uses the Google Cloud project that Google names, unless you say here which one.'),
      columns: [
        { label: t('E-mail'), narrow: 'title', wrap: true, show: (row) => data(row.email, 100) },
        { label: t('Google Cloud project'), wrap: true, show: (row) => mono(row.google_project, 80) },
        { label: t('Actions'), show: (row) => el('div', { class: 'tools' }, el('button', { class: 'btn small', type: 'button', onclick: () => setProject(row) }, t('Change')),
          el('button', { class: 'btn small danger', type: 'button', onclick: (event) => attempt(() => forgetProject(row), event.currentTarget) }, t('Remove'))) },
      ].filter((column) => column.label !== t('Actions') || may('operator')) }));
}

async function setProject(row) {
  const done = await openDialog(t('Projects of e-mail addresses'), (close) => form({
    cancel: () => close(),
    fields: [field({ name: 'email', label: t('E-mail'), value: row.email, required: true, autofocus: !row.email }),
      field({ name: 'google_project', label: t('Google Cloud project'), value: row.google_project, required: true, autofocus: Boolean(row.email), placeholder: 'my-project-123', help: t('Its id, not its number.') })],
    async submit(given) {
      if (!given.google_project) throw Object.assign(new Error(t('Name a project.')), { field: 'google_project' });
      close(await post('accounts/projects', given));
    },
  }));
  if (done) { await showMap(); accounts.refresh(); }
}

async function forgetProject(row) {
  await post('accounts/projects', { email: row.email });
  toast(t('Removed.'), { undo: async () => { await post('accounts/projects', row); await showMap(); } });
  await showMap();
}

// ---------------------------------------------------------------- logging in

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
        field({ name: 'redirect', label: t('How Google sends you back'), type: 'select', value: publicUrl ? 'web' : 'loopback', options: [['loopback', t('by an address that you paste (OAuth client: desktop app)')], ['web', t('by itself (OAuth client: web application)')]] }),
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
    submit: async ({ url }) => {
      fill(status);
      finish(await logins.import({ session: begun.session, url: url ?? '' }));
    },
  });
  fill(place, el('p', {}, t('Log in there and agree. This page notices when you are done.')),
    el('div', { class: 'tools' }, el('a', { class: 'btn primary', href: begun.url, target: '_blank', rel: 'noreferrer' }, t('Open Google’s page')), copyButton(begun.url, t('Copy its address'))), status, paste);
  const timer = setInterval(look, 2000);
  async function look() {
    if (!place.isConnected) return clearInterval(timer);
    const now = await logins.status(begun.session).catch(() => null);
    if (now?.state === 'done') finish(now.account ?? {});
    else if (now?.state === 'failed') refused(now);
    else if (now?.state === 'expired') fill(status, t('The login took too long. Begin again.'));
    return undefined;
  }
  function refused(now) {
    clearInterval(timer);
    fill(status, el('span', { class: 'bad-text' }, t('Google refused:'), ' ', data(server(now.says), 500)));
  }
  function finish(account) {
    clearInterval(timer);
    const said = account.email ? t('{email} is logged in.', { email: account.email }) : t('The account is logged in.');
    if (account.state === 'dead') toast([said, ' ', t('But Google refuses its use:'), ' ', server(account.says) || reasonOf(account.reason)], { bad: true });
    else toast(said);
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
