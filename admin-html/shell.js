// SPDX-License-Identifier: MIT
// shell.js: what stands around every page: navigation, title, who is signed in, language, theme, keyboard. A page calls
// page() once and fills the parts that it gets back.
import { post, session as askSession } from './api.js';
import { el, fill, icon, morph } from './dom.js';
import { attempt, openDialog, trouble } from './dialog.js';
import { setZone, when, zoneName } from './format.js';
import { chooseLanguage, language, languages, named, rich, t } from './i18n.js';

// Every page: its file, its name, the letter after `g` that goes there.
const pages = [
  { file: 'index.html', name: 'Overview', key: 'o' },
  { file: 'credentials.html', name: 'Credentials', key: 'c', also: ['credential.html'] },
  { file: 'accounts.html', name: 'Accounts', key: 'n' },
  { file: 'models.html', name: 'Models', key: 'm', also: ['model.html'] },
  { file: 'clients.html', name: 'Clients', key: 't', also: ['client.html'] },
  { file: 'requests.html', name: 'Requests', key: 'r', also: ['request.html'] },
  { file: 'usage.html', name: 'Usage', key: 'e' },
  { file: 'playground.html', name: 'Playground', key: 'p' },
  { group: 'Operate' },
  { file: 'jobs.html', name: 'Jobs', key: 'j' },
  { file: 'settings.html', name: 'Settings', key: 's' },
  { file: 'system.html', name: 'System', key: 'y' },
  { file: 'bans.html', name: 'Bans', key: 'b' },
  { file: 'audit.html', name: 'Audit', key: 'u' },
  { file: 'administrators.html', name: 'Administrators', key: 'd' },
  { file: 'docs.html', name: 'API', key: 'a' },
];

const roles = { viewer: 'viewer', operator: 'operator', owner: 'owner' };
const ranks = ['viewer', 'operator', 'owner'];

// Above a page whose figures could not be refreshed (see every).
const notFresh = el('div');

export const session = { role: 'viewer', name: '' };

// may says whether the person's role suffices: only so that no button is shown that the server would refuse.
export const may = (role) => ranks.indexOf(session.role) >= ranks.indexOf(role);

// page draws the frame and answers {main, head, body}. Options: title; lede (a node or text below it); tools (nodes at the
// right of it, or a function that makes them once it is known who looks); crumb (a link back: [href, text]). Waits for the session, so that a stranger sees the door only.
export async function page({ title, lede, tools, crumb, open = false }) {
  document.title = `${title} · Pollux`;
  const who = open ? await askSession({ quiet: true }).catch(() => null) : await whoIsThere();
  if (who) {
    Object.assign(session, who);
    if (who.time_zone !== 'UTC') setZone(who.time_zone);
  }
  const head = el('div', { class: 'page-head' });
  const body = el('div', { class: 'stack' }, waiting());
  const main = el('main', { id: 'main', tabindex: -1 }, notFresh, head, body);
  const side = sideBar(Boolean(who));
  document.body.replaceChildren(el('a', { class: 'skip', href: '#main' }, t('Skip to content')), topBar(side), el('div', { class: 'shell' }, side, main));
  const frame = { main, head, body, retitle };
  function retitle(more) {
    const now = { title, lede, tools, crumb, ...more };
    document.title = `${now.plain ?? (typeof now.title === 'string' ? now.title : title)} · Pollux`;
    morph(head, el('div', {},
      now.crumb && el('div', { class: 'crumb' }, el('a', { href: now.crumb[0] }, now.crumb[1]), ' /'),
      el('h1', {}, now.title), now.lede && el('div', { class: 'lede' }, now.lede)),
    el('div', { class: 'tools' }, (typeof now.tools === 'function' ? now.tools() : now.tools) ?? []));
  }
  retitle({});
  document.addEventListener('keydown', onKey);
  return frame;
}

// What stands where something will be: seen only when that takes a while.
const waiting = () => el('p', { class: 'waiting muted', 'aria-busy': 'true' }, t('Loading…'));

