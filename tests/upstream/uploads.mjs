// SPDX-License-Identifier: MIT
// Uploads: resumable (start, upload, finalize, query, cancel), multipart and raw. Whatever the
// size, bytes go through a hash and are not kept. The upload URL is this server's own, and
// whoever has it may use it: no key is asked for.

import { createHash, randomBytes } from 'node:crypto';
import { Failure, badRequest, fault, invalid } from './errors.mjs';
import { read } from './proto.mjs';
import { head, sendFailure, sendJson } from './reply.mjs';
import { readBytes, route } from './router.mjs';

export const GRANULARITY = 8 * 1024 * 1024;
const KEPT = 1024 * 1024;

/** Takes bytes: their number, their hash, and the bytes themselves while they are few. */
class Intake {
  constructor() {
    this.size = 0;
    this.hash = createHash('sha256');
    this.kept = [];
  }

  take(bytes) {
    this.size += bytes.length;
    this.hash.update(bytes);
    if (this.kept && this.size <= KEPT) this.kept.push(Buffer.from(bytes));
    else this.kept = null;
  }

  copy() {
    const other = new Intake();
    Object.assign(other, { size: this.size, hash: this.hash.copy(), kept: this.kept && [...this.kept] });
    return other;
  }

  done() {
    return { size: this.size, sha256: this.hash.digest('hex'), kept: this.kept && Buffer.concat(this.kept) };
  }
}

