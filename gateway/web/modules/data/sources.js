// Where a receipt comes from: a file, one of several receipts in a file, or several pictures of one receipt.

/** Whether a record is one of several receipts in a file. */
export function isPart({ part }) {
  return part !== null;
}

/** Whether a record is one receipt in several pictures. */
export function isJoined({ files }) {
  return files.length > 1;
}

/** Whether a file may have several receipts that were read as one: a picture that shows several, or several pages. */
export function canSplit(record) {
  if (record.state !== "done" || isPart(record) || isJoined(record)) return false;
  return record.receipt.pages.length > 1 || countOutlines(record) > 0;
}

/** Whether a file may have several receipts, and the user has not said whether it is one. */
export function asksToSplit(record) {
  return canSplit(record) && !record.isOneReceipt && !record.accepted;
}

/** Count the receipts that the pages of a record show beside or above each other; 0 if there are not several on a page. */
export function countOutlines({ receipt }) {
  return receipt.pages.reduce((count, page) => count + (page.receipts?.length ?? 0), 0);
}

/** Return the name of a record's file, with what it is of that file. */
export function getFileName(record) {
  if (isJoined(record)) return `${record.name} and ${record.files.length - 1} more`;
  return isPart(record) ? `${record.name}, ${describePart(record)}` : record.name;
}

/** Return the same, in an order that may be cut off after some characters. */
export function getShortName(record) {
  return isPart(record) ? `${describePart(record)} of ${record.name}` : getFileName(record);
}

function describePart({ part, receipt }) {
  if (receipt === null || receipt.pages[0].outline) return `receipt ${part + 1}`;
  const [first, last] = [receipt.pages[0], receipt.pages.at(-1)].map((page) => (page.index ?? part) + 1);
  return first === last ? `page ${first}` : `pages ${first} to ${last}`;
}

/** Locate a page of a receipt: `{ file, page }` are the index of its file and the index of the page in that file. */
export function findPage({ files, receipt, part }, number) {
  const index = receipt?.pages[number]?.index ?? part ?? number;
  if (files.length === 1) return { file: 0, page: index };
  // Each page of a joined receipt has the index of its file.
  return { file: index, page: (receipt?.pages ?? []).slice(0, number).filter((page) => page.index === index).length };
}

/**
 * Return the outlines to show on a page of a record: `[{ quad, number, uid }]`, from the receipts of the same file.
 *
 * `uid` is that of the record which the outline is of; null if the receipts are not separate yet.
 */
export function findOutlines(record, number, siblings) {
  const page = record.receipt.pages[number];
  if (page === undefined) return [];
  if (!isPart(record)) return (page.receipts ?? []).map((quad, index) => ({ quad, number: index + 1, uid: null }));
  return [record, ...siblings].flatMap(({ uid, part, receipt }) =>
    (receipt?.pages ?? []).filter(({ index, outline }) => outline && index === page.index).map(({ outline }) => ({ quad: outline, number: part + 1, uid })),
  );
}
