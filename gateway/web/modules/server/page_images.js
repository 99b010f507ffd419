// Pictures of pages. If the browser can show a file, it is used directly; otherwise (PDF, TIFF, HEIC) the server renders
// the page and stores nothing.

import { request } from "./api.js";

const THUMBNAIL_WIDTH = 80;
const THUMBNAIL_HEIGHT = 108;

/** Return a picture of one page of a file as a Blob that the browser can show. Throws Problem or Unreachable. */
export async function getPageImage(file, page) {
  if (page === 0 && (await canShow(file))) return file;
  const form = new FormData();
  form.append("file", file);
  const response = await request(`/v1/pages?page=${page}`, { method: "POST", body: form });
  return response.blob();
}

/** Create the thumbnail of a record that was read. */
export async function addThumbnail(records, record) {
  try {
    const picture = await getPageImage(await records.getFile(record.uid), record.page ?? 0);
    await records.update(record.uid, { thumb: await createThumbnail(picture, record.receipt.pages[0]?.rotation ?? 0) });
  } catch {
    // The list shows an icon instead.
  }
}

/** Create a WebP thumbnail of the top of a page; return null if the browser cannot. */
async function createThumbnail(picture, rotation = 0) {
  try {
    const bitmap = await createImageBitmap(picture);
    const canvas = document.createElement("canvas");
    canvas.width = THUMBNAIL_WIDTH;
    canvas.height = THUMBNAIL_HEIGHT;
    const context = canvas.getContext("2d");
    const isSideways = rotation % 180 !== 0;
    const [width, height] = isSideways ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
    const scale = Math.max(THUMBNAIL_WIDTH / width, THUMBNAIL_HEIGHT / height);
    context.imageSmoothingQuality = "high";
    context.translate(THUMBNAIL_WIDTH / 2, (height * scale) / 2); // aligned to the top, centered
    context.rotate((-rotation * Math.PI) / 180);
    context.scale(scale, scale);
    context.drawImage(bitmap, -bitmap.width / 2, -bitmap.height / 2);
    bitmap.close();
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.75));
  } catch {
    return null;
  }
}

async function canShow(file) {
  try {
    (await createImageBitmap(file)).close();
    return true;
  } catch {
    return false;
  }
}
