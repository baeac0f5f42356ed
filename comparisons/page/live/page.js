// One program, one step of it that has the focus, and views that show both.

import { element, left } from "dom";
import { graph } from "graph";
import { inputs } from "inputs";
import { prepared } from "interpreter";
import { format } from "numbers";
import { step } from "step";
import { train } from "train";
import { ahead } from "training";
import { code, equations, numpy } from "views";

const UNKNOWN = '<math xmlns="http://www.w3.org/1998/Math/MathML"><mo>?</mo></math>';
const program = JSON.parse(document.getElementById("program").textContent);
const compute = prepared(program);
const find = (id) => document.getElementById(id);
const { statements } = program;
const keys = (shape) =>
  shape.map((n, axis) => `${n} ${shape.slice(0, axis).filter((m) => m === n).length}`);
const given = () =>
  new Map(program.inputs.map(({ term }) => [term, program.terms[term].data.map(Number)]));

export const page = {
  program,
  statements,
  links: [],
  written: [], // functions that write an equation where it may have to be hidden
  given: given(),
  values: compute(new Map()),
  rate: 1, // at which it is trained
  step: Math.max(0, statements.map((x) => x.forward).indexOf(false)),
  near: new Set(),
  isTurn: false,
  isByEntry: false, // of equations
  isLong: false, // of sums
  shown: new Set(),
  chosen: new Map(),

  /** Return the entry of arrays of a shape that is looked at; axes of one length share theirs. */
  entry: (shape) => keys(shape).map((key) => page.chosen.get(key) ?? 0),
  choose(shape, entry) {
    for (const [axis, key] of keys(shape).entries()) {
      const index = Math.round(entry[axis]) || 0;
      page.chosen.set(key, Math.max(0, Math.min(shape[axis] - 1, index)));
    }
    update();
  },
  go(to) {
    page.step = Math.max(0, Math.min(statements.length - 1, to));
    page.isLong = false;
    update(true);
  },
  hover(found) {
    page.near = new Set(found);
    mark();
  },
  /** Compute all anew with a number changed; return why that cannot be, or nothing. */
  change(term, at, number) {
    const before = page.given.get(term)[at];
    page.given.get(term)[at] = number;
    try {
      page.values = compute(page.given);
    } catch (error) {
      page.given.get(term)[at] = before;
      page.values = compute(page.given);
      return error.message;
    }
    update();
    return "";
  },
  /** Go on with other numbers of some inputs. */
  take(numbers) {
    for (const [term, x] of numbers) page.given.set(term, Array.from(x));
    page.values = compute(page.given);
    update(false, true);
  },
  restart() {
    page.take(given());
  },
  /** Show from now on what has been found. */
  find() {
    page.shown.add(page.step);
    for (const write of page.written) write();
  },
  reveal() {
    page.find();
    update();
    (find("next").disabled ? find("back") : find("next")).focus();
  },
  /** Return whether an adjoint is the reader's to find. */
  isHidden: (i) => page.isTurn && !statements[i].forward && !page.shown.has(i),
  /** Return a statement as it may be read: of what is the reader's to find, its left side. */
  told(i) {
    const { code, entries } = statements[i];
    const covered = ({ math, words }) => ({
      math: [math[0], UNKNOWN],
      words: `${left(words)} equals what?`,
    });
    if (!page.isHidden(i)) return statements[i];
    const hidden = { ...covered(statements[i]), code: [code[0], "?"] };
    return { ...hidden, entries: entries && covered(entries) };
  },
  update: () => update(),
};

function mark(isNew = false) {
  for (const view of new Set(page.links.map((x) => x.view))) {
    const links = page.links.filter((x) => x.view === view);
    const current = links.find((x) => x.statements.includes(page.step)) ?? links[0];
    const hasFocus = links.some((x) => x.item === document.activeElement);
    for (const { item, statements: found } of links) {
      const isNear = found.some((i) => page.near.has(i));
      item.ariaCurrent = found.includes(page.step) ? "step" : null;
      item.classList.toggle("near", isNear);
      item.setAttribute("tabindex", item === current.item ? 0 : -1);
    }
    if (isNew && hasFocus) current.item.focus({ preventScroll: true });
  }
}

/** Scroll what is marked into sight, in its own box alone. */
function show() {
  for (const { item } of page.links.filter((x) => x.statements.includes(page.step))) {
    const box = item.closest(".list, .scroll");
    const [inner, outer] = [item.getBoundingClientRect(), box.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom) {
      box.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
    }
    const isOut = inner.left < outer.left || inner.right > outer.right;
    if (isOut && inner.width < outer.width) {
      box.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
    }
  }
}

const slider = find("slider").querySelector("input");
const example = find("example").querySelector("input");
const { examples } = program.slips;
const views = [graph(page, find("graph").querySelector(".scroll")), step(page, find("step"))];
equations(page, find("equations"));
code(page, find("code"));
numpy(page, find("numpy"));
views.push(inputs(page, find("inputs")), train(page, find("train")));

/** Show all again; with a new step that is said, with other inputs their fields are made anew. */
function update(isNew = false, areOthers = false) {
  const { forward } = statements[page.step];
  const { words } = page.told(page.step);
  const kept = document.activeElement?.dataset.keep;
  document.body.dataset.direction = forward ? "forward" : "backward";
  page.ahead = ahead(program, page.values, page.rate);
  example.value = page.entry([examples])[0];
  for (const view of views) view(areOthers);
  for (const write of page.written) write();
  mark(isNew);
  if (kept && document.activeElement.dataset.keep !== kept)
    document.querySelector(`[data-keep="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
  slider.value = page.step;
  slider.setAttribute("aria-valuetext", `${page.step + 1} of ${statements.length}: ${words}`);
  find("back").disabled = page.step === 0;
  find("next").disabled = page.step === statements.length - 1;
  const value = statements.findLast((x) => x.forward && x.term === program.value);
  find("result").replaceChildren(
    value?.name ?? "result",
    " = ",
    element("output", format(page.values[program.value][0], 6)),
  );
  if (isNew) {
    find("live").textContent =
      `Step ${page.step + 1}, ${forward ? "forward" : "backward"}: ${words}`;
    show();
  }
}

let playing = 0;
function play(start) {
  clearInterval(playing);
  const last = statements.length - 1;
  const goOn = () => (page.step < last ? page.go(page.step + 1) : play(false));
  playing = start && setInterval(goOn, 1800);
  if (start && page.step === last) page.go(0);
  find("play").setAttribute("aria-pressed", String(start));
  find("play").textContent = start ? "Pause" : "Play";
}

find("example").hidden = examples < 2;
example.max = examples - 1;
example.setAttribute("aria-label", `Example, below ${examples}`);
example.addEventListener("change", () => page.choose([examples], [example.value]));
slider.max = statements.length - 1;
slider.style.setProperty("--turn", statements.filter((x) => x.forward).length / statements.length);
slider.addEventListener("input", () => page.go(Number(slider.value)));
find("back").addEventListener("click", () => page.go(page.step - 1));
find("next").addEventListener("click", () => page.go(page.step + 1));
find("play").addEventListener("click", () => play(!playing));
find("reset").addEventListener("click", page.restart);
find("turn").addEventListener("click", () => {
  page.isTurn = !page.isTurn;
  page.shown.clear();
  find("turn").setAttribute("aria-pressed", String(page.isTurn));
  update();
});
document.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.target.closest("input") || event.altKey || event.ctrlKey || event.metaKey)
    return;
  event.preventDefault();
  page.go(page.step + by);
});
update();
