// SPDX-License-Identifier: MIT
// make soak: minutes of load, printed as figures.
//   - event delay through the web server at low load, median and p99
//   - 4,000 streams at once, an event a second each, for a minute: errors, memory per stream, delay per event
//   - the quota of 20 projects (RPM 10, RPD 100), three minutes, limits known and limits learned
// Names of parts on the command line choose among them (delay streams quota). POLLUX_SOAK=short is a small version for
// `make test`: it fails when a stream fails, never for being slow. POLLUX_SOAK_STREAMS and _SECONDS set the size.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { startPollux } from '../lib/pollux.mjs';
import { projects } from '../lib/sim.mjs';
import { percentile } from '../lib/figures.mjs';
import { waitFor } from '../lib/wait.mjs';

const short = process.env.POLLUX_SOAK === 'short';
const count = Number(process.env.POLLUX_SOAK_STREAMS || (short ? 300 : 4000));
const seconds = Number(process.env.POLLUX_SOAK_SECONDS || (short ? 4 : 60));
const quotaSeconds = Number(process.env.POLLUX_SOAK_QUOTA_SECONDS || 180);
const model = 'gemini-2.5-flash';
const generate = `/v1beta/models/${model}:generateContent`;
const clock = () => performance.timeOrigin + performance.now();
let missed = 0;
let failed = 0;
let passed = 0;

// What must hold whatever the machine: counted as a test. goal() is about speed and size, which only a long run tells.
function must(what, value, wanted, met) {
  if (met) passed++;
  else failed++;
  goal(what, value, wanted, met);
}

function goal(what, value, wanted, met) {
  if (!met) missed++;
  console.log(`  ${met ? 'met ' : 'MISS'}  ${what}: ${value} (wanted ${wanted})`);
}

