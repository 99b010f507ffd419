// The list of receipts, with one row each; a row is drawn again only if its record has changed.

import { getFileName, getShortName } from "../data/sources.js";
import { formatAmount, getField, getIsoDate, getTotal, sumTotals } from "../data/values.js";
import { byId, makeElement, makeIcon } from "./dom.js";

export class List {
  #records;
  #rows = new Map(); // uid -> { item, link, key, thumb, url }
  #root = byId("rows");

  constructor(records) {
    this.#records = records;
    this.#root.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Update the rows, counts and totals. */
  draw() {
    const listed = this.#records.listed;
    const items = listed.map((record) => this.#updateRow(record));
    if (items.length !== this.#root.children.length || items.some((item, index) => item !== this.#root.children[index])) {
      this.#root.replaceChildren(...items);
    }
    this.#removeOldRows();
    this.#markOpenRow();
    byId("no-matches").hidden = listed.length > 0;
    for (const count of document.querySelectorAll("[data-count]")) count.textContent = this.#records.count(count.dataset.count);
    byId("totals").textContent = formatTotals(listed);
  }

  /** Scroll to the row of a receipt, and move the focus to it if the list has the focus. */
  reveal(uid) {
    const link = this.#rows.get(uid)?.link;
    link?.scrollIntoView({ block: "nearest" });
    if (this.#root.contains(document.activeElement)) link?.focus({ preventScroll: true });
  }

  /** Mark the open row. The Tab key reaches that one, arrow keys the others. */
  #markOpenRow() {
    const open = this.#records.openUid;
    const reachable = this.#rows.has(open) && this.#rows.get(open).item.isConnected ? open : this.#records.listed[0]?.uid;
    for (const [uid, { link }] of this.#rows) {
      if (uid === open) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      link.tabIndex = uid === reachable ? 0 : -1;
    }
  }

  #updateRow(record) {
    const needsReview = this.#records.needsReview(record);
    const key = buildRowKey(record, needsReview);
    const existing = this.#rows.get(record.uid);
    if (existing?.key === key) return existing.item;
    const url = record.thumb === existing?.thumb ? existing?.url : null;
    if (existing?.url && existing.url !== url) URL.revokeObjectURL(existing.url);
    const row = existing ?? { item: makeElement("li") };
    Object.assign(row, { key, thumb: record.thumb, url: url ?? (record.thumb ? URL.createObjectURL(record.thumb) : null) });
    const hadFocus = row.link !== undefined && row.link === document.activeElement;
    row.link = makeRow(record, needsReview, row.url);
    row.item.replaceChildren(row.link);
    if (hadFocus) row.link.focus({ preventScroll: true });
    this.#rows.set(record.uid, row);
    return row.item;
  }

  #removeOldRows() {
    for (const [uid, { url }] of this.#rows) {
      if (this.#records.get(uid) !== null) continue;
      if (url) URL.revokeObjectURL(url);
      this.#rows.delete(uid);
    }
  }

  #onKey(event) {
    const links = [...this.#root.querySelectorAll("a")];
    const position = links.indexOf(document.activeElement);
    const target = { ArrowDown: position + 1, ArrowUp: position - 1, Home: 0, End: links.length - 1 }[event.key];
    if (target === undefined || position < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const link = links[Math.max(0, Math.min(target, links.length - 1))];
    link.focus();
    link.scrollIntoView({ block: "nearest" });
  }
}

function buildRowKey(record, needsReview) {
  const corrections = JSON.stringify([record.corrections, record.correctedProperties]);
  return [record.state, needsReview, record.accepted, corrections, record.thumb?.size ?? 0, record.problem?.title ?? ""].join("|");
}

function makeRow(record, needsReview, url) {
  const isDone = record.state === "done";
  const title = getField(record, "company").value ?? (isDone ? "No company found" : record.name);
  const date = isDone ? (getIsoDate(record) ?? getField(record, "date").value ?? "No date") : null;
  return makeElement(
    "a",
    { class: `row ${record.state}`, href: `#${record.uid}` },
    makeElement("span", { class: "thumb" }, url ? makeElement("img", { src: url, alt: "", width: 40, height: 54, decoding: "async" }) : makeIcon("paper")),
    makeElement(
      "span",
      { class: "row-text" },
      makeElement("span", { class: "row-title", text: title }),
      makeElement(
        "span",
        { class: "row-note" },
        date ? makeElement("span", { class: "row-date", text: date }) : null,
        makeElement("span", { class: "row-file", text: isDone ? getShortName(record) : formatSize(record.size), title: getFileName(record) }),
      ),
    ),
    makeElement("span", { class: "row-end" }, makeElement("span", { class: "row-total", text: formatTotal(record) }), makeStatus(record, needsReview)),
  );
}

function formatSize(bytes) {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function formatTotal(record) {
  if (record.state !== "done") return "";
  const { amount, currency } = getTotal(record);
  return amount === null ? (getField(record, "total").value ?? "–") : formatAmount(amount, currency);
}

function makeStatus(record, needsReview) {
  if (record.state === "waiting") return makeElement("span", { class: "status", text: "Waiting" });
  if (record.state === "reading") return makeElement("span", { class: "status busy", text: "Reading" });
  if (record.state === "failed") return makeElement("span", { class: "status error" }, makeIcon("alert"), makeElement("span", { text: "Failed" }));
  if (needsReview) return makeElement("span", { class: "status review" }, makeIcon("eye"), makeElement("span", { text: "Needs review" }));
  const isReviewed = record.accepted || Object.keys(record.corrections).length > 0 || record.correctedItems !== null || record.correctedTaxes !== null;
  return makeElement("span", { class: "status ready" }, makeIcon("check"), makeElement("span", { text: isReviewed ? "Reviewed" : "Ready" }));
}

function formatTotals(listed) {
  const done = listed.filter((record) => record.state === "done");
  if (done.length === 0) return "";
  const sums = sumTotals(done);
  const missing = done.length - sums.reduce((count, sum) => count + sum.count, 0);
  const parts = sums.map(({ amount, currency }) => formatAmount(amount, currency ?? "(no currency)"));
  if (missing > 0) parts.push(`${missing} without a total`);
  return `${done.length} ${done.length === 1 ? "receipt" : "receipts"}: ${parts.join(" · ")}`;
}
