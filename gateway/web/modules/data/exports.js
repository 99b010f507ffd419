// Exports of receipts with their corrections, and the curl command of one. The server makes all files from the receipts
// that this page has, so an export contains what the page shows, also after the server has forgotten the receipts.

import { getKey, request } from "../server/api.js";

const MAX_NAME_LENGTH = 255;
const FILE_NAMES = { "items-csv": "receipts-items.csv", "codes-csv": "receipts-codes.csv" };
const TABLES = ["csv", "items-csv", "codes-csv", "xlsx"];

/** Export records as "csv", "items-csv", "codes-csv", "xlsx" or "json": `{ blob, name }`. Throws Problem or Unreachable. */
export async function exportRecords(records, format) {
  const lines = records.map((record) => JSON.stringify(toSentReceipt(record, format)));
  const headers = { "Content-Type": "application/octet-stream" };
  const response = await request(`/v1/exports/receipts?format=${format}`, { method: "POST", body: lines.join("\n"), headers });
  const content = await response.blob();
  // Excel needs a byte order mark to read a CSV as UTF-8.
  const parts = format.endsWith("csv") ? ["\ufeff", content] : [content];
  return { blob: new Blob(parts, { type: content.type }), name: FILE_NAMES[format] ?? `receipts.${format}` };
}

/** Return records as readable JSON. */
export async function exportText(records) {
  const { blob } = await exportRecords(records, "json");
  return JSON.stringify(JSON.parse(await blob.text()), null, 2);
}

/** Return the command that reads the receipt of a record, for a POSIX shell. */
export function buildCurlCommand({ files, split }, origin) {
  const forms = files.map(({ name }) => ` --form ${quote(`file=@"${name.replace(/["\\]/g, "\\$&")}"`)}`);
  const key = getKey() ? ' --header "Authorization: Bearer $QUITTANCE_KEY"' : "";
  const query = files.length > 1 ? "?merge=true" : split === null ? "" : `?split=${split}`;
  return `curl${key}${forms.join("")} ${quote(`${origin}/v1/receipts${query}`)}`;
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Return the receipt of a record, with its corrections, as the server expects it; tables need no lines. */
function toSentReceipt(record, format) {
  const { name, part, receipt, corrections: fields, correctedItems: items, correctedTaxes: taxes, correctedProperties: properties, checks } = record;
  const isCorrected = items !== null || taxes !== null || Object.keys({ ...fields, ...properties }).length > 0;
  return {
    ...receipt,
    file: name.slice(0, MAX_NAME_LENGTH),
    page: part === null ? null : (receipt.pages[0].index ?? part),
    lines: TABLES.includes(format) ? [] : receipt.lines,
    corrections: isCorrected ? { receipt_id: receipt.id, fields, items, taxes, properties, checks } : null,
  };
}
