// SPDX-License-Identifier: MIT
// format.js: numbers, durations and times as people read them. Times are those of the operator's zone, with UTC on
// hover; the zone is the setting time_zone; while that is UTC, its default, the browser's.
import { el } from './dom.js';
import { locale, t } from './i18n.js';

let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function setZone(name) {
  if (!name) return;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    zone = name;
  } catch { /* a zone that this browser does not know: its own stays */ }
}

export const zoneName = () => zone;

export const number = (n, digits = 0) => (n === null || n === undefined ? '–'
  : new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(n));

// compact: 950, 48.2 k, 18.4 M; as {value, unit} when the unit is to be small.
export function compact(n) {
  if (n === null || n === undefined) return { value: '–', unit: '' };
  const steps = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e4, 'k']];
  for (const [size, unit] of steps) {
    if (Math.abs(n) >= size) {
      const scaled = n / (unit === 'k' ? 1e3 : size);
      return { value: number(scaled, Math.abs(scaled) < 100 ? 1 : 0), unit };
    }
  }
  return { value: number(n), unit: '' };
}

export const short = (n) => { const c = compact(n); return c.unit ? `${c.value} ${c.unit}` : c.value; };

// percent never rounds a failure away: 99.996 is not 100.
export function percent(part, whole) {
  if (!whole) return '–';
  const share = (100 * part) / whole;
  if (share > 99.99 && share < 100) return number(99.99, 2);
  if (share > 0 && share < 0.01) return number(0.01, 2);
  return number(share, share > 99 && share < 100 ? 2 : 1);
}

export function bytes(n) {
  if (n === null || n === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  let size = n;
  while (size >= 1000 && i < units.length - 1) { size /= 1000; i++; }
  return `${number(size, size < 10 && i > 0 ? 1 : 0)} ${units[i]}`;
}

// money in US dollars; sums below a cent keep two figures.
export function money(usd) {
  if (usd === null || usd === undefined) return '–';
  const digits = usd !== 0 && Math.abs(usd) < 1 ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return `$ ${new Intl.NumberFormat(locale(), digits).format(usd)}`;
}

// seconds of milliseconds, with as many figures as matter: 0.61, 2.4, 31.
export const seconds = (ms) => (ms === null || ms === undefined ? '–' : number(ms / 1000, ms < 1000 ? 2 : ms < 10_000 ? 1 : 0));

export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1) return t('{n} ms', { n: number(ms, 2) });
  if (ms < 1000) return t('{n} ms', { n: number(ms) });
  return ms < 60_000 ? t('{n} s', { n: seconds(ms) }) : span(ms);
}

// span is a length of time in its largest unit: 12 s, 3 min, 9 h, 4 d.
export function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 99.5) return t('{n} s', { n: number(s) });
  if (s < 99 * 60) return t('{n} min', { n: number(s / 60) });
  if (s < 48 * 3600) return t('{n} h', { n: number(s / 3600) });
  return t('{n} d', { n: number(s / 86400) });
}

export function relative(at, now = Date.now()) {
  const difference = new Date(at).getTime() - now;
  if (Math.abs(difference) < 1000) return t('now');
  return difference > 0 ? t('in {span}', { span: span(difference) }) : t('{span} ago', { span: span(-difference) });
}

const formats = new Map();
function formatted(at, options) {
  const key = JSON.stringify([options, zone]);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale(), { timeZone: zone, hourCycle: 'h23', ...options }));
  return formats.get(key).format(new Date(at));
}

export const clock = (at) => formatted(at, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const hourMinute = (at) => formatted(at, { hour: '2-digit', minute: '2-digit' });
export const day = (at) => formatted(at, { day: 'numeric', month: 'short' });
export const dayTime = (at) => formatted(at, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
export const full = (at) => formatted(at, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const utc = (at) => `${new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z/, '')} UTC`;

const sameDay = (a, b) => day(a) === day(b) && Math.abs(a - b) < 2 * 86400_000;

// when shows a moment: the clock today, day and clock otherwise; UTC on hover.
export function when(at, style) {
  if (!at || at === 'infinity' || at === '-infinity') return el('span', { class: 'faint' }, '–');
  const time = new Date(at);
  const text = style === 'relative' ? relative(at) : style === 'full' ? full(at) : sameDay(time, new Date()) ? clock(at) : dayTime(at);
  const title = style === 'relative' ? `${full(at)} · ${utc(at)}` : `${relative(at)} · ${utc(at)}`;
  return el('time', { datetime: time.toISOString(), title, class: 'nowrap' }, text);
}

const losAngelesClock = (at) => new Intl.DateTimeFormat('en-GB', { timeZone: 'America/Los_Angeles', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(at));

// until says when something comes back (now, where that is over: it is about to be noticed); the midnight that ends
// Google's day is said as people there would.
export function until(at) {
  if (!at || at === 'infinity') return el('span', { class: 'muted' }, t('not by itself'));
  const left = new Date(at) - Date.now();
  const soon = left < 3600_000;
  const midnight = losAngelesClock(at) === '00:00' && left > 300_000;
  const text = left <= 0 ? t('now') : midnight ? t('00:00 in Los Angeles ({here} here), {relative}', { here: hourMinute(at), relative: relative(at) })
    : soon ? relative(at) : `${sameDay(new Date(at), new Date()) ? hourMinute(at) : dayTime(at)}, ${relative(at)}`;
  return el('time', { datetime: new Date(at).toISOString(), title: utc(at) }, text);
}

// What a field of type datetime-local shows and means: a moment in the operator's zone; nothing for what is no moment.
export function toLocalField(at) {
  if (!at || Number.isNaN(Date.parse(at)) && typeof at !== 'number') return '';
  const parts = Object.fromEntries(new Intl.DateTimeFormat('en-CA', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' })
    .formatToParts(new Date(at)).map((part) => [part.type, part.value]));
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}

export function fromLocalField(text) {
  if (!text) return null;
  const wanted = Date.parse(`${text}Z`);
  let guess = wanted;
  for (let i = 0; i < 3; i++) guess += wanted - Date.parse(`${toLocalField(guess)}Z`);
  return new Date(guess).toISOString();
}
