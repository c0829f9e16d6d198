// SPDX-License-Identifier: MIT
// login.js: the door. After it, back to where the person wanted to go.
import { post } from './api.js';
import { el, icon } from './dom.js';
import { form } from './form.js';
import { plural, t } from './i18n.js';
import { languageChoice, themeChoice } from './shell.js';

document.title = `${t('Sign in')} · Pollux`;

// Only a page of the console itself: never another site.
function next() {
  const wanted = new URLSearchParams(location.search).get('next') ?? '';
  return /^[a-z]+\.html([?#].*)?$/.test(wanted) && !wanted.startsWith('login.html') ? wanted : './';
}

async function enter({ name, password }) {
  try {
    await post('login', { name, password }, { quiet: true });
  } catch (error) {
    if (error.retry) error.hint = plural(error.retry, 'Try again in {n} second.', 'Try again in {n} seconds.');
    throw error;
  }
  location.href = next();
}

const door = form({
  act: t('Sign in'), submit: enter,
  fields: [
    { name: 'name', label: t('Name'), autocomplete: 'username', value: 'admin', required: true },
    { name: 'password', label: t('Password'), type: 'password', autocomplete: 'current-password', required: true, autofocus: true,
      help: t('The first start of Pollux printed it. A new one: pollux admin passwd admin') },
  ],
});

document.body.replaceChildren(el('main', { class: 'door' },
  el('h1', { class: 'brand' }, icon('mark', 26), 'Pollux'),
  el('div', { class: 'card' }, door), languageChoice(), themeChoice()));
door.querySelector('[name=password]').focus();
