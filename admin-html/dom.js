// SPDX-License-Identifier: MIT
// dom.js: how pages make elements. Text is always text: nothing here, or in any page, parses a string as HTML.

const handlers = new WeakMap();

// el makes an element. Properties: class, style (an object), on<event> (a function), everything else an attribute;
// false, null and undefined leave it out, true gives it without a value. Children: nodes, strings, numbers, lists of
// them; null, undefined and false are skipped.
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) set(node, name, value);
  append(node, children);
  return node;
}

function set(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith('on')) listen(node, name.slice(2), value);
  else if (name === 'style') for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
  else if (name === 'value' && 'value' in node) node.value = value;
  else node.setAttribute(name, value === true ? '' : String(value));
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

// Handlers are looked up when the event comes, so that morph can hand a node the handlers of its successor.
function listen(node, type, run) {
  const mine = handlers.get(node) ?? {};
  if (!(type in mine)) node.addEventListener(type, dispatch);
  mine[type] = run;
  handlers.set(node, mine);
}

function dispatch(event) {
  handlers.get(this)?.[event.type]?.call(this, event);
}

// fill replaces what is in a node.
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

// morph makes the content of `node` equal to the children given, keeping every element that can stay: focus, scroll
// positions, half-typed text and charts survive a refresh, and nothing flickers. Elements with different data-key are
// different things. What has data-keep is left alone once it is there.
export function morph(node, ...children) {
  const next = document.createElement('div');
  append(next, children);
  morphChildren(node, next);
  return node;
}

function morphChildren(node, next) {
  const wanted = [...next.childNodes];
  const keyed = new Map();
  for (const child of node.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let place = node.firstChild;
  for (const fresh of wanted) {
    const key = fresh.dataset?.key;
    const old = key ? keyed.get(key) : place;
    if (old && old.parentNode === node && alike(old, fresh)) {
      if (old !== place) node.insertBefore(old, place);
      else place = place.nextSibling;
      morphOne(old, fresh);
    } else {
      node.insertBefore(fresh, place);
    }
  }
  while (place) {
    const after = place.nextSibling;
    place.remove();
    place = after;
  }
}

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && old.dataset?.key === fresh.dataset?.key;
}

function morphOne(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.hasAttribute('data-keep')) return;
  for (const { name, value } of fresh.attributes) if (name !== 'style' && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (name !== 'style' && !fresh.hasAttribute(name)) old.removeAttribute(name);
  // The policy forbids style attributes, not styles that a script sets.
  if (old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
  for (const [type, run] of Object.entries(handlers.get(fresh) ?? {})) listen(old, type, run);
  morphChildren(old, fresh);
}

// icon draws one of the few shapes that the console needs.
const shapes = {
  mark: 'M8 5a4 4 0 1 0 0 8 4 4 0 0 0 0-8',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  check: 'M5 12l5 5 9-10',
};

export function icon(name, size = 16) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const attributes = { width: size, height: size, viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': 2, 'stroke-linecap': 'round', 'aria-hidden': 'true' };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', shapes[name]);
  svg.append(path);
  if (name === 'mark') {
    const twin = document.createElementNS(space, 'circle');
    for (const [key, value] of Object.entries({ cx: 16, cy: 15, r: 4, fill: 'currentColor' })) twin.setAttribute(key, value);
    svg.append(twin);
  }
  return svg;
}

// data shows what somebody else wrote (labels, model names, error texts): isolated, so that marks which turn the
// direction of writing end with it; cut to `most` characters with the whole on hover.
export function data(text, most = 200) {
  if (text === null || text === undefined || text === '') return el('span', { class: 'faint' }, '–');
  const whole = String(text);
  const cut = whole.length > most ? `${whole.slice(0, most)}…` : whole;
  return el('bdi', whole.length > most ? { title: whole.slice(0, 2000) } : {}, cut);
}

// mono is data in the face of identifiers.
export const mono = (text, most = 80) => el('span', { class: 'mono' }, data(text, most));

// prose is a sentence in which what stands between backquotes is a command.
export const prose = (text) => String(text).split('`').map((part, i) => (i % 2 ? el('span', { class: 'mono' }, part) : part));
