// SPDX-License-Identifier: MIT
// credential.js: one credential: why it is in this state and until when, what is left of its quota, its history, its last
// attempts, and everything that can be changed about it.
import { get, patch, post, remove, segment } from './api.js';
import { attempt, confirmAct, openDialog, toast, trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { form } from './form.js';
import { day, dayTime, duration, full, number, percent, span, until, when } from './format.js';
import { plural, rich, t } from './i18n.js';
import { every, may, page } from './shell.js';
import { plainTable } from './table.js';
import { kindOf, outcomeTag, reasonOf, sourceOf, stateTag, turnLook, turnWord } from './words.js';

const id = new URLSearchParams(location.search).get('id') ?? '';
const path = `credentials/${segment(id)}`;
const frame = await page({ title: t('Credential'), crumb: ['credentials.html', t('Credentials')] });
let one = null;
const refresh = every(5000, load);

async function load() {
  try {
    one = await get(path);
    draw();
  } catch (error) {
    if (one) throw error;
    fill(frame.body, el('div', { class: 'empty' }, el('p', {}, trouble(error)), el('a', { class: 'btn', href: 'credentials.html' }, t('All credentials'))));
  }
}

function draw() {
  const name = one.label ?? `…${one.hint ?? one.id}`;
  frame.retitle({ title: data(name, 80), plain: name, lede: [kindOf(one.kind), ' · ', t('project'), ' ', mono(one.project, 40)], tools: tools() });
  morph(frame.body,
    el('div', { class: 'grid', 'data-key': 'top' }, el('div', { class: 'card w6' }, stateCard()), el('div', { class: 'card w6' }, factsCard())),
    el('div', { class: 'card', 'data-key': 'quota' }, el('div', { class: 'card-head' }, el('h2', {}, t('Quota of its project, by model'))), quotaTable()),
    el('div', { class: 'card', 'data-key': 'life' }, el('div', { class: 'card-head' }, el('h2', {}, t('Its life so far')), el('span', { class: 'small muted' }, survival())), life()),
    one.health.length > 0 && el('div', { class: 'card', 'data-key': 'health' }, el('div', { class: 'card-head' }, el('h2', {}, t('How it did, by model'))), health()),
    el('div', { class: 'grid', 'data-key': 'past' },
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('History of its state'))), history()),
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Last attempts')), el('a', { href: `requests.html?credential=${one.id}` }, t('All requests'))), attempts())));
}

function tools() {
  if (!may('operator')) return [];
  const button = (label, run, look = '') => el('button', { class: `btn ${look}`, type: 'button', onclick: (event) => attempt(run, event.currentTarget) }, label);
  if (one.state === 'removed') return [button(t('Bring back'), () => act('restore', t('It is back.'))), button(t('Delete for good'), purge, 'danger')];
  return [
    one.account ? button(t('New access token'), async () => { await post(`accounts/${segment(id)}/refresh`); toast(t('Google is asked for it now.')); await refresh(); })
      : button(t('Test now'), () => act('test', t('A test is under way.'))),
    one.state === 'disabled' ? button(t('Enable'), () => act('enable', t('It is used again.'), 'disable')) : button(t('Disable'), () => act('disable', t('It is not used any more.'), 'enable')),
    ['resting', 'dead'].includes(one.state) && button(t('Reset cool-down'), () => act('reset', t('It is used again.'))),
    button(t('Edit'), edit), button(t('Remove'), removeIt, 'danger'),
  ];
}

async function act(action, said, back) {
  await post(`${path}/${action}`);
  toast(said, back ? { undo: async () => { await post(`${path}/${back}`); refresh(); } } : {});
  await refresh();
}

async function removeIt() {
  const sure = await confirmAct({ title: t('Remove this credential?'), act: t('Remove'), text: el('p', {}, t('It serves no request any more. It goes to the archive, from where it can be brought back.')) });
  if (!sure) return;
  await remove(path);
  toast(t('It was removed.'), { undo: async () => { await post(`${path}/restore`); refresh(); } });
  await refresh();
}

