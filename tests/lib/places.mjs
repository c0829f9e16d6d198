// SPDX-License-Identifier: MIT
// Where things are.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

// Where deploy/stack and build/ are taken from: the checkout, or a tree beside it whose build/ is another build of the
// same sources (tests/run makes those for the sanitizers).
const tree = process.env.POLLUX_TREE || checkout;
export const stack = path.join(tree, 'deploy/stack');
export const build = path.join(tree, 'build');

// Which web server stands in front (POLLUX_SERVER, as deploy/stack reads it).
export const server = process.env.POLLUX_SERVER || 'lighttpd';

// Recorded answers of Google: beside the checkout, or where POLLUX_CORPUS says; null when absent.
export const corpus = [process.env.POLLUX_CORPUS, path.resolve(checkout, '../shared/corpus')]
  .find((place) => place && existsSync(path.join(place, 'googleai'))) ?? null;
