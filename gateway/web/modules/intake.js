// Ways in: dropping anywhere, choosing, taking a photo, pasting, and the sample.

import { byId } from "./dom.js";

const SAMPLE = "/web/sample.webp";

/** Calls `take(files)` whenever a person brings some. */
export function wireIntake(take) {
  const choose = byId("choose");
  const camera = byId("camera");
  for (const input of [choose, camera]) {
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (files.length > 0) take(files);
    });
  }
  for (const button of document.querySelectorAll("[data-intake=choose], #add")) button.addEventListener("click", () => choose.click());
  for (const button of document.querySelectorAll("[data-intake=camera]")) button.addEventListener("click", () => camera.click());
  for (const button of document.querySelectorAll("[data-intake=sample]")) button.addEventListener("click", async () => take([await sample()]));
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
  wireDrop(take);
}

async function sample() {
  const blob = await (await fetch(SAMPLE)).blob();
  return new File([blob], "sample.webp", { type: blob.type });
}

function wireDrop(take) {
  const bringsFiles = (event) => event.dataTransfer?.types.includes("Files");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!bringsFiles(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", async (event) => {
    document.body.classList.remove("dropping");
    if (!bringsFiles(event)) return;
    event.preventDefault();
    const files = await filesOf(event.dataTransfer);
    if (files.length > 0) take(files);
  });
}

/** The files of a drop, those in folders too. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found.filter((file) => !file.name.startsWith("."));
}

async function walk(entry, found) {
  if (entry.isFile) {
    found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at once
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, found);
  }
}
