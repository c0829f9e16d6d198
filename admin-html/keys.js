// SPDX-License-Identifier: MIT
// keys.js: adding keys. What is pasted, or read from files, is looked at first: new, known, malformed. Only then it is
// stored, in portions, with progress.
import { post } from './api.js';
import { openDialog, toast, withProgress } from './dialog.js';
import { data, el, fill, morph } from './dom.js';
import { field, form, showFault } from './form.js';
import { number } from './format.js';
import { plural, t } from './i18n.js';

const portion = 500;

// What was pasted, without quotes, brackets, comments and repeated lines, in portions of lines (long ones are cut between words). What
// of it is a key the server says.
export function portionsOf(text) {
  const lines = text.replace(/["'`;[\]]/g, ' ').replace(/(^|\s)#.*$/gm, '').split(/\r?\n/).flatMap((line) => (line.length < 20_000 ? [line] : line.split(/(?<=[\s,])/))).filter((line) => line.trim());
  const each = [...new Set(lines.map((line) => line.trim()))]; // else a portion would not know what is in one before it
  const portions = [];
  for (let i = 0; i < each.length; i += portion) portions.push(each.slice(i, i + portion).join('\n'));
  return portions;
}

// addKeys opens the dialog; resolves to how many were added, null when the person left it.
export function addKeys() {
  return openDialog(t('Add keys'), (close) => keysForm({ done: close, cancel: () => close() }), { wide: true });
}

// keysForm is the same as a form within a page. `done` hears how many were added and their ids.
export function keysForm({ done, cancel, autofocus = true }) {
  const preview = el('div', { role: 'status' });
  let looks = 0; // only what the last look found is shown
  let timer;
  const area = field({ name: 'keys', label: t('API keys'), type: 'textarea', rows: 7, autofocus, placeholder: 'AIzaSy...\nAIzaSy...',
    help: t('One or many, separated by lines, blanks or commas. They are sealed before they are stored and never shown again.') });
  const file = field({ name: 'files', label: t('or from files'), type: 'file', multiple: true, accept: '.txt,.csv,.json,.env,text/*' });
  const more = el('details', {}, el('summary', {}, t('Project, label, priority, proxy')), el('div', { class: 'form cols' },
    field({ name: 'project', label: t('Google Cloud project'), help: t('Keys of one project share its quota. Empty: each key is its own project.') }),
    field({ name: 'label', label: t('Label') }),
    field({ name: 'priority', label: t('Priority'), type: 'number', min: 0, max: 1000000, placeholder: '100', help: t('Lower is earlier.') }),
    field({ name: 'proxy', label: t('Proxy of their own'), placeholder: 'socks5h://127.0.0.1:1080', help: t('http, https, socks5 or socks5h. Empty: the one of all.') })));
  const input = area.querySelector('textarea');
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(look, 300); });
  file.querySelector('input').addEventListener('change', readFiles);
  const node = form({ fields: [area, file, preview, more], act: t('Add keys'), cancel, submit: save });
  return node;

  async function readFiles(event) {
    const texts = await Promise.all([...event.target.files].map((one) => one.text()));
    input.value = [input.value.trim(), ...texts].filter(Boolean).join('\n');
    look();
  }

  async function look() {
    const mine = ++looks;
    const portions = portionsOf(input.value);
    showFault(node, {});
    if (portions.length === 0) return fill(preview);
    try {
      const found = await previewOf(portions, (n) => {
        if (mine === looks && n > 4) fill(preview, el('p', { class: 'muted' }, t('{done} of {all}', { done: number(n * portion), all: number(portions.length * portion) })));
        return mine === looks;
      });
      if (mine === looks) showPreview(found);
    } catch (error) {
      if (mine === looks) showFault(node, error);
    }
    return undefined;
  }

  function showPreview(seen) {
    morph(preview, el('div', { class: 'legend' },
      el('span', {}, el('i', { class: 'dot fill-ok' }), el('b', {}, number(seen.fresh)), ` ${t('new')}`),
      el('span', {}, el('i', { class: 'dot fill-off' }), el('b', {}, number(seen.known)), ` ${t('known already')}`),
      el('span', {}, el('i', { class: 'dot fill-bad' }), el('b', {}, number(seen.bad)), ` ${t('not a key')}`)),
    seen.malformed.length > 0 && el('details', {}, el('summary', {}, t('What is not a key')),
      el('ul', {}, seen.malformed.slice(0, 20).map((one) => el('li', { class: 'small' }, data(one.text, 60), one.reason && [' · ', data(one.reason, 200)])))));
  }

  async function save(given, place) {
    clearTimeout(timer);
    const portions = portionsOf(input.value);
    if (portions.length === 0) throw Object.assign(new Error(t('Paste at least one key.')), { field: 'keys' });
    const options = { project: given.project, label: given.label, priority: given.priority, proxy: given.proxy };
    const result = { added: 0, known: 0, malformed: 0, ids: [] };
    const step = async ([text]) => {
      const answer = await post('credentials', { keys: text, ...options });
      result.added += answer.new;
      result.known += answer.known;
      result.malformed += answer.malformed_count;
      result.ids.push(...(answer.ids ?? []));
      return answer.new;
    };
    const work = portions.length > 1 ? await withProgress(t('Adding keys'), portions, 1, step) : { done: await step(portions), stopped: false };
    // What was not added stays where it can be seen and tried again.
    if (work.stopped) {
      input.value = portions.slice(work.done).join('\n');
      look();
      throw new Error(plural(result.added, 'Stopped. {n} key was added; what is left stands above.', 'Stopped. {n} keys were added; what is left stands above.'));
    }
    if (result.added + result.known === 0) throw Object.assign(new Error(t('Nothing of it is a key.')), { field: 'keys' });
    input.value = '';
    toast([plural(result.added, '{n} key was added.', '{n} keys were added.'), result.known > 0 ? plural(result.known, '{n} was known already.', '{n} were known already.') : '',
      result.malformed > 0 ? plural(result.malformed, '{n} is no key.', '{n} are no keys.') : ''].filter(Boolean).join(' '));
    done(result, place);
  }
}

// `said` hears how many portions were looked at; false from it ends the look.
async function previewOf(portions, said) {
  const sum = { fresh: 0, known: 0, bad: 0, malformed: [] };
  for (const [n, text] of portions.entries()) {
    if (said(n) === false) break;
    const part = await post('credentials/preview', { keys: text });
    sum.fresh += part.new;
    sum.known += part.known;
    sum.bad += part.malformed_count;
    sum.malformed.push(...part.malformed);
  }
  return sum;
}
