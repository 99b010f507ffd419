// Documents whose pages are separate receipts.

import { Problem } from "./api.js";
import { getSaved } from "./corrections.js";
import { addThumbnail } from "./page_images.js";
import { readPages } from "./receipts.js";

/** Read each page of a record's document as a separate receipt, and return their new records. Throws as `request` does. */
export async function splitRecord(records, record) {
  const file = await records.getFile(record.uid);
  if (file === null) throw new Problem({ title: "Picture not available", detail: "This browser no longer has the document. Add it again." });
  const receipts = await readPages(file);
  const parts = await records.addPages(record, file, receipts.map((receipt) => ({ receipt, ...getSaved(receipt.corrections) })));
  for (const part of parts) addThumbnail(records, part);
  return parts;
}