/** Metadata is JSON; Google's own samples send it with single quotes. */
function parseMetadata(text, message) {
  let value;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    try {
      value = JSON.parse(text.replace(/'/g, '"'));
    } catch (error) {
      throw new Failure(badRequest([{ description: `Invalid JSON payload received. ${error.message}` }]));
    }
  }
  const violations = [];
  const result = message ? read(value, message, violations) : value;
  if (violations.length > 0) throw new Failure(badRequest(violations));
  return result;
}

/**
 * What an upload becomes: {message: proto of the metadata, finish(call, project, metadata, content)
 * returning the body of the final answer}. One for files, one for file search stores.
 */
function fileTarget() {
  return {
    path: 'files',
    message: 'CreateFileRequest',
    check: (call, metadata, size) => call.sim.files.checkNew(metadata.file || {}, size),
    finish: (call, project, metadata, content, mimeType) => {
      const { files } = call.sim;
      const given = metadata.file || {};
      return {
        file: files.shown(files.add(project, { ...given, mimeType: given.mimeType || mimeType }, content)),
      };
    },
  };
}

/** Handles one call to an upload route. */
export async function upload(call, target) {
  if (call.query.upload_id) return resume(call);
  const protocol = (call.req.headers['x-goog-upload-protocol'] || call.query.uploadType || '').toLowerCase();
  if (protocol === 'resumable') return start(call, target);
  if (protocol === 'multipart') return multipart(call, target);
  if (protocol === 'raw' || protocol === 'media') return raw(call, target);
  await readBytes(call, 0);
  throw new Failure(invalid('The upload protocol is missing: X-Goog-Upload-Protocol.'));
}

/* ---- resumable ---- */

async function start(call, target) {
  const { headers } = call.req;
  const body = await readBytes(call, KEPT);
  if ((headers['x-goog-upload-command'] || 'start').trim() !== 'start')
    throw new Failure(invalid('X-Goog-Upload-Command must be start.'));
  const metadata = parseMetadata((body || '').toString(), target.message);
  const declared = headers['x-goog-upload-header-content-length'];
  const size = declared === undefined ? null : Number(declared);
  if (size !== null && !Number.isInteger(size))
    throw new Failure(invalid('X-Goog-Upload-Header-Content-Length is not a number.'));
  target.check(call, metadata, size || 0);
  const id = 'AHmU' + randomBytes(36).toString('base64url');
  const mimeType = headers['x-goog-upload-header-content-type'];
  call.sim.sessions.set(id, {
    id,
    target,
    metadata,
    size,
    mimeType,
    project: call.project,
    intake: new Intake(),
    status: 'active',
  });
  const url = uploadUrl(call, target, id);
  head(call, 200, [
    'X-Goog-Upload-URL',
    url,
    'X-Goog-Upload-Control-URL',
    url,
    'X-Goog-Upload-Status',
    'active',
    'X-Goog-Upload-Chunk-Granularity',
    String(GRANULARITY),
    'X-GUploader-UploadID',
    id,
    'Content-Type',
    'text/plain; charset=utf-8',
    'Content-Length',
    '0',
  ]);
  call.whole = true;
  call.res.end();
}

/** A key that came in the URL of the start comes back in the upload URL. */
function uploadUrl(call, target, id) {
  const key = call.query.key ? `key=${encodeURIComponent(call.query.key)}&` : '';
  return (
    `${call.config.upload_base || call.sim.base()}/upload/${call.version}/${call.target || target.path}`
    + `?${key}upload_id=${id}&upload_protocol=resumable`
  );
}

async function resume(call) {
  const session = call.sim.sessions.get(call.query.upload_id);
  const commands = (call.req.headers['x-goog-upload-command'] || '')
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
  if (!session) {
    await readBytes(call, 0);
    throw new Failure(fault(404, 'Upload session not found.'));
  }
  call.project = session.project;
  if (commands.includes('query') || commands.includes('cancel') || session.status !== 'active') {
    await readBytes(call, 0);
    return commands.includes('query') ? query(call, session) : cancelOrRefuse(call, session, commands);
  }
  if (commands.length === 0 || commands.some((word) => word !== 'upload' && word !== 'finalize')) {
    await readBytes(call, 0);
    return refuse(call, session, 400, 'X-Goog-Upload-Command is missing or unknown.');
  }
  return commands.includes('upload') ? chunk(call, session, commands) : finalize(call, session);
}

const statusOf = (session) => ['X-Goog-Upload-Status', session.status];

function bare(call, session, extra = []) {
  head(call, 200, [
    ...statusOf(session),
    ...extra,
    'Content-Type',
    'text/plain; charset=utf-8',
    'Content-Length',
    '0',
  ]);
  call.whole = true;
  call.res.end();
}

function query(call, session) {
  bare(call, session, [
    'X-Goog-Upload-Size-Received',
    String(session.intake.size),
    'X-Goog-Upload-Chunk-Granularity',
    String(GRANULARITY),
  ]);
}

function cancelOrRefuse(call, session, commands) {
  if (!commands.includes('cancel') || session.status !== 'active')
    return refuse(
      call,
      session,
      400,
      `Upload has already been ${session.status === 'final' ? 'finalized' : 'cancelled'}.`,
    );
  session.status = 'cancelled';
  return bare(call, session);
}

function refuse(call, session, status, message) {
  sendFailure(call, { ...fault(status, message), extra: statusOf(session) });
}

/** Takes one chunk. What is wrong with it leaves the session as it was, so that it can be sent again. */
async function chunk(call, session, commands) {
  const { headers } = call.req;
  const offset = Number(headers['x-goog-upload-offset']);
  const last = commands.includes('finalize');
  if (headers['x-goog-upload-offset'] === undefined || offset !== session.intake.size) {
    await readBytes(call, 0);
    return refuse(
      call,
      session,
      400,
      `Upload offset ${headers['x-goog-upload-offset']} does not match the `
        + `${session.intake.size} bytes received.`,
    );
  }
  const trial = session.intake.copy();
  if (!(await drink(call, trial))) return undefined;
  const arrived = trial.size - offset;
  if (session.size !== null && trial.size > session.size)
    return refuse(call, session, 400, `More bytes (${trial.size}) than were announced (${session.size}).`);
  if (!last && arrived % GRANULARITY !== 0)
    return refuse(
      call,
      session,
      400,
      `Chunk size ${arrived} is not a multiple of the granularity ${GRANULARITY}.`,
    );
  session.intake = trial;
  return last ? finalize(call, session) : bare(call, session);
}

/** Reads the body into the intake; false when the peer left in the middle. */
function drink(call, intake) {
  return new Promise((resolve) => {
    call.req.on('data', (bytes) => intake.take(bytes));
    call.req.on('end', () => resolve(true));
    call.req.on('close', () => resolve(call.req.complete));
    call.req.on('error', () => resolve(false));
  });
}

async function finalize(call, session) {
  if (!call.req.readableEnded) await readBytes(call, 0);
  if (session.size !== null && session.intake.size !== session.size)
    return refuse(call, session, 400, `Only ${session.intake.size} of ${session.size} bytes were received.`);
  session.status = 'final';
  const content = session.intake.done();
  return sendJson(
    call,
    session.target.finish(call, session.project, session.metadata, content, session.mimeType),
    statusOf(session),
  );
}

/* ---- in one piece ---- */

async function raw(call, target) {
  const intake = new Intake();
  if (!(await drink(call, intake))) return undefined;
  target.check(call, {}, intake.size);
  const type = call.req.headers['x-goog-upload-header-content-type'] || call.req.headers['content-type'];
  return sendJson(call, target.finish(call, call.project, {}, intake.done(), type), [
    'X-Goog-Upload-Status',
    'final',
  ]);
}

async function multipart(call, target) {
  const boundary = /boundary="?([^";]+)"?/i.exec(call.req.headers['content-type'] || '');
  if (!boundary) {
    await readBytes(call, 0);
    throw new Failure(invalid('Multipart body without a boundary.'));
  }
  const parser = new Related(boundary[1]);
  if (!(await drink(call, { take: (bytes) => parser.take(bytes) }))) return undefined;
  if (parser.stage !== 'end')
    throw new Failure(invalid('Multipart body is malformed: it needs metadata, then the bytes.'));
  const metadata = parseMetadata(parser.metadata, target.message);
  target.check(call, metadata, parser.intake.size);
  return sendJson(call, target.finish(call, call.project, metadata, parser.intake.done(), parser.type), [
    'X-Goog-Upload-Status',
    'final',
  ]);
}

