// What a receipt says beyond the four fields: additional fields, items, and checks. Receipts stored by earlier versions
// have none of these.

import { getFailedChecks, getField } from "./values.js";

export const ADDITIONAL_LABELS = {
  time: "Time",
  phone: "Phone",
  tax_id: "Tax ID",
  receipt_number: "Receipt number",
  subtotal: "Subtotal",
  tax: "Tax",
  tip: "Tip",
  discount: "Discount",
  service_charge: "Service charge",
  rounding: "Rounding",
  paid: "Paid",
  change: "Change",
  payment_method: "Payment method",
};

/** Return the additional fields that are printed or corrected: `[{ name, label, value, confidence, correction }]`. */
export function getAdditionalFields(record) {
  return Object.entries(ADDITIONAL_LABELS)
    .map(([name, label]) => ({ name, label, ...getField(record, name) }))
    .filter(({ name, value, correction }) => value !== null || correction !== null || record.unsaved[name]);
}

/** Return the additional fields that were not found: `[{ name, label }]`. */
export function findMissingFields(record) {
  const found = new Set(getAdditionalFields(record).map(({ name }) => name));
  return Object.entries(ADDITIONAL_LABELS)
    .filter(([name]) => !found.has(name))
    .map(([name, label]) => ({ name, label }));
}

/** Return the rows of the item table, corrected or as read, sub-items below their item: `isSubItem`, and texts by part. */
export function getItemRows(record) {
  const items = record.correctedItems?.items ?? record.receipt.items ?? [];
  return items.flatMap((item) => [toRow(item, false), ...(item.sub_items ?? []).map((part) => toRow(part, true))]);
}

/** Return rows of the item table as the items of a correction. */
export function toItems(rows) {
  const items = [];
  for (const { isSubItem, description, quantity, unit_price, amount, unit, code, discount } of rows) {
    const part = { description, quantity, unit_price, amount };
    if (isSubItem && items.length > 0) items.at(-1).sub_items.push(part);
    else items.push({ ...part, unit, code, discount, sub_items: [] });
  }
  return items;
}

export function describeRow({ description }) {
  return description || "a new item";
}

/** Say in words which numbers of a record do not add up, one sentence per check that fails. */
export function describeFailedChecks(record) {
  const subtotal = getField(record, "subtotal");
  const hasSubtotal = subtotal.value !== null && Boolean((subtotal.correction ?? subtotal.field).amount);
  return getFailedChecks(record).map((check) => describeCheck(check, hasSubtotal ? "subtotal" : "total"));
}

function describeCheck({ name, expected, printed }, target) {
  const sentences = {
    items_to_subtotal: `Items add up to ${expected}, but the ${target} says ${printed}.`,
    subtotal_and_tax_to_total: `Subtotal, tax and other charges add up to ${expected}, but the total says ${printed}.`,
    paid_minus_change: `Paid minus change is ${expected}, but the total says ${printed}.`,
    tax_rates: `The tax should be ${expected} by its rate, but the receipt says ${printed}.`,
    code_to_total: `The code on the receipt says ${expected}, but the total says ${printed}.`,
    code_to_date: `The code on the receipt says ${expected}, but the date says ${printed}.`,
    einvoice_to_total: `The invoice in the file says ${expected}, but the total says ${printed}.`,
    einvoice_to_date: `The invoice in the file says ${expected}, but the date says ${printed}.`,
  };
  return sentences[name] ?? `${expected} was expected, but the receipt says ${printed}.`;
}

function toRow(item, isSubItem) {
  const texts = {};
  for (const name of ["description", "quantity", "unit", "unit_price", "amount", "code", "discount"]) {
    const part = item[name];
    texts[name] = part ? (part.amount ?? part.number ?? part.value) : null;
  }
  return { isSubItem, ...texts };
}
