// Corrections on the server: PUT and DELETE /v1/receipts/{id}/corrections. The server decides what a value means and
// whether it is valid, so a correction counts only once it is saved there.

import { Problem, Unreachable, request } from "./api.js";
import { withReceipt } from "./receipts.js";

/** Saves the corrections of records, and keeps in the records what could not be saved, with the reason. */
export class Corrections {
  #records;

  constructor(records) {
    this.#records = records;
  }

  /** Save the correction of a field; return null, or the problem if it is not saved. */
  async save(record, name, { value, lines }) {
    try {
      const saved = await this.#put(record, { [name]: { value, lines } });
      await this.#records.update(record.uid, { ...saved, unsaved: omit(record.unsaved, name) });
      return null;
    } catch (error) {
      const problem = toProblem(error);
      await this.#records.update(record.uid, { unsaved: { ...record.unsaved, [name]: { value, lines, problem } } });
      return problem;
    }
  }

  /** Save all items of a receipt; return null, or the problem if they are not saved. */
  async saveItems(record, items) {
    try {
      await this.#records.update(record.uid, await this.#put(record, {}, items));
      return null;
    } catch (error) {
      return toProblem(error);
    }
  }

  /** Forget what was entered for a field but not saved. */
  discard(record, name) {
    return this.#records.update(record.uid, { unsaved: omit(record.unsaved, name) });
  }

  /** Undo the correction of a field, or of the "items"; return null, or the problem if the server still has it. */
  async undo(record, name) {
    const others = omit(record.corrections, name);
    const items = name === "items" || record.correctedItems === null ? null : record.correctedItems.items.map(toItemChange);
    try {
      // The API cannot delete a single correction.
      await request(getPath(record), { method: "DELETE" });
      const more = toOtherChanges(record.otherCorrections);
      const isEmpty = Object.keys(others).length === 0 && items === null && Object.keys(more).length === 0;
      await this.#records.update(record.uid, isEmpty ? getSaved(null) : await this.#put(record, others, items, more));
      return null;
    } catch (error) {
      return toProblem(error);
    }
  }

  /** Save everything that was not saved for a reason that may have passed. */
  async retry() {
    for (const record of this.#records.all.filter(({ state }) => state === "done")) {
      for (const [name, change] of Object.entries(record.unsaved)) {
        if (!isRejected(change.problem)) await this.save(record, name, change);
      }
    }
  }

  async #put(record, changes, items = null, more = {}) {
    const readLines = record.receipt.lines;
    const response = await withReceipt(this.#records, record, () => {
      // Other models may have read the file again: then the chosen segments are others.
      const isSame = hasSameTexts(readLines, record.receipt.lines);
      const fields = Object.fromEntries(Object.entries(changes).map(([name, change]) => [name, toChange(change, isSame)]));
      return request(getPath(record), { method: "PUT", json: { fields, items, ...more } });
    });
    return getSaved(await response.json());
  }
}

/** Return corrections of the server as members of a record. */
export function getSaved(saved) {
  const { fields = {}, items = null, checks = [], taxes = null, properties = {} } = saved ?? {};
  return { corrections: fields, correctedItems: items, checks, otherCorrections: { taxes, properties } };
}

/** Whether the server has looked at a value and rejected it; then sending it again would not help. */
export function isRejected(problem) {
  return problem?.status === 422;
}

function getPath(record) {
  return `/v1/receipts/${record.receipt.id}/corrections`;
}

function toChange({ value, lines }, hasLines) {
  if (value === null) return null;
  return hasLines && lines?.length > 0 ? { value, lines } : { value };
}

function toItemChange({ sub_items: subItems, ...parts }) {
  const change = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part?.value ?? null]));
  return subItems ? { ...change, sub_items: subItems.map(toItemChange) } : change;
}

/** Return corrections that the page does not show, of taxes and of the whole receipt, as changes. */
function toOtherChanges({ taxes, properties }) {
  const values = Object.entries(properties).map(([name, { value }]) => [name, value]);
  return {
    ...(taxes === null ? {} : { taxes: taxes.taxes.map(toItemChange) }),
    ...(values.length === 0 ? {} : { properties: Object.fromEntries(values) }),
  };
}

function hasSameTexts(lines, others) {
  return lines.length === others.length && lines.every((line, index) => line.text === others[index].text);
}

function omit(object, name) {
  const { [name]: _, ...others } = object;
  return others;
}

function toProblem(error) {
  if (error instanceof Problem) return error.toJSON();
  if (error instanceof Unreachable) return { title: error.message, detail: "The value will be saved when the server is back." };
  return { title: "Something went wrong.", detail: error.message };
}