async function purge() {
  const sure = await confirmAct({ title: t('Delete this credential for good?'), act: t('Delete for good'), text: el('p', {}, t('Its secret is deleted and cannot be brought back. What was counted of it stays.')) });
  if (!sure) return;
  await post(`${path}/purge`);
  toast(t('It was deleted.'));
  location.href = 'credentials.html?state=removed';
}

function edit() {
  const was = one; // the page goes on being refreshed behind the dialog
  return openDialog(t('Edit credential'), (close) => form({
    cancel: () => close(),
    fields: [
      { name: 'label', label: t('Label'), value: was.label, autofocus: true },
      { name: 'project', label: t('Google Cloud project'), value: was.project, help: t('Keys of one project share its quota.') },
      { name: 'priority', label: t('Priority'), type: 'number', min: 0, max: 1000000, value: was.priority, help: t('Lower is earlier.') },
      { name: 'tags', label: t('Tags'), type: 'list', value: was.tags },
      { name: 'proxy', label: t('Proxy of its own'), value: was.proxy, placeholder: 'socks5h://127.0.0.1:1080', help: t('http, https, socks5 or socks5h. Empty: the one of all.') },
      { name: 'notes', label: t('Notes'), type: 'textarea', class: '', rows: 4, value: was.notes },
    ],
    async submit(given) {
      const changed = Object.fromEntries(Object.entries(given).filter(([name, value]) => JSON.stringify(value ?? null) !== JSON.stringify(was[name]?.length === 0 ? null : was[name] ?? null)));
      if (changed.tags === null) changed.tags = [];
      if (Object.keys(changed).length > 0) await patch(path, changed);
      close(true);
      refresh();
    },
  }));
}

function stateCard() {
  return [
    el('div', { class: 'card-head' }, el('h2', {}, t('State')), stateTag(one.state)),
    el('p', {}, explanation()),
    one.account?.says && el('div', {}, el('p', { class: 'small muted' }, t('What Google said:')), el('pre', { tabindex: 0 }, data(one.account.says, 4000))),
    /^https:\/\//.test(one.account?.link ?? '') && el('p', {}, el('a', { href: one.account.link, target: '_blank', rel: 'noreferrer' }, t('Mend it at Google'))),
    nextTest(),
  ];
}

// The earliest of its tests that come by themselves.
function nextTest() {
  const next = one.health.map((row) => row.next_probe_at).filter(Boolean).sort()[0];
  return next && ['ready', 'resting', 'dead'].includes(one.state) && el('p', { class: 'muted small' }, t('It is tested again by itself:'), ' ', when(next, 'relative'));
}

function explanation() {
  switch (one.state) {
    case 'ready': return t('It serves requests.');
    case 'resting': return rich('It rests: {why}. Ready again: {until}.', { why: reasonOf(one.reason), until: until(one.until) });
    case 'dead': return one.dead_at ? rich('It left the rotation: {why}. Since {time}.', { why: reasonOf(one.reason), time: when(one.dead_at) }) : t('It left the rotation: {why}.', { why: reasonOf(one.reason) });
    case 'disabled': return t('Somebody switched it off.');
    case 'removed': return rich('It was removed {time}.', { time: when(one.removed_at) });
    default: return reasonOf(one.reason);
  }
}

function factsCard() {
  const fact = (name, value) => value !== null && value !== undefined && value !== '' && value !== false && [el('dt', {}, name), el('dd', {}, value)];
  return [el('div', { class: 'card-head' }, el('h2', {}, t('What is known'))), el('dl', { class: 'facts' },
    fact(t('Number'), number(one.id)), fact(t('Ends with'), mono(one.hint)), fact(t('E-mail'), one.account && data(one.account.email)), fact(t('Project at Google'), one.account?.google_project && mono(one.account.google_project, 60)), fact(t('Priority'), number(one.priority)),
    fact(t('Requests today'), number(one.requests_today)),
    fact(t('Shares its project with'), one.shares_project_with > 0 && plural(one.shares_project_with, '{n} other', '{n} others')),
    fact(t('Last used'), one.last_used_at && when(one.last_used_at)), fact(t('Added'), when(one.created_at)),
    fact(t('Tags'), one.tags?.length > 0 && one.tags.map((tag) => [el('span', { class: 'tag' }, data(tag, 40)), ' '])),
    fact(t('Proxy'), one.proxy && mono(one.proxy)), fact(t('Notes'), one.notes && el('div', { class: 'answer-small' }, data(one.notes, 2000))))];
}

