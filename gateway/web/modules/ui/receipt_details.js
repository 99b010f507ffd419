// The checks that fail, the items and the additional fields of a receipt, below its four fields.

import { describeFailedChecks, findMissingFields, getAdditionalFields, getItemRows } from "../data/details.js";
import { makeButton, makeElement, makeIcon, makeIconButton } from "./dom.js";

/**
 * Make the sections of a record that are not empty.
 *
 * `panel` has the open `editor` or null, the open `itemsEditor` or null, and what the buttons do: edit(name),
 * undo(name), editItems(), makeUnsaved(name).
 */
export function makeReceiptDetails(record, panel) {
  return [makeChecks(describeFailedChecks(record)), panel.itemsEditor?.root ?? makeItems(record, panel), makeAdditional(record, panel)];
}

function makeChecks(sentences) {
  if (sentences.length === 0) return null;
  const items = sentences.map((sentence) => makeElement("li", { text: sentence }));
  const title = makeElement("h3", { text: "Numbers do not add up" });
  return makeElement("section", { class: "checks" }, makeIcon("alert"), makeElement("div", {}, title, makeElement("ul", {}, ...items)));
}

function makeItems(record, panel) {
  const rows = getItemRows(record);
  const actions = makeElement(
    "p",
    { class: "items-actions" },
    record.correctedItems ? makeElement("span", { class: "soft small", text: `Corrected by ${record.correctedItems.author ?? "you"}` }) : null,
    record.correctedItems ? makeIconButton("undo", "Undo the correction of the items", () => panel.undo("items"), { className: "button quiet small" }) : null,
    makeButton("pencil", rows.length > 0 ? "Edit items" : "Add items", () => panel.editItems(), { className: "button quiet small edit-items" }),
  );
  if (rows.length === 0) return makeElement("section", { class: "items-section" }, actions);
  const headers = ["Description", "Quantity", "Unit price", "Amount"].map((text) => makeElement("th", { scope: "col", text }));
  const body = rows.map((row) =>
    makeElement(
      "tr",
      { class: row.isSubItem ? "sub-item" : null },
      makeElement("th", { scope: "row", text: row.description ?? "" }),
      ...[[row.quantity, row.unit].filter(Boolean).join(" "), formatNumber(row.unit_price), formatNumber(row.amount)].map((text) => makeElement("td", { text })),
    ),
  );
  const table = makeElement(
    "table",
    { class: "items" },
    makeElement("caption", { text: "Items" }),
    makeElement("thead", {}, makeElement("tr", {}, ...headers)),
    makeElement("tbody", {}, ...body),
  );
  return makeElement("section", { class: "items-section" }, table, actions);
}

/** Format an amount with up to four decimals, because unit prices such as that of fuel have more than two. */
function formatNumber(amount) {
  if (!amount || Number.isNaN(Number(amount))) return amount ?? "";
  return Number(amount).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 4 });
}

function makeAdditional(record, panel) {
  const fields = getAdditionalFields(record);
  const { editor } = panel;
  const rows = fields.flatMap((field) => (editor?.name === field.name ? [makeElement("dd", { class: "editor-cell" }, editor.root)] : makeRow(field, panel)));
  const isNew = editor !== null && editor.isAdditional && !fields.some(({ name }) => name === editor.name);
  if (isNew) rows.push(makeElement("dd", { class: "editor-cell" }, editor.root));
  const title = makeElement("h3", { text: "Also printed" });
  return makeElement("section", { class: "additional" }, title, makeElement("dl", {}, ...rows), makeAdder(findMissingFields(record), panel));
}

function makeRow({ name, label, value, confidence, correction }, panel) {
  const note = correction ? "corrected" : confidence === null ? "" : `${Math.round(confidence * 100)}%`;
  return [
    makeElement("dt", { text: label }),
    makeElement(
      "dd",
      { data: { additional: name } },
      makeElement("span", { class: value === null ? "soft" : null, text: value ?? "not on the receipt" }),
      makeElement(
        "span",
        { class: "row-tools" },
        makeElement("span", { class: "soft small", text: note }),
        correction ? makeIconButton("undo", `Undo the correction of the ${label.toLowerCase()}`, () => panel.undo(name), { className: "button quiet small" }) : null,
        makeIconButton("pencil", `Edit ${label.toLowerCase()}`, () => panel.edit(name), { className: "button quiet small edit" }),
      ),
    ),
    makeUnsavedRow(panel.makeUnsaved(name)),
  ].filter(Boolean);
}

function makeUnsavedRow(content) {
  return content && makeElement("dd", { class: "editor-cell" }, content);
}

/** Make a list of the fields that were not found, to add one. */
function makeAdder(missing, panel) {
  if (missing.length === 0) return null;
  const options = missing.map(({ name, label }) => makeElement("option", { value: name, text: label }));
  const list = makeElement("select", { class: "adder", "aria-label": "Add a field" }, makeElement("option", { value: "", text: "Add a field…" }), ...options);
  list.addEventListener("change", () => list.value && panel.edit(list.value));
  return list;
}
