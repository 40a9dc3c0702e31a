// What is looked at inside a page. Each function runs there, with the helpers beside it; each returns what is wrong.

/// Runs one of these functions in the page.
export const look = (page, what, ...given) => {
  const helpers = [describe, shown, inLine, texts].map(String).join('\n');
  return page.evaluate(`(() => { ${helpers}\nreturn (${what})(...${JSON.stringify(given)}); })()`);
};

function describe(node) {
  const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  const name = (e) => e.localName + (e.id ? `#${e.id}` : [...e.classList].map((c) => `.${c}`).join(''));
  const path = [];
  for (let e = element; e && e !== document.body && path.length < 4; e = e.parentElement) path.unshift(name(e));
  const text = node.textContent.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim().slice(0, 40);
  return `${path.join(' > ')} “${text}”`;
}

function shown(element) {
  if (!element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })) return false;
  const { width, height } = element.getBoundingClientRect();
  // What is for screen readers alone is a pixel.
  return width > 1 && height > 1;
}

/// The nearest ancestor that does not let its inside out on the line's axis.
function inLine(element) {
  for (let e = element.parentElement; e && e !== document.body && e !== document.documentElement; e = e.parentElement) {
    const { overflowX, clipPath, contentVisibility } = getComputedStyle(e);
    if (overflowX !== 'visible' || clipPath !== 'none' || contentVisibility === 'hidden') return e;
  }
  return null;
}

/// Visible text with its rectangles.
function* texts(root = document.body) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.data.trim() || !shown(node.parentElement)) continue;
    range.selectNodeContents(node);
    yield [node, [...range.getClientRects()].filter((r) => r.width > 0)];
  }
}

/// What reaches beyond the viewport, or out of a box that cuts it off.
/// On paper there is no scrolling, so that only what can be seen counts.
export function overflow(paper) {
  const width = document.documentElement.clientWidth;
  const out = (r) => r.left < -1 || r.right > width + 1;
  const { scrollWidth, clientWidth } = document.scrollingElement;
  const problems = [];
  if (!paper && scrollWidth > clientWidth) problems.push(`is ${scrollWidth} pixels wide where ${clientWidth} fit`);
  for (const element of document.body.querySelectorAll('*')) {
    if (element.closest('svg') !== element && element.closest('svg')) continue;
    if (shown(element) && out(element.getBoundingClientRect()) && !inLine(element)) problems.push(`overflow: ${describe(element)}`);
  }
  for (const [node, rects] of texts()) {
    const parent = node.parentElement;
    if (parent.closest('svg')) continue;
    const own = getComputedStyle(parent);
    const box = own.overflowX === 'visible' ? inLine(parent) : parent;
    if (!box) {
      if (rects.some(out)) problems.push(`overflow of text: ${describe(node)}`);
      continue;
    }
    const { overflowX, textOverflow } = getComputedStyle(box);
    const edge = box.getBoundingClientRect();
    const cut = (overflowX === 'hidden' || overflowX === 'clip') && textOverflow !== 'ellipsis' && shown(box);
    if (cut && rects.some((r) => r.left < edge.left - 1 || r.right > edge.right + 1)) problems.push(`text is cut off: ${describe(node)}`);
  }
  return problems.length > 4 ? [...problems.slice(0, 4), `and ${problems.length - 4} more that overflow`] : problems;
}

