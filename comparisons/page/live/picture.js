// The plane around the data: what the network gives there, its units' lines, and where these go.

import { element, svg } from "dom";
import { around, format } from "numbers";
import { size } from "places";

const SIDE = 280;
const CELLS = 56;
const CORNERS = [0, 1, CELLS + 1, CELLS]; // of a square, from its first on
const COLOURS = { true: [224, 120, 47], false: [63, 127, 208] }; // above 0 or not
const POINT = { true: "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0", false: "m-2.5-2.5h5v5h-5z" };

/**
 * Fill a figure of the plane; return a function that draws it. A click picks an example, which can
 * be moved from there; by keyboard its number is typed, and its fields are changed.
 */
export function picture(page, run, figure) {
  const { program } = page;
  const { data, term } = run.plane;
  const [count] = program.terms[data].shape;
  const [plane, canvas, choice, caption] = ["svg", "canvas", "select", "figcaption"].map((x) =>
    figure.querySelector(x),
  );
  const [points, lines, picked] = plane.children;
  const isLabel = (x) =>
    !x.wanted && x.term !== data && size(program.terms[x.term].shape) === count;
  const label = program.inputs.find(isLabel);
  const output = program.statements.find((x) => x.term === term)?.name ?? "what the network gives";
  const found = layers(run);
  choice.append(...found.map(({ name }, i) => element("option", { value: i }, name)));
  choice.addEventListener("change", () => draw());
  plane.setAttribute("viewBox", `0 0 ${SIDE} ${SIDE}`);
  canvas.width = canvas.height = CELLS;

  let reach = 0;
  let start = null; // where the pointer went down on the example picked
  let isMoved = false;
  const shown = (x, y) => [(SIDE * (x / reach + 1)) / 2, (SIDE * (1 - y / reach)) / 2];
  const inPlane = ([x, y]) => [reach * ((2 * x) / SIDE - 1), reach * (1 - (2 * y) / SIDE)];
  const cells = Float64Array.from({ length: 2 * CELLS ** 2 }, (_, i) => {
    const share = (2 * inPicture(i >> 1)[i % 2]) / SIDE - 1;
    return i % 2 ? -share : share;
  });
  const position = (i) => shown(...page.given.get(data).slice(2 * i, 2 * i + 2));
  const under = (event) => {
    const { left, top, width } = plane.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top].map((x) => (SIDE * x) / width);
  };
  plane.addEventListener("pointerdown", (event) => {
    const distances = Array.from({ length: count }, (_, i) => apart(position(i), under(event)));
    const nearest = Math.min(...distances);
    if (nearest > 12) return;
    start = under(event);
    plane.setPointerCapture(event.pointerId);
    page.choose([count], [distances.indexOf(nearest)]);
  });
  plane.addEventListener("pointermove", (event) => {
    if (!start || (!isMoved && apart(start, under(event)) < 3)) return;
    isMoved = true;
    const numbers = Array.from(page.given.get(data));
    numbers.splice(2 * page.entry([count])[0], 2, ...inPlane(under(event)));
    page.take(new Map([[data, numbers]]));
  });
  plane.addEventListener("lostpointercapture", () => {
    [start, isMoved] = [null, false];
    draw();
  });

  const draw = () => {
    const far = page.given.get(data).reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);
    if (!isMoved) reach = Math.min(1.15 * far, 1e300);
    const grid = cells.map((x) => reach * x);
    const { name, term: drawn, columns, isRow } = found[choice.value];
    const [heights, now] = run.surface(grid, [term, drawn], page.given);
    const [next] = run.surface(grid, [drawn], new Map([...page.given, ...page.ahead.given]));
    paint(canvas, heights);

    const [chosen] = page.entry([count]);
    const [x, y] = position(chosen);
    const isOn = (i) => label !== undefined && page.given.get(label.term)[i] > 0.5;
    const marks = Array.from({ length: count }, (_, i) => `M${position(i)}${POINT[isOn(i)]}`);
    points.setAttribute("d", marks.join(""));
    picked.setAttribute("transform", `translate(${x} ${y})`);
    const units = around(columns, page.entry([count, columns])[1]).map((k) => {
      const [before, after] = [now, next].map((z) => zeros(z, columns, k));
      const text = isRow ? `${name}[:, ${k}]` : name;
      return { text, before, after, moves: moves(before, after) };
    });
    lines.replaceChildren(...units.map(line));
    const at = (point) => `(${inPlane(point).map((v) => format(v, 3))})`;
    const words = units.map(({ text, moves: [move] }) =>
      move ? `${text} from ${move.map(at).join(" to ")}` : text,
    );
    const example = `The plane with example ${chosen} at ${at([x, y])}`;
    plane.setAttribute("aria-label", `${example}; lines of ${words.join("; ")}.`);
    caption.textContent = [
      `Orange: ${output} is above 0, blue: below.`,
      label ? `Circles: ${label.text} is above 0.5.` : "",
      `On a line ${isRow ? "a column of " : ""}${name} is 0; the arrows lead to the thin one, where it is 0 after ${page.ahead.words}.`,
      "A click picks an example, which can be moved.",
    ].join(" ");
  };
  return draw;
}

