// How the portfolio behaves: searching, filtering, sorting, with a script and without.

/// Digits as a program reads them.
const number = (text) => Number(text.replace(/[۰-۹]/g, (d) => d.charCodeAt(0) - 0x06f0).match(/\d+/)?.[0] ?? NaN);

const FILTERS = ['sector', 'parent', 'status', 'support'];

/// Other ways to type a name: kinds of ye and kaf, three kinds of digits.
const spellings = (name) => [
  name,
  name.replaceAll('ی', 'ي').replaceAll('ک', 'ك'),
  name.replaceAll('ي', 'ی').replaceAll('ك', 'ک'),
  name.replace(/[۰-۹]/g, (d) => d.charCodeAt(0) - 0x06f0),
  name.replace(/[0-9]/g, (d) => String.fromCharCode(0x06f0 + Number(d))),
  name.replace(/[۰-۹]/g, (d) => String.fromCharCode(0x0660 + d.charCodeAt(0) - 0x06f0)),
];

const ROWS = '#brands tbody tr';
const visible = (page) => page.locator(`${ROWS}:visible`);

/// What is wrong with how the page behaves; `brands` are the names in the saved reports.
export async function behaviour(page, brands) {
  const problems = [];
  const counts = await page.locator(ROWS).count();
  if (counts !== brands.length) problems.push(`has ${counts} rows for ${brands.length} reports`);
  for (const needed of ['#search', '#reset', '#shown', ...FILTERS.map((id) => `select#${id}`)]) {
    if ((await page.locator(needed).count()) !== 1) return [...problems, `has no ${needed}`];
  }
  problems.push(...(await told(page, 'at first')));
  problems.push(...(await search(page, brands)), ...(await filter(page, counts)), ...(await sort(page)));
  return problems;
}

/// `#shown` says how many rows there are to be seen.
async function told(page, when) {
  const [rows, said] = [await visible(page).count(), await page.locator('#shown').textContent()];
  return number(said) === rows ? [] : [`${when}: #shown says “${said.trim()}”, and ${rows} rows are shown`];
}

async function search(page, brands) {
  const problems = [];
  const pick = (test) => brands.filter((name) => test.test(name) && /^[\p{L}\p{N}\u200c ]{2,60}$/u.test(name)).slice(0, 2);
  const names = new Set([...pick(/ی/), ...pick(/ک/), ...pick(/[يك]/), ...pick(/[0-9۰-۹]/), ...pick(/\u200c/)]);
  for (const name of names) {
    for (const typed of new Set([...spellings(name), name.replaceAll('\u200c', ' ')])) {
      await page.locator('#search').fill(typed);
      const found = await visible(page).locator('a').allTextContents();
      if (!found.some((text) => text.trim() === name.trim())) problems.push(`typing “${typed}” does not find “${name}”`);
      problems.push(...(await told(page, `with “${typed}”`)));
    }
  }
  await page.locator('#search').fill('هیچ‌برندی‌چنین‌نامی‌ندارد');
  if ((await visible(page).count()) !== 0) problems.push('a name that no brand has finds some');
  problems.push(...(await told(page, 'with nothing found')));
  await page.locator('#reset').click();
  return problems;
}

async function filter(page, all) {
  const problems = [];
  for (const id of FILTERS) {
    const select = page.locator(`select#${id}`);
    const values = await select.locator('option').evaluateAll((options) => options.map((option) => option.value));
    // Every brand has one status and one degree of support; of sectors and parents, each that is offered has a brand.
    const whole = id === 'status' || id === 'support';
    let [narrowed, sum] = [values.length < 3, 0];
    for (const value of whole ? values.slice(1) : values.slice(1, 6)) {
      await select.selectOption(value);
      const rows = await visible(page).count();
      if (rows > all || (rows === 0 && !whole)) problems.push(`#${id} “${value}” shows ${rows} of ${all} rows`);
      narrowed ||= rows < all;
      sum += rows;
      problems.push(...(await told(page, `with #${id} “${value}”`)));
    }
    if (whole && sum !== all) problems.push(`#${id} shows ${sum} rows by all its values, not ${all}`);
    if (!narrowed) problems.push(`#${id} narrows nothing`);
    await page.locator('#search').fill('x');
    await page.locator('#reset').click();
    if ((await visible(page).count()) !== all) problems.push(`#reset after #${id} does not bring all rows back`);
    if ((await select.inputValue()) !== values[0] || (await page.locator('#search').inputValue()) !== '') problems.push(`#reset leaves #${id} or #search as it is`);
    problems.push(...(await told(page, `after #reset of #${id}`)));
  }
  return problems;
}

/// A second click on a heading turns the order round.
async function sort(page) {
  const problems = [];
  const heads = page.locator('#brands th');
  let buttons = 0;
  for (let column = 0; column < (await heads.count()); column += 1) {
    const head = heads.nth(column);
    const button = head.locator('button');
    if (!(await button.count())) continue;
    buttons += 1;
    const cells = () => page.locator(`${ROWS} > :nth-child(${column + 1})`).allTextContents();
    const press = async () => {
      await button.click();
      return { order: await head.getAttribute('aria-sort'), cells: (await cells()).map((text) => text.replaceAll('\u200c', ' ').trim()).filter((text) => /[\p{L}\p{N}]/u.test(text)) };
    };
    const [first, second] = [await press(), await press()];
    const name = (await head.textContent()).trim();
    const orders = [first.order, second.order].sort().join();
    if (orders !== 'ascending,descending') problems.push(`sorting by “${name}” says aria-sort ${first.order}, then ${second.order}`);
    if (first.cells.join('\n') !== second.cells.reverse().join('\n')) problems.push(`sorting by “${name}” twice does not turn the order round`);
    const sorted = await heads.evaluateAll((all) => all.filter((th) => ['ascending', 'descending'].includes(th.ariaSort)).length);
    if (sorted !== 1) problems.push(`after sorting by “${name}” ${sorted} columns say that they are sorted`);
  }
  if (buttons === 0) problems.push('has no buttons to sort by');
  return problems;
}

/// Without a script all rows are there.
export async function still(page, brands) {
  const rows = await visible(page).count();
  return rows === brands.length ? [] : [`without JavaScript ${rows} of ${brands.length} rows are shown`];
}