/// What could run, load or lead astray. `scripts` is how many the page may have.
export function markup(scripts) {
  const problems = [];
  const forbidden = 'iframe, frame, object, embed, base, form, link, img, audio, video, source, portal, meta[http-equiv=refresh i], foreignObject, animate, set, use';
  for (const element of document.querySelectorAll(forbidden)) problems.push(`has a forbidden element: ${describe(element)}`);
  const found = document.querySelectorAll('script').length;
  if (found !== scripts) problems.push(`has ${found} scripts, not ${scripts}`);
  const policy = document.querySelector('meta[http-equiv=Content-Security-Policy]')?.content ?? '';
  if (!policy.includes("default-src 'none'")) problems.push('has no Content-Security-Policy that forbids by default');
  if (/script-src[^;]*(unsafe|\*|http|data:)/.test(policy)) problems.push('has a Content-Security-Policy that lets any script run');
  const ids = new Set();
  for (const element of document.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name)) problems.push(`has a handler ${name}: ${describe(element)}`);
      if (/^(src|srcset|srcdoc|data|poster|background|formaction|action|ping)$/i.test(name)) problems.push(`has a forbidden attribute ${name}: ${describe(element)}`);
      if (name === 'style' && /url\(|expression/i.test(value)) problems.push(`loads something by its style: ${describe(element)}`);
    }
    if (element.id && ids.has(element.id)) problems.push(`has two elements with the id ${element.id}`);
    if (element.id) ids.add(element.id);
  }
  for (const a of document.querySelectorAll('[href], [*|href]')) {
    const address = a.getAttribute('href') ?? a.getAttribute('xlink:href');
    const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(address.replace(/[\u0000-\u0020]/g, ''))?.[1].toLowerCase();
    if (scheme && !['http', 'https', 'mailto'].includes(scheme)) problems.push(`leads to ${scheme}: ${describe(a)}`);
    if (address.trim() === '') problems.push(`has a link to nowhere: ${describe(a)}`);
    if (/^#./.test(address) && !document.getElementById(decodeURIComponent(address.slice(1)))) problems.push(`has a link to ${address}, which is not there`);
    if (/^https?:/i.test(address) && !(a.rel ?? '').includes('noreferrer')) problems.push(`tells others where its reader is from: ${describe(a)}`);
  }
  for (const a of document.querySelectorAll('svg')) {
    const drawn = a.getAttribute('aria-hidden') === 'true';
    const name = a.getAttribute('aria-label') || document.getElementById(a.getAttribute('aria-labelledby') ?? '')?.textContent || a.querySelector(':scope > title')?.textContent;
    if (!drawn && (a.getAttribute('role') !== 'img' || !name?.trim())) problems.push(`has a drawing without words for a screen reader: ${describe(a)}`);
  }
  return [...new Set(problems)].slice(0, 8);
}

/// Addresses of this output's own files that the page leads to.
export function ownLinks() {
  return [...document.querySelectorAll('a[href]')].map((a) => a.href).filter((href) => href.startsWith('file:'));
}

/// Whether text runs in its own direction, and whether dates are in its own digits.
export function language() {
  const problems = [];
  const root = document.documentElement;
  const halves = [root, ...document.querySelectorAll('.half')];
  for (const { lang, dir } of halves) {
    if (!['fa', 'en'].includes(lang)) problems.push(`has the language “${lang}”`);
    if (dir !== (lang === 'fa' ? 'rtl' : 'ltr')) problems.push(`runs ${dir} in the language “${lang}”`);
  }
  for (const [node] of texts()) {
    const text = node.data.trim();
    const parent = node.parentElement;
    if (parent.closest('svg')) continue;
    const language = parent.closest('[lang]').lang;
    const { direction } = getComputedStyle(parent);
    const letters = [text.match(/[a-z]/gi)?.length ?? 0, text.match(/[\u0620-\u06d3]/g)?.length ?? 0];
    const sentence = text.length > 25 && /[.!?؟]$/.test(text) && !/[\u202a-\u202e\u2066-\u2069]/.test(text);
    if (sentence && direction === 'rtl' && letters[0] > 2 * letters[1]) problems.push(`English from right to left: ${describe(node)}`);
    if (sentence && direction === 'ltr' && letters[1] > 2 * letters[0]) problems.push(`Persian from left to right: ${describe(node)}`);
    const said = !parent.closest('bdi, blockquote, [dir=ltr], [dir=auto], a, .note bdi');
    const months = 'فروردین|اردیبهشت|خرداد|تیر|مرداد|شهریور|مهر|آبان|آذر|دی|بهمن|اسفند';
    const latin = new RegExp(`\\d{4}[-/]\\d{1,2}[-/]\\d{1,2}|\\d (${months})(?!\\p{L})`, 'u');
    if (language === 'fa' && said && latin.test(text)) problems.push(`a date in Latin digits: ${describe(node)}`);
    if (language === 'en' && said && /[۰-۹]{1,4} (January|February|March|April|May|June|July|August|September|October|November|December)/.test(text)) problems.push(`an English date in Persian digits: ${describe(node)}`);
  }
  return problems.slice(0, 6);
}

