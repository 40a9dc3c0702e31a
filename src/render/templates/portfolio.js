"use strict";
// Searching, filtering and sorting of rows that are there already: nothing is made of text, rows are hidden and moved.
(() => {
  const byId = (id) => document.getElementById(id);
  const [controls, search, shown, table] = ["controls", "search", "shown", "brands"].map(byId);
  const filters = ["sector", "parent", "status", "support"].map(byId);
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, place) => ({ row, place, data: { ...row.dataset } }));
  const language = document.documentElement.lang;
  const number = new Intl.NumberFormat(language, { useGrouping: false });
  const inOrder = new Intl.Collator(language, { numeric: true }).compare;
  let order = "";

  // The rules of the keys in the rows: see `key` in src/text.rs.
  const letters = {};
  for (const [to, from] of [["ی", "يىېۍ"], ["ک", "كڪ"], ["ه", "ةەھہ"], ["ا", "ٱ"]])
    for (const letter of from) letters[letter] = to;
  const one = (c) => letters[c] ?? c;
  const digit = (c) => String(c.codePointAt(0) & 15);
  const key = (text) => text
    .normalize("NFKD").replace(/(?!\u0653)\p{M}/gu, "").normalize("NFC")
    .replace(/[\u00AD\u0640\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/g, "")
    .replace(/./gsu, one).replace(/[٠-٩۰-۹]/g, digit)
    .toLowerCase().replace(/\p{M}/gu, "")
    .replace(/(?<=\d)[,٬،](?=\d{3}(?!\d))/g, "")
    .replace(/[\s\u0085\-‐‑‒–—―_.·•'’‘"“”«»`™®©]/gu, "");

  const filter = () => {
    const words = search.value.split(/\s+/).map(key).filter(Boolean);
    const chosen = filters.filter((select) => select.value).map((select) => [select.id, select.value]);
    let count = 0;
    for (const { row, data } of rows) {
      const fits = chosen.every(([name, value]) => data[name] === value)
        && words.every((word) => data.key.includes(word));
      if (row.hidden === fits) row.hidden = !fits;
      count += fits;
    }
    shown.dataset.shown = count;
    shown.textContent = shown.dataset.words
      .replace("{shown}", number.format(count)).replace("{all}", number.format(rows.length));
  };

  const sort = () => {
    const name = order.replace(/^-/, "");
    const column = heads.findIndex((head) => head.dataset.sort === name);
    for (const [i, head] of heads.entries()) {
      if (i !== column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", order === name ? "ascending" : "descending");
    }
    const turn = order === name ? 1 : -1;
    const valued = rows.map((entry) => {
      const cell = entry.row.cells[column];
      const value = cell?.dataset.v;
      return { entry, value: value === undefined ? cell?.textContent ?? "" : Number(value) };
    });
    // What is not known comes last, whichever way.
    const missing = (value) => value === "" || value === -1;
    valued.sort(({ entry: a, value: x }, { entry: b, value: y }) => missing(x) - missing(y)
      || turn * (typeof x === "number" ? x - y : inOrder(x, y)) || a.place - b.place);
    const sorted = document.createDocumentFragment();
    for (const { entry } of valued) sorted.append(entry.row);
    body.append(sorted);
  };

  // What is chosen stands in the address, so that it can be shared.
  const write = () => {
    const chosen = new URLSearchParams();
    for (const { id, value } of [search, ...filters]) if (value) chosen.set(id, value);
    if (order) chosen.set("sort", order);
    const hash = chosen.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };
  const read = () => {
    const chosen = new URLSearchParams(location.hash.slice(1));
    for (const field of [search, ...filters]) {
      field.value = chosen.get(field.id) ?? "";
      // A choice that is no longer there.
      if (field.selectedIndex === -1) field.selectedIndex = 0;
    }
    const wanted = chosen.get("sort") ?? "";
    const before = order;
    order = heads.some((head) => head.dataset.sort === wanted.replace(/^-/, "")) ? wanted : "";
    if (order !== before) sort();
    filter();
  };

  for (const field of [search, ...filters]) {
    field.addEventListener("input", () => { filter(); write(); });
  }
  byId("reset").addEventListener("click", () => {
    for (const field of [search, ...filters]) field.value = "";
    order = "";
    sort();
    filter();
    write();
    search.focus();
  });
  for (const head of heads) {
    const button = head.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => {
      order = (order === head.dataset.sort ? "-" : "") + head.dataset.sort;
      sort();
      write();
    });
  }
  // An address may also lead to a section of the page.
  addEventListener("hashchange", () => { if (!location.hash || location.hash.includes("=")) read(); });
  controls.hidden = false;
  read();
})();
