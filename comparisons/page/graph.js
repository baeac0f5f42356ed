// The graph of the forward pass, drawn in layers; a way back lights up as it is gone.

import { svg } from "dom";
import { link } from "views";

const NODE = { width: 84, height: 40 };
const GAP = { along: 52, across: 18 };

/** Return the nodes, inputs and statements, and which nodes each reads. */
function nodesOf({ program, statements }) {
  const forward = statements.filter((x) => x.forward);
  const named = new Map([...program.inputs, ...forward].map((x) => [x.term, x]));
  const reads = (term) => {
    const found = new Set(), seen = new Set(), stack = [...(program.terms[term].operands ?? [])];
    while (stack.length) {
      const x = stack.pop();
      if (seen.has(x)) continue;
      seen.add(x);
      if (named.has(x)) found.add(x);
      else stack.push(...(program.terms[x].operands ?? []));
    }
    return [...found];
  };
  const nodes = new Map([...named.keys()].map((term) => [term, { term, reads: reads(term), layer: 0 }]));
  for (const x of forward) {
    const node = nodes.get(x.term);
    node.layer = 1 + Math.max(0, ...node.reads.map((y) => nodes.get(y).layer));
  }
  for (const { term } of program.inputs) {
    const readers = [...nodes.values()].filter((x) => x.reads.includes(term));
    nodes.get(term).layer = Math.max(0, Math.min(...readers.map((x) => x.layer)) - 1);
  }
  return [...nodes.values()].filter((x) => x.reads.length || [...nodes.values()].some((y) => y.reads.includes(x.term)));
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
  const { program, statements } = page;
  const { layers, edges } = layered(nodesOf(page));
  const isTall = host.clientWidth < layers.length * (NODE.width + GAP.along);
  const most = Math.max(...layers.map((x) => x.length));
  const [along, across] = isTall ? [NODE.height + 30, NODE.width + GAP.across] : [NODE.width + GAP.along, NODE.height + GAP.across];
  const place = (x) => {
    const [u, v] = [(x.layer + 0.5) * along, (x.at + most / 2) * across];
    return isTall ? [v, u] : [u, v];
  };
  const size = [layers.length * along, most * across];
  const [width, height] = isTall ? size.toReversed() : size;
  const half = (isTall ? NODE.height : NODE.width) / 2;
  const path = (way) => way.slice(1).map((end, i) => {
    const shift = (x, by) => { const p = place(x); if (x.term !== undefined) p[isTall ? 1 : 0] += by; return p; };
    const a = shift(way[i], half), b = shift(end, -half - 4);
    const middle = isTall ? (a[1] + b[1]) / 2 : (a[0] + b[0]) / 2;
    const [c, d] = isTall ? [[a[0], middle], [b[0], middle]] : [[middle, a[1]], [middle, b[1]]];
    return `${i ? "L" : "M"}${a} C${c} ${d} ${b}`;
  }).join(" ");
  const drawn = edges.map((edge) => ({ ...edge, line: svg("path", { class: "edge", d: path(edge.way), "marker-end": "url(#tip)" }) }));
  const nodes = layers.flat().filter((x) => x.term !== undefined).map((x) => node(page, x.term, place(x)));
  host.append(svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Graph of the forward pass" },
    svg("defs", {}, svg("marker", { id: "tip", viewBox: "0 0 6 6", refX: 3, refY: 3, markerWidth: 6, markerHeight: 6, orient: "auto-start-reverse" }, svg("path", { d: "M0 0L6 3L0 6z" }))),
    drawn.map((x) => x.line), nodes.map((x) => x.item)));
  return () => {
    const { forward, term, of, undoes } = statements[page.step];
    const known = new Set(statements.slice(0, page.step + 1).map((x) => (x.forward ? x.term : x.of)));
    for (const { from, to, line } of drawn) {
      const isOn = forward ? to === term : of !== null ? from === of : to === statements[undoes]?.term;
      line.classList.toggle("on", isOn);
    }
    for (const x of nodes) {
      x.item.classList.toggle("known", known.has(x.term));
      const adjoint = statements.findIndex((y) => !y.forward && y.of === x.term);
      x.bar.style.display = adjoint >= 0 && adjoint <= page.step ? "" : "none";
    }
  };
}

function node(page, term, [x, y]) {
  const { program, statements } = page;
  const input = program.inputs.find((z) => z.term === term);
  const statement = statements.find((z) => z.term === term && z.forward);
  const found = statements.flatMap((z, i) => ((z.forward && z.term === term) || z.of === term ? [i] : []));
  const kind = input ? (input.wanted ? "wanted" : "given") : term === program.value ? "value" : "computed";
  const { width, height } = NODE;
  const box = (by) => ({ x: -width / 2 + by, y: -height / 2 + by, width: width - 2 * by, height: height - 2 * by, rx: kind === "wanted" ? 20 : kind === "given" ? 0 : 6 });
  const name = input?.text ?? statement.text[0];
  const [, stem, number] = name.match(/^(.*?)([₀-₉]*)$/s);
  const bar = svg("text", { class: "bar", x: width / 2 - 9, y: 5 }, svg("tspan", {}, stem), number);
  const { shape } = program.terms[term];
  const item = svg("g", { class: `node ${kind}`, transform: `translate(${x} ${y})`, role: "button", "aria-label": `${input?.words ?? statement.words}, ${kind === "wanted" ? "differentiated" : kind}` },
    svg("rect", box(0)), kind === "value" ? svg("rect", box(3)) : null,
    svg("text", { class: shape.length ? "name array" : "name", y: shape.length ? -1 : 5 }, name), bar,
    shape.length ? svg("text", { class: "shape", y: 13 }, shape.join(" × ")) : null);
  const go = found.length ? undefined : () => document.querySelector(`#input-${term} input`)?.focus();
  link(page, "graph", item, found, go);
  item.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    item.dispatchEvent(new MouseEvent("click"));
  });
  return { term, item, bar };
}
