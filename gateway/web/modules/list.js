// The list of receipts: one row each, drawn again only if its record changed.

import { byId, icon, make } from "./dom.js";
import { current, isoDate, shownAmount, sums, total } from "./values.js";

export class List {
  #records;
  #rows = new Map(); // uid -> { item, key, url }
  #place = byId("rows");

  constructor(records) {
    this.#records = records;
    this.#place.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Brings the rows, counts and totals up to date. */
  draw() {
    const listed = this.#records.listed;
    const wanted = listed.map((record) => this.#row(record));
    if (wanted.length !== this.#place.children.length || wanted.some((item, index) => item !== this.#place.children[index])) {
      this.#place.replaceChildren(...wanted);
    }
    this.#forgetOthers();
    this.mark();
    byId("nothing").hidden = listed.length > 0;
    for (const count of document.querySelectorAll("[data-count]")) count.textContent = this.#records.count(count.dataset.count);
    byId("totals").textContent = totalsText(listed);
  }

  /** Shows which row is open; the Tab key reaches that one, arrows the others. */
  mark() {
    const open = this.#records.openUid;
    const reachable = this.#rows.has(open) && this.#rows.get(open).item.isConnected ? open : this.#records.listed[0]?.uid;
    for (const [uid, { link }] of this.#rows) {
      if (uid === open) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      link.tabIndex = uid === reachable ? 0 : -1;
    }
  }

  /** Brings the row of a receipt into view, and the focus to it if the list has it. */
  reveal(uid) {
    const link = this.#rows.get(uid)?.link;
    link?.scrollIntoView({ block: "nearest" });
    if (this.#place.contains(document.activeElement)) link?.focus({ preventScroll: true });
  }

  #row(record) {
    const look = this.#records.needsLook(record);
    const key = rowKey(record, look);
    const known = this.#rows.get(record.uid);
    if (known?.key === key) return known.item;
    const url = record.thumb === known?.thumb ? known?.url : null;
    if (known?.url && known.url !== url) URL.revokeObjectURL(known.url);
    const row = known ?? { item: make("li") };
    Object.assign(row, { key, thumb: record.thumb, url: url ?? (record.thumb ? URL.createObjectURL(record.thumb) : null) });
    const focused = row.link !== undefined && row.link === document.activeElement;
    row.link = drawRow(record, look, row.url);
    row.item.replaceChildren(row.link);
    if (focused) row.link.focus({ preventScroll: true });
    this.#rows.set(record.uid, row);
    return row.item;
  }

  #forgetOthers() {
    for (const [uid, { url }] of this.#rows) {
      if (this.#records.get(uid) !== null) continue;
      if (url) URL.revokeObjectURL(url);
      this.#rows.delete(uid);
    }
  }

  #move(event) {
    const links = [...this.#place.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined || at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const link = links[Math.max(0, Math.min(to, links.length - 1))];
    link.focus();
    link.scrollIntoView({ block: "nearest" });
  }
}

function rowKey(record, look) {
  const settled = JSON.stringify(record.corrections);
  return [record.state, look, record.accepted, settled, record.thumb?.size ?? 0, record.problem?.title ?? ""].join("|");
}

function drawRow(record, look, url) {
  const company = current(record, "company").value;
  const date = record.state === "done" ? (isoDate(record) ?? current(record, "date").value ?? "no date") : null;
  const picture = make("span", { class: "thumb" }, url ? make("img", { src: url, alt: "", width: 40, height: 54, decoding: "async" }) : icon("paper"));
  const title = company ?? (record.state === "done" ? "No company found" : record.name);
  const lines = make(
    "span",
    { class: "row-text" },
    make("span", { class: "row-title", text: title }),
    make("span", { class: "row-note" }, date ? make("span", { class: "row-date", text: date }) : null, make("span", { class: "row-file", text: record.state === "done" ? record.name : sizeText(record.size) })),
  );
  return make(
    "a",
    { class: `row ${record.state}`, href: `#${record.uid}` },
    picture,
    lines,
    make("span", { class: "row-end" }, make("span", { class: "row-total", text: amountText(record) }), mark(record, look)),
  );
}

function sizeText(bytes) {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function amountText(record) {
  if (record.state !== "done") return "";
  const { amount, currency } = total(record);
  return amount === null ? (current(record, "total").value ?? "–") : shownAmount(amount, currency);
}

/** What is to be done about a receipt, in a word and a sign. */
function mark(record, look) {
  if (record.state === "waiting") return make("span", { class: "mark", text: "waiting" });
  if (record.state === "reading") return make("span", { class: "mark busy", text: "reading" });
  if (record.state === "failed") return make("span", { class: "mark wrong" }, icon("alert"), make("span", { text: "not read" }));
  if (look) return make("span", { class: "mark look" }, icon("eye"), make("span", { text: "needs a look" }));
  const touched = record.accepted || Object.keys(record.corrections).length > 0;
  return make("span", { class: "mark fine" }, icon("check"), make("span", { text: touched ? "checked" : "fine" }));
}

function totalsText(listed) {
  const read = listed.filter((record) => record.state === "done");
  if (read.length === 0) return "";
  const found = sums(read);
  const without = read.length - found.reduce((count, sum) => count + sum.count, 0);
  const parts = found.map(({ amount, currency }) => shownAmount(amount, currency ?? "without currency"));
  if (without > 0) parts.push(`${without} without a total`);
  return `${read.length} ${read.length === 1 ? "receipt" : "receipts"}: ${parts.join(" · ")}`;
}
