// SPDX-License-Identifier: MIT
// What the model would say: from a checked request to an answer plan. A plan is
//   {candidates: [{pieces, finishReason?, finishMessage?, extra?}], feedback?, usage}
// where pieces has length and at(i) (an array, or made on demand for long streams) and each
// piece is the list of parts of one stream event. respond.mjs turns a plan into bytes.

import { createHash, randomBytes } from 'node:crypto';
import { stamp } from './clock.mjs';
import { withoutMarkers } from './directives.mjs';
import { breakPoint } from './stream.mjs';
import { functionCalls } from './calls.mjs';
import { image, sound } from './samples.mjs';
import { instance } from './schema.mjs';
import { signParts } from './signatures.mjs';
import { citations, grounding, logprobs, ratings } from './metadata.mjs';
import { joinTurns, mismatch } from './turns.mjs';
import { Tally, requestTokens, textTokens } from './tokens.mjs';

/** The plan of an answer to `call` (its body checked and in camelCase, its words gathered). */
export function plan(call) {
  const request = call.body;
  const words = call.words || {};
  const usage = promptUsage(call);
  if (words.blocked || words['blocked-empty'])
    return {
      candidates: [],
      feedback: blocked(words.blocked || true),
      emptyList: Boolean(words['blocked-empty']),
      usage,
    };
  const thoughts = thinking(call, request, words);
  usage.thoughts = thoughts.tokens;
  const unmatched = call.model3 && mismatch(joinTurns(request.contents));
  const base = unmatched
    ? { pieces: [[]], finishReason: 'STOP' }
    : finished(content(call, request, words), words);
  if (base.tool) usage.tool = base.tool;
  const many = (request.generationConfig || {}).candidateCount || 1;
  const candidates = [];
  for (let i = 0; i < many; i++)
    candidates.push(candidate(call, i === 0 ? base : variant(base, i), thoughts, usage));
  return { candidates, usage };
}

/** Usage of the input: {prompt, details, cached}; the rest is added as the answer grows. */
function promptUsage(call) {
  const tally = call.tally || requestTokens(call.body, call.fileSize);
  const usage = { prompt: tally.total, details: tally.details(), cached: 0, thoughts: 0, tool: 0 };
  if (call.cache) {
    usage.cached = call.cache.tally.total;
    usage.cacheDetails = call.cache.tally.details();
    const sum = new Tally();
    for (const { modality, tokenCount } of [...usage.cacheDetails, ...usage.details])
      sum.add(modality, tokenCount);
    usage.prompt = sum.total;
    usage.details = sum.details();
  }
  return usage;
}

function blocked(reason) {
  return { blockReason: reason === true ? 'SAFETY' : reason, safetyRatings: ratings('HIGH') };
}

/* ---- thinking ---- */

/** {pieces, tokens}: what the model thinks first, shown only when asked for. */
function thinking(call, request, words) {
  const ability = call.about.can.thinking;
  const asked = (request.generationConfig || {}).thinkingConfig || {};
  const budget = asked.thinkingBudget ?? (ability && ability.budget);
  if ((!ability || budget === 0) && !words.thoughts) return { pieces: [], tokens: 0 };
  const effort =
    asked.thinkingBudget !== undefined
      ? `budget ${asked.thinkingBudget}`
      : ability && ability.levels
        ? `level ${asked.thinkingLevel || ability.level}`
        : 'the usual budget';
  const texts = [
    `**Reading the request**\n\nThinking at ${effort}.\n\n`,
    '**Forming the answer**\n\nIt is clear now.\n\n',
  ];
  const tokens = Number(words['thought-tokens'] || texts.reduce((sum, t) => sum + textTokens(t), 0));
  return {
    pieces: asked.includeThoughts || words.thoughts ? texts.map((text) => [{ text, thought: true }]) : [],
    tokens,
  };
}

/* ---- content ---- */

const lastContent = (request) => request.contents[request.contents.length - 1];
const texts = (content) =>
  content.parts.filter((p) => typeof p.text === 'string' && !p.thought).map((p) => p.text);

