// SPDX-License-Identifier: MIT
// Makes a value that fits a schema: Schema of the API (type in capitals, propertyOrdering,
// nullable) and JSON Schema ($ref, $defs, const, oneOf, allOf, type lists) alike. Strings take
// the hints in turn, so that an answer shows what it was asked about.

const DEPTH = 8;

const FORMATS = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05',
  email: 'ada@example.com',
  uri: 'https://example.com/',
  uuid: '123e4567-e89b-42d3-a456-426614174000',
  ipv4: '192.0.2.1',
};

class Maker {
  constructor(root, hints) {
    this.root = root;
    this.hints = [...hints];
  }

  resolve(schema, hops = 0) {
    if (!schema || typeof schema !== 'object' || typeof schema.$ref !== 'string' || hops > 20) return schema;
    let found = this.root;
    for (const step of schema.$ref.replace(/^#\/?/, '').split('/'))
      if (step) found = found && found[decodeURIComponent(step).replace(/~1/g, '/').replace(/~0/g, '~')];
    return this.resolve(found, hops + 1);
  }

  make(given, name, depth) {
    let schema = this.resolve(given);
    if (!schema || typeof schema !== 'object') return name;
    if (schema.const !== undefined) return schema.const;
    if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[0];
    const choice = schema.anyOf || schema.oneOf;
    if (choice && choice.length > 0) return this.make(this.choose(choice, depth), name, depth);
    if (schema.allOf) schema = this.merged(schema);
    return this.typed(schema, kindOf(schema), name, depth);
  }

  /** The first alternative that is not null; deep down one without children. */
  choose(choice, depth) {
    const real = choice.map((c) => this.resolve(c)).filter((c) => kindOf(c || {}) !== 'null');
    const flat = depth < DEPTH ? null : real.find((c) => !['object', 'array'].includes(kindOf(c)));
    return flat || real[0] || choice[0];
  }

  merged(schema) {
    const all = Object.assign({}, schema);
    for (const inner of schema.allOf.map((s) => this.resolve(s) || {})) {
      all.properties = { ...all.properties, ...inner.properties };
      all.required = [...(all.required || []), ...(inner.required || [])];
      all.type = all.type || inner.type;
    }
    return all;
  }

  typed(schema, kind, name, depth) {
    if (kind === 'object') return this.object(schema, depth);
    if (kind === 'array') return this.array(schema, name, depth);
    if (kind === 'integer' || kind === 'number') return number(schema, kind);
    if (kind === 'boolean') return true;
    return kind === 'null' ? null : this.string(schema, name);
  }

  object(schema, depth) {
    const properties = schema.properties || {};
    const required = schema.required || [];
    const order = [...(schema.propertyOrdering || []), ...Object.keys(properties)];
    const result = {};
    for (const name of new Set(order))
      if (Object.hasOwn(properties, name) && (required.includes(name) || depth < DEPTH))
        result[name] = this.make(properties[name], name, depth + 1);
    return result;
  }

  array(schema, name, depth) {
    const fixed = (schema.prefixItems || []).map((s, i) => this.make(s, name + i, depth + 1));
    const least = Number(schema.minItems || 0);
    const length = Math.max(least, depth < DEPTH && schema.maxItems !== 0 ? 1 : 0);
    while (schema.items !== false && fixed.length < length)
      fixed.push(this.make(schema.items || {}, name, depth + 1));
    return fixed;
  }

  string(schema, name) {
    if (FORMATS[schema.format]) return FORMATS[schema.format];
    let text = this.hints.length > 0 ? this.hints.shift() : name;
    if (schema.minLength > text.length) text = text.padEnd(Number(schema.minLength), '.');
    return schema.maxLength !== undefined ? text.slice(0, Number(schema.maxLength)) : text;
  }
}

function kindOf(schema) {
  const types = []
    .concat(schema.type || [])
    .map((t) => String(t).toLowerCase())
    .filter((t) => t !== 'null');
  if (types.length > 0) return types[0];
  if (schema.type) return 'null';
  if (schema.properties || schema.additionalProperties) return 'object';
  return schema.items || schema.prefixItems ? 'array' : 'string';
}

function number(schema, kind) {
  const low =
    schema.minimum ?? (schema.exclusiveMinimum === undefined ? undefined : schema.exclusiveMinimum + 1);
  const high =
    schema.maximum ?? (schema.exclusiveMaximum === undefined ? undefined : schema.exclusiveMaximum - 1);
  let value = kind === 'integer' ? 7 : 7.5;
  if (low !== undefined && value < low) value = kind === 'integer' ? Math.ceil(low) : low;
  if (high !== undefined && value > high) value = kind === 'integer' ? Math.floor(high) : high;
  const step = schema.multipleOf;
  return step ? Math.max(step, Math.round(value / step) * step) : value;
}

/** A value for `schema`; strings are taken from `hints` first, then named after their property. */
export function instance(schema, hints = []) {
  return new Maker(schema, hints).make(schema, 'value', 0);
}
