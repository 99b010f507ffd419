// Assembles the page: records, list, detail pane, queue, menus and shortcuts.

import { unpackArchives } from "./data/archives.js";
import * as exports from "./data/exports.js";
import { Records } from "./data/records.js";
import { Storage } from "./data/storage.js";
import { getFileName } from "./data/values.js";
import { getKey, setKey, setKeyPrompt } from "./server/api.js";
import { Corrections } from "./server/corrections.js";
import { Queue } from "./server/queue.js";
import { splitRecord } from "./server/splitting.js";
import { Trash, UNDO_MS } from "./server/trash.js";
import { DetailPane } from "./ui/detail_pane.js";
import { announce, byId, copyText, downloadFile, showToast } from "./ui/dom.js";
import { connectFileInput } from "./ui/file_input.js";
import { List } from "./ui/list.js";
import { connectShortcuts } from "./ui/shortcuts.js";

// List and receipt are side by side on wide screens, and alternate on narrow ones.
const wideScreen = matchMedia("(min-width: 60rem)");
const storage = new Storage();
const records = new Records(storage);
const queue = new Queue(records);
const list = new List(records);
const corrections = new Corrections(records);
const detail = new DetailPane(records, corrections, { readAgain, split });
const trash = new Trash(records, (count) =>
  showToast(`Deleted here, but ${formatCount(count)} may still be on the server. By default it deletes them after a day.`),
);
let isDrawScheduled = false;

/** Draw once for all changes until the next frame. */
function scheduleDraw() {
  if (isDrawScheduled) return;
  isDrawScheduled = true;
  requestAnimationFrame(() => {
    isDrawScheduled = false;
    document.body.dataset.view = records.all.length === 0 ? "welcome" : records.open ? "receipt" : "list";
    list.draw();
    detail.draw();
    byId("threshold-value").textContent = `${Math.round(records.threshold * 100)}%`;
  });
}

// ---- navigation: the address has the open receipt, so that the back button works

function openReceipt(uid, { replace = wideScreen.matches } = {}) {
  const address = uid === null ? location.pathname : `#${uid}`;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  applyAddress();
}

function applyAddress() {
  const uid = location.hash.slice(1);
  records.setOpen(records.get(uid) === null ? null : uid);
}

function openNeighbor(step, matches) {
  const record = records.findNeighbor(step, matches);
  if (record === null) return false;
  openReceipt(record.uid, { replace: records.open !== null });
  list.reveal(record.uid);
  return true;
}

function openNextReview() {
  const matches = (record) => records.needsReview(record);
  if (openNeighbor(1, matches)) return;
  const first = records.listed.find((record) => record.uid !== records.openUid && matches(record));
  if (first === undefined) showToast("Nothing else needs review.");
  else openReceipt(first.uid, { replace: true });
}

// ---- reading

async function addFiles(given) {
  const { files, errors } = await unpackArchives(given);
  if (errors.length > 0) showToast(errors.join(" "));
  if (files.length === 0) return;
  const { added, known } = await records.add(files);
  resetList();
  const [first] = [...added, ...known.values()];
  if (wideScreen.matches ? records.open === null : files.length === 1) openReceipt(first.uid);
  if (known.size > 0) showToast(describeKnown(files, known));
  if (added.length > 0) announce(added.length === 1 ? `Reading ${added[0].name}.` : `Reading ${added.length} files.`);
  const failed = [...new Set(known.values())].filter((record) => record.state === "failed");
  for (const record of failed) await records.update(record.uid, { state: "waiting", problem: null });
  queue.push([...added, ...failed]);
}

/** Say that files are in the list already; `known` has their records by the index of the file. */
function describeKnown(files, known) {
  if (known.size > 1) return `${known.size} files are in the list already. Each counts once.`;
  const [[index, record]] = known;
  const name = files[index].name;
  return name === record.name || !name ? `${record.name} is in the list already.` : `${name} is the same file as ${record.name}, which is in the list already.`;
}

