// SPDX-License-Identifier: MIT
// The simulator as an object: its state, its HTTP server, the life of a call. main.mjs runs one
// as a program; tests may also start one in their own process.

import http from 'node:http';
import https from 'node:https';
import { readFileSync } from 'node:fs';
import { Config } from './config.mjs';
import { Failure, internal } from './errors.mjs';
import { Files } from './files.mjs';
import { Caches } from './caches.mjs';
import { Operations } from './operations.mjs';
import './uploads.mjs';
import './embeddings.mjs';
import './batches.mjs';
import './interactions.mjs';
import './stores.mjs';
import { Markers } from './directives.mjs';
import { Models } from './models.mjs';
import { OAuth } from './oauth.mjs';
import { Stats } from './stats.mjs';
import { answer, parseQuery } from './router.mjs';
import { control } from './control.mjs';
import { sendFailure } from './reply.mjs';
import { stamp } from './clock.mjs';

export class Simulator {
  constructor(given = {}) {
    this.config = new Config(given);
    this.oauth = new OAuth();
    if (given.oauth) this.oauth.merge(given.oauth);
    this.stats = new Stats(this.config);
    this.models = new Models(this.config);
    this.markers = new Markers();
    this.clearResources();
  }

  clearResources() {
    this.files = new Files(this.config);
    this.sessions = new Map();
    this.caches = new Caches();
    this.operations = new Operations();
    this.batches = new Map();
    this.interactions = new Map();
    this.things = new Map();
  }

  /** This server's own address. */
  base() {
    return `${this.config.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  configure(given) {
    this.config.merge(given);
    if (given.oauth) this.oauth.merge(given.oauth);
    if (given.models || given.only_models !== undefined) this.models.load();
  }

  /** Forgets counters (and, with {"resources": true}, files, caches and jobs). */
  reset({ resources = false, quota = true } = {}) {
    this.stats.reset();
    this.oauth.reset();
    if (quota) this.config.resetCounters();
    this.markers.reset();
    if (resources) this.clearResources();
  }

  /** What exists now, with the project that owns it. */
  resources() {
    const owners = (map, name = (key) => key) =>
      Object.fromEntries([...map].map(([key, value]) => [name(key), value.project.id]));
    return {
      files: owners(this.files.byId, (id) => 'files/' + id),
      caches: owners(this.caches.byName),
      operations: owners(this.operations.byName),
      batches: owners(this.batches),
      interactions: owners(this.interactions),
      others: owners(this.things),
      uploads: [...this.sessions.values()].map((s) => ({
        id: s.id,
        status: s.status,
        size: s.size,
        received: s.intake.size,
      })),
    };
  }

  /** Starts listening on 127.0.0.1; resolves to the port. */
  listen(port = 0) {
    const options = { keepAlive: true, noDelay: true, requestTimeout: 0, headersTimeout: 60000 };
    const { tls } = this.config;
    const handler = (req, res) => this.handle(req, res);
    this.server = tls
      ? https.createServer({ ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, handler)
      : http.createServer(options, handler);
    this.server.keepAliveTimeout = this.config.keep_alive_ms ?? 300000;
    this.server.on('clientError', (error, socket) => socket.destroy());
    return new Promise((resolve, reject) => {
      this.server.on('error', reject);
      this.server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => {
        this.port = this.server.address().port;
        resolve(this.port);
      });
    });
  }

  /** Stops listening and cuts every connection. */
  close() {
    this.server.close();
    this.server.closeAllConnections();
    this.server.unref();
  }

  async handle(req, res) {
    if (req.url.startsWith('/_sim/')) {
      await control(this, req, res);
      return;
    }
    const call = new Call(this, req, res);
    this.stats.arrived(call);
    try {
      await answer(call);
    } catch (error) {
      call.fail(error);
    }
  }
}

/** One call of the API, from its arrival to the end of its connection or answer. */
class Call {
  constructor(sim, req, res) {
    const mark = req.url.indexOf('?');
    this.sim = sim;
    this.config = sim.config;
    this.stats = sim.stats;
    this.req = req;
    this.res = res;
    this.path = mark < 0 ? req.url : req.url.slice(0, mark);
    this.query = mark < 0 ? {} : parseQuery(req.url.slice(mark + 1));
    this.started = stamp();
    this.words = null;
    this.wake = null;
    this.events = 0;
    this.gone = false;
    res.on('close', () => this.closed());
  }

  /** The answer is out, or the connection has ended before it. */
  closed() {
    this.gone = true;
    if (this.streaming) this.stats.open--;
    this.stats.answered(this, 0);
    if (this.whole && this.res.writableFinished) {
      this.stats.completed += this.cut ? 0 : 1;
      this.stats.used(this.usage);
    } else if (!this.broken) {
      this.stats.leftEarly(this);
    }
    if (this.broken) this.stats.outcome(this.broken);
    this.stats.record(this);
    if (this.wake) this.wake();
    if (this.words && this.words.hangup)
      setTimeout(() => this.req.socket.destroy(), Number(this.words.hangup) || 0);
  }

  fail(error) {
    if (!(error instanceof Failure))
      process.stderr.write(`simulator: ${this.req.method} ${this.path}: ${error.stack}\n`);
    if (this.gone) return;
    if (this.res.headersSent) this.res.destroy();
    else sendFailure(this, error instanceof Failure ? error.reply : internal());
  }
}
