// What the function was given, each number to be changed.

import { parsed } from "answers";
import { element, math, shapeText } from "dom";
import { flat, place, table } from "numbers";

const SLIDERS = 12;

export function inputs(page, host) {
  const editors = page.program.inputs.map((input) => {
    const editor = element("fieldset", { id: `input-${input.term}` });
    host.append(editor);
    return [input, editor];
  });
  let drawn = "";
  return (isNew = false) => {
    // What is typed stays, and so does a slider that is being drawn.
    const now = editors
      .map(([input]) => page.entry(page.program.terms[input.term].shape))
      .join("|");
    if (isNew || now !== drawn) for (const [input, editor] of editors) draw(page, input, editor);
    drawn = now;
  };
}

function draw(page, input, editor) {
  const { shape, data } = page.program.terms[input.term];
  const said = element("p", { role: "status", class: "wrong", id: `said-${input.term}` });
  const cell = (entry) => {
    const at = flat(shape, entry),
      name = place(input.text, entry),
      start = Number(data[at]);
    const field = element("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      "aria-label": name,
      "aria-describedby": said.id,
      "data-keep": `${input.term} ${entry}`,
      value: short(page.given.get(input.term)[at]),
      oninput: () => take(parsed(field.value), field),
    });
    const reach = Math.max(2, 2 * Math.abs(start));
    const slider =
      input.wanted &&
      data.length <= SLIDERS &&
      element("input", {
        type: "range",
        min: start - reach,
        max: start + reach,
        step: reach / 200,
        "aria-label": `${name}, slider`,
        value: page.given.get(input.term)[at],
        oninput: () => {
          field.value = short(slider.valueAsNumber);
          take(slider.valueAsNumber, field);
        },
      });
    const take = (number, from) => {
      const why = Number.isFinite(number)
        ? page.change(input.term, at, number)
        : `${name} is not a number; the page shows the last one that was.`;
      from.setAttribute("aria-invalid", String(why !== ""));
      said.textContent = why;
      if (slider && !why) slider.value = number;
    };
    return element("td", {}, field, slider);
  };
  editor.replaceChildren(
    element(
      "legend",
      {},
      math([input.math], input.words),
      element("code", {}, ` ${input.place} `),
      element("span", { class: "shape" }, shapeText(shape)),
    ),
    table(page, input.text, shape, cell),
    said,
  );
}

const short = (x) => (Number.isFinite(x) ? String(Number(x.toPrecision(5))) : String(x));
