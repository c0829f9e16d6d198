// SPDX-License-Identifier: MIT
// client.js: one client: its limits, what it used of them, how to call.
import { get, patch, remove, segment } from './api.js';
import { chart } from './chart.js';
import { attempt, confirmAct, openDialog, toast, trouble } from './dialog.js';
import { data, el, fill, mono, morph } from './dom.js';
import { form } from './form.js';
import { money, number, percent, short, when } from './format.js';
import { t } from './i18n.js';
import { changedOf, clientFields } from './clientform.js';
import { every, may, page } from './shell.js';
import { snippets } from './snippets.js';
import { plainTable } from './table.js';
import { stateTag } from './words.js';

const path = `clients/${segment(new URLSearchParams(location.search).get('id') ?? '')}`;
const frame = await page({ title: t('Client'), crumb: ['clients.html', t('Clients')] });
const usage = chart({ label: t('Requests by day'), days: true, series: [{ name: t('requests'), color: 'accent', area: true }, { name: t('failures'), color: 'bad-fill' }] });
const code = el('div', { 'data-keep': true }, snippets({}));
let one = null;
const refresh = every(10_000, load);

async function load() {
  try {
    one = await get(path);
    draw();
  } catch (error) {
    if (one) throw error;
    fill(frame.body, el('div', { class: 'empty' }, el('p', {}, trouble(error)), el('a', { class: 'btn', href: 'clients.html' }, t('All clients'))));
  }
}

function draw() {
  frame.retitle({ title: data(one.name, 80), plain: one.name, lede: [stateTag(one.state), ' ', t('token ends with'), ' ', mono(one.hint)], tools: may('operator') && one.state !== 'revoked' ? [
    el('button', { class: 'btn', type: 'button', onclick: edit }, t('Edit')),
    el('button', { class: 'btn danger', type: 'button', onclick: (event) => attempt(revoke, event.currentTarget) }, t('Revoke'))] : [] });
  const limit = (used, most) => (most === null ? [short(used), el('span', { class: 'muted' }, ` · ${t('no limit')}`)] : [`${short(used)} / ${short(most)} `,
    el('span', { class: `meter ${used / most > 0.9 ? 'low' : ''}`, role: 'img', 'aria-label': `${percent(used, most)} %` }, el('i', { style: { width: `${Math.min(100, most > 0 ? (100 * used) / most : 100)}%` } }))]);
  const days = one.usage ?? [];
  morph(frame.body,
    el('div', { class: 'grid', 'data-key': 'top' },
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Limits'))), el('dl', { class: 'facts' },
        el('dt', {}, t('Requests this minute')), el('dd', {}, limit(one.requests_this_minute ?? 0, one.rpm)),
        el('dt', {}, t('Tokens this minute')), el('dd', {}, limit(one.tokens_this_minute ?? 0, one.tpm)),
        el('dt', {}, t('Tokens today')), el('dd', {}, limit(tokensToday(), one.daily_tokens)),
        el('dt', {}, t('Models')), el('dd', {}, one.models ? mono(one.models.join(', '), 500) : t('all')),
        el('dt', {}, t('Expires')), el('dd', {}, one.expires_at ? when(one.expires_at, 'full') : t('never')),
        el('dt', {}, t('Added')), el('dd', {}, when(one.created_at, 'full')),
        one.revoked_at && [el('dt', {}, t('Revoked')), el('dd', {}, when(one.revoked_at, 'full'))])),
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Requests by day')), el('a', { href: `requests.html?client=${encodeURIComponent(one.name)}` }, t('Its requests'))), usage.node)),
    el('div', { class: 'card', 'data-key': 'usage' }, el('div', { class: 'card-head' }, el('h2', {}, t('Used, by day and model'))), plainTable({
      label: t('Used, by day and model'), rows: (one.usage_by_model ?? []).slice(0, 60), key: (row) => `${row.day}-${row.model}`, empty: t('It has not asked for anything yet.'),
      columns: [
        { label: t('Day in Los Angeles'), narrow: 'title', show: (row) => row.day },
        { label: t('Model'), show: (row) => mono(row.model, 50) },
        { label: t('Requests'), align: 'r', show: (row) => number(row.requests) },
        { label: t('Failures'), align: 'r', show: (row) => number(row.errors) },
        { label: t('Tokens in'), align: 'r', show: (row) => short(row.prompt_tokens) },
        { label: t('Tokens out'), align: 'r', show: (row) => short(row.output_tokens + (row.thoughts_tokens ?? 0)) },
        { label: t('Cost'), align: 'r', show: (row) => money(row.cost) },
      ] })),
    el('div', { class: 'card', 'data-key': 'code' }, el('div', { class: 'card-head' }, el('h2', {}, t('How to call'))), code));
  usage.show(days.map((row) => Date.parse(row.day)), [days.map((row) => row.requests), days.map((row) => row.errors)]);
}

// Counted by itself where there is a limit; the log knows it otherwise.
function tokensToday() {
  const today = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/Los_Angeles' }).format(new Date());
  return one.daily_tokens !== null ? one.tokens_today : one.usage?.find((row) => row.day === today)?.total_tokens ?? 0;
}

function edit() {
  const was = one;
  return openDialog(t('Edit client'), (close) => form({
    cancel: () => close(), fields: clientFields(was),
    async submit(given) {
      const changed = changedOf(given, was);
      if (Object.keys(changed).length > 0) await patch(path, changed);
      close(true);
      refresh();
    },
  }));
}

async function revoke() {
  const sure = await confirmAct({ title: t('Revoke this token?'), act: t('Revoke'), text: el('p', {}, t('Applications that use it are refused from the next second on. A revoked token cannot be made valid again.')) });
  if (!sure) return;
  await remove(path);
  toast(t('Revoked.'));
  await refresh();
}
