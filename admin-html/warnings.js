// SPDX-License-Identifier: MIT
// warnings.js: what is wrong, in plain words, and one button that leads to the mend.
import { data, el } from './dom.js';
import { number, until, when } from './format.js';
import { rich, server } from './i18n.js';

// A warning of the server: {id, level: bad | warn, text with {names}, values, act, href}. Links lead to our own pages only.
export function warningNote({ id, level, text, values, act, href }) {
  const shown = Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, typeof value === 'number' ? number(value) : name === 'since' ? when(value) : name === 'until' ? until(value) : data(server(value), 300)]));
  const address = (href ?? '').replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
  const safe = /^[a-z]+\.html([?#]|$)/.test(address);
  return el('div', { class: `note ${level === 'bad' ? 'bad' : ''}`, 'data-key': `warning-${id}`, role: level === 'bad' ? 'alert' : undefined },
    el('div', {}, rich(text, shown)), safe && el('a', { href: address }, server(act)));
}
