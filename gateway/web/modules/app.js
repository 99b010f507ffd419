// Assembles the page: records, list, detail pane, queue, menus and shortcuts.

import { Actions } from "./actions.js";
import { Records } from "./data/records.js";
import { Storage } from "./data/storage.js";
import { formatCount } from "./data/values.js";
import { getKey, setKey, setKeyPrompt } from "./server/api.js";
import { Corrections } from "./server/corrections.js";
import { Queue } from "./server/queue.js";
import { DetailPane } from "./ui/detail_pane.js";
import { askForKey } from "./ui/dialogs.js";
import { announce, byId, showToast } from "./ui/dom.js";
import { EXPORTS, copyCurlCommand, runExport } from "./ui/export_menu.js";
import { connectFileInput } from "./ui/file_input.js";
import { List } from "./ui/list.js";
import { connectShortcuts } from "./ui/shortcuts.js";

// List and receipt are side by side on wide screens, and alternate on narrow ones.
const wideScreen = matchMedia("(min-width: 60rem)");
const MAX_PICTURES_ASKED = 6;
const DOCUMENT = /\.(pdf|xml)$/i;
const storage = new Storage();
const records = new Records(storage);
const queue = new Queue(records);
const list = new List(records);
const corrections = new Corrections(records);
const actions = new Actions(records, queue, { open: (uid) => openReceipt(uid, { replace: true }), openNeighbor, showAdded });
const detail = new DetailPane(records, corrections, {
  readAgain: (record) => actions.readAgain(record),
  split: (record, how) => actions.split(record, how),
  open: (uid) => openReceipt(uid, { replace: true }),
  deleteOpen: () => actions.deleteOpen(),
});
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

/** Whether to ask if files show one long receipt: people take few pictures of one, and documents have pages. */
function mayShowOneReceipt(added) {
  return added.length >= 2 && added.length <= MAX_PICTURES_ASKED && !added.some(({ name }) => DOCUMENT.test(name));
}

/** Show records that were added, and those of files that the list has already. */
function showAdded(added, known) {
  resetList();
  const [first] = [...added, ...known];
  if (wideScreen.matches ? records.open === null : added.length + known.length === 1) openReceipt(first.uid);
  byId("batch").hidden = !mayShowOneReceipt(added);
  byId("batch-text").textContent = `${added.length} files added.`;
  byId("batch-join").onclick = async () => (byId("batch").hidden = await actions.joinAdded(added.map(({ uid }) => uid)));
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

function findExportable() {
  return records.listed.filter((record) => record.state === "done");
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

function connectMenu(attribute, handlers) {
  for (const item of document.querySelectorAll(`[data-${attribute}]`)) {
    item.addEventListener("click", () => {
      item.closest("details").open = false;
      handlers[item.dataset[attribute]]?.();
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
  connectMenu("more", { help: () => byId("help").showModal(), key: changeKey, delete: () => actions.deleteAll() });
  connectMenu("receipt", {
    json: () => runExport([records.open], "copy"),
    curl: () => copyCurlCommand(records.open),
    split: () => actions.split(records.open),
    join: () => actions.joinWithOthers(records.open),
    separate: () => actions.regroup(records.open),
    whole: () => actions.regroup(records.open),
    again: () => actions.readAgain(records.open),
    delete: () => actions.deleteOpen(),
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
  byId("batch-close").addEventListener("click", () => (byId("batch").hidden = true));
  byId("queue-stop").addEventListener("click", () => queue.stop());
  byId("banner").querySelector("button").addEventListener("click", () => queue.retry());
  addEventListener("online", () => {
    queue.retry();
    corrections.retry();
  });
}

async function changeKey() {
  const key = await askForKey("API key", getKey());
  if (key !== null) setKey(key);
}

async function acceptAndContinue() {
  if (await detail.toggleAccepted()) openNextReview();
}

function leave() {
  if (!detail.cancelEdit() && records.open && !wideScreen.matches) history.back();
}

async function start() {
  setKeyPrompt((isRejected) => askForKey(isRejected ? "API key not accepted" : "API key required"));
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
  connectFileInput((files) => actions.addFiles(files));
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
  actions.emptyTrash();
  if (unfinished.length > 0) queue.resume(unfinished);
  corrections.retry();
  if (!isPersistent) showToast("This browser does not store data for this page. Everything is lost when you close the tab.");
}

start();
