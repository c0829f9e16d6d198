// SPDX-License-Identifier: MIT
// What stands beside an answer's content: safety ratings, citations, grounding, log probabilities.

const RATED = [
  'HARM_CATEGORY_SEXUALLY_EXPLICIT',
  'HARM_CATEGORY_HATE_SPEECH',
  'HARM_CATEGORY_HARASSMENT',
  'HARM_CATEGORY_DANGEROUS_CONTENT',
];
export const ratings = (worst, blocked) =>
  RATED.map((category, i) => ({
    category,
    probability: i === 2 && worst ? worst : 'NEGLIGIBLE',
    blocked: i === 2 && blocked ? true : undefined,
  }));

/** Citations of the text's beginning; indices are bytes. */
export function citations({ text = '' }) {
  const end = Buffer.byteLength(text);
  return {
    citationSources: [
      { startIndex: 1, endIndex: Math.max(1, end), uri: 'https://example.com/source', license: 'mit' },
      { startIndex: 2, endIndex: Math.max(2, end) },
    ],
  };
}

/** Grounding of "<claim>. Fuente: <source>."; segment indices are UTF-8 bytes. */
export function grounding(text, query) {
  const bytes = (s) => Buffer.byteLength(s);
  const first = text.indexOf('. Fuente') + 1;
  const segment = (from, to) => ({
    startIndex: bytes(text.slice(0, from)) || undefined,
    endIndex: bytes(text.slice(0, to)),
    text: text.slice(from, to),
  });
  return {
    searchEntryPoint: {
      renderedContent: '<div class="container"><a href="https://example.com/">Search</a></div>',
    },
    groundingChunks: [
      { web: { uri: 'https://example.com/a', title: 'example.com' } },
      { web: { uri: 'https://example.org/b', title: 'example.org' } },
    ],
    groundingSupports: [
      { segment: segment(0, first), groundingChunkIndices: [0], confidenceScores: [0.91] },
      {
        segment: segment(first + 1, text.length),
        groundingChunkIndices: [0, 1],
        confidenceScores: [0.62, 0.58],
      },
    ],
    webSearchQueries: [query],
    retrievalMetadata: {},
  };
}

/** One chosen token per word, with `top` alternatives each. */
export function logprobs(made, top) {
  const words = (made.text || 'ok').match(/\s*\S+/g) || [];
  const scored = (token, i, k) => ({
    token: k ? `${token}~${k}` : token,
    tokenId: 1000 + i * 10 + k,
    logProbability: -0.05 - k - i / 100,
  });
  return {
    avgLogprobs: -0.12,
    logprobsResult: {
      chosenCandidates: words.map((token, i) => scored(token, i, 0)),
      topCandidates: words.map((token, i) => ({
        candidates: Array.from({ length: top }, (_, k) => scored(token, i, k)),
      })),
    },
  };
}
