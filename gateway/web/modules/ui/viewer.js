// The picture of one page with its segments; zoom and pan by wheel, pinch, drag, buttons and keys.
//
// Fires "segment" (index of a line that was clicked), "area" (key of an area that was clicked), "hover" (index or null) and
// "page" (index of the requested page).

import { findBounds } from "../data/boxes.js";
import { LABELS } from "../data/values.js";
import { Areas } from "./areas.js";
import { makeElement, makeIcon, makeIconButton, makeSvg } from "./dom.js";
import { Viewport } from "./viewport.js";

const TAG_HEIGHT_PX = 22;
const TAG_GAP_PX = 8;

export class Viewer extends EventTarget {
  #stage;
  #sheet;
  #image;
  #shapes;
  #tags;
  #areas = new Areas((key) => this.#emit("area", key));
  #caption;
  #pages;
  #note;
  #zoom;
  #viewport;
  #url = null;
  #lines = [];
  #fields = {};
  #selection = null; // indices while the user selects segments, otherwise null

  constructor(root) {
    super();
    this.#image = makeElement("img", { alt: "", draggable: "false" });
    this.#shapes = makeSvg("svg", { class: "shapes" });
    this.#sheet = makeElement("div", { class: "sheet" }, this.#image, this.#areas.shapes, this.#shapes);
    this.#tags = makeElement("div", { class: "tags", "aria-hidden": "true" });
    this.#note = makeElement("p", { class: "stage-note", role: "status" });
    this.#stage = makeElement(
      "div",
      { class: "stage", tabindex: 0, role: "group", "aria-label": "Picture of the receipt. Plus and minus zoom, arrow keys pan." },
      this.#sheet,
      this.#areas.labels,
      this.#tags,
      this.#note,
    );
    this.#caption = makeElement("p", { class: "caption" });
    this.#pages = makeElement("span", { class: "pages" });
    this.#zoom = makeElement("output", { class: "zoom", "aria-label": "Zoom" });
    this.#viewport = new Viewport(this.#stage, this.#sheet, (scale) => this.#onViewChange(scale));
    root.append(
      this.#stage,
      makeElement(
        "div",
        { class: "viewer-bar" },
        this.#caption,
        this.#pages,
        makeIconButton("minus", "Zoom out", () => this.#viewport.zoomOut()),
        this.#zoom,
        makeIconButton("plus", "Zoom in", () => this.#viewport.zoomIn()),
        makeIconButton("fit", "Fit the page", () => this.#viewport.fit(true)),
      ),
    );
    this.#stage.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Show a page. `picture` is a Blob, or null to show only the segments; `areas` are those of `Areas.draw`. */
  show({ picture, page, number, count, lines, fields, areas, name }) {
    this.#setPicture(picture);
    this.#image.alt = `Page ${number + 1} of ${name}`;
    this.#note.textContent = "";
    this.#lines = lines;
    this.#sheet.hidden = false;
    this.#areas.setPage(page.width, page.height);
    this.#viewport.setPage(page.width, page.height, page.rotation ?? 0, page.outline ? findBounds(page.outline) : null);
    this.#shapes.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
    this.#drawPageButtons(number, count);
    this.drawFields(fields, areas);
  }

  /** Show a note, with the picture of a file that was not read yet if there is one. */
  showNote(note, picture = null) {
    this.#lines = [];
    this.#fields = {};
    this.#selection = null;
    this.#shapes.replaceChildren();
    this.#areas.setPage(1, 1);
    this.#tags.replaceChildren();
    this.#pages.replaceChildren();
    this.#caption.textContent = "";
    this.#note.textContent = note;
    this.#sheet.hidden = picture === null;
    this.#setPicture(picture);
    if (picture === null) return;
    this.#image.addEventListener("load", () => this.#viewport.setPage(this.#image.naturalWidth, this.#image.naturalHeight, 0), { once: true });
  }

  /** Draw the segments and areas again; `fields` has the indices of the lines of each field. */
  drawFields(fields, areas) {
    this.#fields = fields;
    this.#areas.draw(areas);
    this.#areas.place((box) => this.#viewport.boxToStage(box));
    this.#drawSegments();
  }

  #drawSegments() {
    const fields = this.#fields;
    const fieldOfLine = new Map();
    for (const [name, lines] of Object.entries(fields)) for (const index of lines) fieldOfLine.set(index, name);
    const focused = this.#shapes.contains(document.activeElement) ? document.activeElement.dataset.index : null;
    this.#shapes.replaceChildren(...this.#lines.map((line) => this.#makeShape(line, fieldOfLine.get(line.index))));
    // A change of any record, such as a thumbnail, draws again while the user selects segments with the keyboard.
    if (focused !== null) this.#shapes.querySelector(`[data-index="${focused}"]`)?.focus();
    this.#tags.replaceChildren(
      ...Object.keys(fields)
        .filter((name) => this.#findBox(name) !== null)
        .map((name) => makeElement("span", { class: `tag ${name}`, data: { field: name } }, makeIcon(name), makeElement("span", { text: LABELS[name] }))),
    );
    this.#placeTags();
  }

  /** Highlight a field, or none (null). */
  highlightField(name) {
    this.#stage.dataset.highlight = name ?? "";
  }

  /** Highlight a line and show its text, or none (null). */
  highlightLine(index) {
    for (const shape of this.#shapes.querySelectorAll(".highlighted")) shape.classList.remove("highlighted");
    const line = this.#lines.find((candidate) => candidate.index === index);
    if (line !== undefined) this.#shapes.querySelector(`[data-index="${index}"]`)?.classList.add("highlighted");
    this.#caption.textContent = line === undefined ? "" : `${line.text} · ${Math.round(line.confidence * 100)}%`;
  }

  /** Zoom and pan until a field can be read. */
  reveal(name) {
    const box = this.#findBox(name);
    if (box !== null) this.#viewport.reveal(box, { zoom: true });
  }

  /** Zoom and pan until a box can be seen. */
  revealBox(box) {
    this.#viewport.reveal(box, { zoom: true });
  }

  /** Highlight the area with a key, or none (null). */
  highlightArea(key) {
    this.#areas.highlight(key);
  }

  /** Let the user select segments; `selection` is the set of indices selected now, or null to end the selection. */
  setSelection(selection) {
    const wasSelecting = this.#selection !== null;
    this.#selection = selection;
    this.#stage.classList.toggle("selecting", selection !== null);
    if (wasSelecting !== (selection !== null)) this.#drawSegments();
    else this.#markSelected();
  }

  focus() {
    this.#stage.focus();
  }

  /** Move the focus to the first selected segment, or to the first one. */
  focusSegment() {
    const shape = this.#shapes.querySelector('[aria-checked="true"]') ?? this.#shapes.querySelector("polygon");
    shape?.focus();
  }

  #setPicture(picture) {
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
    this.#url = picture === null ? null : URL.createObjectURL(picture);
    this.#image.hidden = picture === null;
    if (this.#url === null) this.#image.removeAttribute("src");
    else this.#image.src = this.#url;
    this.#stage.classList.toggle("without-picture", picture === null);
  }

  #makeShape(line, field) {
    const isSelecting = this.#selection !== null;
    return makeSvg("polygon", {
      points: line.quad.map((point) => point.join(",")).join(" "),
      class: field ? `segment ${field}` : "segment",
      "data-index": line.index,
      role: isSelecting ? "checkbox" : null,
      "aria-label": isSelecting ? line.text : null,
      "aria-checked": isSelecting ? String(this.#selection.has(line.index)) : null,
      tabindex: isSelecting ? "-1" : null,
      on: {
        click: () => this.#emit("segment", line.index),
        pointerenter: () => this.#emit("hover", line.index),
        pointerleave: () => this.#emit("hover", null),
        focus: () => this.#onShapeFocus(line),
        blur: () => this.#emit("hover", null),
      },
    });
  }

  #markSelected() {
    for (const shape of this.#shapes.querySelectorAll("polygon")) {
      shape.setAttribute("aria-checked", String(this.#selection?.has(Number(shape.dataset.index)) ?? false));
    }
  }

  #onShapeFocus(line) {
    this.#viewport.reveal(findBounds(line.quad), { zoom: false });
    this.#emit("hover", line.index);
  }

  /** Return the box of a field on this page, in pixels of the page as sent, or null. */
  #findBox(name) {
    const quads = this.#lines.filter((line) => this.#fields[name]?.includes(line.index)).map((line) => line.quad);
    return quads.length > 0 ? findBounds(quads.flat()) : null;
  }

  #onViewChange(scale) {
    this.#zoom.textContent = `${Math.round(scale * 100)}%`;
    this.#placeTags();
    this.#areas.place((box) => this.#viewport.boxToStage(box));
  }

  /** Place the names of the fields: next to the page if there is space, otherwise as small icons next to their boxes. */
  #placeTags() {
    const tags = [...this.#tags.children].map((tag) => ({ tag, box: this.#viewport.boxToStage(this.#findBox(tag.dataset.field)) }));
    const edge = this.#viewport.pageLeft;
    // Tags are measured once, at their full size.
    if (tags.some(({ tag }) => !tag.dataset.width)) this.#tags.classList.remove("small");
    const maxWidth = Math.max(0, ...tags.map(({ tag }) => Number((tag.dataset.width ||= tag.offsetWidth))));
    const isBeside = edge > maxWidth + TAG_GAP_PX;
    this.#tags.classList.toggle("small", !isBeside);
    let nextTop = -Infinity;
    for (const { tag, box } of tags.sort((a, b) => a.box.top - b.box.top)) {
      const top = Math.max((box.top + box.bottom - TAG_HEIGHT_PX) / 2, isBeside ? nextTop : -Infinity);
      nextTop = top + TAG_HEIGHT_PX;
      const left = isBeside ? edge - TAG_GAP_PX - Number(tag.dataset.width) : Math.max(2, box.left - TAG_HEIGHT_PX - 2);
      tag.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    }
  }

  #drawPageButtons(number, count) {
    this.#pages.replaceChildren();
    if (count < 2) return;
    const go = (page) => this.#emit("page", page);
    this.#pages.append(
      makeIconButton("left", "Previous page", () => go(number - 1), { disabled: number === 0 }),
      makeElement("span", { text: `Page ${number + 1} of ${count}` }),
      makeIconButton("right", "Next page", () => go(number + 1), { disabled: number === count - 1 }),
    );
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isOnShape = event.target.dataset?.index !== undefined;
    const isHandled = isOnShape ? this.#handleShapeKey(event) : this.#viewport.handleKey(event.key);
    if (!isHandled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Segments are check boxes: arrow keys move between them in reading order, Space selects. */
  #handleShapeKey(event) {
    const shapes = [...this.#shapes.querySelectorAll("polygon")];
    const position = shapes.indexOf(event.target);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) shapes[Math.max(0, Math.min(position + step, shapes.length - 1))].focus();
    else if (event.key === " ") this.#emit("segment", Number(event.target.dataset.index));
    else return this.#viewport.handleKey(event.key, { arrows: false });
    return true;
  }

  #emit(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
