// Boxes around quads, in pixels of a page: { left, top, right, bottom }.

/** Return the box around points [x, y], such as the four of a quad. */
export function findBounds(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}
