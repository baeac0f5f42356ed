// Which step has the focus, whose turn it is, and the result of all.

import { html, show } from "dom";
import { format } from "numbers";

export function navigation(page, host) {
  const { statements, step, isTurn, program, values } = page;
  const last = statements.length - 1;
  const result = statements.findLast((x) => x.forward && x.term === program.value);
  const text = `${step + 1} of ${last + 1}: ${page.told(step).words}`;
  show(
    host,
    html`<button type="button" id="back" disabled=${step === 0 && ""}
        onclick=${() => page.go(step - 1)}>Back</button>
      <button type="button" id="next" disabled=${step === last && ""}
        onclick=${() => page.go(step + 1)}>Next</button>
      <button type="button" id="turn" aria-pressed=${String(isTurn)}
        onclick=${() => page.set({ isTurn: !isTurn, shown: new Set(), verdict: null })}>Your turn</button>
      <input type="range" min="0" max=${last} value=${step} aria-label="Step" aria-valuetext=${text}
        oninput=${({ target }) => page.go(target.valueAsNumber)}>
      <p id="result">${result?.name ?? "result"} = <output>${format(values[program.value][0], 6)}</output></p>`,
  );
}
