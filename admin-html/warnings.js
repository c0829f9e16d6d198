// SPDX-License-Identifier: MIT
// warnings.js: what is wrong, in plain words, and one button that leads to the mend.
import { data, el } from './dom.js';
import { number, until, when } from './format.js';
import { rich, server } from './i18n.js';

// What a sentence is filled with. Names stay as somebody gave them, also where they are words that we know.
function shown(name, value) {
  if (typeof value === 'number') return number(value);
  if (name === 'since') return when(value);
  if (name === 'until') return until(value);
  return data(name === 'result' ? server(value) : value, 300);
}

// A warning of the server: {id, level: bad | warn, text with {names}, values, act, href, with {names} as well}. Links lead to
// our own pages only.
export function warningNote({ id, level, text, values, act, href }) {
  const filled = Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, shown(name, value)]));
  const address = (href ?? '').replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
  const safe = /^[a-z]+\.html([?#]|$)/.test(address);
  return el('div', { class: `note ${level === 'bad' ? 'bad' : ''}`, 'data-key': `warning-${id}`, role: level === 'bad' ? 'alert' : undefined },
    el('div', {}, rich(text, filled)), safe && el('a', { href: address }, server(act)));
}
