// Areas of a page that are more than one line of text: the receipts it shows, and the codes on them.

import { findBounds } from "../data/boxes.js";
import { makeElement, makeSvg } from "./dom.js";

const LABEL_PX = 22;

export class Areas {
  #onChoose;
  #areas = [];

  /** `onChoose(key)` is called when an area with a key is clicked. */
  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.shapes = makeSvg("svg", { class: "areas" });
    this.labels = makeElement("div", { class: "area-labels", "aria-hidden": "true" });
  }

  setPage(width, height) {
    this.#areas = [];
    this.shapes.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.shapes.replaceChildren();
    this.labels.replaceChildren();
  }

  /**
   * Draw areas: `[{ kind, quad, label, key, title }]`, with the kind "own" (the receipt that is open), "other" or "code".
   *
   * All of the page but the open receipt is shaded if it is one of several.
   */
  draw(areas) {
    if (JSON.stringify(areas) === JSON.stringify(this.#areas)) return;
    this.#areas = areas;
    const own = areas.find(({ kind }) => kind === "own");
    this.shapes.replaceChildren(...(own ? [this.#makeShade(own.quad)] : []), ...areas.map((area) => this.#makeShape(area)));
    this.labels.replaceChildren(...areas.map(({ kind, label }) => makeElement("span", { class: `area-label ${kind}`, text: label })));
  }

  /** Highlight the area with a key, or none (null). */
  highlight(key) {
    for (const shape of this.shapes.querySelectorAll(".area")) shape.classList.toggle("highlighted", key !== null && shape.dataset.key === key);
  }

  /** Move the labels to their areas; `toStage` converts boxes from pixels of the page to pixels of the stage. */
  place(toStage) {
    for (const [index, { kind, quad }] of this.#areas.entries()) {
      const { left, top } = toStage(findBounds(quad));
      const shift = kind === "code" ? LABEL_PX : 0;
      this.labels.children[index].style.transform = `translate(${Math.round(left)}px, ${Math.round(top - shift)}px)`;
    }
  }

  #makeShape({ kind, quad, key, title }) {
    const isButton = kind === "other" && Boolean(key);
    return makeSvg(
      "polygon",
      { class: `area ${kind}`, points: toPoints(quad), "data-key": key, on: isButton ? { click: () => this.#onChoose(key) } : {} },
      title ? makeSvg("title", { text: title }) : null,
    );
  }

  #makeShade(quad) {
    const { width, height } = this.shapes.viewBox.baseVal;
    return makeSvg("path", { class: "shade", d: `M0 0H${width}V${height}H0Z M${toPoints(quad)}Z`, "fill-rule": "evenodd" });
  }
}

function toPoints(quad) {
  return quad.map((point) => point.join(",")).join(" ");
}
