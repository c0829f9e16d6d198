// SPDX-License-Identifier: MIT
// check.js: the doctor, as `pollux check` on the server: what may be wrong, and what to do about it. Part of the page
// System; a worker looks when it is asked to.
import { get } from './api.js';
import { attempt } from './dialog.js';
import { data, el, fill, morph, prose } from './dom.js';
import { duration } from './format.js';
import { filled, plural, server, t } from './i18n.js';
import { stateTag } from './words.js';

// Where in the console a check's matter is looked at or mended.
const places = {
  keys: 'credentials.html', workers: 'system.html', clients: 'clients.html', maintenance: 'jobs.html', jobs: 'jobs.html', 'keys folder': 'system.html#folders', 'time-outs': 'settings.html#total_timeout_ms',
  'sealed keys': 'credentials.html', upstream: 'playground.html',
};
const order = ['fail', 'warn', 'ok'];

// checkCard answers the card; the check runs when its button is pressed, or at once when the address says #check.
export function checkCard() {
  const place = el('div', { role: 'status' }, el('p', { class: 'muted' }, t('Looks at this machine, the database, the workers and the way to Google. It spends no quota.')));
  const button = el('button', { class: 'btn small primary', type: 'button', onclick: (event) => attempt(look, event.currentTarget) }, t('Check now'));
  const card = el('section', { class: 'card', id: 'check', 'aria-label': t('Check') }, el('div', { class: 'card-head' }, el('h2', {}, t('Check')), button), place);
  if (location.hash === '#check') attempt(look, button);
  return card;

  async function look() {
    const found = await get('system/check', {}, { patience: 180_000 });
    morph(place, verdict(found), lines(found), el('p', { class: 'small muted' },
      t('Seen by the worker {pid} on {host} in {time}.', { pid: String(found.pid), host: found.host, time: duration(found.took_ms) }), ' ',
      prose(t('The master key file, the schema’s files and the rights of folders are looked at by `pollux check` on the server alone.'))));
    fill(button, t('Check again'));
  }
}

function verdict({ items }) {
  const count = (state) => items.filter((line) => line.state === state).length;
  const [bad, warned] = [count('fail'), count('warn')];
  if (bad + warned === 0) return el('div', { class: 'note good' }, el('div', {}, t('Nothing is wrong.')));
  return el('div', { class: `note ${bad > 0 ? 'bad' : ''}` }, el('div', {}, [bad > 0 && plural(bad, '{n} thing is wrong.', '{n} things are wrong.'), warned > 0 && plural(warned, '{n} thing wants a look.', '{n} things want a look.')].filter(Boolean).join(' ')));
}

// The worst first; within a state in the order of the doctor.
function lines({ items }) {
  const sorted = order.flatMap((state) => items.filter((line) => line.state === state));
  return el('ul', { class: 'checks' }, sorted.map((line) => el('li', { class: line.state },
    stateTag(line.state), el('div', {}, el('span', { class: 'strong' }, server(line.check)), ' ', data(filled(line.text, line.values ?? {}), 400),
      line.advice && el('div', { class: 'small muted' }, prose(server(line.advice)), line.state !== 'ok' && places[line.check] && [' ', el('a', { href: places[line.check] }, t('See it'))])))));
}
