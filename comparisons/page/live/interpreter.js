// What the primitives compute, and no derivative: those were traced and are part of the program.
// An array is its shape and its numbers, row by row; masks are 0 and 1.

import { along, factors, picked, positive, reduced, size, spread, strides, sums } from "places";

const { abs, exp, log, log1p, max, min } = Math;

/**
 * Return a function that computes every term of a program, forward and backward: from the numbers
 * given for leaves, by the index of their term, to a Float64Array for each term. A leaf that is not
 * given has the program's own numbers. The arrays are filled anew by the next call.
 */
export function prepared(program) {
  const arrays = program.terms.map(({ shape }) => ({ shape, data: new Float64Array(size(shape)) }));
  const values = arrays.map((x) => x.data);
  const own = program.terms.map((x) => x.data && Float64Array.from(x.data, Number));
  const run = program.terms.flatMap(({ primitive, operands, parameters, mask }, i) => {
    if (primitive === null) return [];
    if (!Object.hasOwn(PRIMITIVES, primitive)) {
      throw new Error(`This page cannot compute ${primitive}: it has no function of that name.`);
    }
    const inputs = operands.map((k) => arrays[k]);
    const compute = PRIMITIVES[primitive](arrays[i], inputs, parameters);
    const asMask = () => fill(values[i], (k) => values[i][k] !== 0); // as NumPy's sum of masks is
    return mask ? [compute, asMask] : [compute];
  });
  return (given = new Map()) => {
    for (const [i, numbers] of own.entries()) {
      if (!numbers) continue;
      const now = given.get(i) ?? numbers;
      if (now.length !== numbers.length)
        throw new Error(`${now.length} numbers were given where ${numbers.length} are needed.`);
      values[i].set(now);
    }
    for (const compute of run) compute();
    return values;
  };
}

/** Return what a primitive with these parameters makes of arrays. */
export function applied({ primitive, shape, parameters }, operands) {
  const out = { shape, data: new Float64Array(size(shape)) };
  PRIMITIVES[primitive](out, operands, parameters)();
  return out.data;
}

// Kinds of primitives: of the array of a result, those of its operands and the parameters each
// makes a function that computes the result.

function fill(data, f) {
  for (let i = 0; i < data.length; i++) data[i] = f(i);
}

function elementwise(f) {
  const primitive = ({ shape, data }, operands) => {
    const [a, b, c] = operands.map((x) => x.data);
    const [p, q, r] = operands.map((x) => spread(x.shape, shape));
    if (c) return () => fill(data, (i) => f(a[p[i]], b[q[i]], c[r[i]]));
    if (b) return () => fill(data, (i) => f(a[p[i]], b[q[i]]));
    return () => fill(data, (i) => f(a[p[i]]));
  };
  return Object.assign(primitive, { arity: f.length });
}

/** `f` makes a number of those that are reduced to one. */
function reduction(f) {
  return ({ data }, [x], { axis }) => {
    const {
      starts: [starts],
      offsets: [offsets],
    } = reduced(x.shape, axis);
    return () => fill(data, (k) => f(offsets.map((by) => x.data[starts[k] + by])));
  };
}

const total = (numbers) => numbers.reduce((a, b) => a + b, 0);
const largest = (numbers) => numbers.reduce((a, b) => max(a, b), -Infinity);
const smallest = (numbers) => numbers.reduce((a, b) => min(a, b), Infinity);

function logsumexp(numbers) {
  const top = largest(numbers);
  const shift = Number.isFinite(top) ? top : 0;
  return log(total(numbers.map((x) => exp(x - shift)))) + shift;
}

/** `find` returns which element of the operand each of the result is. */
function moved(find) {
  return ({ shape, data }, [x, ...operands], parameters) => {
    const places = found(() => find(x.shape, shape, parameters, operands), operands);
    return () => {
      const from = places();
      fill(data, (i) => x.data[from[i]]);
    };
  };
}

/** What `find` returns for operands that it looks at: found once, if there are none. */
function found(find, operands) {
  if (operands.length) return find;
  const result = find();
  return () => result;
}

const unmoved = moved((shape) => spread(shape, shape));
const getitem = moved((shape, _, { index }, operands) => picked(shape, index, operands).places);
const transpose = moved((shape, to, { axes }) => {
  const steps = strides(shape);
  const order = axes ?? along(shape.length, -1, shape.length - 1);
  return sums(order.map((axis, i) => along(to[i], steps.at(axis))));
});

function scatter({ shape, data }, [x, ...operands], { index }) {
  const places = found(() => picked(shape, index, operands).places, operands);
  return () => {
    data.fill(0);
    for (const [i, to] of places().entries()) data[to] += x.data[i];
  };
}

function concatenate({ shape, data }, operands, { axis }) {
  const before = positive(axis, shape.length);
  const [row, ...rows] = [shape, ...operands.map((x) => x.shape)].map((s) => size(s.slice(before)));
  return () => {
    let start = 0;
    for (const [k, x] of operands.entries()) {
      for (const [i, number] of x.data.entries()) {
        data[start + Math.floor(i / rows[k]) * row + (i % rows[k])] = number;
      }
      start += rows[k];
    }
  };
}

