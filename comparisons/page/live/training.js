// Gradient descent with the gradients that the program computes.

import { prepared } from "interpreter";
import { size } from "places";

/**
 * A run of gradient descent on the inputs that have a gradient. `given` are the numbers of inputs
 * where they are not the program's own, `losses` those before each step, and `problem` is a
 * sentence once the run has left the finite numbers.
 */
export class Training {
  constructor(program, rate = 1) {
    Object.assign(this, { program, rate, given: new Map(), losses: [], problem: "" });
    this.compute = prepared(program);
    this.plane = plane(program);
    if (this.plane) {
      this.forward = prepared({ terms: program.terms.slice(0, this.plane.term + 1) });
    }
  }

  /** Begin again, with these numbers. */
  restart(given = new Map()) {
    Object.assign(this, { given: new Map(given), losses: [], problem: "" });
  }

  /** Go one step down the gradient; return whether the run can go on. */
  step() {
    if (this.problem) return false;
    const numbers = this.compute(this.given);
    const loss = numbers[this.program.value][0];
    const step = this.losses.push(loss) - 1;
    const advice = `try a smaller rate than ${this.rate}.`;
    if (!Number.isFinite(loss)) {
      this.problem = step
        ? `The loss is ${loss} at step ${step}, after ${this.losses[step - 1].toPrecision(6)}: ${advice}`
        : `The loss is ${loss} before any step: look at the numbers of the inputs.`;
      return false;
    }
    for (const [term, next] of downhill(this.program, numbers, this.rate)) {
      if (!next.every(Number.isFinite)) {
        this.problem = `After step ${step} the numbers are no longer finite: ${advice}`;
      }
      this.given.set(term, next);
    }
    return !this.problem;
  }

  /**
   * Return what terms with a row for each example are at points in the plane, x and y of one after
   * the other: an array for each, a row for each point. Null if it is no network of two inputs.
   */
  surface(points, terms = [this.plane?.term], given = this.given) {
    if (!this.plane) return null;
    const { data } = this.plane;
    const { shape } = this.program.terms[data];
    const widths = terms.map((i) => size(this.program.terms[i].shape) / shape[0]);
    const found = widths.map((n) => new Float64Array((n * points.length) / 2));
    const chunk = new Float64Array(size(shape));
    const all = new Map([...given, [data, chunk]]);
    for (let start = 0; start < points.length; start += chunk.length) {
      chunk.set(points.slice(start, start + chunk.length));
      const numbers = this.forward(all);
      for (const [k, n] of widths.entries()) {
        const at = (n * start) / 2;
        found[k].set(numbers[terms[k]].subarray(0, found[k].length - at), at);
      }
    }
    return found;
  }
}

/** Return the numbers of what is trained after a step of some length down the gradient. */
function downhill({ inputs, gradients }, numbers, rate) {
  const trained = inputs.filter(({ name }) => Object.hasOwn(gradients, name));
  const next = ({ term, name }) =>
    numbers[term].map((x, i) => x - rate * numbers[gradients[name]][i]);
  return new Map(trained.map((x) => [x.term, next(x)]));
}

/**
 * Return the numbers of what is trained after a longer step than the next, so that it can be seen:
 * none of them changes by more than the largest of them. `words` say how long it is.
 */
export function ahead(program, numbers, rate) {
  const largest = (terms) =>
    terms.reduce((most, i) => numbers[i].reduce((a, x) => Math.max(a, Math.abs(x)), most), 0);
  const now = downhill(program, numbers, 0);
  const longest =
    (rate * largest(Object.values(program.gradients))) / (largest([...now.keys()]) || 1);
  if (!(longest > 0 && longest < Infinity)) return { words: "the next step", given: now };
  const power = 10 ** Math.floor(-Math.log10(longest));
  const times = Math.min(1000, ([5, 2].find((n) => n * power * longest <= 1) ?? 1) * power);
  const words = times === 1 ? "the next step" : `a step ${times} times as long as the next`;
  return { words, given: downhill(program, numbers, rate * times) };
}

/**
 * Return the term of data that are points in the plane, a row for each, and the term of what the
 * network makes of them before they are compared with anything: the last one, with a row for each,
 * that the loss reads all of them through; and `units`, all terms up to there with a row for each.
 * Null if there is none.
 */
export function plane({ terms, inputs, value }) {
  const wanted = inputs.filter((x) => x.wanted).map((x) => x.term);
  const isData = ({ primitive }, i) => primitive === null && !wanted.includes(i);
  const data = terms.findIndex((x, i) => isData(x, i) && x.shape.length === 2 && x.shape[1] === 2);
  if (data < 0) return null;
  const [count] = terms[data].shape;
  const compared = new Set();
  const reached = new Set([data]);
  const lastReader = new Map();
  for (const [i, x] of terms.entries()) {
    const isOther = isData(x, i) && i !== data && x.shape[0] === count;
    if (isOther || x.operands?.some((k) => compared.has(k))) compared.add(i);
    if (!x.forward || i > value) continue;
    for (const k of (x.operands ?? []).filter((k) => reached.has(k))) {
      reached.add(i);
      lastReader.set(k, i);
    }
  }
  let [term, farthest] = [null, 0];
  for (const i of reached) {
    const { shape, primitive } = terms[i];
    if (compared.has(i) || !shape.includes(count)) break;
    if (primitive !== null && farthest <= i && shape[0] === count) term = i;
    farthest = Math.max(farthest, lastReader.get(i) ?? 0);
  }
  if (term === null) return null;
  const units = [...reached].filter((i) => i !== data && i <= term && terms[i].shape[0] === count);
  return { data, term, units };
}
