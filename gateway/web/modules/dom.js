// Making elements. What comes from a receipt or a file name is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element: `make("p", { class: "note", text: "…", on: { click } }, child, …)`. */
export function make(tag, options = {}, ...children) {
  return fill(document.createElement(tag), options, children);
}

/** Makes an element of SVG, with the same options. */
export function makeSvg(tag, options = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), options, children);
}

function fill(element, options, children) {
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") for (const [kind, handler] of Object.entries(value)) element.addEventListener(kind, handler);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** One of the icons of the sprite in index.html. */
export function icon(name) {
  return makeSvg("svg", { class: "icon", "aria-hidden": "true" }, makeSvg("use", { href: `#i-${name}` }));
}

/** A button with an icon; `label` is its text, or its name for screen readers if `quiet`. */
export function button(name, label, handler, { className = "button", quiet = false, ...more } = {}) {
  const options = { type: "button", class: className, on: { click: handler }, ...more };
  if (quiet) return make("button", { ...options, "aria-label": label, title: label }, icon(name));
  return make("button", options, name ? icon(name) : null, make("span", { text: label }));
}

export const byId = (id) => document.getElementById(id);

/** Says something to screen readers. */
export function say(text) {
  byId("say").textContent = text;
}

let toastTimer = 0;

/** Shows a short message at the bottom for some seconds. */
export function toast(text) {
  const place = byId("toast");
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.classList.remove("shown"), 5000);
}

/** Copies text; without access to the clipboard (a page that is not served over TLS) by the way browsers had before. */
export async function copy(text, what) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    toast(`${what} copied.`);
  } catch {
    toast(`${what} could not be copied: the browser does not allow it.`);
  }
}

function copyBySelection(text) {
  const area = make("textarea", { class: "hidden-visually" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not allowed");
}

/** Offers a file for download. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
