// How a brand's page behaves: facts that open, drawings that are there, a switch between languages.

import { focus, look, unreached } from './inside.mjs';

const INSIGHTS = ['opportunities', 'channels', 'campaign_timing'];

/// The halves that a report of this language has.
export const halves = ({ lang }) => (lang === 'both' ? ['fa', 'en'] : [lang]);

/// Shows one half of the page.
export const turn = async (page, report, half) => {
  if (report.lang === 'both') await page.locator(`label[for=show-${half}]`).click();
};

/// What is wrong with how the page behaves.
export async function behaviour(page, report) {
  const problems = [...(await content(page, report))];
  if (report.lang === 'both') problems.push(...(await language(page)));
  for (const half of halves(report)) {
    await turn(page, report, half);
    problems.push(...(await facts(page, half, report)));
  }
  return problems;
}

/// What the saved report has, the page has to show.
async function content(page, report) {
  const plain = (text) => text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  const problems = [];
  for (const half of halves(report)) {
    const root = page.locator(`.half#${half}`);
    if ((await root.count()) !== 1) return [`has no half #${half}`];
    const title = plain(await root.locator('h1').first().textContent());
    if (!title.includes(plain(report.brand))) problems.push(`#${half} does not have the brand's name as its heading`);
    const { relationships: r, insights } = report;
    const wanted = {
      'svg.family': r.parent || r.ultimate_parent || r.subsidiaries.length || r.sister_brands.length ? 1 : 0,
      'svg.rivals': r.competitors.length || r.similar_brands.length || r.complementary_brands.length ? 1 : 0,
      '.year': insights ? 1 : 0,
      'svg.share': insights?.channels.length ?? 0,
    };
    for (const [selector, count] of Object.entries(wanted)) {
      const found = await root.locator(selector).count();
      if (found < count) problems.push(`#${half} has ${found} ${selector}, not ${count}`);
    }
    const unproven = await root.locator('details.fact:has(.mark.supported):not(:has(blockquote))').count();
    if (unproven) problems.push(`#${half} has ${unproven} supported facts without a quote`);
    if (report.simulated && !(await root.locator('.simulated').count())) problems.push(`#${half} does not say that it is simulated`);
    if (INSIGHTS.some((part) => insights?.[part].length) && !(await root.getByText(half === 'fa' ? 'پیشنهاد' : /recommendation/i).count())) problems.push(`#${half} does not call its recommendations so`);
  }
  return problems;
}

/// Mouse and keyboard switch the language, and one half alone is to be seen.
async function language(page) {
  const problems = [];
  const expect = async (half, by) => {
    for (const each of ['fa', 'en']) {
      if ((await page.locator(`#${each}`).isVisible()) !== (each === half)) problems.push(`${by}: #${each} is ${each === half ? 'hidden' : 'still shown'}`);
    }
  };
  await expect('fa', 'at first');
  await page.locator('label[for=show-en]').click();
  await expect('en', 'a click on English');
  await page.locator('#show-en').focus();
  await page.keyboard.press('ArrowLeft');
  await expect('fa', 'an arrow key');
  return problems;
}

/// A click, and Enter, opens a fact: its quote, and a link to its source.
async function facts(page, half, report) {
  const fact = page.locator(`#${half} details.fact:visible:has(blockquote)`);
  const count = await fact.count();
  if (count === 0) return [];
  const problems = [];
  const open = async (one, by, act) => {
    const quote = one.locator('blockquote').first();
    if (await quote.isVisible()) problems.push(`#${half} shows a quote before ${by}`);
    await act(one.locator('summary'));
    if (!(await quote.isVisible())) problems.push(`#${half}: ${by} does not open a fact`);
    // An address that is none of the web's is no link.
    if (!report.sources.every(({ url }) => /^https?:\/\//.test(url))) return;
    const link = one.locator('a[href]').first();
    if (!(await link.count()) || !(await link.isVisible())) problems.push(`#${half}: ${by} shows no link to a source`);
  };
  await open(fact.first(), 'a click', (summary) => summary.click({ position: { x: 4, y: 4 } }));
  await open(fact.last(), 'Enter', (summary) => summary.press('Enter'));
  return problems;
}

/// The Tab key goes through the page: it reaches all that can be used, and one sees where it is.
export async function keyboard(page) {
  const problems = [];
  await page.evaluate(() => {
    window.reached = new Set();
    document.activeElement?.blur();
    scrollTo(0, 0);
  });
  for (let stop = 0; stop < 1500; stop += 1) {
    await page.keyboard.press('Tab');
    const found = await look(page, focus);
    if (found === null) break;
    problems.push(...found);
  }
  problems.push(...(await look(page, unreached)));
  return problems.length > 4 ? [...problems.slice(0, 4), `and ${problems.length - 4} more about the keyboard`] : problems;
}
