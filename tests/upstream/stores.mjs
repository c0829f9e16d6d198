// SPDX-License-Identifier: MIT
// The smaller collections: file search stores with their documents (uploads and imports are
// operations), tuned models, corpora, ephemeral tokens. Enough of each to be created, listed,
// found and deleted by the project that owns it.

import { Failure, fault } from './errors.mjs';
import { generate, parseBody } from './generate.mjs';
import { now, timestamp } from './clock.mjs';
import { paged, pageSize, pageStart } from './models.mjs';
import { randomId } from './files.mjs';
import { route } from './router.mjs';
import { sendJson } from './reply.mjs';
import { upload } from './uploads.mjs';

/** Resources by full name: {name, project, shown}. */
const missing = () => new Failure(fault(404, 'Requested entity was not found.'));

function add(call, name, members) {
  const time = timestamp(now());
  const shown = { name, ...members, createTime: time, updateTime: time };
  call.sim.things.set(name, { project: call.project, shown });
  return shown;
}

function owned(call, name) {
  const found = call.sim.things.get(name);
  if (!found || found.project !== call.project) throw missing();
  return found.shown;
}

function page(call, prefix, member) {
  const inside = (name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/');
  const own = [...call.sim.things]
    .filter(([name, t]) => t.project === call.project && inside(name))
    .map(([, t]) => t.shown);
  sendJson(call, paged(member, own, pageStart(call.query.pageToken), pageSize(call.query.pageSize, 10, 100)));
}

function remove(call, name) {
  owned(call, name);
  const children = [...call.sim.things.keys()].filter((other) => other.startsWith(name + '/'));
  if (children.length > 0 && call.query.force !== 'true')
    throw new Failure(fault(400, `${name} is not empty; use force=true.`, { name: 'FAILED_PRECONDITION' }));
  for (const other of [name, ...children]) call.sim.things.delete(other);
  sendJson(call, {});
}

/** The five usual routes of a collection at the top level. */
function collection(plural, { id = 'id', body = (given) => given } = {}) {
  route('POST', plural, (call) =>
    sendJson(call, add(call, `${plural}/${randomId()}`, body(parseBody(call)))),
  );
  route('GET', plural, (call) => page(call, plural + '/', plural));
  route('GET', `${plural}/{${id}}`, (call) => sendJson(call, owned(call, `${plural}/${call[id]}`)));
  route('DELETE', `${plural}/{${id}}`, (call) => remove(call, `${plural}/${call[id]}`));
}

collection('fileSearchStores', { id: 'store' });
collection('corpora');
collection('tunedModels', { id: 'tuned', body: (given) => ({ state: 'ACTIVE', ...given }) });

/* ---- file search stores ---- */

const storeOf = (call) => 'fileSearchStores/' + call.store;

function document(call, store, members) {
  const name = `${store}/documents/${randomId()}`;
  return add(call, name, { state: 'STATE_ACTIVE', ...members });
}

function operation(call, path, complete) {
  const { operations } = call.sim;
  const name = `${storeOf(call)}/${path}/${randomId()}`;
  return operations.shown(operations.begin(name, call.project, {}, complete, call.config.operation_polls));
}

function intoStore(call) {
  const store = storeOf(call);
  call.target = `${store}:uploadToFileSearchStore`;
  if (!call.query.upload_id) owned(call, store);
  return upload(call, {
    path: call.target,
    message: null,
    check: () => {},
    finish: (later, project, metadata, content, mimeType) => {
      later.store = call.store;
      later.project = project;
      const made = document(later, store, {
        displayName: metadata.displayName,
        mimeType,
        sizeBytes: String(content.size),
      });
      return operation(later, 'upload/operations', () => ({
        response: { documentName: made.name, parent: store },
      }));
    },
  });
}

function importFile(call) {
  const store = storeOf(call);
  owned(call, store);
  const { fileName, file_name: other } = parseBody(call);
  const file = call.sim.files.find(fileName || other);
  if (!file || file.project !== call.project) throw missing();
  const made = document(call, store, {
    displayName: file.displayName,
    mimeType: file.mimeType,
    sizeBytes: String(file.size),
  });
  sendJson(
    call,
    operation(call, 'operations', () => ({ response: { documentName: made.name, parent: store } })),
  );
}

route('POST PUT', 'fileSearchStores/{store}:uploadToFileSearchStore', intoStore, {
  prefix: 'upload/',
  stream: true,
  open: (call) => Boolean(call.query.upload_id),
});
route('POST', 'fileSearchStores/{store}:importFile', importFile);
route('GET', 'fileSearchStores/{store}/documents', (call) =>
  page(call, storeOf(call) + '/documents/', 'documents'),
);
route('GET', 'fileSearchStores/{store}/documents/{id}', (call) =>
  sendJson(call, owned(call, `${storeOf(call)}/documents/${call.id}`)),
);
route('DELETE', 'fileSearchStores/{store}/documents/{id}', (call) =>
  remove(call, `${storeOf(call)}/documents/${call.id}`),
);

/* ---- tuned models answer like the flash model ---- */

function tuned(call) {
  owned(call, 'tunedModels/' + call.tuned);
  call.model = 'gemini-2.5-flash';
  return generate(call);
}

route('POST', 'tunedModels/{tuned}:generateContent', tuned, { verb: 'generateContent' });
route('POST', 'tunedModels/{tuned}:streamGenerateContent', tuned, { verb: 'streamGenerateContent' });

route('POST', 'auth_tokens', (call) =>
  sendJson(call, { name: 'auth_tokens/' + randomId(32), ...parseBody(call) }),
);
