// Markup with values in it: what people wrote comes into the page as text, never as markup.

const templates = new Map(); // by the strings of a literal
const held = new WeakMap(); // what stands before a comment, by the comment
const ends = new WeakMap(); // the comments behind what elements hold

const tag =
  (before) =>
  (strings, ...values) => ({ strings, values, before });
/** Describe HTML: a value is an attribute, a handler, an object of these, or what is inside. */
export const html = tag("");
/** Describe SVG that is a part of a picture. */
export const svg = tag("<svg>");

/** Have an element hold what is described, alone; what it holds already takes other values. */
export function show(host, described) {
  if (!ends.has(host)) {
    ends.set(host, document.createComment(""));
    host.replaceChildren(ends.get(host));
  }
  put(ends.get(host), described);
}

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

/** Put values before a comment: text, descriptions, nodes to be copied, and lists of these. */
function put(end, value) {
  const items = held.get(end) ?? [];
  const values = [value].flat(Infinity).filter((x) => x !== false && x != null);
  const next = values.map((x, i) => {
    if (items[i]?.take(x)) return items[i];
    const item = made(x);
    const place = items[i] ? nodesOf(items[i])[0] : end;
    place.before(...nodesOf(item));
    return item;
  });
  for (const item of items) if (!next.includes(item)) for (const x of nodesOf(item)) x.remove();
  held.set(end, next);
}

/** Return all nodes of an item, with what stands before its comments. */
const nodesOf = ({ nodes }) =>
  nodes.flatMap((node) => [...(held.get(node) ?? []).flatMap(nodesOf), node]);

/** Return the nodes of a value, and a function that has them take another if they can. */
function made(x) {
  if (x.strings) return piece(x);
  if (x instanceof Node) return { nodes: [document.importNode(x, true)], take: (y) => y === x };
  const node = document.createTextNode(x);
  const take = (y) => {
    if (typeof y === "object") return false;
    if (node.data !== String(y)) node.data = y;
    return true;
  };
  return { nodes: [node], take };
}

/** Make what is described. It takes the values of the same literal with the same key. */
function piece({ before, strings, values }) {
  if (!templates.has(strings)) templates.set(strings, template(before, strings));
  const copy = document.importNode(templates.get(strings), true);
  const walker = document.createTreeWalker(copy, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_COMMENT);
  const slots = []; // functions of their values
  let keyed; // the number of the slot that is the key
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.nodeType === Node.COMMENT_NODE) slots[node.data.slice(5)] = (x) => put(node, x);
    for (const { name: slot, value: name } of [...(node.attributes ?? [])]) {
      if (!slot.startsWith("slot-")) continue;
      node.removeAttribute(slot);
      slots[slot.slice(5)] = attributes(node, name);
      if (name === "data-key") keyed = slot.slice(5);
    }
  }
  const nodes = [...copy.childNodes];
  const fill = (values) => {
    for (const [i, slot] of slots.entries()) slot(values[i]);
  };
  const take = (y) => {
    if (y.strings !== strings || y.values[keyed] !== values[keyed]) return false;
    fill(y.values);
    return true;
  };
  fill(values);
  return { nodes, take };
}

/** Return a function that gives an element an attribute or, without a name, an object of them. */
function attributes(node, name) {
  let old = {};
  return (x) => {
    const given = name ? { [name]: x } : x || {};
    for (const key of Object.keys({ ...old, ...given })) give(node, key, given[key]);
    old = given;
  };
}

/** Give an element an attribute or a handler, or take it away; what is being typed stays. */
function give(node, key, value) {
  if (key.startsWith("on")) node[key] = value || null;
  else if (value === false || value == null) node.removeAttribute(key);
  else if (node.getAttribute(key) !== String(value)) node.setAttribute(key, value);
  const isTyped = node.type === "text" && node === document.activeElement;
  if (key === "value" && !isTyped && node.value !== String(value)) node.value = value;
  if (key === "selected") node.selected = value === "";
}

const equations = new Map(); // by their MathML

/** Return an equation, or a side of one, as an element that is read aloud in words. */
export function math(sources, words) {
  const sides = sources.map((source, i) => {
    if (!equations.has(source))
      equations.set(source, new DOMParser().parseFromString(source, "text/xml").documentElement);
    return i ? [html`<span class="equals">=</span>`, equations.get(source)] : equations.get(source);
  });
  const named = words ? { role: "img", "aria-label": words } : { "aria-hidden": "true" };
  return html`<span class="math" ${named}>${sides}</span>`;
}

/** Return the left side of an equation in words. */
export const left = (words) => words.split(" equals ")[0];

export const shapeText = (shape) =>
  shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "number";
