// Your turn: an adjoint is the reader's to find, an entry of it or a formula for all.

import { html, shapeText } from "dom";
import { called, evaluated, namesAt } from "formula";
import { format, parsed, place } from "numbers";
import { along, entryAt, flat } from "places";
import { explanations } from "slips";

/** Return whether a number is right to 1e-3 of it, or to the digits that were typed. */
export function isRight(text, right) {
  const [mantissa, exponent = "0"] = text.trim().toLowerCase().split("e");
  const digits = mantissa.split(".")[1]?.length ?? 0;
  const typed = digits && /[1-9]/.test(mantissa) ? 0.5 * 10 ** (Number(exponent) - digits) : 0;
  return Math.abs(parsed(text) - right) <= Math.max(1e-3 * Math.abs(right), typed * (1 + 1e-9));
}

/** Return where arrays first differ by more than rounding, or -1. */
function difference(a, b) {
  const sizes = b.map(Math.abs).filter(Number.isFinite);
  const most = 1e-9 * (sizes.reduce((x, y) => Math.max(x, y), 0) || 1e-6);
  return a.findIndex((x, i) => !Object.is(x, b[i]) && !(Math.abs(x - b[i]) <= most));
}

const isEqual = (a, b) => a.length === b.length && difference(a, b) < 0;
const has = (shape) => (shape.length ? `has the shape ${shapeText(shape)}` : "is a number");

/** Say that a shape is wrong, and what would make an array of it right. */
function otherShape(found, shape, right, name) {
  const all = [...found.shape.keys()];
  const [axes] = along(2 ** Math.min(all.length, 8), 1)
    .map((k) => all.filter((i) => (k >> i) & 1))
    .filter((axis) => isEqual(called("sum", [found], { axis }).data, right));
  const start = `This ${has(found.shape)}, and ${name} ${has(shape)}.`;
  if (axes?.length) return `${start} Summed over axis ${axes.join(" and ")} it would be right.`;
  if (axes) return `${start} The numbers are right.`;
  const isTurned = isEqual(called("transpose", [found]).data, right);
  return isTurned ? `${start} Its transpose would be right.` : start;
}

/** Return what is wrong with an answer, nothing if it is right; throw where it cannot be read. */
function fault(page, statement, entry, text) {
  const { program, values } = page;
  const [{ shape }, right] = [program.terms[statement.term], values[statement.term]];
  const [name, at] = [statement.text[0], flat(shape, entry)];
  const found = Number.isFinite(parsed(text)) ? undefined : evaluated(text, namesAt(page));
  const number = found ? String(found.data[0]) : text;
  const isSame = String(found?.shape) === String(shape);
  const isOfEntry = (x) => Number.isFinite(x[at]) && isRight(number, x[at]);
  const isOfAll = (x) => isSame && isEqual(found.data, x);
  const isNumber = !found || (!found.shape.length && shape.length);
  const like = isNumber ? isOfEntry : isOfAll;
  if (like(right)) return "";
  const [slip] = explanations(program, values, statement.name, like);
  if (slip) return `${found ? `This is not ${name}` : "Not this number"}. It looks as if ${slip}.`;
  if (!found) return "Not this number. Look at the rule, and at what comes in.";
  if (!isSame) return otherShape(found, shape, right, name);
  if (!shape.length && isOfEntry(right)) return ""; // of rounded numbers
  const first = difference(found.data, right);
  const where = place(name, entryAt(shape, first));
  return `This is not ${name}. It is wrong first at ${where}, where it is ${format(found.data[first])}.`;
}

/** Return what is said to an answer: what is wrong with it, or nothing. */
export function verdict(page, statement, entry, text) {
  try {
    return fault(page, statement, entry, text);
  } catch (error) {
    // Others are of the browser: too deep, too large.
    const isOurs = error.constructor === Error;
    return isOurs ? error.message : "This is no formula that the page can compute.";
  }
}

/** Return a form that asks for an adjoint, and says whether the answer is right. */
export function question(page, statement, entry) {
  const { verdict: said, step } = page;
  const name = html`<code>${statement.text[0]}</code>`;
  const judge = (event) => {
    event.preventDefault();
    page.judge(verdict(page, statement, entry, event.target.elements.answer.value));
  };
  return html`<form class="answer" data-key=${step} onsubmit=${judge}>
    <label for="answer">Your <code>${place(statement.text[0], entry)}</code> as a number${entry.length ? [", or a formula for ", name] : " or a formula"}</label>
    <input type="text" id="answer" aria-describedby="said" maxlength="1000" autocomplete="off"
      autocapitalize="off" spellcheck="false" aria-invalid=${said !== null && String(said !== "")}>
    <button>Check</button> <button type="button" onclick=${page.reveal}>Show</button>
    <p role="status" id="said" class=${said ? "wrong" : "right"}>${said === "" ? "Right." : said}</p>
  </form>`;
}
