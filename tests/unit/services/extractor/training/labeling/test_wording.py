"""Labels that follow from the wording of a receipt."""

from __future__ import annotations

import pytest

from services.extractor.network.classes import CLASSES
from services.extractor.training.labeling.receipts import basic_receipt
from tests.support.labeled_receipts import TOTAL, make_receipt, texts_of


@pytest.mark.parametrize(
    ("row", "name", "expected"),
    [
        (["12/02/2018", "8:13:39 PM"], "time", ["8:13:39 PM"]),
        (["TEL : 07-386 7524 FAX : 07-386 3793"], "phone", ["07-386 7524"]),
        (["GST NO: 000800589824"], "tax_id", ["000800589824"]),
        (["DOCUMENT NO : TD01167104"], "receipt_number", ["TD01167104"]),
        (["CHANGE", "1.00"], "change", ["1.00"]),
        (["CASH", "10.00"], "cash", ["10.00"]),
        (["CASH", "10.00"], "cash_key", ["CASH"]),
        (["ROUNDING ADJ", "-0.02"], "rounding", ["0.02"]),
        (["VISA CARD", "10.00"], "card", ["10.00"]),
        (["EXCHANGE WITHIN", "7.00"], "change", []),
        (["TOTAL SAVINGS", "7.00"], "change", []),
    ],
)
def test_marks_values_that_words_announce(row: list[str], name: str, expected: list[str]) -> None:
    found = basic_receipt(make_receipt([["SHOP"], row], company="SHOP", date="", address="", total=""))
    assert texts_of(found, CLASSES.index(name)) == expected


def test_keeps_the_labels_of_the_dataset() -> None:
    found = basic_receipt(make_receipt([["SUB TOTAL", "9.00"], ["TOTAL", "9.00"]]))
    assert texts_of(found, TOTAL) == ["9.00"]
    assert texts_of(found, CLASSES.index("subtotal")) == ["9.00"]
