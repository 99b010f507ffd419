// Reads the waiting records: many files as one job of the server, single files by two requests at a time.

import { Problem, Unreachable, pause } from "./api.js";
import { getSaved } from "./corrections.js";
import { MIN_JOB_FILES, createJob, deleteJob, fetchReceipt, followJob, groupForJobs } from "./jobs.js";
import { addThumbnail } from "./page_images.js";
import { readReceipt } from "./receipts.js";

const MAX_READERS = 2;
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 15_000;
const STOPPED = { title: "Stopped", detail: "This file was not read. Read it again to continue.", type: "" };
const FILE_MISSING = { title: "File not available", detail: "This browser no longer has the file. Drop it here again.", type: "" };

/** Fires "progress" when `total`, `finished`, `isBusy` or `isOffline` change. */
export class Queue extends EventTarget {
  #records;
  #readers = 0;
  #abort = new AbortController();
  #retryNow = () => {};
  #started = 0;

  constructor(records) {
    super();
    this.#records = records;
    this.total = 0;
    this.finished = 0;
    this.isOffline = false;
  }

  get isBusy() {
    return this.finished < this.total;
  }

  /** The estimated number of seconds until everything is read; null before the first file is finished. */
  get secondsLeft() {
    if (this.finished === 0) return null;
    return ((performance.now() - this.#started) / 1000 / this.finished) * (this.total - this.finished);
  }

  /** Read waiting records; with `bypassCache` the server reads files again that it has in its cache. */
  async push(records, { bypassCache = false } = {}) {
    if (!this.isBusy) {
      this.total = this.finished = 0;
      this.#started = performance.now();
    }
    this.total += records.length;
    this.#emitProgress();
    if (records.length >= MIN_JOB_FILES) await this.#startJobs(records);
    this.#startReaders(bypassCache);
  }

  /** Continue with the records of an earlier visit: files in jobs of the server, and files that were waiting. */
  async resume(records) {
    const [inJobs, others] = [records.filter((record) => record.job?.id), records.filter((record) => !record.job?.id)];
    for (const record of others) record.job = null; // was not sent before the page was closed
    await this.push(others);
    const jobs = Map.groupBy(inJobs, (record) => record.job.id);
    for (const [id, members] of jobs) {
      this.total += members.length;
      this.#emitProgress();
      this.#follow(id, members, this.#abort.signal);
    }
  }

  /** Stop at once; unfinished records fail and can be read again. */
  stop() {
    this.#abort.abort(new DOMException("stopped", "AbortError"));
    this.#abort = new AbortController();
    const unfinished = this.#records.all.filter((record) => record.state === "waiting" || record.state === "reading");
    for (const id of new Set(unfinished.map((record) => record.job?.id).filter(Boolean))) deleteJob(id);
    for (const record of unfinished) this.#fail(record, STOPPED);
    this.total = this.finished;
    this.#setOffline(false);
    this.#emitProgress();
  }

  /** Retry now if the queue waits for the server. */
  retry() {
    this.#retryNow();
  }

  // ---- jobs

  async #startJobs(records) {
    const { signal } = this.#abort;
    const whole = records.filter(({ part, files }) => part === null && files.length === 1);
    const entries = await Promise.all(whole.map(async (record) => ({ record, file: (await this.#records.getFiles(record))?.[0] })));
    for (const group of await groupForJobs(entries.filter(({ file }) => file !== undefined))) {
      if (group.length < MIN_JOB_FILES) continue;
      for (const { record } of group) record.job = { id: null }; // keeps the readers away from it
      this.#runJob(group, signal);
    }
  }

  async #runJob(group, signal) {
    const members = group.map(({ record }) => record);
    try {
      const id = await this.#retryUntilReached(() => createJob(group.map(({ file }) => file), signal), signal);
      for (const [index, record] of members.entries()) await this.#records.update(record.uid, { job: { id, index } });
      await this.#follow(id, members, signal);
    } catch (error) {
      if (error.name !== "AbortError") await this.#readSeparately(members);
    }
  }

  async #follow(id, members, signal) {
    const unfinished = new Map(members.map((record) => [record.job.index, record]));
    const onFile = async (state) => {
      const record = unfinished.get(state.index);
      if (record !== undefined && (await this.#applyFileState(record, state, signal))) unfinished.delete(state.index);
    };
    try {
      while (!(await this.#retryUntilReached(() => followJob(id, onFile, signal), signal))) await pause(MIN_PAUSE_MS, signal);
      deleteJob(id);
      await this.#readSeparately([...unfinished.values()]); // the job was deleted elsewhere
    } catch (error) {
      if (error.name !== "AbortError") await this.#readSeparately([...unfinished.values()]);
    }
  }

  /** Apply the state of a file in a job to its record; return whether the file is finished. */
  async #applyFileState(record, state, signal) {
    if (state.state === "running") await this.#records.update(record.uid, { state: "reading" });
    if (state.state !== "done" && state.state !== "failed") return false;
    if (state.state === "failed") await this.#fail(record, state.problem);
    else {
      const receipt = await fetchReceipt(state, signal);
      if (receipt === null) return false; // the server has no cache: the file is read separately
      await this.#finish(record, receipt);
    }
    this.#countFinished();
    return true;
  }

  /** Leave records to the readers that could not be read by a job. */
  async #readSeparately(records) {
    for (const record of records) {
      if (this.#records.get(record.uid) !== null) await this.#records.update(record.uid, { state: "waiting", job: null });
    }
    this.#startReaders();
  }

  // ---- single files

  #startReaders(bypassCache = false) {
    for (; this.#readers < MAX_READERS; this.#readers += 1) this.#runReader(bypassCache).finally(() => (this.#readers -= 1));
  }

  /** Return the next record to read: the oldest upload first, each in its own order. */
  #findNext() {
    const waiting = this.#records.all.filter((record) => record.state === "waiting" && !record.job);
    return waiting.sort((a, b) => a.added - b.added || a.place - b.place)[0];
  }

  async #runReader(bypassCache) {
    for (let record = this.#findNext(); record !== undefined; record = this.#findNext()) {
      const { signal } = this.#abort;
      await this.#read(record, signal, bypassCache);
      if (signal.aborted) return;
      this.#countFinished();
    }
  }

  async #read(record, signal, bypassCache) {
    await this.#records.update(record.uid, { state: "reading", problem: null });
    const files = await this.#records.getFiles(record);
    if (files === null) {
      await this.#fail(record, FILE_MISSING);
      return;
    }
    try {
      const receipt = await this.#retryUntilReached(() => readReceipt(record, files, { signal, bypassCache }), signal);
      await this.#finish(record, receipt);
    } catch (error) {
      if (error.name === "AbortError") return; // `stop` has failed the record
      const problem = error instanceof Problem ? error.toJSON() : { title: "Something went wrong", detail: error.message };
      await this.#fail(record, problem);
    }
  }

  // ---- both

  /** Repeat an action until it reaches the server, with pauses that grow. */
  async #retryUntilReached(action, signal) {
    for (let wait = MIN_PAUSE_MS; ; wait = Math.min(wait * 2, MAX_PAUSE_MS)) {
      try {
        const result = await action();
        this.#setOffline(false);
        return result;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        this.#setOffline(true);
        await Promise.race([pause(wait, signal), new Promise((resolve) => (this.#retryNow = resolve))]);
      }
    }
  }

  async #finish(record, receipt) {
    const kept = await this.#records.mergeSame(record.uid, receipt.id);
    if (kept === null) return; // deleted meanwhile
    await this.#records.update(kept.uid, { state: "done", receipt, problem: null, job: null, ...getSaved(receipt.corrections) });
    addThumbnail(this.#records, kept);
  }

  #fail(record, problem) {
    return this.#records.update(record.uid, { state: "failed", problem, job: null });
  }

  #countFinished() {
    this.finished = Math.min(this.finished + 1, this.total);
    this.#emitProgress();
  }

  #setOffline(isOffline) {
    if (isOffline === this.isOffline) return;
    this.isOffline = isOffline;
    this.#emitProgress();
  }

  #emitProgress() {
    this.dispatchEvent(new Event("progress"));
  }
}
