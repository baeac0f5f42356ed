// Elements: what people wrote comes into the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return a function of a tag, as in "p.rule" with a class, attributes, if any, and children. */
function maker(create) {
  return (kind, ...children) => {
    const [tag, name] = kind.split(".");
    const made = create(tag);
    const attributes = children[0]?.constructor === Object ? children.shift() : {};
    for (const [key, value] of Object.entries({ class: name, ...attributes })) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value != null) made.setAttribute(key, value);
    }
    made.append(...children.flat(2).filter((child) => child != null && child !== false));
    return made;
  };
}

export const element = maker((tag) => document.createElement(tag));
export const svg = maker((tag) => document.createElementNS(SVG, tag));

/** Return an equation, or a side of one, as an element that is read aloud in words. */
export function math(sources, words) {
  const shown = sources.flatMap((source, i) => [
    i ? element("span.equals", "=") : null,
    document.importNode(new DOMParser().parseFromString(source, "text/xml").documentElement, true),
  ]);
  const attributes = words ? { role: "img", "aria-label": words } : { "aria-hidden": "true" };
  return element("span", { class: "math", ...attributes }, ...shown);
}

/** Return the left side of an equation in words. */
export const left = (words) => words.split(" equals ")[0];

export const shapeText = (shape) =>
  shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "number";
