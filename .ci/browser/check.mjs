// Opens pages in Chromium and says what is wrong with them. Each argument is an output folder of the program, whose name
// is the name of the group; `--only PART` looks at a part alone: general, report, index or changes.

import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DESK, PHONE, axe, launch, open, print, short } from './browser.mjs';
import * as changesPage from './changes.mjs';
import * as indexPage from './index.mjs';
import { drawings, isolation, language, look, markup, overflow, ownLinks } from './inside.mjs';
import * as reportPage from './report.mjs';
import { eachOf, prove, sabotage } from './self.mjs';

// The fullest reports of a group are opened; the first of them are also tried out, and shown to axe-core.
const OPENED = 10;
const CLOSELY = 2;
const AT_ONCE = 2;
// Lines about a group: somebody who broke a template need not read them for each brand.
const MOST_LINES = 25;

const { values: options, positionals: outputs } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });
const wanted = (part) => !options.only || options.only === part;
const shots = join(import.meta.dirname ?? '.', 'shots');
mkdirSync(shots, { recursive: true });
const browser = await launch();

/// What is wrong with a page as it lies there, of which `scripts` are its own.
async function asItIs(page, scripts = 0) {
  const found = [];
  for (const what of [overflow, language, isolation, drawings]) found.push(...(await look(page, what)));
  found.push(...(await look(page, markup, scripts)));
  for (const href of new Set(await look(page, ownLinks))) {
    const path = fileURLToPath(href.split(/[#?]/)[0]);
    if (!existsSync(path)) found.push(`leads to a file that is not there: ${short(path)}`);
  }
  return found;
}

/// The whole of what any page is checked for, and what it takes to see that a page fails.
async function anyPage(file) {
  const { page, close } = await open(browser, file, PHONE);
  const found = [...(await asItIs(page)), ...(await axe(page)), ...(await reportPage.keyboard(page)), ...(await print(page, (p) => look(p, overflow, true)))];
  return [...found, ...(await close())];
}

/// Of pages made to do harm, which are long, what is slow looks at one half: the other has the same in it.
const sampled = (item, half) => item.group !== 'hostile' || half === item.halves[0];

/// A page at each width and on paper: everything that does not need a hand.
async function atRest(item) {
  const { page, close } = await open(browser, item.file, PHONE);
  const found = [];
  for (const half of item.halves) {
    if (item.report) await reportPage.turn(page, item.report, half);
    for (const viewport of [PHONE, DESK]) {
      await page.setViewportSize(viewport);
      found.push(...said(item, half, viewport, await asItIs(page, item.scripts)));
      // A picture of a page as long as a street serves nobody.
      if (item.shot) await page.screenshot({ path: join(shots, `${item.shot}-${half}-${viewport.width}.png`), fullPage: item.group !== 'hostile' });
    }
    if (item.closely && sampled(item, half)) found.push(...said(item, half, null, await print(page, (p) => look(p, overflow, true), item.shot && join(shots, `${item.shot}-${half}.pdf`))));
  }
  return [...found, ...(await close())];
}

/// A page without its Content-Security-Policy: what keeps it quiet then is that nothing in it is markup. With axe-core.
async function unguarded(item) {
  const { page, close } = await open(browser, item.file, PHONE, { bypassCSP: true });
  const found = [];
  for (const half of item.halves.filter((each) => sampled(item, each))) {
    if (item.report) await reportPage.turn(page, item.report, half);
    for (const viewport of item.group === 'hostile' ? [PHONE] : [PHONE, DESK]) {
      await page.setViewportSize(viewport);
      found.push(...said(item, half, viewport, await axe(page)));
    }
  }
  return [...found, ...(await close())];
}

/// Problems with where they were seen.
const said = (item, half, viewport, problems) => {
  const where = [item.halves.length > 1 && half, viewport && `${viewport.width}×${viewport.height}`].filter(Boolean).join(', ');
  return problems.map((problem) => (where ? `${problem} [${where}]` : problem));
};

/// A page in use, by mouse and keyboard.
async function inUse(item, viewport) {
  const { page, close } = await open(browser, item.file, viewport);
  // The Tab key goes on from the last click: it comes first.
  const found = [...(await reportPage.keyboard(page)), ...(await item.behaviour(page)), ...(await look(page, overflow))];
  return [...found, ...(await close())];
}

async function withoutScript(item) {
  const { page, close } = await open(browser, item.file, PHONE, { javaScriptEnabled: false });
  const found = await indexPage.still(page, item.brands);
  await close();
  return found;
}

/// The pages of an output folder, with what is to be done with each.
function pages(output) {
  const group = basename(output);
  const folders = readdirSync(output, { withFileTypes: true }).filter((entry) => entry.isDirectory() && existsSync(join(output, entry.name, 'brand_report.json')));
  const reports = folders.map(({ name: folder }) => {
    const report = JSON.parse(readFileSync(join(output, folder, 'brand_report.json'), 'utf8'));
    return { kind: 'report', folder, file: join(output, folder, 'report.html'), report, halves: reportPage.halves(report), behaviour: (page) => reportPage.behaviour(page, report) };
  });
  // Of reports made to do harm, all are looked at closely.
  const size = ({ report }) => report.quality.facts + 5 * report.changes.length + (report.quality.candidates.length ? 1000 : 0);
  reports.sort((a, b) => size(b) - size(a));
  const nightly = nights(reports);
  const opened = group === 'hostile' ? reports : reports.slice(0, OPENED);
  opened.forEach((item, i) => {
    item.tried = i < CLOSELY;
    item.closely = item.tried || group === 'hostile';
    if (i === 0 || i === 1) item.shot = `report-${group}-${i + 1}`;
  });
  const brands = reports.map(({ report }) => report.brand);
  const lang = reports.some(({ report }) => report.lang !== 'en') ? 'fa' : 'en';
  const found = [...opened];
  const whole = (kind, scripts, behaviour) => {
    const file = join(output, `${kind}.html`);
    if (existsSync(file)) found.push({ kind, file, scripts, brands, halves: [lang], tried: true, closely: true, shot: `${kind}-${group}`, behaviour });
  };
  whole('index', 1, (page) => indexPage.behaviour(page, brands));
  whole('changes', 0, (page) => changesPage.behaviour(page, nightly));
  return found.map((item) => ({ ...item, group, name: `${group}/${relative(output, item.file)}` }));
}

/// The brands that changed, by the night in which they did.
function nights(reports) {
  const nights = new Map();
  for (const { folder, report } of reports) {
    const newest = report.changes[0];
    if (!newest?.changes.length) continue;
    nights.set(newest.run_id, [...(nights.get(newest.run_id) ?? []), { folder, brand: report.brand }]);
  }
  return nights;
}

/// The views of a page, each with its name.
function views(item) {
  const views = [];
  const add = (part, name, view) => wanted(part) && views.push([name, view]);
  add('general', 'at rest', () => atRest(item));
  if (item.closely) add('general', 'to axe', () => unguarded(item));
  if (item.tried) {
    add(item.kind, 'in use on a phone', () => inUse(item, PHONE));
    if (item.kind !== 'report') add(item.kind, 'in use', () => inUse(item, DESK));
  }
  if (item.kind === 'index') add('index', 'without JavaScript', () => withoutScript(item));
  return views;
}

const uncheckable = (error) => [`cannot be checked: ${short(error.message, 300)}`];

let failures = 0;

function tell(name, count, problems, started) {
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${problems.length ? 'FAILED' : 'ok'}  ${name}: ${count}, ${seconds} s`);
  const same = new Map();
  for (const [where, problem] of problems) same.set(problem, [...(same.get(problem) ?? []), where]);
  for (const [problem, where] of [...same].slice(0, MOST_LINES)) console.log(`        ${where[0]}${where.length > 1 ? ` and ${where.length - 1} more` : ''}: ${problem}`);
  if (same.size > MOST_LINES) console.log(`        and ${same.size - MOST_LINES} more kinds of failure`);
  failures += problems.length;
}

/// Runs all views of a group, a few at once.
async function group(name, items) {
  const started = Date.now();
  const problems = [];
  const queue = items.flatMap((item) => views(item).map(([view, run]) => ({ where: `${item.name} (${view})`, run })));
  if (queue.length === 0) return;
  await eachOf(queue, AT_ONCE, async ({ where, run }) => {
    const found = await run().catch(uncheckable);
    problems.push(...found.map((problem) => [short(where), problem]));
  });
  tell(name, `${items.length} pages, ${queue.length} views`, problems, started);
}

async function proof(name, run) {
  const started = Date.now();
  const { problems, count } = await run();
  tell(name, `${count} faults to find`, problems.map((problem) => ['proof', problem]), started);
}

if (wanted('general')) await proof('faulty pages', () => prove(join(shots, '..', 'faulty'), AT_ONCE, (file) => anyPage(file).catch(uncheckable)));
const all = outputs.map(pages);
for (const found of all) {
  for (const kind of ['report', 'index', 'changes']) await group(`${kind} · ${found[0].group}`, found.filter((item) => item.kind === kind));
}
for (const kind of ['report', 'index']) {
  const item = all.flat().filter((each) => each.kind === kind && each.group !== 'hostile')[0];
  if (item && wanted(kind)) await proof(`broken ${kind}`, () => sabotage(`${kind}.html`, item.file, (file) => inUse({ ...item, file }, PHONE).catch(uncheckable)));
}
await browser.close();
if (failures) console.log(`\n${failures} failures; screenshots are in ${relative(process.cwd(), shots)}`);
process.exitCode = failures ? 1 : 0;
