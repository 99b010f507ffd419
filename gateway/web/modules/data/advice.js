// What to do about a picture that is hard to read, from the quality of its pages.

const MATTERS = 0.5;
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

/** Return what to do about the pages of a receipt, and its warnings that say something else, as sentences. */
export function findAdvice({ pages, warnings = [] }) {
  const advice = pages.flatMap(({ quality }) => (quality ? findFaults(quality) : []));
  // The quality says more about a page that was not read.
  const others = warnings.filter(({ code }) => code !== "unreadable").map(({ detail }) => detail);
  return [...new Set([...others, ...advice])];
}

function findFaults(quality) {
  const faults = Object.keys(ADVICE).filter((name) => quality[name] >= MATTERS).map((name) => ADVICE[name]);
  const sides = SIDES.filter((side) => quality.cut_off?.[side] >= MATTERS);
  if (sides.length > 0) faults.push(`Text is cut off at the ${sides.join(" and ")}. Show the whole receipt.`);
  return faults;
}
