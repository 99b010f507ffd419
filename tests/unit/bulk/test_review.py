"""Which receipts need review, and why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bulk.review import DEFAULT_THRESHOLD, find_review_reasons
from shared.contracts import AddressField, AmountField, Check, DateField, Fields, Receipt, ReceiptField
from tests.support.receipts import RECEIPT

PLACE: dict[str, Any] = {"quad": ((0, 0), (1, 0), (1, 1), (0, 1)), "lines": [0]}
CERTAIN = Fields(
    company=ReceiptField(value="SHOP", confidence=0.9, **PLACE),
    date=DateField(value="25/12/2018", iso="2018-12-25", confidence=0.9, **PLACE),
    address=AddressField(value="1 ROAD", confidence=0.9, **PLACE),
    total=AmountField(value="9.00", amount="9.00", currency=None, confidence=0.9, **PLACE),
)


def make_receipt(**fields: object) -> Receipt:
    return RECEIPT.model_copy(update={"fields": CERTAIN.model_copy(update=fields), "checks": []})


def test_a_certain_receipt_needs_no_review() -> None:
    assert find_review_reasons(make_receipt(), 0.8) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"date": None}, "missing: date"),
        ({"company": ReceiptField(value="SHOP", confidence=0.79, **PLACE)}, "unsure: company"),
        (
            {"date": DateField(value="3/4/18", iso="2018-04-03", ambiguous=True, confidence=0.9, **PLACE)},
            "ambiguous: date",
        ),
    ],
)
def test_a_doubtful_field_needs_review(fields: dict[str, object], reason: str) -> None:
    assert find_review_reasons(make_receipt(**fields), 0.8) == [reason]


def test_a_failed_check_needs_review() -> None:
    checks = [
        Check(name="items_to_subtotal", holds=False),
        Check(name="tax_rates"),
        Check(name="tax_rates", holds=True),
    ]
    receipt = make_receipt().model_copy(update={"checks": checks})
    assert find_review_reasons(receipt, 0.8) == ["check: items_to_subtotal"]


def test_threshold_is_that_of_the_page(repository: Path) -> None:
    script = (repository / "gateway/web/modules/data/records.js").read_text()
    assert re.findall(r"DEFAULT_THRESHOLD = ([\d.]+);", script) == [str(DEFAULT_THRESHOLD)]
