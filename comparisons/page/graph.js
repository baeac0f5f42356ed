// The graph of the forward pass, drawn in layers; a way back lights up as it is gone.

import { svg } from "dom";
import { link } from "views";

const HEIGHT = 40, GAP = 40, BESIDE = 22; // of nodes, and between them
const LONGEST = 14; // characters of a name
const SMALLEST = 0.75; // by which the picture is scaled; beyond that it scrolls

/** Return the terms with a name that an equation is written with. */
export function reads({ program, statements }, term) {
  const named = new Set([...program.inputs, ...statements].map((x) => x.term));
  const seen = new Set(), found = [], stack = [...(program.terms[term].operands ?? [])];
  while (stack.length) {
    const x = stack.shift();
    if (seen.has(x)) continue;
    seen.add(x);
    if (named.has(x)) found.push(x);
    else stack.unshift(...(program.terms[x].operands ?? []));
  }
  return found;
}

/** Return the nodes, inputs and statements that are used, and which nodes each reads. */
function nodesOf(page) {
  const { program, statements } = page;
  const forward = statements.filter((x) => x.forward);
  const nodes = new Map([...program.inputs, ...forward].map(({ term }) =>
    [term, { term, reads: reads(page, term), layer: 0 }]));
  for (const x of forward) {
    const node = nodes.get(x.term);
    node.layer = 1 + Math.max(0, ...node.reads.map((y) => nodes.get(y).layer));
  }
  for (const { term } of program.inputs) {
    const readers = [...nodes.values()].filter((x) => x.reads.includes(term));
    if (readers.length) nodes.get(term).layer = Math.min(...readers.map((x) => x.layer)) - 1;
    else nodes.delete(term);
  }
  return [...nodes.values()];
}

/** Return the layers, an edge over several of them with a place in each, with few crossings. */
function layered(nodes) {
  const layers = [], edges = [];
  const put = (x) => (layers[x.layer] ??= []).push(x);
  const of = new Map(nodes.map((x) => [x.term, x]));
  for (const x of nodes) Object.assign(x, { before: [], after: [] });
  nodes.forEach(put);
  for (const x of nodes) {
    for (const start of x.reads.map((term) => of.get(term))) {
      const way = [start];
      for (let layer = start.layer + 1; layer < x.layer; layer++) {
        const bend = { layer, before: [], after: [] };
        put(bend);
        way.push(bend);
      }
      way.push(x);
      way.slice(1).forEach((y, i) => (y.before.push(way[i]), way[i].after.push(y)));
      edges.push({ way, from: start.term, to: x.term });
    }
  }
  const number = (layer) => layer.forEach((x, i) => (x.at = i - (layer.length - 1) / 2));
  layers.forEach(number);
  for (let sweep = 0; sweep < 8; sweep++) {
    const side = sweep % 2 ? "after" : "before";
    for (const layer of sweep % 2 ? layers.toReversed() : layers) {
      for (const x of layer) {
        const ats = x[side].map((y) => y.at);
        x.wish = ats.length ? ats.reduce((a, b) => a + b) / ats.length : x.at;
      }
      number(layer.sort((x, y) => x.wish - y.wish));
    }
  }
  return { layers, edges };
}

