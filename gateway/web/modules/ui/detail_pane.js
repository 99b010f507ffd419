// The open receipt: its picture and its fields, which highlight each other, and the corrections to it.

import { findBounds } from "../data/boxes.js";
import { describeFormat, getCodeKey } from "../data/codes.js";
import { getLabel } from "../data/details.js";
import { canSplit, findOutlines, getFileName, isJoined, isPart } from "../data/sources.js";
import { FIELDS, getField } from "../data/values.js";
import { getPageImage } from "../server/page_images.js";
import { announce, byId, showToast } from "./dom.js";
import { FieldsPanel } from "./fields_panel.js";
import { Viewer } from "./viewer.js";

export class DetailPane {
  #records;
  #viewer;
  #panel;
  #page = 0;
  #shown = null; // what the viewer shows: "uid/is done/page"
  #corrections;
  #actions;

  /**
   * `actions`: readAgain(record), split(record, "auto" or "pages"), open(uid), which opens another record, and
   * deleteOpen().
   */
  constructor(records, corrections, actions) {
    this.#records = records;
    this.#corrections = corrections;
    this.#actions = actions;
    this.#viewer = new Viewer(byId("viewer"));
    this.#panel = new FieldsPanel(byId("fields-panel"), {
      save: (record, name, change) => this.#save(record, name, change),
      saveTable: (record, name, rows) => this.#saveTable(record, name, rows),
    });
    this.#connectViewer();
    this.#connectPanel();
  }

  /** Draw the open record. */
  draw() {
    const record = this.#records.open;
    byId("detail").classList.toggle("empty", record === null);
    if (record === null) {
      this.#shown = null;
      return;
    }
    byId("detail-title").textContent = getField(record, "company").value ?? getFileName(record);
    byId("detail-note").textContent = record.receipt ? getFileName(record) : "";
    byId("previous").disabled = this.#records.findNeighbor(-1) === null;
    byId("next").disabled = this.#records.findNeighbor(1) === null;
    byId("receipt-menu").hidden = record.state === "waiting" || record.state === "reading";
    this.#drawMenu(record);
    if (record.state === "done") this.#panel.showRecord(record, this.#records.threshold);
    else if (record.state === "failed") this.#panel.showProblem(record, this.#getRemedies(record));
    else this.#panel.showProgress(record);
    this.#drawPicture(record);
  }

  #getRemedies(record) {
    return { readAgain: () => this.#actions.readAgain(record), remove: () => this.#actions.deleteOpen() };
  }

  /** Show what can be done with a record. */
  #drawMenu(record) {
    const isDone = record.state === "done";
    const canDo = { json: isDone, curl: isDone, split: canSplit(record), join: !isPart(record), separate: isJoined(record), whole: isPart(record) };
    for (const item of document.querySelectorAll("[data-receipt]")) item.hidden = canDo[item.dataset.receipt] === false;
  }

  /** Start with the first page of another record. */
  reset() {
    this.#page = 0;
    this.#panel.leave();
    byId("detail").scrollTop = 0;
    this.draw();
  }

  /** Open the editor of a field, or of the most likely one. */
  edit(name = null) {
    if (this.#records.open?.state === "done") this.#panel.edit(name ?? this.#panel.findLikelyField());
  }

  /** Close the editor without saving; return whether it was open. */
  cancelEdit() {
    return this.#panel.cancelEdit();
  }

  focusPicture() {
    if (this.#isEditing) this.#viewer.focusSegment();
    else this.#viewer.focus();
  }

  turnPage(step) {
    const count = this.#records.open?.receipt?.pages.length ?? 1;
    this.#showPage(Math.max(0, Math.min(this.#page + step, count - 1)));
  }

  /** Accept the open record as it is, or undo that; return whether it is accepted now. */
  async toggleAccepted() {
    const record = this.#records.open;
    if (record?.state !== "done") return false;
    await this.#records.update(record.uid, { accepted: !record.accepted });
    announce(record.accepted ? "Accepted." : "Not accepted.");
    return record.accepted;
  }

  get #isEditing() {
    return this.#panel.isEditing;
  }

  #showPage(page) {
    if (page === this.#page) return;
    this.#page = page;
    this.draw();
  }

  async #drawPicture(record) {
    const isDone = record.state === "done";
    const key = `${record.uid}/${isDone}/${this.#page}`;
    if (key === this.#shown) {
      if (isDone) this.#viewer.drawFields(this.#getFieldLines(record), this.#findAreas(record));
      return;
    }
    this.#shown = key;
    this.#viewer.showNote("Loading picture…");
    const { picture, note } = await this.#loadPicture(record);
    if (key !== this.#shown) return; // another one was opened meanwhile
    if (!isDone) {
      this.#viewer.showNote(note, picture);
      return;
    }
    const { receipt, name } = record;
    this.#viewer.show({
      picture,
      name,
      page: receipt.pages[this.#page],
      number: this.#page,
      count: receipt.pages.length,
      lines: receipt.lines.map((line, index) => ({ ...line, index })).filter((line) => line.page === this.#page),
      fields: this.#getFieldLines(record),
      areas: this.#findAreas(record),
    });
    this.#viewer.setSelection(this.#panel.selected);
    if (picture === null) showToast(note);
  }

  async #loadPicture(record) {
    const files = await this.#records.getFiles(record);
    if (files === null) return { picture: null, note: "This browser no longer has the picture." };
    try {
      return { picture: await getPageImage(record, files, this.#page), note: "" };
    } catch (error) {
      if (record.state === "failed") return { picture: null, note: "No picture available." };
      return { picture: null, note: `The picture cannot be shown. ${error.message}` };
    }
  }

  #getFieldLines(record) {
    return Object.fromEntries(FIELDS.map((name) => [name, getField(record, name).lines]));
  }

  #findAreas(record) {
    const codes = (record.receipt.codes ?? []).map((code, index) => ({ kind: "code", quad: code.quad, page: code.page, label: describeFormat(code), key: getCodeKey(index) }));
    return [...this.#findReceipts(record), ...codes.filter(({ page }) => page === this.#page)];
  }

  #findReceipts(record) {
    return findOutlines(record, this.#page, this.#records.findSiblings(record)).map(({ quad, number, uid }) => {
      const kind = uid === record.uid ? "own" : "other";
      return { kind, quad, label: String(number), key: uid, title: kind === "other" && uid !== null ? `Open receipt ${number}` : null };
    });
  }

  #findFieldOfLine(index) {
    return FIELDS.find((name) => getField(this.#records.open, name).lines.includes(index)) ?? null;
  }

  #connectViewer() {
    this.#viewer.addEventListener("segment", ({ detail: index }) => {
      if (this.#isEditing) this.#panel.toggleSegment(index);
      else if (this.#findFieldOfLine(index)) this.#panel.focusField(this.#findFieldOfLine(index));
    });
    this.#viewer.addEventListener("hover", ({ detail: index }) => this.#highlightLine(index));
    this.#viewer.addEventListener("area", ({ detail: uid }) => this.#actions.open(uid));
    this.#viewer.addEventListener("page", ({ detail: page }) => this.#showPage(page));
  }

  #connectPanel() {
    const on = (kind, handler) => this.#panel.addEventListener(kind, ({ detail }) => handler(detail));
    on("highlight", (name) => this.#highlightField(name));
    on("hover", (index) => this.#viewer.highlightLine(index));
    on("reveal", (name) => this.#reveal(name));
    on("area", (key) => this.#viewer.highlightArea(key));
    on("revealArea", (key) => this.#revealCode(key));
    on("edit", (name) => {
      this.#viewer.setSelection(this.#panel.selected);
      this.#viewer.highlightField(name);
      if (name !== null) this.#reveal(name);
    });
    on("split", (how) => this.#actions.split(this.#records.open, how));
    on("join", () => this.#records.update(this.#records.openUid, { isOneReceipt: true }));
    on("accept", () => this.toggleAccepted());
    on("discard", (name) => this.#corrections.discard(this.#records.open, name));
    on("undo", (name) => this.#undo(name));
  }

  #highlightField(name) {
    this.#viewer.highlightField(name);
    this.#panel.highlightField(name);
  }

  #highlightLine(index) {
    this.#viewer.highlightLine(index);
    this.#panel.highlightLine(index);
    this.#highlightField(index === null ? null : this.#findFieldOfLine(index));
  }

  #reveal(name) {
    const { lines, field } = getField(this.#records.open, name);
    const page = this.#records.open.receipt.lines[lines[0]]?.page ?? field?.page ?? this.#page;
    if (page !== this.#page) this.#showPage(page);
    else if (FIELDS.includes(name) && lines.length > 0) this.#viewer.reveal(name);
    else if (field?.quad) this.#viewer.revealBox(findBounds(field.quad));
  }

  #revealCode(key) {
    const { codes } = this.#records.open.receipt;
    const { page, quad } = codes.find((_, index) => getCodeKey(index) === key);
    if (page !== this.#page) this.#showPage(page);
    else this.#viewer.revealBox(findBounds(quad));
  }

  async #save(record, name, change) {
    const problem = await this.#corrections.save(record, name, change);
    if (problem !== null) announce(`${getLabel(name)} not saved. ${problem.detail || problem.title}`);
    else announce(change.value === null ? `${getLabel(name)}: not on the receipt.` : `${getLabel(name)} changed to ${change.value}.`);
    return problem;
  }

  async #saveTable(record, name, rows) {
    const problem = await this.#corrections.saveTable(record, name, rows);
    announce(problem === null ? `${getLabel(name)} saved.` : `${getLabel(name)} not saved. ${problem.detail || problem.title}`);
    return problem;
  }

  async #undo(name) {
    const problem = await this.#corrections.undo(this.#records.open, name);
    if (problem !== null) showToast(`The correction is not undone. ${problem.detail || problem.title}`);
    else announce(`${getLabel(name)}: correction undone.`);
    this.#panel.focusField(name);
  }
}
