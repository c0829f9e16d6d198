// SPDX-License-Identifier: MIT
// Bytes the simulator generates: a small PNG, silent film, raw sound, and big ones of any size.

import { deflateSync } from 'node:zlib';

const table = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc32(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = table[(c ^ byte) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A valid PNG of one colour, width x height. */
export function png(width = 2, height = 2, rgb = [66, 133, 244]) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.concat(Array(width).fill(Buffer.from(rgb)))]);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(Array(height).fill(row)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const PNG = png().toString('base64');
const big = new Map();

/** base64 of a PNG, padded behind its end to `bytes` when that is more. */
export function image(bytes = 0) {
  if (!bytes) return PNG;
  let data = big.get(bytes);
  if (!data) {
    const start = png();
    data = Buffer.concat([start, Buffer.alloc(Math.max(0, bytes - start.length), 0x2a)]).toString('base64');
    big.set(bytes, data);
  }
  return data;
}

/** base64 of 16-bit PCM, 24 kHz, one channel: a quiet tone of `ms` milliseconds. */
export function sound(ms = 100) {
  const pcm = Buffer.alloc(2 * Math.round(24 * ms));
  for (let i = 0; i < pcm.length / 2; i++) pcm.writeInt16LE(Math.round(1000 * Math.sin(i / 10)), 2 * i);
  return pcm.toString('base64');
}

/** Bytes [from, to) of a generated file: they depend on the position only. */
export function generated(from, to) {
  const bytes = Buffer.alloc(to - from);
  for (let i = 0; i < bytes.length; i++) bytes[i] = ((from + i) * 31 + ((from + i) >> 8)) & 0xff;
  return bytes;
}
