// Receipts on the server: POST /v1/receipts. The server forgets receipts after a while, so the page can send them again.

import { Problem, request } from "./api.js";

/**
 * Read the receipt of a record in its files; with `bypassCache` also if the server has read it before.
 *
 * Throws as `request` does, and Problem if the receipt is one of several that are not found in the file again.
 */
export async function readReceipt(record, files, options = {}) {
  if (record.part === null) return send(files, files.length > 1 ? "?merge=true" : "", options);
  const receipts = await readParts(files[0], record.split, options);
  const found = receipts.find(({ id }) => id === record.receipt?.id) ?? receipts[record.part];
  if (found === undefined) throw new Problem({ title: "Receipt not found", detail: `The server finds ${receipts.length} receipts in this file now. Delete this one, and add the file again.` });
  return found;
}

/**
 * Read the separate receipts in a file: with `split` "auto" wherever they are, with "pages" one on each page.
 *
 * Throws as `request` does.
 */
export async function readParts(file, split, options = {}) {
  return (await send([file], `?split=${split}`, options)).receipts;
}

async function send(files, query, { signal, bypassCache = false }) {
  const form = new FormData();
  for (const file of files) form.append("file", file);
  const headers = bypassCache ? { "Cache-Control": "no-cache" } : {};
  return (await request(`/v1/receipts${query}`, { method: "POST", body: form, headers, signal })).json();
}

/** Perform an action on the receipt of a record; if the server has forgotten the receipt, send the file and repeat. */
export async function withReceipt(records, record, action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Problem && error.isReceiptMissing)) throw error;
  }
  await sendAgain(records, record);
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Problem && error.isReceiptMissing)) throw error;
    throw new Problem({ ...error.toJSON(), title: "The server keeps no receipts", detail: "The server keeps no receipts, so nothing can be corrected. Ask its operator." });
  }
}

async function sendAgain(records, record) {
  const files = await records.getFiles(record);
  if (files === null) {
    const detail = "Neither the server nor this browser has the picture any longer. Add the file again.";
    throw new Problem({ title: "Picture not available", detail, status: 404 });
  }
  await records.update(record.uid, { receipt: await readReceipt(record, files) });
}
