// The graph of the forward pass, drawn in layers; a way back lights up as it is gone.

import { html, math, show, svg } from "dom";
import { links } from "listings";

const LONGEST = 14; // characters of a name
const SMALLEST = 0.75; // by which the picture is scaled; beyond that it scrolls

export function graph(page, host) {
  const { program, statements, step } = page;
  const { nodes, edges, across, down } = program.graph;
  const room = host.clientWidth - 2 * Number.parseFloat(getComputedStyle(host).paddingLeft);
  const { size, middles, lines } = SMALLEST * across.size[0] <= room ? across : down;
  const { forward, term, of, undoes } = statements[step];
  const paths = edges.map(([from, to], i) => {
    const isBack = of === null ? nodes[to] === statements[undoes]?.term : nodes[from] === of;
    const isOn = forward ? nodes[to] === term : isBack;
    const d = `M${lines[i].join("L")}`;
    return svg`<path class=${isOn ? "edge on" : "edge"} marker-end="url(#tip)" d=${d}/>`;
  });
  const found = nodes.map((own) =>
    statements.flatMap((x, i) => ((x.forward ? x.term : x.of) === own ? [i] : [])),
  );
  const linked = links(page, found);
  const items = nodes.map((own, i) => node(page, own, middles[i], linked[i]));
  const [width, height] = size;
  show(
    host,
    html`<h2 id="graph-title">Graph</h2>
      <div class="scroll">
        <svg role="group" aria-label="Graph of the forward pass" viewBox=${`0 0 ${width} ${height}`}
          width=${width} style=${`min-width: ${SMALLEST * width}px`}>${paths}${items}</svg>
      </div>
      <p class="legend"><span class="parameter">parameter</span> <span class="data">data</span>
        <span class="computed">computed</span> <span class="result">result</span></p>`,
  );
}

function node(page, term, [x, y], link) {
  const { program, statements, step } = page;
  const { width, height } = program.graph;
  const input = program.inputs.find((x) => x.term === term);
  const own = statements.findIndex((x) => x.forward && x.term === term);
  const adjoint = statements.findIndex((x) => !x.forward && x.of === term);
  const ofInput = input && (input.wanted ? "parameter" : "data");
  const kind = ofInput ?? (term === program.value ? "result" : "computed");
  const isKnown = own >= 0 && own <= step;
  const { shape } = program.terms[term];
  const name = input?.text ?? statements[own].text[0];
  const short = name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
  const rx = { parameter: height / 2, data: 0 }[kind] ?? 6;
  const box = (by) => svg`<rect x=${by - width / 2} y=${by - height / 2} width=${width - 2 * by}
    height=${height - 2 * by} rx=${rx}/>`;
  const above = { x: -width / 2, y: -height / 2 - 18, width: width - 4, height: 19 };
  const go = () => document.querySelector(`#input-${term} input`)?.focus();
  const press = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.currentTarget.onclick();
  };
  return svg`<g class=${`node ${kind}${isKnown ? " known" : ""}`} role="button"
    aria-label=${`${input?.words ?? statements[own].words}, ${kind}`} transform=${`translate(${x} ${y})`}
    ${link} ${!link["data-of"] && { onclick: go }} onkeydown=${press}>
    ${box(0)} ${kind === "result" && box(3)}
    <text class=${shape.length > 0 && "array"} y=${shape.length ? -1 : 5}>${short}</text>
    ${
      adjoint >= 0 &&
      adjoint <= step &&
      svg`<foreignObject class="adjoint" ${above}>${math(statements[adjoint].math.slice(0, 1))}</foreignObject>`
    }
    ${shape.length > 0 && svg`<text class="shape" y="13">${shape.join(" × ")}</text>`}
  </g>`;
}