/** Replace a document by a receipt for each of its pages. */
async function split(record) {
  await records.update(record.uid, { state: "reading" });
  try {
    const parts = await splitRecord(records, record);
    await records.update(record.uid, { state: "done" });
    const wasOpen = records.openUid === record.uid;
    await trash.put([record]);
    if (wasOpen) openReceipt(parts[0].uid, { replace: true });
    showUndo(`${getFileName(record)} is now ${formatCount(parts.length)}.`, async () => {
      await trash.restore();
      openReceipt(record.uid, { replace: true });
      await trash.put(parts);
    });
  } catch (error) {
    await records.update(record.uid, { state: "done" });
    showToast(`The pages were not read. ${error.message}`);
  }
}

function showUndo(text, undo) {
  showToast(text, { action: { label: "Undo", run: undo }, durationMs: UNDO_MS });
}

async function readAgain(record) {
  await records.update(record.uid, { state: "waiting", problem: null });
  queue.push([record], { bypassCache: true });
}

function drawQueue() {
  const { isBusy, total, finished, isOffline, secondsLeft } = queue;
  byId("banner").hidden = !isOffline;
  byId("banner").querySelector("p").textContent = "Cannot reach the server. Reading continues when it is back.";
  const timeLeft = secondsLeft === null ? "" : `, about ${Math.max(1, Math.round(secondsLeft))} s left`;
  byId("queue").hidden = !isBusy;
  byId("queue-text").textContent = `${finished} of ${total} read${isOffline ? ", waiting for the server" : timeLeft}`;
  byId("queue-progress").max = Math.max(total, 1);
  byId("queue-progress").value = finished;
  if (!isBusy && finished > 0) announce(`${finished} read. ${records.count("review")} need review.`);
}

// ---- export

function findExportable() {
  return records.listed.filter((record) => record.state === "done");
}

const EXPORTS = ["csv", "items-csv", "xlsx", "json", "copy"];

/** Export records to a file, or as JSON to the clipboard. */
async function runExport(chosen, format) {
  if (chosen.length === 0) {
    showToast("There is nothing to export yet.");
    return;
  }
  try {
    if (format === "copy") {
      await copyText(await exports.exportText(chosen), formatCount(chosen.length));
      return;
    }
    const { blob, name } = await exports.exportRecords(chosen, format);
    downloadFile(blob, name);
  } catch (error) {
    showToast(`Nothing was exported. ${error.message}`);
  }
}

function formatCount(count) {
  return `${count} ${count === 1 ? "receipt" : "receipts"}`;
}

// ---- deletion

/** Delete records, with a way to restore them for some seconds. */
async function deleteReceipts(deleted) {
  await trash.put(deleted);
  showUndo(`${formatCount(deleted.length)} deleted.`, async () => {
    const unfinished = (await trash.restore()).filter(({ state }) => state === "waiting" || state === "reading");
    for (const record of unfinished) await records.update(record.uid, { state: "waiting" });
    queue.push(unfinished);
  });
}

async function deleteOpen() {
  const deleted = records.open;
  if (!openNeighbor(1) && !openNeighbor(-1)) openReceipt(null, { replace: true });
  await deleteReceipts([deleted]);
}

async function deleteAll() {
  byId("delete-note").textContent =
    `This deletes ${formatCount(records.all.length)} with pictures, results and corrections, from this browser and from the server. You can undo it for ${UNDO_MS / 1000} seconds.`;
  if ((await openDialog(byId("delete-dialog"))) !== "delete") return;
  queue.stop();
  await deleteReceipts([...records.all]);
  openReceipt(null, { replace: true });
}

// ---- dialogs

