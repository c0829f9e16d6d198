// SPDX-License-Identifier: MIT
// The text format of Prometheus: its grammar, and the rules for names and types that `promtool check metrics` holds.
import { spawnSync } from 'node:child_process';

const nameShape = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"/g;
// Units that are no base units, and abbreviations: of names only the full base unit is allowed.
const badUnits = /_(milliseconds?|ms|microseconds?|minutes?|hours?|days?|kilobytes?|kb|megabytes?|mb|gigabytes?|bits?|percent|s|sec|secs)(_|$)/;

// {name: {type, help, samples: [{name, labels, value, text}]}} in the order of the text; problems are added to `wrong`.
function parse(text, wrong) {
  const families = new Map();
  let current;
  if (!text.endsWith('\n')) wrong.push('the last line does not end');
  for (const row of text.split('\n').slice(0, -1)) {
    const meta = /^# (HELP|TYPE) (\S+) (.+)$/.exec(row);
    if (meta) {
      const [, what, name, rest] = meta;
      if (what === 'HELP') {
        if (families.has(name)) wrong.push(`${name}: declared twice`);
        current = { name, help: rest, samples: [] };
        families.set(name, current);
      } else if (current?.name !== name) wrong.push(`${name}: TYPE without HELP before it`);
      else current.type = rest;
      continue;
    }
    const sample = line.exec(row);
    if (!sample) wrong.push(`not a sample: ${row.slice(0, 200)}`);
    else if (!current || !belongs(sample[1], current)) wrong.push(`${sample[1]}: outside its family`);
    else current.samples.push({ name: sample[1], labels: Object.fromEntries([...(sample[2] ?? '').matchAll(labelPair)].map((pair) => [pair[1], pair[2]])), value: Number(sample[3].replace('+Inf', 'Infinity')), text: row });
  }
  return families;
}

const belongs = (name, { name: family, type }) => name === family ||
  (type === 'histogram' && ['_bucket', '_sum', '_count'].some((end) => name === family + end));

// What is wrong with an exposition, a line each. Uses promtool besides, where it is installed.
export function lintMetrics(text) {
  const wrong = [];
  for (const [name, family] of parse(text, wrong)) {
    if (!nameShape.test(name) || /[A-Z:]/.test(name)) wrong.push(`${name}: not in snake_case`);
    if (!['counter', 'gauge', 'histogram'].includes(family.type)) wrong.push(`${name}: type ${family.type}`);
    if (family.type === 'counter' && !name.endsWith('_total')) wrong.push(`${name}: a counter ends in _total`);
    if (family.type !== 'counter' && name.endsWith('_total')) wrong.push(`${name}: only a counter ends in _total`);
    if (/_(bucket|sum|count|counter|gauge|histogram|info_total)$/.test(name)) wrong.push(`${name}: ends in what it is`);
    if (badUnits.test(name)) wrong.push(`${name}: not a base unit`);
    if (family.samples.length === 0) wrong.push(`${name}: no samples`);
    const seen = new Set(family.samples.map((sample) => sample.text.slice(0, sample.text.lastIndexOf(' '))));
    if (seen.size !== family.samples.length) wrong.push(`${name}: a series twice`);
    for (const sample of family.samples) if (Number.isNaN(sample.value)) wrong.push(`not a number: ${sample.text}`);
    if (family.type !== 'histogram' && family.samples.some(({ labels }) => 'le' in labels)) wrong.push(`${name}: le without a histogram`);
    if (family.type === 'histogram') lintHistogram(family, wrong);
  }
  return [...wrong, ...promtool(text)];
}

function lintHistogram({ name, samples }, wrong) {
  const groups = new Map();
  for (const { name: sample, labels: { le, ...labels }, value } of samples) {
    const key = JSON.stringify(labels);
    const group = groups.get(key) ?? groups.set(key, { buckets: [] }).get(key);
    if (sample.endsWith('_bucket')) group.buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    else group[sample.slice(name.length)] = value;
  }
  for (const [key, { buckets, _sum, _count }] of groups) {
    if (buckets.at(-1)?.[0] !== Infinity) wrong.push(`${name}${key}: no +Inf`);
    if (buckets.some(([le, upto], i) => i > 0 && (le <= buckets[i - 1][0] || upto < buckets[i - 1][1]))) wrong.push(`${name}${key}: buckets do not add up`);
    if (_sum === undefined || _count !== buckets.at(-1)?.[1]) wrong.push(`${name}${key}: _sum or _count`);
  }
}

function promtool(text) {
  const said = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  return said.error ? [] : `${said.stdout}${said.stderr}`.split('\n').filter(Boolean);
}

// Every series and its value: a map of "name{labels}".
export function seriesOf(text) {
  return new Map(text.split('\n').filter((row) => row && !row.startsWith('#')).map((row) => [row.slice(0, row.lastIndexOf(' ')), Number(row.slice(row.lastIndexOf(' ') + 1))]));
}
