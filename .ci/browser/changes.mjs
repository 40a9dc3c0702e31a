// The page of what changed: nights with their changes, and the way to each brand.

/// What is wrong with it; `nights` are the days on which reports say that something changed.
export async function behaviour(page, nights) {
  const problems = [];
  if ((await page.locator('header.top').count()) !== 1) problems.push('has no header.top');
  const sections = await page.locator('section').count();
  if (sections < nights.size) problems.push(`has ${sections} sections for ${nights.size} nights`);
  for (const { folder, brand } of [...nights.values()].flat()) {
    const links = await page.locator('section a[href]').evaluateAll((all) => all.map((a) => a.href));
    if (!links.some((href) => decodeURIComponent(href).includes(`/${folder}/`))) problems.push(`does not lead to “${brand}”, which changed`);
  }
  return problems;
}
