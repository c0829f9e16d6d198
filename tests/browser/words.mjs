// SPDX-License-Identifier: MIT
// The tables of words in the console's scripts: objects whose values are sentences that t() or named() looks up.

const names = '(?:states|reasons|outcomes|kinds|sources|roles|ways|checks)';
const tables = [new RegExp(`^(?:export )?const ${names} = \\{([^\\n]*)\\};$`, 'gm'), new RegExp(`^(?:export )?const ${names} = \\{\\n(.*?)^\\};`, 'gms')];

export function words(scripts) {
  const found = [];
  for (const { name, text } of scripts) {
    for (const [, table] of tables.flatMap((pattern) => [...text.matchAll(pattern)])) {
      for (const value of table.matchAll(/:\s*(?:\['[^']*',\s*)?'((?:[^'\\]|\\.)+)'/g)) found.push([value[1].replace(/\\(.)/g, '$1'), name]);
    }
    for (const match of text.matchAll(/\{ (?:file: '[^']*', name|group): '([^']+)'/g)) found.push([match[1], name]);
  }
  return found;
}
