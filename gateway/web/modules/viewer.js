// One page of a receipt: the picture, the segments over it, zoom and pan by wheel, pinch, drag, buttons and keys.
//
// Fires "segment" (detail: index of a line that was chosen), "hover" (index or null) and "page" (number wanted).

import { button, icon, make, makeSvg } from "./dom.js";
import { LABELS } from "./values.js";
import { View } from "./view.js";

const TAG_HEIGHT = 22;
const TAG_GAP = 8;

export class Viewer extends EventTarget {
  #stage;
  #sheet;
  #image;
  #shapes;
  #tags;
  #caption;
  #steps;
  #blank;
  #view;
  #url = null;
  #lines = [];
  #fields = {};
  #chosen = null; // indices while a person chooses segments, else null

  constructor(root) {
    super();
    this.#image = make("img", { alt: "", draggable: "false" });
    this.#shapes = makeSvg("svg", { class: "shapes" });
    this.#sheet = make("div", { class: "sheet" }, this.#image, this.#shapes);
    this.#tags = make("div", { class: "tags", "aria-hidden": "true" });
    this.#blank = make("p", { class: "stage-note", role: "status" });
    this.#stage = make(
      "div",
      { class: "stage", tabindex: 0, role: "group", "aria-label": "Picture of the receipt. Plus and minus zoom, arrows move." },
      this.#sheet,
      this.#tags,
      this.#blank,
    );
    this.#caption = make("p", { class: "caption" });
    this.#steps = make("span", { class: "pages" });
    this.#view = new View(this.#stage, this.#sheet, () => this.#placeTags());
    const zoom = make("output", { class: "zoom", "aria-label": "Zoom" });
    this.#view.onzoom = (scale) => (zoom.textContent = `${Math.round(scale * 100)}%`);
    root.append(
      this.#stage,
      make(
        "div",
        { class: "viewer-bar" },
        this.#caption,
        this.#steps,
        button("minus", "Zoom out", () => this.#view.zoomBy(1 / 1.4), { quiet: true, className: "button quiet" }),
        zoom,
        button("plus", "Zoom in", () => this.#view.zoomBy(1.4), { quiet: true, className: "button quiet" }),
        button("fit", "Show the whole page", () => this.#view.fit(true), { quiet: true, className: "button quiet" }),
      ),
    );
    this.#stage.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Shows a page. `picture` is a Blob, or null: then only where the segments are is shown. */
  show({ picture, page, number, count, lines, fields, name }) {
    this.#setPicture(picture);
    this.#image.alt = `Page ${number + 1} of ${name}`;
    this.#blank.textContent = "";
    this.#lines = lines;
    this.#sheet.hidden = false;
    this.#view.setPage(page.width, page.height, page.rotation ?? 0);
    this.#shapes.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
    this.#drawSteps(number, count);
    this.drawFields(fields);
  }

  /** Shows a picture of which nothing was read yet, or (`picture` null) only a note. */
  showNote(note, picture = null) {
    this.#lines = [];
    this.#fields = {};
    this.#chosen = null;
    this.#shapes.replaceChildren();
    this.#tags.replaceChildren();
    this.#steps.replaceChildren();
    this.#caption.textContent = "";
    this.#blank.textContent = note;
    this.#sheet.hidden = picture === null;
    this.#setPicture(picture);
    if (picture === null) return;
    this.#image.addEventListener("load", () => this.#view.setPage(this.#image.naturalWidth, this.#image.naturalHeight, 0), { once: true });
  }

  /** Draws the segments again; `fields` gives the indices of lines of each field. */
  drawFields(fields) {
    this.#fields = fields;
    const owner = new Map();
    for (const [name, lines] of Object.entries(fields)) for (const index of lines) owner.set(index, name);
    this.#shapes.replaceChildren(...this.#lines.map((line) => this.#shape(line, owner.get(line.index))));
    this.#tags.replaceChildren(
      ...Object.keys(fields)
        .filter((name) => this.#box(name) !== null)
        .map((name) => make("span", { class: `tag ${name}`, data: { field: name } }, icon(name), make("span", { text: LABELS[name] }))),
    );
    this.#placeTags();
  }

  /** Lights up a field, or none (null). */
  light(name) {
    this.#stage.dataset.lit = name ?? "";
  }

  /** Lights up one segment, or none (null), and tells its text. */
  lightSegment(index) {
    for (const shape of this.#shapes.querySelectorAll(".lit")) shape.classList.remove("lit");
    const line = this.#lines.find((one) => one.index === index);
    if (line !== undefined) this.#shapeOf(index)?.classList.add("lit");
    this.#caption.textContent = line === undefined ? "" : `${line.text} · ${Math.round(line.confidence * 100)}%`;
  }

  /** Brings the place of a field into view, large enough to be read if `closer`. */
  reveal(name, closer = false) {
    const box = this.#box(name);
    if (box !== null) this.#view.reveal(box, closer);
  }

  /** Lets a person choose segments (a set of indices), or ends that (null). */
  choose(chosen) {
    const before = this.#chosen !== null;
    this.#chosen = chosen;
    this.#stage.classList.toggle("choosing", chosen !== null);
    if (before !== (chosen !== null)) this.drawFields(this.#fields);
    else this.#markChosen();
  }

  /** Puts the focus on the first chosen segment, or the first of all. */
  focusSegment() {
    const first = this.#shapes.querySelector('[aria-checked="true"]') ?? this.#shapes.querySelector("polygon");
    first?.focus();
  }

  get canChoose() {
    return this.#lines.length > 0;
  }

  #setPicture(picture) {
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
    this.#url = picture === null ? null : URL.createObjectURL(picture);
    this.#image.hidden = picture === null;
    if (this.#url === null) this.#image.removeAttribute("src");
    else this.#image.src = this.#url;
    this.#stage.classList.toggle("without-picture", picture === null);
  }

  #shape(line, field) {
    const choosing = this.#chosen !== null;
    const shape = makeSvg("polygon", {
      points: line.quad.map((point) => point.join(",")).join(" "),
      class: field ? `segment ${field}` : "segment",
      "data-index": line.index,
      role: choosing ? "checkbox" : null,
      "aria-label": choosing ? line.text : null,
      "aria-checked": choosing ? String(this.#chosen.has(line.index)) : null,
      tabindex: choosing ? "-1" : null,
      on: {
        click: () => this.#tell("segment", line.index),
        pointerenter: () => this.#tell("hover", line.index),
        pointerleave: () => this.#tell("hover", null),
        focus: () => this.#onShapeFocus(line),
        blur: () => this.#tell("hover", null),
      },
    });
    return shape;
  }

  #shapeOf(index) {
    return this.#shapes.querySelector(`[data-index="${index}"]`);
  }

  #markChosen() {
    for (const shape of this.#shapes.querySelectorAll("polygon")) {
      shape.setAttribute("aria-checked", String(this.#chosen?.has(Number(shape.dataset.index)) ?? false));
    }
  }

  #onShapeFocus(line) {
    this.#view.reveal(boxOf([line.quad]), false);
    this.#tell("hover", line.index);
  }

  /** Where a field stands on this page, in pixels of the page as sent, or null. */
  #box(name) {
    const quads = this.#lines.filter((line) => this.#fields[name]?.includes(line.index)).map((line) => line.quad);
    return quads.length > 0 ? boxOf(quads) : null;
  }

  /** Names of the fields: beside the page where there is room, each at the height of its box, else small at the box. */
  #placeTags() {
    const tags = [...this.#tags.children].map((tag) => ({ tag, box: this.#view.onStage(this.#box(tag.dataset.field)) }));
    const { left: edge } = this.#view.page;
    if (tags.some(({ tag }) => !tag.dataset.width)) this.#tags.classList.remove("small"); // to be measured
    const widest = Math.max(0, ...tags.map(({ tag }) => Number((tag.dataset.width ||= tag.offsetWidth))));
    const beside = edge > widest + TAG_GAP;
    this.#tags.classList.toggle("small", !beside);
    let free = -Infinity;
    for (const { tag, box } of tags.sort((a, b) => a.box.top - b.box.top)) {
      const top = Math.max((box.top + box.bottom - TAG_HEIGHT) / 2, beside ? free : -Infinity);
      free = top + TAG_HEIGHT;
      const left = beside ? edge - TAG_GAP - Number(tag.dataset.width) : Math.max(2, box.left - TAG_HEIGHT - 2);
      tag.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    }
  }

  #drawSteps(number, count) {
    this.#steps.replaceChildren();
    if (count < 2) return;
    const go = (to) => this.#tell("page", to);
    this.#steps.append(
      button("left", "Previous page", () => go(number - 1), { quiet: true, className: "button quiet", disabled: number === 0 }),
      make("span", { text: `Page ${number + 1} of ${count}` }),
      button("right", "Next page", () => go(number + 1), { quiet: true, className: "button quiet", disabled: number === count - 1 }),
    );
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onShape = event.target.dataset?.index !== undefined;
    const handled = onShape ? this.#onShapeKey(event) : this.#view.onKey(event.key);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Segments as check boxes: arrows go through them in reading order, space chooses. */
  #onShapeKey(event) {
    const shapes = [...this.#shapes.querySelectorAll("polygon")];
    const at = shapes.indexOf(event.target);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) shapes[Math.max(0, Math.min(at + step, shapes.length - 1))].focus();
    else if (event.key === " ") this.#tell("segment", Number(event.target.dataset.index));
    else return this.#view.onKey(event.key, false);
    return true;
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

function boxOf(quads) {
  const xs = quads.flat().map((point) => point[0]);
  const ys = quads.flat().map((point) => point[1]);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}
