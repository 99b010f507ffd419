// The receipts of this page, newest pile first, and what a person chose: which one is open, filter, search, threshold.
//
// A record: { uid, name, size, type, added, place, state: "waiting" | "reading" | "done" | "failed", receipt, problem,
// thumb: Blob | null, accepted, corrections: { field: { value, lines, author, at, saved } } }.

import { remember, remembered } from "./storage.js";
import { needsLook, searchText } from "./values.js";

const DEFAULT_THRESHOLD = 0.8;

export class Records extends EventTarget {
  #storage;
  #byUid = new Map();
  #sorted = null;

  constructor(storage) {
    super();
    this.#storage = storage;
    this.threshold = remembered("threshold", DEFAULT_THRESHOLD);
    this.filter = "all";
    this.query = "";
    this.openUid = null;
  }

  /** Takes up what an earlier visit left. */
  async load() {
    for (const record of await this.#storage.records()) this.#byUid.set(record.uid, record);
    this.#changed(null);
  }

  get all() {
    this.#sorted ??= [...this.#byUid.values()].sort((a, b) => b.added - a.added || a.place - b.place);
    return this.#sorted;
  }

  /** Those that filter and search leave, in order. */
  get listed() {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    return this.all.filter((record) => this.#passes(record, words));
  }

  get open() {
    return this.#byUid.get(this.openUid) ?? null;
  }

  get(uid) {
    return this.#byUid.get(uid) ?? null;
  }

  count(filter) {
    return this.all.filter((record) => this.#isOf(record, filter)).length;
  }

  /** Adds records for files, in the order given; gives them. */
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
    this.#changed(null);
    for (const [index, record] of records.entries()) {
      await this.#storage.putFile(record.uid, files[index]);
      await this.#keep(record);
    }
    return records;
  }

  /** Changes a record, shows and keeps it. */
  async update(uid, changes) {
    const record = this.#byUid.get(uid);
    if (record === undefined) return;
    Object.assign(record, changes);
    this.#changed(uid);
    await this.#keep(record);
  }

  file(uid) {
    return this.#storage.file(uid);
  }

  async remove(uid) {
    this.#byUid.delete(uid);
    this.#changed(null);
    await this.#storage.remove(uid);
  }

  async clear() {
    this.#byUid.clear();
    this.#changed(null);
    await this.#storage.clear();
  }

  setThreshold(threshold) {
    this.threshold = threshold;
    remember("threshold", threshold);
    this.#changed(null);
  }

  setFilter(filter) {
    this.filter = filter;
    this.#changed(null);
  }

  setQuery(query) {
    this.query = query;
    this.#changed(null);
  }

  setOpen(uid) {
    if (uid === this.openUid) return;
    this.openUid = uid;
    this.dispatchEvent(new Event("open"));
  }

  /** The next of the listed ones (`step` 1) or the one before (-1); `wanted` leaves out others. Null if there is none. */
  neighbor(step, wanted = () => true) {
    const listed = this.listed;
    const at = listed.findIndex((record) => record.uid === this.openUid);
    if (at < 0) return (step > 0 ? listed.find(wanted) : listed.findLast(wanted)) ?? null;
    for (let index = at + step; index >= 0 && index < listed.length; index += step) {
      if (wanted(listed[index])) return listed[index];
    }
    return null;
  }

  needsLook(record) {
    return needsLook(record, this.threshold);
  }

  #isOf(record, filter) {
    if (filter === "look") return record.state === "failed" || this.needsLook(record);
    return filter === "all" || (record.state === "done" && !this.needsLook(record));
  }

  #passes(record, words) {
    if (record.uid === this.openUid && words.length === 0 && this.filter === "look" && record.state === "done") return true;
    if (!this.#isOf(record, this.filter)) return false;
    const text = words.length > 0 ? searchText(record) : "";
    return words.every((word) => text.includes(word));
  }

  /** Tells what changed: one record, or (null) which there are or how they are chosen. */
  #changed(uid) {
    if (uid === null) this.#sorted = null;
    this.dispatchEvent(new CustomEvent("change", { detail: uid }));
  }

  async #keep(record) {
    try {
      await this.#storage.put(record);
    } catch {
      // No room: the record lasts until the tab is closed.
    }
  }
}
