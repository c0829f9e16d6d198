// SPDX-License-Identifier: MIT
// The Files API: metadata, list, delete, download of generated files. Bytes of uploads are
// hashed and forgotten (only small ones are kept, for batches that read their input from a
// file); see uploads.mjs for how they come in.

import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { Failure, fault, invalid, noResource, unauthenticated } from './errors.mjs';
import { generated } from './samples.mjs';
import { head, sendJson } from './reply.mjs';
import { now, timestamp } from './clock.mjs';
import { paged, pageSize, pageStart } from './models.mjs';
import { readBody, parseBody } from './generate.mjs';
import { route } from './router.mjs';

const LIFETIME = 48 * 3600 * 1000;
const NAME = /^files\/[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export const randomId = (length = 12) => Array.from({ length }, () => LETTERS[randomInt(36)]).join('');

export class Files {
  constructor(config) {
    this.config = config;
    this.byId = new Map();
  }

  /** Checks the metadata of a file that is to be created; throws what is wrong with it. */
  checkNew({ name, displayName = '' }, size) {
    if (name !== undefined && !NAME.test(name))
      throw new Failure(
        invalid(
          '* CreateFileRequest.file.name: name must be of the form files/{id}; ids are '
            + 'lowercase alphanumeric or dashes, neither first nor last, at most 40 characters.',
        ),
      );
    if (name !== undefined && this.byId.has(name.slice(6)))
      throw new Failure(fault(409, `Requested entity already exists: ${name}`));
    if (displayName.length > 512)
      throw new Failure(invalid('* CreateFileRequest.file.display_name: at most 512 characters.'));
    if (size > this.config.file_size_max)
      throw new Failure(invalid(`The file size exceeds the limit: ${this.config.file_size_max} bytes.`));
  }

  /** Adds a file; content: {size, sha256 (hex), kept: Buffer or null}. */
  add(project, given, { size, sha256, kept }, source = 'UPLOADED') {
    const time = now();
    const id = given.name ? given.name.slice(6) : randomId();
    const words = /\[\[sim:processing(?:=(\d+))?\]\]/.exec(given.displayName || '');
    const video = /^video\//.test(given.mimeType || '');
    const wait = words ? Number(words[1] || 1000) : video ? this.config.file_processing_ms : 0;
    const file = {
      id,
      project,
      size,
      sha256,
      kept,
      source,
      displayName: given.displayName,
      video,
      mimeType: given.mimeType || 'application/octet-stream',
      created: time,
      active: time + wait,
      failed: /\[\[sim:failed\]\]/.test(given.displayName || ''),
    };
    this.byId.set(id, file);
    return file;
  }

  get(id) {
    const file = this.byId.get(id);
    return file && file.created + LIFETIME > now() ? file : null;
  }

  /** The file a URI or name refers to, or null. */
  find(uri) {
    const match = /files\/([^/?:]+)/.exec(uri || '');
    return match ? this.get(match[1]) : null;
  }

  state(file) {
    if (file.failed) return 'FAILED';
    return file.active > now() ? 'PROCESSING' : 'ACTIVE';
  }

  /** The File resource as the API shows it. */
  shown(file) {
    const state = this.state(file);
    const base = `${this.config.public_base}/v1beta/files/${file.id}`;
    return {
      name: 'files/' + file.id,
      displayName: file.displayName,
      mimeType: file.mimeType,
      sizeBytes: file.size ? String(file.size) : undefined,
      createTime: timestamp(file.created),
      updateTime: timestamp(Math.max(file.created, Math.min(now(), file.active))),
      expirationTime: timestamp(file.created + LIFETIME),
      sha256Hash: Buffer.from(file.sha256).toString('base64'),
      uri: base,
      downloadUri: file.source === 'GENERATED' ? base + ':download?alt=media' : undefined,
      state,
      source: file.source,
      videoMetadata: file.video && state === 'ACTIVE' ? { videoDuration: '10s' } : undefined,
      error: state === 'FAILED' ? { code: 13, message: 'Processing failed.' } : undefined,
    };
  }

  of(project) {
    return [...this.byId.values()]
      .filter((f) => f.project === project && f.created + LIFETIME > now())
      .reverse();
  }
}

/** The file of the path, if the caller's project owns it. */
function owned(call) {
  const file = call.sim.files.get(call.id);
  if (!file || file.project !== call.project) throw new Failure(noResource('File', call.id));
  return file;
}

function list(call) {
  const { files } = call.sim;
  const size = pageSize(call.query.pageSize || call.query.page_size, 10, 100);
  const start = pageStart(call.query.pageToken || call.query.page_token);
  sendJson(
    call,
    paged(
      'files',
      files.of(call.project).map((f) => files.shown(f)),
      start,
      size,
    ),
  );
}

function remove(call) {
  call.sim.files.byId.delete(owned(call).id);
  sendJson(call, {});
}

function create(call) {
  call.parsed = parseBody(call);
  const { file = {} } = readBody(call, 'CreateFileRequest');
  call.sim.files.checkNew(file, 0);
  const empty = {
    size: 0,
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    kept: null,
  };
  sendJson(call, { file: call.sim.files.shown(call.sim.files.add(call.project, file, empty)) });
}

/** GET files/{id}:download?alt=media; the word "redirect" sends to another address first. */
async function download(call) {
  const file = call.direct ? call.sim.files.get(call.id) : owned(call);
  if (!file || file.source !== 'GENERATED')
    throw new Failure(fault(400, 'Only generated files can be downloaded.', { name: 'FAILED_PRECONDITION' }));
  if (call.query.alt !== 'media' && call.query.$alt !== 'media')
    throw new Failure(invalid('alt=media is needed to download a file.'));
  if (call.words && call.words.redirect) {
    head(call, 302, [
      'Location',
      `${call.sim.base()}/download/v1beta/files/${file.id}:download?alt=media`,
      'Content-Length',
      '0',
    ]);
    call.whole = true;
    call.res.end();
    return;
  }
  await sendBytes(call, file);
}

const STEP = 1 << 16;

async function sendBytes(call, file) {
  head(call, 200, ['Content-Type', file.mimeType, 'Content-Length', String(file.size)]);
  for (let from = 0; from < file.size && !call.gone; from += STEP) {
    const to = Math.min(file.size, from + STEP);
    const bytes = file.kept ? file.kept.subarray(from, to) : generated(from, to);
    if (!call.res.write(bytes)) await Promise.race([once(call.res, 'drain'), once(call.res, 'close')]);
  }
  call.whole = true;
  call.res.end();
}

route('GET', 'files', list);
route('POST', 'files', create);
route('POST', 'files:register', () => {
  throw new Failure(unauthenticated('CREDENTIALS_MISSING'));
});
route('GET', 'files/{id}', (call) => sendJson(call, call.sim.files.shown(owned(call))));
route('DELETE', 'files/{id}', remove);
route('GET', 'files/{id}:download', download);
route(
  'GET',
  'files/{id}:download',
  (call) => {
    call.direct = true;
    return download(call);
  },
  { prefix: 'download/', open: () => true },
);
