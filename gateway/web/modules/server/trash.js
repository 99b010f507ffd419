// Deletion in two steps: records disappear at once and can be restored for some seconds; then they are deleted here and on
// the server.

import { request } from "./api.js";

export const UNDO_MS = 10_000;

export class Trash {
  #records;
  #onFailure;
  #timer = 0;

  /** `onFailure(count)` is called if some receipts may still be on the server. */
  constructor(records, onFailure) {
    this.#records = records;
    this.#onFailure = onFailure;
  }

  /** Delete records; what was deleted before can no longer be restored. */
  async put(records) {
    await this.empty();
    await this.#records.setDeleted(records, true);
    this.#timer = setTimeout(() => this.empty(), UNDO_MS);
  }

  /** Restore what was deleted last, except files that were added again; return the restored records. */
  async restore() {
    clearTimeout(this.#timer);
    const known = this.#getReceiptIds();
    const restored = this.#records.deleted.filter((record) => !known.has(record.receipt?.id));
    await this.#records.setDeleted(restored, false);
    return restored;
  }

  /** Delete for good, also what an earlier visit has left. */
  async empty() {
    clearTimeout(this.#timer);
    const ids = new Set(this.#records.deleted.map((record) => record.receipt?.id).filter(Boolean));
    for (const record of this.#records.deleted) await this.#records.remove(record.uid);
    for (const id of this.#getReceiptIds()) ids.delete(id);
    const failed = await deleteOnServer(ids);
    if (failed > 0) this.#onFailure(failed);
  }

  #getReceiptIds() {
    return new Set(this.#records.all.map((record) => record.receipt?.id).filter(Boolean));
  }
}

async function deleteOnServer(ids) {
  let failed = 0;
  for (const id of ids) {
    try {
      await request(`/v1/receipts/${id}`, { method: "DELETE" });
    } catch (error) {
      if (error.status !== 404) failed += 1; // 404: it has expired
    }
  }
  return failed;
}
