"""Line items from the probabilities of characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.extractor.encoding import TextSegment, encode
from services.extractor.items import Item, ItemPart, find_items
from services.extractor.network.classes import CLASSES
from tests.support.labeled_receipts import box

# A cell is a text, the class of each of its words, and how likely it begins an item.
Cell = tuple[str, str, float]


def items_of(*rows: Sequence[Cell]) -> list[Item]:
    """The items of a receipt on which the network is sure of every word."""
    cells = [(cell, 300.0 * x, 40.0 * y) for y, row in enumerate(rows) for x, cell in enumerate(row)]
    document = encode([TextSegment(box(x, y), cell[0]) for cell, x, y in cells])
    scores = np.full((len(document.text), len(CLASSES) + 1), 0.001, np.float32)
    for place, index in enumerate(document.order):
        text, kinds, start = cells[index][0]
        begin = int(document.start[place])
        scores[begin : begin + len(text), -1] = start
        end = begin
        for word, kind in zip(text.split(), kinds.split(), strict=True):
            first = document.text.index(word, end)
            end = first + len(word)
            scores[first:end, CLASSES.index(kind)] = 0.9
    return find_items(document, scores)


def text(part: ItemPart | None) -> str | None:
    return part.text if part else None


def test_reads_the_parts_of_a_row() -> None:
    (item,) = items_of(
        [("2x", "item_quantity", 0.9), ("TEA", "item_description", 0.1), ("5.00", "item_amount", 0.1)],
        [("TOTAL", "total_key", 0.1), ("5.00", "total", 0.1)],
    )
    assert [text(part) for part in (item.quantity, item.description, item.amount)] == ["2x", "TEA", "5.00"]
    assert item.unit is item.unit_price is item.code is item.discount is None
    assert item.amount is not None
    assert abs(item.amount.score - 0.9) < 0.01


def test_splits_a_segment_by_words() -> None:
    (item,) = items_of(
        [("TEA", "item_description", 0.9), ("9.00", "item_amount", 0.1)],
        [("2 x 4.50", "item_quantity other item_unit_price", 0.1)],
    )
    assert [text(part) for part in (item.quantity, item.unit_price, item.amount)] == ["2", "4.50", "9.00"]


def test_sign_between_quantity_and_price_is_not_a_unit() -> None:
    weighed, counted = items_of(
        [("APPLES", "item_description", 0.9), ("0.482 kg", "item_quantity item_unit", 0.1)],
        [("TEA", "item_description", 0.9), ("2 X 4.50", "item_quantity item_unit item_unit_price", 0.1)],
    )
    assert (text(weighed.unit), text(counted.unit)) == ("kg", None)


def test_joins_a_description_over_two_rows() -> None:
    first, second = items_of(
        [("ICED LEMON", "item_description item_description", 0.9), ("5.00", "item_amount", 0.1)],
        [("TEA LARGE", "item_description item_description", 0.2)],
        [("CAKE", "item_description", 0.9), ("7.00", "item_amount", 0.1)],
    )
    assert text(first.description) == "ICED LEMON TEA LARGE"
    assert text(second.description) == "CAKE"


def test_two_amounts_are_two_items() -> None:
    found = items_of(
        [("TEA", "item_description", 0.9), ("5.00", "item_amount", 0.1)],
        [("CAKE", "item_description", 0.4), ("7.00", "item_amount", 0.1)],
    )
    assert [text(item.amount) for item in found] == ["5.00", "7.00"]


def test_sub_items_belong_to_their_item() -> None:
    (item,) = items_of(
        [("TEA", "item_description", 0.9), ("5.00", "item_amount", 0.1)],
        [("+PEARLS", "sub_description", 0.1), ("1.00", "sub_amount", 0.1)],
        [("LESS SUGAR", "sub_description sub_description", 0.1)],
    )
    assert [(text(sub.description), text(sub.amount)) for sub in item.sub_items] == [
        ("+PEARLS", "1.00"),
        ("LESS SUGAR", None),
    ]


def test_discount_and_code_are_parts_of_their_item() -> None:
    (item,) = items_of(
        [("90123", "item_code", 0.9), ("TEA", "item_description", 0.1), ("5.00", "item_amount", 0.1)],
        [("DISC", "item_discount_key", 0.1), ("-1.00", "item_discount", 0.1)],
    )
    assert (text(item.code), text(item.discount)) == ("90123", "-1.00")


def test_receipt_without_items_has_none() -> None:
    assert items_of([("TOTAL", "total_key", 0.1), ("5.00", "total", 0.1)]) == []
    assert find_items(encode([]), np.zeros((0, len(CLASSES) + 1), np.float32)) == []
