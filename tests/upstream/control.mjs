// SPDX-License-Identifier: MIT
// /_sim/: how a test configures the simulator and asks what it saw. Not part of the API that
// is imitated, needs no key, is not counted.

function body(req) {
  return new Promise((resolve, reject) => {
    let text = '';
    req.setEncoding('utf8');
    req.on('data', (chunk) => (text += chunk));
    req.on('end', () => resolve(text));
    req.on('error', reject);
  });
}

function reply(res, status, value) {
  const text = JSON.stringify(value) + '\n';
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  res.end(text);
}

const ROUTES = {
  'POST /_sim/config': async (sim, req) => {
    sim.configure(JSON.parse((await body(req)) || '{}'));
    return {};
  },
  'GET /_sim/stats': (sim) => sim.stats.view(sim.config.projects),
  'POST /_sim/reset': async (sim, req) => {
    sim.reset(JSON.parse((await body(req)) || '{}'));
    return {};
  },
  'GET /_sim/requests': (sim) => ({ requests: sim.stats.recorded }),
  'GET /_sim/resources': (sim) => sim.resources(),
  'GET /_sim/oauth': (sim) => sim.oauth.view(),
  'GET /_sim/health': () => ({ ok: true }),
};

/** Answers a control call. */
export async function control(sim, req, res) {
  const handle = ROUTES[`${req.method} ${req.url.split('?')[0]}`];
  if (!handle) {
    reply(res, 404, { error: 'no such control route', routes: Object.keys(ROUTES) });
    return;
  }
  try {
    reply(res, 200, await handle(sim, req));
  } catch (error) {
    reply(res, 400, { error: error.message });
  }
}
