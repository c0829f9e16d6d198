// SPDX-License-Identifier: MIT
// Every sentence of the console has its Chinese, every Chinese sentence its use, and both name the same values.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sentencesIn, serverSentences, words } from './words.mjs';

const pages = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../admin-html');
const functions = path.join(pages, '../sql/functions');
const chinese = (await import(path.join(pages, 'zh.js'))).default;
const scripts = readdirSync(pages).filter((name) => name.endsWith('.js') && name !== 'zh.js')
  .map((name) => ({ name, text: readFileSync(path.join(pages, name), 'utf8') }));

// Tables of words: codes of the server and what they are called, looked up by named() or t().
const used = new Map([...scripts.flatMap(sentencesIn), ...words(scripts)]);

test('calls of t() and plural() are plain strings, so that they can be found', () => {
  for (const { name, text } of scripts) {
    for (const match of text.matchAll(/\bt\(\s*([`"])/g)) assert.fail(`${name}: t(${match[1]}...: write it with single quotes`);
    const calls = (text.match(/\bplural\(/g) ?? []).length - (text.includes('function plural(') ? 1 : 0);
    const seen = sentencesIn({ name, text }).length - [...text.matchAll(/\b(?:t|rich)\(\s*'/g)].length;
    assert.equal(seen, calls, `${name}: ${calls} calls of plural(), ${seen} could be read`);
  }
});

test('no sentence lacks its Chinese', () => {
  const lacking = [...used].filter(([sentence]) => !(sentence in chinese)).map(([sentence, where]) => `${where}: ${sentence}`);
  assert.deepEqual(lacking, []);
});

test('the help and the unit of every setting have their Chinese', () => {
  const sentences = serverSentences(functions);
  assert.ok(sentences.length >= 8, 'the declarations of settings could be read');
  assert.deepEqual(sentences.filter((sentence) => !(sentence in chinese)), []);
});

test('no Chinese that nobody says', () => {
  const said = new Set([...used.keys(), ...serverSentences(functions)]);
  assert.deepEqual(Object.keys(chinese).filter((sentence) => !said.has(sentence)), []);
});

test('both languages name the same values', () => {
  const values = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort();
  const differing = Object.entries(chinese).filter(([english, text]) => String(values(english)) !== String(values(text))).map(([english]) => english);
  assert.deepEqual(differing, []);
  assert.deepEqual(Object.entries(chinese).filter(([, text]) => !text.trim()).map(([english]) => english), []);
});

test('no page holds text of its own besides its name and the line for browsers without JavaScript', () => {
  for (const name of readdirSync(pages).filter((file) => file.endsWith('.html'))) {
    const html = readFileSync(path.join(pages, name), 'utf8');
    const text = html.replace(/<!--.*?-->/gs, '').replace(/<noscript>.*?<\/noscript>/s, '').replace(/<title>Pollux<\/title>/, '').replace(/<[^>]*>/g, '').trim();
    assert.equal(text, '', name);
    assert.doesNotMatch(html, /<style|style=|\son\w+=|<script(?![^>]*\ssrc=)|https?:/i, `${name}: nothing inline, nothing from elsewhere`);
  }
});

test('no script makes HTML of strings, and only api.js fetches', () => {
  for (const { name, text } of scripts) {
    const code = text.replace(/\/\/.*$/gm, '');
    assert.doesNotMatch(code, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment/, name);
    if (name !== 'api.js') assert.doesNotMatch(code, /\bfetch\(|XMLHttpRequest|EventSource|WebSocket|sendBeacon/, name);
  }
});
