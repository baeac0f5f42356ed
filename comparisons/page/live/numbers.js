// Arrays of any shape as tables of a few rows and columns around the entry that is looked at.

import { element } from "dom";
import { along, size, strides } from "places";

const MOST = 8;

export function format(x, digits = 4) {
  if (!Number.isFinite(x)) return String(x).replace("Infinity", "∞").replace("-", "−");
  const [mantissa, exponent] = x.toPrecision(digits).split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return (exponent ? `${short}e${Number(exponent)}` : short).replaceAll("-", "−");
}

/** Return a number to a few digits as it may be typed. */
export const short = (x, digits = 4) => String(Number(x.toPrecision(digits)));

export const flat = (shape, entry) => shape.reduce((at, n, axis) => at * n + entry[axis], 0);

export const place = (name, entry) => (entry.length ? `${name}[${entry.join(", ")}]` : name);

/** Return the entry that is somewhere in the flat array. */
export function entryAt(shape, at) {
  const steps = strides(shape);
  return shape.map((n, axis) => Math.floor(at / steps[axis]) % n);
}

/** Return how many columns an array has: long vectors stand upright. */
function width(shape) {
  const isUpright = !shape.length || (shape.length === 1 && shape[0] > 4);
  return isUpright ? 1 : shape.at(-1);
}

/** Return at most MOST numbers below n, among which one is. */
export function around(n, one) {
  return along(Math.min(n, MOST), 1, Math.max(0, Math.min(one - 3, n - MOST)));
}

/**
 * Return a table of an array's entries; `cell(entry, isChosen)` makes each. Of more than two axes
 * all but the last are rows.
 */
export function table(page, label, shape, cell, attributes = {}) {
  const chosen = page.entry(shape);
  const [at, columns] = [flat(shape, chosen), width(shape)];
  const rows = size(shape) / columns;
  const [row, column] = [Math.floor(at / columns), at % columns];
  const [down, across] = [around(rows, row), around(columns, column)];
  const isNamed = shape.length > 1 || rows > 1;
  const body = down.map((row) => {
    const name = entryAt(shape, row * columns)
      .slice(0, shape.length > 1 ? -1 : undefined)
      .join(", ");
    const cells = across.map((column) => row * columns + column);
    return element(
      "tr",
      isNamed && element("th", { scope: "row" }, name),
      cells.map((here) => cell(entryAt(shape, here), here === at)),
    );
  });
  const heads = across.map((name) => element("th", { scope: "col" }, String(name)));
  const head = element("thead", element("tr", isNamed && element("td"), heads));
  const shown = element(
    "table",
    { "aria-label": label, ...attributes },
    columns > 1 && head,
    element("tbody", body),
  );
  const below = shape.some((n) => n > MOST) && picker(page, label, shape, chosen);
  return element("div", element("div.scroll", shown), below);
}

/** Return a field for each axis that is too long to be shown. */
function picker(page, label, shape, chosen) {
  const field = (n, axis) =>
    element("input", {
      type: "number",
      min: 0,
      max: n - 1,
      value: chosen[axis],
      "aria-label": `${label}: index ${axis}, below ${n}`,
      "data-keep": `${label} ${axis}`,
      onchange: ({ target }) => page.choose(shape, chosen.with(axis, target.value)),
    });
  const fields = shape.flatMap((n, axis) => (n > MOST ? [field(n, axis), ` of ${n} `] : []));
  return element("p.picker", "Shown: around ", fields);
}

/** Return a table of numbers of which one is chosen, by click or with the arrow keys. */
export function grid(page, label, shape, data, isHidden = false) {
  const columns = width(shape);
  const steps = { ArrowUp: -columns, ArrowDown: columns, ArrowLeft: -1, ArrowRight: 1 };
  const move = (event, at) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const isInRow =
      Math.abs(step) === columns || Math.floor((at + step) / columns) === Math.floor(at / columns);
    if (isInRow && at + step >= 0 && at + step < data.length)
      page.choose(shape, entryAt(shape, at + step));
  };
  const cell = (entry, isChosen) =>
    element(
      "td",
      {
        "aria-selected": String(isChosen),
        tabindex: isChosen ? 0 : -1,
        "data-keep": isChosen && `grid ${label}`,
        onclick: () => page.choose(shape, entry),
        onkeydown: (event) => move(event, flat(shape, entry)),
      },
      isHidden ? "?" : format(data[flat(shape, entry)]),
    );
  return table(page, label, shape, cell, { role: "grid" });
}
