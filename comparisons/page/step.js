// The step that has the focus: what comes in, the rule, its numbers, what goes on.

import { element, math, shapeText } from "dom";
import { flat, format, grid, place } from "numbers";
import { substituted } from "substitute";
import { question } from "answers";

export function step(page, host) {
  const title = host.querySelector("h2"), body = host.querySelector("div");
  const { statements, program } = page;
  return () => {
    const statement = statements[page.step];
    const { term, forward, undoes, words } = statement;
    const { shape } = program.terms[term];
    const entry = page.entry(shape), isHidden = page.isHidden(page.step);
    const result = page.values[term][flat(shape, entry)];
    title.textContent = `Step ${page.step + 1} of ${statements.length}, ${forward ? "forward" : "backward"}`;
    const incoming = undoes === null ? -1
      : statements.findIndex((x) => x.of === statements[undoes].term);
    const tables = (incoming >= 0 ? [incoming, page.step] : [page.step]).map((i) => {
      const shown = statements[i], dimensions = program.terms[shown.term].shape;
      const says = i === page.step ? forward ? "" : "goes on" : "comes in";
      return element("figure", {},
        element("figcaption", {}, math(shown.math.slice(0, 1), shown.words.split(" equals ")[0]),
          ` ${says} `, element("span", { class: "shape" }, shapeText(dimensions))),
        grid(page, shown.name, dimensions, page.values[shown.term], page.isHidden(i)));
    });
    body.replaceChildren(
      element("p", {}, ...about(page, statement)),
      element("p", { class: "rule" }, math(statement.math, words)),
      element("p", { class: "entry" }, element("code", {}, place(statement.text[0], entry)), " = ",
        isHidden ? "?" : [
          element("code", {}, substituted(program, page.values, page.step, entry)), " = ",
          element("output", {}, format(result, 6))]),
      ...(isHidden ? [question(page, statement, entry, result)] : []),
      element("div", { class: "tables" }, tables));
  };
}

/** Return what a step does, as a sentence with equations in it. */
function about(page, { forward, undoes, of, line }) {
  const { statements, program } = page;
  if (forward) return [line === null ? "A part of a longer line." : `Line ${line + 1} of your code.`];
  const { math: sides, words } = statements[undoes] ?? {};
  const input = program.inputs.find((x) => x.term === of);
  const starts = statements[undoes]?.term === program.value ? " Its own adjoint is 1." : "";
  return [of === null ? "A part of what undoes " : "The chain rule undoes ",
    sides ? math(sides, words) : "the function",
    input?.wanted ? ", and this is a gradient." : ".", starts];
}
