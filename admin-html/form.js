// SPDX-License-Identifier: MIT
// form.js: label above, help below, the error in place in the server's words.
import { el, fill } from './dom.js';
import { t } from './i18n.js';
import { fromLocalField, toLocalField } from './format.js';

let made = 0;

// field makes one field: {name, label, help, type, value, options, required, placeholder, unit, min, max, step, rows}.
// Types: text, password, number, textarea, select, checkbox, moment (a time in the operator's zone), list (words,
// separated by commas or lines), file. Options: [value, label] pairs or plain values.
export function field(spec) {
  const id = `f${++made}-${spec.name}`;
  const input = inputOf(spec, id);
  const help = [spec.help && el('div', { class: 'help', id: `${id}-help` }, spec.help), el('div', { class: 'error', id: `${id}-error`, hidden: true })];
  input.setAttribute('aria-describedby', `${id}-help ${id}-error`);
  input.dataset.type = spec.type ?? 'text';
  if (spec.type === 'checkbox') {
    return el('div', { class: 'field', 'data-field': spec.name }, el('label', { class: 'check', for: id }, input, el('span', {}, spec.label)), help);
  }
  return el('div', { class: 'field', 'data-field': spec.name },
    el('label', { for: id }, spec.label),
    spec.unit ? el('div', { class: 'suffixed' }, input, el('span', {}, spec.unit)) : input, help);
}

function inputOf(spec, id) {
  const common = { id, name: spec.name, required: spec.required, placeholder: spec.placeholder, autocomplete: spec.autocomplete ?? 'off', autofocus: spec.autofocus };
  const value = spec.value ?? '';
  switch (spec.type) {
    case 'textarea': return el('textarea', { ...common, rows: spec.rows ?? 6, class: spec.class ?? 'mono', spellcheck: 'false', value });
    case 'list': return el('textarea', { ...common, rows: spec.rows ?? 2, class: 'mono', spellcheck: 'false', value: [].concat(spec.value ?? []).join(', ') });
    case 'select': {
      const select = el('select', common, (spec.options ?? []).map((option) => {
        const [key, label] = Array.isArray(option) ? option : [option, option];
        return el('option', { value: key, selected: String(key) === String(value) }, label);
      }));
      return select;
    }
    case 'checkbox': return el('input', { ...common, type: 'checkbox', checked: Boolean(spec.value) });
    case 'number': return el('input', { ...common, type: 'number', min: spec.min, max: spec.max, step: spec.step ?? 1, inputmode: 'numeric', value });
    case 'moment': return el('input', { ...common, type: 'datetime-local', value: toLocalField(spec.value) });
    case 'file': return el('input', { ...common, type: 'file', accept: spec.accept, multiple: spec.multiple });
    default: return el('input', { ...common, type: spec.type ?? 'text', class: spec.class, spellcheck: 'false', value });
  }
}

// valueOf reads a field: numbers as numbers, empty as null, lists as lists.
export function valueOf(input) {
  switch (input.dataset.type) {
    case 'number': return input.value === '' ? null : Number(input.value);
    case 'checkbox': return input.checked;
    case 'moment': return fromLocalField(input.value);
    case 'list': {
      const words = input.value.split(/[\s,]+/).filter(Boolean);
      return words.length > 0 ? words : null;
    }
    case 'file': return [...input.files];
    default: return input.value === '' ? null : input.value;
  }
}

export function values(form) {
  return Object.fromEntries([...form.querySelectorAll('[data-type]')].map((input) => [input.name, valueOf(input)]));
}

// showFault puts the server's words at the field that they are about, or above the buttons.
export function showFault(form, error) {
  for (const place of form.querySelectorAll('.field')) clearFault(place);
  const place = error.field && form.querySelector(`[data-field="${CSS.escape(error.field)}"]`);
  const words = error.words ?? error.message;
  const general = form.querySelector('.trouble');
  if (general) fill(general, place ? '' : words);
  if (!place) return;
  place.dataset.invalid = '';
  const said = place.querySelector('.error');
  said.hidden = false;
  fill(said, words);
  place.querySelector('input, select, textarea').setAttribute('aria-invalid', 'true');
  place.querySelector('input, select, textarea').focus();
}

function clearFault(place) {
  delete place.dataset.invalid;
  const said = place.querySelector('.error');
  if (said) { said.hidden = true; fill(said); }
  place.querySelector('[aria-invalid]')?.removeAttribute('aria-invalid');
}

// A browser gives '' for a number or time that it cannot read: that must not be taken for an empty field.
function checkRead(node) {
  for (const input of node.querySelectorAll('[data-type]')) {
    if (input.validity.badInput) throw Object.assign(new Error(input.type === 'number' ? t('This is not a number.') : t('This is not a whole date and time.')), { field: input.name });
  }
}

// form makes a whole form. `fields` are specs of field() or nodes; submit(values, form) may throw what api.js throws.
export function form({ fields, submit, act = t('Save'), cancel, danger = false, columns = false }) {
  const rows = fields.filter(Boolean).map((spec) => (spec instanceof Node ? spec : field(spec)));
  const button = el('button', { class: `btn primary ${danger ? 'danger' : ''}`, type: 'submit' }, act);
  const node = el('form', { class: 'form', novalidate: true, onsubmit: run },
    columns ? el('div', { class: 'cols' }, rows) : rows,
    el('div', { class: 'trouble', role: 'alert' }),
    el('div', { class: 'actions' }, cancel && el('button', { class: 'btn', type: 'button', onclick: cancel }, t('Cancel')), button));
  async function run(event) {
    event.preventDefault();
    button.disabled = true;
    button.setAttribute('aria-busy', 'true');
    try {
      showFault(node, {});
      checkRead(node);
      await submit(values(node), node);
    } catch (error) {
      showFault(node, error);
    } finally {
      button.disabled = false;
      button.removeAttribute('aria-busy');
    }
  }
  return node;
}
