// What survives a reload: records and their files in IndexedDB, settings in localStorage.
// In browsers that store nothing (private windows), everything works until the tab is closed.

const NAME = "quittance";
const VERSION = 1;

const toPromise = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Storage {
  #database = null;
  #files = new Map(); // files that the browser could not store, until the tab is closed

  /** Open the database; return false if nothing will survive a reload. */
  async open() {
    try {
      const request = indexedDB.open(NAME, VERSION);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("records", { keyPath: "uid" });
        request.result.createObjectStore("files");
      };
      this.#database = await toPromise(request);
      return true;
    } catch {
      return false;
    }
  }

  async getRecords() {
    return this.#database ? toPromise(this.#store("records").getAll()) : [];
  }

  async putRecord(record) {
    if (this.#database) await toPromise(this.#store("records", "readwrite").put(record));
  }

  /** Store a file; keep it in memory if the storage is full. */
  async putFile(key, file) {
    try {
      if (!this.#database) throw new Error("no database");
      await toPromise(this.#store("files", "readwrite").put(file, key));
    } catch {
      this.#files.set(key, file);
    }
  }

  async getFile(key) {
    const stored = this.#database ? await toPromise(this.#store("files").get(key)) : undefined;
    return stored ?? this.#files.get(key) ?? null;
  }

  /** Remove a record, and files by their keys. */
  async remove(uid, keys) {
    for (const key of keys) this.#files.delete(key);
    if (!this.#database) return;
    await toPromise(this.#store("records", "readwrite").delete(uid));
    for (const key of keys) await toPromise(this.#store("files", "readwrite").delete(key));
  }

  #store(name, mode = "readonly") {
    return this.#database.transaction(name, mode).objectStore(name);
  }
}

/** Return a saved setting, or `fallback` if there is none. */
export function loadSetting(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`quittance.${name}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function saveSetting(name, value) {
  try {
    localStorage.setItem(`quittance.${name}`, JSON.stringify(value));
  } catch {
    // The setting lasts until the tab is closed.
  }
}
