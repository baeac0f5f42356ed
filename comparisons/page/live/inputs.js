// What the function was given, each number to be changed.

import { html, math, shapeText, show } from "dom";
import { format, parsed, place, short } from "numbers";
import { flat } from "places";
import { table } from "tables";

const SLIDERS = 12;
const reaches = new Map(); // of sliders, to both sides: they grow until a number is back, so that none runs away

export function inputs(page, host) {
  const { inputs, terms } = page.program;
  const isSlid = ({ wanted, term }) => wanted && terms[term].data.length <= SLIDERS;
  const arrows = `Each arrow shows where ${page.ahead.words} would take its number.`;
  show(
    host,
    html`<button type="button" id="reset" class="corner" onclick=${page.restart}>Reset</button>
      <h2 id="inputs-title">Change a number</h2>
      <p>Everything on this page is recomputed at once. ${inputs.some(isSlid) && arrows}</p>
      <div class="fields">${inputs.map((input) => fields(page, input, isSlid(input)))}</div>`,
  );
}

function fields(page, input, isSlid) {
  const { term } = input;
  const { shape, data } = page.program.terms[term];
  const { fault } = page;
  const cell = (entry) => {
    const [at, name] = [flat(shape, entry), place(input.text, entry)];
    const number = page.given.get(term)[at];
    const take = (x) => page.change(term, at, x, name);
    return html`<td>
      <input type="text" inputmode="decimal" autocomplete="off" value=${short(number, 5)}
        data-key=${name} aria-label=${name} aria-describedby=${`said-${term}`}
        aria-invalid=${String(fault?.name === name)}
        oninput=${({ target }) => take(parsed(target.value))}>
      ${isSlid && slider(page.ahead, name, Number(data[at]), number, page.ahead.given.get(term)?.[at], take)}
    </td>`;
  };
  return html`<fieldset id=${`input-${term}`}>
    <legend>${math([input.math], input.words)} <code>${input.place}</code>
      <span class="shape">${shapeText(shape)}</span></legend>
    ${table(page, input.text, shape, cell)}
    <p role="status" class="wrong" id=${`said-${term}`}>${fault?.term === term && fault.words}</p>
  </fieldset>`;
}

/** Return a slider around where a number was first, and an arrow to where training would take it. */
function slider({ words }, name, start, number, next = number, take) {
  let reach = (number !== start && reaches.get(name)) || Math.max(2, 2 * Math.abs(start));
  while (Math.abs(number - start) > reach) reach *= 2;
  reaches.set(name, reach);
  // The middle of the thumb is 8 pixels from the ends of the slider.
  const on = (x) => 44 + 36 * Math.max(-1, Math.min(1, (x - start) / reach));
  const isShort = Math.abs(on(next) - on(number)) < 1;
  return html`
    <input type="range" min=${start - reach} max=${start + reach} step=${reach / 200} value=${number}
      aria-label=${`${name}, slider`} oninput=${({ target }) => take(target.valueAsNumber)}>
    <svg class="ahead" viewBox="0 0 88 8" role="img"
      aria-label=${`${name} by ${format(next - number)} in ${words}`}>
      <path d=${isShort ? "" : `M${on(number)} 4H${on(next)}`} />
    </svg>`;
}
