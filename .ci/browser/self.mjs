// Pages with one fault each: a check that does not find it is no check.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;

const page = (body, { head = POLICY, style = '', lang = 'en', dir = 'ltr' } = {}) => `<!DOCTYPE html>
<html lang="${lang}" dir="${dir}"><head><meta charset="utf-8">${head}<meta name="viewport" content="width=device-width">
<title>A page</title><style>body { font: 16px sans-serif; color: #111; background: #fff; } ${style}</style></head>
<body><main><h1>Heading</h1>${body}</main></body></html>`;

/// A name, the page, and what has to be said of it; nothing of the first.
const PAGES = [
  ['good', page('<p>All is well here.</p><p lang="fa" dir="rtl">اینجا همه چیز خوب است.</p><a href="#x" id="x">Here</a>'), null],
  ['wide', page('<div style="width: 2000px">wide</div>'), /^is 2\d{3} pixels wide/],
  ['word', page(`<p>${'w'.repeat(500)}</p>`), /^overflow of text/],
  ['unseen-side', page(`<p dir="ltr">${'w'.repeat(500)}</p>`, { lang: 'fa', dir: 'rtl' }), /^overflow/],
  ['cut', page('<div style="width: 50px; overflow: hidden; white-space: nowrap">much more than fits</div>'), /^text is cut off/],
  ['handler', page('<p onclick="window.pwned=1">x</p>'), /^has a handler onclick/],
  ['script', page('<script>window.pwned=1</script>', { head: '' }), /^ran a script of the report/],
  ['blocked', page('<script>window.pwned=1</script>'), /^tried what its Content-Security-Policy forbids: script-src/],
  ['policy', page('<p>x</p>', { head: '' }), /^has no Content-Security-Policy/],
  ['image', page('<img src="https://far.example/a.png" alt="">', { head: '' }), /^asked for https:\/\/far/],
  ['style', page('<p>x</p>', { style: 'body { background: url(https://far.example/b.png); }', head: '' }), /^asked for https:\/\/far/],
  ['dialog', page('<script>alert(1)</script>', { head: '' }), /^opened a dialog/],
  ['address', page('<a href="javascript:window.pwned=1">x</a>'), /^leads to javascript/],
  ['data', page('<a href=" data:text/html,x">x</a>'), /^leads to data/],
  ['fragment', page('<a href="#gone">x</a>'), /^has a link to #gone/],
  ['file', page('<a href="gone/report.html">x</a>'), /^leads to a file that is not there/],
  ['contrast', page('<p style="color: #ccc">faint</p>'), /^axe color-contrast/],
  ['label', page('<input type="text">'), /^axe label/],
  ['direction', page('<p dir="rtl">An English sentence that runs from the right.</p>'), /^English from right to left/],
  ['digits', page('<p>تاریخ گزارش: ۱۴۰۵ و نیز 3 آذر</p>', { lang: 'fa', dir: 'rtl' }), /^a date in Latin digits/],
  ['root', page('<p>x</p>', { lang: 'fa' }), /^runs ltr in the language/],
  ['bidi', page('<p>one \u202etwo<b> three</b></p>'), /^turns round what follows/],
  ['drawing', page('<svg width="90" height="20"><rect width="9" height="9"/></svg>'), /^has a drawing without words/],
  ['names', page('<svg role="img" width="90" height="40"><title>t</title><text x="60" y="20">long name</text></svg>'), /^text is cut off by its drawing/],
  ['overlap', page('<svg role="img" width="90" height="40"><title>t</title><text x="1" y="20">name</text><text x="3" y="22">name</text></svg>'), /^text lies on text/],
  ['ring', page('<a href="#x" id="x" style="outline: none">x</a>'), /^does not show that it has the focus/],
  ['covered', page('<a href="#x" id="x">x</a><div style="position: fixed; inset: 0; background: #fff">over</div>'), /^is covered/],
  ['tab', page('<button tabindex="-1">x</button>'), /^the Tab key does not reach/],
  ['paper', page('<p class="wide">x</p>', { style: '@media print { .wide { width: 1200px } }' }), /^print: .*overflow/],
];

/// Does something with each, so many at once.
export async function eachOf(all, atOnce, act) {
  const queue = [...all];
  const worker = async () => {
    while (queue.length) await act(queue.shift());
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/// Tries the checks on them; returns what was not found, or found where nothing is.
export async function prove(folder, atOnce, check) {
  mkdirSync(folder, { recursive: true });
  const problems = [];
  await eachOf(PAGES, atOnce, async ([name, html, expected]) => {
    const file = join(folder, `${name}.html`);
    writeFileSync(file, html);
    const found = await check(file);
    if (expected === null && found.length) problems.push(`the good page is blamed: ${found.join('; ')}`);
    if (expected && !found.some((problem) => expected.test(problem))) problems.push(`the page “${name}” passes ${expected}: ${found.join('; ') || 'nothing found'}`);
  });
  return { problems, count: PAGES.length };
}

/// Pages of the program with a part broken: what replaces what, and what has to be said.
const BROKEN = {
  'report.html': [
    [/display:\s*none/g, 'color: inherit', /still shown/],
    [/<blockquote/g, '<q', /without a quote|does not open/],
    [/<details class="fact"/g, '<details class="fact" open', /shows a quote before/],
    [/<svg class="drawing family"/g, '<svg class="gone"', /svg\.family/],
  ],
  'index.html': [
    [/'sha256-[^']+'/g, "'none'", /Content-Security-Policy forbids|narrows nothing|does not find|cannot be checked/],
    [/id="reset"/g, 'id="gone"', /has no #reset/],
    [/ data-key=/g, ' data-gone=', /script error|finds some|does not find/],
  ],
};

/// Breaks a good page in these ways, beside it, and tries the checks on each.
export async function sabotage(name, file, check) {
  const html = readFileSync(file, 'utf8');
  const problems = [];
  for (const [i, [what, by, expected]] of BROKEN[name].entries()) {
    const broken = html.replace(what, by);
    if (broken === html) {
      problems.push(`nothing matches ${what}, so that it could be broken`);
      continue;
    }
    const copy = file.replace(name, `broken-${i}-${name}`);
    writeFileSync(copy, broken);
    const found = await check(copy);
    if (!found.some((problem) => expected.test(problem))) problems.push(`with ${what} broken, nobody says ${expected}: ${found.join('; ') || 'nothing found'}`);
  }
  return { problems, count: BROKEN[name].length };
}
