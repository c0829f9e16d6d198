// SPDX-License-Identifier: MIT
// The configuration and what follows from it: projects, their keys, their quotas. Given at the
// start as a file or text, changed while running by POST /_sim/config. See README.md for every
// member.

import { Quota } from './quota.mjs';
import { setNow, setOffset } from './clock.mjs';
import { parseBehaviours } from './directives.mjs';

const DEFAULTS = {
  any_key: false,
  key_state: {} /* key -> state, over what the project says */,
  tokens: {} /* OAuth access token -> project id */,
  limits: {} /* model or "*" -> {rpm, tpm, rpd} for projects that say nothing */,
  behaviour: [],
  models: null /* null: the built-in list; a list is added to it */,
  only_models: false /* true: `models` replaces the built-in list */,
  any_model: false /* true: unknown model names answer like gemini-2.5-flash */,
  latency_ms: 0,
  chunks: 0 /* text events per stream; 0: as the text gives */,
  chunk_delay_ms: 0,
  stamp: false,
  answer: 'auto' /* "static": one fixed answer without reading the body (for benchmarks) */,
  count_rejected: false /* do 429s use quota? */,
  count_invalid: false /* do 400s use quota? */,
  strict: true /* false: request bodies are not checked */,
  strict_matching: 'empty' /* 3.x and unmatched function responses: "empty" answer or "400" */,
  check_images: true,
  signature_secret: 'upstream simulator',
  signature_bytes: 0 /* pads signatures to at least this many bytes */,
  body_max: 100 * 1024 * 1024,
  gzip: true,
  replay: null /* {"dir": "...", "models": {"name": "file"}} */,
  public_base: 'https://generativelanguage.googleapis.com',
  upload_base: null /* null: this server's own address */,
  file_processing_ms: 0,
  file_size_max: 2 * 1024 * 1024 * 1024,
  batch_polls: 1,
  operation_polls: 1,
  cache_min_tokens: 1024,
  generated_bytes: 65536,
  urls_kept: 200,
  record: 0 /* keep the last N requests with headers and body for /_sim/requests */,
};

export class Config {
  constructor(given = {}) {
    this.projects = new Map();
    this.credentials = new Map();
    Object.assign(this, structuredClone(DEFAULTS));
    this.merge(given);
  }

  merge(given) {
    const { projects, time_offset_ms: offset, now, key_state: states, tokens, oauth, ...rest } = given;
    Object.assign(this, rest);
    Object.assign(this.key_state, states);
    Object.assign(this.tokens, tokens);
    if (given.behaviour || !this.behaviours) this.behaviours = parseBehaviours(this.behaviour);
    if (offset !== undefined) setOffset(offset);
    if (now !== undefined) setNow(typeof now === 'number' ? now : Date.parse(now));
    for (const project of projects || []) this.mergeProject(project);
    if (given.limits) for (const project of this.projects.values()) project.relimit(this);
  }

  mergeProject(given) {
    const id = String(given.id);
    const project = this.projects.get(id) || new Project(id, this.projects.size);
    this.projects.set(id, project);
    project.merge(given, this);
    for (const entry of given.keys || []) {
      const { key, state = 'ok' } = typeof entry === 'string' ? { key: entry } : entry;
      this.credentials.set(key, { key, state, project });
    }
  }

  /** The credential of an API key, or null. Keys nobody configured are known when any_key is set. */
  credential(key) {
    let found = this.credentials.get(key);
    if (!found && this.any_key) {
      const project = new Project('any:' + key, this.projects.size);
      this.projects.set(project.id, project);
      found = { key, state: 'ok', project };
      this.credentials.set(key, found);
    }
    return found || null;
  }

  state(credential) {
    return (
      this.key_state[credential.key]
      || (credential.state !== 'ok' && credential.state)
      || credential.project.state
      || 'ok'
    );
  }

  /** Forgets what was counted, keeps what was configured. */
  resetCounters() {
    for (const project of this.projects.values()) project.quotas.clear();
    this.behaviours = parseBehaviours(this.behaviour);
    for (const project of this.projects.values()) project.behaviours = parseBehaviours(project.behaviour);
  }
}

class Project {
  constructor(id, ordinal) {
    this.id = id;
    this.number = String(100000000000 + ordinal);
    this.tier = 'free';
    this.state = 'ok';
    this.limits = {};
    this.behaviour = [];
    this.behaviours = [];
    this.quotas = new Map();
  }

  merge(given, config) {
    for (const name of ['number', 'tier', 'state', 'limits', 'behaviour'])
      if (given[name] !== undefined) this[name] = given[name];
    if (given.behaviour) this.behaviours = parseBehaviours(this.behaviour);
    this.relimit(config);
  }

  /** The quota of a model, or null when it has no limits. */
  quota(model, config) {
    const found = this.quotas.get(model);
    if (found !== undefined) return found;
    const limits = this.limitsOf(model, config);
    const quota = limits ? new Quota(model, limits, this.tier) : null;
    this.quotas.set(model, quota);
    return quota;
  }

  limitsOf(model, config) {
    return this.limits[model] || this.limits['*'] || config.limits[model] || config.limits['*'] || null;
  }

  /** New limits apply at once; what was counted stays. */
  relimit(config) {
    for (const [model, quota] of this.quotas) {
      const limits = this.limitsOf(model, config);
      if (quota && limits) quota.limits = limits;
      else this.quotas.delete(model);
    }
  }
}
