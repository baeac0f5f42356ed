// What a network makes of the plane that its data are points in.

import { prepared } from "interpreter";
import { size } from "places";

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

/**
 * Return a function that computes terms at points in the plane, x and y of one after the other: an
 * array for each term, a row for each point.
 */
export function surface(program, { data, term }) {
  const forward = prepared({ terms: program.terms.slice(0, term + 1) });
  const { shape } = program.terms[data];
  return (points, terms, given) => {
    const widths = terms.map((i) => size(program.terms[i].shape) / shape[0]);
    const found = widths.map((n) => new Float64Array((n * points.length) / 2));
    const chunk = new Float64Array(size(shape));
    const all = new Map([...given, [data, chunk]]);
    for (let start = 0; start < points.length; start += chunk.length) {
      chunk.set(points.slice(start, start + chunk.length));
      const numbers = forward(all);
      for (const [k, n] of widths.entries()) {
        const at = (n * start) / 2;
        found[k].set(numbers[terms[k]].subarray(0, found[k].length - at), at);
      }
    }
    return found;
  };
}

/**
 * Return the arrays of units, whose zeros can be drawn; a function of one of them has its lines
 * where that has them.
 */
export function layers({ statements, terms }, { units, term: output }) {
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
