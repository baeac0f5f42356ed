// The plane around the data: what the network gives there, its units' lines, and where these go.

import { html } from "dom";
import { apart, CELLS, inPicture, line, moves, SIDE, zeros } from "lines";
import { format } from "numbers";
import { along, size } from "places";
import { layers, plane, surface } from "plane";
import { around } from "tables";

const COLOURS = { true: [224, 120, 47], false: [63, 127, 208] }; // above 0 or not
const POINT = { true: "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0", false: "m-2.5-2.5h5v5h-5z" };

let network; // of the program: the plane of its data, found once
let reach = 0; // from the middle to the sides
let start = null; // where the pointer went down on the example picked
let isMoved = false;

/** Return what there is to draw of a program: the plane, what its points are, whose lines it can have. */
function found(program) {
  const { inputs, statements, terms } = program;
  const flat = plane(program);
  if (!flat || size(terms[flat.term].shape.slice(1)) !== 1) return { isFlat: false };
  const [count] = terms[flat.data].shape;
  const isLabel = (x) => !x.wanted && x.term !== flat.data && size(terms[x.term].shape) === count;
  return {
    ...flat,
    isFlat: true,
    count,
    label: inputs.find(isLabel),
    output: statements.find((x) => x.term === flat.term)?.name ?? "what the network gives",
    compute: surface(program, flat),
    choices: layers(program, flat),
  };
}

/** Return the heights of the plane, and the lines of units, now and after the step ahead. */
function computed(page, { name, term: drawn, columns, isRow }) {
  const { term, compute, count } = network;
  const grid = along(CELLS ** 2, 1).flatMap((i) => inPlane(inPicture(i)));
  const [heights, now] = compute(grid, [term, drawn], page.given);
  const [next] = compute(grid, [drawn], new Map([...page.given, ...page.ahead.given]));
  const units = around(columns, page.entry([count, columns])[1]).map((k) => {
    const [before, after] = [now, next].map((z) => zeros(z, columns, k));
    const text = isRow ? `${name}[:, ${k}]` : name;
    return { text, before, after, moves: moves(before, after) };
  });
  return { heights, units };
}

/**
 * Return a figure of the plane, and the heights that its colours show; nothing if there is none. A
 * click picks an example, which can be moved from there; by keyboard its number is typed, and its
 * fields are changed.
 */
export function picture(page) {
  network ??= found(page.program);
  const { isFlat, data, count, label, output, choices } = network;
  if (!isFlat) return null;
  const numbers = page.given.get(data);
  const far = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);
  if (!isMoved) reach = Math.min(1.15 * far, 1e300);
  const choice = choices[page.lines];
  const { heights, units } = computed(page, choice);
  const places = along(count, 1).map((i) => shown(numbers[2 * i], numbers[2 * i + 1]));
  const isOn = (i) => label !== undefined && page.given.get(label.term)[i] > 0.5;
  const marks = places.map((place, i) => `M${place}${POINT[isOn(i)]}`);
  const [chosen] = page.entry([count]);
  const at = (point) => `(${inPlane(point).map((v) => format(v, 3))})`;
  const words = units.map(({ text, moves: [move] }) =>
    move ? `${text} from ${move.map(at).join(" to ")}` : text,
  );
  const said = `The plane with example ${chosen} at ${at(places[chosen])}; lines of ${words.join("; ")}.`;
  const options = choices.map(
    (x, i) => html`<option value=${i} selected=${i === page.lines && ""}>${x.name}</option>`,
  );
  const figure = html`<figure id="plane">
    <div>
      <canvas width=${CELLS} height=${CELLS}></canvas>
      <svg role="img" viewBox=${`0 0 ${SIDE} ${SIDE}`} aria-label=${said} ${handlers(page, data, places)}>
        <path class="points" d=${marks.join("")} />
        <g>${units.map(line)}</g>
        <circle class="picked" r="7" transform=${`translate(${places[chosen].join(" ")})`} />
      </svg>
    </div>
    <label>Lines of
      <select onchange=${({ target }) => page.adjust({ lines: Number(target.value) })}>${options}</select></label>
    <figcaption>Orange: ${output} is above 0; blue: below.
      ${label && `Circles: ${label.text} is above 0.5.`}
      On a line ${choice.isRow && "a column of "}${choice.name} is 0; arrows lead to the thin line,
      where it will be 0 after ${page.ahead.words}.
      Click an example to pick it, and drag to move it.</figcaption>
  </figure>`;
  return { figure, heights };
}

const shown = (x, y) => [(SIDE * (x / reach + 1)) / 2, (SIDE * (1 - y / reach)) / 2];
const inPlane = ([x, y]) => [reach * ((2 * x) / SIDE - 1), reach * (1 - (2 * y) / SIDE)];

/** Return what the pointer does: it picks an example near it, and moves that. */
function handlers(page, data, places) {
  const under = ({ clientX, clientY, currentTarget }) => {
    const { left, top, width } = currentTarget.getBoundingClientRect();
    return [clientX - left, clientY - top].map((x) => (SIDE * x) / width);
  };
  return {
    onpointerdown(event) {
      const distances = places.map((place) => apart(place, under(event)));
      const nearest = Math.min(...distances);
      if (nearest > 12) return;
      start = under(event);
      event.currentTarget.setPointerCapture(event.pointerId);
      page.choose([places.length], [distances.indexOf(nearest)]);
    },
    onpointermove(event) {
      if (!start || (!isMoved && apart(start, under(event)) < 3)) return;
      isMoved = true;
      const numbers = Array.from(page.given.get(data));
      numbers.splice(2 * page.entry([places.length])[0], 2, ...inPlane(under(event)));
      page.take(new Map([[data, numbers]]));
    },
    onlostpointercapture() {
      [start, isMoved] = [null, false];
      page.adjust({});
    },
  };
}

/** Colour a canvas by heights. */
export function paint(canvas, heights) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(CELLS, CELLS);
  for (const [i, z] of heights.entries()) {
    image.data.set([...COLOURS[z > 0], 115 * Math.tanh(Math.abs(z) / 2)], 4 * i);
  }
  context.putImageData(image, 0, 0);
}
