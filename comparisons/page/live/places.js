// Where the elements of an array are: row by row, whatever its number of axes.

import { shapeText } from "dom";

export const size = (shape) => shape.reduce((a, b) => a * b, 1);
export const strides = (shape) => shape.map((_, i) => size(shape.slice(i + 1)));
export const along = (length, step, start = 0) =>
  Array.from({ length }, (_, k) => start + k * step);
export const flat = (shape, entry) => shape.reduce((at, n, axis) => at * n + entry[axis], 0);
export const positive = (axis, ndim) => (axis < 0 ? axis + ndim : axis);

/** Return the entry that is somewhere in the flat array. */
export function entryAt(shape, at) {
  const steps = strides(shape);
  return shape.map((n, axis) => Math.floor(at / steps[axis]) % n);
}

/** Return all sums of one number of each list, the last list running fastest. */
export function sums(lists) {
  return lists.reduce((found, list) => {
    const next = new Int32Array(found.length * list.length);
    let at = 0;
    for (const x of found) for (const y of list) next[at++] = x + y;
    return next;
  }, Int32Array.of(0));
}

/** Return, for each element of shape `to`, which one of `shape` is spread to it. */
export function spread(shape, to) {
  const steps = strides(shape);
  const lead = to.length - shape.length;
  return sums(to.map((n, i) => along(n, (shape[i - lead] ?? 1) === 1 ? 0 : steps[i - lead])));
}

/** Return the axes that one, several or none given stand for. */
export function axesOf(axis, ndim) {
  const found = [axis ?? along(ndim, 1)].flat().map((a) => positive(a, ndim));
  const axes = new Set(found);
  if (found.every((a) => a >= 0 && a < ndim) && axes.size === found.length) return axes;
  throw new Error(`An array of ${ndim} axes has no axis ${axis}.`);
}

/**
 * Return which elements are reduced over `axis` to one: where those of each begin, in `starts`, and
 * how far they all are from there, in `offsets`; a list of each for the only operand.
 */
export function reduced(shape, axis) {
  const axes = axesOf(axis, shape.length);
  const steps = strides(shape);
  const within = (isGone) =>
    sums(shape.flatMap((n, i) => (axes.has(i) === isGone ? [along(n, steps[i])] : [])));
  return { starts: [within(false)], offsets: [Array.from(within(true))] };
}

/** Return the same of the products that an element of a matrix product is the sum of. */
export function factors(a, b, shape) {
  const [m, length] = [a.at(-2) ?? 1, a.at(-1)];
  const n = b.length > 1 ? b.at(-1) : 1;
  const own = (a.length > 1) + (b.length > 1); // axes of the result: those before are of batches
  const batches = shape.slice(0, shape.length - own);
  const [left, right] = [a, b].map((x) => spread(x.slice(0, -2), batches));
  const rows = sums([left.map((at) => at * m * length), along(m, length), along(n, 0)]);
  const columns = sums([right.map((at) => at * length * n), along(m, 0), along(n, 1)]);
  return { starts: [rows, columns], offsets: [along(length, 1), along(length, n)] };
}

/**
 * Return which elements of `shape` an index picks, and their shape; `positions` are the operands
 * that it needs.
 */
export function picked(shape, index, positions) {
  const steps = strides(shape);
  const operands = [...positions];
  const items = (Array.isArray(index) ? index : [index]).flatMap((item) => {
    if (item === "operand") {
      const { shape: form, data } = operands.shift();
      return { array: data, shape: form };
    }
    return item?.array?.length && typeof item.array[0] === "boolean" ? places(item) : [item];
  });
  if (!items.includes("...")) items.push("...");
  const used = items.filter((x) => x !== null && x !== "...").length;
  if (used > shape.length)
    throw new Error(`An array of ${shape.length} axes has no ${used} indices.`);
  const rest = Array(shape.length - used).fill({ slice: [null, null, null] });
  items.splice(items.indexOf("..."), 1, ...rest);

  const isAdvanced = (item) => item !== null && !item.slice;
  const first = items.findIndex(isAdvanced);
  const last = items.findLastIndex(isAdvanced);
  const isApart = items.slice(first, last).some((item) => !isAdvanced(item));
  const block = broadcast(items.filter(isAdvanced).map((item) => item.shape ?? []));
  const offsets = new Int32Array(size(block));
  const advanced = [offsets, block];
  const found = []; // lists of places, each with the part of the shape that it makes
  let axis = 0;
  for (const [i, item] of items.entries()) {
    if (i === first) found.push(advanced);
    if (item === null) found.push([[0], [1]]);
    if (item === null) continue;
    const [n, step] = [shape[axis], steps[axis]];
    axis += 1;
    if (item.slice) {
      const positions = sliced(item.slice, n);
      found.push([positions.map((k) => k * step), [positions.length]]);
    } else {
      const numbers = item.array ?? [item];
      const from = spread(item.shape ?? [], block);
      for (const k of offsets.keys()) offsets[k] += step * inside(numbers[from[k]], n);
    }
  }
  // Arrays that are not side by side: their axes come first in the result.
  if (isApart) found.unshift(...found.splice(found.indexOf(advanced), 1));
  return { places: sums(found.map(([list]) => list)), shape: found.flatMap(([, part]) => part) };
}

/** Return a mask as one array of positions per axis. */
function places({ array, shape }) {
  const at = [...array.keys()].filter((i) => array[i]);
  return strides(shape).map((step, axis) => ({
    array: at.map((i) => Math.floor(i / step) % shape[axis]),
    shape: [at.length],
  }));
}

export function broadcast(shapes) {
  const ndim = Math.max(0, ...shapes.map((shape) => shape.length));
  return along(ndim, 1, -ndim).map((i) => {
    const lengths = shapes.map((shape) => shape.at(i) ?? 1).filter((n) => n !== 1);
    if (lengths.some((n) => n !== lengths[0])) throw unfit(shapes);
    return lengths[0] ?? 1;
  });
}

export const unfit = (shapes) =>
  new Error(`The shapes ${shapes.map(shapeText).join(" and ")} do not fit.`);

function inside(position, length) {
  const isThere = Number.isInteger(position) && position >= -length && position < length;
  if (isThere) return positive(position, length);
  throw new Error(`There is no element ${position} along an axis of length ${length}.`);
}

/** Return the positions of a slice. */
function sliced([start, stop, step], length) {
  const by = step ?? 1;
  const [low, high] = by > 0 ? [0, length] : [-1, length - 1];
  const end = (x, otherwise) =>
    x === null ? otherwise : Math.min(Math.max(positive(x, length), low), high);
  const from = end(start, by > 0 ? low : high);
  const to = end(stop, by > 0 ? high : low);
  return along(Math.max(0, Math.ceil((to - from) / by)), by, from);
}
