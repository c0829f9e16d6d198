// SPDX-License-Identifier: MIT
// The model list, and what each model can and cannot do. The public members are what GET
// /models shows; `can` holds what the request rules and the answers ask for.

import { Failure, invalid, noModel } from './errors.mjs';

const TEXT = ['generateContent', 'countTokens', 'createCachedContent', 'batchGenerateContent'];
const PLAIN = ['generateContent', 'countTokens'];

/** Defaults of `can`; each family says where it differs. */
const ABILITIES = {
  family: 2 /* generation of the wire rules: 2 or 3; gemma counts as 1 */,
  thinking: null /* null | {levels: [...], level} | {min, max, zero, budget} */,
  candidates: 8,
  penalties: true,
  logprobs: false,
  jsonWithTools: false,
  toolMix: false /* built-in tools beside function declarations */,
  system: true,
  tools: true,
  json: true,
  modalities: ['TEXT'],
  callIds: false,
  prefill: true /* may the last content be the model's? */,
  strictOutput: true /* maxOutputTokens over the limit is refused */,
  nameLength: 64,
  dimensions: 0,
};

const levels = (level, ...names) => ({ levels: names, level });
const PRO3 = {
  family: 3,
  thinking: levels('HIGH', 'LOW', 'MEDIUM', 'HIGH'),
  candidates: 8,
  penalties: false,
  jsonWithTools: true,
  toolMix: true,
  callIds: true,
  prefill: false,
  strictOutput: false,
  nameLength: 128,
};
const FLASH3 = { ...PRO3, thinking: levels('HIGH', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH') };
const PRO25 = { thinking: { min: 128, max: 32768, zero: false, budget: 8192 }, penalties: false };
const FLASH25 = { thinking: { min: 0, max: 24576, zero: true, budget: 8192 } };
const LITE25 = { thinking: { min: 512, max: 24576, zero: true, budget: 0 } };
const FLASH20 = { logprobs: true };
const GEMMA = {
  family: 1,
  candidates: 1,
  penalties: false,
  system: false,
  tools: false,
  json: false,
  nameLength: 64,
};
const IMAGE = { candidates: 1, penalties: false, tools: false, modalities: ['TEXT', 'IMAGE'] };
const TTS = {
  candidates: 1,
  penalties: false,
  tools: false,
  json: false,
  system: false,
  modalities: ['AUDIO'],
};

function model(id, displayName, input, output, methods, can, more = {}) {
  const abilities = { ...ABILITIES, ...can };
  return {
    id,
    can: abilities,
    shown: {
      name: 'models/' + id,
      version: more.version || '001',
      displayName,
      description: displayName,
      inputTokenLimit: input,
      outputTokenLimit: output,
      supportedGenerationMethods: methods,
      temperature: methods.includes('generateContent') ? 1 : undefined,
      topP: methods.includes('generateContent') ? 0.95 : undefined,
      topK: methods.includes('generateContent') ? 64 : undefined,
      maxTemperature: methods.includes('generateContent') ? 2 : undefined,
      thinking: abilities.thinking ? true : undefined,
    },
  };
}

const M = 1048576;
const BUILT_IN = [
  model('embedding-gecko-001', 'Embedding Gecko', 1024, 1, ['embedText', 'countTextTokens'], {
    dimensions: 768,
  }),
  model('gemini-2.5-pro', 'Gemini 2.5 Pro', M, 65536, TEXT, PRO25, { version: '2.5' }),
  model('gemini-2.5-flash', 'Gemini 2.5 Flash', M, 65536, TEXT, FLASH25),
  model('gemini-2.5-flash-preview-09-2025', 'Gemini 2.5 Flash Preview Sep 2025', M, 65536, TEXT, FLASH25),
  model('gemini-2.5-flash-lite', 'Gemini 2.5 Flash-Lite', M, 65536, TEXT, LITE25),
  model('gemini-2.5-flash-image', 'Nano Banana', 32768, 32768, PLAIN, IMAGE, { version: '2.0' }),
  model('gemini-2.5-flash-preview-tts', 'Gemini 2.5 Flash Preview TTS', 8192, 16384, PLAIN, TTS),
  model('gemini-2.5-pro-preview-tts', 'Gemini 2.5 Pro Preview TTS', 8192, 16384, PLAIN, TTS),
  model('gemini-2.0-flash', 'Gemini 2.0 Flash', M, 8192, TEXT, FLASH20, { version: '2.0' }),
  model('gemini-2.0-flash-001', 'Gemini 2.0 Flash 001', M, 8192, TEXT, FLASH20, { version: '2.0' }),
  model(
    'gemini-2.0-flash-lite',
    'Gemini 2.0 Flash-Lite',
    M,
    8192,
    TEXT,
    { candidates: 1 },
    { version: '2.0' },
  ),
  model(
    'gemini-3-pro-preview',
    'Gemini 3 Pro Preview',
    M,
    65536,
    TEXT,
    { ...PRO3, thinking: levels('HIGH', 'LOW', 'HIGH') },
    { version: '3-pro-preview-11-2025' },
  ),
  model('gemini-3-flash-preview', 'Gemini 3 Flash Preview', M, 65536, TEXT, FLASH3, {
    version: '3-flash-preview-12-2025',
  }),
  model('gemini-3.1-pro-preview', 'Gemini 3.1 Pro Preview', M, 65536, TEXT, PRO3, {
    version: '3.1-pro-preview-01-2026',
  }),
  model('gemini-3.1-flash-lite', 'Gemini 3.1 Flash-Lite', M, 65536, TEXT, {
    ...FLASH3,
    thinking: levels('MINIMAL', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
  }),
  model('gemini-3.5-flash', 'Gemini 3.5 Flash', M, 65536, TEXT, {
    ...FLASH3,
    thinking: levels('MEDIUM', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
  }),
  model(
    'gemini-3-pro-image-preview',
    'Nano Banana Pro',
    131072,
    32768,
    [...PLAIN, 'batchGenerateContent'],
    { ...PRO3, candidates: 1, modalities: ['TEXT', 'IMAGE'], thinking: levels('HIGH', 'HIGH') },
    { version: '3.0' },
  ),
  model('gemini-flash-latest', 'Gemini Flash Latest', M, 65536, TEXT, FLASH25),
  model('gemini-flash-lite-latest', 'Gemini Flash-Lite Latest', M, 65536, TEXT, LITE25),
  model('gemini-pro-latest', 'Gemini Pro Latest', M, 65536, TEXT, PRO25),
  model('gemma-3-1b-it', 'Gemma 3 1B', 32768, 8192, PLAIN, GEMMA),
  model('gemma-3-4b-it', 'Gemma 3 4B', 32768, 8192, PLAIN, GEMMA),
  model('gemma-3-12b-it', 'Gemma 3 12B', 32768, 8192, PLAIN, GEMMA),
  model('gemma-3-27b-it', 'Gemma 3 27B', 131072, 8192, PLAIN, GEMMA),
  model('gemma-3n-e4b-it', 'Gemma 3n E4B', 8192, 2048, PLAIN, GEMMA),
  model(
    'gemini-embedding-001',
    'Gemini Embedding 001',
    2048,
    1,
    ['embedContent', 'countTextTokens', 'countTokens', 'asyncBatchEmbedContent'],
    { dimensions: 3072 },
  ),
  model(
    'gemini-embedding-2-preview',
    'Gemini Embedding 2 Preview',
    8192,
    1,
    ['embedContent', 'countTextTokens', 'countTokens', 'asyncBatchEmbedContent'],
    { dimensions: 3072, embedUsage: true },
    { version: '2' },
  ),
  model('aqa', 'Model that performs Attributed Question Answering.', 7168, 1024, ['generateAnswer'], {}),
  model('imagen-4.0-generate-001', 'Imagen 4', 480, 8192, ['predict'], {}),
  model('imagen-4.0-fast-generate-001', 'Imagen 4 Fast', 480, 8192, ['predict'], {}),
  model('veo-3.0-generate-001', 'Veo 3', 480, 8192, ['predictLongRunning'], {}, { version: '3.0' }),
  model('veo-3.1-generate-preview', 'Veo 3.1', 480, 8192, ['predictLongRunning'], {}, { version: '3.1' }),
  model(
    'gemini-2.5-flash-native-audio-preview-12-2025',
    'Gemini 2.5 Flash Native Audio',
    131072,
    8192,
    ['countTokens', 'bidiGenerateContent'],
    {},
  ),
];

/** Methods that need no mention in supportedGenerationMethods, and the one they stand for. */
const SAME_AS = {
  streamGenerateContent: 'generateContent',
  batchEmbedContents: 'embedContent',
  asyncBatchEmbedContent: 'asyncBatchEmbedContent',
};

export class Models {
  constructor(config) {
    this.config = config;
    this.load();
  }

  /** Reads config.models: names, or model objects with an optional "like" (whose abilities to take). */
  load() {
    const known = this.config.only_models && this.config.models ? [] : BUILT_IN;
    this.list = [...known];
    this.byId = new Map(BUILT_IN.map((m) => [m.id, m]));
    for (const given of this.config.models || [])
      this.add(typeof given === 'string' ? { name: given } : given);
    this.byId = new Map(this.list.map((m) => [m.id, m]));
  }

  add({ name, like, can, ...shown }) {
    const id = name.replace(/^models\//, '');
    const base = this.byId.get(like || id) || this.byId.get('gemini-2.5-flash');
    const made = {
      id,
      can: { ...base.can, ...can },
      shown: { ...base.shown, displayName: id, ...shown, name: 'models/' + id },
    };
    this.list = this.list.filter((m) => m.id !== id);
    this.list.push(made);
    this.byId.set(id, made);
  }

  /** The model, or a 404 failure when it is unknown or lacks the method. */
  find(id, version, verb) {
    let found = this.byId.get(id);
    if (!found && this.config.any_model) found = this.byId.get('gemini-2.5-flash');
    if (!found || (verb && !supports(found, verb)))
      throw new Failure(noModel(id, version, verb || 'generateContent'));
    return found;
  }

  get(call, id) {
    return this.find(id, call.version, '').shown;
  }

  page(call) {
    const size = pageSize(call.query.pageSize || call.query.page_size, 50, 1000);
    const start = pageStart(call.query.pageToken || call.query.page_token);
    return paged(
      'models',
      this.list.map((m) => m.shown),
      start,
      size,
    );
  }
}

function supports(found, verb) {
  return found.shown.supportedGenerationMethods.includes(SAME_AS[verb] || verb);
}

export function pageSize(text, usual, most) {
  if (text === undefined || text === '' || text === '0') return usual;
  const size = Number(text);
  if (!Number.isInteger(size) || size < 0)
    throw new Failure(invalid(`Invalid value at 'page_size' (TYPE_INT32), "${text}"`));
  return Math.min(size, most);
}

export function pageStart(token) {
  if (!token) return 0;
  const start = Number(
    Buffer.from(token, 'base64')
      .toString()
      .replace(/^from:/, ''),
  );
  if (!Number.isInteger(start) || start < 0) throw new Failure(invalid('The page token is invalid.'));
  return start;
}

/** One page of a list; no nextPageToken on the last, no member at all when it is empty. */
export function paged(name, list, start, size) {
  const result = {};
  const items = list.slice(start, start + size);
  if (items.length > 0) result[name] = items;
  if (start + size < list.length)
    result.nextPageToken = Buffer.from('from:' + (start + size)).toString('base64');
  return result;
}
