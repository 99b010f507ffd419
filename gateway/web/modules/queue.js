// Reads what waits: one file in a request, two at a time, so that a pile does not fill the server's queue.

import { Problem, Unreachable, call, pause } from "./api.js";
import { pagePicture, thumbnail } from "./pictures.js";

const LANES = 2;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

/** Fires "progress" whenever `total`, `finished`, `busy` or `offline` change. */
export class Queue extends EventTarget {
  #records;
  #lanes = 0;
  #stop = new AbortController();
  #wake = () => {};
  #times = [];

  constructor(records) {
    super();
    this.#records = records;
    this.total = 0;
    this.finished = 0;
    this.offline = false;
  }

  get busy() {
    return this.finished < this.total;
  }

  /** Seconds until all is read, as far as the last files tell; null before there are any. */
  get secondsLeft() {
    if (this.#times.length === 0) return null;
    const each = this.#times.reduce((sum, time) => sum + time, 0) / this.#times.length;
    return (each * (this.total - this.finished)) / LANES;
  }

  /** Takes up records that wait. */
  push(records) {
    if (!this.busy) this.total = this.finished = 0;
    this.total += records.length;
    this.#tell();
    for (; this.#lanes < LANES; this.#lanes += 1) this.#lane().finally(() => (this.#lanes -= 1));
  }

  /** Ends at once; what was not read yet says so and can be read again. */
  stop() {
    this.#stop.abort(new DOMException("stopped", "AbortError"));
    this.#stop = new AbortController();
    for (const record of this.#records.all) {
      if (record.state === "waiting") this.#fail(record, STOPPED);
    }
    this.total = this.finished;
    this.#tell();
  }

  /** Tries again now, if it waits for the server to come back. */
  retry() {
    this.#wake();
  }

  #next() {
    // The oldest pile first, and each in its own order.
    const waiting = this.#records.all.filter((record) => record.state === "waiting");
    return waiting.sort((a, b) => a.added - b.added || a.place - b.place)[0];
  }

  async #lane() {
    for (let record = this.#next(); record !== undefined; record = this.#next()) {
      const { signal } = this.#stop;
      const start = performance.now();
      await this.#read(record, signal);
      if (signal.aborted) return;
      this.finished = Math.min(this.finished + 1, this.total);
      this.#times = [...this.#times.slice(-9), (performance.now() - start) / 1000];
      this.#tell();
    }
  }

  async #read(record, signal) {
    await this.#records.update(record.uid, { state: "reading", problem: null });
    const file = await this.#records.file(record.uid);
    if (file === null) {
      await this.#fail(record, GONE);
      return;
    }
    try {
      const receipt = await this.#send(file, signal);
      await this.#records.update(record.uid, { state: "done", receipt, corrections: keptCorrections(receipt) });
    } catch (error) {
      if (error.name === "AbortError") await this.#fail(record, STOPPED);
      else await this.#fail(record, error instanceof Problem ? error.toJSON() : { title: "Something went wrong here", detail: error.message });
      return;
    }
    await this.#addThumbnail(record, file);
  }

  /** Sends a file until there is an answer; without a server it waits for one. */
  async #send(file, signal) {
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        const form = new FormData();
        form.append("file", file);
        const response = await call("/v1/receipts", { method: "POST", body: form, signal });
        this.#setOffline(false);
        return await response.json();
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        this.#setOffline(true);
        await Promise.race([pause(wait, signal), new Promise((resolve) => (this.#wake = resolve))]);
      }
    }
  }

  async #addThumbnail(record, file) {
    try {
      const thumb = await thumbnail(await pagePicture(file, 0), record.receipt.pages[0]?.rotation ?? 0);
      await this.#records.update(record.uid, { thumb });
    } catch {
      // The list shows a sheet of paper instead.
    }
  }

  #fail(record, problem) {
    return this.#records.update(record.uid, { state: "failed", problem });
  }

  #setOffline(offline) {
    if (offline === this.offline) return;
    this.offline = offline;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("progress"));
  }
}

const STOPPED = { title: "Not read", detail: "Reading was stopped. Read it again from its menu.", type: "" };
const GONE = { title: "The file is gone", detail: "This browser no longer has it. Drop it here again.", type: "" };

/** The corrections that the server keeps of a receipt, as a record has them. */
export function keptCorrections(receipt) {
  const fields = receipt.corrections?.fields ?? receipt.corrections ?? {};
  return Object.fromEntries(Object.entries(fields).map(([name, correction]) => [name, { ...correction, saved: true }]));
}
