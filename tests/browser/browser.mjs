// SPDX-License-Identifier: MIT
// Debian's Chromium, watched: what a page says on its console, what it asks of whom, what its policy forbade.
import { chromium } from 'playwright-core';
import axe from 'axe-core';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const out = path.join(path.dirname(fileURLToPath(import.meta.url)), 'out');

// Starts a browser with a user folder of its own. (Without a sandbox: tests may run as root.)
export async function startBrowser() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'plx-chromium-'));
  mkdirSync(out, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.POLLUX_CHROMIUM || '/usr/bin/chromium',
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-dev-shm-usage'],
  });
  return { browser, stop: async () => { await browser.close(); rmSync(folder, { recursive: true, force: true }); } };
}

// A window of its own, as one person has it. {width, theme, language, storage: cookies and the like of another window}.
// Its `complaints` collect what no page may do: errors on the console, requests elsewhere, violations of the policy.
export async function openWindow(browser, origin, { width = 1360, theme = 'light', language = 'en', storage } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: width < 700 ? 860 : 900 }, colorScheme: theme, storageState: storage, locale: language === 'zh' ? 'zh-CN' : 'en-GB', timezoneId: 'Europe/Berlin',
    permissions: [], hasTouch: width < 700,
  });
  await context.addInitScript((chosen) => { if (!localStorage.getItem('pollux.language')) localStorage.setItem('pollux.language', chosen); }, language);
  const complaints = [];
  const sizes = new Map();
  const tab = await context.newPage();
  tab.setDefaultTimeout(15_000);
  // A refused request is said on the console too; those that a test provokes it names in `expected`.
  const window = { context, tab, complaints, sizes, expected: [] };
  tab.on('console', (message) => {
    const text = `${message.text()} ${message.location().url}`;
    if (['error', 'warning'].includes(message.type()) && !window.expected.some((pattern) => pattern.test(text))) complaints.push(`console ${message.type()}: ${text}`);
  });
  tab.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack}`));
  tab.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob|about):/.test(url)) complaints.push(`a request elsewhere: ${url}`);
  });
  tab.on('response', async (response) => {
    const url = new URL(response.url());
    const body = await response.body().catch(() => Buffer.alloc(0));
    sizes.set(url.pathname, body.length);
  });
  return window;
}

// Until a page has drawn what it knows: a title, something below it, nothing under way.
export async function settled(tab) {
  await tab.waitForFunction(() => {
    const body = document.querySelector('main .stack, main form');
    return document.querySelector('h1') && body?.childElementCount > 0 && !document.querySelector('[aria-busy=true]') && document.fonts.status === 'loaded';
  });
}

export async function visit(window, url) {
  window.sizes.clear();
  await window.tab.goto(url);
  await settled(window.tab);
}

export const shoot = (tab, name) => tab.screenshot({ path: path.join(out, `${name}.png`), fullPage: true });

// What axe finds serious or critical, one line each. `rules`: those only.
export async function axeFindings(tab, rules) {
  await tab.evaluate(axe.source);
  const { violations } = await tab.evaluate((only) => window.axe.run(document, { resultTypes: ['violations'], ...(only ? { runOnly: only } : {}) }), rules);
  return violations.filter((one) => ['serious', 'critical'].includes(one.impact))
    .flatMap((one) => one.nodes.slice(0, 5).map((node) => `${one.id}: ${node.target.join(' ')} ${node.failureSummary?.split('\n').slice(1, 3).join(' ')}`));
}

export const scrollsSideways = (tab) => tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
