// The graph of the forward pass, drawn in layers; a way back lights up as it is gone.

import { svg } from "dom";
import { link } from "views";

const LONGEST = 14; // characters of a name
const SMALLEST = 0.75; // by which the picture is scaled; beyond that it scrolls

export function graph(page, host) {
  const { program, statements } = page;
  const { nodes: terms, edges, across, down } = program.graph;
  const { size, middles, lines } = SMALLEST * across.size[0] <= host.clientWidth ? across : down;
  const paths = lines.map((line, i) => {
    const path = svg("path", { class: "edge", d: `M${line.join("L")}`, "marker-end": "url(#tip)" });
    return { from: terms[edges[i][0]], to: terms[edges[i][1]], path };
  });
  const nodes = terms.map((term, i) => node(page, term, middles[i]));
  const tip = svg(
    "marker",
    {
      id: "tip",
      viewBox: "0 0 6 6",
      refX: 5.5,
      refY: 3,
      markerWidth: 5,
      markerHeight: 5,
      orient: "auto-start-reverse",
    },
    svg("path", { d: "M0 0L6 3L0 6z" }),
  );
  host.append(
    svg(
      "svg",
      {
        viewBox: `0 0 ${size.join(" ")}`,
        width: size[0],
        style: `min-width: ${SMALLEST * size[0]}px`,
        role: "group",
        "aria-label": "Graph of the forward pass",
      },
      svg("defs", {}, tip),
      paths.map((x) => x.path),
      nodes.map((x) => x.item),
    ),
  );

  return () => {
    const { forward, term, of, undoes } = statements[page.step];
    const done = statements.slice(0, page.step + 1);
    const known = new Set(done.filter((x) => x.forward).map((x) => x.term));
    const adjoints = new Set(done.filter((x) => !x.forward).map((x) => x.of));
    for (const { from, to, path } of paths) {
      const isOn = forward
        ? to === term
        : of !== null
          ? from === of
          : to === statements[undoes]?.term;
      path.classList.toggle("on", isOn);
    }
    for (const { item, bar, term: own } of nodes) {
      item.classList.toggle("known", known.has(own));
      bar.style.display = adjoints.has(own) ? "" : "none";
    }
  };
}

function node(page, term, [x, y]) {
  const { program, statements } = page;
  const { width, height } = program.graph;
  const input = program.inputs.find((z) => z.term === term);
  const statement = statements.find((z) => z.term === term && z.forward);
  const found = statements.flatMap((z, i) => (z === statement || z.of === term ? [i] : []));
  const kind = input
    ? input.wanted
      ? "parameter"
      : "data"
    : term === program.value
      ? "result"
      : "computed";
  const box = (by) =>
    svg("rect", {
      x: by - width / 2,
      y: by - height / 2,
      width: width - 2 * by,
      height: height - 2 * by,
      rx: { parameter: height / 2, data: 0 }[kind] ?? 6,
    });
  const name = input?.text ?? statement.text[0];
  const { shape } = program.terms[term];
  const short = name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
  const [, stem, number] = short.match(/^(.*?)([₀-₉]*)$/s);
  const bar = svg(
    "text",
    { class: "bar", x: width / 2 - 4, y: -height / 2 - 3 },
    svg("tspan", {}, stem),
    number,
  );
  const item = svg(
    "g",
    {
      class: `node ${kind}`,
      transform: `translate(${x} ${y})`,
      role: "button",
      "aria-label": `${input?.words ?? statement.words}, ${kind}`,
    },
    box(0),
    kind === "result" && box(3),
    svg("text", { class: shape.length ? "array" : "", y: shape.length ? -1 : 5 }, short),
    bar,
    shape.length > 0 && svg("text", { class: "shape", y: 13 }, shape.join(" × ")),
  );
  const go = found.length
    ? undefined
    : () => document.querySelector(`#input-${term} input`)?.focus();
  link(page, "graph", item, found, go);
  item.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    item.dispatchEvent(new MouseEvent("click"));
  });
  return { term, item, bar };
}
