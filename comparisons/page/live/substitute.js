// Equations for one entry, with the numbers put in: for H̄ = z̄ Wᵀ what H̄[2,1] is made of.

import { applied } from "interpreter";
import { short } from "numbers";
import { along, entryAt, factors, reduced, size, spread } from "places";

const [FEW, MANY] = [4, 300]; // summands that are shown
const [SIGN, ATOM] = [6, 8]; // how tightly a negative number holds together, and a name
const MOVED = "broadcast_to cast concatenate getitem identity reshape transpose".split(" ");
const REDUCTIONS = ["sum", "mean", "max", "min", "logsumexp"];

/**
 * Return the sides of a statement's equation for one entry, counted row by row: the entry, its
 * formula, that with the numbers put in, and the result; `isLong` if it has all terms of sums.
 */
export function sides(program, numbers, { term, text }, entry, isLong = false) {
  const names = namesOf(program);
  const isOther = names.get(term) !== text[0]; // a number, or equal to what has a name
  const [formula, computed] = [false, true].map((inNumbers) => {
    const writer = new Writer(program, numbers, names, inNumbers, isLong ? MANY : FEW);
    return (isOther ? writer.operand(term, entry) : writer.expression(term, entry)).text;
  });
  const right = new Set([formula, computed, short(numbers[term][entry])]);
  return [text[0] + place(program.terms[term].shape, entry), ...right];
}

/**
 * Return what an adjoint is put together from. `paths` are the parts for each time that what it is
 * the adjoint of is used, if more than once: their values, and the formula for one entry. `sums`
 * are those that undo a broadcast, with the shapes before and after.
 */
export function parts(program, numbers, { term, text, of, forward }, entry = 0) {
  const { terms, statements } = program;
  const names = namesOf(program);
  if (forward || of === null || names.get(term) !== text[0]) return { paths: [], sums: [] };
  const pieces = statements.filter((x) => !x.forward && x.of === null).map((x) => x.term);
  const isInner = (i) => i === term || !names.has(i) || pieces.includes(i);
  const uses = terms.flatMap((x) => (x.forward && !x.mask && x.operands) || []);
  const found = [];
  // Paths are added one by one: the first operand is the sum of those before.
  let rest = term;
  for (let more = uses.filter((i) => i === of).length - 1; more > 0; more--) {
    const { primitive, operands } = terms[rest];
    if (!isInner(rest) || !["add", "subtract"].includes(primitive)) break;
    found.unshift({ term: operands[1], sign: primitive === "add" ? 1 : -1 });
    rest = operands[0];
  }
  found.unshift({ term: rest, sign: 1 });
  const writer = new Writer(program, numbers, names, false, FEW);
  const paths = found.map(({ term: i, sign }) => ({
    term: i,
    text: sign > 0 ? writer.operand(i, entry).text : `-${tight(writer.operand(i, entry), SIGN)}`,
    values: Float64Array.from(numbers[i], (x) => sign * x),
  }));
  const sums = found.flatMap(({ term: i }) => {
    while (isInner(i) && terms[i].primitive === "reshape") [i] = terms[i].operands;
    if (!isInner(i) || terms[i].primitive !== "sum") return [];
    return [{ term: i, before: terms[terms[i].operands[0]].shape, after: terms[term].shape }];
  });
  return { paths: found.length > 1 ? paths : [], sums };
}

/** Return how terms are called, as text; numbers have no name. */
function namesOf({ terms, inputs, constants, statements }) {
  const names = new Map([...inputs, ...constants].map((x) => [x.term, x.text ?? x.name]));
  for (const { term, text } of statements) {
    if (terms[term].primitive !== null && !names.has(term)) names.set(term, text[0]);
  }
  return names;
}

/** Write entries of terms by their names, or in numbers: each as a text and how tight that is. */
class Writer {
  constructor({ terms, notation }, numbers, names, inNumbers, most) {
    Object.assign(this, { terms, notation, numbers, names, inNumbers, most });
  }

  operand(i, at) {
    const isNamed = this.names.has(i);
    if (isNamed && !this.inNumbers) {
      return { text: this.names.get(i) + place(this.terms[i].shape, at), level: ATOM };
    }
    if (!isNamed && this.terms[i].primitive !== null) return this.expression(i, at);
    const text = short(this.numbers[i][at], isNamed ? 4 : 6);
    return { text, level: text.startsWith("-") ? SIGN : ATOM };
  }

