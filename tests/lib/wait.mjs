// SPDX-License-Identifier: MIT
// Waiting for something to become true, never for time to pass.

// Calls look() until it gives something truthy (returned) or the deadline passes (an error that says what was awaited
// and what was seen last). A look may start a program: the longer it takes, the less often is looked, every 100 ms in the end.
export async function waitFor(what, look, { timeout = 15_000, every = 25 } = {}) {
  const deadline = performance.now() + timeout;
  for (let pause = every; ; pause = Math.max(every, Math.min(100, pause * 1.2))) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// A promise and the two functions that settle it.
export function signal() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

// Runs job(0) .. job(count - 1), at most `width` at a time; results in order.
export async function pooled(count, width, job) {
  const results = new Array(count);
  let next = 0;
  async function worker() {
    while (next < count) {
      const mine = next++;
      results[mine] = await job(mine);
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
  return results;
}
