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
    this.pairs = program.inputs
      .filter(({ name }) => Object.hasOwn(program.gradients, name))
      .map(({ term, name }) => [term, program.gradients[name]]);
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
    for (const [term, gradient] of this.pairs) {
      const next = numbers[term].map((x, i) => x - this.rate * numbers[gradient][i]);
      if (!next.every(Number.isFinite)) {
        this.problem = `After step ${step} the numbers are no longer finite: ${advice}`;
      }
      this.given.set(term, next);
    }
    return !this.problem;
  }

  /**
   * Return what the network computes at points in the plane, x and y of one after the other: as
   * many numbers for each point as the network has outputs. Null if it is no network of two inputs.
   */
  surface(points) {
    if (!this.plane) return null;
    const { data, term } = this.plane;
    const shapes = [data, term].map((i) => this.program.terms[i].shape);
    const [chunk, outputs] = [size(shapes[0]), size(shapes[1]) / shapes[0][0]];
    const found = new Float64Array((points.length / 2) * outputs);
    for (let start = 0; start < points.length; start += chunk) {
      const given = new Float64Array(chunk);
      given.set(points.slice(start, start + chunk));
      const rows = this.forward(new Map([...this.given, [data, given]]))[term];
      const at = (start / 2) * outputs;
      found.set(rows.subarray(0, found.length - at), at);
    }
    return found;
  }
}

/**
 * Return the term of data that are points in the plane, a row for each, and the term of what the
 * network makes of them before they are compared with anything: the last one, with a row for each,
 * that the loss reads all of them through. Null if there is none.
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
  return term === null ? null : { data, term };
}
