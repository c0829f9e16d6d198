// SPDX-License-Identifier: MIT
// Several hosts on one database under a schedule of accidents, part of make soak: workers, their parents and web servers
// are killed, workers are stopped for a while, connections are cut or go silent, PostgreSQL restarts as after a power
// failure, tables are rebuilt. Then the sums of clients, log, counters and simulator are compared, and the limits that
// Google's stand-in knows must never have been reached.
//
//   POLLUX_FLEET_HOSTS (5), _SECONDS (90), _PROJECTS (200), _SEED: the same seed, the same schedule
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startFleet, startWire } from '../lib/fleet.mjs';
import { keyOf } from '../lib/sim.mjs';
import { startLoad, sums } from '../lib/load.mjs';
import { waitFor } from '../lib/wait.mjs';

const count = Number(process.env.POLLUX_FLEET_HOSTS || 5);
const seconds = Number(process.env.POLLUX_FLEET_SECONDS || 90);
const keys = Number(process.env.POLLUX_FLEET_PROJECTS || 200);
const seed = Number(process.env.POLLUX_FLEET_SEED || Date.now() % 100_000);
const model = 'gemini-2.5-flash';
const rpm = 6;
const paths = { unary: `/v1beta/models/${model}:generateContent`, stream: `/v1beta/models/${model}:streamGenerateContent?alt=sse`, chat: '/v1/chat/completions' };
const wires = [];
let failed = 0;

function must(what, value, wanted, met) {
  if (!met) failed++;
  console.log(`  ${met ? 'met ' : 'MISS'}  ${what}: ${value} (wanted ${wanted})`);
}

// mulberry32: small, and the same everywhere.
let state = seed;
function random() {
  state = (state + 0x6D2B79F5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const any = (list) => list[Math.floor(random() * list.length)];
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const children = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
};
const tell = (pid, name) => {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended by itself meanwhile
  }
};

// Each: what happens, and until when its cause lasts. Parents and web servers are killed once a run and host, since
// deploy/stack gives up what dies four times a minute.
function accidents(fleet) {
  const superuser = (query) => fleet.one.sql(query, 'postgres');
  const [first, ...others] = fleet.hosts;
  const victims = { parent: [...others], web: [...others] };
  const worker = () => any(fleet.hosts.flatMap((host) => children(host.pid('workers.pid'))));
  return {
    'kill -9 of a worker': async () => tell(worker(), 'SIGKILL'),
    'kill -9 of the parent of workers': async () => { const host = victims.parent.pop(); if (host) tell(host.pid('workers.pid'), 'SIGKILL'); },
    'kill -9 of a web server': async () => { const host = victims.web.pop(); if (host) tell(host.pid('web.pid'), 'SIGKILL'); },
    'a worker stands still for 20 s': async () => {
      const pid = worker();
      tell(pid, 'SIGSTOP');
      await pause(20_000);
      tell(pid, 'SIGCONT');
    },
    'connections are ended': () => superuser("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pollux_app' and random() < 0.5"),
    'PostgreSQL restarts at once': () => first.database('restart', '-m', 'immediate'),
    'a host is cut off for 5 s': async () => {
      const wire = any(wires);
      wire.cut();
      await pause(5000);
      wire.mend();
    },
    'a host hears nothing for 8 s': async () => {
      const wire = any(wires);
      wire.stall();
      await pause(8000);
      wire.mend();
    },
    'a table is locked for 3 s': () => superuser('begin; lock table pollux.quota in access exclusive mode; select pg_sleep(3); commit'),
    'tables are rebuilt': () => superuser(`vacuum full pollux.${any(['quota', 'open_request', 'worker', 'credential'])}`),
    'a dump is made': async () => execFileSync('pg_dump', ['-d', fleet.one.owner, '-n', 'pollux', '-f', '/dev/null']),
  };
}

// Whether an answer is what a client can make something of: whole, or an error in its dialect.
function wellFormed(answer, chat) {
  if (answer.status === 200) return answer.complete;
  try {
    const { error } = answer.json();
    return chat ? typeof error.type === 'string' && typeof error.message === 'string' : typeof error.status === 'string' && error.code === answer.status;
  } catch {
    return false;
  }
}

