"""Receipts of each dataset as labeled characters."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from services.extractor.encoding import TextSegment
from services.extractor.network.classes import CLASSES
from services.extractor.training.labeling.fields import IGNORED, NO_GROUPS
from services.extractor.training.labeling.readings import Reading
from services.extractor.training.labeling.receipts import basic_receipt, cord_receipt, versions_of, wild_receipt
from services.extractor.training.labeling.targets import BASIC_OTHER, WILD_OTHER
from shared.learning.cord import CordReceipt, CordSegment
from shared.learning.labels import LabeledReceipt, LabeledSegment
from tests.support.labeled_receipts import COMPANY, DATE, box, make_receipt, texts_of


def wild(*segments: tuple[str, str]) -> LabeledReceipt:
    receipt = make_receipt([])
    made = tuple(LabeledSegment(box(0, 40.0 * n), text, label) for n, (text, label) in enumerate(segments))
    return dataclasses.replace(receipt, segments=made, spaced=False)


def cord(*segments: tuple[str, str, bool, int]) -> CordReceipt:
    made = tuple(CordSegment(box(0, 40.0 * n), *segment, row=n) for n, segment in enumerate(segments))
    return CordReceipt("A", 600, 800, made)


def test_basic_receipt_leaves_unlabeled_print_open() -> None:
    found = basic_receipt(make_receipt())
    (pen,) = [segment for segment in found if segment.text == "PEN"]
    assert set(pen.labels.tolist()) == {BASIC_OTHER}
    assert all(segment.group == NO_GROUPS for segment in found)


def test_wild_receipt_marks_the_date_within_its_segment() -> None:
    (first, second) = wild_receipt(wild(("Date:3/14/2014", "Date_value"), ("Thanks", "Others")))
    assert texts_of([first], DATE) == ["3/14/2014"]
    assert set(second.labels.tolist()) == {WILD_OTHER}


@pytest.mark.parametrize(
    ("text", "label", "value"),
    [
        ("TOTAL:9.00", "Total_value", "9.00"),
        ("$2.99R", "Prod_price_value", "$2.99"),
        ("2.99", "Prod_price_value", "2.99"),
        ("TEL=(604)294-0104", "Tel_value", "(604)294-0104"),
        ("12x3.50=7.00", "Prod_price_value", "12x3.50=7.00"),
    ],
)
def test_wild_receipt_leaves_words_around_a_value_open(text: str, label: str, value: str) -> None:
    (segment,) = wild_receipt(wild((text, label)))
    assert "".join(c for c, number in zip(text, segment.labels, strict=True) if number != IGNORED) == value


@pytest.mark.parametrize(
    ("text", "value"), [("Rp 20,000", "20,000"), ("Rp20,000", "Rp20,000"), ("20.000 IDR", "20.000"), ("1 234", "1 234")]
)
def test_cord_receipt_leaves_signs_apart_open(text: str, value: str) -> None:
    (segment,) = cord_receipt(cord((text, "total.total_price", False, 1)))
    assert "".join(c for c, number in zip(text, segment.labels, strict=True) if number != IGNORED) == value


def test_cord_receipt_numbers_items_from_one() -> None:
    found = cord_receipt(
        cord(
            ("TEA", "menu.nm", False, 7),
            ("5.000", "menu.price", False, 7),
            ("CAKE", "menu.nm", False, 9),
            ("TOTAL", "total.total_price", True, 12),
        )
    )
    assert [segment.group for segment in found] == [1, 1, 2, 0]
    assert found[3].labels[0] == CLASSES.index("total_key")


def test_cord_receipt_tells_rounding_by_the_words_on_its_row() -> None:
    receipt = cord(("Rounding", "sub_total.etc", True, 1), ("-1", "sub_total.etc", False, 1))
    same_row = dataclasses.replace(receipt, segments=tuple(dataclasses.replace(s, row=1) for s in receipt.segments))
    assert cord_receipt(same_row)[1].labels[0] == CLASSES.index("rounding")


def test_versions_are_the_labeled_receipt_and_its_readings() -> None:
    receipt = make_receipt([["LEE SHOP"]], company="LEE SHOP")
    copy = LabeledSegment(box(0, 0, 125, 10), "LEE SHOP")
    reading = Reading([copy], [TextSegment(box(0, 0, 125, 10), "LEE SH0P", confidence=0.6)])
    labeled, read = versions_of(receipt, [{"A": reading}, {}])
    assert labeled[0].text == "LEE SHOP"
    assert read[0].text == "LEE SH0P"
    assert read[0].labels.tolist() == [COMPANY] * 8


def test_what_wildreceipt_ignores_is_of_unknown_kind_when_read() -> None:
    receipt = wild(("SHOP", "Store_name_value"))
    reading = Reading([receipt.segments[0]], [TextSegment(box(0, 300), "BLURRED")])
    assert set(versions_of(receipt, [{"A": reading}])[1][0].labels.tolist()) == {IGNORED}


def test_refuses_readings_of_other_labels() -> None:
    receipt = make_receipt([["LEE SHOP"]])
    reading = Reading([LabeledSegment(box(0, 0), "OTHER")], [])
    with pytest.raises(ValueError, match="labeled differently"):
        versions_of(receipt, [{"A": reading}])


def test_labels_are_as_long_as_texts() -> None:
    found = [*basic_receipt(make_receipt()), *wild_receipt(wild(("A", "Tax_value")))]
    assert all(len(segment.text) == len(segment.labels) for segment in found)
    assert all(segment.labels.dtype == np.int64 for segment in found)
