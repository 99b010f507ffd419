// The exports of the menu: files to download, and JSON on the clipboard.

import * as exports from "../data/exports.js";
import { formatCount } from "../data/values.js";
import { copyText, downloadFile, showToast } from "./dom.js";

export const EXPORTS = ["csv", "items-csv", "codes-csv", "xlsx", "json", "copy"];

/** Export records to a file, or as JSON to the clipboard. */
export async function runExport(chosen, format) {
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

export function copyCurlCommand(record) {
  return copyText(exports.buildCurlCommand(record, location.origin), "Command");
}
