// What the keys do. Single keys can be switched off, for those who speak to their computer.

import { byId, make } from "./dom.js";
import { remember, remembered } from "./storage.js";

const HELP = [
  [["J", "↓"], "next receipt"],
  [["K", "↑"], "receipt before"],
  [["N"], "next receipt that needs a look"],
  [["A"], "accept, and on to the next that needs a look"],
  [["E"], "correct the field in doubt"],
  [["1", "2", "3", "4"], "correct company, date, address, total"],
  [["Enter"], "save the correction"],
  [["Esc"], "leave without saving; back to the list"],
  [["Ctrl Space"], "to the picture; while correcting, arrows go through its text and Space chooses"],
  [["+", "−", "0"], "zoom in, out, whole page"],
  [["[", "]"], "page before, next page"],
  [["O"], "choose files"],
  [["F"], "only those that need a look, or all"],
  [["/"], "search"],
  [["?"], "this help"],
];

/** Wires the keys; `actions` has a function for each of them. */
export function wireKeys(actions) {
  byId("keys").append(
    ...HELP.flatMap(([keys, what]) => [make("dt", {}, ...keys.map((key) => make("kbd", { text: key }))), make("dd", { text: what })]),
  );
  const single = byId("single-keys");
  single.checked = remembered("singleKeys", true);
  single.addEventListener("change", () => remember("singleKeys", single.checked));

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      actions.picture();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      actions.escape();
      return;
    }
    if (!single.checked || isTyping(event.target)) return;
    const action = actionOf(event, actions);
    if (action === null) return;
    event.preventDefault();
    action();
  });
}

function isTyping(target) {
  return target.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select, [role=checkbox]") !== null;
}

function actionOf(event, actions) {
  const inChoice = event.target.closest?.("[type=radio], .menu") !== null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const simple = {
    j: () => actions.step(1),
    k: () => actions.step(-1),
    n: actions.nextLook,
    a: actions.accept,
    e: () => actions.edit(null),
    1: () => actions.edit("company"),
    2: () => actions.edit("date"),
    3: () => actions.edit("address"),
    4: () => actions.edit("total"),
    "[": () => actions.page(-1),
    "]": () => actions.page(1),
    o: actions.choose,
    f: actions.filter,
    "/": actions.search,
    "?": actions.help,
  };
  if (!inChoice) Object.assign(simple, { ArrowDown: () => actions.step(1), ArrowUp: () => actions.step(-1) });
  return simple[key] ?? null;
}
