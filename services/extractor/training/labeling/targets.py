"""Map the labels of datasets to classes of the network.

A dataset that does not label a class does not deny it. So a label stands for a set of classes, and the loss sums the
probabilities of the set (marginalized cross-entropy). A training label is a number: below the count of classes it is
the class itself, above it is one of the sets in `SETS`, and IGNORED says nothing. Never imported by serving code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from services.extractor.network.classes import BASIC_CLASSES, CLASSES, KEY_CLASSES, OTHER
from services.extractor.training.labeling.fields import IGNORED
from shared.arrays import Flags

# WildReceipt's labels without `Others` and `Ignore`, and the classes each of them covers.
WILD_CLASSES: dict[str, tuple[str, ...]] = {
    "Store_name_value": ("company",),
    "Store_name_key": (OTHER,),
    "Store_addr_value": ("address",),
    "Store_addr_key": (OTHER,),
    "Tel_value": ("phone",),
    "Tel_key": ("phone_key",),
    "Date_value": ("date",),
    "Date_key": ("date_key",),
    "Time_value": ("time",),
    "Time_key": ("time_key",),
    "Prod_item_value": ("item_description", "sub_description"),
    "Prod_item_key": ("item_description_key",),
    "Prod_quantity_value": ("item_quantity", "sub_quantity"),
    "Prod_quantity_key": ("item_quantity_key",),
    "Prod_price_value": ("item_amount", "sub_amount"),
    "Prod_price_key": ("item_amount_key",),
    "Subtotal_value": ("subtotal",),
    "Subtotal_key": ("subtotal_key",),
    "Tax_value": ("tax",),
    "Tax_key": ("tax_key",),
    "Tips_value": ("tip",),
    "Tips_key": ("tip_key",),
    "Total_value": ("total",),
    "Total_key": ("total_key",),
}

# CORD's labels, and the classes of their values and of the words that announce them.
CORD_CLASSES: dict[str, tuple[str, ...]] = {
    "menu.nm": ("item_description",),
    "menu.cnt": ("item_quantity",),
    "menu.unitprice": ("item_unit_price",),
    "menu.price": ("item_amount",),
    "menu.itemsubtotal": ("item_amount",),
    "menu.num": ("item_code",),
    "menu.discountprice": ("item_discount",),
    "menu.sub_nm": ("sub_description",),
    "menu.sub_cnt": ("sub_quantity",),
    "menu.sub_unitprice": ("sub_unit_price",),
    "menu.sub_price": ("sub_amount",),
    "void_menu.nm": ("item_description",),
    "void_menu.price": ("item_amount",),
    "sub_total.subtotal_price": ("subtotal",),
    "sub_total.tax_price": ("tax",),
    "sub_total.service_price": ("service_charge",),
    "sub_total.discount_price": ("discount",),
    "sub_total.othersvc_price": ("other_charge",),
    "sub_total.etc": ("other_charge", "rounding"),
    "total.total_price": ("total",),
    "total.cashprice": ("cash",),
    "total.changeprice": ("change",),
    "total.creditcardprice": ("card",),
    "total.emoneyprice": ("wallet",),
    "total.total_etc": ("other_payment",),
    "total.menuqty_cnt": ("item_count",),
    "total.menutype_cnt": ("line_count",),
}
CORD_KEY_CLASSES: dict[str, tuple[str, ...]] = {
    "menu.cnt": ("item_unit",),
    "menu.unitprice": ("item_unit_price_key",),
    "menu.price": ("item_amount_key",),
    "menu.discountprice": ("item_discount_key",),
    "menu.sub_price": ("item_amount_key",),
    "sub_total.subtotal_price": ("subtotal_key",),
    "sub_total.tax_price": ("tax_key",),
    "sub_total.service_price": ("service_charge_key",),
    "sub_total.discount_price": ("discount_key",),
    "sub_total.othersvc_price": ("other_charge_key",),
    "sub_total.etc": ("other_charge_key", "rounding_key"),
    "total.total_price": ("total_key",),
    "total.cashprice": ("cash_key",),
    "total.changeprice": ("change_key",),
    "total.creditcardprice": ("card_key",),
    "total.emoneyprice": ("wallet_key",),
    "total.total_etc": ("other_payment_key",),
    "total.menuqty_cnt": ("count_key",),
    "total.menutype_cnt": ("count_key",),
}
_ROUNDING_WORD = re.compile(r"ROUND|PEMBULATAN", re.IGNORECASE)


def _all_but(covered: Iterable[str]) -> tuple[str, ...]:
    labeled = set(covered) - {OTHER}
    return tuple(name for name in CLASSES if name not in labeled)


# Text without a label belongs to none of the classes that the dataset labels.
SETS: dict[str, tuple[str, ...]] = {
    "basic other": _all_but(BASIC_CLASSES),
    "wild other": _all_but(name for names in WILD_CLASSES.values() for name in names),
    "cord other": _all_but(
        name for table in (CORD_CLASSES, CORD_KEY_CLASSES) for names in table.values() for name in names
    ),
    "wild date": ("date", "date_key", "time", "time_key", OTHER),
    **{" ".join(names): names for names in WILD_CLASSES.values() if len(names) > 1},
    **{" ".join(names): names for names in CORD_CLASSES.values() if len(names) > 1},
    **{" ".join(names): names for names in CORD_KEY_CLASSES.values() if len(names) > 1},
}
_NUMBER_OF = {name: number for number, name in enumerate([*CLASSES, *SETS])}
BASIC_OTHER = _NUMBER_OF["basic other"]
WILD_OTHER = _NUMBER_OF["wild other"]
WILD_DATE = _NUMBER_OF["wild date"]
BACKGROUND = frozenset({_NUMBER_OF[OTHER], BASIC_OTHER, WILD_OTHER, _NUMBER_OF["cord other"], IGNORED})
"""The labels of print that belongs to no value; it may be missing on a variation of the receipt."""


def target(names: tuple[str, ...]) -> int:
    """Return the number of a class, given alone, or of a set of classes."""
    return _NUMBER_OF[names[0] if len(names) == 1 else " ".join(names)]


def wild_target(label: str) -> int:
    """Return the number for one of WildReceipt's labels."""
    names = WILD_CLASSES.get(label)
    return WILD_OTHER if names is None else target(names)


def cord_target(label: str, *, is_key: bool, announced_by: str = "") -> int:
    """Return the number for one of CORD's labels; IGNORED where it has no class here.

    Args:
        label: Such as `menu.nm`.
        is_key: Whether the segment announces the value.
        announced_by: The words on the same row that announce it.
    """
    names = (CORD_KEY_CLASSES if is_key else CORD_CLASSES).get(label)
    if names is None:
        return IGNORED
    if label == "sub_total.etc" and announced_by:
        return target(names[1:] if _ROUNDING_WORD.search(announced_by) else names[:1])
    return target(names)


def target_table() -> Flags:
    """Return which classes each number stands for, (numbers + 1, len(CLASSES)); the last row (IGNORED) has all."""
    table = np.zeros((len(_NUMBER_OF) + 1, len(CLASSES)), bool)
    table[: len(CLASSES)] = np.eye(len(CLASSES), dtype=bool)
    for name, members in SETS.items():
        table[_NUMBER_OF[name], [CLASSES.index(member) for member in members]] = True
    table[-1] = True
    return table


def opened(labels: npt.NDArray[np.int64], background: int) -> npt.NDArray[np.int64]:
    """Return labels with `background` instead of class 0."""
    return np.where(labels == 0, background, labels)


def is_key_class(name: str) -> bool:
    """Whether a class is of words that announce a value."""
    return name in KEY_CLASSES
