// Zooming and panning a page on a stage. A page whose text is turned is shown upright.

import { findBounds } from "../data/boxes.js";

const MARGIN_PX = 16;
const MAX_SCALE = 6;
const READABLE_LINE_PX = 22; // height of a line of text after zooming in
const PAN_STEP_PX = 60;
const ZOOM_STEP = 1.4;
const MIN_DRAG_PX = 4;

export class Viewport {
  #stage;
  #sheet;
  #onChange;
  #width = 1;
  #height = 1;
  #rotation = 0;
  #frame = null; // the box to fit to the stage, or null for the whole page
  #scale = 1;
  #x = 0;
  #y = 0;
  #isFitted = true;
  #pointers = new Map();
  #isDragging = false;

  /** `onChange(scale)` is called after every change. */
  constructor(stage, sheet, onChange) {
    this.#stage = stage;
    this.#sheet = sheet;
    this.#onChange = onChange;
    new ResizeObserver(() => this.#onResize()).observe(stage);
    stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#onDown(event));
    stage.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, (event) => this.#onUp(event));
    stage.addEventListener("click", (event) => this.#onClick(event), { capture: true });
    stage.addEventListener("dblclick", (event) => this.#zoomAt(2, ...this.#toStage(event)));
  }

  /** Set the size of the page as sent, in pixels, the clockwise rotation of its text, in degrees, and the box to fit. */
  setPage(width, height, rotation, frame = null) {
    const page = JSON.stringify([width, height, rotation, frame]);
    const isSame = page === JSON.stringify([this.#width, this.#height, this.#rotation, this.#frame]);
    [this.#width, this.#height, this.#rotation, this.#frame] = [width, height, rotation, frame];
    this.#sheet.style.width = `${width}px`;
    this.#sheet.style.height = `${height}px`;
    if (!isSame || this.#isFitted) this.fit();
    else this.#apply();
  }

  /** Fit the box to the stage. Without `whole`, one that would be too small to read fits only in width. */
  fit(whole = false) {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    if (width === 0 || height === 0) return;
    const box = this.#toUprightBox(this.#frame ?? { left: 0, top: 0, right: this.#width, bottom: this.#height });
    const [boxWidth, boxHeight] = [box.right - box.left, box.bottom - box.top];
    const widthScale = (width - 2 * MARGIN_PX) / boxWidth;
    const boxScale = Math.min(widthScale, (height - 2 * MARGIN_PX) / boxHeight);
    const isReadable = boxScale > 0.45 * widthScale || boxScale > 0.4;
    this.#scale = Math.min(MAX_SCALE, whole || isReadable ? boxScale : Math.min(widthScale, Math.max(boxScale * 2, 0.5)));
    this.#x = (width - boxWidth * this.#scale) / 2 - box.left * this.#scale;
    this.#y = Math.max(MARGIN_PX, (height - boxHeight * this.#scale) / 2) - box.top * this.#scale;
    this.#isFitted = true;
    this.#apply();
  }

  zoomIn() {
    this.#zoomAtCenter(ZOOM_STEP);
  }

  zoomOut() {
    this.#zoomAtCenter(1 / ZOOM_STEP);
  }

  /** Pan, and with `zoom` also zoom in, until a box is readable; the box is in pixels of the page as sent. */
  reveal(box, { zoom }) {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    let place = this.boxToStage(box);
    const lineHeight = Math.min(place.bottom - place.top, place.right - place.left);
    if (zoom && lineHeight < READABLE_LINE_PX) {
      const maxFactor = (width - 4 * MARGIN_PX) / Math.max(place.right - place.left, 1);
      const factor = Math.min(READABLE_LINE_PX / lineHeight, Math.max(maxFactor, 1));
      this.#zoomAt(factor, (place.left + place.right) / 2, (place.top + place.bottom) / 2);
      place = this.boxToStage(box);
    }
    const dx = findShift(place.left, place.right, MARGIN_PX, width - MARGIN_PX);
    const dy = findShift(place.top, place.bottom, MARGIN_PX, height - MARGIN_PX);
    if (dx !== 0 || dy !== 0) this.#pan(dx, dy);
  }

  /** Convert a box from pixels of the page as sent to pixels of the stage. */
  boxToStage(box) {
    const { left, top, right, bottom } = this.#toUprightBox(box);
    const [x, y, scale] = [this.#x, this.#y, this.#scale];
    return { left: x + left * scale, right: x + right * scale, top: y + top * scale, bottom: y + bottom * scale };
  }

  /** The left edge of the page, in pixels of the stage. */
  get pageLeft() {
    return this.boxToStage({ left: 0, top: 0, right: this.#width, bottom: this.#height }).left;
  }

  /** Handle a key; return whether it has a meaning here. */
  handleKey(key, { arrows = true } = {}) {
    const pans = {
      ArrowLeft: [PAN_STEP_PX, 0],
      ArrowRight: [-PAN_STEP_PX, 0],
      ArrowUp: [0, PAN_STEP_PX],
      ArrowDown: [0, -PAN_STEP_PX],
    };
    if (arrows && pans[key]) this.#pan(...pans[key]);
    else if (key === "+" || key === "=") this.zoomIn();
    else if (key === "-") this.zoomOut();
    else if (key === "0") this.fit(true);
    else return false;
    return true;
  }

  #getUprightSize() {
    return this.#rotation % 180 === 0 ? [this.#width, this.#height] : [this.#height, this.#width];
  }

  /** Convert a point from the page as sent to the upright page. */
  #toUpright(x, y) {
    if (this.#rotation === 90) return [y, this.#width - x];
    if (this.#rotation === 180) return [this.#width - x, this.#height - y];
    if (this.#rotation === 270) return [this.#height - y, x];
    return [x, y];
  }

  #toUprightBox({ left, top, right, bottom }) {
    return findBounds([this.#toUpright(left, top), this.#toUpright(right, bottom)]);
  }

  #zoomAtCenter(factor) {
    this.#zoomAt(factor, this.#stage.clientWidth / 2, this.#stage.clientHeight / 2);
  }

  #zoomAt(factor, x, y) {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    const [pageWidth, pageHeight] = this.#getUprightSize();
    const minScale = Math.min(0.6, (0.5 * width) / pageWidth, (0.5 * height) / pageHeight);
    const scale = Math.max(minScale, Math.min(MAX_SCALE, this.#scale * factor));
    this.#x = x - ((x - this.#x) * scale) / this.#scale;
    this.#y = y - ((y - this.#y) * scale) / this.#scale;
    this.#scale = scale;
    this.#pan(0, 0);
  }

  #pan(dx, dy) {
    this.#isFitted = false;
    this.#x += dx;
    this.#y += dy;
    this.#apply();
  }

  #apply() {
    const [pageWidth, pageHeight] = this.#getUprightSize();
    // Some of the page always stays on the stage.
    this.#x = clamp(this.#x, 3 * MARGIN_PX - pageWidth * this.#scale, this.#stage.clientWidth - 3 * MARGIN_PX);
    this.#y = clamp(this.#y, 3 * MARGIN_PX - pageHeight * this.#scale, this.#stage.clientHeight - 3 * MARGIN_PX);
    const [cornerX, cornerY] = this.#toUpright(0, 0);
    const x = this.#x + cornerX * this.#scale;
    const y = this.#y + cornerY * this.#scale;
    this.#sheet.style.transform = `translate(${x}px, ${y}px) scale(${this.#scale}) rotate(${-this.#rotation}deg)`;
    this.#onChange(this.#scale);
  }

  #onResize() {
    if (this.#isFitted) this.fit();
    else this.#apply();
  }

  #toStage(event) {
    const box = this.#stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #onWheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
    if (event.shiftKey) this.#pan(-pixels, 0);
    else this.#zoomAt(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), ...this.#toStage(event));
  }

  #onDown(event) {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, start: [event.clientX, event.clientY] });
    if (this.#pointers.size === 1) this.#isDragging = false;
  }

  #onMove(event) {
    const pointer = this.#pointers.get(event.pointerId);
    if (pointer === undefined) return;
    const distance = Math.hypot(event.clientX - pointer.start[0], event.clientY - pointer.start[1]);
    if (distance > MIN_DRAG_PX && !this.#isDragging) {
      this.#isDragging = true;
      this.#stage.setPointerCapture(event.pointerId);
    }
    const other = [...this.#pointers.entries()].find(([id]) => id !== event.pointerId)?.[1];
    if (other !== undefined) this.#pinch(pointer, other, event);
    else if (this.#isDragging) this.#pan(event.clientX - pointer.x, event.clientY - pointer.y);
    [pointer.x, pointer.y] = [event.clientX, event.clientY];
  }

  #pinch(pointer, other, event) {
    const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    this.#pan((event.clientX - pointer.x) / 2, (event.clientY - pointer.y) / 2);
    const center = { clientX: (event.clientX + other.x) / 2, clientY: (event.clientY + other.y) / 2 };
    if (before > 0) this.#zoomAt(after / before, ...this.#toStage(center));
  }

  #onUp(event) {
    this.#pointers.delete(event.pointerId);
  }

  /** Keep the click that ends a drag from selecting anything. */
  #onClick(event) {
    if (!this.#isDragging) return;
    this.#isDragging = false;
    event.stopPropagation();
  }
}

function clamp(value, min, max) {
  return Math.max(min, Math.min(value, Math.max(min, max)));
}

/** Return how far to move the range from `start` to `end` into the range from `min` to `max`; if too long, its start. */
function findShift(start, end, min, max) {
  if (start < min || end - start > max - min) return min - start;
  return end > max ? max - end : 0;
}