/** The kinds of answer, tried in order; the first that applies makes it. */
const KINDS = [forced, dump, results, calls, structured, spoken, drawn, coded, searched, counted, described];

function content(call, request, words) {
  const last = lastContent(request);
  const input = { call, request, words, last, text: withoutMarkers(texts(last).join('\n')) };
  for (const kind of KINDS) {
    const made = kind(input);
    if (made) return made;
  }
  return texted(input.text || 'Hello.', call, words);
}

function texted(text, call, words, rest = {}) {
  const cut = limited(text, (call.body.generationConfig || {}).stopSequences || []);
  return { pieces: pieces(cut, call, words), text: cut, ...rest };
}

function limited(text, stops) {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text;
}

/** Cuts text into events: as many as asked for, else up to three; never through a character. */
function pieces(text, call, words) {
  const least = call.stream && breakPoint(words) >= 0 ? breakPoint(words) + 2 : 0;
  const asked = Number(words.chunks || (call.stream && call.config.chunks) || least);
  const stamped = words.stamp || (call.stream && call.config.stamp);
  if (stamped || asked > text.length)
    return numbered(Math.max(1, asked || 3), stamped, Number(words.pad || 0));
  const size = Math.max(1, Math.ceil(text.length / (asked || 3)));
  const list = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(text.length, from + size);
    if (to < text.length && (text.charCodeAt(to) & 0xfc00) === 0xdc00) to++;
    list.push([{ text: text.slice(from, to) }]);
    from = to;
  }
  return list.length > 0 ? list : [[{ text: '' }]];
}

/** "1 ", "2 ", ... made when sent; stamped ones carry the moment: "3 t=1760000000000.123 ". */
function numbered(length, stamped, pad) {
  const filler = '.'.repeat(pad);
  /* A getter: the stamp is the moment of sending, after the pause, not of planning. */
  const at = (i) => [
    {
      get text() {
        return `${i + 1} ${stamped ? `t=${stamp().toFixed(3)} ` : ''}${filler}`;
      },
    },
  ];
  return { length, at };
}

function forced({ call, words }) {
  if (words.text !== undefined) return texted(String(words.text), call, words);
  if (words.len)
    return texted(
      Array.from({ length: Number(words.len) }, (_, i) => 'word' + (i + 1)).join(' '),
      call,
      words,
    );
  if (words.big)
    return {
      pieces: [[inline('image/png', image(Number(words.big === true ? 8 << 20 : words.big)))]],
      modality: 'IMAGE',
    };
  if (words.image || words.audio) return media(words.audio ? 'AUDIO' : 'IMAGE');
  return null;
}

/** [[sim:dump]] answers with the request as it arrived, [[sim:headers]] with its headers. */
function dump({ call, words }) {
  if (words.dump) return texted(call.raw ? call.raw.toString() : '', call, words);
  if (words.headers) {
    const { 'x-goog-api-key': key, ...headers } = call.req.headers;
    return texted(JSON.stringify({ url: call.path, ...headers }), call, words);
  }
  return null;
}

/** After function responses: says what came back. */
function results({ call, words, last }) {
  const found = last.parts.filter((p) => p.functionResponse).map((p) => p.functionResponse);
  if (found.length === 0 || words.calls) return null;
  return texted(
    'Results: ' + found.map((r) => `${r.name} = ${JSON.stringify(r.response)}`).join('; '),
    call,
    words,
  );
}

function calls({ call, request, words, text }) {
  const made = functionCalls(request, text, words);
  if (made.length === 0) return null;
  const parts = made.map((functionCall) => ({ functionCall }));
  if (call.about.can.callIds)
    for (const part of parts)
      part.functionCall = { id: randomBytes(6).toString('hex'), ...part.functionCall };
  const lead = words['call-text'] ? [{ text: 'Let me look. ' }] : [];
  const split = words.spread ? parts.map((part) => [part]) : [parts];
  split[0] = [...lead, ...split[0]];
  return { pieces: split };
}

