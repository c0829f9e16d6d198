// SPDX-License-Identifier: MIT
// JSON in the two spellings Google uses: pretty with two spaces for whole answers, and one
// line with ": " but "," without a space for the events of a stream. Both escape < > & as
// \u00XX; nothing else of the text is touched.

const MARKUP = /[<>&]/;
const MARKUPS = /[<>&]/g;
const code = (c) => '\\u00' + c.charCodeAt(0).toString(16);

function escapeMarkup(text) {
  return MARKUP.test(text) ? text.replace(MARKUPS, code) : text;
}

export function pretty(value) {
  return escapeMarkup(JSON.stringify(value, null, 2)) + '\n';
}

export function compact(value) {
  return escapeMarkup(JSON.stringify(value));
}

/** One line, as in a recorded stream: {"a": [{"b": 1,"c": 2}]}. Undefined members are left out. */
export function line(value) {
  return escapeMarkup(spaced(value));
}

function spaced(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return '[' + value.map(spaced).join(',') + ']';
  let out = '';
  for (const key in value) {
    if (value[key] === undefined) continue;
    out += (out ? ',' : '') + JSON.stringify(key) + ': ' + spaced(value[key]);
  }
  return '{' + out + '}';
}

/** prettyPrint=false makes a whole answer compact. */
export function whole(value, query) {
  return query && (query.prettyPrint === 'false' || query.$prettyPrint === 'false')
    ? compact(value)
    : pretty(value);
}
