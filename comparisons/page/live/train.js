// Gradient descent on the numbers that the page shows: with each step all of it is computed anew.

import { format } from "numbers";
import { picture } from "picture";
import { size } from "places";
import { Training } from "training";

export function train(page, host) {
  const run = new Training(page.program);
  const find = (what) => host.querySelector(what);
  const [start, rate, chart] = [find("#start"), find("#rate"), find("#losses")];
  const { width, height } = chart.viewBox.baseVal;
  const isOne = run.plane && size(page.program.terms[run.plane.term].shape.slice(1)) === 1;
  const draw = isOne ? picture(page, run, find("#plane")) : () => find("#plane")?.remove();
  let first = page.given; // the numbers where the run began
  let frame = 0;

  const show = () => {
    const { losses, problem } = run;
    const finite = losses.filter(Number.isFinite);
    const top = finite.reduce((a, b) => Math.max(a, b), 1e-300);
    const points = finite.map((x, i) => [
      (width * i) / Math.max(1, finite.length - 1),
      height * (1 - (0.95 * x) / top),
    ]);
    chart.firstChild.setAttribute("points", points.join(" "));
    const last = losses.length ? `, loss ${format(losses.at(-1), 6)}` : "";
    find("[role=status]").textContent = problem || `Step ${losses.length}${last}`;
    chart.nextElementSibling.textContent = `The loss of each step, from 0 to ${format(top)}`;
    chart.parentElement.hidden = losses.length < 2;
  };
  const pause = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    start.setAttribute("aria-pressed", "false");
    start.textContent = "Train";
  };
  const go = (steps) => {
    run.rate = page.rate;
    if (!run.losses.length) first = new Map(run.given);
    if (!(run.rate > 0 && run.rate < Infinity))
      run.problem = `A learning rate is a number above 0, not "${rate.value}".`;
    for (let i = 0; i < steps && run.step(); i++);
    page.take(run.given);
    if (run.problem) pause();
    show();
  };
  const again = () => {
    go(Number(find("#speed").value));
    if (frame) frame = requestAnimationFrame(again);
  };
  start.addEventListener("click", () => {
    run.problem = "";
    if (frame) pause();
    else if (matchMedia("(prefers-reduced-motion: reduce)").matches) go(100 * find("#speed").value);
    else {
      start.setAttribute("aria-pressed", "true");
      start.textContent = "Pause";
      frame = requestAnimationFrame(again);
    }
  });
  find("#once").addEventListener("click", () => {
    run.problem = "";
    go(1);
  });
  find("#again").addEventListener("click", () => {
    pause();
    run.restart();
    page.take(first);
    show();
  });
  rate.addEventListener("input", () => {
    page.rate = Number(rate.value);
    page.update();
  });
  show();
  return () => {
    run.given = new Map(page.given);
    draw();
  };
}