function structured({ call, request, words, text }) {
  const config = request.generationConfig || {};
  const schema = config.responseSchema || config.responseJsonSchema || config._responseJsonSchema;
  if (config.responseMimeType === 'text/x.enum') return texted(String(instance(schema)), call, words);
  if (config.responseMimeType !== 'application/json') return null;
  return texted(
    JSON.stringify(schema ? instance(schema, text ? [text] : []) : { answer: text }),
    call,
    words,
  );
}

const inline = (mimeType, data) => ({ inlineData: { mimeType, data } });

function media(modality) {
  return modality === 'AUDIO'
    ? { pieces: [[inline('audio/L16;codec=pcm;rate=24000', sound())]], modality }
    : { pieces: [[{ text: 'Here is an image. ' }], [inline('image/png', image())]], modality };
}

function spoken({ call, request }) {
  const wanted = (request.generationConfig || {}).responseModalities || [];
  return wanted.includes('AUDIO') || call.about.can.modalities[0] === 'AUDIO' ? media('AUDIO') : null;
}

function drawn({ call, request }) {
  const wanted = (request.generationConfig || {}).responseModalities;
  return call.about.can.modalities.includes('IMAGE') && (!wanted || wanted.includes('IMAGE'))
    ? media('IMAGE')
    : null;
}

const hasTool = (request, name) => (request.tools || []).some((tool) => tool[name]);

function coded({ request, words }) {
  if (!words.code && !hasTool(request, 'codeExecution')) return null;
  return {
    tool: 120,
    pieces: [
      [{ text: 'Let me compute. ' }],
      [{ executableCode: { language: 'PYTHON', code: 'print(sum([2, 3, 5, 7, 11]))\n' } }],
      [{ codeExecutionResult: { outcome: 'OUTCOME_OK', output: '28\n' } }],
      [{ text: 'The sum is 28.' }],
    ],
  };
}

function searched({ call, request, words, text }) {
  if (words.grounding || hasTool(request, 'googleSearch') || hasTool(request, 'googleSearchRetrieval'))
    return texted(`Según la búsqueda: ${text}. Fuente: Ejemplo.`, call, words, { grounded: text, tool: 40 });
  if (!hasTool(request, 'urlContext')) return null;
  const urls = text.match(/https?:\/\/\S+/g) || ['https://example.com/'];
  const status = 'URL_RETRIEVAL_STATUS_SUCCESS';
  const extra = {
    urlContextMetadata: { urlMetadata: urls.map((u) => ({ retrievedUrl: u, urlRetrievalStatus: status })) },
  };
  return texted('From the page: ' + text, call, words, { tool: 60, extra });
}

function counted({ call, words, text }) {
  const match = /\bcount (?:up )?(?:from 1 )?to (\d{1,6})\b/i.exec(text);
  if (!match && !words.count) return null;
  const to = Number(words.count || match[1]);
  const list = { length: to, at: (i) => [{ text: i + 1 < to ? `${i + 1}, ` : String(to) }] };
  const stops = (call.body.generationConfig || {}).stopSequences || [];
  if (words.stamp || stops.length === 0) return { pieces: list };
  return texted(Array.from(list, (_, i) => list.at(i)[0].text).join(''), call, words);
}

/** "[image/png 68 bytes sha256 0a1b...]" for each medium in the last content, after its text. */
function described({ call, request, words, last, text }) {
  if (/\brepeat (?:the|your) (?:system )?instructions?\b/i.test(text) && request.systemInstruction)
    return texted(texts(request.systemInstruction).join('\n'), call, words);
  const media = last.parts.filter((p) => p.inlineData || p.fileData);
  if (media.length === 0) return null;
  const lines = media.map((p) => (p.inlineData ? inlineLine(p.inlineData) : fileLine(p.fileData, call)));
  return texted([text, ...lines].filter(Boolean).join('\n'), call, words);
}

function inlineLine({ mimeType, data }) {
  const bytes = Buffer.from(data, 'base64');
  return `[${mimeType} ${bytes.length} bytes sha256 ${createHash('sha256').update(bytes).digest('hex')}]`;
}