// Who looks. Where that cannot be found out (the database is away, the network), the page says so and asks again by itself.
async function whoIsThere() {
  document.body.append(el('main', { class: 'door' }, waiting()));
  for (;;) {
    try {
      return await askSession();
    } catch (error) {
      await new Promise((again) => {
        const timer = setTimeout(again, 5000);
        document.body.replaceChildren(el('main', { class: 'door' }, brand(), el('div', { class: 'card empty', role: 'alert' }, el('p', {}, trouble(error)),
          el('button', { class: 'btn', type: 'button', onclick: () => { clearTimeout(timer); again(); } }, t('Try again')))));
      });
    }
  }
}

const here = () => location.pathname.split('/').pop() || 'index.html';

function sideBar(signedIn) {
  const groups = [[]];
  for (const entry of pages) entry.group ? groups.push([entry]) : groups.at(-1).push(entry);
  return el('nav', { class: 'side', id: 'side', 'aria-label': t('Pages') }, el('div', { class: 'side-in' }, brand(),
    groups.map((group) => [group[0].group && el('h2', {}, t(group[0].group)), el('ul', {}, group.filter((entry) => entry.file).map(pageLink))]),
    el('div', { class: 'foot' },
      el('div', { id: 'foot-facts' }),
      signedIn && el('div', { class: 'row' }, el('a', { href: 'me.html', title: t('Password and sessions') }, el('bdi', {}, session.name)), el('span', {}, named(roles, session.role)),
        el('button', { class: 'plain', type: 'button', onclick: logOut }, t('Sign out'))),
      languageChoice(), themeChoice(),
      el('div', { class: 'row' }, el('button', { class: 'plain', type: 'button', onclick: showKeys }, t('Keyboard'), ' ', el('span', { class: 'kbd' }, '?')),
        el('span', { title: t('Times are shown in this zone; hover for UTC.') }, zoneName())))));
}

const brand = () => el('a', { class: 'brand', href: './' }, icon('mark', 22), 'Pollux');

function pageLink(entry) {
  const current = here() === entry.file || entry.also?.includes(here());
  return el('li', {}, el('a', { href: entry.file === 'index.html' ? './' : entry.file, 'aria-current': current ? 'page' : undefined },
    el('span', {}, t(entry.name)), entry.file === 'credentials.html' && el('span', { id: 'broken-count', class: 'badge', hidden: true })));
}

function topBar(side) {
  const button = el('button', { class: 'btn small', type: 'button', 'aria-controls': 'side', 'aria-expanded': 'false', 'aria-label': t('Menu'), onclick: toggle }, icon('menu', 18));
  const close = el('button', { class: 'btn small', type: 'button', 'aria-label': t('Close'), hidden: true, onclick: toggle, style: { 'align-self': 'end' } }, icon('close', 18));
  function toggle() {
    const open = side.classList.toggle('open');
    button.setAttribute('aria-expanded', String(open));
    close.hidden = !open;
    (open ? close : button).focus();
  }
  side.firstChild.prepend(close);
  side.addEventListener('keydown', (event) => { if (event.key === 'Escape' && side.classList.contains('open')) toggle(); });
  return el('header', { class: 'topbar' }, brand(), button);
}

// notice is called by pages that know: how many credentials are broken, and what the foot says of this Pollux.
export function notice({ broken, facts }) {
  const badge = document.getElementById('broken-count');
  if (badge && broken !== undefined) {
    badge.hidden = !broken;
    fill(badge, broken ? String(broken) : '');
    badge.title = t('broken credentials');
  }
  if (facts) fill(document.getElementById('foot-facts'), facts);
}

export function languageChoice() {
  return el('div', { class: 'row', role: 'group', 'aria-label': t('Language') }, Object.entries(languages).map(([code, name]) =>
    el('button', { class: 'plain', type: 'button', lang: code === 'zh' ? 'zh-Hans' : 'en', 'aria-pressed': String(code === language), onclick: () => chooseLanguage(code) }, name)));
}

