// Puts the page together: records, list, desk, queue, and everything that a person can press.

import { call, onKeyWanted, currentKey, setKey } from "./api.js";
import { Desk } from "./desk.js";
import { byId, copy, download, say, toast } from "./dom.js";
import * as exports from "./exports.js";
import { wireIntake } from "./intake.js";
import { wireKeys } from "./keys.js";
import { List } from "./list.js";
import { Queue } from "./queue.js";
import { Records } from "./records.js";
import { Storage } from "./storage.js";

const wide = matchMedia("(min-width: 60rem)");
const storage = new Storage();
const records = new Records(storage);
const queue = new Queue(records);
const list = new List(records);
const desk = new Desk(records, readAgain);
let drawing = false;

/** Draws once for all changes until the next frame. */
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    document.body.dataset.view = records.all.length === 0 ? "welcome" : records.open ? "receipt" : "list";
    list.draw();
    desk.draw();
    byId("threshold-value").textContent = `${Math.round(records.threshold * 100)}%`;
  });
}

// ---- which receipt is open: the address tells, so that the browser's back button works

function go(uid, { replace = wide.matches } = {}) {
  const address = uid === null ? location.pathname : `#${uid}`;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  followAddress();
}

function followAddress() {
  const uid = location.hash.slice(1);
  records.setOpen(records.get(uid) === null ? null : uid);
}

function step(by, wanted) {
  const record = records.neighbor(by, wanted);
  if (record === null) return false;
  go(record.uid, { replace: records.open !== null });
  list.reveal(record.uid);
  return true;
}

function nextLook() {
  const wanted = (record) => records.needsLook(record);
  if (step(1, wanted)) return;
  const first = records.listed.find((record) => record.uid !== records.openUid && wanted(record));
  if (first === undefined) toast("Nothing else needs a look.");
  else go(first.uid, { replace: true });
}

// ---- reading

async function take(files) {
  const added = await records.add(files);
  byId("search").value = "";
  records.setQuery("");
  setFilter("all");
  if (wide.matches ? records.open === null : added.length === 1) go(added[0].uid);
  say(added.length === 1 ? `Reading ${added[0].name}.` : `Reading ${added.length} files.`);
  queue.push(added);
}

async function readAgain(record) {
  await records.update(record.uid, { state: "waiting", problem: null });
  queue.push([record], { anew: true });
}

function drawQueue() {
  const { busy, total, finished, offline, secondsLeft } = queue;
  byId("banner").hidden = !offline;
  byId("banner").querySelector("p").textContent = "The server cannot be reached. Reading goes on as soon as it can.";
  const left = secondsLeft === null ? "" : `, about ${Math.max(1, Math.round(secondsLeft))} s left`;
  byId("queue").hidden = !busy;
  byId("queue-text").textContent = `${finished} of ${total} read${offline ? ", waiting for the server" : left}`;
  byId("queue-progress").max = Math.max(total, 1);
  byId("queue-progress").value = finished;
  if (!busy && finished > 0) say(`${finished} read. ${records.count("look")} need a look.`);
}

// ---- export

function exported() {
  return records.listed.filter((record) => record.state === "done");
}

const EXPORTS = {
  csv: async (chosen) => download(exports.csv(chosen), "receipts.csv"),
  json: async (chosen) => download(exports.json(chosen), "receipts.json"),
  xlsx: async (chosen) => download(await exports.xlsx(chosen), "receipts.xlsx"),
  copy: (chosen) => copy(JSON.stringify(chosen.map(exports.asObject), null, 2), `JSON of ${chosen.length} receipts`),
};

async function runExport(format) {
  const chosen = exported();
  if (chosen.length === 0) {
    toast("Nothing that is listed was read yet.");
    return;
  }
  try {
    await EXPORTS[format](chosen);
  } catch (error) {
    toast(error.message);
  }
}

// ---- forgetting

/** Forgets receipts here and on the server, where other records of the same picture no longer need them. */
async function forget(some) {
  const ids = new Set(some.map((record) => record.receipt?.id).filter(Boolean));
  for (const record of some) await records.remove(record.uid);
  for (const record of records.all) ids.delete(record.receipt?.id);
  const failed = await deleteAll([...ids]);
  if (failed > 0) toast(`Forgotten here, but the server may still keep ${failed}. It forgets by itself after a day, if it was not set up otherwise.`);
  else toast(some.length === 1 ? "Forgotten." : "All forgotten.");
}

async function deleteAll(ids) {
  let failed = 0;
  for (const id of ids) {
    try {
      await call(`/v1/receipts/${id}`, { method: "DELETE" });
    } catch (error) {
      if (error.status !== 404) failed += 1; // it was forgotten before
    }
  }
  return failed;
}

