// SPDX-License-Identifier: MIT
// Token counts: an estimate that is the same for the same input everywhere in the simulator,
// so that countTokens, usageMetadata and TPM always agree with each other.

/** About four characters a token. */
export function textTokens(text) {
  return text ? Math.ceil(text.length / 4) : 0;
}

function modality(mime = '') {
  if (mime.startsWith('image/')) return 'IMAGE';
  if (mime.startsWith('audio/')) return 'AUDIO';
  if (mime.startsWith('video/')) return 'VIDEO';
  return mime === 'application/pdf' ? 'DOCUMENT' : 'TEXT';
}

/** Tokens of `bytes` of media: an image is 258, sound and film go by length, text by size. */
export function mediaTokens(mime, bytes) {
  const kind = modality(mime);
  if (kind === 'IMAGE' || kind === 'DOCUMENT') return 258;
  if (kind === 'AUDIO') return Math.max(1, Math.ceil(bytes / 1000));
  return Math.max(1, Math.ceil(bytes / (kind === 'VIDEO' ? 2000 : 4)));
}

/** Adds up tokens by modality. */
export class Tally {
  counts = {};
  total = 0;

  add(kind, n) {
    if (n <= 0) return;
    this.counts[kind] = (this.counts[kind] || 0) + n;
    this.total += n;
  }

  media(mime, bytes) {
    this.add(modality(mime), mediaTokens(mime, bytes));
  }

  details() {
    return Object.entries(this.counts).map(([name, tokenCount]) => ({ modality: name, tokenCount }));
  }
}

function part(tally, p, fileSize) {
  if (p.text !== undefined) tally.add('TEXT', textTokens(p.text));
  else if (p.inlineData)
    tally.media(p.inlineData.mimeType, Math.floor(((p.inlineData.data || '').length * 3) / 4));
  else if (p.fileData) tally.media(p.fileData.mimeType, fileSize(p.fileData));
  else tally.add('TEXT', textTokens(JSON.stringify(p.functionCall || p.functionResponse || p)));
}

/** Tokens of contents, system instruction and tools of a (normalised) request. */
export function requestTokens(request, fileSize = () => 1000) {
  const tally = new Tally();
  for (const content of [request.systemInstruction, ...(request.contents || [])])
    for (const p of (content && content.parts) || []) part(tally, p, fileSize);
  if (request.tools) tally.add('TEXT', textTokens(JSON.stringify(request.tools)));
  return tally;
}
