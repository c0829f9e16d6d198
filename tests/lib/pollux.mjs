// SPDX-License-Identifier: MIT
// A private instance of the whole stack, started and stopped with deploy/stack as an operator would: its own home, its
// own ports, its own database cluster, the simulator upstream. One per test file; files share nothing.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import OpenAI from 'openai';
import { GoogleGenAI } from '@google/genai';
import { build, server, stack } from './places.mjs';
import { openStream, send, sendRaw } from './http.mjs';
import { startSim } from './sim.mjs';
import { waitFor } from './wait.mjs';

// A test process that is told to end still takes its instance down.
for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => process.exit(1));

// Starts simulator and stack. Options: sim (the simulator's config), upstream (a URL instead of the simulator),
// settings (environment), database (rows of pollux.setting), keys: false to import none, models: {name: {rpm: 10}}.
export async function startPollux({ sim: config, upstream, settings = {}, database = {}, keys = true, models = {}, home } = {}) {
  const sim = upstream ? null : await startSim(config);
  const place = home ?? path.join(newHome(), 'h');
  const listen = settings.POLLUX_LISTEN ?? `127.0.0.1:${await freePort()}`;
  const env = {
    ...process.env, POLLUX_SERVER: server, POLLUX_THREADS: '600', POLLUX_DRAIN: '20',
    ...besideOf(sim), ...settings, POLLUX_HOME: place, POLLUX_LISTEN: listen, POLLUX_UPSTREAM: upstream ?? sim.url,
  };
  const pollux = instance({ env, sim, home: place, url: `http://${listen}` });
  await pollux.start();
  for (const [name, value] of Object.entries(database)) await pollux.setting(name, value);
  for (const [name, limits] of Object.entries(models)) await pollux.model(name, limits);
  if (keys && config?.projects) await pollux.addProjects(config.projects);
  return pollux;
}

// Google's other doors: the simulator has them too.
const besideOf = (sim) => (sim ? {
  POLLUX_CODE_ASSIST: `${sim.url}/v1internal`, POLLUX_OAUTH_AUTH_URL: `${sim.url}/o/oauth2/v2/auth`,
  POLLUX_OAUTH_TOKEN_URL: `${sim.url}/token`, POLLUX_OAUTH_USERINFO_URL: `${sim.url}/oauth2/v2/userinfo`,
} : {});

function instance({ env, sim, home, url }) {
  const base = url + (env.POLLUX_PREFIX ?? '');
  const owner = env.POLLUX_DATABASE_OWNER || env.POLLUX_DATABASE || `host=${home}/run dbname=pollux user=pollux_owner`;
  const self = {
    env, sim, home, program: path.join(build, 'pollux'), url: base, origin: url, token: null, owner,
    async start() {
      const said = await run(stack, ['start'], { env });
      if (said.code !== 0) throw new Error(`deploy/stack start failed (${said.code}):\n${said.out}${said.err}`);
      self.said = said.out;
      self.token = /Client token: (plx_\S+)/.exec(said.out)?.[1] ?? self.token;
      process.once('exit', self.abandon);
      return said.out;
    },
    // What is left when a test process is ended from outside.
    abandon: () => spawnSync(stack, ['stop'], { env, timeout: 30_000 }),

    // Stops the stack, keeps the logs where the runner wants them, and fails if a sanitizer or a crash left its mark.
    // {keep: true}: home and simulator stay, for another start().
    async stop({ keep = false } = {}) {
      process.removeListener('exit', self.abandon);
      const said = await run(stack, ['stop'], { env });
      if (!keep) await sim?.stop();
      const marks = marksOfTrouble(home);
      keepLogs(home);
      if (!keep) rmSync(path.dirname(home), { recursive: true, force: true });
      if (said.code !== 0) throw new Error(`deploy/stack stop failed (${said.code}):\n${said.out}${said.err}`);
      if (marks.length > 0) throw new Error(`the logs show trouble:\n${marks.join('\n')}`);
    },

    // build/pollux with --json: what it printed, parsed.
    async cli(...args) {
      const said = await self.command(...args, '--json');
      if (said.code !== 0) throw new Error(`pollux ${args.join(' ')} failed (${said.code}): ${said.err}`);
      return JSON.parse(said.out);
    },
    command: (...args) => run(path.join(build, 'pollux'), args, { env }),
    commandWithInput: (input, ...args) => run(path.join(build, 'pollux'), args, { env, input }),

    async addProjects(projects) {
      for (const project of projects) await self.cli('key', 'add', '--project', project.id, ...project.keys);
    },
    async addClient(name, ...options) {
      return self.cli('client', 'add', name, ...options);
    },
    model(name, limits) {
      const options = Object.entries(limits).flatMap(([key, value]) => [`--${key.replaceAll('_', '-')}`, String(value)]);
      return self.cli('model', 'set', name, ...options);
    },
    // Changes a setting and waits until the workers have heard of it, which they do with their next heartbeat.
    async setting(name, value) {
      await self.cli('setting', 'set', name, String(value));
      await waitFor('the workers to take the setting up', async () => (await self.sql(`select bool_and(beat_at > at + interval '20 ms') as heard
        from pollux.worker, (select coalesce(max(changed_at), '-infinity') as at from pollux.setting) changed
        where left_at is null and swept_at is null`))[0].heard);
    },

    // Rows of a query as objects, asked as the owner of the database (or as another role).
    async sql(query, role) {
      const connection = role ? owner.replace(/user=\S+/, `user=${role}`) : owner;
      const wrapped = /^\s*(select|with|table)\b/i.test(query)
        ? `select coalesce(json_agg(row), '[]') from (${query.replace(/;\s*$/, '')}) row` : query;
      const said = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', connection, '-c', wrapped], { env });
      if (said.code !== 0) throw new Error(`psql: ${said.err}`);
      return wrapped === query ? said.out : JSON.parse(said.out);
    },
    send: (where, options = {}) => send(base, where, { token: self.token, ...options }),
    stream: (where, options = {}) => openStream(base, where, { token: self.token, ...options }),
    sendRaw: (bytes, options) => sendRaw(url, bytes, options),
    openai: (more = {}) => new OpenAI({ apiKey: self.token, baseURL: `${base}/v1`, maxRetries: 0, ...more }),
    genai: (apiKey = self.token) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: base } }),
    pid: (name) => Number(readFileSync(path.join(home, 'run', name), 'utf8').split('\n')[0]),
    workers: async () => (await self.sql('select pid from pollux.worker where pid is not null and left_at is null and swept_at is null')).map((row) => row.pid),
    // Until every answered request is settled: its row and its tokens are there.
    settled: (timeout = 15_000) => waitFor('every open request to be closed', async () =>
      (await self.sql('select count(*)::int as open from pollux.open_request').catch(() => [{ open: 1 }]))[0].open === 0, { timeout, every: 100 }),
    logs: () => readLogs(home),

    // The private cluster's own tool: ('restart', '-m', 'immediate') is a power failure and the boot after it.
    async database(...words) {
      const program = path.join(pgBin(), 'pg_ctl');
      const said = await asOwnerOf(home, program, ['-D', path.join(home, 'pg'), '-w', '-s', '-l', path.join(home, 'log/pg_ctl.log'), ...words], env);
      if (said.code !== 0) throw new Error(`pg_ctl ${words.join(' ')}: ${said.out}${said.err}`);
    },
  };
  return self;
}