async function forgetAll() {
  byId("forget-note").textContent =
    `${records.all.length} pictures and what was read of them are removed from this browser and from the server, with their corrections. This cannot be undone.`;
  if ((await choice(byId("forget-dialog"))) !== "forget") return;
  queue.stop();
  await forget([...records.all]);
  go(null, { replace: true });
}

// ---- dialogs

/** Opens a dialog; gives the value of the button that closed it, "" for Escape. */
function choice(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

async function askForKey(refused) {
  byId("key-title").textContent = refused ? "The server does not know this key" : "This server asks for a key";
  byId("key").value = "";
  return (await choice(byId("key-dialog"))) === "save" ? byId("key").value.trim() : null;
}

async function changeKey() {
  byId("key-title").textContent = "API key";
  byId("key").value = currentKey();
  if ((await choice(byId("key-dialog"))) === "save") setKey(byId("key").value.trim());
}

// ---- wiring

function setFilter(filter) {
  for (const radio of document.getElementsByName("filter")) radio.checked = radio.value === filter;
  records.setFilter(filter);
}

function onMenu(attribute, actions) {
  for (const item of document.querySelectorAll(`[data-${attribute}]`)) {
    item.addEventListener("click", () => {
      item.closest("details").open = false;
      actions[item.dataset[attribute]]?.();
    });
  }
}

function wireMenus() {
  const openOnes = () => [...document.querySelectorAll("details.menu[open]")];
  document.addEventListener("click", (event) => {
    for (const menu of openOnes()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const [menu] = openOnes();
    if (event.key !== "Escape" || menu === undefined) return;
    event.preventDefault();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  onMenu("export", Object.fromEntries(Object.keys(EXPORTS).map((format) => [format, () => runExport(format)])));
  onMenu("more", { help: () => byId("help").showModal(), key: changeKey, forget: forgetAll });
  onMenu("receipt", {
    json: () => copy(JSON.stringify(exports.asObject(records.open), null, 2), "JSON"),
    curl: () => copy(exports.curl(records.open, location.origin), "The command"),
    again: () => readAgain(records.open),
    forget: async () => {
      const gone = records.open;
      if (!step(1) && !step(-1)) go(null, { replace: true });
      await forget([gone]);
    },
  });
  byId("export-menu").addEventListener("toggle", () => {
    const count = exported().length;
    byId("export-note").textContent = `${count} listed ${count === 1 ? "receipt" : "receipts"}, with corrections`;
  });
}

function wireTools() {
  byId("search").addEventListener("input", () => records.setQuery(byId("search").value));
  for (const radio of document.getElementsByName("filter")) radio.addEventListener("change", () => records.setFilter(radio.value));
  byId("show-all").addEventListener("click", () => {
    byId("search").value = "";
    records.setQuery("");
    setFilter("all");
  });
  byId("threshold").value = Math.round(records.threshold * 100);
  byId("threshold").addEventListener("input", () => records.setThreshold(Number(byId("threshold").value) / 100));
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("queue-stop").addEventListener("click", () => queue.stop());
  byId("banner").querySelector("button").addEventListener("click", () => queue.retry());
  addEventListener("online", () => queue.retry());
}

async function start() {
  onKeyWanted(askForKey);
  const lasting = await storage.open();
  await records.load();
  records.addEventListener("change", drawSoon);
  records.addEventListener("open", () => {
    desk.open();
    drawSoon();
    if (!wide.matches && records.open) byId("desk").focus();
  });
  queue.addEventListener("progress", drawQueue);
  addEventListener("hashchange", followAddress);
  addEventListener("popstate", followAddress);
  wireIntake(take);
  wireTools();
  wireMenus();
  wireKeys({
    step: (by) => step(by),
    nextLook,
    accept: async () => {
      if (await desk.accept()) nextLook();
    },
    edit: (name) => desk.edit(name),
    picture: () => desk.focusPicture(),
    page: (by) => desk.turnPage(by),
    choose: () => byId("choose").click(),
    filter: () => setFilter(records.filter === "look" ? "all" : "look"),
    search: () => byId("search").focus(),
    help: () => byId("help").showModal(),
    escape: () => {
      if (!desk.cancelEdit() && records.open && !wide.matches) history.back();
    },
  });
  followAddress();
  drawSoon();
  const left = records.all.filter((record) => record.state === "waiting" || record.state === "reading");
  for (const record of left) await records.update(record.uid, { state: "waiting" });
  if (left.length > 0) queue.resume(left);
  if (!lasting) toast("This browser keeps nothing here: what you do is gone when the tab is closed.");
}

start();
