// SPDX-License-Identifier: MIT
// What the console says, found in its source: sentences in the scripts, tables of words, and what the server says in
// sentences of its own that the console translates.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const unquote = (text) => text.replace(/\\(.)/g, '$1');

// t('...'), rich('...'), and the second sentence of plural(n, '...', '...'), which stands for both.
export function sentencesIn({ name, text }) {
  const found = [];
  for (const match of text.matchAll(/\b(?:t|rich)\(\s*'((?:[^'\\]|\\.)*)'/g)) found.push([unquote(match[1]), name]);
  for (const match of text.matchAll(/\bplural\((?:[^'(]|\([^)]*\))*?,\s*'(?:[^'\\]|\\.)*',\s*'((?:[^'\\]|\\.)*)'/g)) found.push([unquote(match[1]), name]);
  return found;
}

const names = '(?:states|reasons|outcomes|kinds|sources|roles|ways|turns|actions|scopes|next)';
const tables = [new RegExp(`^(?:export )?const ${names} = \\{([^\\n]*)\\};$`, 'gm'), new RegExp(`^(?:export )?const ${names} = \\{\\n(.*?)^\\};`, 'gms')];

// Tables of words, by their names: objects whose values t() or named() looks up. And the names of pages in shell.js.
export function words(scripts) {
  const found = [];
  for (const { name, text } of scripts) {
    for (const [, table] of tables.flatMap((pattern) => [...text.matchAll(pattern)])) {
      for (const value of table.matchAll(/:\s*(?:\['[^']*',\s*)?'((?:[^'\\]|\\.)+)'/g)) found.push([unquote(value[1]), name]);
    }
    for (const match of text.matchAll(/\{ (?:file: '[^']*', name|group): '([^']+)'/g)) found.push([match[1], name]);
  }
  return found;
}

// SQL literals that stand one after another are one text.
const literal = "(?:'(?:[^']|'')*'\\s*)+";
const textOf = (source) => [...source.matchAll(/'((?:[^']|'')*)'/g)].map((match) => match[1].replaceAll("''", "'")).join('');

// Help and units of settings, what the jobs of the maintenance do, warnings and their buttons.
export function serverSentences(functions) {
  const read = (name) => readFileSync(path.join(functions, name), 'utf8').replace(/^\s*--.*$/gm, '');
  const rows = (name, end) => read(name).split(/^(?:from \()?values$|^from \(values$/m)[1].split(end)[0].split(/\n {4}\(/).slice(1);
  const found = [];
  for (const row of rows('setting.sql', /^\) as declared/m)) {
    const [, unit, help] = new RegExp(`(?:'([^']+)'|null),\\s*(${literal})\\)`).exec(row);
    found.push(textOf(help), ...(unit ? [unit] : []));
  }
  const warnings = read('console_overview.sql').split('function pollux.overview_warnings(')[1].split('$$;')[0];
  for (const [, text] of warnings.matchAll(/'((?:[^']|'')*)'/g)) if (/^(\{\w+\} )?[A-Z{]/.test(text) && (text.includes(' ') || /^[A-Z][a-z]+$/.test(text))) found.push(textOf(`'${text}'`));
  for (const row of rows('chore.sql', /^on conflict/m)) found.push(textOf(new RegExp(`(${literal})\\)\\s*,?\\s*$`).exec(row)[1]));
  return found;
}
