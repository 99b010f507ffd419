// The receipts of this page, latest upload first, and what the user chose: the open one, the filter, the search, the
// threshold.
//
// A record: { uid, name, files, size, added, place, state: "waiting" | "reading" | "done" | "failed", receipt, problem,
// thumb: Blob | null, accepted, corrections, unsaved, split, part, isOneReceipt, isDeleted }. `files` has the pictures of
// the receipt, [{ key, name, size }], most often one; receipts in one file have the same key. `part` is the index of the
// receipt if the file has several, and `split` how they were separated ("auto" or "pages"); otherwise both are null.
// `isOneReceipt` is true once the user said that all of the file is one receipt. A deleted record stays until it can no
// longer be restored. `corrections` has what the server has saved, by field: { value, lines, author, at, ... };
// `correctedItems` and `correctedTaxes` the items and tax rows, or null; `correctedProperties` what is said about the whole
// receipt, by name; `checks` the checks with them. `unsaved` has what it has not, by field or property: { value, lines,
// problem }.

import { findIdentical, isIdentical } from "./files.js";
import { loadSetting, saveSetting } from "./storage.js";
import { buildSearchText, foldText, needsReview } from "./values.js";

const DEFAULT_THRESHOLD = 0.8;

/**
 * Fires "change" when records or the choice of them change, "open" when another record is opened, and "merge"
 * ({ from, to }, two uids) when a record turns out to be the same receipt as another.
 */
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
    const records = (await this.#storage.getRecords()).map(upgrade);
    for (const record of records) this.#byUid.set(record.uid, record);
    // Earlier versions of the page kept several records of one receipt.
    const byReceipt = Map.groupBy(records.filter((record) => record.receipt && !record.isDeleted), (record) => record.receipt.id);
    for (const [kept, ...others] of [...byReceipt.values()].map(orderByWork)) {
      for (const other of others) await this.remove(other.uid);
      if (others.some((other) => other.accepted)) kept.accepted = true;
    }
    this.#emitChange({ sort: true });
  }

  get all() {
    const compare = (a, b) => b.added - a.added || a.place - b.place || a.part - b.part;
    this.#sorted ??= [...this.#byUid.values()].filter((record) => !record.isDeleted).sort(compare);
    return this.#sorted;
  }

  /** The records that are deleted, but can be restored. */
  get deleted() {
    return [...this.#byUid.values()].filter((record) => record.isDeleted);
  }

  /** The records that match the filter and the search, in order. */
  get listed() {
    const words = foldText(this.query).split(/\s+/).filter(Boolean);
    return this.all.filter((record) => this.#isListed(record, words));
  }

  get open() {
    return this.get(this.openUid);
  }

  get(uid) {
    const record = this.#byUid.get(uid);
    return record === undefined || record.isDeleted ? null : record;
  }

  count(filter) {
    return this.all.filter((record) => this.#matchesFilter(record, filter)).length;
  }

  /**
   * Add a record for each file, in this order, unless the page has an identical file already.
   *
   * Returns the new records, and the existing ones of identical files by the index of the file: `{ added, known }`.
   */
  async add(files) {
    const known = new Map();
    const unknown = [];
    for (const [index, file] of files.entries()) {
      const existing = await this.#findRecordOf(file);
      if (existing !== null) known.set(index, existing);
      else unknown.push({ index, file });
    }
    const isRepeated = await findIdentical(unknown.map(({ file }) => file));
    const fresh = unknown.filter((_, position) => !isRepeated.has(position));
    const added = await this.#create(fresh.map(({ file }) => file));
    for (const [position, first] of isRepeated) {
      known.set(unknown[position].index, added[fresh.indexOf(unknown[first])]);
    }
    return { added, known };
  }

  async #findRecordOf(file) {
    for (const record of this.all) {
      for (const { key } of record.files.filter(({ size }) => size === file.size)) {
        const stored = await this.#storage.getFile(key);
        if (stored !== null && (await isIdentical(stored, file))) return record;
      }
    }
    return null;
  }

  async #create(files) {
    const added = Date.now();
    const records = files.map((file, place) => {
      const name = file.name || "Pasted picture";
      return make({ name, added, place }, (uid) => [{ key: uid, name, size: file.size }]);
    });
    await this.#insert(records, (record, index) => this.#storage.putFile(record.uid, files[index]));
    return records;
  }

  /** Add records with the files of others, which they are to replace; each of `all` has at least `name` and `files`. */
  async addInPlace({ added, place }, all) {
    const records = all.map(({ files, ...values }, index) => make({ added, place: place + index / (all.length + 1), ...values }, () => files));
    await this.#insert(records);
    return records;
  }

  async #insert(records, putFile = async () => {}) {
    for (const record of records) this.#byUid.set(record.uid, record);
    this.#emitChange({ sort: true });
    for (const [index, record] of records.entries()) {
      await putFile(record, index);
      await this.#store(record);
    }
  }

  /** Mark records as deleted, or restore them. */
  async setDeleted(records, isDeleted) {
    for (const record of records) record.isDeleted = isDeleted;
    this.#emitChange({ sort: true });
    for (const record of records) await this.#store(record);
  }

  /** Change a record, show the change and store it. */
  async update(uid, changes) {
    const record = this.#byUid.get(uid);
    if (record === undefined) return;
    Object.assign(record, changes);
    this.#emitChange();
    await this.#store(record);
  }

  /** Return the files of a record, from the top of the receipt to its bottom; null if the browser has lost one. */
  async getFiles({ files }) {
    const found = await Promise.all(files.map(({ key }) => this.#storage.getFile(key)));
    return found.includes(null) ? null : found;
  }

  /** Return the other records of receipts in the same file. */
  findSiblings(record) {
    if (record.part === null) return [];
    return this.all.filter(({ uid, part, files }) => uid !== record.uid && part !== null && files[0].key === record.files[0].key);
  }

  /**
   * Keep one record per receipt: if another record has this receipt, it gets the file of this one, which is removed.
   *
   * Identical files are found when they are added, unless the browser has lost the file of the other record.
   * Returns the record that is kept.
   */
  async mergeSame(uid, receiptId) {
    const other = this.all.find((record) => record.uid !== uid && record.receipt?.id === receiptId);
    if (other === undefined || this.get(uid) === null) return this.get(uid);
    const files = await this.getFiles(this.get(uid));
    if (files?.length === 1) await this.#storage.putFile(other.files[0].key, files[0]);
    this.dispatchEvent(new CustomEvent("merge", { detail: { from: uid, to: other.uid } }));
    await this.remove(uid);
    return other;
  }

  /** Remove a record, and its files if no other record has them. */
  async remove(uid) {
    const files = this.#byUid.get(uid)?.files ?? [];
    this.#byUid.delete(uid);
    this.#emitChange({ sort: true });
    const used = new Set([...this.#byUid.values()].flatMap((record) => record.files.map(({ key }) => key)));
    await this.#storage.remove(uid, files.map(({ key }) => key).filter((key) => !used.has(key)));
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

/** What a record has from the beginning. */
const INITIAL = {
  state: "waiting",
  receipt: null,
  problem: null,
  thumb: null,
  accepted: false,
  corrections: {},
  correctedItems: null,
  correctedTaxes: null,
  correctedProperties: {},
  checks: [],
  unsaved: {},
  split: null,
  part: null,
  isOneReceipt: false,
  isDeleted: false,
};

/** Make a record; `getFiles(uid)` returns its files. */
function make(values, getFiles) {
  const uid = crypto.getRandomValues(new Uint32Array(3)).join("-");
  const files = getFiles(uid);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  return { uid, ...structuredClone(INITIAL), ...values, files, size };
}

/** Bring a record of an earlier version of the page up to date. */
function upgrade({ page = null, ...record }) {
  const { uid, name, size } = record;
  const origin = { files: [{ key: uid, name, size }], split: page === null ? null : "pages", part: page };
  const upgraded = { ...structuredClone(INITIAL), ...origin, ...record };
  return record.unsaved ? upgraded : { ...upgraded, ...separateUnsaved(record.corrections ?? {}) };
}

/** Separate saved and unsaved corrections, which the first version mixed. */
function separateUnsaved(mixed) {
  const entries = Object.entries(mixed);
  const select = (isSaved) => entries.filter(([, correction]) => Boolean(correction.saved) === isSaved);
  const corrections = Object.fromEntries(select(true).map(([name, { saved, ...correction }]) => [name, correction]));
  const unsaved = Object.fromEntries(select(false).map(([name, { value, lines }]) => [name, { value, lines, problem: null }]));
  return { corrections, unsaved };
}

/** Order records of one receipt: first those with work of the user, then the oldest. */
function orderByWork(records) {
  const hasWork = (record) => Number(record.accepted) + Object.keys({ ...record.corrections, ...record.unsaved }).length > 0;
  return records.toSorted((a, b) => hasWork(b) - hasWork(a) || a.added - b.added || a.place - b.place);
}
