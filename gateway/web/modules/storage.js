// What survives a reload: records and the files they came from, in this browser's IndexedDB; settings in localStorage.
// Where a browser keeps nothing (private windows), everything works until the tab is closed.

const NAME = "quittance";
const VERSION = 1;

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Storage {
  #database = null;
  #files = new Map(); // of this session, where the browser keeps none

  /** Opens it; false if nothing will survive a reload. */
  async open() {
    try {
      const request = indexedDB.open(NAME, VERSION);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("records", { keyPath: "uid" });
        request.result.createObjectStore("files");
      };
      this.#database = await settled(request);
      return true;
    } catch {
      return false;
    }
  }

  async records() {
    return this.#database ? settled(this.#store("records").getAll()) : [];
  }

  async put(record) {
    if (this.#database) await settled(this.#store("records", "readwrite").put(record));
  }

  /** Keeps the file of a record; in memory only where there is no room for it. Gives whether it will survive a reload. */
  async putFile(uid, file) {
    try {
      if (!this.#database) throw new Error("no database");
      await settled(this.#store("files", "readwrite").put(file, uid));
      return true;
    } catch {
      this.#files.set(uid, file);
      return false;
    }
  }

  async file(uid) {
    const kept = this.#database ? await settled(this.#store("files").get(uid)) : undefined;
    return kept ?? this.#files.get(uid) ?? null;
  }

  async remove(uid) {
    this.#files.delete(uid);
    if (!this.#database) return;
    await settled(this.#store("records", "readwrite").delete(uid));
    await settled(this.#store("files", "readwrite").delete(uid));
  }

  async clear() {
    this.#files.clear();
    if (!this.#database) return;
    await settled(this.#store("records", "readwrite").clear());
    await settled(this.#store("files", "readwrite").clear());
  }

  #store(name, mode = "readonly") {
    return this.#database.transaction(name, mode).objectStore(name);
  }
}

/** A setting that is remembered; `fallback` if it never was, or cannot be. */
export function remembered(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`quittance.${name}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`quittance.${name}`, JSON.stringify(value));
  } catch {
    // The setting lasts until the tab is closed.
  }
}
