// SPDX-License-Identifier: MIT
// docs.js: openapi.json to read. The document is the server's own; nothing here knows a route by name. Texts of the
// document are shown as they are, in its language.
import { load } from './api.js';
import { copyButton, trouble } from './dialog.js';
import { data, el, fill, morph } from './dom.js';
import { t } from './i18n.js';
import { page } from './shell.js';

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];
let document_;

const frame = await page({ title: t('API'), lede: t('Every address that this server answers.'), open: true,
  tools: [el('a', { class: 'btn', href: 'openapi.json', download: 'pollux-openapi.json' }, t('Download openapi.json'))] });
const list = el('div', { class: 'stack' });
const search = el('input', { type: 'search', class: 'search', placeholder: t('Search paths and words'), 'aria-label': t('Search paths and words'), oninput: show });
fill(frame.body, el('div', { class: 'filters', role: 'search' }, search), list);

try {
  document_ = await load('openapi.json');
  show();
  openHash();
} catch (error) {
  fill(list, el('div', { class: 'empty' }, el('p', {}, trouble(error))));
}
addEventListener('hashchange', openHash);

// A link to an operation opens it.
function openHash() {
  const chosen = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (chosen) { chosen.open = true; chosen.scrollIntoView(); }
}

function operations() {
  return Object.entries(document_.paths ?? {}).flatMap(([path, item]) => methods.filter((method) => item[method]).map((method) => {
    const operation = item[method];
    return { ...operation, method, path, tag: operation.tags?.[0] ?? t('Other'), parameters: [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve) };
  }));
}

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (operation) => words.every((word) => `${operation.method} ${operation.path} ${operation.summary ?? ''} ${operation.description ?? ''}`.toLowerCase().includes(word));
  const groups = Map.groupBy ? Map.groupBy(operations().filter(fits), (one) => one.tag) : grouped(operations().filter(fits));
  const about = new Map((document_.tags ?? []).map((tag) => [tag.name, tag.description]));
  morph(list, document_.info?.description && words.length === 0 && el('div', { class: 'card', 'data-key': 'about' }, paragraphs(document_.info.description)),
    [...groups].map(([tag, members]) => el('section', { class: 'card', 'data-key': `tag-${tag}`, 'aria-label': tag },
      el('div', { class: 'card-head' }, el('h2', {}, tag)), about.get(tag) && el('p', { class: 'muted' }, about.get(tag)), members.map(entry))),
    groups.size === 0 && el('div', { class: 'empty' }, el('p', {}, t('Nothing matches these filters.'))));
}

function grouped(members) {
  const groups = new Map();
  for (const one of members) groups.set(one.tag, [...(groups.get(one.tag) ?? []), one]);
  return groups;
}

function entry(operation) {
  const id = `${operation.method}-${operation.path}`;
  return el('details', { class: 'op', id, 'data-key': id, ontoggle(event) {
    const place = this.querySelector('div');
    if (event.target === this && this.open && !place.hasChildNodes()) fill(place, details(operation));
  } },
  el('summary', {}, el('span', { class: `verb ${operation.method === 'get' ? 'ok-text' : operation.method === 'delete' ? 'bad-text' : 'rest-text'}` }, operation.method.toUpperCase()), ' ',
    el('span', { class: 'mono' }, operation.path), ' ', el('span', { class: 'muted' }, operation.summary ?? '')),
  el('div', { class: 'stack', 'data-keep': true }));
}

function details(operation) {
  const body = resolve(operation.requestBody);
  return [
    operation.description && paragraphs(operation.description),
    access(operation),
    operation.parameters.length > 0 && el('div', {}, el('h3', {}, t('Parameters')), el('table', {}, el('tbody', {}, operation.parameters.map((parameter) => el('tr', {},
      el('td', { class: 'mono' }, parameter.name, parameter.required && el('span', { class: 'bad-text', title: t('required') }, ' *')),
      el('td', { class: 'muted nowrap' }, `${parameter.in}, ${typeOf(parameter.schema)}`), el('td', { class: 'wrap' }, parameter.description ?? '')))))),
    body && el('div', {}, el('h3', {}, t('Request body')), contents(body)),
    el('div', {}, el('h3', {}, t('Answers')), Object.entries(operation.responses ?? {}).map(([status, answer]) => {
      const said = resolve(answer);
      return el('div', {}, el('p', {}, el('span', { class: `tag ${status < '300' ? 'ok' : status < '400' ? 'info' : 'bad'}` }, status), ' ', said.description ?? ''), contents(said));
    })),
  ];
}

function access(operation) {
  const needed = operation.security ?? document_.security ?? [];
  const names = needed.flatMap((one) => Object.keys(one));
  if (names.length === 0) return el('p', { class: 'muted' }, t('Open to everybody.'));
  const schemes = document_.components?.securitySchemes ?? {};
  return el('p', { class: 'muted' }, t('Needs:'), ' ', names.map((name) => schemes[name]?.description?.split('\n')[0] ?? name).join(' · '));
}

function contents(holder) {
  return Object.entries(holder.content ?? {}).map(([type, media]) => {
    const example = media.example ?? Object.values(media.examples ?? {})[0]?.value;
    return el('div', { class: 'stack' }, el('p', { class: 'mono muted' }, type), schemaTable(media.schema),
      example !== undefined && el('div', { class: 'code' }, el('pre', { tabindex: 0 }, write(example)), el('span', { class: 'copy' }, copyButton(write(example)))));
  });
}

const write = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

// A schema as a list of its members, two levels deep; what lies deeper is said by its type.
function schemaTable(schema, depth = 0, seen = []) {
  const whole = resolve(schema);
  const object = whole?.type === 'array' || whole?.items ? resolve(whole.items) : whole;
  const members = Object.entries(object?.properties ?? {});
  if (members.length === 0 || depth > 2 || seen.includes(object)) return whole?.description ? el('p', { class: 'muted' }, whole.description) : null;
  return el('table', {}, el('tbody', {}, members.map(([name, member]) => {
    const inner = resolve(member);
    return el('tr', {}, el('td', { class: 'mono' }, name, object.required?.includes(name) && el('span', { class: 'bad-text', title: t('required') }, ' *')),
      el('td', { class: 'muted nowrap' }, typeOf(inner)), el('td', { class: 'wrap' }, inner.description ?? '', schemaTable(inner, depth + 1, [...seen, object])));
  })));
}

function typeOf(schema) {
  const whole = resolve(schema) ?? {};
  if (whole.enum) return whole.enum.join(' | ');
  if (whole.const !== undefined) return String(whole.const);
  const many = whole.oneOf ?? whole.anyOf;
  if (many) return many.map(typeOf).join(' | ');
  const type = [].concat(whole.type ?? 'any').join(' | ');
  return type === 'array' ? `${typeOf(whole.items)}[]` : whole.format ? `${type} (${whole.format})` : type;
}

function resolve(thing) {
  let found = thing;
  for (let i = 0; found?.$ref && i < 10; i++) {
    found = found.$ref.replace(/^#\//, '').split('/').reduce((place, part) => place?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], document_);
  }
  return found;
}

// Paragraphs and `code` of a description; nothing else of Markdown.
function paragraphs(text) {
  return el('div', {}, String(text).split(/\n{2,}/).map((paragraph) => el('p', {}, paragraph.split(/`([^`]+)`/).map((part, i) => (i % 2 ? el('span', { class: 'mono' }, part) : data(part, 5000))))));
}
