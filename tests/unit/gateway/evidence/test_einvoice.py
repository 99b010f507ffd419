"""The invoice in XML inside a document against the print."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.evidence.applying import apply_statements
from gateway.evidence.einvoice import apply_einvoice
from gateway.evidence.statement import Statement
from shared.contracts import (
    AmountField,
    CodeTax,
    DateField,
    EInvoice,
    EInvoiceItem,
    Extracted,
    Fields,
    Item,
    Line,
    Page,
    Quad,
    ReceiptField,
)

PAGE = Page(width=600, height=800)
OUTLINE = ((0, 0), (600, 0), (600, 800), (0, 800))
ROWS = [
    *("SAMPLE OFFICE GMBH", "Hauptstr. 1", "Rechnung RE-2025-0471", "25.11.2025", "Printer paper 2 x 4,50"),
    *("Coffee", "10,00", "MwSt 3,61", "Gesamt 22,61"),
]


def place(index: int, left: float = 10) -> Quad:
    top = 20.0 * index
    return ((left, top), (left + 200, top), (left + 200, top + 15), (left, top + 15))


LINES = [Line(quad=place(index), text=text, confidence=0.9) for index, text in enumerate(ROWS)]
# The amount of the coffee stands beside it.
LINES[6] = LINES[6].model_copy(update={"quad": place(5, 300)})
EINVOICE = EInvoice(
    syntax="cii",
    receipt_number="RE-2025-0471",
    date="2025-11-25",
    seller="Sample Office GmbH",
    street="Hauptstr. 1",
    postal_code="10115",
    city="Berlin",
    country="DE",
    tax_id="DE136695976",
    phone="030 901820",
    currency="EUR",
    subtotal="19.00",
    tax="3.61",
    total="22.61",
    due="22.61",
    payment_means="48",
    card_last4="4711",
    taxes=[CodeTax(rate="19", base="19.00", amount="3.61")],
    items=[
        EInvoiceItem(description="Printer paper", quantity="2", unit_price="4.50", amount="9.00", code="A-1"),
        EInvoiceItem(description="Coffee", quantity="2.5", unit="kg", unit_price="4.00", amount="10.00"),
    ],
)


def amount(value: str, confidence: float = 0.97, index: int = 8) -> AmountField:
    known: dict[str, Any] = {"confidence": confidence, "quad": place(index), "lines": [index]}
    return AmountField(value=value, amount=value, currency=None, **known)


def date(iso: str) -> DateField:
    return DateField(value=iso, iso=iso, confidence=0.97, quad=place(3), lines=[3])


def settle(lines: list[Line] = LINES, einvoice: EInvoice = EINVOICE, **fields: Any) -> Extracted:
    return apply_einvoice(Extracted(fields=Fields(**fields)), lines, einvoice, PAGE)


def checks(extracted: Extracted) -> dict[str, tuple[bool | None, str | None, str | None]]:
    return {
        check.name: (check.holds, check.expected, check.printed)
        for check in extracted.checks
        if check.name.startswith(("code", "einvoice"))
    }


def test_states_all_fields_and_where_they_are_printed() -> None:
    extracted = settle(total=amount("22.61"), date=date("2025-11-25"), company=None)
    found = {name: field for name, field in extracted.fields if field is not None}
    assert {field.source for field in found.values()} == {"einvoice"}
    places = {name: (field.value, field.lines, field.confidence) for name, field in found.items()}
    assert places == {
        "company": ("Sample Office GmbH", [0], 0.99),
        "address": ("Hauptstr. 1, 10115 Berlin", [1], 0.99),
        "receipt_number": ("RE-2025-0471", [2], 0.99),
        "date": ("25.11.2025", [3], 0.99),
        "total": ("22,61", [8], 0.99),
        "tax": ("3,61", [7], 0.99),
        "phone": ("030 901820", [], 0.9),
        "tax_id": ("DE136695976", [], 0.9),
        "subtotal": ("19.00", [], 0.9),
        "payment_method": ("card", [], 0.9),
    }
    assert found["subtotal"].quad == OUTLINE
    address, phone, payment = extracted.fields.address, extracted.fields.phone, extracted.fields.payment_method
    assert address is not None
    assert phone is not None
    assert payment is not None
    assert (address.street, address.postal_code, address.city, address.country) == (
        *("Hauptstr. 1", "10115", "Berlin", "DE"),
    )
    assert phone.e164 == "+4930901820"
    assert (payment.method, payment.last4) == ("card", "4711")
    assert extracted.country is not None
    assert extracted.currency is not None
    assert (extracted.country.value, extracted.country.evidence) == ("DE", ["einvoice: cii"])
    assert (extracted.currency.value, extracted.document_type) == ("EUR", "invoice")
    assert checks(extracted) == {
        "einvoice_to_total": (True, "22.61", "22.61"),
        "einvoice_to_date": (True, "2025-11-25", "2025-11-25"),
    }
    arithmetic = {check.name: check.holds for check in extracted.checks}
    assert arithmetic["items_to_subtotal"] is arithmetic["subtotal_and_tax_to_total"] is arithmetic["tax_rates"] is True


def test_states_items_and_taxes_in_place_of_those_that_were_read() -> None:
    wrong = Item(description=ReceiptField(value="Coffin", confidence=0.5, quad=place(5), lines=[5]))
    extracted = apply_einvoice(Extracted(fields=Fields(), items=[wrong]), LINES, EINVOICE, PAGE)
    paper, coffee = extracted.items
    assert paper.description is not None
    assert paper.unit_price is not None
    assert paper.amount is not None
    assert (paper.description.value, paper.description.lines) == ("Printer paper", [4])
    assert (paper.unit_price.value, paper.unit_price.lines) == ("4,50", [4])
    assert (paper.amount.value, paper.amount.lines, paper.amount.quad) == ("9.00", [], OUTLINE)
    assert coffee.amount is not None
    assert coffee.unit is not None
    assert (coffee.amount.value, coffee.amount.lines, coffee.unit.value) == ("10,00", [6], "kg")
    (row,) = extracted.taxes
    assert row.rate is not None
    assert row.base is not None
    assert row.amount is not None
    assert (row.rate.number, row.base.amount, row.amount.lines) == ("19", "19.00", [7])


def test_keeps_the_items_that_were_read_if_it_has_none() -> None:
    item = Item(description=ReceiptField(value="Coffee", confidence=0.5, quad=place(5), lines=[5]))
    bare = EINVOICE.model_copy(update={"items": [], "taxes": []})
    assert apply_einvoice(Extracted(fields=Fields(), items=[item]), LINES, bare, PAGE).items == [item]


def test_replaces_a_total_that_the_print_contradicts_and_doubts_it() -> None:
    stated = EINVOICE.model_copy(update={"total": "32.61", "due": "32.61"})
    extracted = settle(einvoice=stated, total=amount("22.61"), date=date("2025-11-25"))
    total = extracted.fields.total
    assert total is not None
    assert (total.amount, total.confidence, total.source, total.lines) == ("32.61", 0.5, "einvoice", [])
    assert checks(extracted)["einvoice_to_total"] == (False, "32.61", "22.61")


def test_the_print_may_show_what_is_due() -> None:
    stated = EINVOICE.model_copy(update={"total": "40.00", "paid": "17.39"})
    extracted = settle(einvoice=stated, total=amount("22.61"))
    total = extracted.fields.total
    assert total is not None
    assert (total.amount, total.confidence) == ("40.00", 0.9)
    assert checks(extracted) == {"einvoice_to_total": (True, "40.00", "40.00")}
    # A part payment is not what was handed over for the whole.
    assert extracted.fields.paid is None
    whole = settle(einvoice=EINVOICE.model_copy(update={"paid": "22.61", "due": "0.00"}), total=amount("22.61"))
    assert whole.fields.paid is not None


@pytest.mark.parametrize(("number", "is_same"), [("RE-2025-0471", True), ("RE-2025-9999", False)])
def test_an_invoice_that_agrees_with_nothing_only_raises_doubts(number: str, is_same: bool) -> None:
    stated = {"total": "99.99", "due": None, "date": "2020-01-01", "receipt_number": number, "tax_id": None}
    other = EINVOICE.model_copy(update=stated)
    extracted = settle(einvoice=other, total=amount("22.61"), date=date("2025-11-25"))
    total = extracted.fields.total
    assert total is not None
    assert (total.amount, total.confidence) == ("99.99" if is_same else "22.61", 0.5)
    assert (extracted.fields.company is not None) is is_same
    assert {name: holds for name, (holds, _, _) in checks(extracted).items()} == {
        "einvoice_to_total": False,
        "einvoice_to_date": False,
    }


def test_states_everything_of_a_page_without_text() -> None:
    extracted = settle(lines=[])
    assert checks(extracted) == {}
    assert extracted.fields.total is not None
    assert (extracted.fields.total.amount, extracted.fields.total.confidence) == ("22.61", 0.9)


def test_codes_are_compared_with_it_too() -> None:
    extracted = settle(total=amount("22.61"))
    code = Statement("code", "epc069-12", is_strong=False, page=0, quad=place(9), total="22.61", currency="EUR")
    assert checks(apply_statements(extracted, LINES, [code])) == {
        "einvoice_to_total": (True, "22.61", "22.61"),
        "code_to_total": (True, "22.61", "22.61"),
    }
