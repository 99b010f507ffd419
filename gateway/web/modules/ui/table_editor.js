// The form that corrects a table, such as that of the items: change, add and remove rows. The server checks the numbers.

import { describeRow } from "../data/tables.js";
import { makeButton, makeElement, makeIcon, makeIconButton } from "./dom.js";

export class TableEditor {
  #table;
  #body = makeElement("tbody");
  #error = makeElement("p", { class: "note rejected", role: "alert" });
  #errorRow;
  #save = makeElement("button", { class: "button primary small", text: "Save" });
  #rows = []; // { row, inputs, element }

  /** `table` is one of `TABLES`, with `rows`; `handlers`: save(rows), cancel(). */
  constructor(table, rows, handlers) {
    this.#table = table;
    this.#errorRow = makeElement("tr", { class: "error-row" }, makeElement("td", { colspan: table.columns.length + 1 }));
    const headers = [...table.columns.map(([, text]) => makeElement("th", { scope: "col", text })), makeElement("td")];
    this.root = makeElement(
      "form",
      { class: "table-editor", "aria-label": `Edit ${table.title.toLowerCase()}` },
      makeElement("table", { class: "items" }, makeElement("caption", { text: table.title }), makeElement("thead", {}, makeElement("tr", {}, ...headers)), this.#body),
      this.#error,
      makeElement(
        "p",
        { class: "edit-actions" },
        this.#save,
        makeButton(null, "Cancel", () => handlers.cancel(), { className: "button small" }),
        makeButton("plus", `Add ${table.row}`, () => this.#add({ isSubItem: false }).focus(), { className: "button quiet small" }),
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

  /** Show why the table is not saved; `field` names the part, such as "items.0.amount". */
  showProblem({ title, detail, field }) {
    this.#error.replaceChildren(makeIcon("alert"), makeElement("span", { text: detail || title }));
    const input = this.#findInput(field ?? "");
    const row = input?.closest("tr");
    this.#errorRow.remove();
    if (row) {
      // Next to the row that it is about.
      this.#errorRow.firstChild.append(this.#error);
      row.after(this.#errorRow);
      input.setAttribute("aria-invalid", "true");
      input.focus();
    } else {
      this.root.querySelector(".edit-actions").before(this.#error);
    }
    this.#setSaving(false);
  }

  #add(row) {
    const name = describeRow(this.#table, row, this.#rows.length);
    const inputs = Object.fromEntries(
      this.#table.columns.map(([part, label]) => {
        const input = makeElement("input", { class: "edit-input", "aria-label": `${label} of ${name}`, autocomplete: "off", spellcheck: "false" });
        input.value = row[part] ?? "";
        input.addEventListener("input", () => input.removeAttribute("aria-invalid"));
        return [part, input];
      }),
    );
    const entry = { row, inputs };
    const cells = this.#table.columns.map(([part]) => makeElement("td", {}, inputs[part]));
    const remove = makeIconButton("cross", `Remove ${name}`, () => this.#remove(entry), { className: "button quiet small" });
    entry.element = makeElement("tr", { class: row.isSubItem ? "sub-item" : null }, ...cells, makeElement("td", {}, remove));
    this.#rows.push(entry);
    this.#body.append(entry.element);
    return Object.values(inputs)[0];
  }

  #remove(entry) {
    const index = this.#rows.indexOf(entry);
    const next = this.#rows.findIndex(({ row }, position) => position > index && !row.isSubItem);
    // Sub-items go with their item.
    const end = entry.row.isSubItem ? index + 1 : next < 0 ? this.#rows.length : next;
    for (const { element } of this.#rows.splice(index, end - index)) element.remove();
    this.#errorRow.remove();
    this.#save.focus();
  }

  /** Return the rows as entered; empty ones are left out. */
  #getRows() {
    return this.#filled().map(({ row, inputs }) => ({
      ...row,
      ...Object.fromEntries(Object.entries(inputs).map(([part, input]) => [part, input.value.trim() || null])),
    }));
  }

  #filled() {
    return this.#rows.filter(({ inputs }) => Object.values(inputs).some((input) => input.value.trim() !== ""));
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
