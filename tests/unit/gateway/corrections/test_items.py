"""Corrected items, in the response, in checks and in exports."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.corrections.corrected import check_corrections, get_taxes
from gateway.corrections.values import build_corrections
from gateway.export_tables import ExportRow, build_cells, build_item_cells
from shared.contracts import (
    CorrectionRequest,
    Corrections,
    FieldCorrection,
    ItemsCorrection,
    PropertyCorrection,
    Receipt,
    TaxesCorrection,
)
from shared.problems import ProblemError
from tests.support.itemized_receipt import CODES, ITEMIZED_RECEIPT


def correct(receipt: Receipt | None = None, **changes: Any) -> Receipt:
    """Return a receipt, otherwise the itemized one, with corrections."""
    receipt = receipt or Receipt.model_validate(ITEMIZED_RECEIPT)
    built = build_corrections(CorrectionRequest.model_validate(changes), receipt, author=None)
    corrections = Corrections(
        receipt_id=receipt.id,
        fields={name: one for name, one in built.items() if isinstance(one, FieldCorrection)},
        items=next((one for one in built.values() if isinstance(one, ItemsCorrection)), None),
        taxes=next((one for one in built.values() if isinstance(one, TaxesCorrection)), None),
        properties={name: one for name, one in built.items() if isinstance(one, PropertyCorrection)},
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
        ([{"amount": f"RM {'9' * 40}.00"}], "items.0.amount", "it is not a number"),
        ([{"description": "A", "sub_items": [{}]}], "items.0.sub_items.0", "it is empty"),
    ],
)
def test_names_the_part_that_is_not_valid(items: list[dict[str, Any]], field: str, detail: str) -> None:
    with pytest.raises(ProblemError) as caught:
        correct(items=items)
    assert detail in caught.value.detail
    assert caught.value.extra["field"] == field


def test_checks_use_corrected_tax_rows() -> None:
    assert "tax_rates" in find_failed_checks(correct(taxes=[{"rate": "6", "base": "13.00", "amount": "0.99"}]))
    receipt = correct(taxes=[{"rate": "10 %", "base": "RM 13.00", "amount": "1.30"}])
    assert "tax_rates" not in find_failed_checks(receipt)
    assert receipt.corrections is not None
    assert receipt.corrections.taxes is not None
    (row,) = receipt.corrections.taxes.taxes
    assert (row.rate and row.rate.number, row.base and row.base.amount) == ("10", "13.00")
    assert build_cells(ExportRow(receipt=receipt))["corrected"] == "taxes"
    (read,) = get_taxes(receipt)
    assert (read.rate and read.rate.number, read.amount and read.amount.currency) == ("10", "MYR")
    assert correct(taxes=[]).corrections.taxes.taxes == []  # type: ignore[union-attr]


def test_properties_are_codes() -> None:
    receipt = correct(properties={"country": "de", "currency": "eur", "language": "DE", "document_type": "Card slip"})
    assert receipt.corrections is not None
    found = {name: one.value for name, one in receipt.corrections.properties.items()}
    assert found == {"country": "DE", "currency": "EUR", "language": "de", "document_type": "card_slip"}
    assert receipt.corrections.properties["country"].model_value == "MY"
    cells = build_cells(ExportRow(receipt=receipt))
    names = ("country", "currency", "language", "document_type")
    assert [cells[name] for name in names] == ["DE", "EUR", "de", "card_slip"]
    assert cells["corrected"] == "country currency language document_type"
    assert build_cells(ExportRow(receipt=correct(properties={"country": None})))["country"] is None


@pytest.mark.parametrize(
    ("changes", "field", "detail"),
    [
        ({"properties": {"country": "Germany"}}, "country", "an ISO 3166 code, such as MY"),
        ({"properties": {"currency": "EURO"}}, "currency", "ISO 4217"),
        ({"properties": {"language": "xx"}}, "language", "ISO 639"),
        ({"properties": {"document_type": "bill"}}, "document_type", "receipt, invoice, card_slip"),
        ({"taxes": [{"rate": "six"}]}, "taxes.0.rate", "The rate of tax row 1 is not valid"),
        ({"taxes": [{"rate": "6"}, {}]}, "taxes.1", "tax row 2 is not valid: it is empty"),
    ],
)
def test_names_what_is_not_valid(changes: dict[str, Any], field: str, detail: str) -> None:
    with pytest.raises(ProblemError) as caught:
        correct(**changes)
    assert (caught.value.status, caught.value.extra["field"]) == (422, field)
    assert detail in str(caught.value.detail)


def find_evidence(receipt: Receipt) -> dict[str, tuple[bool | None, str | None, str | None]]:
    assert receipt.corrections is not None
    checks = receipt.corrections.checks
    return {
        one.name: (one.holds, one.expected, one.printed)
        for one in checks
        if one.name.startswith(("code_to_", "einvoice_to_"))
    }


def test_codes_are_compared_with_corrected_values() -> None:
    failed = {"holds": False, "expected": "13.75", "printed": "18.75"}
    dated = {"name": "code_to_date", "holds": True, "expected": "2018-12-25", "printed": "2018-12-25"}
    checks = [{"name": "code_to_total"} | failed, dated]
    receipt = Receipt.model_validate(ITEMIZED_RECEIPT | {"codes": CODES, "checks": checks})
    # The total was read as 18.75, and is that of the code since then.
    kept = {"code_to_total": (False, "13.75", "18.75"), "code_to_date": (True, "2018-12-25", "2018-12-25")}
    assert find_evidence(correct(receipt, fields={"company": {"value": "SHOP"}})) == kept
    right = correct(receipt, fields={"total": {"value": "13.75"}, "date": {"value": "2018-12-24"}})
    assert find_evidence(right) == {
        "code_to_total": (True, "13.75", "13.75"),
        "code_to_date": (False, "2018-12-25", "2018-12-24"),
    }
    wrong = correct(receipt, fields={"total": {"value": "18.75"}})
    assert find_evidence(wrong)["code_to_total"] == (False, "13.75", "18.75")
    assert "code_to_total" in str(build_cells(ExportRow(receipt=wrong))["failed_checks"])
    assert find_evidence(correct(receipt, fields={"total": None})) == {"code_to_date": kept["code_to_date"]}


def test_embedded_invoices_are_compared_with_corrected_values() -> None:
    einvoice = {"syntax": "cii", "total": "13.75", "date": "2018-12-25"}
    receipt = Receipt.model_validate(ITEMIZED_RECEIPT | {"einvoice": einvoice})
    corrected = correct(receipt, fields={"total": {"value": "20.00"}, "date": {"value": "2018-12-25"}})
    assert find_evidence(corrected) == {
        "einvoice_to_total": (False, "13.75", "20.00"),
        "einvoice_to_date": (True, "2018-12-25", "2018-12-25"),
    }
