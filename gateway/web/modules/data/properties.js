// What is said about a whole receipt: country, currency, language and document type. The server knows the codes; names
// come from the browser.

export const PROPERTY_LABELS = { country: "Country", currency: "Currency", language: "Language", document_type: "Document type" };

const DOCUMENT_TYPES = { receipt: "Receipt", invoice: "Invoice", card_slip: "Card slip", refund: "Refund", ticket: "Ticket", other: "Other" };
const KINDS = { country: "region", currency: "currency", language: "language" };
const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

export function isProperty(name) {
  return name in PROPERTY_LABELS;
}

/** Return a property of a record like `getField` does, and `evidence`, what it was inferred from. */
export function getProperty(record, name) {
  const read = record.receipt?.[name] ?? null;
  const field = typeof read === "string" ? { value: read, confidence: null, evidence: [] } : read;
  const correction = record.correctedProperties[name] ?? null;
  const value = correction === null ? (field?.value ?? null) : correction.value;
  const isRead = correction === null && field !== null;
  return { value, confidence: isRead ? field.confidence : null, evidence: isRead ? field.evidence : [], lines: [], field, correction };
}

/** Name a code, such as "Malaysia (MY)". */
export function describeCode(name, code) {
  if (name === "document_type") return DOCUMENT_TYPES[code] ?? code;
  const found = findName(name, code);
  return found === null ? code : `${found} (${code})`;
}

/** Return what can be chosen for a property: `[{ code, label }]`, by label. */
export function listChoices(name) {
  if (name === "document_type") return Object.entries(DOCUMENT_TYPES).map(([code, label]) => ({ code, label }));
  const codes = name === "currency" ? Intl.supportedValuesOf("currency") : LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
  const cased = name === "language" ? codes.map((code) => code.toLowerCase()) : codes;
  const choices = cased.map((code) => ({ code, label: findName(name, code) })).filter(({ label }) => label !== null);
  return choices.sort((a, b) => a.label.localeCompare(b.label));
}

/** Return the code of a name, such as "MY" for "Malaysia"; other texts are returned as they are. */
export function findCode(name, text) {
  const wanted = text.trim().toLowerCase();
  return listChoices(name).find(({ label }) => label.toLowerCase() === wanted)?.code ?? text.trim();
}

function findName(name, code) {
  try {
    if (!isCurrent(name, code)) return null;
    return new Intl.DisplayNames("en", { type: KINDS[name], fallback: "none" }).of(code) ?? null;
  } catch {
    return null; // not the form of a code
  }
}

/** Whether a code has not been replaced by another one, such as that of a former country. */
function isCurrent(name, code) {
  if (name === "country") return new Intl.Locale(`und-${code}`).region === code;
  return name !== "language" || new Intl.Locale(code).language === code;
}
