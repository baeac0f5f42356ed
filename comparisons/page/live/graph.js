// The graph of the forward pass, drawn in layers; a way back lights up as it is gone.

import { svg } from "dom";
import { link } from "views";

const LONGEST = 14; // characters of a name
const SMALLEST = 0.75; // by which the picture is scaled; beyond that it scrolls

export function graph(page, host) {
  const { program, statements } = page;
  const { nodes: terms, edges, across, down } = program.graph;
  const paths = edges.map(([from, to]) => ({
    from: terms[from],
    to: terms[to],
    path: svg("path", { class: "edge", "marker-end": "url(#tip)" }),
  }));
  const nodes = terms.map((term) => node(page, term));
  const drawn = host.querySelector("svg");
  drawn.append(...paths.map((x) => x.path), ...nodes.map((x) => x.item));
  const lay = () => {
    const { size, middles, lines } = SMALLEST * across.size[0] <= host.clientWidth ? across : down;
    const [width, height] = size;
    drawn.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawn.setAttribute("width", width);
    drawn.style.minWidth = `${SMALLEST * width}px`;
    for (const [i, { path }] of paths.entries()) path.setAttribute("d", `M${lines[i].join("L")}`);
    for (const [i, { item }] of nodes.entries())
      item.setAttribute("transform", `translate(${middles[i].join(" ")})`);
  };
  new ResizeObserver(lay).observe(host);
  lay();

  return () => {
    const { forward, term, of, undoes } = statements[page.step];
    const done = statements.slice(0, page.step + 1);
    const known = new Set(done.filter((x) => x.forward).map((x) => x.term));
    const adjoints = new Set(done.filter((x) => !x.forward).map((x) => x.of));
    for (const { from, to, path } of paths) {
      const isBack = of === null ? to === statements[undoes]?.term : from === of;
      path.classList.toggle("on", forward ? to === term : isBack);
    }
    for (const { item, bar, term: own } of nodes) {
      item.classList.toggle("known", known.has(own));
      bar.style.display = adjoints.has(own) ? "" : "none";
    }
  };
}

function node(page, term) {
  const { program, statements } = page;
  const { width, height } = program.graph;
  const input = program.inputs.find((z) => z.term === term);
  const statement = statements.find((z) => z.term === term && z.forward);
  const found = statements.flatMap((z, i) => (z === statement || z.of === term ? [i] : []));
  const ofInput = input && (input.wanted ? "parameter" : "data");
  const kind = ofInput ?? (term === program.value ? "result" : "computed");
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
  const corner = { class: "bar", x: width / 2 - 4, y: -height / 2 - 3 };
  const adjoint = statements.find((x) => x.of === term)?.text[0] ?? "";
  const bar = svg("text", corner, adjoint.slice(0, 2 * LONGEST).normalize());
  const label = `${input?.words ?? statement.words}, ${kind}`;
  const item = svg(
    "g",
    { class: `node ${kind}`, role: "button", "aria-label": label },
    box(0),
    kind === "result" && box(3),
    svg("text", { class: shape.length ? "array" : "", y: shape.length ? -1 : 5 }, short),
    bar,
    shape.length > 0 && svg("text", { class: "shape", y: 13 }, shape.join(" × ")),
  );
  const go = () => document.querySelector(`#input-${term} input`)?.focus();
  link(page, "graph", item, found, found.length ? undefined : go);
  item.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    item.dispatchEvent(new MouseEvent("click"));
  });
  return { term, item, bar };
}
