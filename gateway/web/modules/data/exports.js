// Exports of the listed receipts as CSV, JSON or XLSX, with corrections; one receipt as JSON or as a curl command.

import { getKey, request } from "../server/api.js";
import { ADDITIONAL_LABELS } from "./details.js";
import { FIELDS, getField, getIsoDate, getTotal } from "./values.js";

const ADDITIONAL_FIELDS = Object.keys(ADDITIONAL_LABELS);
// The columns of the server's tables (POST /v1/exports). CSV and JSON are made here, so they include corrections that
// the server did not accept and receipts that it no longer has.
const COLUMNS = [
  "file", "page", "id", "company", "date", "address", "total", "currency",
  ...FIELDS.map((name) => `${name}_confidence`), ...FIELDS.map((name) => `${name}_corrected`),
  "date_text", "total_text", "error", ...ADDITIONAL_FIELDS,
  "card_last4", "country", "language", "document_type", "items", "failed_checks",
  ...ADDITIONAL_FIELDS.map((name) => `${name}_confidence`),
];

/** Return a receipt as the gateway sent it, with the name of its file and the user's corrections. */
export function toJsonObject(record) {
  const { corrections, ...receipt } = record.receipt;
  return { file: record.name, ...receipt, corrections: getCorrections(record), accepted: record.accepted };
}

export function exportJson(records) {
  return new Blob([JSON.stringify(records.map(toJsonObject), null, 2)], { type: "application/json" });
}

/** Export as CSV for spreadsheets: UTF-8 with a byte order mark, CRLF, and no cell that is a formula. */
export function exportCsv(records) {
  const rows = [COLUMNS, ...records.map(buildRow)];
  const text = rows.map((cells) => cells.map(formatCell).join(",")).join("\r\n");
  return new Blob(["\ufeff", text, "\r\n"], { type: "text/csv;charset=utf-8" });
}

/** Export in a format that the server makes: "xlsx" or "items-csv". Throws Problem or Unreachable. */
export async function exportFromServer(records, format) {
  const ids = [...new Set(records.map((record) => record.receipt.id))];
  const names = Object.fromEntries(records.map((record) => [record.receipt.id, record.name.slice(0, 255)]));
  const response = await request("/v1/exports", { method: "POST", json: { ids, names, format } });
  return response.blob();
}

/** Return the command that reads the file of a record, for a POSIX shell. */
export function buildCurlCommand(record, origin) {
  const name = record.name.replace(/["\\]/g, "\\$&");
  const form = `file=@"${name}"`;
  const key = getKey() ? ' --header "Authorization: Bearer $QUITTANCE_KEY"' : "";
  return `curl${key} --form ${quote(form)} ${quote(`${origin}/v1/receipts`)}`;
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function getCorrections(record) {
  return Object.keys(record.corrections).length > 0 ? record.corrections : null;
}

function buildRow(record) {
  const { amount, currency } = getTotal(record);
  const cells = {
    file: record.name,
    id: record.receipt.id,
    company: getField(record, "company").value,
    date: getIsoDate(record),
    address: getField(record, "address").value,
    total: amount,
    currency,
    date_text: getField(record, "date").value,
    total_text: getField(record, "total").value,
  };
  for (const name of FIELDS) {
    const { field, correction } = getField(record, name);
    cells[`${name}_confidence`] = field?.confidence.toFixed(3);
    cells[`${name}_corrected`] = correction ? "person" : field?.corrected ? "directory" : "";
  }
  Object.assign(cells, buildAdditionalCells(record.receipt));
  return COLUMNS.map((name) => cells[name]);
}

/** Return the cells of everything but the four fields: amounts, times and payment methods in their normalized form. */
function buildAdditionalCells(receipt) {
  const cells = {
    card_last4: receipt.fields.payment_method?.last4,
    country: receipt.country?.value,
    language: receipt.language?.value,
    document_type: receipt.document_type,
    items: receipt.items?.length,
    failed_checks: (receipt.checks ?? []).filter((check) => check.holds === false).map((check) => check.name).join(" "),
  };
  for (const name of ADDITIONAL_FIELDS) {
    const field = receipt.fields[name];
    if (!field) continue;
    const normalized = ["amount", "iso", "method"].find((key) => key in field);
    cells[name] = normalized ? field[normalized] : field.value;
    cells[`${name}_confidence`] = field.confidence.toFixed(3);
  }
  return cells;
}

function formatCell(value) {
  let text = String(value ?? "");
  if (/^\s*[=+\-@＝＋－＠]|^\t/.test(text) && !/^-?\d+(\.\d+)?$/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
