// SPDX-License-Identifier: MIT
// models.js: the models that were configured or asked for: limits and where they come from, what is left today.
import { list } from './api.js';
import { openDialog } from './dialog.js';
import { el, fill, mono } from './dom.js';
import { form } from './form.js';
import { money, number, short } from './format.js';
import { t } from './i18n.js';
import { may, page } from './shell.js';
import { table } from './table.js';
import { leftMeter, leftOf, sourceOf } from './words.js';

const frame = await page({ title: t('Models'), lede: t('What your applications may ask for, and how much of it is left today.'), tools: () => [
  may('operator') && el('button', { class: 'btn primary', type: 'button', onclick: add }, t('Configure a model'))] });

const models = table({
  label: t('Models'), live: 15_000,
  filters: [{ name: 'q', label: t('Search name, alias'), type: 'search' }],
  columns: [
    { label: t('Model'), narrow: 'title', show: (row) => [mono(row.model, 60), !row.configured && el('span', { class: 'small muted' }, ` ${t('as it comes')}`)] },
    { label: t('Also called'), wrap: true, narrow: 'hide', show: (row) => (row.aliases ?? []).slice(0, 6).map((alias) => [mono(alias, 40), ' ']) },
    { label: t('Projects ready'), align: 'r', show: (row) => `${number(row.ready ?? 0)} / ${number(row.projects ?? 0)}` },
    { label: t('Limits of a project'), show: limits, wrap: true },
    { label: t('Today'), align: 'r', show: (row) => number(row.requests_today) },
    { label: t('Left today'), align: 'r', show: (row) => [leftOf(row), ' ', leftMeter(row, true)] },
    { label: t('Price in / out'), align: 'r', narrow: 'hide', show: (row) => (row.price_input === null || row.price_input === undefined ? '' : `${money(row.price_input)} / ${money(row.price_output)}`) },
  ],
  id: (row) => row.model, nameOf: (row) => row.model,
  href: (row) => `model.html?name=${encodeURIComponent(row.model)}`,
  load: (asked) => list('models', asked),
  empty: () => el('div', { class: 'empty' }, el('p', {}, t('No model was asked for yet. Any model that Google knows works without being configured; its limits are learned from Google.'))),
});
fill(frame.body, models.node);

// What is configured, and what Google told where that is not: of some projects perhaps more than of others.
function limits(row) {
  const told = row.learned ?? {};
  const kinds = [['rpm', t('{n} /min')], ['tpm', t('{n} tokens/min')], ['rpd', t('{n} /day')]];
  const written = (text, n) => text.replace('{n}', n);
  const configured = kinds.filter(([name]) => (row[name] ?? null) !== null).map(([name, text]) => written(text, short(row[name])));
  const learned = kinds.filter(([name]) => (row[name] ?? null) === null && told[name]).map(([name, text]) => written(text, [...new Set(told[name])].map(short).join('–')));
  const line = (parts, source) => parts.length > 0 && [parts.join(' · '), ' ', el('span', { class: 'small muted' }, sourceOf(source)), ' '];
  if (configured.length + learned.length === 0) return el('span', { class: 'muted' }, t('not known'));
  return [line(configured, 'configured'), line(learned, 'learned')];
}

function add() {
  return openDialog(t('Configure a model'), (close) => form({
    act: t('Continue'), cancel: () => close(),
    fields: [{ name: 'name', label: t('Name that clients use'), placeholder: 'gemini-2.5-flash', required: true, autofocus: true }],
    async submit({ name }) {
      if (!name) throw Object.assign(new Error(t('A model needs a name.')), { field: 'name' });
      location.href = `model.html?name=${encodeURIComponent(name)}`;
    },
  }));
}
