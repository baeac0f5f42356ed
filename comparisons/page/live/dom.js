// Markup with values in it: what people wrote comes into the page as text, never as markup.

const handlers = new WeakMap(); // of elements, by the names of their properties
const templates = new Map(); // by the strings of a literal

/** Return a tag of literals, whose markup stands after another. */
function tag(before) {
  return (strings, ...values) => {
    if (!templates.has(strings)) templates.set(strings, template(before, strings));
    const copy = templates.get(strings).cloneNode(true);
    const walker = document.createTreeWalker(
      copy,
      NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_COMMENT,
    );
    const nodes = [];
    while (walker.nextNode()) nodes.push(walker.currentNode);
    for (const node of nodes) fill(node, (slot) => values[slot.slice(5)]);
    const made = new DocumentFragment();
    made.append(...copy.childNodes);
    return made;
  };
}

/** Make elements of HTML: a value is an attribute, a handler, an object of these or what is inside. */
export const html = tag("");
/** Make elements of SVG that are parts of a picture. */
export const svg = tag("<svg>");

/** Return the markup of a literal, with a slot for each value: a comment, or an attribute. */
function template(before, strings) {
  const made = document.createElement("template");
  const markup = strings.reduce((text, next, i) => {
    const slot = `slot-${i - 1}`;
    if (text.lastIndexOf("<") <= text.lastIndexOf(">")) return `${text}<!--${slot}-->${next}`;
    const [attribute, name = ""] = text.match(/([\w-]+)=$/) ?? [""];
    return `${text.slice(0, text.length - attribute.length)}${slot}="${name}" ${next}`;
  });
  made.innerHTML = before + markup;
  return before ? made.content.firstChild : made.content;
}

/** Put the values of a literal where their slots are. */
function fill(node, get) {
  if (node.nodeType === Node.COMMENT_NODE) {
    const inside = [get(node.data)].flat(Infinity);
    node.replaceWith(...inside.filter((x) => x !== false && x != null));
    return;
  }
  for (const { name: slot, value: name } of [...node.attributes]) {
    if (!slot.startsWith("slot-")) continue;
    node.removeAttribute(slot);
    const given = name ? { [name]: get(slot) } : get(slot);
    for (const [key, value] of Object.entries(given)) {
      if (key.startsWith("on")) listen(node, { ...handlers.get(node), [key]: value });
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
  }
}

/** Give an element these handlers alone. */
function listen(node, given) {
  for (const key of Object.keys(handlers.get(node) ?? {})) node[key] = null;
  Object.assign(node, given);
  handlers.set(node, given);
}

/** Have an element hold these nodes alone; what is alike stays, with its focus and what is typed. */
export function show(host, { childNodes }) {
  const fresh = [...childNodes];
  for (const [i, node] of fresh.entries()) {
    const old = host.childNodes[i];
    if (!old) host.append(node);
    else if (old.nodeName !== node.nodeName || old.dataset?.key !== node.dataset?.key)
      old.replaceWith(node);
    else if (node.nodeType === Node.ELEMENT_NODE) become(old, node);
    else if (old.data !== node.data) old.data = node.data;
  }
  while (host.childNodes.length > fresh.length) host.lastChild.remove();
}

/** Make an element like a fresh one; what is being typed stays. */
function become(old, fresh) {
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  if (handlers.has(old) || handlers.has(fresh)) listen(old, handlers.get(fresh) ?? {});
  show(old, fresh);
  const isTyped = old.type === "text" && old === document.activeElement;
  const isGiven = fresh.hasAttribute("value") || fresh.nodeName === "SELECT";
  if (isGiven && !isTyped && old.value !== fresh.value) old.value = fresh.value;
}

const equations = new Map(); // by their MathML

/** Return an equation, or a side of one, as an element that is read aloud in words. */
export function math(sources, words) {
  const sides = sources.map((source, i) => {
    if (!equations.has(source))
      equations.set(source, new DOMParser().parseFromString(source, "text/xml").documentElement);
    const side = document.importNode(equations.get(source), true);
    return i ? [html`<span class="equals">=</span>`, side] : side;
  });
  const named = words ? { role: "img", "aria-label": words } : { "aria-hidden": "true" };
  return html`<span class="math" ${named}>${sides}</span>`;
}

/** Return the left side of an equation in words. */
export const left = (words) => words.split(" equals ")[0];

export const shapeText = (shape) =>
  shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "number";
