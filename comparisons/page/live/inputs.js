// What the function was given, each number to be changed.

import { parsed } from "answers";
import { element, math, shapeText, svg } from "dom";
import { flat, format, place, short, table } from "numbers";

const SLIDERS = 12;

export function inputs(page, host) {
  const editors = page.program.inputs.map((input) => [
    input,
    element("fieldset", { id: `input-${input.term}` }),
  ]);
  host.append(...editors.map(([, editor]) => editor));
  let drawn = "";
  let cells = [];
  return (isNew = false) => {
    // What is typed stays, and so does a slider that is being drawn.
    const shapes = editors.map(([input]) => page.program.terms[input.term].shape);
    const now = shapes.map(page.entry).join("|");
    if (now !== drawn) cells = editors.flatMap(([input, editor]) => draw(page, input, editor));
    else if (isNew) for (const { show } of cells) show();
    for (const { point } of cells) point();
    const arrows = `An arrow shows where ${page.ahead.words} would take a number.`;
    host.querySelector("p").textContent =
      `Everything on this page is computed again at once. ${host.querySelector(".ahead") ? arrows : ""}`;
    drawn = now;
  };
}

/** Make the fields of an input; return for each how to show its number, and where that goes next. */
function draw(page, input, editor) {
  const { shape, data } = page.program.terms[input.term];
  const said = element("p", { role: "status", class: "wrong", id: `said-${input.term}` });
  const cells = [];
  const cell = (entry) => {
    const [at, name] = [flat(shape, entry), place(input.text, entry)];
    const start = Number(data[at]);
    const field = element("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      "aria-label": name,
      "aria-describedby": said.id,
      "data-keep": `${input.term} ${entry}`,
      oninput: () => take(parsed(field.value)),
    });
    const slider = element("input", {
      type: "range",
      "aria-label": `${name}, slider`,
      oninput: () => {
        field.value = short(slider.valueAsNumber, 5);
        take(slider.valueAsNumber);
      },
    });
    const path = svg("path");
    const arrow = svg("svg", { class: "ahead", viewBox: "0 0 88 8", role: "img" }, path);
    let reach = Math.max(2, 2 * Math.abs(start));
    const slide = (number, room = 1) => {
      while (room * Math.abs(number - start) > reach) reach *= 2;
      Object.assign(slider, { min: start - reach, max: start + reach, step: reach / 200 });
      slider.value = number;
    };
    const take = (number) => {
      if (Number.isFinite(number)) slide(number);
      const why = Number.isFinite(number)
        ? page.change(input.term, at, number)
        : `${name} is not a number; the page shows the last one that was.`;
      field.setAttribute("aria-invalid", String(why !== ""));
      said.textContent = why;
    };
    const show = () => {
      const number = page.given.get(input.term)[at];
      field.value = short(number, 5);
      field.removeAttribute("aria-invalid");
      said.textContent = "";
      slide(number, 1.5);
    };
    const point = () => {
      const now = page.values[input.term][at];
      const next = page.ahead.given.get(input.term)?.[at] ?? now;
      // The middle of the thumb is 8 pixels from the ends of the slider.
      const share = (x) => Math.max(-1, Math.min(1, (x - start) / reach));
      const [from, to] = [44 + 36 * share(now), 44 + 36 * share(next)];
      path.setAttribute("d", Math.abs(to - from) < 1 ? "" : `M${from} 4H${to}`);
      arrow.setAttribute("aria-label", `${name} by ${format(next - now)} in ${page.ahead.words}`);
    };
    show();
    const isWeight = input.wanted && data.length <= SLIDERS;
    cells.push({ show, point: isWeight ? point : () => {} });
    return element("td", field, isWeight && [slider, arrow]);
  };
  const code = element("code", ` ${input.place} `);
  const form = element("span.shape", shapeText(shape));
  const legend = element("legend", math([input.math], input.words), code, form);
  editor.replaceChildren(legend, table(page, input.text, shape, cell), said);
  return cells;
}
