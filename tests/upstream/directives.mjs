// SPDX-License-Identifier: MIT
// How a test tells the simulator what to do. One syntax for both ways: a marker in the user's
// text, [[sim:503]] or [[sim:chunks=50,delay=20]], and "behaviour" rows of the configuration
// bound to a key, project, model or method. README.md lists the words.

const MARKER = /\[\[sim:([^\]]*)\]\]/g;

/** "a,b=1,c=x%2Cy" as {a: true, b: '1', c: 'x,y'}. */
export function parseWords(text) {
  const words = {};
  for (const item of text.split(',')) {
    const equals = item.indexOf('=');
    const name = (equals < 0 ? item : item.slice(0, equals)).trim();
    if (name) words[name] = equals < 0 ? true : decode(item.slice(equals + 1).trim());
  }
  return words;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseBehaviours(list) {
  return (list || []).map((row) => ({
    match: row.match || {},
    words: typeof row.do === 'string' ? parseWords(row.do) : { ...row.do },
    left: row.times === undefined ? Infinity : row.times,
    skip: row.after || 0,
    probability: row.probability === undefined ? 1 : row.probability,
  }));
}

function matches(match, call) {
  for (const name in match) if (!TESTS[name] || !TESTS[name](match[name], call)) return false;
  return true;
}

const GENERATE = ['generateContent', 'streamGenerateContent'];
const TESTS = {
  model: (glob, call) => globbed(glob, call.model || ''),
  key: (glob, call) => globbed(glob, call.key || ''),
  project: (glob, call) => globbed(glob, call.project ? call.project.id : ''),
  method: (glob, call) => globbed(glob === 'generate' ? GENERATE : glob, call.verb || ''),
  path: (glob, call) => globbed(glob, call.path),
  stream: (wanted, call) => Boolean(call.stream) === Boolean(wanted),
};

const globs = new Map();

function globbed(glob, text) {
  if (Array.isArray(glob)) return glob.some((one) => globbed(one, text));
  if (glob === '*' || glob === text) return true;
  if (!glob.includes('*')) return false;
  let regex = globs.get(glob);
  if (!regex) {
    regex = new RegExp('^' + glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*') + '$');
    globs.set(glob, regex);
  }
  return regex.test(text);
}

function takes(rule) {
  if (rule.skip > 0) {
    rule.skip--;
    return false;
  }
  if (rule.left <= 0 || (rule.probability < 1 && Math.random() >= rule.probability)) return false;
  rule.left--;
  return true;
}

/** Words of every behaviour row that applies to this call, merged; null when none does. */
export function fromBehaviours(rows, call, words) {
  for (const row of rows)
    if (matches(row.match, call) && takes(row)) words = Object.assign(words || {}, row.words);
  return words;
}

/** Counts how often a marker with times= or after= was met. */
export class Markers {
  rules = new Map();

  /** Words of the markers in `text` that apply; null when there are none. */
  words(text, call) {
    let words = null;
    for (const [, inner] of text.matchAll(MARKER)) {
      const found = parseWords(inner);
      if (found.project && !globbed(found.project, call.project ? call.project.id : '')) continue;
      if (takes(this.rule(inner, found))) words = Object.assign(words || {}, found);
    }
    return words;
  }

  rule(inner, found) {
    if (found.times === undefined && found.after === undefined && found.p === undefined)
      return { skip: 0, left: 1, probability: 1 };
    let rule = this.rules.get(inner);
    if (!rule) {
      rule = {
        skip: Number(found.after || 0),
        left: found.times === undefined ? Infinity : Number(found.times),
        probability: found.p === undefined ? 1 : Number(found.p),
      };
      this.rules.set(inner, rule);
    }
    return rule;
  }

  reset() {
    this.rules.clear();
  }
}

export const withoutMarkers = (text) => text.replace(MARKER, '').trim();
