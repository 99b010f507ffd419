// The open receipt: its picture and its fields, which light each other up, and what a person does to them.

import { Answer } from "./answer.js";
import { Problem } from "./api.js";
import { forgetCorrections, saveCorrections } from "./corrections.js";
import { byId, make, say, toast } from "./dom.js";
import { pagePicture } from "./pictures.js";
import { FIELDS, LABELS, current } from "./values.js";
import { Viewer } from "./viewer.js";

export class Desk {
  #records;
  #viewer;
  #answer;
  #page = 0;
  #shown = null; // what the viewer shows: "uid/state/page"
  #again;

  /** `again(record)` has a record read once more. */
  constructor(records, again) {
    this.#records = records;
    this.#again = again;
    this.#viewer = new Viewer(byId("viewer"));
    this.#answer = new Answer(byId("answer"));
    this.#wireViewer();
    this.#wireAnswer();
  }

  /** Brings everything up to date with the record that is open. */
  draw() {
    const record = this.#records.open;
    byId("desk").classList.toggle("empty", record === null);
    if (record === null) {
      this.#shown = null;
      return;
    }
    byId("desk-title").textContent = current(record, "company").value ?? record.name;
    byId("desk-note").textContent = record.receipt ? record.name : "";
    byId("previous").disabled = this.#records.neighbor(-1) === null;
    byId("next").disabled = this.#records.neighbor(1) === null;
    byId("receipt-menu").hidden = record.state === "waiting" || record.state === "reading";
    for (const item of document.querySelectorAll("[data-receipt=json], [data-receipt=curl]")) item.hidden = record.state !== "done";
    if (record.state === "done") this.#answer.show(record, this.#records.threshold);
    else if (record.state === "failed") this.#answer.showProblem(record, () => this.#again(record));
    else this.#answer.showWaiting(record);
    this.#drawPicture(record);
  }

  /** Starts anew with the first page; for another receipt. */
  open() {
    this.#page = 0;
    this.#answer.cancel();
    byId("desk").scrollTop = 0;
    this.draw();
  }

  /** Opens the editor of a field, of the likeliest one if none is named. */
  edit(name = null) {
    if (this.#records.open?.state === "done") this.#answer.edit(name ?? this.#answer.likely);
  }

  cancelEdit() {
    return this.#answer.cancel();
  }

  get editing() {
    return this.#answer.editing !== null;
  }

  focusPicture() {
    if (this.editing) this.#viewer.focusSegment();
    else byId("viewer").querySelector(".stage").focus();
  }

  turnPage(step) {
    const count = this.#records.open?.receipt?.pages.length ?? 1;
    this.#goTo(Math.max(0, Math.min(this.#page + step, count - 1)));
  }

  /** Accepts what was read, or takes that back; gives whether it is accepted now. */
  async accept() {
    const record = this.#records.open;
    if (record?.state !== "done") return false;
    await this.#records.update(record.uid, { accepted: !record.accepted });
    say(record.accepted ? "Accepted." : "No longer accepted.");
    return record.accepted;
  }

  #goTo(page) {
    if (page === this.#page) return;
    this.#page = page;
    this.draw();
  }

  async #drawPicture(record) {
    const key = `${record.uid}/${record.state === "done"}/${this.#page}`;
    if (key === this.#shown) {
      if (record.state === "done") this.#viewer.drawFields(this.#fieldLines(record));
      return;
    }
    this.#shown = key;
    this.#viewer.showNote("Loading the picture …");
    const { picture, note } = await this.#picture(record);
    if (key !== this.#shown) return; // another one was opened meanwhile
    if (record.state !== "done") {
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
      fields: this.#fieldLines(record),
    });
    this.#viewer.choose(this.#answer.chosen);
    if (picture === null) toast(note);
  }

  async #picture(record) {
    const file = await this.#records.file(record.uid);
    if (file === null) return { picture: null, note: "This browser no longer has the picture." };
    try {
      return { picture: await pagePicture(file, this.#page), note: "" };
    } catch (error) {
      if (record.state === "failed") return { picture: null, note: "There is no picture to show." };
      return { picture: null, note: `The picture cannot be shown. ${error.message}` };
    }
  }

  #fieldLines(record) {
    return Object.fromEntries(FIELDS.map((name) => [name, current(record, name).lines]));
  }

  #fieldOf(index) {
    return FIELDS.find((name) => current(this.#records.open, name).lines.includes(index)) ?? null;
  }

  #wireViewer() {
    this.#viewer.addEventListener("segment", ({ detail: index }) => {
      if (this.editing) this.#answer.toggle(index);
      else if (this.#fieldOf(index)) this.#answer.focus(this.#fieldOf(index));
    });
    this.#viewer.addEventListener("hover", ({ detail: index }) => this.#hover(index));
    this.#viewer.addEventListener("page", ({ detail: page }) => this.#goTo(page));
  }

  #hover(index) {
    this.#viewer.lightSegment(index);
    this.#answer.lightLine(index);
    const name = index === null ? null : this.#fieldOf(index);
    this.#viewer.light(name);
    this.#answer.light(name);
  }

  #wireAnswer() {
    const on = (kind, handler) => this.#answer.addEventListener(kind, ({ detail }) => handler(detail));
    on("light", (name) => {
      this.#viewer.light(name);
      this.#answer.light(name);
    });
    on("hover", (index) => this.#viewer.lightSegment(index));
    on("reveal", (name) => this.#reveal(name, true));
    on("edit", (name) => {
      this.#viewer.choose(this.#answer.chosen);
      this.#viewer.light(name);
      if (name !== null) this.#reveal(name, true);
    });
    on("accept", () => this.accept());
    on("save", ({ name, value, lines }) => this.#save(name, { value, lines }));
    on("undo", (name) => this.#undo(name));
  }

  #reveal(name, closer) {
    const { lines } = current(this.#records.open, name);
    const page = this.#records.open.receipt.lines[lines[0]]?.page ?? this.#page;
    if (page !== this.#page) this.#goTo(page);
    else this.#viewer.reveal(name, closer);
  }

  async #save(name, { value, lines }) {
    const record = this.#records.open;
    const correction = { value, lines, at: new Date().toISOString(), saved: false };
    await this.#records.update(record.uid, { corrections: { ...record.corrections, [name]: correction } });
    say(value === null ? `${LABELS[name]}: not on the receipt.` : `${LABELS[name]} is now ${value}.`);
    await this.#send(record, () => saveCorrections(record, [name]));
  }

  async #undo(name) {
    const record = this.#records.open;
    const { [name]: gone, ...others } = record.corrections;
    await this.#records.update(record.uid, { corrections: others });
    say(`The correction of the ${LABELS[name].toLowerCase()} was taken back.`);
    if (gone.saved) await this.#send(record, () => forgetCorrections(record, Object.keys(others)));
    this.#answer.focus(name);
  }

  /** Brings corrections to the server; where it does not take them, they stay in the page, which says so. */
  async #send(record, send) {
    try {
      const corrections = await send();
      if (corrections) await this.#records.update(record.uid, { corrections });
    } catch (error) {
      if (!(error instanceof Problem && error.routeMissing)) toast(`The server did not take the correction. ${error.message}`);
    }
  }
}