/// Whether what overrides the direction of text stays where it is: nothing else may follow in the same isolated run.
export function isolation() {
  const own = (node) => {
    for (let e = node.parentElement; e; e = e.parentElement) {
      const { display, unicodeBidi } = getComputedStyle(e);
      if (display !== 'inline' || /isolate|plaintext/.test(unicodeBidi)) return e;
    }
    return document.body;
  };
  const problems = [];
  let open = null;
  for (const [node] of texts()) {
    if (node.parentElement.closest('svg')) continue;
    const run = own(node);
    if (open && open.run === run) problems.push(`turns round what follows: ${describe(open.node)}, then ${describe(node)}`);
    open = null;
    const depth = [...node.data].reduce((d, c) => (/[\u202a\u202b\u202d\u202e\u2066-\u2068]/.test(c) ? d + 1 : /[\u202c\u2069]/.test(c) ? Math.max(0, d - 1) : c === '\u2029' ? 0 : d), 0);
    if (depth > 0) open = { node, run };
  }
  return problems.slice(0, 5);
}

/// Whether the names in a drawing lie inside it and beside each other.
export function drawings() {
  const problems = [];
  for (const svg of document.querySelectorAll('svg')) {
    if (!shown(svg)) continue;
    const edge = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll('text')].map((text) => [text, text.getBoundingClientRect()]);
    words.forEach(([text, r], i) => {
      if (r.left < edge.left - 1 || r.right > edge.right + 1 || r.top < edge.top - 1 || r.bottom > edge.bottom + 1) problems.push(`text is cut off by its drawing: ${describe(text)}`);
      const box = text.parentElement.localName === 'g' ? text.parentElement.querySelector(':scope > rect')?.getBoundingClientRect() : null;
      if (box && (r.left < box.left - 1 || r.right > box.right + 1)) problems.push(`text leaves its box: ${describe(text)}`);
      for (const [other, o] of words.slice(i + 1)) {
        const across = Math.min(r.right, o.right) - Math.max(r.left, o.left);
        // A line of text is about twice as high as its letters.
        const down = (r.height + o.height) / 4 - Math.abs(r.top + r.bottom - o.top - o.bottom) / 2;
        if (across > 2 && down > 1) problems.push(`text lies on text: ${describe(text)}, ${describe(other)}`);
      }
    });
  }
  return problems.slice(0, 5);
}

/// Where the focus is: seen once, or what is wrong with it. `null` when it is nowhere.
export function focus() {
  const at = document.activeElement;
  window.reached ??= new Set();
  if (!at || at === document.body || at === document.documentElement || window.reached.has(at)) return null;
  window.reached.add(at);
  const faces = [at, ...(at.labels ?? [])];
  const ring = faces.some((face) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(face);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || boxShadow !== 'none';
  });
  const face = faces.find((f) => f.getBoundingClientRect().width > 4) ?? at;
  const rects = [...face.getClientRects()];
  const points = rects.flatMap((r) => [[r.left + r.width / 2, r.top + r.height / 2], [r.left + 3, r.top + 3], [r.right - 3, r.bottom - 3]]);
  const free = points.some(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return top && (face.contains(top) || top.contains(face) || faces.some((f) => f.contains(top)));
  });
  const problems = [];
  if (!ring) problems.push(`does not show that it has the focus: ${describe(at)}`);
  if (!free) problems.push(`is covered or out of sight when it has the focus: ${describe(at)}`);
  return problems;
}

/// What can be used but was not reached by `focus`.
export function unreached() {
  const all = document.querySelectorAll('a[href], button:not([disabled]), input:not([type=hidden], [disabled]), select, textarea, summary, [tabindex="0"]');
  const usable = [...all].filter((e) => e.checkVisibility({ visibilityProperty: true }) && !(e.type === 'radio' && !e.checked));
  const missed = usable.filter((e) => !window.reached?.has(e));
  return missed.slice(0, 3).map((e) => `the Tab key does not reach ${describe(e)}`);
}
