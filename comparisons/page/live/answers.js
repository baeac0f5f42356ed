// Your turn: an entry of an adjoint is the reader's to find.

import { element } from "dom";
import { flat, place } from "numbers";
import { explanations } from "slips";

/** Return the number that a text is, or NaN; a minus may be the typographer's. */
export const parsed = (text) => (text.trim() ? Number(text.trim().replace("−", "-")) : NaN);

/** Return whether a number is right to 1e-3 of it, or to the digits that were typed. */
export function isRight(text, right) {
  const [mantissa, exponent = "0"] = text.trim().toLowerCase().split("e");
  const digits = mantissa.split(".")[1]?.length ?? 0;
  const typed = digits && /[1-9]/.test(mantissa) ? 0.5 * 10 ** (Number(exponent) - digits) : 0;
  return Math.abs(parsed(text) - right) <= Math.max(1e-3 * Math.abs(right), typed * (1 + 1e-9));
}

/** Say what a wrong answer looks like, or else where to look. */
function hint({ program, values }, statement, entry, text) {
  const at = flat(program.terms[statement.term].shape, entry);
  const like = (x) => Number.isFinite(x) && isRight(text, x);
  const [first] = explanations(program, values, statement.name, at, like);
  return first
    ? `Not this number. It looks as if ${first}.`
    : "Not this number. Look at the rule, and at what comes in.";
}

/** Return a form that asks for an entry, and says whether the answer is right. */
export function question(page, statement, entry, right) {
  const said = element("p", { role: "status", id: "said" });
  const field = element("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    id: "answer",
    "data-keep": "answer",
    "aria-describedby": "said",
  });
  const judge = (event) => {
    event.preventDefault();
    const isNumber = Number.isFinite(parsed(field.value));
    const good = isNumber && isRight(field.value, right);
    field.setAttribute("aria-invalid", String(!good));
    if (good) page.shown.add(page.step);
    said.className = good ? "right" : "wrong";
    said.textContent = good
      ? "Right."
      : isNumber
        ? hint(page, statement, entry, field.value)
        : "This is not a number.";
  };
  return element(
    "form",
    { class: "answer", onsubmit: judge },
    element(
      "label",
      { for: "answer" },
      "Your ",
      element("code", {}, place(statement.text[0], entry)),
    ),
    field,
    element("button", {}, "Check"),
    element("button", { type: "button", onclick: () => page.reveal() }, "Show"),
    said,
  );
}
