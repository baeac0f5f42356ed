// The step that has the focus: what comes in, the rule, its numbers, what goes on.

import { question } from "answers";
import { html, left, math, shapeText, show } from "dom";
import { format } from "numbers";
import { flat } from "places";
import { parts, sides } from "substitute";
import { grid } from "tables";

export function step(page, host) {
  const { statements, program, values } = page;
  const { examples } = program.slips;
  const statement = statements[page.step];
  const { term, forward, entries } = statement;
  const entry = page.entry(program.terms[term].shape);
  const isHidden = page.isHidden(page.step);
  const told = page.told(page.step);
  const direction = forward ? "forward" : "backward";
  // What is equal to another adjoint reads that; whose turn it is, needs all that is read.
  const isEqual = statements.findIndex((x) => x.term === term) < page.step;
  const shown = (isEqual ? [term] : statement.reads)
    .map((x) => [...statements, ...program.inputs].find((y) => y.term === x))
    .filter((x) => x.forward === false || isHidden);
  const tables = [...shown, statement].map((x) => {
    const { shape } = program.terms[x.term];
    const says = x.forward !== false ? "" : x === statement ? "goes on" : "comes in";
    const name = math([x.math].flat().slice(0, 1), left(x.words));
    return html`<figure>
      <figcaption>${name} ${says} <span class="shape">${shapeText(shape)}</span></figcaption>
      ${grid(page, x.name, shape, values[x.term], x === statement && isHidden)}
    </figure>`;
  });
  show(
    host,
    html`${examples > 1 && picker(page, examples)}
      <h2 id="step-title">Step ${page.step + 1} of ${statements.length}, ${direction}</h2>
      <p>${about(page, statement)}</p>
      <p class="rule">${math(told.math, told.words)}</p>
      ${(isHidden || page.verdict === "") && question(page, statement, entry)}
      ${!isHidden && entries && html`<p class="entry">${math(entries.math, entries.words)}</p>`}
      ${!isHidden && numbersIn(page, statement, entry)}
      <div class="tables">${tables}</div>`,
  );
  fit(host.querySelector(".rule"));
}

/** Return a field for the example that is looked at, in all that has a row for each. */
function picker(page, examples) {
  return html`<label class="picker corner" id="example">Example
    <input type="number" min="0" max=${examples - 1} value=${page.entry([examples])[0]}
      aria-label=${`Example, below ${examples}`}
      onchange=${({ target }) => page.choose([examples], [target.value])}></label>`;
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
  const unfold = () => page.set({ isLong: !isLong });
  const text = isLong ? "Fewer terms" : "All terms";
  const button = html`<button type="button" onclick=${unfold}>${text}</button>`;
  const part = (x) => html`<li><code>${x.text}</code> = ${format(x.values[at])}</li>`;
  const shapes = (x) => `${shapeText(x.before)} → ${shapeText(x.after)}`;
  return html`<div class="worked">
    <p><code>${left}</code>
      ${rest.map((x) => html`<code class="side" tabindex=${isLong && 0}>= ${x}</code>`)}</p>
    ${(isLong || rest.some((side) => side.includes("..."))) && button}
    ${
      paths.length > 0 &&
      html`<p>Each of ${paths.length} uses sends back a part, and the parts are added:</p>
        <ul>${paths.map(part)}</ul>`
    }
    ${sums.map((x) => html`<p>A sum undoes the broadcast: <span class="shape">${shapes(x)}</span>.</p>`)}
  </div>`;
}

/** Return what a step does, as a sentence with equations in it. */
function about({ statements, program }, { forward, undoes, of, line }) {
  if (forward) return line === null ? "A part of a longer line." : `Line ${line + 1} of your code.`;
  const undone = statements[undoes];
  return [
    of === null ? "A part of what undoes " : "The chain rule undoes ",
    undone ? math(undone.math, undone.words) : "the function",
    program.inputs.find((x) => x.term === of)?.wanted ? ", and this is a gradient." : ".",
    undone?.term === program.value && " Its own adjoint is 1.",
  ];
}