/**
 * Return the arrays of units, whose zeros can be drawn; a function of one of them has its lines
 * where that has them.
 */
function layers({ program: { statements, terms }, plane: { units, term: output } }) {
  const found = statements.flatMap(({ forward, term, name }) => {
    if (!forward || !units.includes(term)) return [];
    const { primitive, operands, shape } = terms[term];
    const inner = terms[operands.find((k) => units.includes(k))];
    const isFunction = (operands.length === 1 || primitive === "maximum") && inner;
    if (shape.length > 2 || (isFunction && `${inner.shape}` === `${shape}`)) return [];
    return { name, term, columns: shape[1] ?? 1, isRow: shape.length > 1 };
  });
  return found.length ? found : [{ name: "the output", term: output, columns: 1, isRow: false }];
}

function paint(canvas, heights) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(CELLS, CELLS);
  for (const [i, z] of heights.entries()) {
    image.data.set([...COLOURS[z > 0], 115 * Math.tanh(Math.abs(z) / 2)], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

const apart = ([a, b], [c, d]) => Math.hypot(a - c, b - d);
const inPicture = (i) => [i % CELLS, Math.floor(i / CELLS)].map((x) => (SIDE * (x + 0.5)) / CELLS);

/** Return where a column of what is on the grid is 0: short segments, their ends in the picture. */
function zeros(numbers, columns, k) {
  const z = (i) => numbers[columns * i + k];
  const segments = [];
  for (let first = 0; first < CELLS * (CELLS - 1); first++) {
    const above = z(first) > 0;
    const isCrossed = CORNERS.some((by) => z(first + by) > 0 !== above);
    if (!isCrossed || first % CELLS === CELLS - 1) continue;
    const corners = CORNERS.map((by) => first + by);
    if (!corners.every((i) => Number.isFinite(z(i)))) continue;
    const ends = corners.flatMap((p, i) => {
      const q = corners[(i + 1) % 4];
      if (z(p) > 0 === z(q) > 0) return [];
      const [from, to] = [inPicture(p), inPicture(q)];
      return [from.map((x, axis) => x + ((to[axis] - x) * z(p)) / (z(p) - z(q)))];
    });
    for (let i = 0; i < ends.length; i += 2) segments.push([ends[i], ends[i + 1]]);
  }
  return segments;
}

/** Return arrows from places of a line to what is nearest to each on the line that it becomes. */
function moves(before, after) {
  if (!before.length || !after.length) return [];
  const found = [1 / 3, 2 / 3].map((share) => {
    const start = middle(before, share);
    const ends = after.map((segment) => nearest(segment, start));
    return [start, ends.reduce((a, b) => (apart(start, b) < apart(start, a) ? b : a))];
  });
  return found.filter(([start, end]) => apart(start, end) > 0.5);
}

function middle(segments, share) {
  const [from, to] = segments[Math.floor(share * segments.length)];
  return from.map((x, axis) => (x + to[axis]) / 2);
}

function nearest([[a, b], [c, d]], [x, y]) {
  const [u, v] = [c - a, d - b];
  const share = ((x - a) * u + (y - b) * v) / (u * u + v * v || 1);
  const along = Math.min(1, Math.max(0, share));
  return [a + along * u, b + along * v];
}

/** Draw the line of a unit with its name, which are apart even where the lines are not. */
function line({ text, before, after, moves: found }, i, { length }) {
  const path = (segments, kind) =>
    svg("path", { class: kind, d: segments.map((ends) => `M${ends.join("L")}`).join("") });
  const [x, y] = before.length ? middle(before, (i + 0.5) / length) : [];
  return svg(
    "g.unit",
    path(after, "later"),
    path(before),
    found.map((ends) => path([ends], "arrow")),
    before.length > 0 && svg("text", { x: Math.min(x + 5, SIDE - 45), y: y + 4 }, text),
  );
}
