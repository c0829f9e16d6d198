#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// The upstream simulator as a program:
//   node tests/upstream/main.mjs [--port N] [--config FILE] [-c JSON]
// prints {"port":N} when it listens on 127.0.0.1, and runs until it is told to stop. See README.md.

import { readFileSync } from 'node:fs';
import { Simulator } from './simulator.mjs';

const USAGE = 'usage: node main.mjs [--port N] [--config FILE] [-c JSON]\n';

function fail(text) {
  process.stderr.write(text);
  process.exit(2);
}

function options(args) {
  const found = { port: 0, config: {} };
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1];
    if (value === undefined) fail(USAGE);
    if (args[i] === '--port') found.port = Number(value);
    else if (args[i] === '--config') Object.assign(found.config, JSON.parse(readFileSync(value, 'utf8')));
    else if (args[i] === '-c') Object.assign(found.config, JSON.parse(value));
    else fail(USAGE);
  }
  return found;
}

const { port, config } = options(process.argv.slice(2));
const simulator = new Simulator(config);
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
try {
  process.stdout.write(JSON.stringify({ port: await simulator.listen(port) }) + '\n');
} catch (error) {
  fail(`simulator: cannot listen on 127.0.0.1:${port}: ${error.message}\n`);
}
