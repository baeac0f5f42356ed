// Gradient descent on the numbers that the page shows: with each step all of it is computed anew.

import { element, svg } from "dom";
import { format } from "numbers";
import { Training } from "training";

const SIDE = 280;
const CELLS = 56;

export function train(page, host) {
  const run = new Training(page.program);
  const speed = element(
    "select",
    { id: "speed" },
    [1, 10, 100].map((n) => element("option", { value: n }, String(n))),
  );
  const rate = element("input", { type: "text", inputmode: "decimal", id: "rate", value: "1" });
  const start = element("button", { type: "button", "aria-pressed": "false" }, "Train");
  const said = element("p", { role: "status" });
  const curve = svg("polyline");
  const chart = svg(
    "svg",
    { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": "The loss of each step so far" },
    curve,
  );
  const plane = run.plane && outputs(run) === 1 ? picture(page, run) : null;

  const show = () => {
    const { losses, problem } = run;
    const finite = losses.filter(Number.isFinite);
    const top = finite.reduce((a, b) => Math.max(a, b), 1e-300);
    const points = finite.map((x, i) => [
      (SIDE * i) / Math.max(1, finite.length - 1),
      SIDE - (0.95 * SIDE * x) / top,
    ]);
    curve.setAttribute("points", points.join(" "));
    const last = losses.length ? `, loss ${format(losses.at(-1), 6)}` : "";
    said.textContent = problem || `Step ${losses.length}${last}`;
    plane?.draw();
  };
  const go = (steps) => {
    run.rate = Number(rate.value);
    if (!(run.rate > 0 && run.rate < Infinity))
      run.problem = `A learning rate is a number above 0, not "${rate.value}".`;
    for (let i = 0; i < steps && run.step(); i++);
    page.take(run.given);
    if (run.problem) pause();
    show();
  };
  let frame = 0;
  const pause = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    start.setAttribute("aria-pressed", "false");
    start.textContent = "Train";
  };
  const again = () => {
    go(Number(speed.value));
    if (frame) frame = requestAnimationFrame(again);
  };
  start.addEventListener("click", () => {
    run.problem = "";
    if (frame) pause();
    else if (matchMedia("(prefers-reduced-motion: reduce)").matches) go(100 * speed.value);
    else {
      start.setAttribute("aria-pressed", "true");
      start.textContent = "Pause";
      frame = requestAnimationFrame(again);
    }
  });
  const once = () => {
    run.problem = "";
    go(1);
  };
  const restart = () => {
    pause();
    run.restart();
    page.restart();
    show();
  };
  host.append(
    element(
      "div",
      { class: "controls" },
      start,
      element("button", { type: "button", onclick: once }, "One step"),
      element("button", { type: "button", onclick: restart }, "Begin again"),
      element("label", {}, "Learning rate ", rate),
      element("label", {}, "Steps at a time ", speed),
    ),
    said,
    element("div", { class: "charts" }, plane?.canvas, chart),
  );
  show();
  return () => {
    run.given = new Map(page.given);
    plane?.draw();
  };
}

/** Return how many numbers the network gives for each point. */
function outputs({ program, plane: { term } }) {
  return program.terms[term].shape.slice(1).reduce((a, b) => a * b, 1);
}

/**
 * Return a canvas of what the network gives in the plane around the data, and how to draw it. The
 * points can be moved there; by keyboard their fields are changed.
 */
function picture(page, run) {
  const { data } = run.plane;
  const canvas = element("canvas", {
    width: SIDE,
    height: SIDE,
    role: "img",
    "aria-label": "What the network gives in the plane: orange above 0, blue below, and the data",
  });
  const context = canvas.getContext("2d");
  const [count] = page.program.terms[data].shape;
  const isLabel = ({ term, wanted }) =>
    !wanted && term !== data && page.program.terms[term].data.length === count;
  const labels = page.program.inputs.find(isLabel);
  const far = (points) => 1.15 * points.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);
  let reach = 0;
  let moved = -1;
  const position = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - left) / width, (event.clientY - top) / height];
    return [reach * (2 * x - 1), reach * (1 - 2 * y)];
  };
  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = position(event);
    const points = page.given.get(data);
    const distances = Array.from({ length: count }, (_, i) =>
      Math.hypot(points[2 * i] - x, points[2 * i + 1] - y),
    );
    const nearest = Math.min(...distances);
    if (nearest > (20 * reach) / SIDE) return;
    moved = distances.indexOf(nearest);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (moved < 0) return;
    const points = Array.from(page.given.get(data));
    points.splice(2 * moved, 2, ...position(event));
    page.take(new Map([[data, points]]));
  });
  canvas.addEventListener("pointerup", () => {
    moved = -1;
    draw();
  });
  const draw = () => {
    const points = page.given.get(data);
    if (moved < 0) reach = far(points);
    const at = (cell) => reach * ((2 * cell + 1) / CELLS - 1);
    const grid = Array.from({ length: CELLS ** 2 }, (_, i) => [
      at(i % CELLS),
      -at(Math.floor(i / CELLS)),
    ]).flat();
    const size = SIDE / CELLS;
    for (const [i, z] of run.surface(grid).entries()) {
      const share = Math.round(45 * Math.tanh(Math.abs(z) / 2));
      context.fillStyle = `color-mix(in srgb, ${z > 0 ? "#e0782f" : "#3f7fd0"} ${share}%, #fff)`;
      context.fillRect(size * (i % CELLS), size * Math.floor(i / CELLS), size + 1, size + 1);
    }
    context.strokeStyle = "#1d1f24";
    for (let i = 0; i < count; i++) {
      const [x, y] = [points[2 * i], -points[2 * i + 1]].map((v) => (SIDE * (v / reach + 1)) / 2);
      context.beginPath();
      if (labels && page.given.get(labels.term)[i] > 0.5) context.arc(x, y, 3, 0, 7);
      else context.rect(x - 2.5, y - 2.5, 5, 5);
      context.stroke();
    }
  };
  return { canvas, draw };
}
