// What to do about a picture that is hard to read, from the quality of its pages.

const MATTERS = 0.5;
// The quality says more about a page that was not read, and the page asks what to do about several receipts.
const SAID_ELSEWHERE = ["unreadable", "several-receipts"];
const SIDES = ["left", "top", "right", "bottom"];
// The most helpful advice first.
const ADVICE = {
  no_receipt: "There is hardly any text. Is this the right picture?",
  unreadable: "The text could not be read. Do not rely on the fields.",
  blur: "The picture is blurred. Hold the camera still and tap the receipt to focus.",
  low_resolution: "The text is small. Move closer and retake.",
  darkness: "The picture is dark. Add light and retake.",
  glare: "Light hides parts of the text. Tilt the receipt or turn off the flash.",
};

/** Return what to do about the pages of a record, and its warnings that say something else, as sentences. */
export function findAdvice({ files, receipt: { pages, warnings = [] } }) {
  const advice = pages.flatMap((page, number) => (page.quality ? findFaults(page.quality, files.length > 1 ? findInnerSides(number, pages.length) : []) : []));
  const others = warnings.filter(({ code }) => !SAID_ELSEWHERE.includes(code)).map(({ detail }) => detail);
  return [...new Set([...others, ...advice])];
}

/** Return the sides at which one of several pictures of a receipt goes on in another one. */
function findInnerSides(number, count) {
  return [...(number > 0 ? ["top"] : []), ...(number < count - 1 ? ["bottom"] : [])];
}

function findFaults(quality, innerSides) {
  const faults = Object.keys(ADVICE).filter((name) => quality[name] >= MATTERS).map((name) => ADVICE[name]);
  const sides = SIDES.filter((side) => quality.cut_off?.[side] >= MATTERS && !innerSides.includes(side));
  if (sides.length > 0) faults.push(`Text is cut off at the ${sides.join(" and ")}. Show the whole receipt.`);
  return faults;
}
