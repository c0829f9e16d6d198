// SPDX-License-Identifier: MIT
// clientform.js: the fields of a client, the same when it is made and when it is changed.
import { toLocalField } from './format.js';
import { t } from './i18n.js';

export const clientFields = (one) => [
  { name: 'name', label: t('Name'), value: one.name, required: true, autofocus: true, help: t('Of the application or the person.') },
  { name: 'rpm', label: t('Requests a minute, at the most'), type: 'number', min: 0, value: one.rpm, placeholder: t('any number') },
  { name: 'tpm', label: t('Tokens a minute, at the most'), type: 'number', min: 0, value: one.tpm, placeholder: t('any number') },
  { name: 'daily_tokens', label: t('Tokens a day, at the most'), type: 'number', min: 0, value: one.daily_tokens, placeholder: t('any number'), help: t('A day begins at midnight in Los Angeles, as Google’s do.') },
  { name: 'models', label: t('Models it may use'), type: 'list', value: one.models, help: t('Names, aliases, or beginnings such as gemini-2.5-*. Empty: all.') },
  { name: 'expires_at', label: t('Expires'), type: 'moment', value: one.expires_at, help: t('Empty: never.') },
];

// changedOf is what of a form differs from the client as it was: what somebody else has changed meanwhile stays.
export function changedOf(given, was) {
  const same = { expires_at: (a, b) => toLocalField(a) === toLocalField(b) };
  const equal = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => !(same[name] ?? equal)(value, was[name])));
}
