"""Classes of the characters of a receipt."""

from __future__ import annotations

from typing import Final

from shared.contracts import FIELD_NAMES

OTHER: Final = "other"

# The order of the first five is that of the first released weights.
BASIC_CLASSES: tuple[str, ...] = (OTHER, *FIELD_NAMES)

_FACTS = ("time", "phone", "tax_id", "receipt_number")
_SUMS = ("subtotal", "tax", "tip", "discount", "service_charge", "rounding", "other_charge")
_PAYMENTS = ("cash", "card", "wallet", "other_payment", "change")
_COUNTS = ("item_count", "line_count")
ITEM_CLASSES: tuple[str, ...] = (
    "item_description",
    "item_quantity",
    "item_unit",
    "item_unit_price",
    "item_amount",
    "item_code",
    "item_discount",
    "sub_description",
    "sub_quantity",
    "sub_unit_price",
    "sub_amount",
)
# Words that introduce a value ("SUBTOTAL", "Tel:") or a column ("Qty").
KEY_CLASSES: tuple[str, ...] = tuple(
    f"{name}_key"
    for name in (
        *("total", *_SUMS, *_PAYMENTS),
        *("count", "date", "time", "phone", "tax_id", "receipt_number"),
        *("item_description", "item_quantity", "item_unit_price", "item_amount", "item_discount"),
    )
)

CLASSES: tuple[str, ...] = (
    *BASIC_CLASSES,
    *_FACTS,
    *_SUMS,
    *_PAYMENTS,
    "payment_method",
    *_COUNTS,
    *ITEM_CLASSES,
    *KEY_CLASSES,
)

# Classes whose values are amounts of money.
AMOUNT_CLASSES: tuple[str, ...] = (
    *("total", *_SUMS, *_PAYMENTS),
    *("item_unit_price", "item_amount", "item_discount", "sub_unit_price", "sub_amount"),
)
