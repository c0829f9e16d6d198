// SPDX-License-Identifier: MIT
// usage.js: what was used, summed up by client, model, credential, day or hour: as `pollux usage` prints it.
import { fullList, get } from './api.js';
import { chart } from './chart.js';
import { data, el, fill, mono } from './dom.js';
import { duration, fromLocalField, money, number, short, toLocalField, when } from './format.js';
import { t } from './i18n.js';
import { page, segments } from './shell.js';
import { table } from './table.js';

const address = new URLSearchParams(location.search);
const groups = { client: t('Client'), model: t('Model'), credential: t('Credential') };
const spans = [['1d', t('24 h')], ['7d', t('7 d')], ['30d', t('30 d')], ['90d', t('90 d')]];
const pers = [['', t('in all')], ['day', t('by day')], ['hour', t('by hour')]];
const state = {
  by: new Set((address.get('by') ?? 'client,model').split(',').filter((word) => word in groups)), per: pers.some(([value]) => value === address.get('per')) ? address.get('per') : '',
  from: address.get('from') ?? '7d', to: address.get('to') ?? '',
};

const exported = el('a', { class: 'btn', download: 'pollux-usage.csv' }, t('Export CSV'));
const frame = await page({ title: t('Usage'), lede: t('Requests, tokens and cost, in whole hours; days are those of Los Angeles, as Google counts.'), tools: [exported] });
const curve = chart({ label: t('Requests and tokens by day'), days: true, height: 170, series: [{ name: t('requests'), color: 'accent', area: true }, { name: t('failures'), color: 'bad-fill' }] });
const controls = el('div', { class: 'filters' });
const place = el('div');
fill(frame.body, controls, el('div', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', {}, t('Requests by day'))), curve.node), place);

const asked = () => ({ by: [...state.by, state.per].filter(Boolean).join(',') || 'model', from: state.from, to: state.to });

function change(next) {
  Object.assign(state, next);
  const words = { by: [...state.by].join(','), per: state.per, from: state.from, to: state.to };
  const query = new URLSearchParams(Object.entries(words).filter(([, value]) => value));
  history.replaceState(null, '', `?${query}`);
  draw();
}

function toggle(word) {
  const by = new Set(state.by);
  by.has(word) ? by.delete(word) : by.add(word);
  if (by.size > 0) change({ by });
}

const moment = (name, label) => el('label', { class: 'moment' }, el('span', { class: 'small muted' }, label), el('input', { type: 'datetime-local', name, 'aria-label': label, title: label, value: /^\d+[hdw]$/.test(state[name]) ? '' : toLocalField(state[name]), onchange: (event) => change({ [name]: fromLocalField(event.target.value) ?? (name === 'from' ? '7d' : '') }) }));

function draw() {
  fill(controls,
    segments(t('Time range'), spans, state.to ? '' : state.from, (value) => change({ from: value, to: '' })),
    moment('from', t('From')), moment('to', t('Until')),
    el('div', { class: 'seg', role: 'group', 'aria-label': t('Summed up by') }, Object.entries(groups).map(([word, name]) => el('button', { type: 'button', 'aria-pressed': String(state.by.has(word)), onclick: () => toggle(word) }, name))),
    segments(t('Rows'), pers, state.per, (value) => change({ per: value })));
  exported.href = `api/usage/export?${new URLSearchParams(asked())}`;
  fill(place, sheet().node);
  drawCurve();
}

async function drawCurve() {
  const { items } = await get('usage', { by: 'day', from: state.from, to: state.to, limit: 500 }).catch(() => ({ items: [] }));
  curve.show(items.map((row) => Date.parse(row.day)), [items.map((row) => Number(row.requests)), items.map((row) => Number(row.errors))]);
}

const sum = (name) => (row) => short(Number(row[name] ?? 0));

function sheet() {
  const shown = [
    state.per === 'day' && { label: t('Day in Los Angeles'), nowrap: true, show: (row) => row.day },
    state.per === 'hour' && { label: t('Hour'), nowrap: true, show: (row) => when(row.hour) },
    state.by.has('client') && { label: t('Client'), show: (row) => data(row.client, 40) },
    state.by.has('credential') && { label: t('Credential'), show: (row) => (row.credential_id ? el('a', { href: `credential.html?id=${row.credential_id}` }, data(row.credential, 40)) : data(row.credential, 40)) },
    state.by.has('model') && { label: t('Model'), show: (row) => mono(row.model, 50) },
  ].filter(Boolean);
  shown[0].narrow = 'title';
  return table({
    label: t('Usage'), size: 100, id: (row) => JSON.stringify([row.day, row.hour, row.client, row.credential_id, row.model]),
    columns: [...shown,
      { label: t('Requests'), align: 'r', show: (row) => number(Number(row.requests)) },
      { label: t('Failures'), align: 'r', show: (row) => number(Number(row.errors)) },
      { label: t('Tokens in'), align: 'r', show: sum('prompt_tokens') },
      { label: t('from a cache'), align: 'r', narrow: 'hide', show: sum('cached_tokens') },
      { label: t('Tokens out'), align: 'r', show: sum('output_tokens') },
      { label: t('Thoughts'), align: 'r', narrow: 'hide', show: sum('thoughts_tokens') },
      { label: t('Cost'), align: 'r', show: (row) => (row.cost === null ? '' : money(Number(row.cost))) },
      { label: t('Took, p50 / p95'), align: 'r', narrow: 'hide', show: (row) => (row.median_ms === null ? '' : `${duration(row.median_ms)} / ${duration(row.p95_ms)}`) },
    ],
    load: ({ cursor, limit }) => fullList('usage', { filters: asked(), cursor, limit }),
    empty: () => el('div', { class: 'empty' }, el('p', {}, t('Nothing was used in that time.'))),
  });
}

draw();
