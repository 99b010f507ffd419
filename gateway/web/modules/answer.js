// The four fields of a receipt: what was read, what it means, how sure that is; and their correction.
//
// Fires "light" (field or null), "reveal" (field), "edit" (field, or null when it ended), "save" ({ name, value, lines }),
// "undo" (field), "accept" and "hover" (index of a line or null).

import { button, icon, make } from "./dom.js";
import { Editor } from "./editor.js";
import { FIELDS, LABELS, current, doubt, isoDate, shownAmount, sureness, total } from "./values.js";

const DOUBTS = { missing: "Is it on the receipt?", ambiguous: "which is the day?" };

export class Answer extends EventTarget {
  #root;
  #record = null;
  #threshold = 0;
  #editor = null;

  constructor(root) {
    super();
    this.#root = root;
  }

  /** Shows a record that was read. An editor that is open stays as it is. */
  show(record, threshold) {
    if (record.uid !== this.#record?.uid) this.#editor = null;
    this.#record = record;
    this.#threshold = threshold;
    const focused = document.activeElement?.closest?.(".field")?.dataset.field;
    const within = this.#root.contains(document.activeElement) && this.#editor === null;
    this.#root.replaceChildren(
      this.#head(),
      make("div", { class: "fields" }, ...FIELDS.map((name) => (this.#editor?.name === name ? this.#editor.root : this.#card(name)))),
      this.#text(),
      this.#facts(),
    );
    if (within && focused) this.focus(focused);
  }

  /** Shows what went wrong with a record, and what can be done. */
  showProblem(record, again) {
    this.#editor = null;
    this.#record = record;
    this.#root.replaceChildren(
      make(
        "div",
        { class: "problem" },
        icon("alert"),
        make("div", {}, make("h3", { text: record.problem.title }), make("p", { text: record.problem.detail ?? "" }), button("undo", "Read again", again)),
      ),
    );
  }

  /** Shows that a record is waiting or being read. */
  showWaiting(record) {
    this.#editor = null;
    this.#record = record;
    const cards = FIELDS.map((name) => make("div", { class: `field ghost ${name}` }, this.#label(name), make("p", { class: "value" })));
    this.#root.replaceChildren(
      make("p", { class: "verdict", text: record.state === "reading" ? "Reading …" : "Waiting for its turn …" }),
      make("div", { class: "fields", "aria-hidden": "true" }, ...cards),
    );
  }

  get editing() {
    return this.#editor?.name ?? null;
  }

  /** Opens the editor of a field. */
  edit(name) {
    if (this.#record?.state !== "done" || this.#editor?.name === name) return;
    this.#editor = new Editor(name, this.#record, {
      save: (change) => this.#finish("save", { name, ...change }),
      cancel: () => this.cancel(),
      chosen: () => this.#tell("edit", name),
    });
    this.show(this.#record, this.#threshold);
    this.#editor.focus();
    this.#tell("edit", name);
  }

  /** Closes the editor without a change; gives whether one was open. */
  cancel() {
    if (this.#editor === null) return false;
    const { name } = this.#editor;
    this.#finish(null);
    this.focus(name);
    return true;
  }

  /** Takes a segment into the value being edited, or out of it. */
  toggle(index) {
    this.#editor?.toggle(index);
  }

  /** The segments chosen in the editor, a set of indices; null if none is open. */
  get chosen() {
    return this.#editor?.chosen ?? null;
  }

  focus(name) {
    this.#root.querySelector(`.field.${name} .edit`)?.focus();
  }

  /** The field that has the focus, else the first that needs a look, else the first. */
  get likely() {
    const focused = document.activeElement?.closest?.(".field")?.dataset.field;
    if (focused) return focused;
    return FIELDS.find((name) => doubt(this.#record, name, this.#threshold) !== null) ?? FIELDS[0];
  }

  light(name) {
    for (const card of this.#root.querySelectorAll(".field")) card.classList.toggle("lit", card.dataset.field === name);
  }

  lightLine(index) {
    for (const item of this.#root.querySelectorAll(".lines .lit")) item.classList.remove("lit");
    this.#root.querySelector(`.lines [data-index="${index}"]`)?.classList.add("lit");
  }

  #finish(kind, detail) {
    this.#editor = null;
    this.#tell("edit", null);
    if (kind !== null) this.#tell(kind, detail);
    this.show(this.#record, this.#threshold);
    if (kind !== null) this.focus(detail.name);
  }

  #head() {
    const doubts = FIELDS.filter((name) => doubt(this.#record, name, this.#threshold) !== null);
    if (doubts.length === 0) {
      const how = this.#record.accepted ? "You accepted this receipt." : "Nothing here needs a look.";
      const undo = this.#record.accepted ? button(null, "Take back", () => this.#tell("accept"), { className: "link" }) : null;
      return make("p", { class: "verdict fine" }, icon("check"), make("span", { text: how }), undo);
    }
    const names = doubts.map((name) => LABELS[name].toLowerCase()).join(", ");
    return make(
      "div",
      { class: "verdict look" },
      icon("eye"),
      make("span", { text: `Have a look: ${names}.` }),
      button("check", "Accept as it is", () => this.#tell("accept"), { className: "button small", title: "A" }),
    );
  }

  #label(name) {
    return make("h3", { class: "label" }, icon(name), make("span", { text: LABELS[name] }));
  }

  #card(name) {
    const now = current(this.#record, name);
    const why = doubt(this.#record, name, this.#threshold);
    const card = make(
      "article",
      {
        class: `field ${name}${why ? " look" : ""}`,
        data: { field: name },
        on: {
          pointerenter: () => this.#tell("light", name),
          pointerleave: () => this.#tell("light", null),
          focusin: () => this.#tell("light", name),
          focusout: () => this.#tell("light", null),
        },
      },
      make("header", {}, this.#label(name), this.#buttons(name, now)),
      now.value === null
        ? make("p", { class: "value none", text: now.correction ? "Not on the receipt" : "Not found" })
        : make("p", { class: "value" }, make("button", { type: "button", class: "value-button", text: now.value, title: "Show it in the picture", on: { click: () => this.#tell("reveal", name) } })),
    );
    card.append(...notes(this.#record, name, now), sure(now, why, this.#threshold));
    return card;
  }

  #buttons(name, now) {
    const label = LABELS[name].toLowerCase();
    return make(
      "span",
      { class: "field-buttons" },
      now.correction ? button("undo", `Take back the correction of the ${label}`, () => this.#tell("undo", name), { quiet: true, className: "button quiet small" }) : null,
      button("pencil", `Correct the ${label}`, () => this.edit(name), { quiet: true, className: "button quiet small edit" }),
    );
  }

  #text() {
    const { lines } = this.#record.receipt;
    if (lines.length === 0) return make("p", { class: "soft", text: "No text was found in this picture. Is it the right one, sharp and light enough?" });
    const items = lines.map((line, index) =>
      make("li", {
        text: line.text,
        data: { index },
        on: { pointerenter: () => this.#tell("hover", index), pointerleave: () => this.#tell("hover", null) },
      }),
    );
    const open = this.#root.querySelector(".all-text")?.open ?? false;
    return make("details", { class: "all-text", open }, make("summary", { text: `All the text, ${lines.length} segments` }), make("ol", { class: "lines" }, ...items));
  }

  #facts() {
    const { id, models, timings_ms: times, cached } = this.#record.receipt;
    const took = Object.entries(times).map(([stage, ms]) => [stage, `${Math.round(ms)} ms${cached ? ", the first time" : ""}`]);
    const rows = [["id", id], ...Object.entries(models), ...took];
    const open = this.#root.querySelector(".facts")?.open ?? false;
    return make(
      "details",
      { class: "facts", open },
      make("summary", { text: "How it was read" }),
      make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })])),
    );
  }

  #tell(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

/** What a value means, what was done to it, and what was read where a person corrected it. */
function notes(record, name, { value, field, correction }) {
  const made = [];
  const add = (className, text, sign = null) => made.push(make("p", { class: `note ${className}` }, sign ? icon(sign) : null, make("span", { text })));
  const normal = normalized(record, name);
  if (normal !== null && normal !== value) add("normal", normal);
  if (correction !== null) {
    const confirmed = correction.value === (field?.value ?? null);
    const who = correction.author ?? "you";
    if (confirmed) add("person", `Confirmed by ${who}`, "check");
    else add("person", field === null ? `Added by ${who}; nothing was read` : `Corrected by ${who}; read as “${field.value}”`, "pencil");
    if (!correction.saved) add("unsaved", "Kept in this browser only: the server did not take it.", "off");
    return made;
  }
  if (field?.corrected) add("merchant", "Spelling from the list of merchants", "book");
  if (field?.ambiguous) add("swap", "Day and month could be swapped", "swap");
  return made;
}

function normalized(record, name) {
  if (name === "date") return isoDate(record);
  if (name !== "total") return null;
  const { amount, currency } = total(record);
  return amount === null ? null : shownAmount(amount, currency);
}

/** How sure a value is: a thin bar, a percentage and a word. */
function sure({ confidence, correction }, why, threshold) {
  if (correction !== null) return make("p", { class: "sure settled" }, make("span", { text: "settled" }));
  if (confidence === null) return make("p", { class: "sure" }, make("span", { class: "word", text: why ? DOUBTS.missing : "accepted" }));
  const percent = Math.round(confidence * 100);
  const meter = make("meter", { min: 0, max: 1, low: threshold, high: threshold, optimum: 1, value: confidence, "aria-label": `${percent}% sure` });
  const word = why && why !== "unsure" ? DOUBTS[why] : sureness(confidence, threshold);
  return make("p", { class: "sure" }, meter, make("span", { class: "percent", text: `${percent}%` }), make("span", { class: "word", text: word }));
}