export function graph(page, host) {
  const { statements } = page;
  const { layers, edges } = layered(nodesOf(page));
  const terms = layers.flat().filter((x) => x.term !== undefined);
  const longest = Math.max(...terms.map((x) => Math.min(nameOf(page, x.term).length, LONGEST)));
  const width = 9 * longest + 40, most = Math.max(...layers.map((x) => x.length));
  const isTall = host.clientWidth < SMALLEST * layers.length * (width + GAP);
  const [along, across, half] = isTall ? [HEIGHT + GAP, width + BESIDE, HEIGHT / 2]
    : [width + GAP, HEIGHT + BESIDE, width / 2];
  const turned = (along, across) => (isTall ? [across, along] : [along, across]);
  const at = (x, by = 0) => turned((x.layer + 0.5) * along + (x.term === undefined ? 0 : by),
    (x.at + most / 2) * across);
  const size = turned(layers.length * along, most * across);

  const line = (start, end) => {
    const [a, b] = [at(start, half), at(end, -half)], middle = (start.layer + end.layer + 1) / 2 * along;
    const [c, d] = [start, end].map((x) => turned(middle, at(x)[isTall ? 0 : 1]));
    return `${a} C${c} ${d} ${b}`;
  };
  const paths = edges.map(({ way, from, to }) => ({ from, to, path: svg("path", {
    class: "edge", "marker-end": "url(#tip)",
    d: `M${way.slice(1).map((end, i) => line(way[i], end)).join(" L")}`,
  }) }));
  const nodes = terms.map((x) => node(page, x.term, at(x), width));
  const tip = svg("marker", {
    id: "tip", viewBox: "0 0 6 6", refX: 5.5, refY: 3, markerWidth: 5, markerHeight: 5,
    orient: "auto-start-reverse",
  }, svg("path", { d: "M0 0L6 3L0 6z" }));
  host.append(svg("svg", {
    viewBox: `0 0 ${size.join(" ")}`, width: size[0], style: `min-width: ${SMALLEST * size[0]}px`,
    role: "group", "aria-label": "Graph of the forward pass",
  }, svg("defs", {}, tip), paths.map((x) => x.path), nodes.map((x) => x.item)));

  return () => {
    const { forward, term, of, undoes } = statements[page.step];
    const done = statements.slice(0, page.step + 1);
    const known = new Set(done.filter((x) => x.forward).map((x) => x.term));
    const adjoints = new Set(done.filter((x) => !x.forward).map((x) => x.of));
    for (const { from, to, path } of paths) {
      const isOn = forward ? to === term : of !== null ? from === of : to === statements[undoes]?.term;
      path.classList.toggle("on", isOn);
    }
    for (const { item, bar, term: own } of nodes) {
      item.classList.toggle("known", known.has(own));
      bar.style.display = adjoints.has(own) ? "" : "none";
    }
  };
}

const nameOf = ({ program, statements }, term) => program.inputs.find((x) => x.term === term)?.text
  ?? statements.find((x) => x.term === term && x.forward).text[0];

function node(page, term, [x, y], width) {
  const { program, statements } = page;
  const input = program.inputs.find((z) => z.term === term);
  const statement = statements.find((z) => z.term === term && z.forward);
  const found = statements.flatMap((z, i) => (z === statement || z.of === term ? [i] : []));
  const kind = input ? (input.wanted ? "parameter" : "data")
    : term === program.value ? "result" : "computed";
  const box = (by) => svg("rect", {
    x: by - width / 2, y: by - HEIGHT / 2, width: width - 2 * by, height: HEIGHT - 2 * by,
    rx: { parameter: HEIGHT / 2, data: 0 }[kind] ?? 6,
  });
  const name = nameOf(page, term), { shape } = program.terms[term];
  const [, stem, number] = name.match(/^(.*?)([₀-₉]*)$/s);
  const short = name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
  const bar = svg("text", { class: "bar", x: width / 2 - 4, y: -HEIGHT / 2 - 4 },
    svg("tspan", {}, stem), number);
  const item = svg("g", {
    class: `node ${kind}`, transform: `translate(${x} ${y})`, role: "button",
    "aria-label": `${input?.words ?? statement.words}, ${kind}`,
  }, box(0), kind === "result" && box(3),
  svg("text", { class: shape.length ? "array" : "", y: shape.length ? -1 : 5 }, short), bar,
  shape.length > 0 && svg("text", { class: "shape", y: 13 }, shape.join(" × ")));
  const go = found.length ? undefined : () => document.querySelector(`#input-${term} input`)?.focus();
  link(page, "graph", item, found, go);
  item.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    item.dispatchEvent(new MouseEvent("click"));
  });
  return { term, item, bar };
}
