// Formulas in NumPy's notation, computed from arrays that have names; nothing is run as code.

import { shapeText } from "dom";
import { applied, PRIMITIVES } from "interpreter";
import { along, axesOf, broadcast, picked, size, unfit } from "places";
import { computedSlips } from "slips";

const MOST = 1_000_000; // numbers in an array
const LEVELS = [
  { "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal" },
  { "==": "equal", "!=": "not_equal" },
  { "|": "logical_or" },
  { "&": "logical_and" },
  { "+": "add", "-": "subtract" },
  { "*": "multiply", "/": "divide", "@": "matmul" },
  { "**": "power" },
];
const POWER = LEVELS.length - 1;
const SIGN = POWER - 0.5; // signs hold less than powers, and more than products
const SIGNS = { "-": "negative", "+": "identity", "~": "logical_not" };
const WRITTEN = { "·": "*", "⊙": "*", "−": "-", "^": "**", "²": "**2", ᵀ: ".T", "'": '"' };
const ALIASES = { σ: "sigmoid", ℒ: "logistic_cross_entropy" };
const TOKEN =
  /(?:np\.|numpy\.)?[\p{L}_][\p{L}\p{M}\p{N}_]*|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\.{3}|\*\*|[<>=!]=|\S/u;

const single = (x) => ({ shape: [], data: [x] });
const [YES, NO, INF, NAN] = [1, 0, Infinity, NaN].map(single);
const CONSTANTS = { None: null, newaxis: null, True: YES, False: NO, inf: INF, nan: NAN };
// A number, or a tuple of them, as a parameter.
const plain = (x) => (Array.isArray(x) ? x.map(plain) : x?.shape?.length === 0 ? x.data[0] : x);
const MADE = {
  len: (x) => single(x.shape[0]),
  arange: (n) => ({ shape: limited([plain(n)]), data: along(plain(n), 1) }),
  dot: (a, b) => called(a.shape.length && b.shape.length ? "matmul" : "multiply", [a, b]),
  ones: (shape) => called("broadcast_to", [single(1), shape]),
};

// What does not go element by element: the shape of the result, by the parameters and the shapes
// of the operands, and the parameters that may stand after these.
const SHAPED = {
  matmul: [(_, a, b) => product(a, b)],
  outer: [(_, a, b) => [size(a), size(b)]],
  transpose: [transposed, "axes"],
  reshape: [reshaped, "shape"],
  broadcast_to: [spreadTo, "shape"],
  identity: [(_, a) => a],
  scatter: [({ shape }, _) => shape, "index", "shape"],
};
for (const name of ["sum", "mean", "max", "min", "logsumexp"])
  SHAPED[name] = [without, "axis", "keepdims"];

function product(a, b) {
  if (!a.length || a.at(-1) !== b.at(b.length > 1 ? -2 : 0)) throw unfit([a, b]);
  const batches = broadcast([a.slice(0, -2), b.slice(0, -2)]);
  return [...batches, ...a.slice(-2, -1), ...b.slice(1).slice(-1)];
}

function transposed({ axes }, shape) {
  const order = axes ? [...axesOf(axes, shape.length)] : [...shape.keys()].reverse();
  if (order.length !== shape.length) throw unfit([shape, axes]);
  return order.map((i) => shape[i]);
}

function reshaped({ shape }, from) {
  const to = [shape].flat();
  const found = to.map((n) => (n === -1 ? size(from) / -size(to) : n));
  const isFit = found.every((n) => Number.isInteger(n) && n >= 0) && size(found) === size(from);
  if (!isFit) throw unfit([from, to]);
  return found;
}

function spreadTo({ shape }, from) {
  const to = [shape].flat();
  if (String(broadcast([from, to])) !== String(to)) throw unfit([from, to]);
  return to;
}

function without({ axis, keepdims }, shape) {
  const gone = axesOf(axis, shape.length);
  return shape.flatMap((n, i) => (gone.has(i) ? (keepdims ? [1] : []) : [n]));
}

function limited(shape) {
  if (size(shape) <= MOST) return shape;
  throw new Error(`The shape ${shapeText(shape)} is too large.`);
}

/** Return what a function makes of arrays, and of parameters after them or by name. */
export function called(name, given, options = {}) {
  if (Object.hasOwn(MADE, name)) return MADE[name](...given);
  const primitive = ALIASES[name] ?? name;
  const [shapeOf, ...keys] = SHAPED[primitive] ?? [(_, ...shapes) => broadcast(shapes)];
  const arity = PRIMITIVES[primitive].arity ?? shapeOf.length - 1;
  const operands = given.slice(0, arity);
  const rest = given.slice(arity).map((x, i) => [keys[i], plain(x)]);
  const parameters = { ...options, ...Object.fromEntries(rest) };
  const isFit = operands.length === arity && operands.every((x) => x?.data);
  if (!isFit || Object.keys(parameters).some((key) => !keys.includes(key)))
    throw new Error(`Write ${name}(${[...Array(arity).fill("array"), ...keys].join(", ")}).`);
  const shape = limited(shapeOf(parameters, ...operands.map((x) => x.shape)));
  const mask = /^(less|greater|equal|not_equal|logical_(and|or|not)$)/.test(primitive);
  return { shape, mask, data: applied({ primitive, shape, parameters }, operands) };
}

function indexed(x, index) {
  if (Array.isArray(x)) return x.at(index[0]);
  const { places, shape } = picked(x.shape, index, []);
  return { shape, mask: x.mask, data: Float64Array.from(places, (i) => x.data[i]) };
}

