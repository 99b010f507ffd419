// The receipts of this page, latest upload first, and what the user chose: the open one, the filter, the search, the
// threshold.
//
// A record: { uid, name, size, type, added, place, state: "waiting" | "reading" | "done" | "failed", receipt, problem,
// thumb: Blob | null, accepted, corrections: { field: { value, lines, author, at, saved } } }.

import { loadSetting, saveSetting } from "./storage.js";
import { buildSearchText, needsReview } from "./values.js";

const DEFAULT_THRESHOLD = 0.8;

/** Fires "change" when records or the choice of them change, and "open" when another record is opened. */
export class Records extends EventTarget {
  #storage;
  #byUid = new Map();
  #sorted = null;

  constructor(storage) {
    super();
    this.#storage = storage;
    this.threshold = loadSetting("threshold", DEFAULT_THRESHOLD);
    this.filter = "all";
    this.query = "";
    this.openUid = null;
  }

  /** Load the records of earlier visits. */
  async load() {
    for (const record of await this.#storage.getRecords()) this.#byUid.set(record.uid, record);
    this.#emitChange({ sort: true });
  }

  get all() {
    this.#sorted ??= [...this.#byUid.values()].sort((a, b) => b.added - a.added || a.place - b.place);
    return this.#sorted;
  }

  /** The records that match the filter and the search, in order. */
  get listed() {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    return this.all.filter((record) => this.#isListed(record, words));
  }

  get open() {
    return this.#byUid.get(this.openUid) ?? null;
  }

  get(uid) {
    return this.#byUid.get(uid) ?? null;
  }

  count(filter) {
    return this.all.filter((record) => this.#matchesFilter(record, filter)).length;
  }

  /** Add a record for each file, in this order, and return the records. */
  async add(files) {
    const added = Date.now();
    const records = files.map((file, place) => ({
      uid: crypto.getRandomValues(new Uint32Array(3)).join("-"),
      name: file.name || "Pasted picture",
      size: file.size,
      type: file.type,
      added,
      place,
      state: "waiting",
      receipt: null,
      problem: null,
      thumb: null,
      accepted: false,
      corrections: {},
    }));
    for (const record of records) this.#byUid.set(record.uid, record);
    this.#emitChange({ sort: true });
    for (const [index, record] of records.entries()) {
      await this.#storage.putFile(record.uid, files[index]);
      await this.#store(record);
    }
    return records;
  }

  /** Change a record, show the change and store it. */
  async update(uid, changes) {
    const record = this.#byUid.get(uid);
    if (record === undefined) return;
    Object.assign(record, changes);
    this.#emitChange();
    await this.#store(record);
  }

  getFile(uid) {
    return this.#storage.getFile(uid);
  }

  async remove(uid) {
    this.#byUid.delete(uid);
    this.#emitChange({ sort: true });
    await this.#storage.remove(uid);
  }

  setThreshold(threshold) {
    this.threshold = threshold;
    saveSetting("threshold", threshold);
    this.#emitChange();
  }

  setFilter(filter) {
    this.filter = filter;
    this.#emitChange();
  }

  setQuery(query) {
    this.query = query;
    this.#emitChange();
  }

  setOpen(uid) {
    if (uid === this.openUid) return;
    this.openUid = uid;
    this.dispatchEvent(new Event("open"));
  }

  /** Return the next listed record that matches (`step` 1), or the previous one (-1); null if there is none. */
  findNeighbor(step, matches = () => true) {
    const listed = this.listed;
    const position = listed.findIndex((record) => record.uid === this.openUid);
    if (position < 0) return (step > 0 ? listed.find(matches) : listed.findLast(matches)) ?? null;
    for (let index = position + step; index >= 0 && index < listed.length; index += step) {
      if (matches(listed[index])) return listed[index];
    }
    return null;
  }

  needsReview(record) {
    return needsReview(record, this.threshold);
  }

  #matchesFilter(record, filter) {
    if (filter === "review") return record.state === "failed" || this.needsReview(record);
    return filter === "all" || (record.state === "done" && !this.needsReview(record));
  }

  #isListed(record, words) {
    // The open receipt stays in the list after it has been reviewed.
    if (record.uid === this.openUid && words.length === 0 && this.filter === "review" && record.state === "done") return true;
    if (!this.#matchesFilter(record, this.filter)) return false;
    const text = words.length > 0 ? buildSearchText(record) : "";
    return words.every((word) => text.includes(word));
  }

  #emitChange({ sort = false } = {}) {
    if (sort) this.#sorted = null;
    this.dispatchEvent(new Event("change"));
  }

  async #store(record) {
    try {
      await this.#storage.putRecord(record);
    } catch {
      // No space: the record lasts until the tab is closed.
    }
  }
}
