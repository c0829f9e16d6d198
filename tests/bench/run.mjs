// SPDX-License-Identifier: MIT
// make bench: what Pollux costs beside nothing at all. All in one run on one machine, over loopback, so that the ratios
// mean something where the figures do not:
//   - a bare reverse proxy (nginx) and Pollux before the same upstream (an nginx with one fixed answer), at 1 and at 64
//     connections, native and OpenAI dialect
//   - Portkey's gateway (npm) before that upstream, OpenAI dialect
//   - Pollux with a pool of 100,000 quota rows, 90 % of them spent, against one with 10
//   - 100,000 keys imported by the command line
// POLLUX_BENCH=short runs everything for a second, to see that it works; it prints the figures and asserts only that
// every answer was a 2xx.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, run, startPollux } from '../lib/pollux.mjs';
import { answerOf } from '../lib/scripted.mjs';
import { send } from '../lib/http.mjs';
import { pooled, waitFor } from '../lib/wait.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const short = process.env.POLLUX_BENCH === 'short';
const seconds = short ? 1 : Number(process.env.POLLUX_BENCH_SECONDS || 8);
const poolSize = short ? 2000 : 100_000;
const model = 'gemini-2.5-flash';
const native = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Say hello.' }] }] });
const chat = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] });
const nativePath = `/v1beta/models/${model}:generateContent`;
const place = mkdtempSync('/tmp/plx-bench-');
const children = [];
let failures = 0;

// ---- the other parties

async function nginx(name, config) {
  const file = path.join(place, `${name}.conf`);
  const folder = path.join(place, name);
  writeFileSync(file, `daemon off; pid ${folder}.pid; error_log ${folder}.log warn; events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}.body; proxy_temp_path ${folder}.proxy;
fastcgi_temp_path ${folder}.fastcgi; uwsgi_temp_path ${folder}.uwsgi; scgi_temp_path ${folder}.scgi; client_body_buffer_size 64k; ${config} }\n`);
  children.push(spawn('nginx', ['-p', place, '-c', file], { stdio: ['ignore', 'inherit', 'inherit'], env: withSbin }));
}

const withSbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

async function startUpstream() {
  const port = await freePort();
  const answer = JSON.stringify(answerOf([{ text: 'Hello! How can I help you today?' }]), null, 2);
  await nginx('upstream', `server { listen 127.0.0.1:${port} backlog=4096; location / { default_type "application/json; charset=UTF-8"; return 200 '${answer}'; } }`);
  return port;
}

async function startProxy(upstream) {
  const port = await freePort();
  await nginx('proxy', `upstream u { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 1000000000; }
server { listen 127.0.0.1:${port} backlog=4096; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } }`);
  return `http://127.0.0.1:${port}`;
}

