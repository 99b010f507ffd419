// The form that corrects one field, by typing or by selecting segments in the picture. What is entered is saved as it is:
// the server finds the date or the amount in it, or says what is wrong.

import { ADDITIONAL_LABELS } from "../data/details.js";
import { LABELS, getField } from "../data/values.js";
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
    this.isAdditional = name in ADDITIONAL_LABELS;
    this.#label = LABELS[name] ?? ADDITIONAL_LABELS[name];
    const unsaved = record.unsaved[name];
    this.selected = new Set(unsaved?.lines ?? field.lines);
    this.#lines = record.receipt.lines;
    this.#handlers = handlers;
    const id = `edit-${name}`;
    const tag = name === "address" ? "textarea" : "input";
    this.#input = makeElement(tag, { id, class: "edit-input", autocomplete: "off", spellcheck: "false", rows: tag === "textarea" ? 3 : null, "aria-describedby": `${id}-hint ${id}-error` });
    this.#input.value = (unsaved ?? field).value ?? "";
    this.#input.addEventListener("input", () => this.#onInput());
    this.#error = makeElement("p", { class: "note rejected", id: `${id}-error`, role: "alert" });
    this.#save = makeElement("button", { class: "button primary small", text: "Save" });
    this.root = this.#makeForm(id);
    if (unsaved?.problem) this.showProblem(unsaved.problem);
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  /** Select or deselect a segment; the value becomes the text of the selected segments in reading order. */
  toggle(index) {
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
      makeElement("label", { class: "label", for: id }, this.isAdditional ? null : makeIcon(this.name), makeElement("span", { text: this.#label })),
      this.#input,
      this.#error,
      makeElement(
        "p",
        { class: "soft small", id: `${id}-hint` },
        makeElement("span", { text: "Type a value, or select text in the picture." }),
        makeElement("span", { class: "keyboard-only", text: " Press Ctrl+Space to go to the picture." }),
      ),
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
    return [...this.selected].sort((a, b) => a - b);
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
    const value = this.#input.value.trim().replace(/\s+/g, " ");
    const lines = this.#isTyped ? null : this.#selectedLines();
    return value === "" ? { value: null, lines: [] } : { value, lines };
  }
}
