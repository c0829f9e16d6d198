// SPDX-License-Identifier: MIT
// Batch jobs: created inline or from a JSONL file, PENDING, then RUNNING, then done; polled,
// listed, cancelled, deleted. Their answers are made by the same code as everyone else's.

import { Failure, badRequest, fault, invalid, noResource } from './errors.mjs';
import { checkEmbedding, embedding } from './embeddings.mjs';
import { checkGenerate } from './rules.mjs';
import { normalise, parseBody, readBody } from './generate.mjs';
import { now, timestamp } from './clock.mjs';
import { paged, pageSize, pageStart } from './models.mjs';
import { plan } from './answers.mjs';
import { randomId } from './files.mjs';
import { read } from './proto.mjs';
import { route } from './router.mjs';
import { sendJson } from './reply.mjs';
import { whole } from './respond.mjs';
import { createHash } from 'node:crypto';

const TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1main.';

/** Kinds of batch: how one request is read, checked and answered, and what its results are called. */
const KINDS = {
  batchGenerateContent: {
    message: 'BatchGenerateContentRequest',
    type: 'GenerateContentBatch',
    one: 'GenerateContentRequest',
    inlined: 'inlinedResponses',
    answer: (request, context) => {
      normalise(request);
      checkGenerate(request, context.about, context.config);
      return whole(context, plan({ ...context, body: request }));
    },
  },
  asyncBatchEmbedContent: {
    message: 'AsyncBatchEmbedContentRequest',
    type: 'EmbedContentBatch',
    one: 'EmbedContentRequest',
    inlined: 'inlinedEmbedContentResponses',
    answer: (request, context) => {
      checkEmbedding(request, context, 'EmbedContentRequest', false);
      return { embedding: embedding(request, context) };
    },
  },
};

function contextOf(call) {
  const { sim, config, model, about, project } = call;
  return {
    sim,
    config,
    model,
    about,
    project,
    words: {},
    query: {},
    stream: false,
    files: sim.files,
    fileSize: () => 1000,
  };
}

function create(call) {
  const kind = KINDS[call.verb];
  call.about = call.sim.models.find(call.model, call.version, call.verb);
  call.parsed = parseBody(call);
  const { batch } = readBody(call, kind.message);
  if (!batch || !batch.inputConfig)
    throw new Failure(invalid(`* ${kind.message}.batch.input_config: input_config is not specified`));
  const { requests, fileName } = batch.inputConfig;
  const items = fileName ? linesOf(call, fileName, kind) : (requests && requests.requests) || [];
  if (items.length === 0)
    throw new Failure(invalid(`* ${kind.message}.batch.input_config.requests: requests is not specified`));
  const time = now();
  const job = {
    name: 'batches/' + randomId(24),
    kind,
    items,
    fileName,
    project: call.project,
    model: call.model,
    displayName: batch.displayName || '',
    state: 'PENDING',
    created: time,
    updated: time,
    ended: 0,
    polls: call.config.batch_polls,
    context: contextOf(call),
  };
  call.sim.batches.set(job.name, job);
  sendJson(call, shown(job));
}

