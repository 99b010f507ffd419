"""Whether a person should look at a receipt: as on the page, and if there is a warning."""

from __future__ import annotations

from shared.contracts import FIELD_NAMES, DateField, Receipt

# Of the page, see gateway/web/modules/data/records.js.
DEFAULT_THRESHOLD = 0.8


def find_review_reasons(receipt: Receipt, threshold: float) -> list[str]:
    """Return the reasons for a manual review of a receipt, if any.

    Args:
        receipt: As it was read.
        threshold: Confidence, 0 to 1, below which one of the four fields is unsure.

    Returns:
        For example `missing: date`, `unsure: total`, `ambiguous: date`, `warning: several-receipts`,
        `check: items_to_subtotal`.
    """
    reasons: list[str] = []
    for name in FIELD_NAMES:
        field = receipt.fields.get(name)
        if field is None:
            reasons.append(f"missing: {name}")
        elif field.confidence < threshold:
            reasons.append(f"unsure: {name}")
        elif isinstance(field, DateField) and field.ambiguous:
            reasons.append(f"ambiguous: {name}")
    reasons += [f"warning: {warning.code}" for warning in receipt.warnings]
    return reasons + [f"check: {check.name}" for check in receipt.checks if check.holds is False]
