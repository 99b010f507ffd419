// The dialogs of index.html.

import { makeElement, makeIcon, makeIconButton, byId } from "./dom.js";

/** Open a dialog; return the value of the button that closed it, or "" for Escape. */
export function openDialog(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

/** Ask the user for an API key, with the current one in the input; return it, or null. */
export async function askForKey(title, current = "") {
  byId("key-title").textContent = title;
  byId("key").value = current;
  return (await openDialog(byId("key-dialog"))) === "save" ? byId("key").value.trim() : null;
}

/** Ask whether to delete everything; `text` says what that is. */
export async function confirmDeletion(text) {
  byId("delete-note").textContent = text;
  return (await openDialog(byId("delete-dialog"))) === "delete";
}

/**
 * Ask which pictures show one receipt, and in which order; return their records, or null.
 *
 * `candidates` are records, in the order in which they are offered; `isChosen(record)` tells which are checked at first;
 * `makeThumbnail(record)` returns a Blob or null, and at most `maxFiles` files can be chosen.
 */
export async function askWhatToJoin(candidates, { isChosen, makeThumbnail, maxFiles }) {
  const dialog = byId("join-dialog");
  const rows = candidates.map((record) => new JoinRow(record, isChosen(record), (row, step) => move(row, step)));
  const list = byId("join-list");
  const button = dialog.querySelector("[value=join]");
  const getChosen = () => rows.filter(({ isChecked }) => isChecked).map(({ record }) => record);
  const update = () => {
    const count = getChosen().reduce((sum, { files }) => sum + files.length, 0);
    button.disabled = count < 2 || count > maxFiles;
    button.textContent = count > maxFiles ? `At most ${maxFiles} pictures` : `Join ${count} pictures`;
    list.replaceChildren(...rows.map((row) => row.root));
    for (const [index, row] of rows.entries()) row.setPlace(index, rows.length);
  };
  const move = (row, step) => {
    const index = rows.indexOf(row);
    rows.splice(index, 1);
    rows.splice(index + step, 0, row);
    update();
    row.focus(step);
  };
  list.onchange = update;
  update();
  for (const row of rows) row.showThumbnail(makeThumbnail(row.record));
  const answer = await openDialog(dialog);
  for (const row of rows) row.close();
  return answer === "join" ? getChosen() : null;
}

/** A picture in the dialog: whether it is chosen, and its place. */
class JoinRow {
  #box = makeElement("input", { type: "checkbox" });
  #thumb = makeElement("span", { class: "thumb" }, makeIcon("paper"));
  #up;
  #down;
  #url = null;

  constructor(record, isChosen, move) {
    this.record = record;
    this.#box.checked = isChosen;
    this.#up = makeIconButton("left", `Move ${record.name} up`, () => move(this, -1), { className: "button quiet small turned" });
    this.#down = makeIconButton("right", `Move ${record.name} down`, () => move(this, 1), { className: "button quiet small turned" });
    this.root = makeElement("li", {}, makeElement("label", {}, this.#box, this.#thumb, makeElement("span", { class: "join-name", text: record.name })), this.#up, this.#down);
  }

  get isChecked() {
    return this.#box.checked;
  }

  setPlace(index, count) {
    this.#up.disabled = index === 0;
    this.#down.disabled = index === count - 1;
  }

  /** Focus the button that moves the row further, or the other one at an end. */
  focus(step) {
    const [first, second] = step < 0 ? [this.#up, this.#down] : [this.#down, this.#up];
    (first.disabled ? second : first).focus();
  }

  async showThumbnail(pending) {
    const thumb = await pending;
    if (thumb === null || !this.root.isConnected) return;
    this.#url = URL.createObjectURL(thumb);
    this.#thumb.replaceChildren(makeElement("img", { src: this.#url, alt: "" }));
  }

  close() {
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
  }
}