// How long it lived: from its beginning until Google refused it, or until now.
function survival() {
  const end = one.dead_at ? Date.parse(one.dead_at) : Date.now();
  const lived = { span: span(end - Date.parse(one.created_at)) };
  return one.dead_at ? t('lived for {span}', lived) : t('alive for {span}', lived);
}

function quotaTable() {
  const bar = (used, limit) => (limit > 0 ? [`${number(used)} / ${number(limit)} `, el('span', { class: `meter ${used / limit > 0.9 ? 'low' : ''}`, role: 'img', 'aria-label': `${percent(used, limit)} %` },
    el('i', { style: { width: `${Math.min(100, (100 * used) / limit)}%` } }))] : number(used));
  return plainTable({
    label: t('Quota of its project, by model'), rows: one.quota ?? [], key: (row) => row.model ?? '-', empty: t('It was not used for any model yet.'),
    columns: [
      { label: t('Model'), narrow: 'title', show: (row) => (row.model ? mono(row.model, 40) : t('calls without a model')) },
      { label: t('State'), wrap: true, show: (row) => [stateTag(row.state), row.reason && el('div', { class: 'small muted' }, reasonOf(row.reason))] },
      { label: t('Until'), show: (row) => (row.until ? until(row.until) : '') },
      { label: t('This minute'), align: 'r', show: (row) => bar(row.requests_this_minute, row.rpm) },
      { label: t('Tokens this minute'), align: 'r', narrow: 'hide', show: (row) => bar(row.tokens_this_minute, row.tpm) },
      { label: t('Today'), align: 'r', show: (row) => bar(row.requests_today, row.rpd) },
      { label: t('Limit from'), show: (row) => (row.rpm ?? row.tpm ?? row.rpd ? sourceOf(row.learned_at ? 'learned' : 'configured') : t('not known')) },
      { label: t('Actions'), show: (row) => row.model && el('button', { class: 'btn small', type: 'button', title: t('Test it with this model'), onclick: (event) => attempt(async () => { await post(`${path}/test`, { model: row.model }); toast(t('A test is under way.')); await refresh(); }, event.currentTarget) }, t('Test')) },
    ].filter((column) => column.label !== t('Actions') || (may('operator') && one.kind === 'api_key' && one.state !== 'removed')),
  });
}

// ---------------------------------------------------------------- its life: which state, from when to when

const looks = { ready: 'fill-ok', resting: 'fill-rest', dead: 'fill-bad', disabled: 'fill-off', removed: 'fill-off' };

// Spans of one state; the last one lasts until now.
function spans() {
  const turns = (one.life ?? []).map((turn) => ({ state: turn.state, from: Date.parse(turn.at) }));
  const merged = turns.filter((turn, i) => i === 0 || turn.state !== turns[i - 1].state);
  return merged.map((turn, i) => ({ ...turn, to: merged[i + 1]?.from ?? Date.now() }));
}

