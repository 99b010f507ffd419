// Sends pictures to the gateway and shows what it read. What comes from a receipt or a file name is only ever set as
// text, never as markup.
"use strict";

const FIELDS = ["company", "date", "address", "total"];
const SVG = "http://www.w3.org/2000/svg";
const list = document.getElementById("receipts");
const drop = document.getElementById("drop");
const choose = document.getElementById("choose");
let queue = Promise.resolve(); // one picture after the other, so that a pile does not fill the server's queue

choose.addEventListener("change", () => {
  add(choose.files);
  choose.value = "";
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  add(event.dataTransfer.files);
});

function add(files) {
  for (const file of files) {
    const card = makeCard(file);
    list.prepend(card);
    queue = queue.then(() => read(file, card));
  }
}

function makeCard(file) {
  const card = document.getElementById("receipt").content.firstElementChild.cloneNode(true);
  card.querySelector("h2").textContent = file.name;
  const image = document.createElement("img");
  image.alt = "The picture that was sent";
  image.src = URL.createObjectURL(file);
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  image.addEventListener("error", () => image.remove());
  card.querySelector(".paper").append(image);
  return card;
}

async function read(file, card) {
  const state = card.querySelector(".state");
  try {
    const form = new FormData();
    form.append("file", file);
    const start = performance.now();
    const response = await fetch("/v1/receipts", { method: "POST", body: form });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${answer.title}. ${answer.detail}`);
    show(answer, card, (performance.now() - start) / 1000);
  } catch (error) {
    card.classList.add("failed");
    state.textContent = error instanceof TypeError ? "The server cannot be reached. Try again." : error.message;
  }
}

function show(receipt, card, seconds) {
  const read = receipt.lines.length === 0 ? "No text was found" : `${receipt.lines.length} segments were read`;
  const how = receipt.cached ? "known from before" : `${seconds.toFixed(1)} s`;
  card.querySelector(".state").textContent = `${read} (${how}).`;
  const fields = card.querySelector(".fields");
  for (const name of FIELDS) fields.append(...describe(name, receipt.fields[name]));
  card.querySelector(".note").textContent = "Read by machine: check what matters.";
  card.querySelector(".lines").append(...receipt.lines.map((line) => element("li", line.text)));
  card.querySelector("details").hidden = receipt.lines.length === 0;
  // A browser shows no PDF or TIFF in a picture; outlines of segments alone would tell nothing.
  const paper = card.querySelector(".paper");
  if (paper.querySelector("img")) paper.append(draw(receipt));
}

function describe(name, field) {
  const term = element("dt", name, name);
  if (field === null) return [term, element("dd", "not found")];
  const value = element("dd", field.value);
  const more = [`${Math.round(field.confidence * 100)}% sure`];
  if (field.iso) more.push(field.iso);
  if (field.amount) more.push([field.amount, field.currency].filter(Boolean).join(" "));
  if (field.corrected) more.push("spelling corrected from the list of merchants");
  value.append(element("span", more.join(" · "), "aside"));
  return [term, value];
}

function draw(receipt) {
  const page = receipt.pages[0];
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
  picture.setAttribute("aria-hidden", "true");
  const owner = new Map();
  for (const name of FIELDS) for (const line of receipt.fields[name]?.lines ?? []) owner.set(line, name);
  receipt.lines.forEach((line, index) => {
    if (line.page !== 0) return;
    const shape = document.createElementNS(SVG, "polygon");
    shape.setAttribute("points", line.quad.map((point) => point.join(",")).join(" "));
    if (owner.has(index)) shape.setAttribute("class", owner.get(index));
    const title = document.createElementNS(SVG, "title");
    title.textContent = line.text;
    shape.append(title);
    picture.append(shape);
  });
  return picture;
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