// One stream on a bare socket: the events' stamps are read where they stand, nothing else is parsed.
function openStream(pollux, events, delay, tally) {
  const { hostname, port } = new URL(pollux.url);
  const body = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: `[[sim:stamp,chunks=${events},delay=${delay}]] go` }] }] });
  const head = `POST /v1beta/models/${model}:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${pollux.token}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname);
    let seen = 0;
    let finished = false;
    let status = 0;
    socket.setNoDelay(true);
    socket.on('connect', () => socket.write(head + body));
    socket.on('data', (data) => {
      const now = clock();
      const text = data.latin1Slice();
      status ||= Number(text.slice(9, 12));
      for (let at = text.indexOf(' t='); at >= 0; at = text.indexOf(' t=', at + 3)) {
        tally.lags.push(now - Number.parseFloat(text.slice(at + 3, at + 20)));
        seen++;
        tally.events++;
      }
      finished ||= text.includes('"finishReason"');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (status !== 200 || seen < events || !finished) tally.errors.push(`status ${status}, ${seen} of ${events} events${finished ? '' : ', no finish'}`);
      resolve();
    });
  });
}

// Proportional memory of processes, in KB.
function memory(pids) {
  return pids.reduce((sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]), 0);
}

async function delays() {
  const pollux = await startPollux({ sim: { projects: projects(4) } });
  const tally = { lags: [], events: 0, errors: [] };
  await Promise.all(Array.from({ length: 10 }, () => openStream(pollux, 100, 50, tally)));
  console.log(`event delay, 10 streams, 20 events a second each: median ${percentile(tally.lags, 50).toFixed(2)} ms, p99 ${percentile(tally.lags, 99).toFixed(2)} ms, ${tally.events} events`);
  goal('p99 of the delay', `${percentile(tally.lags, 99).toFixed(1)} ms`, 'within 30 ms', percentile(tally.lags, 99) <= 30);
  must('errors', tally.errors.length, '0', tally.errors.length === 0);
  await pollux.stop();
}

async function manyStreams() {
  const pollux = await startPollux({ sim: { projects: projects(8) }, settings: { POLLUX_THREADS: '2500', POLLUX_WORKERS: '2' } });
  const pids = await pollux.workers();
  await pollux.send(generate, { body: { contents: [{ role: 'user', parts: [{ text: 'warm' }] }] } });
  const before = memory(pids);
  const tally = { lags: [], events: 0, errors: [] };
  const streams = [];
  const ramp = Math.min(10_000, count * 2.5);
  for (let i = 0; i < count; i++) {
    streams.push(openStream(pollux, seconds, 1000, tally));
    if (i % 20 === 19) await new Promise((resolve) => { setTimeout(resolve, (ramp * 20) / count); });
  }
  await waitFor('all streams to be open', async () => (await pollux.sim.stats()).open >= count || tally.errors.length > 0, { timeout: 30_000, every: 250 }).catch((error) => console.log(error.message));
  tally.lags.length = 0;
  const { open } = await pollux.sim.stats();
  const during = memory(pids);
  await Promise.all(streams);
  const perStream = (during - before) / count;
  console.log(`${count} streams, an event a second for ${seconds} s: ${open} open at once, ${tally.events} events, ${tally.errors.length} errors`);
  console.log(`workers ${(before / 1024).toFixed(0)} MB before, ${(during / 1024).toFixed(0)} MB with all open`);
  tally.errors.slice(0, 5).forEach((error) => console.log(`  ${error}`));
  must('errors', tally.errors.length, '0', tally.errors.length === 0);
  goal('worker memory per stream', `${perStream.toFixed(1)} KB`, 'at most 80 KB', perStream <= 80);
  goal('delay per event', `median ${percentile(tally.lags, 50).toFixed(1)} ms, p99 ${percentile(tally.lags, 99).toFixed(1)} ms`, 'p99 under 100 ms', percentile(tally.lags, 99) < 100);
  await pollux.stop();
}

// 8 clients ask without pause. What the limits allow in this time: in each project a window of 10 at the start and 10
// more for each minute that passes, at most 100.
async function quota(known) {
  const limits = { rpm: 10, rpd: 100 };
  const pollux = await startPollux({ sim: { projects: projects(20, () => ({ limits: { [model]: limits } })) }, settings: { POLLUX_WORKERS: '2' },
    models: known ? { [model]: limits } : {} });
  const end = Date.now() + quotaSeconds * 1000;
  const seen = { ok: 0, refused: 0, other: {} };
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (Date.now() < end) {
      const { status, headers } = await pollux.send(generate, { body: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] } });
      if (status === 200) seen.ok++;
      else if (status === 429) {
        seen.refused++;
        await new Promise((resolve) => { setTimeout(resolve, Math.min(Number(headers['retry-after'] ?? 1), 2) * 500); });
      } else seen.other[status] = (seen.other[status] ?? 0) + 1;
    }
  }));
  const stats = await pollux.sim.stats();
  const allowed = 20 * Math.min(100, 10 * Math.floor(quotaSeconds / 60 + 0.999));
  console.log(`quota, limits ${known ? 'known' : 'unknown at first'}: ${seen.ok} answers of ${allowed} allowed in ${quotaSeconds} s, ${seen.refused} refused by Pollux, ${stats.r429} refused by the upstream, others ${JSON.stringify(seen.other)}`);
  must('429 from the upstream', stats.r429, known ? '0' : 'about one for each of 20 projects', known ? stats.r429 === 0 : stats.r429 <= 30);
  goal('of what the limits allow', `${((100 * seen.ok) / allowed).toFixed(1)} %`, 'at least 95 %', seen.ok >= 0.95 * allowed);
  await pollux.stop();
}

const parts = { delay: delays, streams: manyStreams, quota: async () => { await quota(true); await quota(false); } };
const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(parts)) await parts[name]();
if (short) console.log(`${passed} passed, ${failed} failed`);
process.exit((short ? failed : missed) === 0 ? 0 : 1);
