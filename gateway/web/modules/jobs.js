// Piles, read by the server in the background: one job for many files, followed by its events.

import { Problem, call, events } from "./api.js";

export const SMALLEST_PILE = 3;
const MOST_FILES = 100;
const MOST_BYTES = 64 * 2 ** 20;

/** Parts entries `{ record, file }` into piles that one job may hold; `alone` are those that are no matter for a job. */
export async function piles(entries) {
  const found = [];
  const alone = [];
  let bytes = Infinity; // of the last pile; none was begun
  for (const entry of entries) {
    if (await isArchive(entry.file)) {
      alone.push(entry); // a job would unpack it, and its files would have no record
      continue;
    }
    if (bytes + entry.file.size > MOST_BYTES || found.at(-1).length === MOST_FILES) {
      found.push([]);
      bytes = 0;
    }
    found.at(-1).push(entry);
    bytes += entry.file.size;
  }
  return { piles: found, alone };
}

/** Sends files as a job; gives its id. Throws as `call` does. */
export async function createJob(files, signal) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name || "picture");
  const response = await call("/v1/jobs", { method: "POST", body: form, signal });
  return (await response.json()).id;
}

/**
 * Follows a job to its end; calls `onFile(state)` for each file as it goes on, from its present state on.
 *
 * Gives true if it ended, false if the connection did. Throws as `call` does.
 */
export async function followJob(id, onFile, signal) {
  for await (const { event, data } of events(`/v1/jobs/${id}/events`, { signal })) {
    if (event === "file") await onFile(data);
    if (event === "done") return true;
  }
  return false;
}

/** Cancels and forgets a job; the server needs its files no longer. */
export async function forgetJob(id) {
  try {
    await call(`/v1/jobs/${id}`, { method: "DELETE" });
  } catch {
    // It is forgotten by itself when its time is up.
  }
}

/** What a job has read of a file, or null if the server keeps no receipts. Throws as `call` does. */
export async function receiptOf(state, signal) {
  try {
    return await (await call(`/v1/receipts/${state.receipt_id}`, { signal })).json();
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

async function isArchive(file) {
  return (await file.slice(0, 2).text()) === "PK";
}
