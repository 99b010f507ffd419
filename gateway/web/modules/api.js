// Requests to the gateway. Every error is a Problem with a title and a detail for people, or Unreachable.

const KEY = "quittance.key";
const MOST_TRIES = 5;

/** What the server said was wrong (RFC 9457), or what is wrong with how it answers. */
export class Problem extends Error {
  constructor({ title, detail, status, type }) {
    super(detail ? `${title}. ${detail}` : title);
    Object.assign(this, { title, detail, status, type: type ?? "" });
  }

  /** True if the server has no such route, not merely no such receipt. */
  get routeMissing() {
    return (this.status === 404 && this.type.endsWith(":not-found")) || this.status === 405 || this.status === 501;
  }

  toJSON() {
    return { title: this.title, detail: this.detail, status: this.status, type: this.type };
  }
}

/** No answer at all: no network, or no server. */
export class Unreachable extends Error {}

let askForKey = async () => null;
let asking = null;

/** Sets how a person is asked for a key: an async function that gives one, or null. */
export function onKeyWanted(ask) {
  askForKey = ask;
}

export function currentKey() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function setKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Without storage the server will ask again.
  }
}

/**
 * Sends a request and gives the response, which is one of success.
 *
 * Waits and tries again where the server asks for it (429, 503 with Retry-After); asks for a key where it wants one.
 * Throws Problem or Unreachable, and AbortError if `signal` ends it.
 */
export async function call(path, { method = "GET", body, json, signal, headers: more = {} } = {}) {
  for (let tries = 1; ; tries += 1) {
    const key = currentKey();
    const headers = { ...more };
    if (key) headers.Authorization = `Bearer ${key}`;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    const response = await send(path, { method, headers, signal, body: json === undefined ? body : JSON.stringify(json) });
    if (response.ok) return response;
    if (response.status === 401 && (await anotherKey(key))) continue;
    const wait = Number(response.headers.get("Retry-After"));
    if ((response.status === 429 || response.status === 503) && wait > 0 && tries < MOST_TRIES) {
      await pause(Math.min(wait, 60) * 1000, signal);
      continue;
    }
    throw await problemOf(response);
  }
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("The server cannot be reached.");
  }
}

/** True if there is now another key than the one that was refused; several requests ask only once. */
async function anotherKey(refused) {
  if (currentKey() !== refused) return true;
  asking ??= askForKey(refused !== "").finally(() => {
    asking = null;
  });
  const key = await asking;
  if (key) setKey(key);
  return Boolean(key) && currentKey() !== refused;
}

async function problemOf(response) {
  try {
    const told = await response.json();
    return new Problem({ ...told, title: told.title ?? `Status ${response.status}`, status: response.status });
  } catch {
    return new Problem({
      title: "The server answered with an error",
      detail: `It gave the status ${response.status} and said no more. Try again; if it stays, its logs tell why.`,
      status: response.status,
    });
  }
}

export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** The events of a server-sent stream, one after the other: `{ event, data }`, data parsed as JSON. */
export async function* events(path, { signal } = {}) {
  const response = await call(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer = (buffer + value).replaceAll("\r\n", "\n");
    for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
      const event = parseEvent(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (event !== null) yield event;
    }
  }
}

function parseEvent(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length > 0 ? { event, data: JSON.parse(data.join("\n")) } : null;
}
