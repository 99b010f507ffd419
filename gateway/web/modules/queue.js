// Reads what waits: a pile as a job of the server, single files in a request each, two at a time.

import { Problem, Unreachable, call, pause } from "./api.js";
import { SMALLEST_PILE, createJob, followJob, forgetJob, piles, receiptOf } from "./jobs.js";
import { pagePicture, thumbnail } from "./pictures.js";

const LANES = 2;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
const STOPPED = { title: "Not read", detail: "Reading was stopped. Read it again from its menu.", type: "" };
const GONE = { title: "The file is gone", detail: "This browser no longer has it. Drop it here again.", type: "" };

/** Fires "progress" whenever `total`, `finished`, `busy` or `offline` change. */
export class Queue extends EventTarget {
  #records;
  #lanes = 0;
  #stop = new AbortController();
  #wake = () => {};
  #started = 0;

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

  /** Seconds until all is read, as far as those read by now tell; null before there are any. */
  get secondsLeft() {
    if (this.finished === 0) return null;
    return ((performance.now() - this.#started) / 1000 / this.finished) * (this.total - this.finished);
  }

  /** Takes up records that wait; `anew` has the server read again what it knows. */
  async push(records, { anew = false } = {}) {
    if (!this.busy) {
      this.total = this.finished = 0;
      this.#started = performance.now();
    }
    this.total += records.length;
    this.#tell();
    if (records.length >= SMALLEST_PILE) await this.#pushPiles(records);
    this.#openLanes(anew);
  }

  /** Takes up what an earlier visit left: jobs that the server went on with, and files that wait. */
  async resume(records) {
    const [begun, others] = [records.filter((record) => record.job?.id), records.filter((record) => !record.job?.id)];
    for (const record of others) record.job = null; // it was never sent
    await this.push(others);
    const jobs = Map.groupBy(begun, (record) => record.job.id);
    for (const [id, members] of jobs) {
      this.total += members.length;
      this.#tell();
      this.#follow(id, members, this.#stop.signal);
    }
  }

  /** Ends at once; what was not read yet says so and can be read again. */
  stop() {
    this.#stop.abort(new DOMException("stopped", "AbortError"));
    this.#stop = new AbortController();
    const left = this.#records.all.filter((record) => record.state === "waiting" || record.state === "reading");
    for (const id of new Set(left.map((record) => record.job?.id).filter(Boolean))) forgetJob(id);
    for (const record of left) this.#fail(record, STOPPED);
    this.total = this.finished;
    this.#setOffline(false);
    this.#tell();
  }

  /** Tries again now, if it waits for the server to come back. */
  retry() {
    this.#wake();
  }

  // ---- piles

  async #pushPiles(records) {
    const { signal } = this.#stop;
    const entries = await Promise.all(records.map(async (record) => ({ record, file: await this.#records.file(record.uid) })));
    const { piles: found } = await piles(entries.filter((entry) => entry.file !== null));
    for (const pile of found) {
      if (pile.length < SMALLEST_PILE) continue;
      for (const { record } of pile) record.job = { id: null }; // the lanes leave it alone
      this.#readPile(pile, signal);
    }
  }

  async #readPile(pile, signal) {
    try {
      const id = await this.#untilReached(() => createJob(pile.map(({ file }) => file), signal), signal);
      for (const [index, { record }] of pile.entries()) await this.#records.update(record.uid, { job: { id, index } });
      await this.#follow(id, pile.map(({ record }) => record), signal);
    } catch (error) {
      if (error.name !== "AbortError") await this.#readSingly(pile.map(({ record }) => record));
    }
  }

  async #follow(id, members, signal) {
    const byIndex = new Map(members.map((record) => [record.job.index, record]));
    const onFile = async (state) => {
      const record = byIndex.get(state.index);
      if (record !== undefined && (await this.#onFile(record, state, signal))) byIndex.delete(state.index);
    };
    try {
      while (!(await this.#untilReached(() => followJob(id, onFile, signal), signal))) await pause(FIRST_PAUSE_MS, signal);
      forgetJob(id);
      await this.#readSingly([...byIndex.values()]); // cancelled by somebody else
    } catch (error) {
      if (error.name !== "AbortError") await this.#readSingly([...byIndex.values()]);
    }
  }

  /** Takes what a job tells of a file; gives whether that file is finished. */
  async #onFile(record, state, signal) {
    if (state.state === "running") await this.#records.update(record.uid, { state: "reading" });
    if (state.state !== "done" && state.state !== "failed") return false;
    if (state.state === "failed") await this.#fail(record, state.problem);
    else {
      const receipt = await receiptOf(state, signal);
      if (receipt === null) return false; // the server keeps none: read it in a request of its own
      await this.#done(record, receipt);
    }
    this.#count();
    return true;
  }

  /** Has records read in requests of their own that no job can read. */
  async #readSingly(records) {
    for (const record of records) {
      if (this.#records.get(record.uid) !== null) await this.#records.update(record.uid, { state: "waiting", job: null });
    }
    this.#openLanes();
  }

  // ---- single files

  #openLanes(anew = false) {
    for (; this.#lanes < LANES; this.#lanes += 1) this.#lane(anew).finally(() => (this.#lanes -= 1));
  }

  #next() {
    // The oldest pile first, and each in its own order.
    const waiting = this.#records.all.filter((record) => record.state === "waiting" && !record.job);
    return waiting.sort((a, b) => a.added - b.added || a.place - b.place)[0];
  }

  async #lane(anew) {
    for (let record = this.#next(); record !== undefined; record = this.#next()) {
      const { signal } = this.#stop;
      await this.#read(record, signal, anew);
      if (signal.aborted) return;
      this.#count();
    }
  }

  async #read(record, signal, anew) {
    await this.#records.update(record.uid, { state: "reading", problem: null });
    const file = await this.#records.file(record.uid);
    if (file === null) {
      await this.#fail(record, GONE);
      return;
    }
    try {
      const receipt = await this.#untilReached(() => this.#send(file, signal, anew), signal);
      await this.#done(record, receipt);
    } catch (error) {
      if (error.name === "AbortError") return; // `stop` has said so
      const problem = error instanceof Problem ? error.toJSON() : { title: "Something went wrong here", detail: error.message };
      await this.#fail(record, problem);
    }
  }

  async #send(file, signal, anew) {
    const form = new FormData();
    form.append("file", file);
    const headers = anew ? { "Cache-Control": "no-cache" } : {};
    return (await call("/v1/receipts", { method: "POST", body: form, headers, signal })).json();
  }

  // ---- both

  /** Does something until the server was reached for it; waits in between. */
  async #untilReached(action, signal) {
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        const result = await action();
        this.#setOffline(false);
        return result;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        this.#setOffline(true);
        await Promise.race([pause(wait, signal), new Promise((resolve) => (this.#wake = resolve))]);
      }
    }
  }

  async #done(record, receipt) {
    await this.#records.update(record.uid, { state: "done", receipt, problem: null, job: null, corrections: keptCorrections(receipt) });
    this.#addThumbnail(record);
  }

  #fail(record, problem) {
    return this.#records.update(record.uid, { state: "failed", problem, job: null });
  }

  async #addThumbnail(record) {
    try {
      const picture = await pagePicture(await this.#records.file(record.uid), 0);
      await this.#records.update(record.uid, { thumb: await thumbnail(picture, record.receipt.pages[0]?.rotation ?? 0) });
    } catch {
      // The list shows a sheet of paper instead.
    }
  }

  #count() {
    this.finished = Math.min(this.finished + 1, this.total);
    this.#tell();
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

/** The corrections that the server keeps of a receipt, as a record has them. */
export function keptCorrections(receipt) {
  const fields = receipt.corrections?.fields ?? {};
  return Object.fromEntries(Object.entries(fields).map(([name, correction]) => [name, { ...correction, saved: true }]));
}
