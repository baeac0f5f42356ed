// Arrays of any shape as tables of a few rows and columns around the entry that is looked at.

import { element } from "dom";

const MOST = 8;

export function format(x, digits = 4) {
  if (!Number.isFinite(x)) return String(x).replace("Infinity", "∞").replace("-", "−");
  const [mantissa, exponent] = x.toPrecision(digits).split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return (exponent ? `${short}e${Number(exponent)}` : short).replaceAll("-", "−");
}

export const flat = (shape, entry) => shape.reduce((at, n, axis) => at * n + entry[axis], 0);

export const place = (name, entry) => entry.length ? `${name}[${entry.join(", ")}]` : name;

/** Return the first of at most MOST numbers below n among which one is. */
const from = (n, one) => Math.max(0, Math.min(one - 3, n - MOST));

/**
 * Return a table of an array's entries; `cell(entry, isChosen)` makes each. Long vectors stand
 * upright, of more than two axes all but the last are rows.
 */
export function table(page, label, shape, cell, attributes = {}) {
  const chosen = page.entry(shape);
  const upright = shape.length === 1 && shape[0] > 4;
  const columns = upright || !shape.length ? 1 : shape.at(-1);
  const rows = shape.reduce((a, b) => a * b, 1) / columns;
  const entryAt = (row, column) => {
    let at = row * columns + column;
    return shape.reduceRight((entry, n) => ((entry.unshift(at % n)), (at = Math.floor(at / n)), entry), []);
  };
  const at = flat(shape, chosen);
  const top = from(rows, Math.floor(at / columns)), left = from(columns, at % columns);
  const across = Array.from({ length: Math.min(columns, MOST) }, (_, i) => left + i);
  const down = Array.from({ length: Math.min(rows, MOST) }, (_, i) => top + i);
  const named = shape.length > 1 || upright;
  const heads = (names) => element("tr", {}, named ? element("td", {}) : null,
    names.map((name) => element("th", { scope: "col" }, String(name))));
  const body = down.map((row) => element("tr", {},
    named && element("th", { scope: "row" }, (upright ? [row] : entryAt(row, 0).slice(0, -1)).join(", ")),
    across.map((column) => cell(entryAt(row, column), flat(shape, entryAt(row, column)) === at))));
  const cut = rows > down.length || columns > across.length;
  return element("div", { class: "numbers" },
    element("div", { class: "scroll" },
      element("table", { "aria-label": label, ...attributes },
        columns > 1 && element("thead", {}, heads(across)), element("tbody", {}, body))),
    cut && picker(page, label, shape, chosen));
}

/** Return a field for each axis of an array that is too large to be shown. */
function picker(page, label, shape, chosen) {
  const fields = shape.map((n, axis) => element("input", {
    type: "number", min: 0, max: n - 1, value: chosen[axis],
    "aria-label": `${label}: index ${axis}, below ${n}`, "data-keep": `${label} ${axis}`,
    onchange: ({ target }) => {
      const index = Math.max(0, Math.min(n - 1, Math.round(target.value) || 0));
      page.choose(shape, chosen.with(axis, index));
    },
  }));
  return element("p", { class: "picker" }, "Some of ", shape.join(" × "), " are shown, around ", fields);
}

/** Return a table of numbers of which one is chosen, by click or with the arrow keys. */
export function grid(page, label, shape, data, hidden = false) {
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const upright = shape.length === 1 && shape[0] > 4;
  const move = (event, entry) => {
    const [rows, columns] = moves[event.key] ?? [0, 0];
    if (!rows && !columns) return;
    event.preventDefault();
    event.stopPropagation();
    const width = shape.length > 1 ? shape.at(-1) : upright ? 1 : shape[0] ?? 1;
    const at = flat(shape, entry), column = (at % width) + columns, next = at + rows * width + columns;
    if (column < 0 || column >= width || next < 0 || next >= data.length) return;
    let rest = next;
    const moved = shape.map((n, axis) => {
      const size = shape.slice(axis + 1).reduce((a, b) => a * b, 1), index = Math.floor(rest / size);
      rest -= index * size;
      return index;
    });
    page.choose(shape, moved);
  };
  return table(page, label, shape, (entry, isChosen) => element("td", {
    "aria-selected": String(isChosen), tabindex: isChosen ? 0 : -1,
    "data-keep": isChosen && `grid ${label}`,
    onclick: () => page.choose(shape, entry), onkeydown: (event) => move(event, entry),
  }, hidden ? "?" : format(data[flat(shape, entry)])), { role: "grid" });
}
