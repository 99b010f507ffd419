// The form that corrects the table of items: change, add and remove rows. The server checks the numbers.

import { describeRow } from "../data/details.js";
import { makeButton, makeElement, makeIcon, makeIconButton } from "./dom.js";

const COLUMNS = [
  ["description", "Description"],
  ["quantity", "Quantity"],
  ["unit_price", "Unit price"],
  ["amount", "Amount"],
];

export class ItemsEditor {
  #body = makeElement("tbody");
  #error = makeElement("p", { class: "note rejected", role: "alert" });
  #save = makeElement("button", { class: "button primary small", text: "Save" });
  #rows = []; // { row, inputs, element }

  /** `rows` are those of `getItemRows`; `handlers`: save(rows), cancel(). */
  constructor(rows, handlers) {
    const headers = [...COLUMNS.map(([, text]) => makeElement("th", { scope: "col", text })), makeElement("td")];
    this.root = makeElement(
      "form",
      { class: "items-editor", "aria-label": "Edit items" },
      makeElement("table", { class: "items" }, makeElement("caption", { text: "Items" }), makeElement("thead", {}, makeElement("tr", {}, ...headers)), this.#body),
      this.#error,
      makeElement(
        "p",
        { class: "edit-actions" },
        this.#save,
        makeButton(null, "Cancel", () => handlers.cancel(), { className: "button small" }),
        makeButton("plus", "Add item", () => this.#add({ isSubItem: false }).focus(), { className: "button quiet small" }),
      ),
    );
    for (const row of rows) this.#add(row);
    if (rows.length === 0) this.#add({ isSubItem: false });
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#save.disabled) return; // is being saved
      this.#setSaving(true);
      handlers.save(this.#getRows());
    });
  }

  focus() {
    this.#body.querySelector("input")?.focus();
  }

  /** Show why the items are not saved; `field` names the part, such as "items.0.amount". */
  showProblem({ title, detail, field }) {
    this.#error.replaceChildren(makeIcon("alert"), makeElement("span", { text: detail || title }));
    const input = this.#findInput(field ?? "");
    input?.setAttribute("aria-invalid", "true");
    input?.focus();
    this.#setSaving(false);
  }

  #add(row) {
    const inputs = Object.fromEntries(
      COLUMNS.map(([name, label]) => {
        const input = makeElement("input", { class: "edit-input", "aria-label": `${label} of ${describeRow(row)}`, autocomplete: "off", spellcheck: "false" });
        input.value = row[name] ?? "";
        input.addEventListener("input", () => input.removeAttribute("aria-invalid"));
        return [name, input];
      }),
    );
    const entry = { row, inputs };
    const cells = COLUMNS.map(([name]) => makeElement("td", {}, inputs[name]));
    const remove = makeIconButton("cross", `Remove ${describeRow(row)}`, () => this.#remove(entry), { className: "button quiet small" });
    entry.element = makeElement("tr", { class: row.isSubItem ? "sub-item" : null }, ...cells, makeElement("td", {}, remove));
    this.#rows.push(entry);
    this.#body.append(entry.element);
    return inputs.description;
  }

  #remove(entry) {
    const index = this.#rows.indexOf(entry);
    const next = this.#rows.findIndex(({ row }, position) => position > index && !row.isSubItem);
    // Sub-items go with their item.
    const end = entry.row.isSubItem ? index + 1 : next < 0 ? this.#rows.length : next;
    for (const { element } of this.#rows.splice(index, end - index)) element.remove();
    this.#save.focus();
  }

  /** Return the rows as entered; empty ones are left out. */
  #getRows() {
    return this.#filled().map(({ row, inputs }) => ({
      ...row,
      ...Object.fromEntries(COLUMNS.map(([name]) => [name, inputs[name].value.trim() || null])),
    }));
  }

  #filled() {
    return this.#rows.filter(({ inputs }) => COLUMNS.some(([name]) => inputs[name].value.trim() !== ""));
  }

  #findInput(field) {
    const [, index, , sub, subName] = field.split(".");
    const name = subName ?? field.split(".").at(-1);
    const starts = this.#filled().map((entry, position) => ({ entry, position })).filter(({ entry }) => !entry.row.isSubItem);
    const start = starts[Number(index)]?.position;
    if (start === undefined) return null;
    return this.#filled()[start + (subName === undefined ? 0 : Number(sub) + 1)]?.inputs[name] ?? null;
  }

  #setSaving(isSaving) {
    this.#save.disabled = isSaving;
    this.#save.textContent = isSaving ? "Saving…" : "Save";
  }
}
