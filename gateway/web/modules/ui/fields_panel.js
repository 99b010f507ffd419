// The four fields of a receipt, with their values and confidences, and their editors.
//
// Fires "split" ("auto" or "pages") and "join" (the answers to the question about several receipts), "highlight" (field or
// null), "reveal" (field), "area" and "revealArea" (key of a code in the picture), "edit" (field, or null when it has ended),
// "undo" and "discard" (field), "accept" and "hover" (index of a line, or null).

import { FIELDS, LABELS, describeConfidence, describePlace, findIssue, formatAmount, getField, getIsoDate, getTotal, hasFailedCheck } from "../data/values.js";
import { describeSource } from "../data/codes.js";
import { findAdvice } from "../data/advice.js";
import { TABLES } from "../data/tables.js";
import { asksToSplit } from "../data/sources.js";
import { isRejected } from "../server/corrections.js";
import { makeButton, makeElement, makeIcon, makeIconButton } from "./dom.js";
import { Editor } from "./editor.js";
import { makeQuestion } from "./question.js";
import { makeReceiptDetails } from "./receipt_details.js";
import { TableEditor } from "./table_editor.js";

const ISSUE_LABELS = { missing: "Not on the receipt?", ambiguous: "Day or month first?", unsaved: "Correction not saved" };

export class FieldsPanel extends EventTarget {
  #root;
  #record = null;
  #threshold = 0;
  #editor = null;
  #table = null; // the open editor of a table: { name, editor }
  #save;
  #saveTable;

  /** `save(record, name, { value, lines })` and `saveTable(record, name, rows)` save, and return null or the problem. */
  constructor(root, { save, saveTable }) {
    super();
    this.#root = root;
    this.#save = save;
    this.#saveTable = saveTable;
  }

