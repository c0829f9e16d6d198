// SPDX-License-Identifier: MIT
// The simulated Gemini API (tests/upstream) as a child process, and what a test may ask of it.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { checkout } from './places.mjs';
import { send } from './http.mjs';

// Starts a simulator with `config`; it lives until stop() or the end of the test process.
export async function startSim(config = {}) {
  const child = spawn(process.execPath, [path.join(checkout, 'tests/upstream/main.mjs'), '--port', '0', '-c', JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const port = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line).port));
    child.once('exit', (code) => reject(new Error(`the simulator ended at once with code ${code}`)));
  });
  const url = `http://127.0.0.1:${port}`;
  const control = async (name, body) => (await send(url, `/_sim/${name}`, { body, method: body === undefined ? 'GET' : 'POST' })).json();
  return {
    url, port,
    configure: (change) => control('config', change),
    stats: () => control('stats'),
    control,
    reset: () => control('reset', {}),
    stop: () => new Promise((resolve) => {
      process.removeListener('exit', kill);
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', resolve);
      return kill();
    }),
  };
}

// `count` projects p1, p2, ... with one key each, all alike but for what `more(i)` says.
export function projects(count, more = () => ({})) {
  return Array.from({ length: count }, (_, i) => ({ id: `p${i + 1}`, keys: [keyOf(i + 1)], ...more(i) }));
}

// The key of project number i: shaped like a real one, and easy to search for.
export const keyOf = (i) => `AIzaSyTEST${String(i).padStart(4, '0')}${'abcdefghijklmnopqrstuvwxy'}`;
