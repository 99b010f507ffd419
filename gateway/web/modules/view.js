// Zoom and pan of a page on a stage. The page may have been photographed turned; it is shown upright.

const MARGIN = 16;
const LARGEST = 6;
const READABLE = 22; // pixels that a line of text is high when it is brought closer
const STEP = 60;
const DRAG_STARTS = 4;

export class View {
  #stage;
  #sheet;
  #moved;
  #width = 1;
  #height = 1;
  #rotation = 0;
  #scale = 1;
  #x = 0;
  #y = 0;
  #fitted = true;
  #pointers = new Map();
  #dragging = false;

  /** `moved` is called after every change. `onzoom(scale)` may be set. */
  constructor(stage, sheet, moved) {
    this.#stage = stage;
    this.#sheet = sheet;
    this.#moved = moved;
    this.onzoom = () => {};
    new ResizeObserver(() => this.#resized()).observe(stage);
    stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#onDown(event));
    stage.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, (event) => this.#onUp(event));
    stage.addEventListener("click", (event) => this.#onClick(event), { capture: true });
    stage.addEventListener("dblclick", (event) => this.#zoomAt(2, ...this.#at(event)));
  }

  /** Takes a page of that size as sent, whose text is turned clockwise by `rotation` degrees. */
  setPage(width, height, rotation) {
    const same = width === this.#width && height === this.#height && rotation === this.#rotation;
    [this.#width, this.#height, this.#rotation] = [width, height, rotation];
    this.#sheet.style.width = `${width}px`;
    this.#sheet.style.height = `${height}px`;
    if (!same || this.#fitted) this.fit();
    else this.#apply();
  }

  /** Shows the page: whole, or where that is too small to read (and not `whole`) its upper part as wide as the stage. */
  fit(whole = false) {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    if (width === 0 || height === 0) return;
    const [pageWidth, pageHeight] = this.#upright();
    const byWidth = (width - 2 * MARGIN) / pageWidth;
    const all = Math.min(byWidth, (height - 2 * MARGIN) / pageHeight);
    this.#scale = Math.min(LARGEST, whole || all > 0.45 * byWidth || all > 0.4 ? all : Math.min(byWidth, Math.max(all * 2, 0.5)));
    this.#x = (width - pageWidth * this.#scale) / 2;
    this.#y = Math.max(MARGIN, (height - pageHeight * this.#scale) / 2);
    this.#fitted = true;
    this.#apply();
  }

  zoomBy(factor) {
    this.#zoomAt(factor, this.#stage.clientWidth / 2, this.#stage.clientHeight / 2);
  }

  /** Moves (and if `closer` enlarges) so that a box, in pixels of the page as sent, can be seen. */
  reveal(box, closer) {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    let place = this.onStage(box);
    const line = Math.min(place.bottom - place.top, place.right - place.left);
    if (closer && line < READABLE) {
      const room = (width - 4 * MARGIN) / Math.max(place.right - place.left, 1);
      const factor = Math.min(READABLE / line, Math.max(room, 1));
      this.#zoomAt(factor, (place.left + place.right) / 2, (place.top + place.bottom) / 2);
      place = this.onStage(box);
    }
    const dx = shift(place.left, place.right, MARGIN, width - MARGIN);
    const dy = shift(place.top, place.bottom, MARGIN, height - MARGIN);
    if (dx !== 0 || dy !== 0) this.#move(dx, dy);
  }

  /** A box of the page, in pixels of the page as sent, in pixels of the stage. */
  onStage({ left, top, right, bottom }) {
    const [x1, y1] = this.#turned(left, top);
    const [x2, y2] = this.#turned(right, bottom);
    return {
      left: this.#x + Math.min(x1, x2) * this.#scale,
      right: this.#x + Math.max(x1, x2) * this.#scale,
      top: this.#y + Math.min(y1, y2) * this.#scale,
      bottom: this.#y + Math.max(y1, y2) * this.#scale,
    };
  }

  /** Where the whole page is, in pixels of the stage. */
  get page() {
    return this.onStage({ left: 0, top: 0, right: this.#width, bottom: this.#height });
  }

  /** Does what a key asks for; gives whether it asked for anything. */
  onKey(key, arrows = true) {
    const moves = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    if (arrows && moves[key]) this.#move(...moves[key]);
    else if (key === "+" || key === "=") this.zoomBy(1.4);
    else if (key === "-") this.zoomBy(1 / 1.4);
    else if (key === "0") this.fit(true);
    else return false;
    return true;
  }

  #upright() {
    return this.#rotation % 180 === 0 ? [this.#width, this.#height] : [this.#height, this.#width];
  }

  /** A point of the page as sent on the page upright. */
  #turned(x, y) {
    if (this.#rotation === 90) return [y, this.#width - x];
    if (this.#rotation === 180) return [this.#width - x, this.#height - y];
    if (this.#rotation === 270) return [this.#height - y, x];
    return [x, y];
  }

  #zoomAt(factor, x, y) {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    const [pageWidth, pageHeight] = this.#upright();
    const smallest = Math.min(0.6, (0.5 * width) / pageWidth, (0.5 * height) / pageHeight);
    const scale = Math.max(smallest, Math.min(LARGEST, this.#scale * factor));
    this.#x = x - ((x - this.#x) * scale) / this.#scale;
    this.#y = y - ((y - this.#y) * scale) / this.#scale;
    this.#scale = scale;
    this.#move(0, 0);
  }

  #move(dx, dy) {
    this.#fitted = false;
    this.#x += dx;
    this.#y += dy;
    this.#apply();
  }

  #apply() {
    const [pageWidth, pageHeight] = this.#upright();
    // Some of the page always stays on the stage.
    this.#x = between(this.#x, 3 * MARGIN - pageWidth * this.#scale, this.#stage.clientWidth - 3 * MARGIN);
    this.#y = between(this.#y, 3 * MARGIN - pageHeight * this.#scale, this.#stage.clientHeight - 3 * MARGIN);
    const [cornerX, cornerY] = this.#turned(0, 0);
    const x = this.#x + cornerX * this.#scale;
    const y = this.#y + cornerY * this.#scale;
    this.#sheet.style.transform = `translate(${x}px, ${y}px) scale(${this.#scale}) rotate(${-this.#rotation}deg)`;
    this.onzoom(this.#scale);
    this.#moved();
  }

  #resized() {
    if (this.#fitted) this.fit();
    else this.#apply();
  }

  #at(event) {
    const box = this.#stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #onWheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (event.shiftKey) this.#move(-event.deltaY * lines, 0);
    else this.#zoomAt(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), ...this.#at(event));
  }

  #onDown(event) {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, from: [event.clientX, event.clientY] });
    if (this.#pointers.size === 1) this.#dragging = false;
  }

  #onMove(event) {
    const pointer = this.#pointers.get(event.pointerId);
    if (pointer === undefined) return;
    const far = Math.hypot(event.clientX - pointer.from[0], event.clientY - pointer.from[1]) > DRAG_STARTS;
    if (far && !this.#dragging) {
      this.#dragging = true;
      this.#stage.setPointerCapture(event.pointerId);
    }
    const [dx, dy] = [event.clientX - pointer.x, event.clientY - pointer.y];
    const other = [...this.#pointers.entries()].find(([id]) => id !== event.pointerId)?.[1];
    if (other !== undefined) this.#pinch(pointer, other, event);
    else if (this.#dragging) this.#move(dx, dy);
    [pointer.x, pointer.y] = [event.clientX, event.clientY];
  }

  #pinch(pointer, other, event) {
    const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    this.#move((event.clientX - pointer.x) / 2, (event.clientY - pointer.y) / 2);
    const middle = { clientX: (event.clientX + other.x) / 2, clientY: (event.clientY + other.y) / 2 };
    if (before > 0) this.#zoomAt(after / before, ...this.#at(middle));
  }

  #onUp(event) {
    this.#pointers.delete(event.pointerId);
  }

  /** A click that ends a drag chooses nothing. */
  #onClick(event) {
    if (!this.#dragging) return;
    this.#dragging = false;
    event.stopPropagation();
  }
}

function between(value, least, most) {
  return Math.max(least, Math.min(value, Math.max(least, most)));
}

/** How far to move what reaches from `start` to `end` into a room; its start if it is longer. */
function shift(start, end, from, to) {
  if (start < from || end - start > to - from) return from - start;
  return end > to ? to - end : 0;
}