  /** Show a record that was read. An open editor stays as it is. */
  showRecord(record, threshold) {
    if (record.uid !== this.#record?.uid) this.#editor = this.#table = null;
    this.#record = record;
    this.#threshold = threshold;
    const focusedField = findFocusedField();
    const restoresFocus = this.#root.contains(document.activeElement) && this.#editor === null;
    this.#root.replaceChildren(
      ...(asksToSplit(record) ? [makeQuestion(record, { split: (how) => this.#emit("split", how), join: () => this.#emit("join") })] : []),
      this.#makeSummary(),
      ...findAdvice(record).map((text) => makeElement("p", { class: "note rejected advice", role: "status" }, makeIcon("alert"), makeElement("span", { text }))),
      makeElement("div", { class: "fields" }, ...FIELDS.map((name) => (this.#editor?.name === name ? this.#editor.root : this.#makeCard(name)))),
      ...makeReceiptDetails(record, this.#makeTools()).filter(Boolean),
      this.#makeText(),
      this.#makeDetails(),
    );
    if (restoresFocus && focusedField) this.focusField(focusedField);
  }

  /** Show why a record could not be read, and buttons to read it again and to delete it. */
  showProblem(record, { readAgain, remove }) {
    this.#editor = null;
    this.#record = record;
    const { title, detail } = record.problem;
    const buttons = makeElement("p", { class: "edit-actions" }, makeButton("undo", "Read again", readAgain), makeButton("trash", "Delete", remove));
    const content = makeElement("div", {}, makeElement("h3", { text: title }), makeElement("p", { text: detail ?? "" }), buttons);
    this.#root.replaceChildren(makeElement("div", { class: "problem" }, makeIcon("alert"), content));
  }

  /** Show that a record is waiting or being read. */
  showProgress(record) {
    this.#editor = null;
    this.#record = record;
    const cards = FIELDS.map((name) => makeElement("div", { class: `field ghost ${name}` }, makeLabel(name), makeElement("p", { class: "value" })));
    this.#root.replaceChildren(
      makeElement("p", { class: "summary", text: record.state === "reading" ? "Reading…" : "Waiting…" }),
      makeElement("div", { class: "fields", "aria-hidden": "true" }, ...cards),
    );
  }

  get isEditing() {
    return this.#editor !== null;
  }

  /** The segments selected in the editor, as a set of indices; null if no editor is open. */
  get selected() {
    return this.#editor?.selected ?? null;
  }

  /** Open the editor of a field. */
  edit(name) {
    if (this.#record?.state !== "done" || this.#editor?.name === name) return;
    const editor = new Editor(name, this.#record, {
      save: (change) => this.#saveChange(editor, change),
      cancel: () => this.cancelEdit(),
      select: () => this.#emit("edit", name),
    });
    this.#editor = editor;
    this.showRecord(this.#record, this.#threshold);
    this.#editor.focus();
    this.#emit("edit", name);
  }

  /** Open the editor of a table. */
  #editTable(name) {
    const record = this.#record;
    const { getRows, toChange } = TABLES[name];
    const editor = new TableEditor(TABLES[name], getRows(record), {
      cancel: () => this.cancelEdit(),
      save: async (rows) => {
        const problem = await this.#saveTable(record, name, toChange(rows));
        if (this.#table?.editor !== editor) return; // was closed meanwhile
        if (problem) editor.showProblem(problem);
        else this.#closeTable();
      },
    });
    this.#table = { name, editor };
    this.showRecord(record, this.#threshold);
    editor.focus();
  }

  #closeTable() {
    const { name } = this.#table;
    this.#table = null;
    this.showRecord(this.#record, this.#threshold);
    this.#root.querySelector(`[data-table="${name}"] .edit-table`)?.focus();
  }

  #makeTools() {
    return {
      editor: this.#editor,
      table: this.#table,
      edit: (name) => this.edit(name),
      editTable: (name) => this.#editTable(name),
      undo: (name) => this.#emit("undo", name),
      makeUnsaved: (name) => this.#makeUnsaved(name),
      reveal: (name) => this.#emit("reveal", name),
      onHover: (key) => this.#emit("area", key),
      onReveal: (key) => this.#emit("revealArea", key),
    };
  }

  /** Close the editor without saving; return whether it was open. */
  cancelEdit() {
    if (this.#table !== null) {
      this.#closeTable();
      return true;
    }
    if (this.#editor === null) return false;
    const { name } = this.#editor;
    this.#closeEditor();
    if (this.#record.unsaved[name]) this.#emit("discard", name);
    return true;
  }

  /** Close the editor of a record that is left; what was rejected stays there as unsaved. */
  leave() {
    this.#table = null;
    if (this.#editor !== null) this.#closeEditor();
  }

  /** Select or deselect a segment in the editor. */
  toggleSegment(index) {
    this.#editor?.toggle(index);
  }

  focusField(name) {
    this.#root.querySelector(`.field.${name} .edit, [data-additional="${name}"] .edit`)?.focus();
  }

  /** Return the field that has the focus, otherwise the first one that needs review, otherwise the first one. */
  findLikelyField() {
    return findFocusedField() ?? FIELDS.find((name) => this.#findIssue(name) !== null) ?? FIELDS[0];
  }

  /** Highlight a field, or none (null). */
  highlightField(name) {
    for (const card of this.#root.querySelectorAll(".field")) card.classList.toggle("highlighted", card.dataset.field === name);
  }

  /** Highlight a line in the text, or none (null). */
  highlightLine(index) {
    for (const item of this.#root.querySelectorAll(".lines .highlighted")) item.classList.remove("highlighted");
    this.#root.querySelector(`.lines [data-index="${index}"]`)?.classList.add("highlighted");
  }

  /** Save what was entered. The editor stays open if the server rejects it, so that the user can change it. */
  async #saveChange(editor, change) {
    const problem = await this.#save(this.#record, editor.name, change);
    if (this.#editor !== editor) return; // was closed meanwhile
    if (isRejected(problem)) editor.showProblem(problem);
    else this.#closeEditor();
  }

  #closeEditor() {
    const { name } = this.#editor;
    this.#editor = null;
    this.#emit("edit", null);
    this.showRecord(this.#record, this.#threshold);
    this.focusField(name);
  }

  #findIssue(name) {
    return findIssue(this.#record, name, this.#threshold);
  }

  #makeSummary() {
    const issues = FIELDS.filter((name) => this.#findIssue(name) !== null).map((name) => LABELS[name].toLowerCase());
    if (asksToSplit(this.#record)) issues.unshift("several receipts");
    if (Object.keys(this.#record.unsaved).some((name) => !FIELDS.includes(name))) issues.push("corrections that are not saved");
    if (hasFailedCheck(this.#record)) issues.push("numbers that do not add up");
    if (issues.length > 0) {
      const names = issues.join(", ");
      return makeElement(
        "div",
        { class: "summary review" },
        makeIcon("eye"),
        makeElement("span", { text: `Needs review: ${names}` }),
        makeButton("check", "Accept as is", () => this.#emit("accept"), { className: "button small", title: "A" }),
      );
    }
    const isAccepted = this.#record.accepted;
    return makeElement(
      "p",
      { class: "summary ready" },
      makeIcon("check"),
      makeElement("span", { text: isAccepted ? "You accepted this receipt." : "Nothing to review." }),
      isAccepted ? makeButton(null, "Undo", () => this.#emit("accept"), { className: "link" }) : null,
    );
  }

  #makeCard(name) {
    const field = getField(this.#record, name);
    const issue = this.#findIssue(name);
    const highlight = () => this.#emit("highlight", name);
    const clear = () => this.#emit("highlight", null);
    return makeElement(
      "article",
      {
        class: `field ${name}${issue ? " review" : ""}`,
        data: { field: name },
        on: { pointerenter: highlight, pointerleave: clear, focusin: highlight, focusout: clear },
      },
      makeElement("header", {}, makeLabel(name), this.#makeButtons(name, field)),
      this.#makeValue(name, field),
      ...makeNotes(this.#record, name, field),
      this.#makeUnsaved(name),
      makeConfidence(field, issue, this.#threshold),
    );
  }

  #makeValue(name, { value, correction }) {
    if (value === null) return makeElement("p", { class: "value none", text: correction ? "Not on the receipt" : "Not found" });
    const reveal = () => this.#emit("reveal", name);
    const button = makeElement("button", { type: "button", class: "value-button", text: value, title: "Show in picture", on: { click: reveal } });
    return makeElement("p", { class: "value" }, button);
  }

  #makeButtons(name, { correction }) {
    const label = LABELS[name].toLowerCase();
    return makeElement(
      "span",
      { class: "field-buttons" },
      correction ? makeIconButton("undo", `Undo the correction of the ${label}`, () => this.#emit("undo", name), { className: "button quiet small" }) : null,
      makeIconButton("pencil", `Edit ${label}`, () => this.edit(name), { className: "button quiet small edit" }),
    );
  }

  /** Show what was entered but is not saved, and why. */
  #makeUnsaved(name) {
    const unsaved = this.#record.unsaved[name];
    if (!unsaved) return null;
    const entered = unsaved.value === null ? "“Not on the receipt”" : `“${unsaved.value}”`;
    const { title, detail } = unsaved.problem ?? { title: "It will be saved when the server is back." };
    return makeElement(
      "div",
      { class: "unsaved" },
      makeElement("p", { class: "note rejected" }, makeIcon("alert"), makeElement("span", { text: `${entered} is not saved. ${detail || title}` })),
      makeElement(
        "p",
        { class: "edit-actions" },
        makeButton(null, "Change", () => this.edit(name), { className: "button small" }),
        makeButton(null, "Discard", () => this.#emit("discard", name), { className: "button quiet small" }),
      ),
    );
  }

  #makeText() {
    const { lines } = this.#record.receipt;
    if (lines.length === 0) return makeElement("p", { class: "soft", text: "No text was found. Check that this is the right picture, and that it is sharp and bright enough." });
    const items = lines.map((line, index) =>
      makeElement("li", {
        text: line.text,
        data: { index },
        on: { pointerenter: () => this.#emit("hover", index), pointerleave: () => this.#emit("hover", null) },
      }),
    );
    return this.#makeFoldout("all-text", `All text (${lines.length} lines)`, makeElement("ol", { class: "lines" }, ...items));
  }

  #makeDetails() {
    const { id, models, timings_ms: timings, cached } = this.#record.receipt;
    const durations = Object.entries(timings).map(([stage, ms]) => [stage, `${Math.round(ms)} ms${cached ? " (when first read)" : ""}`]);
    const rows = [["ID", id], ...Object.entries(models), ...durations];
    const terms = rows.flatMap(([name, value]) => [makeElement("dt", { text: name }), makeElement("dd", { text: value })]);
    return this.#makeFoldout("technical", "Technical details", makeElement("dl", {}, ...terms));
  }

  /** Make a section that stays open when it is drawn again. */
  #makeFoldout(className, title, content) {
    const open = this.#root.querySelector(`.${className}`)?.open ?? false;
    return makeElement("details", { class: className, open }, makeElement("summary", { text: title }), content);
  }

  #emit(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

function findFocusedField() {
  return document.activeElement?.closest?.(".field")?.dataset.field ?? null;
}

function makeLabel(name) {
  return makeElement("h3", { class: "label" }, makeIcon(name), makeElement("span", { text: LABELS[name] }));
}

/** Make notes on the normalized form of a value, on corrections, and on doubts. */
function makeNotes(record, name, { value, field, correction }) {
  const notes = [];
  const add = (className, text, iconName = null) =>
    notes.push(makeElement("p", { class: `note ${className}` }, iconName ? makeIcon(iconName) : null, makeElement("span", { text })));
  const normalized = formatNormalized(record, name);
  if (normalized !== null && normalized !== value) add("normalized", normalized);
  if (correction !== null) {
    const author = correction.author ?? "you";
    if (correction.value === (field?.value ?? null)) add("person", `Confirmed by ${author}`, "check");
    else if (field === null) add("person", `Added by ${author}`, "pencil");
    else add("person", `Corrected by ${author}; originally “${field.value}”`, "pencil");
    return notes;
  }
  const source = describeSource(record, name);
  if (source !== null) add("source", source, "code");
  if (field?.corrected) add("merchant", "Spelling from the merchant directory", "book");
  if (field?.ambiguous) add("swap", "Day and month may be swapped", "swap");
  return notes;
}

function formatNormalized(record, name) {
  if (name === "date") return getIsoDate(record);
  if (name === "address") return describePlace(record);
  if (name !== "total") return null;
  const { amount, currency } = getTotal(record);
  return amount === null ? null : formatAmount(amount, currency);
}

/** Make a bar, a percentage and a word for the confidence of a field. */
function makeConfidence({ confidence, correction }, issue, threshold) {
  if (correction !== null) return makeElement("p", { class: "confidence" }, makeElement("span", { text: "Reviewed" }));
  if (confidence === null) {
    return makeElement("p", { class: "confidence" }, makeElement("span", { class: "word", text: issue ? ISSUE_LABELS.missing : "Accepted" }));
  }
  const percent = Math.round(confidence * 100);
  const word = issue && issue !== "unsure" ? ISSUE_LABELS[issue] : describeConfidence(confidence, threshold);
  return makeElement(
    "p",
    { class: "confidence" },
    makeElement("meter", { min: 0, max: 1, low: threshold, high: threshold, optimum: 1, value: confidence, "aria-label": `Confidence: ${percent}%` }),
    makeElement("span", { class: "percent", text: `${percent}%` }),
    makeElement("span", { class: "word", text: word }),
  );
}
