// The tables of a receipt that can be corrected as a whole: items and tax rows.

const ITEM_PARTS = ["description", "quantity", "unit_price", "amount", "unit", "code", "discount"];
const SUB_ITEM_PARTS = ITEM_PARTS.slice(0, 4);
const TAX_PARTS = ["rate", "base", "amount"];

/**
 * By name: `title`, `row` (what a row is called), `columns` ([part, label]), `label` (the part that names a row, or null),
 * getRows(record), with `isSubItem` and a text or null by part, and toChange(rows), what the server is sent.
 */
export const TABLES = {
  items: {
    title: "Items",
    row: "item",
    columns: [
      ["description", "Description"],
      ["quantity", "Quantity"],
      ["unit_price", "Unit price"],
      ["amount", "Amount"],
    ],
    label: "description",
    getCorrection: (record) => record.correctedItems,
    getRows: (record) => getItems(record).flatMap((item) => [toRow(item, ITEM_PARTS), ...(item.sub_items ?? []).map((part) => toRow(part, SUB_ITEM_PARTS, true))]),
    toChange: toItems,
  },
  taxes: {
    title: "Tax rates",
    row: "tax row",
    columns: [
      ["rate", "Rate (%)"],
      ["base", "Net"],
      ["amount", "Tax"],
    ],
    label: null,
    getCorrection: (record) => record.correctedTaxes,
    getRows: (record) => (record.correctedTaxes?.taxes ?? record.receipt.taxes ?? []).map((row) => toRow(row, TAX_PARTS)),
    toChange: (rows) => rows.map((row) => select(row, TAX_PARTS)),
  },
};

/** Name a row for the labels of its inputs; `index` counts from 0. */
export function describeRow({ label, row: name }, row, index) {
  return label === null ? `${name} ${index + 1}` : row[label] || `a new ${name}`;
}

function getItems(record) {
  return record.correctedItems?.items ?? record.receipt.items ?? [];
}

function toItems(rows) {
  const items = [];
  for (const row of rows) {
    if (row.isSubItem && items.length > 0) items.at(-1).sub_items.push(select(row, SUB_ITEM_PARTS));
    else items.push({ ...select(row, ITEM_PARTS), sub_items: [] });
  }
  return items;
}

function toRow(parts, names, isSubItem = false) {
  const getText = (part) => (part ? (part.amount ?? part.number ?? part.value) : null);
  return { isSubItem, ...Object.fromEntries(names.map((name) => [name, getText(parts[name])])) };
}

function select(row, names) {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}
