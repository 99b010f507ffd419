// The checks that fail, the tables, the additional fields, the codes and the properties of a receipt, below its four fields.

import { describeSource } from "../data/codes.js";
import { describeFailedChecks, findMissingFields, getAdditionalFields, getChecksTitle } from "../data/details.js";
import { PROPERTY_LABELS, describeCode, getProperty, isProperty } from "../data/properties.js";
import { TABLES } from "../data/tables.js";
import { makeCodes } from "./codes_section.js";
import { makeButton, makeElement, makeIcon, makeIconButton } from "./dom.js";

const MAX_EVIDENCE = 3;

/**
 * Make the sections of a record.
 *
 * `panel` has the open `editor` or null, the open editor of a `table` ({ name, editor }) or null, and what the buttons do:
 * edit(name), undo(name), editTable(name), makeUnsaved(name), reveal(name), and onHover(key) and onReveal(key) for codes.
 */
export function makeReceiptDetails(record, panel) {
  const tables = Object.keys(TABLES).map((name) => (panel.table?.name === name ? panel.table.editor.root : makeTable(record, name, panel)));
  return [makeChecks(record), ...tables, makeAdditional(record, panel), makeCodes(record, panel), makeProperties(record, panel)];
}

function makeChecks(record) {
  const items = describeFailedChecks(record).map((sentence) => makeElement("li", { text: sentence }));
  if (items.length === 0) return null;
  const title = makeElement("h3", { text: getChecksTitle(record) });
  return makeElement("section", { class: "checks" }, makeIcon("alert"), makeElement("div", {}, title, makeElement("ul", {}, ...items)));
}

function makeTable(record, name, panel) {
  const { title, row: rowName, columns, getCorrection, getRows } = TABLES[name];
  const rows = getRows(record);
  const correction = getCorrection(record);
  const lower = title.toLowerCase();
  const actions = makeElement(
    "p",
    { class: "table-actions" },
    correction ? makeElement("span", { class: "soft small", text: `Corrected by ${correction.author ?? "you"}` }) : null,
    correction ? makeIconButton("undo", `Undo the correction of the ${lower}`, () => panel.undo(name), { className: "button quiet small" }) : null,
    makeButton(rows.length > 0 ? "pencil" : "plus", rows.length > 0 ? `Edit ${lower}` : `Add ${rowName}s`, () => panel.editTable(name), { className: "button quiet small edit-table" }),
  );
  const section = makeElement("section", { class: "table-section", data: { table: name } });
  if (rows.length > 0) {
    // An empty column takes the room that descriptions need.
    const shown = columns.filter(([part], index) => index === 0 || rows.some((row) => formatPart(row, part) !== ""));
    const headers = shown.map(([, label]) => makeElement("th", { scope: "col", text: label }));
    const table = makeElement(
      "table",
      { class: "items" },
      makeElement("caption", { text: title }),
      makeElement("thead", {}, makeElement("tr", {}, ...headers)),
      makeElement("tbody", {}, ...rows.map((row) => makeTableRow(row, shown))),
    );
    section.append(table);
  }
  section.append(actions);
  return section;
}

function makeTableRow(row, [[first], ...others]) {
  const cells = others.map(([part]) => makeElement("td", { text: formatPart(row, part) }));
  return makeElement("tr", { class: row.isSubItem ? "sub-item" : null }, makeElement("th", { scope: "row", text: row[first] ?? "" }), ...cells);
}

function formatPart(row, part) {
  return part === "quantity" ? [row.quantity, row.unit].filter(Boolean).join(" ") : formatNumber(row[part]);
}

/** Format an amount with up to four decimals, because unit prices such as that of fuel have more than two. */
function formatNumber(amount) {
  if (!amount || Number.isNaN(Number(amount))) return amount ?? "";
  return Number(amount).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 4 });
}

function makeAdditional(record, panel) {
  const fields = getAdditionalFields(record);
  const { editor } = panel;
  const rows = fields.flatMap((field) => (editor?.name === field.name ? [makeElement("dd", { class: "editor-cell" }, editor.root)] : makeRow(record, field, panel)));
  const isNew = editor !== null && !editor.hasCard && !isProperty(editor.name) && !fields.some(({ name }) => name === editor.name);
  if (isNew) rows.push(makeElement("dd", { class: "editor-cell" }, editor.root));
  const title = makeElement("h3", { text: "Also printed" });
  return makeElement("section", { class: "additional" }, title, makeElement("dl", {}, ...rows), makeAdder(findMissingFields(record), panel));
}

function makeRow(record, { name, label, value, confidence, correction }, panel) {
  const note = describeSource(record, name) ?? "";
  return makeTerm({ name, label, text: value ?? "not on the receipt", isSoft: value === null, confidence, correction, note, canReveal: value !== null }, panel);
}

/** Make the rows of country, currency, language and document type, with what they were inferred from. */
function makeProperties(record, panel) {
  const rows = Object.entries(PROPERTY_LABELS).flatMap(([name, label]) => {
    if (panel.editor?.name === name) return [makeElement("dd", { class: "editor-cell" }, panel.editor.root)];
    const { value, confidence, correction, evidence } = getProperty(record, name);
    const text = value === null ? (correction ? "not on the receipt" : "not found") : describeCode(name, value);
    const note = evidence.slice(0, MAX_EVIDENCE).join(", ");
    return makeTerm({ name, label, text, isSoft: value === null, confidence, correction, note }, panel);
  });
  return makeElement("section", { class: "additional" }, makeElement("h3", { text: "About the receipt" }), makeElement("dl", {}, ...rows));
}

/** Make a name and a value, with the buttons to change it, and what is not saved. */
function makeTerm({ name, label, text, isSoft, confidence, correction, note = "", canReveal = false }, panel) {
  const value = canReveal
    ? makeElement("button", { type: "button", class: "value-button", text, title: "Show in picture", on: { click: () => panel.reveal(name) } })
    : makeElement("span", { text });
  const state = correction ? "corrected" : confidence === null ? "" : `${Math.round(confidence * 100)}%`;
  return [
    makeElement("dt", { text: label }),
    makeElement(
      "dd",
      { data: { additional: name } },
      makeElement("span", { class: isSoft ? "soft" : null }, value, note ? makeElement("span", { class: "soft small evidence", text: note }) : null),
      makeElement(
        "span",
        { class: "row-tools" },
        makeElement("span", { class: "soft small", text: state }),
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
