// SPDX-License-Identifier: MIT
// Time as the simulator sees it. A test may move it (config "time_offset_ms", or "now"
// to start at a given moment), so that a change of the Pacific day needs no waiting.
// Quota windows and day counters use now(); stamps inside events use the real time.

let offset = 0;
let origin = Date.now() - performance.now();

/** Real time in ms since the epoch with a fraction; follows the system clock when that is stepped. */
export function stamp() {
  const fine = origin + performance.now();
  const coarse = Date.now();
  if (Math.abs(fine - coarse) <= 2) return fine;
  origin = coarse - performance.now();
  return coarse;
}

/** Simulated time in ms since the epoch. */
export function now() {
  return stamp() + offset;
}

export function setOffset(ms) {
  offset = ms;
}

export function setNow(ms) {
  offset = ms - stamp();
}

const pacific = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'America/Los_Angeles',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
});
let cachedHour = -1;
let cachedDate = '';

/** The date in Los Angeles as YYYY-MM-DD. Its midnight always falls on a whole UTC hour. */
export function pacificDate(ms) {
  const hour = Math.floor(ms / 3600000);
  if (hour !== cachedHour) {
    cachedDate = pacific.format(hour * 3600000);
    cachedHour = hour;
  }
  return cachedDate;
}

/** RFC 3339 as the Files and cache resources show it: six fraction digits, Z. */
export function timestamp(ms) {
  const whole = new Date(ms).toISOString();
  const micro = Math.floor((ms * 1000) % 1000)
    .toString()
    .padStart(3, '0');
  return whole.replace('Z', micro + 'Z');
}
