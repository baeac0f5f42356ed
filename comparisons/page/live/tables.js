// Arrays of any shape as tables of a few rows and columns around the entry that is looked at.

import { html } from "dom";
import { format } from "numbers";
import { along, entryAt, flat, size } from "places";

const MOST = 8;

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
export function table(page, label, shape, cell, role) {
  const chosen = page.entry(shape);
  const [at, columns] = [flat(shape, chosen), width(shape)];
  const rows = size(shape) / columns;
  const across = around(columns, at % columns);
  const isNamed = shape.length > 1 || rows > 1;
  const row = (i) => {
    const name = entryAt(shape, i * columns).slice(0, shape.length > 1 ? -1 : 1);
    const cells = across.map((k) => i * columns + k);
    return html`<tr>
      ${isNamed && html`<th scope="row">${name.join(", ")}</th>`}
      ${cells.map((k) => cell(entryAt(shape, k), k === at))}
    </tr>`;
  };
  const heads = across.map((k) => html`<th scope="col">${k}</th>`);
  const field = (n, axis) => html`<input type="number" min="0" max=${n - 1} value=${chosen[axis]}
    aria-label=${`${label}: index ${axis}, below ${n}`}
    onchange=${({ target }) => page.choose(shape, chosen.with(axis, target.value))}> of ${n} `;
  const fields = shape.map((n, axis) => n > MOST && field(n, axis));
  return html`<div>
    <div class="scroll">
      <table aria-label=${label} role=${role}>
        ${columns > 1 && html`<thead><tr>${isNamed && html`<td></td>`}${heads}</tr></thead>`}
        <tbody>${around(rows, Math.floor(at / columns)).map(row)}</tbody>
      </table>
    </div>
    ${fields.some(Boolean) && html`<p class="picker">Shown: around ${fields}</p>`}
  </div>`;
}

/** Return a table of numbers of which one is chosen, by click or with the arrow keys. */
export function grid(page, label, shape, data, isHidden = false) {
  const columns = width(shape);
  const steps = { ArrowUp: -columns, ArrowDown: columns, ArrowLeft: -1, ArrowRight: 1 };
  const row = (at) => Math.floor(at / columns);
  const move = (event, at) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const to = at + step;
    const isThere = Math.abs(step) === columns || row(to) === row(at);
    if (isThere && to >= 0 && to < data.length) page.choose(shape, entryAt(shape, to));
  };
  const cell = (entry, isChosen) => {
    const at = flat(shape, entry);
    return html`<td aria-selected=${String(isChosen)} tabindex=${isChosen ? 0 : -1}
      onclick=${() => page.choose(shape, entry)}
      onkeydown=${(event) => move(event, at)}>${isHidden ? "?" : format(data[at])}</td>`;
  };
  return table(page, label, shape, cell, "grid");
}