function life() {
  const all = spans();
  if (all.length === 0) return el('p', { class: 'muted' }, t('Nothing has changed since it was added.'));
  const [begin, end] = [all[0].from, Math.max(all.at(-1).to, all[0].from + 1)];
  const total = {};
  for (const part of all) total[part.state] = (total[part.state] ?? 0) + part.to - part.from;
  const mark = end - begin > 2 * 86400_000 ? day : dayTime;
  return el('div', {},
    el('div', { class: 'survival', role: 'img', 'aria-label': Object.entries(total).map(([state, ms]) => `${turnWord(state)}: ${span(ms)}`).join(', ') },
      all.map((part) => el('i', { class: looks[part.state] ?? 'fill-off', style: { flex: String(Math.max((part.to - part.from) / (end - begin), 0.002)) }, title: `${turnWord(part.state)}: ${full(part.from)} – ${full(part.to)} (${span(part.to - part.from)})` }))),
    el('div', { class: 'scale small faint' }, el('span', {}, mark(begin)), el('span', {}, t('now'))),
    el('div', { class: 'legend' }, Object.entries(total).map(([state, ms]) => el('span', {}, el('i', { class: `dot ${looks[state] ?? 'fill-off'}` }), el('b', {}, `${percent(ms, end - begin)} %`), ` ${turnWord(state)}, ${span(ms)}`))),
    el('details', {}, el('summary', { class: 'small' }, t('Table')), el('div', { class: 'chart-table', role: 'region', tabindex: 0, 'aria-label': t('Its life so far') }, el('table', {},
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, t('State')), el('th', { scope: 'col' }, t('From')), el('th', { scope: 'col', class: 'r' }, t('For')))),
      el('tbody', {}, all.map((part) => el('tr', {}, el('td', {}, turnWord(part.state)), el('td', {}, when(part.from, 'full')), el('td', { class: 'r' }, span(part.to - part.from)))).reverse())))));
}

const health = () => plainTable({
  label: t('How it did, by model'), rows: one.health, key: (row) => row.model ?? '-',
  columns: [
    { label: t('Model'), narrow: 'title', show: (row) => (row.model ? mono(row.model, 40) : t('calls without a model')) },
    { label: t('Success'), align: 'r', show: (row) => (row.success_rate === null ? '' : `${number(100 * row.success_rate, 1)} %`) },
    { label: t('In a row'), align: 'r', show: (row) => (row.streak === 0 ? '' : row.streak < 0 ? plural(-row.streak, '{n} failed', '{n} failed') : plural(row.streak, '{n} went well', '{n} went well')) },
    { label: t('Last answer'), show: (row) => (row.last_outcome ? outcomeTag(row.last_outcome, row.last_status) : '') },
    { label: t('First byte'), align: 'r', show: (row) => (row.first_byte_ms === null ? '' : duration(row.first_byte_ms)) },
    { label: t('Took'), align: 'r', narrow: 'hide', show: (row) => (row.latency_ms === null ? '' : duration(row.latency_ms)) },
    { label: t('Last test'), show: (row) => (row.probed_at ? [when(row.probed_at, 'relative'), ' ', row.probe_outcome && outcomeTag(row.probe_outcome, row.probe_status)] : '') },
    { label: t('Next test'), show: (row) => when(row.next_probe_at, 'relative') },
  ],
});

function history() {
  const events = one.history ?? [];
  if (events.length === 0) return el('p', { class: 'muted' }, t('Nothing has changed since it was added.'));
  return el('ol', { class: 'timeline' }, events.map((event) => el('li', { class: turnLook(event.state), 'data-key': String(event.id) },
    el('div', {}, el('span', { class: 'strong' }, turnWord(event.state)), event.model && [' · ', mono(event.model, 40)]),
    el('div', { class: 'small muted' }, event.reason && [reasonOf(event.reason), ' · '], el('time', { title: full(event.at) }, when(event.at))))));
}

function attempts() {
  return plainTable({
    label: t('Last attempts'), rows: one.attempts ?? [], key: (row) => `${row.request_id}-${row.n}`, empty: t('It was not used yet.'), href: (row) => `request.html?id=${row.request_id}`,
    columns: [
      { label: t('Time'), narrow: 'title', show: (row) => when(row.started_at) },
      { label: t('Model'), show: (row) => mono(row.model, 30) },
      { label: t('Outcome'), show: (row) => outcomeTag(row.outcome, row.status) },
      { label: t('Took'), align: 'r', show: (row) => duration(row.duration_ms) },
    ],
  });
}
