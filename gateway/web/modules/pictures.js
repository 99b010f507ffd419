// Pictures of files: those a browser can show come from the file itself, others (PDF, TIFF, HEIC) from the server, which
// renders a page and keeps nothing.

import { call } from "./api.js";

const THUMB_WIDTH = 80;
const THUMB_HEIGHT = 108;

/** A picture of one page of a file, as a Blob that the browser can show. Throws Problem or Unreachable. */
export async function pagePicture(file, page) {
  if (page === 0 && (await canShow(file))) return file;
  const form = new FormData();
  form.append("file", file);
  const response = await call(`/v1/pages?page=${page}`, { method: "POST", body: form });
  return response.blob();
}

/** A small picture of the top of a page as WebP; null if the browser cannot make one. */
export async function thumbnail(picture, rotation = 0) {
  try {
    const bitmap = await createImageBitmap(picture);
    const canvas = document.createElement("canvas");
    canvas.width = THUMB_WIDTH;
    canvas.height = THUMB_HEIGHT;
    const context = canvas.getContext("2d");
    const turned = rotation % 180 !== 0;
    const [width, height] = turned ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
    const scale = Math.max(THUMB_WIDTH / width, THUMB_HEIGHT / height);
    context.imageSmoothingQuality = "high";
    context.translate(THUMB_WIDTH / 2, (height * scale) / 2); // the top, centered
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