function matmul({ shape, data }, [a, b]) {
  const { starts, offsets } = factors(a.shape, b.shape, shape);
  const [[p, q], [left, right]] = [starts, offsets];
  return () =>
    fill(data, (k) => {
      let result = 0;
      for (let i = 0; i < left.length; i++) {
        result += a.data[p[k] + left[i]] * b.data[q[k] + right[i]];
      }
      return result;
    });
}

/** A column times a row. */
function outer(out, [a, b]) {
  const [column, row] = [
    [a.data.length, 1],
    [1, b.data.length],
  ];
  return matmul(out, [
    { ...a, shape: column },
    { ...b, shape: row },
  ]);
}

// As in Python, no exponent is positive and nearly equal numbers are not subtracted.

const softplus = (x) => log1p(exp(-abs(x))) + max(x, 0);

function sigmoid(x) {
  const rise = exp(min(x, 0));
  return rise / (rise + exp(-max(x, 0)));
}

function sigmoidSlope(x) {
  const e = exp(-abs(x));
  return e / (1 + e * (2 + e));
}

function logisticResidual(z, t) {
  const e = exp(-abs(z));
  return z < 0 ? e / (1 + e) - t : 1 - t - e / (1 + e);
}

// Targets are probabilities; for others the loss has no value.
const logisticCrossEntropy = (z, t) =>
  t >= 0 && t <= 1 ? log1p(exp(-abs(z))) + z * ((z >= 0) - t) : NaN;

// To C and NumPy these powers are 1 whatever the exponent, to JavaScript not always.
const power = (a, b) => (a === 1 || (a === -1 && abs(b) === Infinity) ? 1 : a ** b);

const SAME =
  "abs cos exp expm1 log log1p sign sin sqrt tanh tan sinh cosh log2 log10 cbrt hypot floor ceil trunc";
const ARCS = "sin cos tan sinh cosh tanh";
const named = (names, f) => Object.fromEntries(names.split(" ").map(f));

export const PRIMITIVES = {
  ...named(SAME, (name) => [name, elementwise(Math[name])]),
  add: elementwise((a, b) => a + b),
  subtract: elementwise((a, b) => a - b),
  multiply: elementwise((a, b) => a * b),
  divide: elementwise((a, b) => a / b),
  power: elementwise(power),
  negative: elementwise((x) => -x),
  square: elementwise((x) => x * x),
  ...named(ARCS, (name) => [`arc${name}`, elementwise(Math[`a${name}`])]),
  arctan2: elementwise(Math.atan2),
  exp2: elementwise((x) => 2 ** x),
  fabs: elementwise(abs),
  reciprocal: elementwise((x) => 1 / x),
  logaddexp: elementwise((a, b) => max(a, b) + log1p(exp(-abs(a - b)))),
  logaddexp2: elementwise((a, b) => max(a, b) + log1p(2 ** -abs(a - b)) / Math.LN2),
  remainder: elementwise((a, b) => (a % b !== 0 && a < 0 !== b < 0 ? (a % b) + b : a % b)),
  fmod: elementwise((a, b) => a % b),
  floor_divide: elementwise((a, b) => Math.floor(a / b)),
  fmax: elementwise((a, b) => (Number.isNaN(a) || b > a ? b : a)),
  fmin: elementwise((a, b) => (Number.isNaN(a) || b < a ? b : a)),
  isnan: elementwise(Number.isNaN),
  isfinite: elementwise(Number.isFinite),
  less: elementwise((a, b) => a < b),
  less_equal: elementwise((a, b) => a <= b),
  greater: elementwise((a, b) => a > b),
  greater_equal: elementwise((a, b) => a >= b),
  equal: elementwise((a, b) => a === b),
  not_equal: elementwise((a, b) => a !== b),
  logical_and: elementwise((a, b) => a && b),
  logical_or: elementwise((a, b) => a || b),
  logical_not: elementwise((x) => x === 0),
  relu: elementwise((x) => max(x, 0)),
  maximum: elementwise((a, b) => max(a, b)),
  minimum: elementwise((a, b) => min(a, b)),
  where: elementwise((condition, a, b) => (condition !== 0 ? a : b)),
  sigmoid: elementwise(sigmoid),
  sigmoid_slope: elementwise(sigmoidSlope),
  softplus: elementwise(softplus),
  log_sigmoid: elementwise((x) => -softplus(-x)),
  logistic_cross_entropy: elementwise(logisticCrossEntropy),
  logistic_residual: elementwise(logisticResidual),
  sum: reduction(total),
  mean: reduction((numbers) => total(numbers) / numbers.length),
  max: reduction(largest),
  min: reduction(smallest),
  logsumexp: reduction(logsumexp),
  matmul,
  outer,
  broadcast_to: moved(spread),
  cast: unmoved,
  identity: unmoved,
  reshape: unmoved,
  transpose,
  getitem,
  scatter,
  concatenate,
};
