// Corrects one field: by typing, or by choosing segments in the picture.

import { button, icon, make } from "./dom.js";
import { LABELS, current, pick, understood } from "./values.js";

export class Editor {
  #lines;
  #input;
  #meaning;
  #handlers;
  #typed = false;

  /** `handlers`: save({ value, lines }), cancel(), chosen() after the chosen segments changed. */
  constructor(name, record, handlers) {
    const now = current(record, name);
    this.name = name;
    this.chosen = new Set(now.lines);
    this.#lines = record.receipt.lines;
    this.#handlers = handlers;
    const id = `edit-${name}`;
    const tag = name === "address" ? "textarea" : "input";
    this.#input = make(tag, { id, class: "edit-input", autocomplete: "off", spellcheck: "false", rows: tag === "textarea" ? 3 : null, "aria-describedby": `${id}-how` });
    this.#input.value = now.value ?? "";
    this.#input.addEventListener("input", () => this.#onTyped());
    this.#meaning = make("output", { class: "note normal", for: id });
    this.root = this.#form(id);
    this.#explain();
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  /** Takes a segment in, or out; the value becomes the text of those chosen, in reading order. */
  toggle(index) {
    if (this.chosen.has(index)) this.chosen.delete(index);
    else if (this.name === "address") this.chosen.add(index);
    else this.chosen = new Set([index]); // the other fields stand in one place
    const texts = [...this.chosen].sort((a, b) => a - b).map((one) => this.#lines[one].text);
    this.#input.value = pick(this.name, texts.join(" "));
    this.#typed = false;
    this.#explain();
    this.#handlers.chosen();
  }

  #form(id) {
    const form = make(
      "form",
      { class: `field editing ${this.name}`, data: { field: this.name }, "aria-label": `Correct the ${LABELS[this.name].toLowerCase()}` },
      make("label", { class: "label", for: id }, icon(this.name), make("span", { text: LABELS[this.name] })),
      this.#input,
      this.#meaning,
      make(
        "p",
        { class: "soft small", id: `${id}-how` },
        make("span", { text: "Type, or choose its text in the picture." }),
        make("span", { class: "for-keys", text: " Ctrl+Space goes there." }),
      ),
      make(
        "p",
        { class: "edit-actions" },
        make("button", { class: "button primary small", text: "Save" }),
        button(null, "Cancel", () => this.#handlers.cancel(), { className: "button small" }),
        button(null, "Not on the receipt", () => this.#handlers.save({ value: null, lines: [] }), { className: "button quiet small" }),
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

  #onTyped() {
    this.#typed = true;
    this.#explain();
  }

  #explain() {
    const value = this.#input.value.trim();
    this.#meaning.textContent = value === "" ? "" : (understood(this.name, value) ?? "");
  }

  #save() {
    const value = this.#input.value.trim().replace(/\s+/g, " ");
    const lines = this.#typed ? null : [...this.chosen].sort((a, b) => a - b);
    this.#handlers.save(value === "" ? { value: null, lines: [] } : { value, lines });
  }
}
