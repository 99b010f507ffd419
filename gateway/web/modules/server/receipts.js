// Receipts on the server: POST /v1/receipts. The server forgets receipts after a while, so the page can send them again.

import { Problem, request } from "./api.js";

/**
 * Read the receipt in a file, or on one page of it; with `bypassCache` also if the server has read it before.
 *
 * Throws as `request` does.
 */
export async function readReceipt(file, page, { signal, bypassCache = false } = {}) {
  const query = page === null ? "" : "?split=pages";
  const form = new FormData();
  form.append("file", file);
  const headers = bypassCache ? { "Cache-Control": "no-cache" } : {};
  const content = await (await request(`/v1/receipts${query}`, { method: "POST", body: form, headers, signal })).json();
  return page === null ? content : content.receipts[page];
}

/** Read the receipts on the pages of a document. Throws as `request` does. */
export async function readPages(file) {
  const form = new FormData();
  form.append("file", file);
  return (await (await request("/v1/receipts?split=pages", { method: "POST", body: form })).json()).receipts;
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
  const file = await records.getFile(record.uid);
  if (file === null) {
    const detail = "Neither the server nor this browser has the picture any longer. Add the file again.";
    throw new Problem({ title: "Picture not available", detail, status: 404 });
  }
  await records.update(record.uid, { receipt: await readReceipt(file, record.page) });
}
