// SPDX-License-Identifier: MIT
// Several hosts on one database: the first brings the private cluster and the simulator, the others have a home, a web
// server and workers of their own and reach the database through the first one's socket, or through a wire of the
// test's own that can be cut.
import net from 'node:net';
import path from 'node:path';
import { startPollux } from './pollux.mjs';

// Starts `count` hosts. `first`: options of startPollux() for the first one; `settings`: environment of all;
// `database(i, home)`: the connection string of the i-th host's workers (i from 2 on), by default the socket.
export async function startFleet(count, { first = {}, settings = {}, database = socketOf } = {}) {
  const one = await startPollux({ ...first, settings: { POLLUX_WORKERS: '1', ...settings, ...first.settings } });
  const fleet = { one, hosts: [one], sim: one.sim, sql: one.sql, cli: one.cli, stop };
  async function stop() {
    const ends = await Promise.allSettled(fleet.hosts.filter((host) => host !== one).map((host) => host.stop()));
    await one.stop();
    const bad = ends.find((end) => end.status === 'rejected');
    if (bad) throw bad.reason;
  }
  try {
    const others = Array.from({ length: count - 1 }, async (_, i) => {
      const host = await startPollux({ upstream: one.sim.url, keys: false, settings: {
        POLLUX_WORKERS: '1', ...settings, POLLUX_DATABASE: await database(i + 2, one.home), POLLUX_DATABASE_OWNER: one.owner,
        POLLUX_MASTER_KEY_FILE: path.join(one.home, 'master.key'), POLLUX_OAUTH_TOKEN_URL: `${one.sim.url}/token` } });
      host.token = one.token;
      fleet.hosts.push(host);
    });
    await Promise.all(others);
    return fleet;
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

const socketOf = (i, home) => `host=${home}/run dbname=pollux user=pollux_app`;

// A wire to the database of `home`, by TCP: conninfo for who uses it, and what may happen to it.
export async function startWire(home) {
  const pairs = new Set();
  const self = { mode: 'open', opened: 0, get pairs() { return pairs.size; } };
  const server = net.createServer((client) => {
    self.opened++;
    if (self.mode === 'refuse') return client.resetAndDestroy();
    if (self.mode === 'slow') {
      setTimeout(() => client.resetAndDestroy(), self.after);
      return client.on('error', () => {});
    }
    const database = net.connect(path.join(home, 'run/.s.PGSQL.5432'));
    const pair = { client, database };
    pairs.add(pair);
    for (const [from, to] of [[client, database], [database, client]]) {
      from.on('data', (bytes) => { if (self.mode !== 'stall') to.write(bytes); });
      from.on('error', () => {});
      from.on('close', () => {
        pairs.delete(pair);
        if (self.mode !== 'stall') to.destroy();
      });
    }
    return pair;
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  self.conninfo = `host=127.0.0.1 port=${port} dbname=pollux user=pollux_app`;
  const end = (how) => pairs.forEach(({ client, database }) => {
    client[how]();
    database.destroy();
  });
  // Every connection breaks now, and those to come are refused: as when the database's machine is switched off.
  self.cut = () => {
    self.mode = 'refuse';
    end('resetAndDestroy');
  };
  // Nothing gets through any more and nobody is told: what is sent is taken and thrown away.
  self.stall = () => { self.mode = 'stall'; };
  // Connections that are there go on; new ones are refused, but only after `ms` milliseconds.
  self.slow = (ms) => Object.assign(self, { mode: 'slow', after: ms });
  // All is well again; connections that had stalled are of no use any more, but nobody tells.
  self.mend = () => { self.mode = 'open'; };
  self.stop = () => new Promise((resolve) => {
    end('destroy');
    server.close(resolve);
  });
  return self;
}
