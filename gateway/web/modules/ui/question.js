// The question whether a file has several receipts that were read as one.

import { countOutlines } from "../data/sources.js";
import { makeButton, makeElement } from "./dom.js";

/**
 * Make the question for a record for which `asksToSplit` is true.
 *
 * `answers` has functions: split(how), with "auto" or "pages", and join(), which keeps all of the file as one receipt.
 */
export function makeQuestion(record, { split, join }) {
  const [pages, outlines] = [record.receipt.pages.length, countOutlines(record)];
  const add = (label, answer, kind = "") => makeButton(null, label, answer, { className: `button ${kind} small` });
  const isDocument = pages > 1;
  return makeElement(
    "section",
    { class: "question", "aria-label": "Several receipts" },
    makeElement("p", { text: describe(pages, outlines) }),
    makeElement(
      "p",
      { class: "edit-actions" },
      add(isDocument ? "Separate the receipts" : `Split into ${outlines} receipts`, () => split("auto"), "primary"),
      isDocument && outlines === 0 ? add("One per page", () => split("pages")) : null,
      add("Keep as one", join, "quiet"),
    ),
  );
}

function describe(pages, outlines) {
  if (pages === 1) return `The picture shows ${outlines} receipts, read as one.`;
  const several = outlines > 0 ? `, and some of them show several receipts. All of it was` : ",";
  return `This document has ${pages} pages${several} read as one receipt. Are they separate receipts?`;
}
