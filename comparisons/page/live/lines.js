// Where units are zero in the picture of the plane, and where these lines go.

import { svg } from "dom";

export const SIDE = 280; // of the picture
export const CELLS = 56; // to a side
const CORNERS = [0, 1, CELLS + 1, CELLS]; // of a square, from its first on

export const apart = ([a, b], [c, d]) => Math.hypot(a - c, b - d);
/** Return the middle of a cell in the picture. */
export const inPicture = (i) =>
  [i % CELLS, Math.floor(i / CELLS)].map((x) => (SIDE * (x + 0.5)) / CELLS);

/** Return where a column of what is on the grid is 0: short segments, their ends in the picture. */
export function zeros(numbers, columns, k) {
  const z = (i) => numbers[columns * i + k];
  const segments = [];
  for (let first = 0; first < CELLS * (CELLS - 1); first++) {
    const above = z(first) > 0;
    const isCrossed = CORNERS.some((by) => z(first + by) > 0 !== above);
    if (!isCrossed || first % CELLS === CELLS - 1) continue;
    const corners = CORNERS.map((by) => first + by);
    if (!corners.every((i) => Number.isFinite(z(i)))) continue;
    const ends = corners.flatMap((p, i) => {
      const q = corners[(i + 1) % 4];
      if (z(p) > 0 === z(q) > 0) return [];
      const [from, to] = [inPicture(p), inPicture(q)];
      return [from.map((x, axis) => x + ((to[axis] - x) * z(p)) / (z(p) - z(q)))];
    });
    for (let i = 0; i < ends.length; i += 2) segments.push([ends[i], ends[i + 1]]);
  }
  return segments;
}

/** Return arrows from places of a line to what is nearest to each on the line that it becomes. */
export function moves(before, after) {
  if (!before.length || !after.length) return [];
  const found = [1 / 3, 2 / 3].map((share) => {
    const start = middle(before, share);
    const ends = after.map((segment) => nearest(segment, start));
    return [start, ends.reduce((a, b) => (apart(start, b) < apart(start, a) ? b : a))];
  });
  return found.filter(([start, end]) => apart(start, end) > 0.5);
}

function middle(segments, share) {
  const [from, to] = segments[Math.floor(share * segments.length)];
  return from.map((x, axis) => (x + to[axis]) / 2);
}

function nearest([[a, b], [c, d]], [x, y]) {
  const [u, v] = [c - a, d - b];
  const share = ((x - a) * u + (y - b) * v) / (u * u + v * v || 1);
  const along = Math.min(1, Math.max(0, share));
  return [a + along * u, b + along * v];
}

/** Draw the line of a unit with its name, which are apart even where the lines are not. */
export function line({ text, before, after, moves: found }, i, { length }) {
  const path = (segments, kind) =>
    svg`<path class=${kind} d=${segments.map((ends) => `M${ends.join("L")}`).join("")} />`;
  const [x, y] = before.length ? middle(before, (i + 0.5) / length) : [];
  return svg`<g class="unit">
    ${path(after, "later")} ${path(before)} ${found.map((ends) => path([ends], "arrow"))}
    ${before.length > 0 && svg`<text x=${Math.min(x + 5, SIDE - 45)} y=${y + 4}>${text}</text>`}
  </g>`;
}
