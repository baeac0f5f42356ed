// The code, the equations and the NumPy lines: what has the focus in one is marked in all.

import { html, math, shapeText, show } from "dom";

/** Return attributes of the items of a view, each of some statements: marked, and leading there. */
export function links(page, items) {
  const current = items.findIndex((found) => found.includes(page.step));
  const first = items.findIndex((found) => found.length);
  return items.map((found, i) => ({
    "aria-current": i === current && "step",
    tabindex: i === (current < 0 ? first : current) ? 0 : -1,
    "data-of": found.join(" "),
    onclick: () => page.go(following(page, found)),
    onpointerenter: () => mark(found),
    onpointerleave: () => mark([]),
  }));
}

/** Mark in all views what is of the statements under the pointer. */
function mark(found) {
  for (const item of document.querySelectorAll(".near")) item.classList.remove("near");
  const near = found.flatMap((i) => [...document.querySelectorAll(`[data-of~="${i}"]`)]);
  for (const item of near) item.classList.add("near");
}

/** Return the statement after the current one, or the first in the direction we are going in. */
function following(page, found) {
  const at = found.indexOf(page.step);
  if (at >= 0) return found[(at + 1) % found.length];
  const isForward = page.statements[page.step].forward;
  return found.find((i) => page.statements[i].forward === isForward) ?? found[0];
}

export function code(page, host) {
  const { statements, program } = page;
  const found = program.code.map((_, line) =>
    [...statements.keys()].filter((i) => statements[i].line === line),
  );
  const linked = links(page, found);
  const lines = program.code.map((text, line) => {
    const shown = html`<code>${text || " "}</code>`;
    const isLinked = found[line].length > 0;
    return html`<li>${isLinked ? html`<button type="button" ${linked[line]}>${shown}</button>` : shown}</li>`;
  });
  const none = html`<p>The code of this function could not be found.</p>`;
  const list = lines.length ? html`<ol class="list lines">${lines}</ol>` : none;
  show(host, html`<h2 id="code-title">Your code</h2> ${list}`);
}

export function numpy(page, host) {
  const list = both(page, ({ code }) => ({ inside: html`<code>${code.join(" = ")}</code>` }));
  show(host, html`<h2 id="numpy-title">NumPy, written from it</h2> ${list}`);
}

export function equations(page, host) {
  const { isByEntry, program } = page;
  const { legend, terms } = program;
  const list = both(page, (told) => {
    const { math: sides, words } = (isByEntry && told.entries) || told;
    const shape = shapeText(terms[told.term].shape);
    return { words, inside: [math(sides), html`<span class="shape">${shape}</span>`] };
  });
  const choice = html`<button type="button" id="entries" class="corner" aria-pressed=${String(isByEntry)}
    onclick=${() => page.set({ isByEntry: !isByEntry })}>Entry by entry</button>`;
  show(
    host,
    html`${legend && choice} <h2 id="equations-title">Equations</h2>
      ${list} ${isByEntry && html`<p class="note">${legend}</p>`}`,
  );
}

/** Return the statements of both directions as a list, with what is `inside` the row of each. */
function both(page, row) {
  const single = page.statements.map((_, i) => [i]);
  const linked = links(page, single);
  const items = (isForward) =>
    page.statements.map((x, i) => {
      if (x.forward !== isForward) return null;
      const { inside, words } = row(page.told(i));
      return html`<li><button type="button" aria-label=${words} ${linked[i]}>${inside}</button></li>`;
    });
  return html`<div class="list">
    <h3>Forward</h3><ol>${items(true)}</ol>
    <h3>Backward</h3><ol>${items(false)}</ol>
  </div>`;
}
