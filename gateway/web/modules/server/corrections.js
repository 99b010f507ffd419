// Corrections on the server: PUT and DELETE /v1/receipts/{id}/corrections. The server decides what a value means and
// whether it is valid, so a correction counts only once it is saved there.

import { isProperty } from "../data/properties.js";
import { Problem, Unreachable, request } from "./api.js";
import { withReceipt } from "./receipts.js";

/** Saves the corrections of records, and keeps in the records what could not be saved, with the reason. */
export class Corrections {
  #records;

  constructor(records) {
    this.#records = records;
  }

  /** Save the correction of a field or property; return null, or the problem if it is not saved. */
  async save(record, name, { value, lines }) {
    try {
      const saved = await this.#put(record, (hasLines) =>
        isProperty(name) ? { properties: { [name]: value } } : { fields: { [name]: toChange({ value, lines }, hasLines) } },
      );
      await this.#records.update(record.uid, { ...saved, unsaved: omit(record.unsaved, name) });
      return null;
    } catch (error) {
      const problem = toProblem(error);
      await this.#records.update(record.uid, { unsaved: { ...record.unsaved, [name]: { value, lines, problem } } });
      return problem;
    }
  }

  /** Save all rows of "items" or "taxes"; return null, or the problem if they are not saved. */
  async saveTable(record, name, rows) {
    try {
      await this.#records.update(record.uid, await this.#put(record, () => ({ [name]: rows })));
      return null;
    } catch (error) {
      return toProblem(error);
    }
  }

  /** Forget what was entered for a field but not saved. */
  discard(record, name) {
    return this.#records.update(record.uid, { unsaved: omit(record.unsaved, name) });
  }

  /** Undo the correction of a field, a property or a table; return null, or the problem if the server still has it. */
  async undo(record, name) {
    try {
      await ignoreMissing(request(`${getPath(record)}?name=${name}`, { method: "DELETE" }));
      const left = await ignoreMissing(request(getPath(record)));
      await this.#records.update(record.uid, getSaved(left === null ? null : await left.json()));
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

  /** Send what `build(hasLines)` returns; without `hasLines`, the indices of lines may be those of others. */
  async #put(record, build) {
    const readLines = record.receipt.lines;
    const response = await withReceipt(this.#records, record, () => {
      // Other models may have read the file again.
      const json = build(hasSameTexts(readLines, record.receipt.lines));
      return request(getPath(record), { method: "PUT", json });
    });
    return getSaved(await response.json());
  }
}

/** Return corrections of the server as members of a record. */
export function getSaved(saved) {
  const { fields = {}, items = null, taxes = null, properties = {}, checks = [] } = saved ?? {};
  return { corrections: fields, correctedItems: items, correctedTaxes: taxes, correctedProperties: properties, checks };
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

/** Return what a request returns, or null if the server has no such corrections. */
async function ignoreMissing(pending) {
  try {
    return await pending;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
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
