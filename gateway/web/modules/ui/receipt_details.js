// The checks that fail, the items and the additional fields of a receipt, below its four fields. Read-only.

import { describeFailedChecks, getAdditionalFields, getItemRows } from "../data/details.js";
import { makeElement, makeIcon } from "./dom.js";

/** Make the sections of a receipt that are not empty. */
export function makeReceiptDetails(receipt) {
  return [makeChecks(describeFailedChecks(receipt)), makeItems(getItemRows(receipt)), makeAdditional(getAdditionalFields(receipt))];
}

function makeChecks(sentences) {
  if (sentences.length === 0) return null;
  const items = sentences.map((sentence) => makeElement("li", { text: sentence }));
  const title = makeElement("h3", { text: "Numbers do not add up" });
  return makeElement("section", { class: "checks" }, makeIcon("alert"), makeElement("div", {}, title, makeElement("ul", {}, ...items)));
}

function makeItems(rows) {
  if (rows.length === 0) return null;
  const headers = ["Description", "Quantity", "Unit price", "Amount"].map((text) => makeElement("th", { scope: "col", text }));
  const body = rows.map(({ isSubItem, description, quantity, unitPrice, amount }) =>
    makeElement(
      "tr",
      { class: isSubItem ? "sub-item" : null },
      makeElement("th", { scope: "row", text: description }),
      ...[quantity, unitPrice, amount].map((text) => makeElement("td", { text })),
    ),
  );
  return makeElement(
    "table",
    { class: "items" },
    makeElement("caption", { text: "Items" }),
    makeElement("thead", {}, makeElement("tr", {}, ...headers)),
    makeElement("tbody", {}, ...body),
  );
}

function makeAdditional(fields) {
  if (fields.length === 0) return null;
  const rows = fields.flatMap(({ name, label, value, confidence }) => [
    makeElement("dt", { text: label }),
    makeElement("dd", { data: { additional: name } }, makeElement("span", { text: value }), makeElement("span", { class: "soft small", text: `${Math.round(confidence * 100)}%` })),
  ]);
  return makeElement("section", { class: "additional" }, makeElement("h3", { text: "Also printed" }), makeElement("dl", {}, ...rows));
}
