// The codes of a receipt: what they say, and how that compares with the print.

import { describeCode, getCodeKey, listStatements } from "../data/codes.js";
import { makeElement, makeIconButton } from "./dom.js";

const MAX_TEXT_LENGTH = 500;

/** Make the section with the codes of a record, or null; `onHover(key or null)` and `onReveal(key)` get those of areas. */
export function makeCodes(record, { onHover, onReveal }) {
  const codes = record.receipt.codes ?? [];
  if (codes.length === 0) return null;
  const cards = codes.map((code, index) => {
    const key = getCodeKey(index);
    return makeElement(
      "article",
      { class: "code-card", on: { pointerenter: () => onHover(key), pointerleave: () => onHover(null), focusin: () => onHover(key), focusout: () => onHover(null) } },
      makeElement("header", {}, makeElement("h4", { text: describeCode(code) }), makeIconButton("eye", `Show ${describeCode(code)} in the picture`, () => onReveal(key), { className: "button quiet small" })),
      makeStatements(listStatements(record, code)),
      makeText(code),
    );
  });
  return makeElement("section", { class: "codes" }, makeElement("h3", { text: codes.length === 1 ? "Code" : "Codes" }), ...cards);
}

function makeStatements(rows) {
  if (rows.length === 0) return null;
  const terms = rows.flatMap(({ label, value, comparison, isDifferent }) => [
    makeElement("dt", { text: label }),
    makeElement(
      "dd",
      {},
      makeElement("span", { text: value }),
      comparison ? makeElement("span", { class: isDifferent ? "small differs" : "soft small", text: comparison }) : null,
    ),
  ]);
  return makeElement("dl", {}, ...terms);
}

/** Make the text of a code: behind a title if the page shows what it means. */
function makeText({ text, content }) {
  const shown = text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
  const body = makeElement("p", { class: "code-text", text: shown });
  return content ? makeElement("details", {}, makeElement("summary", { text: "Text of the code" }), body) : body;
}