function fileLine(fileData, call) {
  const file = call.files && call.files.find(fileData.fileUri);
  return file ? `[${file.mimeType} ${file.size} bytes sha256 ${file.sha256}]` : `[${fileData.fileUri}]`;
}

/* ---- ends ---- */

const ENDS = {
  'max-tokens': 'MAX_TOKENS',
  safety: 'SAFETY',
  recitation: 'RECITATION',
  malformed: 'MALFORMED_FUNCTION_CALL',
  other: 'OTHER',
  language: 'LANGUAGE',
  blocklist: 'BLOCKLIST',
  prohibited: 'PROHIBITED_CONTENT',
  spii: 'SPII',
  'no-image': 'NO_IMAGE',
  'image-safety': 'IMAGE_SAFETY',
  'unexpected-call': 'UNEXPECTED_TOOL_CALL',
};
/** Ends that leave no content at all. */
const EMPTY_ENDS = ['malformed', 'other', 'no-image', 'image-safety', 'unexpected-call'];

function finished(base, words) {
  if (words.finish) return { ...base, finishReason: String(words.finish) };
  for (const word of Object.keys(ENDS)) if (words[word]) return ended(base, word, words[word]);
  return base;
}

function ended(base, word, value) {
  const result = { ...base, finishReason: ENDS[word] };
  if (EMPTY_ENDS.includes(word) || value === 'empty') Object.assign(result, { pieces: [], bare: true });
  if (word === 'safety') result.extra = { ...base.extra, safetyRatings: ratings('HIGH', true) };
  if (word === 'recitation') result.extra = { ...base.extra, citationMetadata: citations(base) };
  if (word === 'other') result.finishMessage = 'The model stopped for another reason.';
  return result;
}

function variant(base, i) {
  const more = [{ text: ` (candidate ${i})` }];
  const { length } = base.pieces;
  return { ...base, pieces: { length: length + 1, at: (k) => (k < length ? base.pieces.at(k) : more) } };
}

/** One candidate: thoughts in front, cut at maxOutputTokens, signed, with its metadata. */
function candidate(call, base, thoughts, usage) {
  const words = call.words || {};
  const made = { ...base, finishReason: base.finishReason || 'STOP', extra: { ...base.extra } };
  const most = (call.body.generationConfig || {}).maxOutputTokens;
  if (most && !base.bare) cutTo(made, most - thoughts.tokens);
  if (words.citations) made.extra.citationMetadata = citations(made);
  if (made.grounded !== undefined) made.extra.groundingMetadata = grounding(made.text, made.grounded);
  if (words.logprobs || (call.body.generationConfig || {}).responseLogprobs)
    Object.assign(made.extra, logprobs(made, (call.body.generationConfig || {}).logprobs || 1));
  if (thoughts.pieces.length > 0)
    Object.assign(made, { pieces: joined(thoughts.pieces, made.pieces), thoughts: thoughts.pieces.length });
  if (!made.bare) signParts(call, made, thoughts.tokens > 0);
  if (most && thoughts.tokens >= most) usage.thoughts = most;
  return made;
}

const joined = (first, second) => ({
  length: first.length + second.length,
  at: (i) => (i < first.length ? first[i] : second.at(i - first.length)),
});

/** Keeps at most `room` tokens of text; nothing at all when thinking ate the budget. */
function cutTo(made, room) {
  if (room <= 0) {
    Object.assign(made, { pieces: [], bare: 'content', finishReason: 'MAX_TOKENS', text: '' });
    return;
  }
  const { pieces: list } = made;
  let left = room * 4;
  for (let i = 0; i < list.length; i++) {
    const text = list
      .at(i)
      .map((p) => p.text || '')
      .join('');
    if (text.length > left) {
      const rest = [{ text: text.slice(0, left) }];
      made.pieces = { length: left > 0 ? i + 1 : i, at: (k) => (k < i ? list.at(k) : rest) };
      made.finishReason = 'MAX_TOKENS';
      return;
    }
    left -= text.length;
  }
}
