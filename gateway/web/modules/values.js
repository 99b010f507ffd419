// What the four fields mean: dates, amounts, confidence, and which receipts need a look.

export const FIELDS = ["company", "date", "address", "total"];
export const LABELS = { company: "Company", date: "Date", address: "Address", total: "Total" };

const DATE = /\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}\s*[-/.]\s*\d{1,2}\s*[-/.]\s*\d{2,4}|\d{1,2}[\s-]*[A-Za-z]{3,9}[\s,'-]*\d{2,4}|[A-Za-z]{3,9}\.?\s*\d{1,2},?\s*\d{4}/;
const AMOUNT = /-?\d{1,3}(?:[., ]\d{3})+[.,]\d{2}\b|-?\d+[.,]\d{2}\b|-?\d+/;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/**
 * What a field of a record is now: the correction if there is one, else what was read.
 *
 * `value` is null for a field that is not on the receipt; `confidence` is null for one that a person has settled.
 */
export function current(record, name) {
  const field = record.receipt?.fields[name] ?? null;
  const correction = record.corrections?.[name] ?? null;
  if (correction === null) {
    return { value: field?.value ?? null, confidence: field?.confidence ?? null, lines: field?.lines ?? [], field, correction };
  }
  // What was typed still stands where the model read it.
  const lines = correction.lines?.length > 0 ? correction.lines : correction.value === null ? [] : (field?.lines ?? []);
  return { value: correction.value, confidence: null, lines, field, correction };
}

/** Why a field needs a look at a threshold from 0 to 1, or null. */
export function doubt(record, name, threshold) {
  const { correction, field } = current(record, name);
  if (correction !== null || record.accepted) return null;
  if (field === null) return "missing";
  if (field.confidence < threshold) return "unsure";
  return field.ambiguous ? "ambiguous" : null;
}

export function needsLook(record, threshold) {
  return record.state === "done" && FIELDS.some((name) => doubt(record, name, threshold) !== null);
}

/** A word for a confidence from 0 to 1. */
export function sureness(confidence, threshold) {
  if (confidence < threshold) return "unsure";
  return confidence >= 0.95 ? "sure" : "fairly sure";
}

/** The date of a record as ISO 8601, or null. */
export function isoDate(record) {
  const { value, field, correction } = current(record, "date");
  if (value === null) return null;
  if (correction === null) return field?.iso ?? null;
  return correction.iso ?? (value === field?.value ? field.iso : parseDate(value));
}

/** The total of a record as `{ amount, currency }`; amount is a decimal string or null. */
export function total(record) {
  const { value, field, correction } = current(record, "total");
  if (value === null) return { amount: null, currency: null };
  const currency = field?.currency ?? null;
  if (correction === null) return { amount: field?.amount ?? null, currency };
  const amount = correction.amount ?? (value === field?.value ? field.amount : parseAmount(value));
  return { amount, currency: correction.currency ?? currency };
}

/** The part of a segment's text that a field would be, for instance the date in "Invoice Date: 16-08-2021 20:47". */
export function pick(name, text) {
  if (name === "date") return DATE.exec(text)?.[0] ?? text;
  if (name === "total") return AMOUNT.exec(text)?.[0] ?? text;
  return text;
}

/** A date as ISO 8601; null if it is none, or if day and month could be swapped. */
export function parseDate(text) {
  const numbers = text.match(/\d+/g)?.map(Number) ?? [];
  const month = MONTHS.indexOf(text.match(/[a-z]{3}/i)?.[0].toLowerCase() ?? "") + 1;
  if (month > 0 && numbers.length >= 2) {
    const [day, year] = numbers[0] > 31 ? [numbers[1], numbers[0]] : numbers;
    return iso(year, month, day);
  }
  if (numbers.length < 3) return null;
  if (numbers[0] > 31) return iso(numbers[0], numbers[1], numbers[2]);
  const [first, second, year] = numbers;
  if (first === second || first > 12) return iso(year, second, first);
  return second > 12 ? iso(year, first, second) : null;
}

function iso(year, month, day) {
  const full = year < 100 ? 2000 + year : year;
  const date = new Date(Date.UTC(full, month - 1, day));
  const real = date.getUTCFullYear() === full && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real ? date.toISOString().slice(0, 10) : null;
}

/** An amount as a decimal number with a point, or null. The last point or comma before two digits parts the decimals. */
export function parseAmount(text) {
  const found = AMOUNT.exec(text)?.[0].replaceAll(" ", "");
  if (found === undefined) return null;
  const [, whole, decimals = "00"] = /^(.*?)(?:[.,](\d{2}))?$/.exec(found);
  const digits = whole.replace(/[.,]/g, "");
  return /^-?\d+$/.test(digits) ? `${digits}.${decimals}` : null;
}

/** What a typed value of a field is understood as, for people; null if nothing more is known of it. */
export function understood(name, text) {
  if (name === "date") return parseDate(text) ?? "Day and month are not certain: better as YYYY-MM-DD.";
  if (name === "total") return parseAmount(text) ?? "No amount in this.";
  return null;
}

/** Sums of the totals by currency, in cents, largest count first: `[{ currency, amount, count }]`. */
export function sums(records) {
  const found = new Map();
  for (const record of records) {
    const { amount, currency } = total(record);
    if (amount === null) continue;
    const sum = found.get(currency) ?? { currency, cents: 0, count: 0 };
    sum.cents += Math.round(Number(amount) * 100);
    sum.count += 1;
    found.set(currency, sum);
  }
  return [...found.values()]
    .sort((a, b) => b.count - a.count)
    .map(({ currency, cents, count }) => ({ currency, count, amount: (cents / 100).toFixed(2) }));
}

/** An amount for people, with the separators of their language. */
export function shownAmount(amount, currency) {
  const number = Number(amount).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return currency ? `${number} ${currency}` : number;
}

/** What a search looks in. */
export function searchText(record) {
  const values = FIELDS.map((name) => current(record, name).value ?? "");
  return [record.name, isoDate(record) ?? "", total(record).amount ?? "", ...values].join(" ").toLowerCase();
}
