// Pictures of pages. If the browser can show a file, it is used directly; otherwise (PDF, TIFF, HEIC) the server renders
// the page and stores nothing.

import { findBounds } from "../data/boxes.js";
import { findPage } from "../data/sources.js";
import { request } from "./api.js";

const THUMBNAIL_WIDTH = 80;
const THUMBNAIL_HEIGHT = 108;

// Pages that the server has rendered, by the key of the file and the page, the latest last.
const rendered = new Map();
const MAX_RENDERED = 16;

/** Return a picture of a page of a record as a Blob that the browser can show. Throws Problem or Unreachable. */
export async function getPageImage(record, files, number) {
  const { file, page } = findPage(record, number);
  if (page === 0 && (await canShow(files[file]))) return files[file];
  const key = `${record.files[file].key}/${page}`;
  if (!rendered.has(key)) {
    rendered.set(key, renderPage(files[file], page));
    if (rendered.size > MAX_RENDERED) rendered.delete(rendered.keys().next().value);
  }
  try {
    return await rendered.get(key);
  } catch (error) {
    rendered.delete(key);
    throw error;
  }
}

async function renderPage(file, page) {
  const form = new FormData();
  form.append("file", file);
  return (await request(`/v1/pages?page=${page}`, { method: "POST", body: form })).blob();
}

/** Create the thumbnail of a record that was read. */
export async function addThumbnail(records, record) {
  try {
    const picture = await getPageImage(record, await records.getFiles(record), 0);
    await records.update(record.uid, { thumb: await createThumbnail(picture, record.receipt.pages[0]) });
  } catch {
    // The list shows an icon instead.
  }
}

/** Create a WebP thumbnail of the top of a page, or of a receipt on it; return null if the browser cannot. */
export async function createThumbnail(picture, { width, rotation = 0, outline = null } = {}) {
  try {
    const bitmap = await createImageBitmap(picture);
    const canvas = document.createElement("canvas");
    canvas.width = THUMBNAIL_WIDTH;
    canvas.height = THUMBNAIL_HEIGHT;
    const context = canvas.getContext("2d");
    const box = outline === null ? { left: 0, top: 0, right: bitmap.width, bottom: bitmap.height } : scaleBox(findBounds(outline), bitmap.width / width);
    const [boxWidth, boxHeight] = [box.right - box.left, box.bottom - box.top];
    const [uprightWidth, uprightHeight] = rotation % 180 !== 0 ? [boxHeight, boxWidth] : [boxWidth, boxHeight];
    const scale = Math.max(THUMBNAIL_WIDTH / uprightWidth, THUMBNAIL_HEIGHT / uprightHeight);
    context.imageSmoothingQuality = "high";
    context.translate(THUMBNAIL_WIDTH / 2, (uprightHeight * scale) / 2); // aligned to the top, centered
    context.rotate((-rotation * Math.PI) / 180);
    context.scale(scale, scale);
    context.drawImage(bitmap, -(box.left + box.right) / 2, -(box.top + box.bottom) / 2);
    bitmap.close();
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.75));
  } catch {
    return null;
  }
}

function scaleBox(box, factor) {
  return Object.fromEntries(Object.entries(box).map(([side, place]) => [side, place * factor]));
}

async function canShow(file) {
  try {
    (await createImageBitmap(file)).close();
    return true;
  } catch {
    return false;
  }
}
