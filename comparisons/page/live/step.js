// The step that has the focus: what comes in, the rule, its numbers, what goes on.

import { question } from "answers";
import { element, left, math, shapeText } from "dom";
import { flat, format, grid } from "numbers";
import { parts, sides } from "substitute";

export function step(page, host) {
  const [title, body] = ["h2", "div"].map((x) => host.querySelector(x));
  const rule = element("p.rule");
  const { statements, program } = page;
  new ResizeObserver(() => fit(rule)).observe(host);
  page.written.push(() => {
    const { math: sides, words } = page.told(page.step);
    rule.replaceChildren(math(sides, words));
    fit(rule);
  });
  return () => {
    const statement = statements[page.step];
    const { term, forward, entries } = statement;
    const { shape } = program.terms[term];
    const [entry, isHidden] = [page.entry(shape), page.isHidden(page.step)];
    title.textContent = `Step ${page.step + 1} of ${statements.length}, ${forward ? "forward" : "backward"}`;
    // What is equal to another adjoint reads that; whose turn it is, needs all that is read.
    const isEqual = statements.findIndex((x) => x.term === term) < page.step;
    const read = isEqual ? [term] : statement.reads;
    const shown = read
      .map((x) => [...statements, ...program.inputs].find((y) => y.term === x))
      .filter((x) => x.forward === false || isHidden);
    const tables = [...shown, statement].map((x) => {
      const dimensions = program.terms[x.term].shape;
      const says = x.forward !== false ? "" : x === statement ? "goes on" : "comes in";
      return element(
        "figure",
        element(
          "figcaption",
          math([x.math].flat().slice(0, 1), left(x.words)),
          ` ${says} `,
          element("span.shape", shapeText(dimensions)),
        ),
        grid(page, x.name, dimensions, page.values[x.term], x === statement && isHidden),
      );
    });
    body.replaceChildren(
      element("p", ...about(page, statement)),
      rule,
      ...(isHidden
        ? [question(page, statement, entry)]
        : [
            entries && element("p.entry", math(entries.math, entries.words)),
            numbersIn(page, statement, entry),
          ].filter(Boolean)),
      element("div.tables", tables),
    );
  };
}

/** Make a long equation smaller, down to what can be read; beyond that it scrolls. */
function fit(rule) {
  rule.style.fontSize = "";
  const share = rule.clientWidth / rule.scrollWidth;
  if (share < 1) rule.style.fontSize = `${Math.max(0.85, 1.35 * share)}rem`;
  if (rule.clientWidth < rule.scrollWidth) rule.setAttribute("tabindex", 0);
  else rule.removeAttribute("tabindex");
}

/** Return the equation of the chosen entry with its numbers, and the parts that it is the sum of. */
function numbersIn(page, statement, entry) {
  const { program, values, isLong } = page;
  const at = flat(program.terms[statement.term].shape, entry);
  const [left, ...rest] = sides(program, values, statement, at, isLong);
  const { paths, sums } = parts(program, values, statement, at);
  const unfold = () => {
    page.isLong = !isLong;
    page.update();
  };
  const button = { type: "button", "data-keep": "terms", onclick: unfold };
  return element(
    "div.worked",
    element(
      "p",
      element("code", left),
      rest.map((side) => element("code.side", { tabindex: isLong ? 0 : null }, `= ${side}`)),
    ),
    (isLong || rest.some((side) => side.includes("..."))) &&
      element("button", button, isLong ? "Fewer terms" : "All terms"),
    paths.length > 0 && [
      element("p", `Each of ${paths.length} uses sends back a part, and the parts are added:`),
      element(
        "ul",
        paths.map((x) => element("li", element("code", x.text), " = ", format(x.values[at]))),
      ),
    ],
    sums.map(({ before, after }) =>
      element(
        "p",
        "A sum undoes the broadcast: ",
        element("span.shape", `${shapeText(before)} → ${shapeText(after)}`),
        ".",
      ),
    ),
  );
}

/** Return what a step does, as a sentence with equations in it. */
function about(page, { forward, undoes, of, line }) {
  const { statements, program } = page;
  if (forward)
    return [line === null ? "A part of a longer line." : `Line ${line + 1} of your code.`];
  const { math: sides, words } = statements[undoes] ?? {};
  const input = program.inputs.find((x) => x.term === of);
  const starts = statements[undoes]?.term === program.value ? " Its own adjoint is 1." : "";
  return [
    of === null ? "A part of what undoes " : "The chain rule undoes ",
    sides ? math(sides, words) : "the function",
    input?.wanted ? ", and this is a gradient." : ".",
    starts,
  ];
}
