// SPDX-License-Identifier: MIT
// What a generateContent request refers to: files and a cache. They must exist, belong to the
// caller's project, be ready, and (caches) be of the same model.

import { Failure, invalid, noCache, noResource } from './errors.mjs';

export function checkResources(call) {
  call.files = call.sim.files;
  call.fileSize = (fileData) => {
    const file = call.files && call.files.find(fileData.fileUri);
    return file ? file.size : 1000;
  };
  for (const content of [call.body.systemInstruction, ...call.body.contents])
    for (const part of (content && content.parts) || []) checkPart(call, part);
  if (call.body.cachedContent) call.cache = checkCache(call);
}

function checkPart(call, part) {
  if (part.fileData) checkFile(call, part.fileData.fileUri);
  for (const inner of (part.functionResponse && part.functionResponse.parts) || [])
    if (inner.fileData) checkFile(call, inner.fileData.fileUri);
}

/** A URI of the Files API must name an active file of the project; other URIs are Google's to fetch. */
function checkFile(call, uri) {
  const id = /\/files\/([^/?:]+)$/.exec(uri);
  const own = /^(https?:\/\/[^/]+\/(v1beta|v1alpha|v1)\/)?\/?files\//.test(uri);
  if (!id || !own) return;
  const file = call.files && call.files.get(id[1]);
  if (!file || file.project !== call.project) throw new Failure(noResource('File', id[1]));
  if (call.files.state(file) !== 'ACTIVE')
    throw new Failure(invalid(`The File ${id[1]} is not in an ACTIVE state and usage is not allowed.`));
}

function checkCache(call) {
  const { body } = call;
  if (body.systemInstruction || body.tools || body.toolConfig)
    throw new Failure(
      invalid(
        'CachedContent can not be used with GenerateContent request setting '
          + 'system_instruction, tools or tool_config.\n\n'
          + 'Proposed fix: move those values to CachedContent from GenerateContent request.',
      ),
    );
  const cache = call.sim.caches && call.sim.caches.live(body.cachedContent);
  if (!cache || cache.project !== call.project) throw new Failure(noCache());
  if (cache.model !== call.model)
    throw new Failure(
      invalid(
        `Model used by GenerateContent request (models/${call.model}) and CachedContent `
          + `(models/${cache.model}) has to be the same.`,
      ),
    );
  return cache;
}
