// Keyboard shortcuts. Shortcuts of a single key can be switched off for users of speech input.

import { loadSetting, saveSetting } from "../data/storage.js";
import { byId, makeElement } from "./dom.js";

const HELP = [
  [["J", "↓"], "next receipt"],
  [["K", "↑"], "previous receipt"],
  [["N"], "next receipt that needs review"],
  [["A"], "accept, then go to the next receipt that needs review"],
  [["E"], "edit the field that needs review"],
  [["1", "2", "3", "4"], "edit company, date, address, total"],
  [["Enter"], "save"],
  [["Esc"], "cancel, or go back to the list"],
  [["Ctrl Space"], "go to the picture; while editing, arrow keys move between lines and Space selects"],
  [["+", "−", "0"], "zoom in, zoom out, fit the page"],
  [["[", "]"], "previous page, next page"],
  [["O"], "choose files"],
  [["F"], "show only receipts that need review, or all"],
  [["/"], "search"],
  [["?"], "show this help"],
];

/** Connect the shortcuts; `actions` has a function for each of them. */
export function connectShortcuts(actions) {
  byId("shortcuts").append(
    ...HELP.flatMap(([keys, text]) => [
      makeElement("dt", {}, ...keys.map((key) => makeElement("kbd", { text: key }))),
      makeElement("dd", { text }),
    ]),
  );
  const singleKeys = byId("single-keys");
  singleKeys.checked = loadSetting("singleKeys", true);
  singleKeys.addEventListener("change", () => saveSetting("singleKeys", singleKeys.checked));

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      actions.focusPicture();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      actions.escape();
      return;
    }
    if (!singleKeys.checked || isTextInput(event.target)) return;
    const action = findAction(event, actions);
    if (action === null) return;
    event.preventDefault();
    action();
  });
}

function isTextInput(target) {
  return target.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select, [role=checkbox]") !== null;
}

function findAction(event, actions) {
  const usesArrows = event.target.closest?.("[type=radio], .menu") !== null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const byKey = {
    j: () => actions.step(1),
    k: () => actions.step(-1),
    n: actions.goToNextReview,
    a: actions.accept,
    e: () => actions.edit(null),
    1: () => actions.edit("company"),
    2: () => actions.edit("date"),
    3: () => actions.edit("address"),
    4: () => actions.edit("total"),
    "[": () => actions.turnPage(-1),
    "]": () => actions.turnPage(1),
    o: actions.chooseFiles,
    f: actions.toggleFilter,
    "/": actions.focusSearch,
    "?": actions.showHelp,
  };
  if (!usesArrows) Object.assign(byKey, { ArrowDown: () => actions.step(1), ArrowUp: () => actions.step(-1) });
  return byKey[key] ?? null;
}