  /** Write what an entry is computed from. */
  expression(i, at) {
    const { primitive, operands, shape } = this.terms[i];
    if (MOVED.includes(primitive)) return this.operand(...this.origin(i, at));
    const summands = this.summands(i, at);
    if (["sum", "matmul", "outer", "scatter"].includes(primitive)) return this.sum(summands);
    if (primitive === "mean") {
      const count = { text: `${summands.length}`, level: ATOM };
      return this.inNotation("divide", [this.sum(summands), count]);
    }
    if (summands) {
      const texts = shortened(summands, this.most).map((x) =>
        x ? this.operand(...x).text : "...",
      );
      return { text: `${primitive}(${texts.join(", ")})`, level: ATOM };
    }
    const texts = operands.map((k) => this.operand(k, spread(this.terms[k].shape, shape)[at]));
    return this.inNotation(primitive, texts);
  }

  /** Return what an entry is the sum of, or reduced from: one or two operands, each with its entry. */
  summands(i, at) {
    const { primitive, operands, shape, parameters } = this.terms[i];
    const shapes = operands.map((k) => this.terms[k].shape);
    if (primitive === "scatter") {
      const given = { primitive: "getitem", shape: shapes[0], parameters };
      const to = applied(given, [counted(shape, 0), ...this.positions(operands)]);
      return [...to.keys()].filter((k) => to[k] === at).map((k) => [operands[0], k]);
    }
    const found =
      primitive === "matmul"
        ? factors(...shapes, shape)
        : primitive === "outer"
          ? factors([size(shapes[0]), 1], [1, size(shapes[1])], shape)
          : REDUCTIONS.includes(primitive) && reduced(shapes[0], parameters.axis);
    if (!found) return null;
    const { starts, offsets } = found;
    return offsets[0].map((_, n) => operands.flatMap((k, j) => [k, starts[j][at] + offsets[j][n]]));
  }

  /** Return the operand, and the entry of it, that an entry was moved from. */
  origin(i, at) {
    const { primitive, operands } = this.terms[i];
    const arrays = primitive === "concatenate" ? operands : operands.slice(0, 1);
    let start = 0;
    const numbered = arrays.map((k) => {
      const array = counted(this.terms[k].shape, start);
      start += array.data.length;
      return array;
    });
    const rest = primitive === "concatenate" ? [] : this.positions(operands);
    const from = applied(this.terms[i], [...numbered, ...rest])[at];
    const k = numbered.findLastIndex(({ data }) => data[0] <= from);
    return [operands[k], from - numbered[k].data[0]];
  }

  /** Return the arrays of positions that an index needs. */
  positions([, ...operands]) {
    return operands.map((k) => ({ shape: this.terms[k].shape, data: this.numbers[k] }));
  }

  sum(places) {
    const summands = shortened(places, this.most).map((place) =>
      place ? this.product(place) : { text: "...", level: ATOM },
    );
    if (!summands.length) return { text: "0", level: ATOM };
    return summands.reduce((a, b) => this.inNotation("add", [a, b]));
  }

  /** Write the product of two entries, or a single one. */
  product([x, p, y, q]) {
    const first = this.operand(x, p);
    return y === undefined ? first : this.inNotation("multiply", [first, this.operand(y, q)]);
  }

  inNotation(primitive, operands) {
    const { template, level, needed } = this.notation[primitive];
    const [start, ...pieces] = template.split("{}");
    const texts = operands.map((x, i) => tight(x, needed[i], i > 0 || start) + pieces[i]);
    return { text: start + texts.join(""), level };
  }
}

/** Return a text, in brackets where it is not tight enough; no sign stands after another. */
function tight({ text, level }, needed, isAfter = false) {
  return level < needed || (isAfter && needed && text.startsWith("-")) ? `(${text})` : text;
}

/** Return few of many, with an undefined one for those left out. */
function shortened(list, most) {
  return list.length > most ? [...list.slice(0, most - 2), undefined, list.at(-1)] : list;
}

const counted = (shape, start) => ({ shape, data: along(size(shape), 1, start) });

function place(shape, at) {
  return shape.length ? `[${entryAt(shape, at).join(",")}]` : "";
}
