// What a receipt says beyond the four fields: additional fields, items, and checks. Receipts stored by earlier versions
// have none of these.

export const ADDITIONAL_LABELS = {
  time: "Time",
  phone: "Phone",
  tax_id: "Tax ID",
  receipt_number: "Receipt number",
  subtotal: "Subtotal",
  tax: "Tax",
  tip: "Tip",
  discount: "Discount",
  service_charge: "Service charge",
  rounding: "Rounding",
  paid: "Paid",
  change: "Change",
  payment_method: "Payment method",
};

/** Return the additional fields that were found: `[{ name, label, value, confidence }]`. */
export function getAdditionalFields(receipt) {
  return Object.entries(ADDITIONAL_LABELS)
    .filter(([name]) => receipt.fields[name])
    .map(([name, label]) => ({ name, label, value: receipt.fields[name].value, confidence: receipt.fields[name].confidence }));
}

/** Return the rows of the item table, sub-items below their item: `[{ isSubItem, description, quantity, unitPrice, amount }]`. */
export function getItemRows(receipt) {
  return (receipt.items ?? []).flatMap((item) => [toRow(item, false), ...(item.sub_items ?? []).map((part) => toRow(part, true))]);
}

/** Say in words which numbers of a receipt do not add up, one sentence per check that fails. */
export function describeFailedChecks(receipt) {
  return (receipt.checks ?? []).filter((check) => check.holds === false).map((check) => describeCheck(check, receipt.fields));
}

function describeCheck({ name, expected, printed }, fields) {
  const target = fields.subtotal?.amount ? "subtotal" : "total";
  const sentences = {
    items_to_subtotal: `Items add up to ${expected}, but the ${target} says ${printed}.`,
    subtotal_and_tax_to_total: `Subtotal, tax and other charges add up to ${expected}, but the total says ${printed}.`,
    paid_minus_change: `Paid minus change is ${expected}, but the total says ${printed}.`,
    tax_rates: `The tax should be ${expected} by its rate, but the receipt says ${printed}.`,
  };
  return sentences[name] ?? `${expected} was expected, but the receipt says ${printed}.`;
}

function toRow(item, isSubItem) {
  const toAmount = (field) => (field?.amount ? formatNumber(field.amount) : (field?.value ?? ""));
  const quantity = [item.quantity?.number ?? item.quantity?.value, item.unit?.value].filter(Boolean).join(" ");
  return { isSubItem, description: item.description?.value ?? "", quantity, unitPrice: toAmount(item.unit_price), amount: toAmount(item.amount) };
}

/** Format an amount with up to four decimals, because unit prices such as that of fuel have more than two. */
function formatNumber(amount) {
  return Number(amount).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 4 });
}
