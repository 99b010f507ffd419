// The form that corrects one field, by typing or by selecting segments in the picture. What is entered is saved as it is:
// the server finds the date or the amount in it, or says what is wrong.

import { getLabel } from "../data/details.js";
import { findCode, isProperty, listChoices } from "../data/properties.js";
import { FIELDS, getField } from "../data/values.js";
import { makeButton, makeElement, makeIcon } from "./dom.js";

export class Editor {
  #label;
  #lines;
  #input;
  #error;
  #save;
  #handlers;
  #isTyped = false;

  /**
   * `handlers`: save({ value, lines }), cancel(), and select() after the selected segments have changed. What was entered before and not saved is shown again, with the reason.
   */
  constructor(name, record, handlers) {
    const field = getField(record, name);
    this.name = name;
    this.hasCard = FIELDS.includes(name);
    this.#label = getLabel(name);
    const unsaved = record.unsaved[name];
    // Country, currency, language and document type have no place in the picture.
    this.selected = isProperty(name) ? null : new Set(unsaved?.lines ?? field.lines);
    this.#lines = record.receipt.lines;
    this.#handlers = handlers;
    const id = `edit-${name}`;
    this.#input = makeInput(name, id);
    this.#input.value = (unsaved ?? field).value ?? "";
    this.#input.addEventListener("input", () => this.#onInput());
    this.#error = makeElement("p", { class: "note rejected", id: `${id}-error`, role: "alert" });
    this.#save = makeElement("button", { class: "button primary small", text: "Save" });
    this.root = this.#makeForm(id);
    if (unsaved?.problem) this.showProblem(unsaved.problem);
  }

  focus() {
    this.#input.focus();
    this.#input.select?.();
  }

  /** Select or deselect a segment; the value becomes the text of the selected segments in reading order. */
  toggle(index) {
    if (this.selected === null) return;
    if (this.selected.has(index)) this.selected.delete(index);
    else if (this.name === "address") this.selected.add(index);
    else this.selected = new Set([index]); // only addresses have several segments
    const texts = this.#selectedLines().map((line) => this.#lines[line].text);
    this.#input.value = texts.join(" ");
    this.#isTyped = false;
    this.#clearProblem();
    this.#handlers.select();
  }

  /** Show below the input why the value is not saved. */
  showProblem({ title, detail }) {
    this.#error.replaceChildren(makeIcon("alert"), makeElement("span", { text: detail || title }));
    this.#input.setAttribute("aria-invalid", "true");
    this.#setSaving(false);
  }

  #makeForm(id) {
    const form = makeElement(
      "form",
      { class: `field editing ${this.name}`, data: { field: this.name }, "aria-label": `Edit ${this.#label.toLowerCase()}` },
      makeElement("label", { class: "label", for: id }, this.hasCard ? makeIcon(this.name) : null, makeElement("span", { text: this.#label })),
      this.#input,
      isProperty(this.name) ? makeChoices(this.name, id) : null,
      this.#error,
      isProperty(this.name) ? null : makeHint(id),
      makeElement(
        "p",
        { class: "edit-actions" },
        this.#save,
        makeButton(null, "Cancel", () => this.#handlers.cancel(), { className: "button small" }),
        makeButton(null, "Not on the receipt", () => this.#submit({ value: null, lines: [] }), { className: "button quiet small" }),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(this.#getChange());
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === this.#input && !event.shiftKey) {
        event.preventDefault();
        this.#submit(this.#getChange());
      }
    });
    return form;
  }

  #selectedLines() {
    return [...(this.selected ?? [])].sort((a, b) => a - b);
  }

  #onInput() {
    this.#isTyped = true;
    this.#clearProblem();
  }

  #clearProblem() {
    this.#error.replaceChildren();
    this.#input.removeAttribute("aria-invalid");
  }

  #submit(change) {
    if (this.#save.disabled) return; // is being saved
    this.#setSaving(true);
    this.#handlers.save(change);
  }

  #setSaving(isSaving) {
    this.#save.disabled = isSaving;
    this.#save.textContent = isSaving ? "Saving…" : "Save";
  }

  #getChange() {
    const text = this.#input.value.trim().replace(/\s+/g, " ");
    const value = isProperty(this.name) && text !== "" ? findCode(this.name, text) : text;
    const lines = this.#isTyped ? null : this.#selectedLines();
    return value === "" ? { value: null, lines: [] } : { value, lines };
  }
}

/** Make the input for a field: a list for the few document types, several lines for addresses, otherwise one. */
function makeInput(name, id) {
  const options = { id, class: "edit-input", "aria-describedby": `${id}-hint ${id}-error` };
  if (name === "document_type") return makeElement("select", options, ...listChoices(name).map(({ code, label }) => makeElement("option", { value: code, text: label })));
  const list = isProperty(name) ? `${id}-choices` : null;
  const tag = name === "address" ? "textarea" : "input";
  return makeElement(tag, { ...options, list, autocomplete: "off", spellcheck: "false", rows: tag === "textarea" ? 3 : null });
}

function makeHint(id) {
  return makeElement(
    "p",
    { class: "soft small", id: `${id}-hint` },
    makeElement("span", { text: "Type a value, or select text in the picture." }),
    makeElement("span", { class: "keyboard-only", text: " Press Ctrl+Space to go to the picture." }),
  );
}

/** Make the choices of an input that takes codes, and say so. */
function makeChoices(name, id) {
  if (name === "document_type") return null;
  const choices = listChoices(name).map(({ code, label }) => makeElement("option", { value: label, label: code }));
  return makeElement("div", {}, makeElement("datalist", { id: `${id}-choices` }, ...choices), makeElement("p", { class: "soft small", id: `${id}-hint`, text: "Type a name or a code." }));
}
