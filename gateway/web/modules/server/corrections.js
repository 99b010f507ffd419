// Corrections on the server: PUT and DELETE /v1/receipts/{id}/corrections.

import { request } from "./api.js";

/** Save the corrections of some fields; return all corrections of the record, with the saved ones marked. */
export async function saveCorrections(record, names) {
  const fields = Object.fromEntries(names.map((name) => [name, toChange(record.corrections[name])]));
  const response = await request(getPath(record), { method: "PUT", json: { fields } });
  return { ...record.corrections, ...markSaved(await response.json()) };
}

/** Delete all corrections and save those of `names` again, because the API cannot delete a single one. */
export async function keepCorrections(record, names) {
  await request(getPath(record), { method: "DELETE" });
  return names.length > 0 ? saveCorrections(record, names) : null;
}

/** Return the corrections in a response of the server, as a record holds them. */
export function markSaved(corrections) {
  const fields = corrections?.fields ?? {};
  return Object.fromEntries(Object.entries(fields).map(([name, correction]) => [name, { ...correction, saved: true }]));
}

function getPath(record) {
  return `/v1/receipts/${record.receipt.id}/corrections`;
}

function toChange({ value, lines }) {
  if (value === null) return null;
  return lines?.length > 0 ? { value, lines } : { value };
}
