// One program, one state of the page, and views that are functions of the state.

import { left } from "dom";
import { graph } from "graph";
import { inputs } from "inputs";
import { prepared } from "interpreter";
import { code, equations, numpy } from "listings";
import { navigation } from "navigation";
import { step } from "step";
import { train } from "train";
import { ahead } from "training";

const UNKNOWN = '<math xmlns="http://www.w3.org/1998/Math/MathML"><mo>?</mo></math>';
const STEPS = [navigation, step, graph, equations, code, numpy]; // views of what has the focus
const NUMBERS = [navigation, step, inputs, train]; // and of the numbers
const program = JSON.parse(document.getElementById("program").textContent);
const compute = prepared(program);
const find = (id) => document.getElementById(id);
const { statements } = program;
const LAST = statements.length - 1;
const keys = (shape) =>
  shape.map((n, axis) => `${n} ${shape.slice(0, axis).filter((m) => m === n).length}`);
const given = new Map(
  program.inputs.map(({ term }) => [term, program.terms[term].data.map(Number)]),
);

export const page = {
  program,
  statements,
  compute,
  given, // the numbers of the inputs
  values: compute(given), // of all terms
  run: { losses: [], problem: "", first: given }, // of training, and the numbers it began with
  rate: "1", // at which it is trained, as it was typed
  speed: 1, // in steps at a time
  lines: 0, // which units' lines are drawn
  step: Math.max(0, statements.map((x) => x.forward).indexOf(false)),
  isTurn: false,
  isByEntry: false, // of equations
  isLong: false, // of sums
  shown: new Set(), // what the reader has found
  verdict: null, // on an answer: what is wrong with it, or nothing
  fault: null, // of a number that was typed
  chosen: new Map(), // indices of the entry that is looked at

  /** Return the entry of arrays of a shape that is looked at; axes of one length share theirs. */
  entry: (shape) => keys(shape).map((key) => page.chosen.get(key) ?? 0),
  choose(shape, entry) {
    for (const [axis, key] of keys(shape).entries()) {
      const index = Math.round(entry[axis]) || 0;
      page.chosen.set(key, Math.max(0, Math.min(shape[axis] - 1, index)));
    }
    page.set({ verdict: null }, NUMBERS);
  },
  /** Show all views, or some, in a state that is changed. */
  set(changes, views = STEPS) {
    Object.assign(page, changes);
    page.ahead = ahead(program, page.values, Number(page.rate));
    update(views);
  },
  go(to) {
    page.set({ step: Math.max(0, Math.min(LAST, to)), isLong: false, verdict: null });
    const { forward } = statements[page.step];
    const direction = forward ? "forward" : "backward";
    find("live").textContent = `Step ${page.step + 1}, ${direction}: ${page.told(page.step).words}`;
    centre();
  },
  /** Go on with other numbers of some inputs. */
  take(numbers, changes = {}) {
    const given = new Map([...page.given, ...numbers]);
    const values = compute(given);
    page.set({ given, values, verdict: null, fault: null, ...changes }, NUMBERS);
  },
  /** Go on with another number, or say why that cannot be. */
  change(term, at, number, name) {
    try {
      if (!Number.isFinite(number))
        throw new Error(`${name} is not a number; the page shows the last one that was.`);
      page.take([[term, Array.from(page.given.get(term)).with(at, number)]]);
    } catch (error) {
      const fault = { term, name, words: error.message };
      page.set({ fault, values: compute(page.given) }, NUMBERS);
    }
  },
  /** Change how it is trained, or what is drawn of that. */
  adjust: (changes) => page.set(changes, NUMBERS),
  restart: () => page.take(given),
  train({ given, losses, problem }) {
    const first = page.run.losses.length ? page.run.first : page.given;
    page.take(given, { run: { losses, problem, first } });
  },
  /** Begin the training again. */
  begin: () => page.train({ given: page.run.first, losses: [], problem: "" }),
  /** Show from now on what has been found. */
  judge(verdict) {
    if (verdict === "") page.shown.add(page.step);
    page.set({ verdict });
  },
  reveal() {
    page.shown.add(page.step);
    page.set({});
    (page.step === LAST ? find("back") : find("next")).focus();
  },
  /** Return whether an adjoint is the reader's to find. */
  isHidden: (i) => page.isTurn && !statements[i].forward && !page.shown.has(i),
  /** Return a statement as it may be read: of what is the reader's to find, its left side. */
  told(i) {
    const { code, entries, term } = statements[i];
    const covered = ({ math, words }) => ({
      math: [math[0], UNKNOWN],
      words: `${left(words)} equals what?`,
    });
    if (!page.isHidden(i)) return statements[i];
    const hidden = { ...covered(statements[i]), term, code: [code[0], "?"] };
    return { ...hidden, entries: entries && covered(entries) };
  },
};

/** Scroll what has the focus into the middle of its box, across only where all of it has room. */
function centre() {
  for (const item of document.querySelectorAll("[aria-current]")) {
    const box = item.closest(".list, .scroll");
    const [inner, outer] = [item.getBoundingClientRect(), box.getBoundingClientRect()];
    const across = inner.left - outer.left - (outer.width - inner.width) / 2;
    const down = inner.top - outer.top - (outer.height - inner.height) / 2;
    box.scrollBy(inner.width < outer.width ? across : 0, down);
  }
}

/** Show views anew; of items and of entries that keys lead through, one is in the order of tabs. */
function update(views) {
  document.body.dataset.direction = statements[page.step].forward ? "forward" : "backward";
  for (const view of views) view(page, find(view.name));
  const focus = document.activeElement;
  if (focus.getAttribute("tabindex") === "-1") {
    focus.closest("table, section").querySelector("[tabindex='0']").focus({ preventScroll: true });
  }
}

document.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const isOther = event.target.closest("input, select") || event.altKey || event.ctrlKey;
  if (!by || isOther || event.metaKey) return;
  event.preventDefault();
  page.go(page.step + by);
});
const all = new Set([...STEPS, ...NUMBERS]);
window.addEventListener("resize", () => page.set({}, all));
page.set({}, all);
