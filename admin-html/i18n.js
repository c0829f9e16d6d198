// SPDX-License-Identifier: MIT
// i18n.js: two languages. The English sentence is the key; zh.js has what stands for it. A sentence may hold {names} of
// values, which may be nodes; then use rich(). tests/browser finds sentences that zh.js lacks.

export const languages = { en: 'English', zh: '中文' };

export const language = chosenLanguage();
document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';

const words = language === 'zh' ? (await import('./zh.js')).default : null;

// missing holds what was looked up in vain; for the tests.
export const missing = new Set();

function chosenLanguage() {
  const stored = localStorage.getItem('pollux.language');
  if (stored in languages) return stored;
  return navigator.languages?.some((name) => name.toLowerCase().startsWith('zh')) && !navigator.language.startsWith('en') ? 'zh' : 'en';
}

export function chooseLanguage(name) {
  localStorage.setItem('pollux.language', name);
  location.reload();
}

function lookUp(sentence) {
  if (!words) return sentence;
  if (Object.hasOwn(words, sentence)) return words[sentence];
  missing.add(sentence);
  return sentence;
}

// t says a sentence in the person's language.
export function t(sentence, values) {
  const text = lookUp(sentence);
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole)) : text;
}

// plural chooses by a number; both sentences may use {n}, which is written as numbers are. Chinese knows one form: the
// second sentence is its key.
export function plural(n, one, many, values = {}) {
  return t(n === 1 && language === 'en' ? one : many, { n: new Intl.NumberFormat(locale()).format(n), ...values });
}

// rich is t for values that are nodes: a list of strings and nodes.
export function rich(sentence, values) {
  return lookUp(sentence).split(/\{(\w+)\}/).map((part, i) => (i % 2 ? values[part] ?? `{${part}}` : part));
}

// server says what the server said: its sentences (help of settings, results of jobs, names of states) where zh.js knows
// them, and as they are where it does not. Numbers and what stands in quotation marks may be any: '{1} of {2}' stands for
// '3 of 4'; in longer sentences {1} may be anything. A list with commas is said piece by piece.
export function server(sentence) {
  if (sentence === null || sentence === undefined) return '';
  const text = String(sentence);
  if (!words) return text;
  const pieces = text.split(', ').map(known);
  return known(text) ?? (pieces.every((piece) => piece !== undefined) ? pieces.join('，') : text);
}

function known(text) {
  const own = (key) => (Object.hasOwn(words, key) ? words[key] : undefined);
  const found = [];
  const pattern = text.replace(/"[^"]*"|\d+(?:\.\d+)?/g, (part) => `{${found.push(part)}}`);
  return own(text) ?? own(pattern)?.replace(/\{(\d+)\}/g, (_, n) => found[n - 1]) ?? fitted(text);
}

// Sentences with gaps and enough words besides to be known by, the most words first: [pattern, Chinese].
let gapped = null;

function fitted(text) {
  gapped ??= Object.entries(words).filter(([key]) => key.includes('{1}')).map(([key, chinese]) => [key.split(/\{\d\}/), chinese])
    .filter(([parts]) => parts.join('').length >= 10).sort(([a], [b]) => b.join('').length - a.join('').length)
    .map(([parts, chinese]) => [new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('(.+?)')}$`, 's'), chinese]);
  for (const [pattern, chinese] of gapped) {
    const found = pattern.exec(text);
    if (found) return chinese.replace(/\{(\d)\}/g, (_, n) => (Object.hasOwn(words, found[n]) ? words[found[n]] : found[n]));
  }
  return undefined;
}

// filled says a sentence of the server that comes apart: its text with {names}, and their values.
export const filled = (text, values) => server(text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? server(values[name]) : whole));

// named says a word that the server uses as a code, such as a state: its entry in the table, or the code itself.
export function named(table, code) {
  if (code === null || code === undefined || code === '') return '–';
  return code in table ? t(table[code]) : server(code);
}

export const locale = () => (language === 'zh' ? 'zh-CN' : 'en-GB');
