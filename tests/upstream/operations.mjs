// SPDX-License-Identifier: MIT
// Long-running operations: one table for what videos, store uploads and tunings leave behind.
// An operation is done after a number of polls (config operation_polls). Also predict and
// predictLongRunning, which make pictures and films.

import { Failure, invalid, noResource } from './errors.mjs';
import { admitted, parseBody, readBody } from './generate.mjs';
import { image } from './samples.mjs';
import { randomId } from './files.mjs';
import { refuseLate } from './faults.mjs';
import { route } from './router.mjs';
import { sendJson } from './reply.mjs';

export class Operations {
  byName = new Map();

  /** Begins an operation; complete() makes {response} or {error} when it is first seen done. */
  begin(name, project, metadata, complete, polls) {
    const operation = { name, project, metadata, complete, polls, result: null };
    this.byName.set(name, operation);
    return operation;
  }

  /** One poll: counts down, completes, shows. */
  poll(operation) {
    if (!operation.result && operation.polls-- <= 0) operation.result = operation.complete();
    return this.shown(operation);
  }

  shown({ name, metadata, result }) {
    return { name, metadata, ...(result ? { done: true, ...result } : {}) };
  }
}

function poll(call, name) {
  const operation = call.sim.operations.byName.get(name);
  if (!operation || operation.project !== call.project) throw new Failure(noResource('Operation', name));
  sendJson(call, call.sim.operations.poll(operation));
}

route('GET', 'models/{model}/operations/{id}', (call) =>
  poll(call, `models/${call.model}/operations/${call.id}`),
);
route('GET', 'tunedModels/{tuned}/operations/{id}', (call) =>
  poll(call, `tunedModels/${call.tuned}/operations/${call.id}`),
);
route('GET', 'fileSearchStores/{store}/operations/{id}', (call) =>
  poll(call, `fileSearchStores/${call.store}/operations/${call.id}`),
);
route('GET', 'fileSearchStores/{store}/upload/operations/{id}', (call) =>
  poll(call, `fileSearchStores/${call.store}/upload/operations/${call.id}`),
);

/* ---- predict ---- */

async function prepare(call) {
  call.generates = true;
  call.about = call.sim.models.find(call.model, call.version, call.verb);
  call.parsed = parseBody(call);
  const body = readBody(call, 'PredictRequest');
  if (!body.instances || !body.instances[0] || !body.instances[0].prompt)
    throw new Failure(invalid('* PredictRequest.instances[0].prompt: prompt is not specified'));
  return admitted(call, 10) && !(call.words && (await refuseLate(call))) ? body : null;
}

async function predict(call) {
  const body = await prepare(call);
  if (!body) return;
  const parameters = body.parameters || {};
  const count = Number(parameters.sampleCount || 1);
  if (!(count >= 1 && count <= 4)) throw new Failure(invalid('sampleCount must be between 1 and 4.'));
  if (/\bforbidden\b/i.test(body.instances[0].prompt)) {
    sendJson(call, {
      predictions: parameters.includeRaiReason
        ? [{ raiFilteredReason: 'The prompt was filtered.' }]
        : undefined,
    });
    return;
  }
  sendJson(call, {
    predictions: Array.from({ length: count }, () => ({
      mimeType: 'image/png',
      bytesBase64Encoded: image(),
    })),
  });
}

async function predictLong(call) {
  const body = await prepare(call);
  if (!body) return;
  const { files, operations } = call.sim;
  const complete = () => {
    const size = call.config.generated_bytes;
    const file = files.add(
      call.project,
      { mimeType: 'video/mp4' },
      { size, sha256: '0'.repeat(64), kept: null },
      'GENERATED',
    );
    return {
      response: {
        '@type': 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse',
        generateVideoResponse: { generatedSamples: [{ video: { uri: files.shown(file).downloadUri } }] },
      },
    };
  };
  const name = `models/${call.model}/operations/${randomId()}`;
  sendJson(
    call,
    operations.shown(operations.begin(name, call.project, undefined, complete, call.config.operation_polls)),
  );
}

route('POST', 'models/{model}:predict', predict, { verb: 'predict' });
route('POST', 'models/{model}:predictLongRunning', predictLong, { verb: 'predictLongRunning' });
