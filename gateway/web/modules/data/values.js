// The four fields: their values, dates, amounts and confidences, and which of them need review.

export const FIELDS = ["company", "date", "address", "total"];
export const LABELS = { company: "Company", date: "Date", address: "Address", total: "Total" };

const DATE = /\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}\s*[-/.]\s*\d{1,2}\s*[-/.]\s*\d{2,4}|\d{1,2}[\s-]*[A-Za-z]{3,9}[\s,'-]*\d{2,4}|[A-Za-z]{3,9}\.?\s*\d{1,2},?\s*\d{4}/;
const AMOUNT = /-?\d{1,3}(?:[., ]\d{3})+[.,]\d{2}\b|-?\d+[.,]\d{2}\b|-?\d+/;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const HIGH_CONFIDENCE = 0.95;

/**
 * Return a field of a record: its correction if there is one, otherwise what was read.
 *
 * `value` is null for a field that is not on the receipt; `confidence` is null for a corrected or missing one.
 */
export function getField(record, name) {
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
  if (correction !== null || record.accepted) return null;
  if (field === null) return "missing";
  if (field.confidence < threshold) return "unsure";
  return field.ambiguous ? "ambiguous" : null;
}

/** Return whether some numbers of a record do not add up that no person has accepted. */
export function hasFailedCheck(record) {
  return !record.accepted && (record.receipt?.checks ?? []).some((check) => check.holds === false);
}

export function needsReview(record, threshold) {
  return record.state === "done" && (hasFailedCheck(record) || FIELDS.some((name) => findIssue(record, name, threshold) !== null));
}

/** Describe a confidence from 0 to 1 in words. */
export function describeConfidence(confidence, threshold) {
  if (confidence < threshold) return "Low confidence";
  return confidence >= HIGH_CONFIDENCE ? "High confidence" : "Medium confidence";
}

/** Return the date of a record in ISO 8601, or null. */
export function getIsoDate(record) {
  const { value, field, correction } = getField(record, "date");
  if (value === null) return null;
  if (correction === null) return field?.iso ?? null;
  return correction.iso ?? (value === field?.value ? field.iso : parseDate(value));
}

/** Return the total of a record as `{ amount, currency }`; `amount` is a decimal string or null. */
export function getTotal(record) {
  const { value, field, correction } = getField(record, "total");
  if (value === null) return { amount: null, currency: null };
  const currency = field?.currency ?? null;
  if (correction === null) return { amount: field?.amount ?? null, currency };
  const amount = correction.amount ?? (value === field?.value ? field.amount : parseAmount(value));
  return { amount, currency: correction.currency ?? currency };
}

/** Return the part of a text that is the value of a field, such as the date in "Invoice Date: 16-08-2021 20:47". */
export function extractValue(name, text) {
  if (name === "date") return DATE.exec(text)?.[0] ?? text;
  if (name === "total") return AMOUNT.exec(text)?.[0] ?? text;
  return text;
}

/** Parse a date to ISO 8601; return null if the text is not a date, or day and month could be swapped. */
function parseDate(text) {
  const numbers = text.match(/\d+/g)?.map(Number) ?? [];
  const month = MONTHS.indexOf(text.match(/[a-z]{3}/i)?.[0].toLowerCase() ?? "") + 1;
  if (month > 0 && numbers.length >= 2) {
    const [day, year] = numbers[0] > 31 ? [numbers[1], numbers[0]] : numbers;
    return formatIsoDate(year, month, day);
  }
  if (numbers.length < 3) return null;
  if (numbers[0] > 31) return formatIsoDate(numbers[0], numbers[1], numbers[2]);
  const [first, second, year] = numbers;
  if (first === second || first > 12) return formatIsoDate(year, second, first);
  return second > 12 ? formatIsoDate(year, first, second) : null;
}

function formatIsoDate(year, month, day) {
  const fullYear = year < 100 ? 2000 + year : year;
  const date = new Date(Date.UTC(fullYear, month - 1, day));
  const exists = date.getUTCFullYear() === fullYear && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return exists ? date.toISOString().slice(0, 10) : null;
}

/** Parse an amount to a decimal string, or null. The last point or comma before two digits separates the decimals. */
function parseAmount(text) {
  const match = AMOUNT.exec(text)?.[0].replaceAll(" ", "");
  if (match === undefined) return null;
  const [, whole, decimals = "00"] = /^(.*?)(?:[.,](\d{2}))?$/.exec(match);
  const digits = whole.replace(/[.,]/g, "");
  return /^-?\d+$/.test(digits) ? `${digits}.${decimals}` : null;
}

/** Explain how a typed value will be understood; null for fields that are plain text. */
export function explainValue(name, text) {
  if (name === "date") return parseDate(text) ?? "Ambiguous or not a date. Use YYYY-MM-DD.";
  if (name === "total") return parseAmount(text) ?? "Not an amount. Use a number such as 1234.50.";
  return null;
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

/** Format an amount with the separators of the user's language. */
export function formatAmount(amount, currency) {
  const number = Number(amount).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return currency ? `${number} ${currency}` : number;
}

/** Return the text of a record that the search looks through, in lower case. */
export function buildSearchText(record) {
  const values = FIELDS.map((name) => getField(record, name).value ?? "");
  return [record.name, getIsoDate(record) ?? "", getTotal(record).amount ?? "", ...values].join(" ").toLowerCase();
}
