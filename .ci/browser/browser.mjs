// Chromium, and pages opened in it under guard: offline, and everything that a quiet page would not do is written down.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const PHONE = { width: 360, height: 740 };
export const DESK = { width: 1440, height: 900 };
// A4 at 96 pixels an inch, less the margins that Chromium prints with.
const PAPER = { width: 717, height: 1046 };

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });

/// Opens a file. `trouble` fills with what went on besides, until `close`, which returns it.
export async function open(browser, file, viewport, options = {}) {
  const context = await browser.newContext({ viewport, offline: true, serviceWorkers: 'block', ...options });
  context.setDefaultTimeout(5_000);
  const url = pathToFileURL(file).href;
  const trouble = [];
  await context.route('**', (route) => (route.request().url() === url ? route.continue() : route.abort()));
  const page = await context.newPage();
  page.on('request', (request) => {
    if (request.url().split('#')[0] !== url) trouble.push(`asked for ${short(request.url())}`);
  });
  page.on('dialog', (dialog) => {
    trouble.push(`opened a dialog: ${short(dialog.message())}`);
    dialog.dismiss();
  });
  page.on('popup', (popup) => trouble.push(`opened a window: ${short(popup.url())}`));
  page.on('console', (message) => {
    if (message.type() === 'error') trouble.push(`console: ${short(message.text())}`);
  });
  page.on('pageerror', (error) => trouble.push(`script error: ${short(error.message)}`));
  await context.addInitScript(() => {
    window.violations = [];
    addEventListener('securitypolicyviolation', (e) => window.violations.push(`${e.effectiveDirective} ${e.blockedURI}`), true);
  });
  await page.goto(url);
  const close = async () => {
    const { pwned, violations, address } = await page.evaluate(() => ({
      pwned: window.pwned !== undefined,
      violations: window.violations ?? [],
      address: location.href,
    }));
    if (pwned) trouble.push('ran a script of the report');
    if (address.split('#')[0] !== url) trouble.push(`went to ${short(address)}`);
    trouble.push(...violations.map((violation) => `tried what its Content-Security-Policy forbids: ${short(violation)}`));
    await context.close();
    return [...new Set(trouble)];
  };
  return { page, close };
}

/// What axe-core finds serious or critical in the page as it is shown now.
export async function axe(page) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const found = await window.axe.run(document, { resultTypes: ['violations'], iframes: false });
    return found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, help, nodes }) => ({
        id, help, count: nodes.length, where: nodes[0].target.join(' '), why: nodes[0].failureSummary.split('\n')[1]?.trim(),
      }));
  });
  return violations.map(({ id, help, count, where, why }) => `axe ${id}: ${help}; ${count} ×, first ${short(where, 120)}: ${short(why ?? '', 200)}`);
}

/// Prints the page on A4. Returns what is wrong with that, after `look` has seen it as it is printed.
export async function print(page, look, path) {
  const before = page.viewportSize();
  await page.setViewportSize(PAPER);
  await page.emulateMedia({ media: 'print' });
  const problems = await look(page);
  const pdf = await page.pdf({ format: 'A4', path });
  const sheets = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  if (sheets < 1) problems.push('has no pages in print');
  await page.emulateMedia({ media: null });
  await page.setViewportSize(before);
  return problems.map((problem) => `print: ${problem}`);
}

export function short(text, most = 160) {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
