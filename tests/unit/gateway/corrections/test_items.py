"""Corrected items, in the response, in checks and in exports."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.corrections.corrected import check_corrections
from gateway.corrections.values import build_corrections
from gateway.export_tables import ExportRow, build_cells, build_item_cells
from shared.contracts import CorrectionRequest, Corrections, FieldCorrection, ItemsCorrection, Receipt
from shared.problems import ProblemError
from tests.support.itemized_receipt import ITEMIZED_RECEIPT


def correct(**changes: Any) -> Receipt:
    """Return the itemized receipt with corrections."""
    receipt = Receipt.model_validate(ITEMIZED_RECEIPT)
    built = build_corrections(CorrectionRequest.model_validate(changes), receipt, author=None)
    corrections = Corrections(
        receipt_id=receipt.id,
        fields={name: one for name, one in built.items() if isinstance(one, FieldCorrection)},
        items=next((one for one in built.values() if isinstance(one, ItemsCorrection)), None),
    )
    return receipt.model_copy(update={"corrections": check_corrections(receipt, corrections)})


def find_failed_checks(receipt: Receipt) -> list[str]:
    assert receipt.corrections is not None
    return [check.name for check in receipt.corrections.checks if check.holds is False]


def test_corrected_items_replace_those_that_were_read() -> None:
    tea = {"description": "TEA", "quantity": "0,5", "unit_price": "8.2988", "amount": "RM 12.00"}
    receipt = correct(items=[tea | {"sub_items": [{"description": "MILK", "amount": "1"}]}])
    rows = list(build_item_cells(ExportRow(receipt=receipt)))
    assert [(row["description"], str(row["amount"])) for row in rows] == [("TEA", "12.00"), ("MILK", "1.00")]
    assert (str(rows[0]["quantity"]), str(rows[0]["unit_price"]), rows[0]["currency"]) == ("0.5", "8.2988", "MYR")
    assert find_failed_checks(receipt) == []  # 12.00 and 1.00 are the subtotal of 13.00
    assert build_cells(ExportRow(receipt=receipt))["corrected"] == "items"


def test_checks_use_corrected_amounts() -> None:
    receipt = correct(fields={"subtotal": {"value": "12.50"}, "tax": {"value": "1.28"}})
    assert find_failed_checks(receipt) == []
    cells = build_cells(ExportRow(receipt=receipt))
    assert (str(cells["subtotal"]), cells["failed_checks"], cells["corrected"]) == ("12.50", None, "subtotal tax")


@pytest.mark.parametrize(
    ("items", "field", "detail"),
    [
        ([{"amount": "abc"}], "items.0.amount", "The amount of item 1 is not valid: it is not a number"),
        ([{"description": "A"}, {"quantity": "two"}], "items.1.quantity", "2 or 0.482"),
        ([{"description": "A", "sub_items": [{}]}], "items.0.sub_items.0", "it is empty"),
    ],
)
def test_names_the_part_that_is_not_valid(items: list[dict[str, Any]], field: str, detail: str) -> None:
    with pytest.raises(ProblemError) as caught:
        correct(items=items)
    assert detail in caught.value.detail
    assert caught.value.extra["field"] == field
