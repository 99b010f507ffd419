// Corrections on the server: PUT, GET and DELETE /v1/receipts/{id}/corrections.

import { call } from "./api.js";

/** Sends the corrections of some fields; gives all of the record's, those the server has marked as saved. */
export async function saveCorrections(record, names) {
  const fields = Object.fromEntries(names.map((name) => [name, asked(record.corrections[name])]));
  const response = await call(path(record), { method: "PUT", json: { fields } });
  return merged(record, await response.json());
}

/** Takes all corrections back and sends those of the names given again: there is no way to take back a single one. */
export async function forgetCorrections(record, names) {
  await call(path(record), { method: "DELETE" });
  return names.length > 0 ? saveCorrections(record, names) : null;
}

function path(record) {
  return `/v1/receipts/${record.receipt.id}/corrections`;
}

function asked({ value, lines }) {
  if (value === null) return null;
  return lines?.length > 0 ? { value, lines } : { value };
}

function merged(record, kept) {
  const saved = Object.entries(kept.fields).map(([name, correction]) => [name, { ...correction, saved: true }]);
  return { ...record.corrections, ...Object.fromEntries(saved) };
}
