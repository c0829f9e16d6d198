// SPDX-License-Identifier: MIT
// settings.js: everything that can be changed while Pollux runs, and the error policy with its dry run.
import { get, patch, remove, segment } from './api.js';
import { captureCard } from './capture.js';
import { attempt, toast, trouble } from './dialog.js';
import { el, fill, morph, prose } from './dom.js';
import { showFault } from './form.js';
import { when } from './format.js';
import { plural, server, t } from './i18n.js';
import { policy } from './policy.js';
import { may, page } from './shell.js';

// Which positions in sql/functions/setting.sql belong together.
const groups = [[19, t('Choosing a credential')], [29, t('What is kept, and when')], [49, t('Health and jobs')], [59, t('Accounts')], [69, t('Models')],
  [99, t('Protection, errors, outbound calls')], [109, t('Reports')], [129, t('Console')], [139, t('Debug capture')]];

const frame = await page({ title: t('Settings'), lede: t('Running workers follow within a second.') });
const search = el('input', { type: 'search', class: 'search', placeholder: t('Search settings'), 'aria-label': t('Search settings'), oninput: filter, value: new URLSearchParams(location.search).get('q') ?? '' });
const place = el('div', { class: 'stack', 'aria-busy': 'true' });
const jumps = el('nav', { class: 'tools jumps', 'aria-label': t('Groups') });
const pending = new Map();
const bar = el('div', { class: 'save-bar', hidden: true });
fill(frame.body, el('div', { class: 'filters', role: 'search' }, search), jumps, el('div', { class: 'card' }, place, bar), captureCard(show), policy());
await show();

async function show() {
  try {
    const { items } = await get('settings');
    pending.clear();
    fill(jumps, grouped(items).map(([title], i) => el('a', { class: 'btn small', href: title === t('Debug capture') ? '#capture' : `#group-${i}` }, title)), el('a', { class: 'btn small', href: '#policy' }, t('Error policy')));
    fill(place, grouped(items).map(([title, members], i) => el('section', { id: `group-${i}`, 'aria-label': title }, el('h2', {}, title), el('div', { class: 'settings' }, members.map(row)))));
    filter();
    showBar();
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  } catch (error) {
    fill(place, el('p', { class: 'bad-text' }, trouble(error)));
  } finally {
    place.removeAttribute('aria-busy');
  }
}

function grouped(items) {
  const found = new Map();
  for (const one of items) {
    const title = groups.find(([last]) => (one.position ?? 0) <= last)?.[1] ?? t('Other');
    found.set(title, [...(found.get(title) ?? []), one]);
  }
  return [...found];
}

function row(one) {
  const id = `set-${one.name}`;
  const changed = one.value !== one.default;
  const input = inputOf(one, id);
  const node = el('div', { class: `setting field ${changed ? 'is-changed' : ''}`, id: one.name, 'data-field': one.name, 'data-words': `${one.name} ${one.help} ${server(one.help)}`.toLowerCase() },
    el('div', {}, el('label', { class: 'name', for: id }, one.name), el('div', { class: 'help', id: `${id}-help` }, prose(server(one.help))),
      el('div', { class: 'help faint' }, range(one), changed && one.changed_at && [' · ', t('changed'), ' ', when(one.changed_at)])),
    el('div', {}, el('div', { class: 'suffixed' }, input, one.unit && el('span', {}, server(one.unit))),
      el('div', { class: 'error', hidden: true, role: 'alert' }),
      changed && may('operator') && el('button', { class: 'plain small', type: 'button', onclick: (event) => attempt(() => reset(one), event.currentTarget) }, t('Back to the default: {value}', { value: one.default === '' ? t('empty') : one.default }))));
  return node;
}

function range(one) {
  if (one.kind === 'choice') return t('One of: {choices}', { choices: one.choices.join(', ') });
  if (one.min !== null && one.max !== null && ['integer', 'number'].includes(one.kind)) return t('{least} to {most}, default {value}', { least: one.min, most: one.max, value: one.default });
  return one.default === '' ? t('Default: empty') : t('Default: {value}', { value: one.default });
}

function inputOf(one, id) {
  const common = { id, 'aria-describedby': `${id}-help`, disabled: !may('operator'), oninput: (event) => note(one, event.target.value) };
  if (one.kind === 'choice' || one.kind === 'boolean') {
    const choices = one.kind === 'boolean' ? ['on', 'off'] : one.choices;
    return el('select', common, choices.map((choice) => el('option', { value: choice, selected: choice === one.value }, one.kind === 'boolean' ? (choice === 'on' ? t('on') : t('off')) : choice)));
  }
  if (one.kind === 'integer' || one.kind === 'number') return el('input', { ...common, type: 'number', min: one.min, max: one.max, step: one.kind === 'number' ? 'any' : 1, value: one.value });
  return el('input', { ...common, type: 'text', spellcheck: 'false', value: one.value });
}

function note(one, value) {
  value === one.value ? pending.delete(one.name) : pending.set(one.name, { one, value });
  showBar();
}

// Save says what it will change. (Changed in place: a button that is being clicked must stay.)
function showBar() {
  bar.hidden = pending.size === 0;
  if (pending.size === 0) return;
  morph(bar, el('div', { class: 'small' }, [...pending.values()].slice(0, 4).map(({ one, value }) => el('div', {}, el('span', { class: 'mono' }, `${one.name}: `), one.value === '' ? t('empty') : one.value, ' → ', el('b', {}, value === '' ? t('empty') : value))),
    pending.size > 4 && el('div', {}, plural(pending.size - 4, 'and {n} more', 'and {n} more'))),
  el('div', { class: 'tools' }, el('button', { class: 'btn', type: 'button', onclick: show }, t('Discard')), el('button', { class: 'btn primary', type: 'button', onclick: (event) => save(event.currentTarget) }, t('Save'))));
}

async function save(button) {
  button.disabled = true;
  const before = [...pending.values()].map(({ one }) => one);
  const saved = [];
  for (const { one, value } of [...pending.values()]) {
    try {
      await patch(`settings/${segment(one.name)}`, { value });
      pending.delete(one.name);
      saved.push(one);
    } catch (error) {
      error.field = one.name;
      showFault(place, error);
    }
  }
  if (saved.length > 0) {
    toast(plural(saved.length, '{n} setting was changed.', '{n} settings were changed.'), { undo: async () => {
      for (const one of before.filter((old) => saved.includes(old))) await patch(`settings/${segment(one.name)}`, { value: one.value });
      await show();
    } });
  }
  if (pending.size === 0) await show();
  else showBar();
}

async function reset(one) {
  await remove(`settings/${segment(one.name)}`);
  toast(t('{name} is back to its default.', { name: one.name }), { undo: async () => { await patch(`settings/${segment(one.name)}`, { value: one.value }); await show(); } });
  await show();
}

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const node of place.querySelectorAll('.setting')) node.hidden = !words.every((word) => node.dataset.words.includes(word));
  for (const section of place.querySelectorAll('section')) section.hidden = !section.querySelector('.setting:not([hidden])');
}
