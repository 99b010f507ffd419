"""Labels of other fields and of items, found in the print."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from services.extractor.network.classes import CLASSES
from services.extractor.training.labeling.fields import NO_GROUPS, LabeledText
from services.extractor.training.labeling.receipts import basic_receipt
from tests.support.labeled_receipts import TOTAL, make_receipt, texts_of

ROWS = [
    ["BOOK SHOP"],
    ["2 x GREEN TEA", "8.00"],
    ["RICE BOWL"],
    ["WITH EGG"],
    ["0,482 kg", "4.00"],
    ["Subtotal", "12.00"],
    ["Tax", "0.72"],
    ["TOTAL", "RM12.72"],
    ["CASH", "RM 20.00"],
    ["Tel 03-77261234"],
]
ITEMS: list[dict[str, tuple[str, ...]]] = [
    {"item_description": ("Green Tea",), "item_quantity": ("2",), "item_amount": ("8.00",)},
    {"item_description": ("RICE BOWL", "with egg"), "item_amount": ("4",), "item_unit": ("kg",)},
]


def label(
    items: list[dict[str, tuple[str, ...]]] | None = None, **details: str
) -> tuple[list[LabeledText], Mapping[str, list[str]]]:
    """Return the labeled segments, and the marked texts of each class."""
    receipt = make_receipt(ROWS, company="BOOK SHOP", date="", address="", total="RM12.72")
    texts = {kind: (text,) for kind, text in details.items()}
    labeled = None if items is None else tuple(items)
    found = basic_receipt(dataclasses.replace(receipt, details=texts, items=labeled))
    return found, {name: texts_of(found, number) for number, name in enumerate(CLASSES) if texts_of(found, number)}


def test_finds_the_parts_of_items_and_groups_them() -> None:
    segments, marked = label(ITEMS)
    assert marked["item_description"] == ["GREEN TEA", "RICE BOWL", "WITH EGG"]
    assert marked["item_quantity"] == ["2"]
    assert marked["item_amount"] == ["8.00", "4.00"]
    assert marked["item_unit"] == ["kg"]
    groups = {segment.text: segment.group for segment in segments}
    assert [groups[text] for text in ("2 x GREEN TEA", "8.00", "RICE BOWL", "WITH EGG", "4.00")] == [1, 1, 2, 2, 2]
    assert groups["TOTAL"] == 0


def test_finds_fields_by_value_and_announcement() -> None:
    _, marked = label(subtotal="12", tax="0,72", cash="20.00", phone="0377261234")
    assert (marked["subtotal"], marked["tax"], marked["cash"]) == (["12.00"], ["0.72"], ["20.00"])
    assert marked["phone"] == ["03-77261234"]


def test_leaves_open_what_is_not_there() -> None:
    segments, marked = label(service_charge="5.00", unknown_kind="CASH", tip="12.72")
    assert not {"service_charge", "unknown_kind", "tip", "item_description"} & set(marked)
    assert texts_of(segments, TOTAL) == ["RM12.72"]
    assert {segment.group for segment in segments} == {NO_GROUPS}


def test_takes_the_next_of_two_equal_items() -> None:
    receipt = make_receipt([["TEA", "2.00"], ["TEA", "3.00"]], company="", date="", address="", total="")
    items = ({"item_description": ("TEA",), "item_amount": ("2.00",)}, {"item_description": ("TEA",)})
    found = basic_receipt(dataclasses.replace(receipt, items=items))
    assert [segment.group for segment in found] == [1, 1, 2, 0]
    assert all(segment.labels.dtype == np.int64 for segment in found)
