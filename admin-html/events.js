// SPDX-License-Identifier: MIT
// events.js: what happened by itself, in words. What is not known here is told as it was written down.
import { data, el, mono } from './dom.js';
import { number, until } from './format.js';
import { named, plural, server, t } from './i18n.js';
import { reasonOf, turnLook, turnWord } from './words.js';

const kinds = {
  state: 'change of state', limit_learned: 'limit learned', health: 'hourly summary', chore_failed: 'maintenance failed', worker_lost: 'worker lost', keys_folder: 'keys folder',
  setting: 'setting', error_rule: 'error policy', ban: 'ban', ban_lifted: 'ban lifted', reset: 'reset', refused_wish: 'request refused', refused_settlement: 'settlement refused', health_skipped: 'note left out',
};
export const kindOfEvent = (kind) => el('span', { title: kind }, named(kinds, kind));
export const eventKinds = () => Object.entries(kinds).map(([kind, name]) => [kind, t(name)]);

const credential = (id) => el('a', { href: `credential.html?id=${encodeURIComponent(id)}` }, t('credential {n}', { n: id }));

const telling = {
  state: (d) => [d.credential_id ? credential(d.credential_id) : t('project {n}', { n: d.project_id }), d.model && [' · ', mono(d.model, 60)], ' ', el('span', { class: `tag ${turnLook(d.to)}` }, turnWord(d.to)), ' ',
    d.why && data(reasonOf(d.why), 300), d.until && [' · ', t('until'), ' ', until(d.until)]],
  limit_learned: (d) => [d.project_id && `${t('project {n}', { n: d.project_id })} · `, mono(d.model, 60), ' ', ['rpm', 'tpm', 'rpd'].filter((name) => d[name] !== undefined && d[name] !== null).map((name) => `${name} ${number(d[name])} `)],
  health: (d) => t('Ready {ready} of {all}, resting {resting}, broken {dead}. In the hour {requests} requests, {errors} errors.', { ready: number(d.ready), all: number(d.credentials), resting: number(d.resting), dead: number(d.dead), requests: number(d.requests), errors: number(d.errors) }),
  chore_failed: (d) => [mono(d.name, 60), ' ', data(d.error, 400)],
  worker_lost: (d) => plural(d.requests, '{n} request got lost', '{n} requests got lost'),
  keys_folder: (d) => [mono(d.place, 200), ' ', t('{fresh} new, {back} back, {gone} gone', { fresh: number(d.new), back: number(d.back), gone: number(d.gone) }), d.errors?.length > 0 && [' · ', data(server(d.errors[0].error), 300)]],
  setting: (d) => [mono(d.name, 80), ' = ', data(d.value, 200)],
  ban: (d) => [mono(d.net, 60), ' ', d.reason && data(d.reason, 200)],
  ban_lifted: (d) => [mono(d.net, 60), ' ', d.reason && data(d.reason, 200)],
  error_rule: (d) => [t('rule {n}', { n: d.id }), d.removed && [' · ', t('removed')], d.text && [' · ', data(d.text, 100)]],
  reset: (d) => (d.credential_id ? credential(d.credential_id) : d.model ? mono(d.model, 60) : d.rows !== undefined && t('Credentials used again: {credentials}; rests that ended: {rows}.', { credentials: number(d.credentials ?? 0), rows: number(d.rows) })),
};

const raw = (d) => Object.entries(d).filter(([, value]) => value !== null).slice(0, 12).map(([key, value]) => [el('span', { class: 'faint' }, `${key} `), data(typeof value === 'object' ? JSON.stringify(value) : value, 300), '  ']);

// eventLine says what happened: a row {kind, detail} of the list of events.
export const eventLine = ({ kind, detail }) => (Object.hasOwn(telling, kind) && telling[kind](detail ?? {})) || raw(detail ?? {});
