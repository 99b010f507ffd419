// Files in zips, unpacked in the browser so that the page has their pictures. The rules are those of POST /v1/jobs: no
// folders, no files that operating systems add, no encryption, methods Store and Deflate.

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65_535;
const MAX_ENTRIES = 1_000;
const MAX_ENTRY_BYTES = 64 * 2 ** 20;
const MAX_TOTAL_BYTES = 1024 * 2 ** 20;
const CLUTTER = /(^|\/)(__MACOSX|\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)(\/|$)/;
// Browsers decide by the type whether they can show a file.
const TYPES = {
  jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", avif: "image/avif", bmp: "image/bmp",
  heic: "image/heic", heif: "image/heif", tif: "image/tiff", tiff: "image/tiff", jxl: "image/jxl", gif: "image/gif",
  pdf: "application/pdf", xml: "application/xml",
};

/** A zip that cannot be unpacked, with a reason for users. */
export class ArchiveError extends Error {}

/** Replace each zip by the files in it: `{ files, errors }`, with a sentence for each file that cannot be unpacked. */
export async function unpackArchives(files) {
  const unpacked = [];
  const errors = [];
  for (const file of files) {
    if (await isArchive(file)) await unpack(file, unpacked, errors);
    else unpacked.push(file);
  }
  return { files: unpacked, errors };
}

export async function isArchive(file) {
  const [p, k, a, b] = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return p === 0x50 && k === 0x4b && ((a === 3 && b === 4) || (a === 5 && b === 6));
}

async function unpack(archive, files, errors) {
  let entries = [];
  try {
    entries = (await readDirectory(archive)).filter(({ name }) => !name.endsWith("/") && !CLUTTER.test(name));
    if (entries.length === 0) throw new ArchiveError("it is empty");
  } catch (error) {
    errors.push(describe(archive.name, error));
  }
  let bytes = 0;
  for (const entry of entries) {
    try {
      bytes += entry.size;
      if (entry.size > MAX_ENTRY_BYTES || bytes > MAX_TOTAL_BYTES) throw new ArchiveError("it is too large");
      files.push(makeFile(await readEntry(archive, entry), entry.name));
    } catch (error) {
      errors.push(describe(`${entry.name} in ${archive.name}`, error));
    }
  }
}

function makeFile(content, path) {
  const name = path.split("/").at(-1);
  return new File([content], name, { type: TYPES[name.split(".").at(-1).toLowerCase()] ?? "" });
}

function describe(name, error) {
  return `${name} cannot be unpacked: ${error instanceof ArchiveError ? error.message : "it is damaged"}.`;
}

/** Read the directory at the end of a zip: `[{ name, method, isEncrypted, compressedSize, size, offset }]`. */
async function readDirectory(archive) {
  const tail = await readView(archive, Math.max(0, archive.size - END_BYTES - MAX_COMMENT_BYTES), archive.size);
  let end = tail.byteLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new ArchiveError("it is damaged");
  const count = tail.getUint16(end + 10, true);
  if (count > MAX_ENTRIES) throw new ArchiveError(`it has more than ${MAX_ENTRIES} files`);
  const [length, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  const directory = await readView(archive, start, start + length);
  const entries = [];
  for (let at = 0; entries.length < count; ) {
    if (directory.getUint32(at, true) !== ENTRY) throw new ArchiveError("it is damaged");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => directory.getUint16(at + offset, true));
    entries.push({
      name: decodeName(new Uint8Array(directory.buffer, at + 46, nameLength)),
      isEncrypted: (directory.getUint16(at + 8, true) & 1) === 1,
      method: directory.getUint16(at + 10, true),
      compressedSize: directory.getUint32(at + 20, true),
      size: directory.getUint32(at + 24, true),
      offset: directory.getUint32(at + 42, true),
    });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return entries;
}

async function readEntry(archive, { method, isEncrypted, compressedSize, size, offset }) {
  if (isEncrypted) throw new ArchiveError("it is encrypted");
  if (method !== 0 && method !== 8) throw new ArchiveError("its compression is not Deflate");
  const header = await readView(archive, offset, offset + 30);
  const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const packed = archive.slice(start, start + compressedSize);
  if (method === 0) return packed;
  const content = await new Response(limit(packed.stream().pipeThrough(new DecompressionStream("deflate-raw")), size)).blob();
  if (content.size !== size) throw new ArchiveError("it is damaged");
  return content;
}

/** Fail as soon as a stream has more bytes than the directory states, which may be a lie. */
function limit(stream, maxBytes) {
  let bytes = 0;
  const check = (chunk, controller) => {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) controller.error(new ArchiveError("it is damaged"));
    else controller.enqueue(chunk);
  };
  return stream.pipeThrough(new TransformStream({ transform: check }));
}

async function readView(blob, start, end) {
  return new DataView(await blob.slice(start, end).arrayBuffer());
}

/** Decode a name as UTF-8; older programs write other encodings, of which only Latin letters survive. */
function decodeName(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
