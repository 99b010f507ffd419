// How many receipts are in a file: several in one, or one in several pictures.

import { Problem } from "./api.js";
import { getSaved } from "./corrections.js";
import { addThumbnail } from "./page_images.js";
import { readParts } from "./receipts.js";

// Of the server.
export const MAX_JOINED_FILES = 20;

/**
 * Read the separate receipts in the file of a record, and return their new records; none if there is only one receipt.
 *
 * `split` is "auto" or "pages". Throws as `request` does.
 */
export async function splitRecord(records, record, split) {
  const files = await records.getFiles(record);
  if (files === null) throw new Problem({ title: "Picture not available", detail: "This browser no longer has the file. Add it again." });
  const receipts = await readParts(files[0], split);
  if (receipts.length < 2) return [];
  const { name } = record;
  const values = receipts.map((receipt, part) => ({ name, files: record.files, split, part, state: "done", receipt, ...getSaved(receipt.corrections) }));
  const parts = await records.addInPlace(record, values);
  for (const part of parts) addThumbnail(records, part);
  return parts;
}

/** Return a new record of the receipt that the pictures of records show, from the top to the bottom; it waits to be read. */
export async function joinRecords(records, chosen) {
  const [joined] = await records.addInPlace(chosen[0], [{ name: chosen[0].name, files: chosen.flatMap(({ files }) => files) }]);
  return joined;
}

/** Return new records of the pictures of a joined one; they wait to be read. */
export function separateRecord(records, record) {
  return records.addInPlace(record, record.files.map((file) => ({ name: file.name, files: [file] })));
}

/** Return a new record of all of the file of a part; it waits to be read. */
export async function readWhole(records, { name, files, ...place }) {
  const [whole] = await records.addInPlace(place, [{ name, files, isOneReceipt: true }]);
  return whole;
}