/** multipart/related with two parts, read as it comes: JSON first, then bytes of any length. */
class Related {
  constructor(boundary) {
    this.delimiter = Buffer.from('\r\n--' + boundary);
    this.held = Buffer.from('\r\n');
    this.stage = 'metadata';
    this.intake = new Intake();
  }

  take(bytes) {
    if (this.stage === 'end' || this.stage === 'bad') return;
    this.held = this.held.length > 0 ? Buffer.concat([this.held, bytes]) : bytes;
    if (this.stage === 'metadata') this.readMetadata();
    if (this.stage === 'bytes') this.readContent();
  }

  /** Both part heads and the JSON between them. */
  readMetadata() {
    const first = this.part(this.held.indexOf(this.delimiter));
    const next = first && this.held.indexOf(this.delimiter, first.body);
    const second = first && next >= 0 && this.part(next);
    if (this.held.length > KEPT && !second) this.stage = 'bad';
    if (!second) return;
    this.metadata = this.held.toString('utf8', first.body, next);
    this.type = (/content-type:\s*([^\r\n]+)/i.exec(second.head) || [])[1];
    this.held = this.held.subarray(second.body);
    this.stage = 'bytes';
  }

  part(at) {
    const end = at < 0 ? -1 : this.held.indexOf('\r\n\r\n', at + this.delimiter.length);
    return end < 0 ? null : { head: this.held.toString('latin1', at, end), body: end + 4 };
  }

  readContent() {
    const end = this.held.indexOf(this.delimiter);
    const safe = end >= 0 ? end : Math.max(0, this.held.length - this.delimiter.length);
    this.intake.take(this.held.subarray(0, safe));
    this.held = this.held.subarray(safe);
    if (end >= 0) this.stage = 'end';
  }
}

const FILES = fileTarget();
const hasSession = (call) => Boolean(call.query.upload_id);

route('POST PUT', 'files', (call) => upload(call, FILES), {
  prefix: 'upload/',
  stream: true,
  open: hasSession,
});
