// What is listed as CSV, JSON or XLSX, with corrections; one receipt as JSON or as the curl that reads it.

import { call, currentKey } from "./api.js";
import { FIELDS, current, isoDate, total } from "./values.js";

// As the server's tables have them (POST /v1/exports), but from what this page has: also corrections that the server did
// not take, and receipts that it no longer keeps.
const COLUMNS = [
  "file", "page", "id", "company", "date", "address", "total", "currency",
  ...FIELDS.map((name) => `${name}_confidence`), ...FIELDS.map((name) => `${name}_corrected`),
  "date_text", "total_text", "error",
];

/** A receipt as JSON: as the gateway gave it, with the name of its file and what a person corrected. */
export function asObject(record) {
  const { corrections, ...receipt } = record.receipt;
  return { file: record.name, ...receipt, corrections: correctionsOf(record), accepted: record.accepted };
}

export function json(records) {
  return new Blob([JSON.stringify(records.map(asObject), null, 2)], { type: "application/json" });
}

/** CSV as spreadsheets open it: UTF-8 with a mark, CRLF, no cell that is taken for a formula. */
export function csv(records) {
  const rows = [COLUMNS, ...records.map(row)];
  const text = rows.map((cells) => cells.map(cell).join(",")).join("\r\n");
  return new Blob(["\ufeff", text, "\r\n"], { type: "text/csv;charset=utf-8" });
}

/** XLSX, made by the server. Throws Problem or Unreachable. */
export async function xlsx(records) {
  const ids = [...new Set(records.map((record) => record.receipt.id))];
  const names = Object.fromEntries(records.map((record) => [record.receipt.id, record.name.slice(0, 255)]));
  const response = await call("/v1/exports", { method: "POST", json: { ids, names, format: "xlsx" } });
  return response.blob();
}

/** The command that reads the file of a record, for a shell of POSIX. */
export function curl(record, origin) {
  const name = record.name.replace(/["\\]/g, "\\$&");
  const form = `file=@"${name}"`;
  const key = currentKey() ? ' --header "Authorization: Bearer $QUITTANCE_KEY"' : "";
  return `curl${key} --form ${quoted(form)} ${quoted(`${origin}/v1/receipts`)}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function correctionsOf(record) {
  const entries = Object.entries(record.corrections).map(([name, { saved, ...correction }]) => [name, correction]);
  return entries.length > 0 ? Object.fromEntries(entries) : null;
}

function row(record) {
  const { amount, currency } = total(record);
  const cells = {
    file: record.name,
    id: record.receipt.id,
    company: current(record, "company").value,
    date: isoDate(record),
    address: current(record, "address").value,
    total: amount,
    currency,
    date_text: current(record, "date").value,
    total_text: current(record, "total").value,
  };
  for (const name of FIELDS) {
    const { field, correction } = current(record, name);
    cells[`${name}_confidence`] = field?.confidence.toFixed(3);
    cells[`${name}_corrected`] = correction ? "person" : field?.corrected ? "directory" : "";
  }
  return COLUMNS.map((name) => cells[name]);
}

function cell(value) {
  let text = String(value ?? "");
  if (/^\s*[=+\-@＝＋－＠]|^\t/.test(text) && !/^-?\d+(\.\d+)?$/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
