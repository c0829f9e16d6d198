// SPDX-License-Identifier: MIT
// dialog.js: questions and news. A dialog asks only before what cannot be undone, or to fill something in; everything
// else is done at once and a toast offers to undo it.
import { el, fill } from './dom.js';
import { t } from './i18n.js';

// openDialog shows a dialog and resolves with what close(value) was given; null when the person leaves it.
export function openDialog(title, build, { wide = false } = {}) {
  return new Promise((resolve) => {
    let result = null;
    const id = `dialog-${Math.random().toString(36).slice(2)}`;
    const body = el('div');
    const dialog = el('dialog', { class: wide ? 'wide' : '', 'aria-labelledby': id }, el('h2', { id }, title), body);
    const close = (value = null) => { result = value; dialog.close(); };
    dialog.addEventListener('close', () => { dialog.remove(); resolve(result); });
    document.body.append(dialog);
    fill(body, build(close));
    dialog.showModal();
    body.querySelector('[autofocus], input, textarea, select')?.focus();
  });
}

// confirmAct asks before an act that cannot be undone. `text` says what it will do; the button names the act.
export function confirmAct({ title, text, act, danger = true }) {
  return openDialog(title, (close) => el('div', { class: 'form' },
    el('div', {}, text),
    el('div', { class: 'actions' },
      el('button', { class: 'btn', type: 'button', onclick: () => close(false) }, t('Cancel')),
      el('button', { class: `btn primary ${danger ? 'danger' : ''}`, type: 'button', autofocus: true, onclick: () => close(true) }, act))));
}

function toastBox() {
  let box = document.querySelector('.toasts');
  if (!box) {
    box = el('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
    document.body.append(box);
  }
  return box;
}

// toast tells what was done, for six seconds (longer when it can be undone, and as long as it is looked at).
export function toast(text, { undo, bad = false } = {}) {
  const box = toastBox();
  const remove = () => note.remove();
  const note = el('div', { class: `toast ${bad ? 'bad' : ''}` },
    el('span', {}, text),
    undo && el('button', { class: 'plain', type: 'button', onclick: async () => { remove(); await attempt(undo); } }, t('Undo')),
    el('button', { class: 'plain', type: 'button', 'aria-label': t('Close'), onclick: remove }, '×'));
  let timer = setTimeout(remove, undo || bad ? 12_000 : 6_000);
  note.addEventListener('pointerenter', () => clearTimeout(timer));
  note.addEventListener('pointerleave', () => { timer = setTimeout(remove, 6_000); });
  box.append(note);
}

// trouble is what to show of a failure: the server's words, its hint, and the id that finds it in the log.
export function trouble(error) {
  return error.words || error.message || t('Something went wrong.');
}

// attempt runs something and shows its failure; resolves to what it gave, or undefined. A button is busy meanwhile.
export async function attempt(run, button) {
  if (button) { button.disabled = true; button.setAttribute('aria-busy', 'true'); }
  try {
    return (await run()) ?? true;
  } catch (error) {
    if (error.name !== 'AbortError') toast(trouble(error), { bad: true });
    return undefined;
  } finally {
    if (button) { button.disabled = false; button.removeAttribute('aria-busy'); }
  }
}

// withProgress works through a list in portions and shows how far it is; the person can stop between two portions.
// Resolves to {done, stopped}. `step` gets a portion and may answer how many things it changed.
export async function withProgress(title, items, size, step) {
  let stopped = false;
  let done = 0;
  let changed = 0;
  const bar = el('progress', { max: items.length, value: 0, 'aria-label': title });
  const said = el('p', { class: 'muted', role: 'status' });
  let finish;
  const shown = openDialog(title, (close) => {
    finish = close;
    return el('div', { class: 'form' }, bar, said,
      el('div', { class: 'actions' }, el('button', { class: 'btn', type: 'button', onclick: () => { stopped = true; } }, t('Stop'))));
  });
  try {
    while (done < items.length && !stopped) {
      const portion = items.slice(done, done + size);
      changed += Number(await step(portion)) || 0;
      done += portion.length;
      bar.value = done;
      fill(said, t('{done} of {all}', { done: done.toLocaleString(), all: items.length.toLocaleString() }));
    }
  } finally {
    finish(null);
    await shown;
  }
  return { done, changed, stopped };
}

// copyText puts a text on the clipboard; where the browser allows that only on https, it selects it in a field.
export async function copyText(text, button) {
  let copied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = el('textarea', { class: 'visually-hidden', 'aria-hidden': 'true' }, text);
    document.body.append(field);
    field.select();
    copied = document.execCommand('copy');
    field.remove();
  }
  if (!copied) return toast(t('Select the text and copy it with the keyboard: this browser does not let a page do it.'), { bad: true });
  const was = button.textContent;
  fill(button, t('Copied'));
  setTimeout(() => fill(button, was), 1500);
}

export const copyButton = (text, label = t('Copy')) => el('button', { class: 'btn small', type: 'button', onclick(event) {
  event.stopPropagation();
  copyText(typeof text === 'function' ? text() : text, this);
} }, label);
