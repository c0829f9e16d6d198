// SPDX-License-Identifier: MIT
// model.js: one model: what it is called, its limits, how it thinks and streams, who stands in for it, what it costs.
import { get, post } from './api.js';
import { chart } from './chart.js';
import { attempt, confirmAct, toast, trouble } from './dialog.js';
import { el, fill, mono } from './dom.js';
import { form } from './form.js';
import { number, until } from './format.js';
import { plural, t } from './i18n.js';
import { may, page } from './shell.js';
import { leftOf, sourceOf } from './words.js';

const name = new URLSearchParams(location.search).get('name') ?? '';
const frame = await page({ title: name || t('Model'), crumb: ['models.html', t('Models')] });
const usage = chart({ label: t('Requests by day'), height: 170, days: true, series: [{ name: t('requests'), color: 'accent', area: true }, { name: t('failures'), color: 'bad-fill' }] });
async function load() {
  let one = { model: name, configured: false, aliases: [], fallback: [] };
  try {
    one = await get('model', { name });
  } catch (error) {
    if (error.status !== 404) return fill(frame.body, el('div', { class: 'empty' }, el('p', {}, trouble(error))));
  }
  return draw(one);
}

function draw(one) {
  frame.retitle({ title: el('bdi', {}, one.model ?? one.name), plain: one.model ?? one.name,
    lede: one.configured ? t('Configured.') : t('As it comes: nothing is configured, limits are learned from Google.'),
    tools: [el('a', { class: 'btn', href: `requests.html?model=${encodeURIComponent(name)}` }, t('Its requests')),
      may('operator') && one.projects > 0 && el('button', { class: 'btn', type: 'button', onclick: (event) => attempt(endRests, event.currentTarget) }, t('End all its rests')),
      may('operator') && one.configured && el('button', { class: 'btn danger', type: 'button', onclick: () => forget(one) }, t('Forget'))] });
  fill(frame.body,
    el('div', { class: 'grid' },
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Now'))), facts(one)),
      el('div', { class: 'card w6' }, el('div', { class: 'card-head' }, el('h2', {}, t('Requests by day'))), usage.node)),
    el('div', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, t('Configuration'))), settings(one)));
  const days = one.usage ?? [];
  usage.show(days.map((row) => Date.parse(row.day)), [days.map((row) => row.requests), days.map((row) => row.errors)]);
}

function facts(one) {
  return el('dl', { class: 'facts' },
    el('dt', {}, t('Projects ready')), el('dd', {}, `${number(one.ready ?? 0)} / ${number(one.projects ?? 0)}`),
    el('dt', {}, t('Requests today')), el('dd', {}, number(one.requests_today ?? 0)),
    el('dt', {}, t('Left today')), el('dd', {}, [leftOf(one), (one.limit ?? null) !== null && [` / ${number(one.limit)} `, el('span', { class: 'small muted' }, sourceOf(one.source))]]),
    el('dt', {}, t('Spent for now')), el('dd', {}, number(one.spent ?? 0)),
    el('dt', {}, t('Refused for good')), el('dd', {}, number(one.out ?? 0)),
    one.next_at && [el('dt', {}, t('Next project back')), el('dd', {}, until(one.next_at))],
    one.search_name && [el('dt', {}, t('With Google Search')), el('dd', {}, mono(one.search_name, 120), ' · ', el('a', { href: 'settings.html#search_variants' }, t('Settings')))],
    el('dt', {}, t('Projects that rest')), el('dd', {}, el('a', { href: `credentials.html?state=resting&model=${encodeURIComponent(name)}` }, t('See them'))));
}

async function endRests() {
  const done = await post('models/reset', { name });
  toast(plural(done.projects, '{n} project is used again.', '{n} projects are used again.'));
  await load();
}

// What was configured, as model_set takes it.
const settable = ['upstream_name', 'aliases', 'rpm', 'tpm', 'rpd', 'max_concurrency', 'wait_limit_ms', 'thinking_budget', 'thinking_level', 'include_thoughts', 'stream_policy', 'fallback', 'price_input', 'price_cached', 'price_output'];
const backOf = (was) => ({ name, ...Object.fromEntries(settable.filter((key) => (was[key] ?? null) !== null).map((key) => [key, was[key]])) });

const learnedOf = ({ learned }, kind) => (learned?.[kind] ? t('learned: {n}', { n: [...new Set(learned[kind])].map((n) => number(n)).join('–') }) : t('learned from Google'));

