// The four fields: their values, dates, amounts and confidences, and which of them need review. Nothing is parsed here:
// the server says what a text means, also one that the user typed.

import { getProperty, isProperty } from "./properties.js";
import { asksToSplit } from "./sources.js";

export const FIELDS = ["company", "date", "address", "total"];
export const LABELS = { company: "Company", date: "Date", address: "Address", total: "Total" };

const HIGH_CONFIDENCE = 0.95;

/**
 * Return a field or property of a record: its correction if there is one, otherwise what was read.
 *
 * `value` is null for a field that is not on the receipt; `confidence` is null for a corrected or missing one.
 */
export function getField(record, name) {
  if (isProperty(name)) return getProperty(record, name);
  const field = record.receipt?.fields[name] ?? null;
  const correction = record.corrections?.[name] ?? null;
  if (correction === null) {
    return { value: field?.value ?? null, confidence: field?.confidence ?? null, lines: field?.lines ?? [], field, correction };
  }
  // A typed value has no lines, but is most likely where the model found the field.
  const lines = correction.lines?.length > 0 ? correction.lines : correction.value === null ? [] : (field?.lines ?? []);
  return { value: correction.value, confidence: null, lines, field, correction };
}

/** Return why a field needs review at a threshold from 0 to 1, or null. */
export function findIssue(record, name, threshold) {
  const { correction, field } = getField(record, name);
  if (record.unsaved?.[name]) return "unsaved";
  if (correction !== null || record.accepted) return null;
  if (field === null) return "missing";
  if (field.confidence < threshold) return "unsure";
  return field.ambiguous ? "ambiguous" : null;
}

/** Return whether some numbers of a record do not add up that no person has accepted. */
export function hasFailedCheck(record) {
  return !record.accepted && getFailedChecks(record).length > 0;
}

/** Return the checks that fail, with the corrections if there are any. */
export function getFailedChecks(record) {
  const checks = record.checks?.length > 0 ? record.checks : (record.receipt?.checks ?? []);
  return checks.filter((check) => check.holds === false);
}

export function needsReview(record, threshold) {
  if (record.state !== "done") return false;
  return asksToSplit(record) || hasFailedCheck(record) || Object.keys(record.unsaved).length > 0 || FIELDS.some((name) => findIssue(record, name, threshold) !== null);
}

/** Describe a confidence from 0 to 1 in words. */
export function describeConfidence(confidence, threshold) {
  if (confidence < threshold) return "Low confidence";
  return confidence >= HIGH_CONFIDENCE ? "High confidence" : "Medium confidence";
}

/** Return the date of a record in ISO 8601, or null. */
export function getIsoDate(record) {
  const { value, field, correction } = getField(record, "date");
  return value === null ? null : ((correction ?? field)?.iso ?? null);
}

/** Return postal code, city and country of the address of a record, or null. */
export function describePlace(record) {
  const { value, field, correction } = getField(record, "address");
  const { postal_code = null, city = null, country = null } = (value === null ? null : (correction ?? field)) ?? {};
  const place = [postal_code, city].filter(Boolean).join(" ");
  return [place, country].filter(Boolean).join(", ") || null;
}

/** Return the total of a record as `{ amount, currency }`; `amount` is a decimal string or null. */
export function getTotal(record) {
  const { value, field, correction } = getField(record, "total");
  const { amount = null, currency = null } = (value === null ? null : (correction ?? field)) ?? {};
  const corrected = record.correctedProperties.currency?.value;
  return { amount, currency: corrected ?? currency ?? (value === null ? null : (field?.currency ?? null)) };
}

/** Sum the totals of records by currency, the most frequent currency first: `[{ currency, amount, count }]`. */
export function sumTotals(records) {
  const sums = new Map();
  for (const record of records) {
    const { amount, currency } = getTotal(record);
    if (amount === null) continue;
    const sum = sums.get(currency) ?? { currency, cents: 0, count: 0 };
    sum.cents += Math.round(Number(amount) * 100);
    sum.count += 1;
    sums.set(currency, sum);
  }
  return [...sums.values()]
    .sort((a, b) => b.count - a.count)
    .map(({ currency, cents, count }) => ({ currency, count, amount: (cents / 100).toFixed(2) }));
}

export function formatCount(count) {
  return `${count} ${count === 1 ? "receipt" : "receipts"}`;
}

/** Format an amount with the separators of the user's language. */
export function formatAmount(amount, currency) {
  const number = Number(amount).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return currency ? `${number} ${currency}` : number;
}

/** Return the text of a record that the search looks through, in lower case. */
export function buildSearchText(record) {
  const values = FIELDS.map((name) => getField(record, name).value ?? "");
  return [record.name, getIsoDate(record) ?? "", getTotal(record).amount ?? "", ...values].map(foldText).join(" ");
}

/** Return a text without capitals and accents, as people type it in a search. */
export function foldText(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