async function everywhereWithinASecond(fleet) {
  const body = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
  let longest = 0;
  for (const deny of ['gemini-2.5-f*', '']) {
    await fleet.cli('setting', 'set', 'models_deny', deny);
    const began = performance.now();
    const wanted = deny === '' ? 200 : 404;
    await Promise.all(fleet.hosts.map((host) => waitFor('the setting to act', async () => (await host.send(paths.unary, { body })).status === wanted)));
    longest = Math.max(longest, performance.now() - began);
  }
  must('a setting acts on all hosts', `${longest.toFixed(0)} ms`, 'within 1 s', longest <= 1000);
}

function startTraffic(fleet, tally) {
  return startLoad(4 * count, async (n) => {
    const host = fleet.hosts[n % count];
    const kind = ['unary', 'stream', 'chat', 'slow'][Math.floor(n / count) % 4];
    const text = kind === 'slow' ? '[[sim:chunks=15,delay=200]] hello' : 'hello';
    const body = kind === 'chat' ? { model, messages: [{ role: 'user', content: text }] } : { contents: [{ role: 'user', parts: [{ text }] }] };
    const began = performance.now();
    const answer = await host.send(paths[kind === 'slow' ? 'stream' : kind], { body }).finally(() => {
      tally.longest = Math.max(tally.longest, performance.now() - began);
    });
    if (!wellFormed(answer, kind === 'chat')) tally.odd.push(`${kind}: ${answer.status}${answer.complete ? '' : ', broken off'}`);
    return answer;
  });
}

const grouped = (list) => JSON.stringify(list.reduce((all, word) => ({ ...all, [word]: (all[word] ?? 0) + 1 }), {}));

const fleet = await startFleet(count, {
  first: { keys: false, sim: { any_key: true, latency_ms: 20, limits: { [model]: { rpm } } }, models: { [model]: { rpm } } },
  database: async (i, home) => {
    const wire = await startWire(home);
    wires.push(wire);
    return wire.conninfo;
  },
});
await fleet.one.commandWithInput(Array.from({ length: keys }, (_, i) => keyOf(i)).join('\n'), 'key', 'import', '-');
console.log(`${count} hosts, ${keys} projects, ${seconds} s of accidents, seed ${seed}`);
await everywhereWithinASecond(fleet);
const start = await sums(fleet.one);
const tally = { longest: 0, odd: [] };
const load = startTraffic(fleet, tally);
await load.reached(50);
const happening = [];
const schedule = accidents(fleet);
for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
  const what = any(Object.keys(schedule));
  console.log(`  ${((performance.now() - end) / 1000 + seconds).toFixed(0)} s: ${what}`);
  happening.push(schedule[what]().catch((error) => console.log(`  (${what}: ${error.message.split('\n')[0]})`)));
  await pause(1000 + random() * 4000);
}
await Promise.all(happening);
const before = load.seen.ok;
const began = performance.now();
await load.reached(before + 20 * count).catch(() => {});
must('served again after the last accident', `${((performance.now() - began) / 1000).toFixed(1)} s for ${load.seen.ok - before} requests`, `${20 * count} within 30 s`, load.seen.ok - before >= 20 * count);
const seen = await load.stop();
const found = await sums(fleet.one, start, { timeout: 150_000 });
const stats = await fleet.sim.stats();
const [{ twice }] = await fleet.sql('select count(*)::int as twice from (select 1 from pollux.request group by id having count(*) > 1) x');
const hosts = await Promise.all(fleet.hosts.map(async (host) => (await host.send('/health')).status));
const lost = found.requests.lost ?? 0;
console.log(`clients ${JSON.stringify(seen)}; odd ${grouped(tally.odd)}`);
console.log(`log ${JSON.stringify(found)}`);
must('limits reached at the upstream', stats.r429, '0', stats.r429 === 0);
must('answers that count as served', `${seen.ok} seen, ${found.requests.ok} logged, ${lost} lost`, 'none missing, none made up',
  seen.ok <= found.requests.ok + lost + (found.requests.client_gone ?? 0) && found.requests.ok <= seen.ok + seen.broken);
must('calls without a count', found.calls - found.counted, 'none', found.calls <= found.counted);
must('requests with two rows', twice, '0', twice === 0);
must('the longest answer', `${(tally.longest / 1000).toFixed(1)} s`, 'at most 60 s', tally.longest <= 60_000);
must('hosts that are well', hosts.join(' '), 'all 200', hosts.every((status) => status === 200));
await fleet.stop();
await Promise.all(wires.map((wire) => wire.stop()));
process.exit(failed === 0 ? 0 : 1);
