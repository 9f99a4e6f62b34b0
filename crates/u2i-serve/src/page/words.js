// ---- Elements and words

const $ = id => document.getElementById(id);

/** An element: `tag.class`, its properties or attributes if any, its children. What is null is left out. */
function el(tag, ...children) {
  const plain = children[0] && Object.getPrototypeOf(children[0]) === Object.prototype;
  const props = plain ? children.shift() : {};
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined));
  return node;
}

const button = (text, click, props = {}) =>
  el("button", { type: "button", textContent: text, onclick: click, ...props });
const count = n => Number(n).toLocaleString("en");
const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;
const metric = x => x.toFixed(x !== 0 && Math.abs(x) < 0.01 ? 4 : 3);
const millis = ms =>
  ms < 10 ? `${ms.toFixed(ms < 1 ? 2 : 1)} ms` : ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
const score = x => (Number.isInteger(x) ? count(x) : Math.abs(x) < 10 ? x.toFixed(3) : x.toPrecision(4));
const seconds = time => (typeof time === "string" ? Date.parse(time) / 1000 : time);
const utc = time_s => new Date(time_s * 1000).toISOString().slice(0, 19);
const moment = time_s => `${utc(time_s).replace("T", " ")} UTC`;
const short = text => (text.length > 80 ? text.slice(0, 79) + "…" : text);
const words = value => (Array.isArray(value) ? value.join(", ") : String(value));
const meet = item => (titles.set(item.id, item.title), item);
const nameOf = id => titles.get(id) ?? id;
