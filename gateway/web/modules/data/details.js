// What a receipt says beyond the four fields: additional fields, and checks. Receipts stored by earlier versions have
// none of these.

import { PROPERTY_LABELS } from "./properties.js";
import { LABELS, getFailedChecks, getField } from "./values.js";

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

/** Return what a field, a property or a table is called. */
export function getLabel(name) {
  return { ...LABELS, ...ADDITIONAL_LABELS, ...PROPERTY_LABELS, items: "Items", taxes: "Tax rates" }[name];
}

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

/** Say in words which numbers of a record do not add up, one sentence per check that fails. */
export function describeFailedChecks(record) {
  const subtotal = getField(record, "subtotal");
  const hasSubtotal = subtotal.value !== null && Boolean((subtotal.correction ?? subtotal.field).amount);
  return getFailedChecks(record).map((check) => describeCheck(check, hasSubtotal ? "subtotal" : "total"));
}

/** Return the title of the checks that fail: whether numbers, or what is printed and what a code or file says. */
export function getChecksTitle(record) {
  const isArithmetic = getFailedChecks(record).some(({ name }) => !/^(code|einvoice)_to_/.test(name));
  return isArithmetic ? "Numbers do not add up" : "The print says something else";
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
