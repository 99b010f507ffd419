// Requests to the gateway. Every error is a Problem, with a title and a detail for users, or Unreachable.

const KEY_NAME = "quittance.key";
const MAX_ATTEMPTS = 5;
const MAX_WAIT_S = 60;

/** An error that the server reported (RFC 9457), or an error response without a report. */
export class Problem extends Error {
  constructor({ title, detail, status, type, field }) {
    super(detail ? `${title}. ${detail}` : title);
    Object.assign(this, { title, detail, status, type: type ?? "", field });
  }

  /** Whether the server does not have the receipt, or no longer. */
  get isReceiptMissing() {
    return this.status === 404 && this.type.endsWith(":receipt-not-found");
  }

  toJSON() {
    return { title: this.title, detail: this.detail, status: this.status, type: this.type, field: this.field };
  }
}

/** There was no response: no network, or no server. */
export class Unreachable extends Error {}

let promptForKey = async () => null;
let pendingPrompt = null;

/** Set how the user is asked for a key: an async function that returns a key or null. */
export function setKeyPrompt(prompt) {
  promptForKey = prompt;
}

export function getKey() {
  try {
    return sessionStorage.getItem(KEY_NAME) ?? "";
  } catch {
    return "";
  }
}

export function setKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY_NAME, key);
    else sessionStorage.removeItem(KEY_NAME);
  } catch {
    // Without storage the user is asked again.
  }
}

/**
 * Send a request and return the response if it is successful.
 *
 * Waits and retries if the server asks for it (429, 503 with Retry-After), and asks the user for a key if one is required.
 * Throws Problem or Unreachable, and AbortError if `signal` aborts the request.
 */
export async function request(path, { method = "GET", body, json, signal, headers: extraHeaders = {} } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const key = getKey();
    const headers = { ...extraHeaders };
    if (key) headers.Authorization = `Bearer ${key}`;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    const response = await send(path, { method, headers, signal, body: json === undefined ? body : JSON.stringify(json) });
    if (response.ok) return response;
    if (response.status === 401 && (await obtainOtherKey(key))) continue;
    const retryAfter = Number(response.headers.get("Retry-After"));
    if ((response.status === 429 || response.status === 503) && retryAfter > 0 && attempt < MAX_ATTEMPTS) {
      await pause(Math.min(retryAfter, MAX_WAIT_S) * 1000, signal);
      continue;
    }
    throw await readProblem(response);
  }
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("Cannot reach the server.");
  }
}

/** Ask for a key once for all pending requests; return whether there is now another one than the rejected one. */
async function obtainOtherKey(rejected) {
  if (getKey() !== rejected) return true;
  pendingPrompt ??= promptForKey(rejected !== "").finally(() => {
    pendingPrompt = null;
  });
  const key = await pendingPrompt;
  if (key) setKey(key);
  return Boolean(key) && getKey() !== rejected;
}

async function readProblem(response) {
  try {
    const content = await response.json();
    return new Problem({ ...content, title: content.title ?? `Status ${response.status}`, status: response.status });
  } catch {
    return new Problem({
      title: "Server error",
      detail: `The server responded with status ${response.status}. Try again. If the problem persists, check the server logs.`,
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

/** Yield the events of a server-sent stream as `{ event, data }`, with `data` parsed from JSON. */
export async function* streamEvents(path, { signal } = {}) {
  const response = await request(path, { signal, headers: { Accept: "text/event-stream" } });
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