export function themeChoice() {
  const choices = { light: t('Light'), dark: t('Dark'), system: t('System') };
  const chosen = () => localStorage.getItem('pollux.theme') ?? 'system';
  const row = el('div', { class: 'row', role: 'group', 'aria-label': t('Theme') });
  const draw = () => morph(row, Object.entries(choices).map(([code, name]) =>
    el('button', { class: 'plain', type: 'button', 'aria-pressed': String(code === chosen()), onclick: () => choose(code) }, name)));
  function choose(code) {
    code === 'system' ? localStorage.removeItem('pollux.theme') : localStorage.setItem('pollux.theme', code);
    document.documentElement.dataset.theme = code === 'system' ? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light') : code;
    draw();
  }
  draw();
  return row;
}

async function logOut(event) {
  const done = await attempt(() => post('logout').catch((error) => { if (error.status !== 401) throw error; }), event.currentTarget);
  if (done) location.href = 'login.html';
}

// ---------------------------------------------------------------- keyboard

let waitsForPage = false;

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, dialog')) return;
  if (waitsForPage) {
    waitsForPage = false;
    const entry = pages.find((one) => one.key === event.key);
    if (entry) location.href = entry.file === 'index.html' ? './' : entry.file;
  } else if (event.key === 'g') {
    waitsForPage = true;
    setTimeout(() => { waitsForPage = false; }, 1500);
  } else if (event.key === '/') {
    const search = document.querySelector('[data-focus], input[type=search]');
    if (search) { event.preventDefault(); search.focus(); }
  } else if (event.key === '?') {
    showKeys();
  }
}

function showKeys() {
  const line = (keys, text) => [el('dt', {}, keys.map((key) => [el('span', { class: 'kbd' }, key), ' '])), el('dd', {}, text)];
  openDialog(t('Keyboard'), (close) => el('div', { class: 'form' },
    el('dl', { class: 'facts' }, line(['/'], t('Search')), line(['?'], t('This list')), line(['Esc'], t('Close a dialog')),
      pages.filter((entry) => entry.key).map((entry) => line(['g', entry.key], t(entry.name)))),
    el('div', { class: 'actions' }, el('button', { class: 'btn', type: 'button', autofocus: true, onclick: () => close() }, t('Close')))));
}

// every runs something now and then again, as long as the page is looked at. Answers a function that runs it at once. What
// it throws is told above the page, with the time of the figures that still stand there, until it works again.
export function every(ms, run) {
  let busy = false;
  let worked = Date.now();
  const go = async () => {
    if (busy) return;
    busy = true;
    try {
      await run();
      worked = Date.now();
      stale(run, null);
    } catch (error) {
      stale(run, { error, worked });
    } finally {
      busy = false;
    }
  };
  setInterval(() => { if (!document.hidden) go(); }, ms);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) go(); });
  go();
  return go;
}

// What cannot be refreshed now: the function that does it, why, and when it last worked. One line tells of the oldest.
const failing = new Map();

function stale(run, failure) {
  const stood = failing.size > 0;
  failure ? failing.set(run, failure) : failing.delete(run);
  if (!stood && failing.size === 0) return;
  const [oldest] = [...failing.values()].sort((a, b) => a.worked - b.worked);
  morph(notFresh, oldest && el('div', { class: 'note bad', role: 'alert' },
    el('div', {}, rich('Not up to date since {time}: {why}', { time: when(oldest.worked), why: trouble(oldest.error) }))));
}

// segments is a choice of one of a few: [[value, label], ...].
export function segments(label, choices, value, choose) {
  return el('div', { class: 'seg', role: 'group', 'aria-label': label }, choices.map(([key, text]) =>
    el('button', { type: 'button', 'aria-pressed': String(key === value), onclick: () => choose(key) }, text)));
}