/** Open a dialog; return the value of the button that closed it, or "" for Escape. */
function openDialog(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

/** Ask the user for a key; return it, or null. */
async function promptForKey(isRejected) {
  byId("key-title").textContent = isRejected ? "API key not accepted" : "API key required";
  byId("key").value = "";
  return (await openDialog(byId("key-dialog"))) === "save" ? byId("key").value.trim() : null;
}

async function changeKey() {
  byId("key-title").textContent = "API key";
  byId("key").value = getKey();
  if ((await openDialog(byId("key-dialog"))) === "save") setKey(byId("key").value.trim());
}

// ---- controls

function setFilter(filter) {
  for (const radio of document.getElementsByName("filter")) radio.checked = radio.value === filter;
  records.setFilter(filter);
}

/** Show all receipts in the list. */
function resetList() {
  byId("search").value = "";
  records.setQuery("");
  setFilter("all");
}

function connectMenu(attribute, actions) {
  for (const item of document.querySelectorAll(`[data-${attribute}]`)) {
    item.addEventListener("click", () => {
      item.closest("details").open = false;
      actions[item.dataset[attribute]]?.();
    });
  }
}

function connectMenus() {
  const findOpenMenus = () => [...document.querySelectorAll("details.menu[open]")];
  document.addEventListener("click", (event) => {
    for (const menu of findOpenMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const [menu] = findOpenMenus();
    if (event.key !== "Escape" || menu === undefined) return;
    event.preventDefault();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  connectMenu("export", Object.fromEntries(EXPORTS.map((format) => [format, () => runExport(findExportable(), format)])));
  connectMenu("more", { help: () => byId("help").showModal(), key: changeKey, delete: deleteAll });
  connectMenu("receipt", {
    json: () => runExport([records.open], "copy"),
    curl: () => copyText(exports.buildCurlCommand(records.open, location.origin), "Command"),
    again: () => readAgain(records.open),
    delete: deleteOpen,
  });
  byId("export-menu").addEventListener("toggle", () => {
    byId("export-note").textContent = `${formatCount(findExportable().length)} in the list, with corrections`;
  });
}

function connectTools() {
  byId("search").addEventListener("input", () => records.setQuery(byId("search").value));
  for (const radio of document.getElementsByName("filter")) radio.addEventListener("change", () => records.setFilter(radio.value));
  byId("show-all").addEventListener("click", resetList);
  byId("threshold").value = Math.round(records.threshold * 100);
  byId("threshold").addEventListener("input", () => records.setThreshold(Number(byId("threshold").value) / 100));
  byId("previous").addEventListener("click", () => openNeighbor(-1));
  byId("next").addEventListener("click", () => openNeighbor(1));
  byId("queue-stop").addEventListener("click", () => queue.stop());
  byId("banner").querySelector("button").addEventListener("click", () => queue.retry());
  addEventListener("online", () => {
    queue.retry();
    corrections.retry();
  });
}

async function acceptAndContinue() {
  if (await detail.toggleAccepted()) openNextReview();
}

function leave() {
  if (!detail.cancelEdit() && records.open && !wideScreen.matches) history.back();
}

async function start() {
  setKeyPrompt(promptForKey);
  const isPersistent = await storage.open();
  await records.load();
  records.addEventListener("change", scheduleDraw);
  records.addEventListener("open", () => {
    detail.reset();
    scheduleDraw();
    if (!wideScreen.matches && records.open) byId("detail").focus();
  });
  records.addEventListener("merge", ({ detail: { from, to } }) => {
    if (records.openUid === from) openReceipt(to, { replace: true });
    showToast(`${records.get(from).name} is the same file as ${records.get(to).name}, which is in the list already.`);
  });
  queue.addEventListener("progress", drawQueue);
  addEventListener("hashchange", applyAddress);
  addEventListener("popstate", applyAddress);
  connectFileInput(addFiles);
  connectTools();
  connectMenus();
  connectShortcuts({
    step: (step) => openNeighbor(step),
    goToNextReview: openNextReview,
    accept: acceptAndContinue,
    edit: (name) => detail.edit(name),
    focusPicture: () => detail.focusPicture(),
    turnPage: (step) => detail.turnPage(step),
    chooseFiles: () => byId("choose").click(),
    toggleFilter: () => setFilter(records.filter === "review" ? "all" : "review"),
    focusSearch: () => byId("search").focus(),
    showHelp: () => byId("help").showModal(),
    escape: leave,
  });
  applyAddress();
  scheduleDraw();
  const unfinished = records.all.filter((record) => record.state === "waiting" || record.state === "reading");
  for (const record of unfinished) await records.update(record.uid, { state: "waiting" });
  trash.empty();
  if (unfinished.length > 0) queue.resume(unfinished);
  corrections.retry();
  if (!isPersistent) showToast("This browser does not store data for this page. Everything is lost when you close the tab.");
}

start();
