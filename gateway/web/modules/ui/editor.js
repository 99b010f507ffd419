// The form that corrects one field, by typing or by selecting segments in the picture.

import { LABELS, explainValue, extractValue, getField } from "../data/values.js";
import { makeButton, makeElement, makeIcon } from "./dom.js";

export class Editor {
  #lines;
  #input;
  #explanation;
  #handlers;
  #isTyped = false;

  /** `handlers`: save({ value, lines }), cancel(), and select() after the selected segments have changed. */
  constructor(name, record, handlers) {
    const field = getField(record, name);
    this.name = name;
    this.selected = new Set(field.lines);
    this.#lines = record.receipt.lines;
    this.#handlers = handlers;
    const id = `edit-${name}`;
    const tag = name === "address" ? "textarea" : "input";
    this.#input = makeElement(tag, { id, class: "edit-input", autocomplete: "off", spellcheck: "false", rows: tag === "textarea" ? 3 : null, "aria-describedby": `${id}-hint` });
    this.#input.value = field.value ?? "";
    this.#input.addEventListener("input", () => this.#onInput());
    this.#explanation = makeElement("output", { class: "note normalized", for: id });
    this.root = this.#makeForm(id);
    this.#explain();
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
    this.#input.value = extractValue(this.name, texts.join(" "));
    this.#isTyped = false;
    this.#explain();
    this.#handlers.select();
  }

  #makeForm(id) {
    const form = makeElement(
      "form",
      { class: `field editing ${this.name}`, data: { field: this.name }, "aria-label": `Edit ${LABELS[this.name].toLowerCase()}` },
      makeElement("label", { class: "label", for: id }, makeIcon(this.name), makeElement("span", { text: LABELS[this.name] })),
      this.#input,
      this.#explanation,
      makeElement(
        "p",
        { class: "soft small", id: `${id}-hint` },
        makeElement("span", { text: "Type a value, or select text in the picture." }),
        makeElement("span", { class: "keyboard-only", text: " Press Ctrl+Space to go to the picture." }),
      ),
      makeElement(
        "p",
        { class: "edit-actions" },
        makeElement("button", { class: "button primary small", text: "Save" }),
        makeButton(null, "Cancel", () => this.#handlers.cancel(), { className: "button small" }),
        makeButton(null, "Not on the receipt", () => this.#handlers.save({ value: null, lines: [] }), { className: "button quiet small" }),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === this.#input && !event.shiftKey) {
        event.preventDefault();
        this.#save();
      }
    });
    return form;
  }

  #selectedLines() {
    return [...this.selected].sort((a, b) => a - b);
  }

  #onInput() {
    this.#isTyped = true;
    this.#explain();
  }

  #explain() {
    const value = this.#input.value.trim();
    this.#explanation.textContent = value === "" ? "" : (explainValue(this.name, value) ?? "");
  }

  #save() {
    const value = this.#input.value.trim().replace(/\s+/g, " ");
    const lines = this.#isTyped ? null : this.#selectedLines();
    this.#handlers.save(value === "" ? { value: null, lines: [] } : { value, lines });
  }
}