/** Items of an input file: {key, request} per line. */
function linesOf(call, fileName, kind) {
  const file = call.sim.files.find(fileName);
  if (!file || file.project !== call.project)
    throw new Failure(noResource('File', fileName.replace(/^files\//, '')));
  if (!file.kept) throw new Failure(invalid(`The file ${fileName} is too large for this simulator to read.`));
  return file.kept
    .toString()
    .split('\n')
    .filter((row) => row.trim())
    .map((row) => lineItem(row, kind));
}

function lineItem(row, kind) {
  const violations = [];
  try {
    const { key, request } = JSON.parse(row);
    const item = { metadata: { key }, request: read(request, kind.one, violations) };
    return violations.length > 0 ? { ...item, bad: badRequest(violations) } : item;
  } catch (error) {
    return { metadata: {}, bad: invalid('Malformed line: ' + error.message) };
  }
}

function advance(job, sim) {
  if (job.state === 'PENDING' && job.polls-- > 0) job.state = 'RUNNING';
  else if (job.state === 'PENDING' || (job.state === 'RUNNING' && job.polls-- <= 0)) complete(job, sim);
  job.updated = now();
}

function complete(job, sim) {
  const answers = job.items.map((item) => result(item, job));
  job.failed = answers.filter((a) => a.error).length;
  job.state = 'SUCCEEDED';
  job.ended = now();
  if (!job.fileName) {
    job.output = { [job.kind.inlined]: { [job.kind.inlined]: answers } };
    return;
  }
  const rows = answers.map(
    ({ metadata, ...rest }) => JSON.stringify({ key: metadata && metadata.key, ...rest }) + '\n',
  );
  const kept = Buffer.from(rows.join(''));
  const sha256 = createHash('sha256').update(kept).digest('hex');
  const given = { name: 'files/batch-' + job.name.slice(8), mimeType: 'application/jsonl' };
  sim.files.add(job.project, given, { size: kept.length, sha256, kept }, 'GENERATED');
  job.output = { responsesFile: given.name };
}

function result(item, job) {
  try {
    if (item.bad) throw new Failure(item.bad);
    return { response: job.kind.answer(item.request || {}, job.context), metadata: item.metadata };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message } = error.reply.error;
    return { error: { code: code === 400 ? 3 : 13, message }, metadata: item.metadata };
  }
}

function stats(job) {
  const over = job.ended > 0 && job.output;
  const text = (n) => (n ? String(n) : undefined);
  return {
    requestCount: text(job.items.length),
    pendingRequestCount: over ? undefined : text(job.items.length),
    successfulRequestCount: over ? text(job.items.length - job.failed) : undefined,
    failedRequestCount: over ? text(job.failed) : undefined,
  };
}

function shown(job) {
  const type = TYPE + job.kind.type;
  const metadata = {
    '@type': type,
    model: 'models/' + job.model,
    displayName: job.displayName,
    createTime: timestamp(job.created),
    endTime: job.ended ? timestamp(job.ended) : undefined,
    updateTime: timestamp(job.updated),
    batchStats: stats(job),
    state: 'BATCH_STATE_' + job.state,
    name: job.name,
    output: job.output,
  };
  const error = job.state === 'CANCELLED' ? { code: 1, message: 'The operation was cancelled.' } : undefined;
  return {
    name: job.name,
    metadata,
    done: job.ended ? true : undefined,
    error,
    response: job.output ? { '@type': type + 'Output', ...job.output } : undefined,
  };
}

function owned(call) {
  const job = call.sim.batches.get('batches/' + call.id);
  if (!job || job.project !== call.project) throw new Failure(fault(404, 'Requested entity was not found.'));
  return job;
}

function get(call) {
  const job = owned(call);
  if (!job.ended) advance(job, call.sim);
  sendJson(call, shown(job));
}

function cancel(call) {
  const job = owned(call);
  if (!job.ended) Object.assign(job, { state: 'CANCELLED', ended: now(), updated: now() });
  sendJson(call, {});
}

function list(call) {
  const own = [...call.sim.batches.values()].filter((job) => job.project === call.project).reverse();
  const size = pageSize(call.query.pageSize || call.query.page_size, 50, 1000);
  sendJson(
    call,
    paged('operations', own.map(shown), pageStart(call.query.pageToken || call.query.page_token), size),
  );
}

function remove(call) {
  call.sim.batches.delete(owned(call).name);
  sendJson(call, {});
}

for (const verb of Object.keys(KINDS)) route('POST', `models/{model}:${verb}`, create, { verb });
route('GET', 'batches', list);
route('GET', 'batches/{id}', get);
route('POST', 'batches/{id}:cancel', cancel);
route('DELETE', 'batches/{id}', remove);
