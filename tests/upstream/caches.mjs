// SPDX-License-Identifier: MIT
// cachedContents: create, list, get, change the expiry, delete. A cache belongs to the project
// that made it and to one model; expired ones are gone.

import { Failure, invalid, noCache } from './errors.mjs';
import { now, timestamp } from './clock.mjs';
import { normalise, parseBody, readBody } from './generate.mjs';
import { paged, pageSize, pageStart } from './models.mjs';
import { randomId } from './files.mjs';
import { requestTokens } from './tokens.mjs';
import { checkContent } from './rules.mjs';
import { route } from './router.mjs';
import { sendJson } from './reply.mjs';

export class Caches {
  byName = new Map();

  /** The cache of that name unless it has expired. */
  live(name) {
    const cache = this.byName.get(name);
    return cache && cache.expires > now() ? cache : null;
  }
}

function shown(cache) {
  return {
    name: cache.name,
    model: 'models/' + cache.model,
    createTime: timestamp(cache.created),
    updateTime: timestamp(cache.updated),
    expireTime: timestamp(cache.expires),
    displayName: cache.displayName,
    usageMetadata: { totalTokenCount: cache.tally.total },
  };
}

function owned(call) {
  const cache = call.sim.caches.live('cachedContents/' + call.id);
  if (!cache || cache.project !== call.project) throw new Failure(noCache());
  return cache;
}

function expiry({ ttl, expireTime }, usual) {
  if (ttl === undefined && expireTime === undefined) return usual;
  const expires = ttl !== undefined ? now() + parseFloat(ttl) * 1000 : Date.parse(expireTime);
  if (expires <= now())
    throw new Failure(invalid('* CachedContent.expire_time: expiration must be in the future.'));
  return expires;
}

function create(call) {
  call.parsed = parseBody(call);
  const given = readBody(call, 'CachedContent');
  const model = (given.model || '').replace(/^models\//, '');
  if (!given.model)
    throw new Failure(invalid('* CreateCachedContentRequest.cached_content.model: model is not specified'));
  call.model = model;
  call.sim.models.find(model, call.version, 'createCachedContent');
  normalise(given);
  checkContents(given);
  const tally = requestTokens(
    given,
    (fileData) => (call.sim.files.find(fileData.fileUri) || { size: 1000 }).size,
  );
  const least = call.config.cache_min_tokens;
  if (tally.total < least)
    throw new Failure(
      invalid(
        `Cached content is too small. total_token_count=${tally.total}, ` + `min_total_token_count=${least}`,
      ),
    );
  const time = now();
  const cache = {
    name: 'cachedContents/' + randomId(24),
    project: call.project,
    model,
    tally,
    displayName: given.displayName || '',
    created: time,
    updated: time,
    expires: expiry(given, time + 3600000),
  };
  call.sim.caches.byName.set(cache.name, cache);
  sendJson(call, shown(cache));
}

function checkContents(given) {
  const lines = [];
  const faults = {
    add: (path, text) => lines.push(`* CreateCachedContentRequest.cached_content.${path}: ${text}`),
  };
  given.contents.forEach((content, i) => checkContent(content, `contents[${i}]`, faults));
  if (lines.length > 0) throw new Failure(invalid(lines.join('\n')));
}

function change(call) {
  call.parsed = parseBody(call);
  const given = readBody(call, 'CachedContent');
  const cache = owned(call);
  const mask = (call.query.updateMask || call.query.update_mask || '').split(',').filter(Boolean);
  const names = new Set([...mask, ...Object.keys(given)]);
  for (const name of names)
    if (!['ttl', 'expireTime', 'expire_time', 'name'].includes(name))
      throw new Failure(invalid(`Only the expiration of a CachedContent can be updated, not ${name}.`));
  cache.expires = expiry(given, cache.expires);
  cache.updated = now();
  sendJson(call, shown(cache));
}

function list(call) {
  const own = [...call.sim.caches.byName.values()]
    .filter((c) => c.project === call.project && c.expires > now())
    .reverse();
  const size = pageSize(call.query.pageSize || call.query.page_size, 50, 1000);
  sendJson(
    call,
    paged('cachedContents', own.map(shown), pageStart(call.query.pageToken || call.query.page_token), size),
  );
}

function remove(call) {
  call.sim.caches.byName.delete(owned(call).name);
  sendJson(call, {});
}

route('POST', 'cachedContents', create, { verb: 'createCachedContent' });
route('GET', 'cachedContents', list);
route('GET', 'cachedContents/{id}', (call) => sendJson(call, shown(owned(call))));
route('PATCH', 'cachedContents/{id}', change);
route('DELETE', 'cachedContents/{id}', remove);