// A new empty folder with a short name (Unix sockets allow 108 characters) that any user may enter.
export function newHome() {
  const place = mkdtempSync('/tmp/plx-');
  chmodSync(place, 0o755);
  return place;
}

// Below the range that outgoing connections use, so that nobody takes it between the look and the use.
export async function freePort() {
  for (let i = 0; i < 100; i++) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const free = await new Promise((resolve) => {
      const probe = net.createServer().once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port found in 100 tries');
}

// Runs a program to its end: {code, out, err}. Never through a shell.
export function run(program, args, { env = process.env, input, timeout = 120_000, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.stdout.on('data', (data) => { said.out += data; });
    child.stderr.on('data', (data) => { said.err += data; });
    child.on('error', reject);
    const ended = (code, name) => {
      clearTimeout(timer);
      resolve({ code: code ?? name, ...said });
    };
    child.on('close', ended);
    // A background service may keep the pipes that it inherited: then nothing closes them.
    child.on('exit', (code, name) => setTimeout(ended, 500, code, name));
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

export function pgBin() {
  const versions = readdirSync('/usr/lib/postgresql').filter((name) => existsSync(`/usr/lib/postgresql/${name}/bin/pg_ctl`));
  return `/usr/lib/postgresql/${versions.sort((a, b) => a - b).at(-1)}/bin`;
}

// PostgreSQL, PgBouncer and Apache's programs refuse root: a command [program, args] as the user that deploy/stack chose for
// the cluster of `home`.
export function ownersCommand(home, program, args) {
  const { uid, gid } = statSync(path.join(home, 'pg'));
  if (process.getuid() !== 0) return [program, args];
  return ['setpriv', ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--', program, ...args]];
}
export const asOwnerOf = (home, program, args, env = process.env) => run(...ownersCommand(home, program, args), { env, cwd: '/' });

function logFiles(home) {
  const folder = path.join(home, 'log');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)).filter((file) => statSync(file).isFile());
}

const readLogs = (home) => logFiles(home).map((file) => ({ file, text: readFileSync(file, 'latin1') }));

const trouble = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed|stack smashing|double free|corrupted size/;

function marksOfTrouble(home) {
  return readLogs(home).flatMap(({ file, text }) => text.split('\n').filter((line) => trouble.test(line))
    .slice(0, 5).map((line) => `${file}: ${line}`));
}

function keepLogs(home) {
  const keep = process.env.POLLUX_TEST_LOGS;
  if (keep && existsSync(path.join(home, 'log'))) {
    const name = `${path.basename(process.argv[1] ?? 'test', '.test.mjs')}-${path.basename(path.dirname(home))}`;
    cpSync(path.join(home, 'log'), path.join(keep, name), { recursive: true });
  }
}
