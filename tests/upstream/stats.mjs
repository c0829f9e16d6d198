// SPDX-License-Identifier: MIT
// What the simulator saw, so that a test can compare sums: every call ends in exactly one
// status (0 when no status line was sent), counted in total, by key, project, model and day.

import { now, pacificDate, stamp } from './clock.mjs';

const CLOSED_KEPT = 1000;

export class Stats {
  constructor(config) {
    this.config = config;
    this.reset();
  }

  reset() {
    this.calls = 0;
    this.requests = 0;
    this.completed = 0;
    this.r429 = 0;
    this.statuses = {};
    this.byKey = {};
    this.byProject = {};
    this.byModel = {};
    this.byDay = {};
    this.byProjectModel = {};
    this.tokens = { prompt: 0, cached: 0, candidates: 0, thoughts: 0, tool: 0, total: 0 };
    this.keyInUrl = 0;
    this.clientSecrets = 0;
    this.urls = [];
    this.headers = {};
    this.recorded = [];
    this.maxOpen = 0;
    this.events = 0;
    this.closedEarly = 0;
    this.closed = [];
    this.outcomes = {};
    if (this.open === undefined) this.open = 0;
  }

  /** A call has arrived (its head). */
  arrived(call) {
    this.calls++;
    this.urls.push(call.req.url);
    if (this.urls.length > 2 * this.config.urls_kept) this.urls = this.urls.slice(-this.config.urls_kept);
    this.noteSecrets(call);
  }

  /** Keys belong into a header, and nothing of a client's own token belongs here at all. */
  noteSecrets(call) {
    const { url, rawHeaders } = call.req;
    if (/[?&](?:key|%6bey)=[^&]/i.test(url) || /AIza[\w-]{10}|\bAQ\.[\w-]{10}/.test(url)) this.keyInUrl++;
    if (url.includes('plx_')) this.clientSecrets++;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i];
      this.headers[name] = (this.headers[name] || 0) + 1;
      if (rawHeaders[i + 1].includes('plx_')) this.clientSecrets++;
    }
  }

  /** The call has got its status. */
  answered(call, status) {
    if (call.counted) return;
    call.counted = true;
    call.status = status;
    const success = status === 200 && call.generates ? 1 : 0;
    this.requests += success;
    if (status === 429) this.r429++;
    this.statuses[status] = (this.statuses[status] || 0) + 1;
    const day = pacificDate(now());
    const project = call.project ? call.project.id : '';
    this.bump(this.byKey, call.key || '', status, success);
    this.bump(this.byProject, project, status, success);
    this.bump(this.byDay, day, status, success);
    if (call.model) {
      this.bump(this.byModel, call.model, status, success);
      this.bump(this.byProjectModel, project + '/' + call.model, status, success);
    }
  }

  bump(table, name, status, success) {
    const row = table[name] || (table[name] = { calls: 0, requests: 0 });
    row.calls++;
    row.requests += success;
    row[status] = (row[status] || 0) + 1;
  }

  /** Tokens of an answer that was sent to its end. */
  used(usage) {
    if (!usage) return;
    this.tokens.prompt += usage.promptTokenCount || 0;
    this.tokens.cached += usage.cachedContentTokenCount || 0;
    this.tokens.candidates += usage.candidatesTokenCount || 0;
    this.tokens.thoughts += usage.thoughtsTokenCount || 0;
    this.tokens.tool += usage.toolUsePromptTokenCount || 0;
    this.tokens.total += usage.totalTokenCount || 0;
  }

  outcome(name) {
    this.outcomes[name] = (this.outcomes[name] || 0) + 1;
  }

  streamOpened() {
    this.open++;
    this.maxOpen = Math.max(this.maxOpen, this.open);
  }

  /** The peer went away before the answer was whole. */
  leftEarly(call) {
    this.closedEarly++;
    this.closed.push({
      at: stamp(),
      path: call.path,
      key: call.key,
      model: call.model,
      events: call.events,
      started: call.started,
      last_event: call.lastEvent,
    });
    if (this.closed.length > 2 * CLOSED_KEPT) this.closed = this.closed.slice(-CLOSED_KEPT);
  }

  record(call) {
    const keep = this.config.record;
    if (!keep) return;
    const raw = call.arrived || call.raw;
    this.recorded.push({
      method: call.req.method,
      url: call.req.url,
      headers: call.req.headers,
      status: call.status,
      key: call.key,
      model: call.model,
      at: call.started,
      body: raw ? raw.toString('utf8', 0, 65536) : '',
      bytes: raw ? raw.length : 0,
    });
    if (this.recorded.length > keep) this.recorded.splice(0, this.recorded.length - keep);
  }

  view(projects) {
    const time = now();
    const quota = {};
    for (const project of projects.values())
      for (const [model, row] of project.quotas) if (row) quota[project.id + '/' + model] = row.view(time);
    return {
      requests: this.requests,
      calls: this.calls,
      completed: this.completed,
      r429: this.r429,
      statuses: this.statuses,
      by_key: this.byKey,
      by_project: this.byProject,
      by_model: this.byModel,
      by_day: this.byDay,
      by_project_model: this.byProjectModel,
      tokens: this.tokens,
      quota,
      key_in_url: this.keyInUrl,
      client_secrets: this.clientSecrets,
      urls: this.urls.slice(-this.config.urls_kept),
      headers: this.headers,
      open: this.open,
      max_open: this.maxOpen,
      events: this.events,
      closed_early: this.closedEarly,
      closed: this.closed.slice(-CLOSED_KEPT),
      outcomes: this.outcomes,
      now: time,
      day: pacificDate(time),
    };
  }
}
