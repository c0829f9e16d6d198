// SPDX-License-Identifier: MIT
// Where things are.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

// The programs under test: build/, or another build of the same (POLLUX_BUILD, as deploy/stack reads it).
export const build = path.resolve(checkout, process.env.POLLUX_BUILD || 'build');

// Which web server stands in front (POLLUX_SERVER, as deploy/stack reads it).
export const server = process.env.POLLUX_SERVER || 'lighttpd';

// Recorded answers of Google: beside the checkout, or where POLLUX_CORPUS says; null when absent.
export const corpus = [process.env.POLLUX_CORPUS, path.resolve(checkout, '../shared/corpus')]
  .find((place) => place && existsSync(path.join(place, 'googleai'))) ?? null;
