// QR codes and barcodes on a receipt, what fiscal and payment codes say, and how that compares with the print.

import { getField } from "./values.js";

const FORMATS = {
  qr_code: "QR code", aztec: "Aztec code", ean_13: "EAN-13", ean_8: "EAN-8", upc_a: "UPC-A", upc_e: "UPC-E",
  code_128: "Code 128", code_39: "Code 39", itf: "Interleaved 2 of 5",
};
const STANDARDS = {
  "at-rksv": "till in Austria (RKSV)",
  "br-cfe": "till in Brazil (CF-e)",
  "br-nfce": "invoice in Brazil (NFC-e)",
  "cz-eet": "till in Czechia (EET)",
  "cz-qr-invoice": "invoice in Czechia (QR Faktura)",
  "de-tse": "till in Germany (TSE)",
  "gulf-zatca": "invoice in the Gulf (ZATCA)",
  "hr-fiscal": "till in Croatia",
  "in-gst": "invoice in India (GST)",
  "it-lottery": "till in Italy (lottery)",
  "pt-atcud": "invoice in Portugal (ATCUD)",
  "rs-suf": "till in Serbia (SUF)",
  "sk-ekasa": "till in Slovakia (eKasa)",
  "ch-qr-bill": "request to pay (Swiss QR-bill)",
  "cz-spayd": "request to pay (SPAYD)",
  "epc069-12": "request to pay (Girocode)",
  "in-upi": "request to pay (UPI)",
  "sk-pay-by-square": "request to pay (PAY by square)",
};
// What a code may say, with the field that is compared.
const MEMBERS = [
  ["seller", "Seller", null],
  ["address", "Address", null],
  ["tax_id", "Tax ID", "tax_id"],
  ["receipt_number", "Receipt number", "receipt_number"],
  ["date", "Date", "date"],
  ["time", "Time", "time"],
  ["total", "Total", "total"],
  ["tax", "Tax", "tax"],
];
const SOURCES = {
  code: "From the code on the receipt",
  einvoice: "From the invoice in the file",
};

/** Return the key of a code for its area in the picture. */
export function getCodeKey(index) {
  return `code-${index}`;
}

/** Return the short name of the format of a code. */
export function describeFormat({ format }) {
  return FORMATS[format] ?? format;
}

/** Return the title of a code, such as "QR code of a till in Austria (RKSV)". */
export function describeCode(code) {
  const { content } = code;
  return content ? `${describeFormat(code)} of a ${STANDARDS[content.standard] ?? content.standard}` : describeFormat(code);
}

/**
 * Return what a code says, row by row: `[{ label, value, comparison, isDifferent }]`.
 *
 * `comparison` says in words how that compares with what is printed or corrected; null if nothing is compared.
 */
export function listStatements(record, { content }) {
  if (!content) return [];
  const rows = MEMBERS.filter(([name]) => content[name]).map(([name, label, field]) => {
    const said = name === "total" && content.currency ? `${content[name]} ${content.currency}` : content[name];
    return { label, value: said, ...compare(record, field, content[name]) };
  });
  const taxes = content.taxes.map(({ rate, base, amount, gross }) => {
    const parts = [["net", base], ["tax", amount], ["gross", gross]].filter(([, number]) => number !== null);
    return { label: rate === null ? "Tax rate" : `Tax ${rate}%`, value: parts.map(([name, number]) => `${number} ${name}`).join(", ") };
  });
  const others = Object.entries(content.identifiers).map(([label, value]) => ({ label, value }));
  return [...rows, ...taxes, ...others].map((row) => ({ comparison: null, isDifferent: false, ...row }));
}

/** Say where the value of a field comes from if it was not read from the print, and what confirms it; null otherwise. */
export function describeSource(record, name) {
  const { field, correction } = getField(record, name);
  if (field === null || correction !== null) return null;
  if (SOURCES[field.source]) return SOURCES[field.source];
  const confirms = (source) => (record.receipt.checks ?? []).some((check) => check.name === `${source}_to_${name}` && check.holds);
  if (confirms("code")) return "Confirmed by the code on the receipt";
  return confirms("einvoice") ? "Confirmed by the invoice in the file" : null;
}

function compare(record, name, said) {
  if (name === null) return {};
  const { value, field, correction } = getField(record, name);
  if (value === null) return { comparison: "not printed" };
  if (correction === null && field.source === "code") return { comparison: "taken from here" };
  const printed = normalize(name, correction ?? field);
  if (printed === null) return {};
  const isSame = simplify(name, printed) === simplify(name, said);
  return { comparison: isSame ? "as printed" : `printed: ${value}`, isDifferent: !isSame };
}

function normalize(name, found) {
  if (name === "total" || name === "tax") return found.amount;
  return name === "date" || name === "time" ? found.iso : found.value;
}

function simplify(name, text) {
  if (name === "total" || name === "tax") return Number(text);
  return name === "time" ? text.slice(0, 5) : text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
