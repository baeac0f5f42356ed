// The code, the equations and the NumPy lines: what has the focus in one is marked in all.

import { element, math, shapeText } from "dom";

/** Have an item of a view marked with some statements, and lead to the next of them. */
export function link(page, view, item, statements, go) {
  page.links.push({ view, item, statements });
  const near = (found) => () => page.hover(found);
  item.addEventListener("pointerenter", near(statements));
  item.addEventListener("pointerleave", near([]));
  item.addEventListener("click", go ?? (() => page.go(following(page, statements))));
  return item;
}

/** Return the statement after the current one, or the first in the direction we are going in. */
function following(page, statements) {
  const at = statements.indexOf(page.step);
  if (at >= 0) return statements[(at + 1) % statements.length];
  const isForward = page.statements[page.step].forward;
  return statements.find((i) => page.statements[i].forward === isForward) ?? statements[0];
}

export function code(page, host) {
  const lines = page.program.code.map((text, line) => {
    const found = page.statements.flatMap((x, i) => (x.line === line ? [i] : []));
    const shown = element("code", text || " ");
    if (!found.length) return element("li", shown);
    const button = element("button", { type: "button" }, shown);
    return element("li", link(page, "code", button, found));
  });
  if (lines.length) host.append(element("ol", { class: "list lines" }, lines));
  else host.append(element("p", "The code of this function could not be found."));
}

export function numpy(page, host) {
  both(page, host, (_, i) => {
    const shown = element("code");
    written(page, i, ({ code }) => shown.replaceChildren(code.join(" = ")));
    return link(page, "numpy", element("button", { type: "button" }, shown), [i]);
  });
}

export function equations(page, host) {
  const { legend } = page.program;
  const letters = element("p", { class: "note", hidden: true }, legend);
  const entries = host.querySelector("button");
  entries.hidden = !legend;
  entries.addEventListener("click", () => {
    page.isByEntry = letters.hidden;
    letters.hidden = !page.isByEntry;
    entries.setAttribute("aria-pressed", String(page.isByEntry));
    page.update();
  });
  both(page, host, ({ term }, i) => {
    const shape = element("span.shape", shapeText(page.program.terms[term].shape));
    const button = element("button", { type: "button" });
    written(page, i, (told) => {
      const { math: sides, words } = (page.isByEntry && told.entries) || told;
      button.setAttribute("aria-label", words);
      button.replaceChildren(math(sides), shape);
    });
    return link(page, "equations", button, [i]);
  });
  host.append(letters);
}

/** Have a statement written, and again when it is to be read otherwise. */
function written(page, i, write) {
  let before = null;
  page.written.push(() => {
    const now = `${page.isHidden(i)} ${page.isByEntry}`;
    if (now !== before) write(page.told(i));
    before = now;
  });
}

function both(page, host, row) {
  host.append(
    element(
      "div.list",
      ["Forward", "Backward"].flatMap((title) => {
        const isForward = title === "Forward";
        const rows = page.statements.flatMap((x, i) =>
          x.forward === isForward ? [element("li", row(x, i))] : [],
        );
        return [element("h3", title), element("ol", rows)];
      }),
    ),
  );
}
