// Creates elements. Text from receipts and file names is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const TOAST_MS = 6_000;
const URL_LIFETIME_MS = 60_000;

/** Create an element: `makeElement("p", { class: "note", text: "…", on: { click } }, child, …)`. */
export function makeElement(tag, options = {}, ...children) {
  return fill(document.createElement(tag), options, children);
}

/** Create an SVG element, with the same options. */
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

/** Create an icon from the sprite in index.html. */
export function makeIcon(name) {
  return makeSvg("svg", { class: "icon", "aria-hidden": "true" }, makeSvg("use", { href: `#i-${name}` }));
}

/** Create a button with an icon and a text. */
export function makeButton(name, label, handler, { className = "button", ...options } = {}) {
  const button = makeElement("button", { type: "button", class: className, on: { click: handler }, ...options });
  button.append(...(name ? [makeIcon(name)] : []), makeElement("span", { text: label }));
  return button;
}

/** Create a button with an icon only; `label` is its tooltip and its name for screen readers. */
export function makeIconButton(name, label, handler, { className = "button quiet", ...options } = {}) {
  const attributes = { type: "button", class: className, "aria-label": label, title: label, on: { click: handler } };
  return makeElement("button", { ...attributes, ...options }, makeIcon(name));
}

export const byId = (id) => document.getElementById(id);

/** Announce a text to screen readers. */
export function announce(text) {
  byId("announcement").textContent = text;
}

let toastTimer = 0;

/** Show a short message at the bottom for some seconds, with a button if there is an action: `{ label, run }`. */
export function showToast(text, { action = null, durationMs = TOAST_MS } = {}) {
  const toast = byId("toast");
  const hide = () => toast.classList.remove("shown");
  const button = action && makeButton(null, action.label, () => [hide(), action.run()], { className: "link" });
  toast.replaceChildren(makeElement("span", { text }), ...(button ? [button] : []));
  toast.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(hide, durationMs);
}

/** Copy a text to the clipboard, also on pages without TLS, where browsers offer no clipboard API. */
export async function copyText(text, subject) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    showToast(`${subject} copied.`);
  } catch {
    showToast(`${subject} not copied: the browser does not allow it.`);
  }
}

function copyBySelection(text) {
  const area = makeElement("textarea", { class: "visually-hidden" });
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (!isCopied) throw new Error("not allowed");
}

/** Offer a file for download. */
export function downloadFile(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = makeElement("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), URL_LIFETIME_MS);
}