const fields = (one) => [
  { name: 'upstream_name', label: t('Name at Google'), value: one.upstream_name, placeholder: name },
  { name: 'aliases', label: t('Also called'), type: 'list', value: one.aliases, help: t('Other names that clients may use.') },
  { name: 'rpm', label: t('Requests a minute and project'), type: 'number', min: 0, value: one.rpm, placeholder: learnedOf(one, 'rpm') },
  { name: 'tpm', label: t('Tokens a minute and project'), type: 'number', min: 0, value: one.tpm, placeholder: learnedOf(one, 'tpm') },
  { name: 'rpd', label: t('Requests a day and project'), type: 'number', min: 0, value: one.rpd, placeholder: learnedOf(one, 'rpd') },
  { name: 'max_concurrency', label: t('At the same time'), type: 'number', min: 0, value: one.max_concurrency, placeholder: t('any number'), help: t('Of all workers together. More requests wait their turn.') },
  { name: 'wait_limit_ms', label: t('Wait for a turn'), type: 'number', min: 0, max: 600000, unit: 'ms', value: one.wait_limit_ms, placeholder: t('as the settings say') },
  { name: 'thinking_budget', label: t('Thinking budget'), type: 'number', min: -1, value: one.thinking_budget, unit: t('tokens'), placeholder: t('as the settings say'), help: t('-1: the model decides. For 2.5 models.') },
  { name: 'thinking_level', label: t('Thinking level'), type: 'select', value: one.thinking_level, options: [['', t('as the settings say')], ['minimal', t('minimal')], ['low', t('low')], ['medium', t('medium')], ['high', t('high')]], help: t('For 3.x models; instead of a budget.') },
  { name: 'include_thoughts', label: t('Thoughts in the answer'), type: 'select', value: one.include_thoughts === null || one.include_thoughts === undefined ? '' : String(one.include_thoughts), options: [['', t('as the settings say')], ['true', t('yes')], ['false', t('no')]] },
  { name: 'stream_policy', label: t('Streams'), type: 'select', value: one.stream_policy, options: [['', t('as the settings say')], ['auto', t('as the client asks')], ['collect', t('always stream from Google, collect for the client')], ['whole', t('never stream from Google, beat until the answer is whole')]] },
  { name: 'fallback', label: t('Who stands in'), type: 'list', value: one.fallback, help: t('Models to try, in this order, when this one is exhausted or overloaded. The answer’s header says which one served.') },
  { name: 'price_input', label: t('Price of a million tokens in'), type: 'number', step: 'any', min: 0, unit: '$', value: one.price_input },
  { name: 'price_cached', label: t('… from a cache'), type: 'number', step: 'any', min: 0, unit: '$', value: one.price_cached },
  { name: 'price_output', label: t('Price of a million tokens out'), type: 'number', step: 'any', min: 0, unit: '$', value: one.price_output, help: t('Thoughts are paid as output.') },
];

function settings(one) {
  if (!may('operator')) return el('p', { class: 'muted' }, t('Operators can change it.'));
  return form({ columns: true, act: t('Save'), fields: fields(one), submit: async (given, place) => {
    const wanted = { ...given, include_thoughts: given.include_thoughts === null ? null : given.include_thoughts === 'true' };
    const same = (key) => JSON.stringify(wanted[key] ?? null) === JSON.stringify(emptyAsNull(one[key]));
    const changed = Object.fromEntries(Object.entries(wanted).filter(([key]) => !same(key)).map(([key, value]) => [key, value === null && ['aliases', 'fallback'].includes(key) ? [] : value]));
    if (Object.keys(changed).length === 0 && one.configured) return toast(t('Nothing was changed.'));
    await post('models', { name, ...changed });
    toast(t('Saved. Running workers follow within a second.'));
    place.querySelector('.trouble').textContent = '';
    return load();
  } });
}

const emptyAsNull = (value) => (value === undefined || (Array.isArray(value) && value.length === 0) ? null : value);

async function forget(one) {
  const sure = await confirmAct({ title: t('Forget the configuration of {name}?', { name: one.model ?? one.name }), act: t('Forget'),
    text: el('p', {}, t('Its limits, aliases and prices go. Clients can still ask for it; it is passed on as it comes.')) });
  if (!sure) return;
  const was = await post('models/remove', { name });
  toast(t('Forgotten.'), { undo: async () => { await post('models', backOf(was)); load(); } });
  load();
}

await load();
