// Ways to add files: dropping, choosing, taking a photo, pasting, and the sample.

import { byId } from "./dom.js";

const SAMPLE_PATH = "/web/sample.webp";

/** Call `addFiles(files)` whenever the user adds some. */
export function connectFileInput(addFiles) {
  const chooser = byId("choose");
  const camera = byId("camera");
  for (const input of [chooser, camera]) {
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (files.length > 0) addFiles(files);
    });
  }
  for (const button of document.querySelectorAll("[data-input=choose], #add")) button.addEventListener("click", () => chooser.click());
  for (const button of document.querySelectorAll("[data-input=camera]")) button.addEventListener("click", () => camera.click());
  for (const button of document.querySelectorAll("[data-input=sample]")) button.addEventListener("click", async () => addFiles([await fetchSample()]));
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    addFiles(files);
  });
  connectDrop(addFiles);
}

async function fetchSample() {
  const blob = await (await fetch(SAMPLE_PATH)).blob();
  return new File([blob], "sample.webp", { type: blob.type });
}

function connectDrop(addFiles) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", async (event) => {
    document.body.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    const files = await readDroppedFiles(event.dataTransfer);
    if (files.length > 0) addFiles(files);
  });
}

/** Return the dropped files, including those in folders. */
async function readDroppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = (await Promise.all(entries.map(readEntry))).flat();
  return files.filter((file) => !file.name.startsWith("."));
}

async function readEntry(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at a time
    if (batch.length === 0) return files;
    for (const inner of batch) files.push(...(await readEntry(inner)));
  }
}