const standard = (text) => text.normalize("NFD").replace(/[·⊙−^²ᵀ']/g, (sign) => WRITTEN[sign]);

/** Reads a formula from left to right, and computes it on the way. */
class Reader {
  constructor(text, names) {
    const places = [...names.keys()]
      .filter((x) => x.includes("["))
      .sort((a, b) => b.length - a.length);
    const escaped = places.map((x) => x.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    const tokens = standard(text).match(RegExp([...escaped, TOKEN.source].join("|"), "gu")) ?? [];
    this.tokens = tokens.map((x) => x.replace(/^(np|numpy)\./, ""));
    this.names = names;
    this.at = this.tokens[1] === "=" ? 2 : 0; // after the name of what is asked for
  }

  get token() {
    return this.tokens[this.at];
  }

  next() {
    this.at += 1;
    return this.tokens[this.at - 1];
  }

  accepts(token) {
    return this.token === token && Boolean(this.next());
  }

  expect(isFit) {
    if (isFit) return;
    const what = this.token ? `“${this.token}” could not be read` : "The formula ends too soon";
    const names = new Set([...this.names.values()].map((x) => x.name));
    throw new Error(`${what}. The names here are ${[...names].join(", ")}.`);
  }

  /** Read what operators of a level, or tighter ones, hold together. */
  expression(level = 0) {
    const sign = Object.hasOwn(SIGNS, this.token) && SIGNS[this.next()];
    let left = sign ? called(sign, [this.expression(SIGN)]) : this.attached(this.atom());
    for (;;) {
      const found = LEVELS.findIndex((x) => Object.hasOwn(x, this.token));
      if (found < level) return left;
      const primitive = LEVELS[found][this.next()];
      left = called(primitive, [left, this.expression(found === POWER ? SIGN : found + 1)]);
    }
  }

  atom() {
    const { token } = this;
    if (/^\.?\d/.test(token)) return single(Number(this.next()));
    if (this.accepts("(")) {
      const found = this.list(")");
      return found.length === 1 && this.tokens[this.at - 2] !== "," ? found[0] : found;
    }
    if (this.tokens[this.at + 1] === "(") return this.call();
    if (this.accepts("s_") && this.accepts("[")) return this.index();
    this.expect(this.names.has(token) || Object.hasOwn(CONSTANTS, token));
    return this.names.get(this.next()) ?? CONSTANTS[token];
  }

  /** Read what stands after an operand. */
  attached(x) {
    for (;;) {
      if (this.accepts("[")) x = indexed(x, this.index());
      else if (!this.accepts(".")) return x;
      else if (this.accepts("T")) x = called("transpose", [x]);
      else if (this.accepts("shape")) x = x.shape.map(single);
      else x = this.call([x]);
    }
  }

  /** Read a call, of a method with what it is of. */
  call(of = []) {
    const name = this.token;
    const isKnown = [ALIASES, SHAPED, MADE].some((x) => Object.hasOwn(x, name));
    const isElementwise = Object.hasOwn(PRIMITIVES, name) && PRIMITIVES[name].arity;
    this.expect((isKnown || isElementwise) && this.next() && this.accepts("("));
    const options = {};
    const more = [];
    this.list(")", () => {
      const key = this.tokens[this.at + 1] === "=" && this.next();
      if (key && this.next()) options[key] = plain(this.expression());
      else more.push(this.expression());
    });
    const isSpread = of.length && ["reshape", "transpose"].includes(name) && more.length > 1;
    return called(name, [...of, ...(isSpread ? [more] : more)], options);
  }

  /** Read an index, after its bracket. */
  index() {
    return this.list("]", () => {
      if (this.accepts("...")) return "...";
      const ends = [];
      do ends.push(/^[:,\]]/.test(this.token) ? null : this.expression());
      while (this.accepts(":"));
      const [x, stop = null, step = null] = ends.map(plain);
      if (ends.length > 1) return { slice: [x, stop, step] };
      if (x?.data) return { shape: x.shape, array: Array.from(x.data, x.mask ? Boolean : Number) };
      return x;
    }).flat();
  }

  list(end, read = () => this.expression()) {
    const found = [];
    while (!this.accepts(end)) {
      found.push(read());
      this.expect(this.token === end || this.accepts(","));
    }
    return found;
  }
}

/** Return the array that a formula is, or throw why it is none; `names` leads to arrays. */
export function evaluated(text, names) {
  const reader = new Reader(text, names);
  const found = reader.expression();
  reader.expect(reader.token === undefined);
  if (found?.data) return found;
  throw new Error("This is neither a number nor an array.");
}

/** Return the arrays that a formula may read where a step has the focus, by their names. */
export function namesAt({ program, statements, values, step }) {
  const { inputs, constants, terms, slips } = program;
  const named = (among, numbers) => (x) => ({
    ...among[x.term],
    data: numbers[x.term],
    name: x.name,
  });
  const known = [...inputs, ...constants, ...statements.slice(0, step)];
  const arrays = known.map(named(terms, values));
  const onPaper = slips.names.map(named(slips.terms, computedSlips(program, values)));
  const also = known.flatMap(({ name, text = name, place = name }, i) => {
    const stem = name.match(/^(.*)_bar$/)?.[1] ?? "";
    const others = [[text].flat()[0], place, ...(stem && [`${stem}bar`, `d${stem}`])];
    return others.map((x) => [standard(x), arrays[i]]);
  });
  const exact = [...onPaper, ...arrays].map((x) => [standard(x.name), x]);
  return new Map([...also, ...exact]);
}
