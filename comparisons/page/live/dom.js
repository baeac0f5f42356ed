// Elements: what people wrote comes into the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

export const element = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

/** Return an equation, or a side of one, as an element that is read aloud in words. */
export function math(sources, words) {
  const shown = sources.flatMap((source, i) => [
    i ? element("span", { class: "equals" }, "=") : null,
    document.importNode(new DOMParser().parseFromString(source, "text/xml").documentElement, true),
  ]);
  const attributes = words ? { role: "img", "aria-label": words } : { "aria-hidden": "true" };
  return element("span", { class: "math", ...attributes }, ...shown);
}

/** Return the left side of an equation in words. */
export const left = (words) => words.split(" equals ")[0];

export const shapeText = (shape) =>
  shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "number";
