// SPDX-License-Identifier: MIT
// How soon pages of the console are interactive in Chromium, over loopback, with a large pool behind them: from the click
// to the moment at which everything is drawn and the page's thread is free. Each time a browser that has nothing cached.
//   node tests/bench/pages.mjs        100,000 credentials and 1,000,000 requests; POLLUX_BENCH=short: 2,000 and 20,000
// It prints p50 and p95 and asserts only that every page comes, without a complaint.
import path from 'node:path';
import { openWindow, startBrowser } from '../browser/browser.mjs';
import { median, percentile } from '../lib/figures.mjs';
import { run, startPollux } from '../lib/pollux.mjs';

const short = process.env.POLLUX_BENCH === 'short';
const [credentials, requests] = short ? [2_000, 20_000] : [100_000, 1_000_000];
const times = short ? 1 : 20;
const GOAL_MS = 1000;
const fill = path.join(import.meta.dirname, 'console.sql');
const pages = [['overview', ''], ['overview of a week', '?hours=168'], ['credentials', 'credentials.html'], ['resting credentials', 'credentials.html?state=resting'], ['requests', 'requests.html']];

// Runs in the page, before anything of it: notes when it was drawn, and until when its thread was busy then. (What is
// drawn: see settled() of tests/browser/browser.mjs.)
function watch() {
  const seen = { drawn: null, busy: 0 };
  window.benchSeen = seen;
  new PerformanceObserver((list) => { for (const task of list.getEntries()) seen.busy = task.startTime + task.duration; }).observe({ type: 'longtask', buffered: true });
  const look = () => {
    const body = document.querySelector('main .stack, main form');
    if (document.querySelector('h1') && body?.childElementCount > 0 && !document.querySelector('[aria-busy=true]') && document.fonts.status === 'loaded') seen.drawn = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function signIn(browser, pollux) {
  const window = await openWindow(browser, pollux.origin);
  const { password } = await pollux.cli('admin', 'add', 'bench', '--role', 'owner');
  await window.tab.goto(`${pollux.url}/admin/login.html`);
  await window.tab.fill('[name=name]', 'bench');
  await window.tab.fill('[name=password]', password);
  await window.tab.keyboard.press('Enter');
  await window.tab.waitForURL((url) => !url.pathname.endsWith('login.html'));
  const storage = await window.context.storageState();
  await window.context.close();
  return { ...storage, origins: [] };
}

// Milliseconds until the page is interactive.
async function visit(browser, pollux, storage, address) {
  const window = await openWindow(browser, pollux.origin, { storage });
  await window.context.addInitScript(watch);
  await window.tab.goto(`${pollux.url}/admin/${address}`);
  await window.tab.waitForFunction(() => window.benchSeen.drawn !== null, null, { timeout: 30_000 });
  const { drawn, busy } = await window.tab.evaluate(() => new Promise((resolve) => setTimeout(() => resolve(window.benchSeen), 200)));
  await window.context.close();
  if (window.complaints.length > 0) throw new Error(`${address}: ${window.complaints.join('\n')}`);
  return busy > drawn && busy < drawn + 200 ? busy : drawn;
}

const pollux = await startPollux({ keys: false, sim: {} });
const chrome = await startBrowser();
try {
  const began = performance.now();
  const said = await run('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-v', `credentials=${credentials}`, '-v', `requests=${requests}`, '-d', pollux.owner, '-f', fill], { env: pollux.env, timeout: 3_600_000 });
  if (said.code !== 0) throw new Error(said.err);
  console.log(`${credentials} credentials, ${requests} requests (filled in ${((performance.now() - began) / 1000).toFixed(0)} s); ${times} visits of each page, each with nothing cached`);
  const storage = await signIn(chrome.browser, pollux);
  for (const [name, address] of pages) {
    const took = [];
    for (let i = 0; i < times; i++) took.push(await visit(chrome.browser, pollux, storage, address));
    const p95 = percentile(took, 95);
    console.log(`interactive: ${name.padEnd(24)} first ${took[0].toFixed(0).padStart(5)} ms  p50 ${median(took).toFixed(0).padStart(5)} ms  p95 ${p95.toFixed(0).padStart(5)} ms${short ? '' : `  ${p95 < GOAL_MS ? 'met' : 'MISS'} (wanted: under ${GOAL_MS} ms)`}`);
  }
  console.log('1 passed, 0 failed');
} finally {
  await chrome.stop();
  await pollux.stop();
}