async function startPortkey() {
  const program = path.join(here, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(program)) return null;
  const port = await freePort();
  children.push(spawn(process.execPath, [program, `--port=${port}`, '--headless'], { stdio: 'ignore', env: { ...process.env, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' } }));
  return `http://127.0.0.1:${port}`;
}

const up = (what, url) => waitFor(what, () => send(url, '/', { timeout: 1000 }).then(() => true, () => false));

// ---- measuring

// {rate, median, p99, bad} of `connections` clients of wrk that send the same request again and again.
async function wrk(url, { connections, body, headers = {} }) {
  const script = path.join(place, 'post.lua');
  const lines = Object.entries({ 'Content-Type': 'application/json', ...headers }).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`);
  writeFileSync(script, `wrk.method = "POST"\nwrk.body = ${JSON.stringify(body)}\n${lines.join('\n')}
done = function(summary, latency)
  io.write(string.format("RESULT %f %f %f %d %d\\n", summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.connect + summary.errors.timeout, summary.requests))
end\n`);
  const said = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]);
  const found = /RESULT (\S+) (\S+) (\S+) (\d+) (\d+)/.exec(said.out);
  if (!found) throw new Error(`wrk: ${said.out}${said.err}`);
  const [rate, median, p99, bad, total] = found.slice(1).map(Number);
  if (bad > 0 || total === 0) failures++;
  return { rate, median, p99, bad, total };
}

const rows = [];
async function measure(name, url, options) {
  const result = await wrk(url, options);
  rows.push({ name, connections: options.connections, ...result });
  const { rate, median, p99, bad } = result;
  console.log(`${name.padEnd(34)} ${String(options.connections).padStart(3)} connections  ${rate.toFixed(0).padStart(7)} requests/s  median ${median.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms${bad ? `  ${bad} FAILED` : ''}`);
  return result;
}

function goal(what, value, wanted, met) {
  console.log(`  ${met ? 'met ' : 'MISS'}  ${what}: ${value} (wanted ${wanted})`);
}

// ---- the pool of 100,000

async function fillPool(pollux) {
  const keys = Array.from({ length: poolSize }, (_, i) => `AIzaBENCH${String(i).padStart(8, '0')}abcdefghijklmnopqrstuv`).join('\n');
  const started = performance.now();
  const said = await pollux.commandWithInput(keys, 'key', 'import', '-', '--json');
  if (said.code !== 0) throw new Error(said.err);
  const took = (performance.now() - started) / 1000;
  console.log(`${poolSize} keys imported in ${took.toFixed(1)} s`);
  if (!short) goal('import of 100,000 keys', `${took.toFixed(1)} s`, 'under 30 s', took < 30);
}

// Every project gets its quota row, as it does in life: by requests that ask for the model. Then nine of ten have spent
// their day.
async function spendPool(pollux) {
  const headers = { authorization: `Bearer ${pollux.token}` };
  await waitFor('every project to have its quota row', async () => {
    await pooled(64, 16, () => send(pollux.url, nativePath, { body: native, headers: { ...headers, 'content-type': 'application/json' } }));
    const [{ rows }] = await pollux.sql(`select count(*) as rows from pollux.quota where model = '${model}'`);
    return rows >= poolSize;
  }, { timeout: 300_000 });
  await pollux.sql(`update pollux.quota set ready_at = now() + interval '6 hours', reason = 'spent_rpd' where project_id % 10 <> 0`);
  await pollux.sql('vacuum (analyze) pollux.quota');
  const [{ ready, spent }] = await pollux.sql("select count(*) filter (where ready_at = '-infinity') as ready, count(*) filter (where ready_at > now()) as spent from pollux.quota where model <> ''");
  console.log(`quota rows: ${ready} ready, ${spent} spent`);
  if (spent < 0.85 * poolSize || ready < 0.05 * poolSize) throw new Error('the pool was not made as it should be: nothing would be measured');
}

const poolOf = (upstream) => startPollux({ upstream, models: { [model]: { rpm: 1_000_000, rpd: 1_000_000_000, tpm: 1_000_000_000_000 } } });

async function main() {
  console.log(`${os.cpus().length} cores, ${os.cpus()[0].model}; ${seconds} s each; everything on this one machine`);
  const port = await startUpstream();
  const upstream = `http://127.0.0.1:${port}`;
  const proxy = await startProxy(port);
  const portkey = await startPortkey();
  const pollux = await poolOf(upstream);
  const large = await poolOf(upstream);
  try {
    await pollux.addProjects(Array.from({ length: 10 }, (_, i) => ({ id: `p${i}`, keys: [`AIzaBENCH${i}abcdefghijklmnopqrstuvwxyz012`] })));
    await Promise.all([up('the upstream', upstream), up('nginx', proxy), portkey && up('Portkey', portkey)]);
    const ours = { Authorization: `Bearer ${pollux.token}` };
    await wrk(pollux.url + nativePath, { connections: 16, body: native, headers: ours });
    const bare = {};
    const mine = {};
    const translated = {};
    for (const connections of [1, 64]) {
      await measure('upstream alone', upstream + nativePath, { connections, body: native });
      bare[connections] = await measure('nginx as reverse proxy', proxy + nativePath, { connections, body: native });
      mine[connections] = await measure('Pollux, native', pollux.url + nativePath, { connections, body: native, headers: ours });
      translated[connections] = await measure('Pollux, OpenAI dialect', `${pollux.url}/v1/chat/completions`, { connections, body: chat, headers: ours });
    }
    const theirs = portkey && await measure('Portkey, OpenAI dialect', `${portkey}/v1/chat/completions`, { connections: 64, body: chat,
      headers: { Authorization: 'Bearer AIzaBENCHportkey', 'x-portkey-provider': 'google', 'x-portkey-custom-host': upstream } });
    await fillPool(large);
    await spendPool(large);
    const pooled = [];
    for (const [name, one] of [['Pollux, 10 quota rows', pollux], [`Pollux, ${poolSize} rows, 90 % spent`, large], ['Pollux, 10 quota rows', pollux], [`Pollux, ${poolSize} rows, 90 % spent`, large]]) {
      pooled.push(await measure(name, one.url + nativePath, { connections: 64, body: native, headers: { Authorization: `Bearer ${one.token}` } }));
    }
    console.log('');
    for (const [dialect, result] of [['native', mine], ['OpenAI', translated]]) {
      const share = result[64].rate / bare[64].rate;
      goal(`share of nginx at 64 connections, ${dialect}`, share.toFixed(2), 'at least 0.25', share >= 0.25);
      const added = result[1].median - bare[1].median;
      goal(`added at the median, 1 connection, ${dialect}`, `${added.toFixed(2)} ms`, 'at most 0.6 ms', added <= 0.6);
    }
    if (theirs) goal('times Portkey at 64 connections, OpenAI', (translated[64].rate / theirs.rate).toFixed(1), 'at least 6', translated[64].rate / theirs.rate >= 6);
    else console.log('  Portkey\'s gateway is not installed: not compared');
    const kept = (pooled[1].rate + pooled[3].rate) / (pooled[0].rate + pooled[2].rate);
    goal(`rate with ${poolSize} rows against 10`, kept.toFixed(2), 'at least 0.8', kept >= 0.8);
  } finally {
    await pollux.stop();
    await large.stop();
  }
}

try {
  await main();
} finally {
  for (const child of children) child.kill('SIGTERM');
  rmSync(place, { recursive: true, force: true });
}
if (failures > 0) console.log(`${failures} runs had answers other than 2xx`);
if (short) console.log(failures === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
process.exit(failures === 0 ? 0 : 1);
