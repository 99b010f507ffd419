// What users do with whole receipts: add, read again, delete, separate and join them. What replaces or deletes receipts can
// be undone for some seconds.

import { unpackArchives } from "./data/archives.js";
import { getFileName, isJoined } from "./data/sources.js";
import { formatCount } from "./data/values.js";
import { createThumbnail } from "./server/page_images.js";
import { MAX_JOINED_FILES, joinRecords, readWhole, separateRecord, splitRecord } from "./server/regrouping.js";
import { Trash, UNDO_MS } from "./server/trash.js";
import { askWhatToJoin, confirmDeletion } from "./ui/dialogs.js";
import { announce, showToast } from "./ui/dom.js";

export class Actions {
  #records;
  #queue;
  #trash;
  #navigation;

  /** `navigation`: open(uid or null) opens a record in place of the open one, openNeighbor(step), showAdded(records, known). */
  constructor(records, queue, navigation) {
    this.#records = records;
    this.#queue = queue;
    this.#navigation = navigation;
    this.#trash = new Trash(records, (count) =>
      showToast(`Deleted here, but ${formatCount(count)} may still be on the server. By default it deletes them after a day.`),
    );
  }

  /** Delete for good what an earlier visit has deleted. */
  emptyTrash() {
    return this.#trash.empty();
  }

  // ---- adding and reading

  /** Add files, or the files in zips, and read them. */
  async addFiles(given) {
    const { files, errors } = await unpackArchives(given);
    if (errors.length > 0) showToast(errors.join(" "));
    if (files.length === 0) return;
    const { added, known } = await this.#records.add(files);
    this.#navigation.showAdded(added, [...known.values()]);
    if (known.size > 0) showToast(describeKnown(files, known));
    if (added.length > 0) announce(added.length === 1 ? `Reading ${added[0].name}.` : `Reading ${added.length} files.`);
    const failed = [...new Set(known.values())].filter((record) => record.state === "failed");
    for (const record of failed) await this.#records.update(record.uid, { state: "waiting", problem: null });
    this.#queue.push([...added, ...failed]);
  }

  async readAgain(record) {
    await this.#records.update(record.uid, { state: "waiting", problem: null });
    this.#queue.push([record], { bypassCache: true });
  }

  // ---- several receipts in a file, several pictures of a receipt

  /** Replace a record by the receipts in its file: "auto" wherever they are, "pages" one on each page. */
  async split(record, how = "auto") {
    await this.#records.update(record.uid, { state: "reading" });
    try {
      const parts = await splitRecord(this.#records, record, how);
      await this.#records.update(record.uid, { state: "done" });
      if (parts.length === 0) showToast("The pages continue each other: they are one receipt.");
      else await this.#replace([record], parts, `${record.name} is now ${formatCount(parts.length)}.`);
    } catch (error) {
      await this.#records.update(record.uid, { state: "done" });
      showToast(`The receipts are not separated. ${error.message}`);
    }
  }

  /** Ask which pictures show one receipt, and replace their records by it; return whether that was done. */
  async join(candidates, isChosen) {
    if (candidates.length < 2) {
      showToast("First add the other pictures of the receipt.");
      return false;
    }
    const chosen = await askWhatToJoin(candidates, { isChosen, makeThumbnail: (record) => this.#makeThumbnail(record), maxFiles: MAX_JOINED_FILES });
    if (chosen === null) return false;
    const joined = await joinRecords(this.#records, chosen);
    await this.#replace(chosen, [joined], `${joined.files.length} pictures are now one receipt.`);
    this.#queue.push([joined]);
    return true;
  }

  /** Join a record with others: offer those that were added at about the same time. */
  joinWithOthers(record) {
    const distance = ({ added }) => Math.abs(added - record.added);
    const nearest = this.#findJoinable().sort((a, b) => distance(a) - distance(b)).slice(0, MAX_JOINED_FILES);
    return this.join(nearest.sort((a, b) => a.added - b.added || a.place - b.place), ({ uid }) => uid === record.uid);
  }

  /** Join the records that were added together. */
  joinAdded(uids) {
    const names = new Intl.Collator(undefined, { numeric: true });
    const added = this.#findJoinable().filter(({ uid }) => uids.includes(uid));
    return this.join(added.sort((a, b) => names.compare(a.name, b.name)), () => true);
  }

  /** Replace a joined record by one for each of its pictures, or the parts of a file by one record. */
  async regroup(record) {
    const replaced = [record, ...this.#records.findSiblings(record)];
    const fresh = isJoined(record) ? await separateRecord(this.#records, record) : [await readWhole(this.#records, record)];
    await this.#replace(replaced, fresh, isJoined(record) ? `The ${fresh.length} pictures are separate receipts now.` : `${record.name} is one receipt now.`);
    this.#queue.push(fresh);
  }

  #findJoinable() {
    return this.#records.all.filter(({ part }) => part === null);
  }

  async #makeThumbnail(record) {
    const files = record.thumb === null ? await this.#records.getFiles(record) : null;
    return files === null ? record.thumb : createThumbnail(files[0]);
  }

  async #replace(old, fresh, text) {
    const { openUid } = this.#records;
    const wasOpen = old.some(({ uid }) => uid === openUid);
    await this.#trash.put(old);
    if (wasOpen) this.#navigation.open(fresh[0].uid);
    showUndo(text, async () => {
      await this.#restore();
      if (wasOpen) this.#navigation.open(openUid);
      await this.#trash.put(fresh);
    });
  }

  // ---- deletion

  async deleteOpen() {
    const deleted = this.#records.open;
    if (!this.#navigation.openNeighbor(1) && !this.#navigation.openNeighbor(-1)) this.#navigation.open(null);
    await this.#delete([deleted], `${getFileName(deleted)} deleted.`, () => this.#navigation.open(deleted.uid));
  }

  async deleteAll() {
    const { all } = this.#records;
    const text = `This deletes ${formatCount(all.length)} with pictures, results and corrections, from this browser and from the server. You can undo it for ${UNDO_MS / 1000} seconds.`;
    if (!(await confirmDeletion(text))) return;
    this.#queue.stop();
    await this.#delete([...all], `${formatCount(all.length)} deleted.`);
    this.#navigation.open(null);
  }

  /** Delete records; `onRestored()` is called when that has been undone. */
  async #delete(deleted, text, onRestored = () => {}) {
    await this.#trash.put(deleted);
    showUndo(text, async () => {
      await this.#restore();
      onRestored();
    });
  }

  /** Restore what was deleted last, and read what had not been read. */
  async #restore() {
    const unfinished = (await this.#trash.restore()).filter(({ state }) => state === "waiting" || state === "reading");
    for (const record of unfinished) await this.#records.update(record.uid, { state: "waiting" });
    this.#queue.push(unfinished);
  }
}

function showUndo(text, undo) {
  showToast(text, { action: { label: "Undo", run: undo }, durationMs: UNDO_MS });
}

/** Say that files are in the list already; `known` has their records by the index of the file. */
function describeKnown(files, known) {
  if (known.size > 1) return `${known.size} files are in the list already. Each counts once.`;
  const [[index, record]] = known;
  const name = files[index].name;
  return name === record.name || !name ? `${record.name} is in the list already.` : `${name} is the same file as ${record.name}, which is in the list already.`;
}
