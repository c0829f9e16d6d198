// SPDX-License-Identifier: MIT
// What the console says, found in its source: sentences in the scripts, tables of words, and what the server says in
// sentences of its own that the console translates.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const unquote = (text) => text.replace(/\\(.)/g, '$1');

// t('...'), rich('...'), and the second sentence of plural(n, '...', '...'), which stands for both.
export function sentencesIn({ name, text }) {
  const found = [];
  for (const match of text.matchAll(/\b(?:t|rich)\(\s*'((?:[^'\\]|\\.)*)'/g)) found.push([unquote(match[1]), name]);
  for (const match of text.matchAll(/\bplural\((?:[^'(]|\([^)]*\))*?,\s*'(?:[^'\\]|\\.)*',\s*'((?:[^'\\]|\\.)*)'/g)) found.push([unquote(match[1]), name]);
  return found;
}

const names = '(?:states|reasons|outcomes|kinds|sources|roles|ways|turns|actions|scopes|next|tokens|refusals)';
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

// A result as a job of the maintenance writes it: pieces between commas, in each {1}, {2} for what is filled in.
function pieces(text) {
  return text.split(', ').map((piece) => { let n = 0; return piece.replace(/%s/g, () => `{${++n}}`); }).filter((piece) => /[a-z]/.test(piece));
}

// What came of the jobs of the maintenance, and the nouns of which something expires.
function jobResults(read, functions) {
  const found = [...read('chore.sql').matchAll(/\n {4}\(\d+, '[^']*', '[^']*', (?:null|'[^']*'), '[^']*', '([^']*)'/g)].map((match) => match[1]);
  for (const name of ['chore.sql', 'summary.sql', 'partition.sql']) {
    found.push(...[...read(name).matchAll(/(?:return|select) format\('([^']*)'/g), ...read(name).matchAll(/return '([a-z][^']*)'/g)].map((match) => match[1]));
  }
  for (const name of readdirSync(functions)) found.push(...[...read(name).matchAll(/function pollux\.(\w+)_expire\(\) returns/g)].map((match) => `${match[1]} %s`));
  return [...found.flatMap(pieces), 'nothing'];
}

// Names, findings and advice of the doctor: the texts in his calls, without the values.
export function doctorSentences(folders) {
  const found = [];
  for (const folder of folders) {
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.c'))) {
      const source = readFileSync(path.join(folder, name), 'utf8');
      for (const [, call] of source.matchAll(/\bdoctor_(?:found|failed)\(((?:[^;"]|"(?:[^"\\]|\\.)*")*)\);/g)) {
        const words = call.split('json_pack(')[0];
        for (const [text] of words.matchAll(/(?:"(?:[^"\\]|\\.)*"\s*)+/g)) {
          const said = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]).join('');
          if (/[a-z]/.test(said.replace(/\{\w+\}/g, ''))) found.push(said);
        }
      }
    }
  }
  return found;
}

// What is filled into a sentence, in its order: {1}, {2} ...
const numbered = (text, pattern) => { let n = 0; return text.replace(pattern, (part) => (part === '%%' ? '%' : `{${++n}}`)); };

// What functions refuse, and what they advise. Not those that only other programs call.
function refusals(read, functions) {
  const found = [];
  for (const name of readdirSync(functions).filter((file) => !['master_key.sql', 'metrics.sql', 'script.sql', 'usage.sql'].includes(file))) {
    for (const [, said] of read(name).matchAll(new RegExp(`raise exception (${literal})`, 'g'))) found.push(textOf(said));
    for (const [, said] of read(name).matchAll(new RegExp(`hint = (?:\\(select )?(${literal})`, 'g'))) found.push(textOf(said).replace(/ $/, ' %'));
  }
  return found.map((text) => numbered(text, /%/g)).filter((text) => /[a-z]{3}/.test(text));
}

// What the workers refuse before they ask the database, and the words of the page that a login ends on.
function faults(rooms) {
  const found = [];
  for (const name of ['admin/console.c', 'admin/console_check.c', 'admin/console_policy.c', 'admin/console_routes.c', 'admin/console_secrets.c', 'admin/session.c',
    'admin/oauth.c', 'account/import.c', 'account/login.c', 'vault/password.c', 'base/proxy.c', 'db/db.c']) {
    const source = readFileSync(path.join(rooms, name), 'utf8');
    for (const [, call, words] of source.matchAll(/\b(fault_set|fault_param|fault_hint|page|buf_printf)\(((?:[^;"]|"(?:[^"\\]|\\.)*")*)\);/g)) {
      const said = [...words.matchAll(/(?:"(?:[^"\\]|\\.)*"\s*)+/g)].map(([text]) => [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1].replaceAll('\\"', '"')).join(''));
      found.push(...said.slice(call === 'fault_param' ? 1 : 0).filter((text) => call !== 'buf_printf' || text.endsWith('.')));
    }
  }
  return found.filter((text) => /[a-z]{3} /.test(text) && !/[<>;]/.test(text) && !text.startsWith('internal error')).map((text) => numbered(text, /%%|%[-.\d*]*(?:ll|z)?[sdu]/g));
}

// Help and units of settings, what the jobs of the maintenance do and what came of it, warnings and their buttons, why an
// account is out, what may be refused, what the doctor says.
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
  const advice = read('account.sql').split('function pollux.account_advice(')[1].split('$$;')[0];
  found.push(...[...advice.matchAll(/then '([^']*)'/g)].map((match) => match[1]));
  for (const name of readdirSync(functions)) for (const [, said] of read(name).matchAll(new RegExp(`pollux\\.refuse\\(\\d+, ((?:${literal},?\\s*)+)\\)`, 'g'))) found.push(...said.split(/'\s*,\s*'/).map((text) => textOf(`'${text.replace(/^'|'\s*$/g, '')}'`)));
  const rooms = path.join(functions, '../../fcgi');
  found.push(...refusals(read, functions), ...faults(rooms), ...jobResults(read, functions), ...doctorSentences([path.join(rooms, 'doctor'), path.join(rooms, 'admin')]));
  return [...new Set(found)];
}
