// Gradient descent on the numbers that the page shows: with each step all of it is computed anew.

import { html, show } from "dom";
import { format } from "numbers";
import { paint, picture } from "picture";
import { descended } from "training";

const [WIDTH, HEIGHT] = [280, 160];
const SPEEDS = [1, 10, 100];
let frame = 0; // of the run that goes on by itself

export function train(page, host) {
  const { losses, problem } = page.run;
  const last = losses.length ? `, loss ${format(losses.at(-1), 6)}` : "";
  const drawn = picture(page);
  const speeds = SPEEDS.map((n) => html`<option selected=${n === page.speed && ""}>${n}</option>`);
  show(
    host,
    html`<h2 id="train-title">Train it</h2>
      <p>Gradient descent with the adjoints above, starting from the current numbers.</p>
      <div class="controls">
        <button type="button" id="start" aria-pressed=${String(frame > 0)}
          onclick=${() => start(page)}>${frame ? "Pause" : "Train"}</button>
        <button type="button" onclick=${() => go(page, 1)}>One step</button>
        <button type="button" onclick=${() => begin(page)}>Begin again</button>
        <label>Learning rate <input type="text" inputmode="decimal" id="rate" value=${page.rate}
          oninput=${({ target }) => page.adjust({ rate: target.value })}></label>
        <label>Steps at a time
          <select onchange=${({ target }) => page.adjust({ speed: Number(target.value) })}>${speeds}</select></label>
      </div>
      <p role="status">${problem || `Step ${losses.length}${last}`}</p>
      <div class="charts">${drawn?.figure} ${losses.length > 1 && chart(losses)}</div>`,
  );
  if (drawn) paint(host.querySelector("canvas"), drawn.heights);
}

function chart(losses) {
  const finite = losses.filter(Number.isFinite);
  const top = finite.reduce((a, b) => Math.max(a, b), 1e-300);
  const points = finite.map((x, i) => [
    (WIDTH * i) / Math.max(1, finite.length - 1),
    HEIGHT * (1 - (0.95 * x) / top),
  ]);
  return html`<figure>
    <svg id="losses" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img"
      aria-label="The loss of each step so far"><polyline points=${points.join(" ")} /></svg>
    <figcaption>The loss of each step, from 0 to ${format(top)}</figcaption>
  </figure>`;
}

function start(page) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(page, 100 * page.speed);
  if (frame) pause();
  else frame = requestAnimationFrame(() => goOn(page));
  page.adjust({});
}

function goOn(page) {
  go(page, page.speed);
  if (frame) frame = requestAnimationFrame(() => goOn(page));
}

function pause() {
  cancelAnimationFrame(frame);
  frame = 0;
}

function begin(page) {
  pause();
  page.begin();
}

function go(page, count) {
  const { program, compute, given, run } = page;
  const rate = Number(page.rate);
  const isRate = rate > 0 && rate < Infinity;
  const problem = `A learning rate is a number above 0, not "${page.rate}".`;
  const next = isRate
    ? descended(program, compute, { given, losses: run.losses }, rate, count)
    : { given, losses: run.losses, problem };
  if (next.problem) pause();
  page.train(next);
}
