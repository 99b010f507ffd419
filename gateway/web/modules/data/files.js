// Comparison of files. Pages without TLS have no hash function, so bytes are compared, and only of files of one size.

/** Whether two files have the same bytes. */
export async function isIdentical(one, other) {
  if (one.size !== other.size) return false;
  const [first, second] = await Promise.all([one, other].map(async (file) => new Uint8Array(await file.arrayBuffer())));
  return first.every((byte, index) => byte === second[index]);
}

/** Find files that repeat an earlier one: a map from their index to that of the first identical file. */
export async function findIdentical(files) {
  const repeated = new Map();
  const bySize = Map.groupBy(files.keys(), (index) => files[index].size);
  for (const indices of bySize.values()) {
    for (const [position, index] of indices.entries()) {
      for (const earlier of indices.slice(0, position)) {
        if (repeated.has(earlier) || !(await isIdentical(files[earlier], files[index]))) continue;
        repeated.set(index, earlier);
        break;
      }
    }
  }
  return repeated;
}
