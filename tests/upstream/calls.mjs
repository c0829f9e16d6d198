// SPDX-License-Identifier: MIT
// Which functions the model calls, and with what. AUTO: those the prompt names, in words or
// as they are spelled; ANY: at least one of the allowed; several at once when the prompt asks
// for it ("in parallel", "both", "each") or the word calls=N does.

import { instance } from './schema.mjs';

const PARALLEL = /\b(parallel|both|each|simultaneously|at the same time|at once|all of them)\b/i;
const ANY_TOOL = /\b(tools?|functions?)\b/i;
const COMMON = new Set([
  'get',
  'set',
  'find',
  'list',
  'make',
  'call',
  'tool',
  'function',
  'current',
  'data',
  'with',
]);

/** The function calls [{name, args}] to answer `request` with; [] for none. */
export function functionCalls(request, text, words) {
  const declared = (request.tools || []).flatMap((tool) => tool.functionDeclarations || []);
  const calling = (request.toolConfig || {}).functionCallingConfig || {};
  const mode = calling.mode || 'AUTO';
  if (declared.length === 0 || mode === 'NONE' || words.nocalls) return [];
  const allowed =
    (calling.allowedFunctionNames || []).length > 0
      ? declared.filter((d) => calling.allowedFunctionNames.includes(d.name))
      : declared;
  let chosen =
    typeof words.call === 'string' ? allowed.filter((d) => d.name === words.call) : mentioned(allowed, text);
  if (chosen.length === 0 && (mode === 'ANY' || words.calls || words.call || ANY_TOOL.test(text)))
    chosen = PARALLEL.test(text) ? allowed : allowed.slice(0, 1);
  return spread(chosen, text, words);
}

function mentioned(declared, text) {
  const lower = text.toLowerCase();
  const exact = declared.filter(
    (d) =>
      lower.includes(d.name.toLowerCase()) || lower.includes(d.name.toLowerCase().replace(/[_.:-]+/g, ' ')),
  );
  if (exact.length > 0) return exact;
  return declared.filter((d) => nameWords(d.name).some((word) => lower.includes(word)));
}

function nameWords(name) {
  return name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word.length > 3 && !COMMON.has(word));
}

function spread(chosen, text, words) {
  if (chosen.length === 0) return [];
  const hints = names(text);
  const many =
    Number(words.calls)
    || (PARALLEL.test(text) && chosen.length === 1 ? Math.max(2, hints.length) : chosen.length);
  return Array.from({ length: many }, (_, i) => {
    const declaration = chosen[i % chosen.length];
    const schema = declaration.parameters || declaration.parametersJsonSchema || {};
    const hint = hints.length > 0 ? [hints[i % hints.length]] : [];
    return { name: declaration.name, args: object(instance({ type: 'object', ...schema }, hint)) };
  });
}

const object = (value) => (value && typeof value === 'object' && !Array.isArray(value) ? value : {});

/** Quoted strings and capitalised words of the prompt (not one that begins a sentence). */
function names(text) {
  const quoted = [...text.matchAll(/"([^"]+)"/g)].map((m) => m[1]);
  if (quoted.length > 0) return quoted;
  const found = [...text.matchAll(/(?<=[a-z,;:] )\p{Lu}\p{L}+(?: \p{Lu}\p{L}+)*/gu)].map((m) => m[0]);
  return [...new Set(found)];
}
