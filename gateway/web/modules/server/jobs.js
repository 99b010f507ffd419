// Jobs: many files that the server reads in the background while the page follows its events.

import { isArchive } from "../data/archives.js";
import { Problem, request, streamEvents } from "./api.js";

export const MIN_JOB_FILES = 3;
const MAX_JOB_FILES = 100;
const MAX_JOB_BYTES = 64 * 2 ** 20;

/** Divide entries `{ record, file }` into groups that fit into one job each. Archives are left out. */
export async function groupForJobs(entries) {
  const groups = [];
  let bytes = Infinity; // size of the last group; there is none yet
  for (const entry of entries) {
    // A job would unpack an archive into files without records.
    if (await isArchive(entry.file)) continue;
    if (bytes + entry.file.size > MAX_JOB_BYTES || groups.at(-1).length === MAX_JOB_FILES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1).push(entry);
    bytes += entry.file.size;
  }
  return groups;
}

/** Send files as a job and return its ID. Throws as `request` does. */
export async function createJob(files, signal) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name || "picture");
  const response = await request("/v1/jobs", { method: "POST", body: form, signal });
  return (await response.json()).id;
}

/**
 * Follow a job and call `onFile(state)` for the current state of each file and every change.
 *
 * Returns true if the job ended, false if the connection did. Throws as `request` does.
 */
export async function followJob(id, onFile, signal) {
  for await (const { event, data } of streamEvents(`/v1/jobs/${id}/events`, { signal })) {
    if (event === "file") await onFile(data);
    if (event === "done") return true;
  }
  return false;
}

/** Cancel and delete a job, so that the server does not store its files any longer. */
export async function deleteJob(id) {
  try {
    await request(`/v1/jobs/${id}`, { method: "DELETE" });
  } catch {
    // The job expires by itself.
  }
}

/** Return the receipt of a file that a job has read, or null if the server does not have it. Throws as `request` does. */
export async function fetchReceipt(state, signal) {
  try {
    return await (await request(`/v1/receipts/${state.receipt_id}`, { signal })).json();
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}
