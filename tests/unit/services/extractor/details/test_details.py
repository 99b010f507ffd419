"""Everything beside the four main fields, by rules: the network's probabilities are those of a four-field network."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from services.extractor.details.agreement import describe_agreement, find_amounts_of
from services.extractor.details.assemble import assemble
from services.extractor.details.reading import Reading
from services.extractor.encoding import TextSegment, encode
from services.extractor.network.classes import BASIC_CLASSES
from services.extractor.source import Source
from shared.arithmetic import check_arithmetic
from shared.contracts import AmountField, Check, Extracted, Fields, TaxRow
from tests.support.rows import lay_out_rows

GERMAN = (
    "Backstube Nord GmbH",
    "Tel. 030 901820",
    "USt-IdNr. DE136695976",
    "Bon-Nr. 4711|Datum 05.03.2023|18:30 Uhr",
    "Brot|2,50",
    "Kuchen|8,00",
    "Zwischensumme|10,50",
    "SUMME|EUR 10,50",
    "Bar|20,00",
    "Rückgeld|9,50",
    "MwSt 7%|Netto 9,81|MwSt 0,69",
)


def extract(*rows: str, total: str | None = None) -> Extracted:
    segments = lay_out_rows(*rows)
    document = encode(segments)
    scores = np.zeros((len(document.text), len(BASIC_CLASSES)), np.float32)
    fields = Fields()
    if total is not None:
        corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
        fields.total = AmountField(value=total, amount=total, currency="EUR", confidence=0.9, quad=corners, lines=[0])
    reading = Reading(Source(segments, document), scores)
    return assemble(reading, fields, find_amounts_of(reading))


def test_reads_the_facts_of_a_german_receipt() -> None:
    fields = extract(*GERMAN).fields
    assert fields.time is not None
    assert (fields.time.value, fields.time.iso) == ("18:30", "18:30")
    assert fields.phone is not None
    assert fields.phone.e164 == "+4930901820"
    assert fields.tax_id is not None
    assert (fields.tax_id.value, fields.tax_id.country) == ("DE136695976", "DE")
    assert fields.receipt_number is not None
    assert fields.receipt_number.value == "4711"
    assert fields.payment_method is not None
    assert fields.payment_method.method == "cash"


def test_reads_the_amounts_around_the_total() -> None:
    fields = extract(*GERMAN).fields
    amounts = {name: getattr(fields, name).amount for name in ("subtotal", "paid", "change")}
    assert amounts == {"subtotal": "10.50", "paid": "20.00", "change": "9.50"}
    assert fields.subtotal is not None
    assert fields.subtotal.currency == "EUR"
    assert fields.subtotal.lines == [11]
    assert fields.tip is None


def test_reads_one_tax_row_per_rate() -> None:
    (row,) = extract(*GERMAN).taxes
    assert row.rate is not None
    assert row.base is not None
    assert row.amount is not None
    assert (row.rate.number, row.base.amount, row.amount.amount) == ("7", "9.81", "0.69")


def test_infers_country_currency_language_and_type() -> None:
    found = extract(*GERMAN)
    assert found.country is not None
    assert found.country.value == "DE"
    assert found.country.evidence
    assert found.currency is not None
    assert found.currency.value == "EUR"
    assert found.language is not None
    assert found.language.value == "de"
    assert found.document_type == "receipt"


def checks(found: Extracted) -> dict[str, Check]:
    return {check.name: check for check in found.checks}


def test_arithmetic_holds_fails_or_cannot_tell() -> None:
    right = checks(extract(*GERMAN, total="10.50"))
    assert right["paid_minus_change"].holds
    assert right["subtotal_and_tax_to_total"].holds
    assert right["tax_rates"].holds
    assert right["items_to_subtotal"].holds is None
    unpaid = [row for row in GERMAN if not row.startswith("Rückgeld")]
    assert len(unpaid) < len(GERMAN)
    assert checks(extract(*unpaid, total="10.50"))["paid_minus_change"].holds is None
    wrong = checks(extract(*GERMAN, total="11.50"))["paid_minus_change"]
    assert wrong.holds is False
    assert (Decimal(wrong.expected or 0), Decimal(wrong.printed or 0)) == (Decimal("10.50"), Decimal("11.50"))


@pytest.mark.parametrize(
    ("rows", "iso"),
    [
        (("Date 03/14/2023|8:13 PM",), "20:13"),
        (("Date 03/14/2023|12:05 AM",), "00:05"),
        (("14.03.2023 18:30:59",), "18:30:59"),
        (("Mo-Fr 8:00-20:00", "14.03.2023 18:30"), "18:30"),
        (("Klo 9.05",), "09:05"),
        (("TIME:06:20",), "06:20"),
        (("Total 9.05",), None),
    ],
)
def test_reads_times_and_leaves_out_opening_hours(rows: tuple[str, ...], iso: str | None) -> None:
    time = extract(*rows).fields.time
    assert (time.iso if time else None) == iso


def test_reads_the_last_digits_of_a_card() -> None:
    payment = extract("Total|$10.00", "VISA ************1234|$10.00").fields.payment_method
    assert payment is not None
    assert (payment.method, payment.last4) == ("card", "1234")


def test_nothing_is_found_in_nothing() -> None:
    assert extract("Hello") == Extracted(fields=Fields(), document_type="other", checks=extract("Hello").checks)
    assert all(check.holds is None for check in extract("Hello").checks)


def test_checks_every_tax_rate() -> None:
    number = {"confidence": 1.0, "quad": ((0, 0), (1, 0), (1, 1), (0, 1)), "lines": [0], "value": "x"}

    def row(rate: str, base: str, amount: str) -> TaxRow:
        return TaxRow.model_validate(
            {
                "rate": number | {"number": rate},
                "base": number | {"amount": base, "currency": None},
                "amount": number | {"amount": amount, "currency": None},
            }
        )

    right, wrong = row("7", "9.81", "0.69"), row("19", "10.00", "2.90")
    results = [check_arithmetic(Fields(), [], taxes)[-1].holds for taxes in ([right], [right, wrong], [wrong, right])]
    assert results == [True, False, False]


@pytest.mark.parametrize(
    ("total", "rows", "expected"),
    [
        ("10.50", GERMAN, {"adds_up": 1.0, "contradicted": 0.0}),
        ("10.60", GERMAN, {"adds_up": 0.0, "contradicted": 1.0}),
        ("10.60", ("Brot|2,50", "SUMME|EUR 10,60"), {"adds_up": 0.0, "contradicted": 0.0}),
    ],
)
def test_other_amounts_confirm_or_contradict_the_total(
    total: str, rows: tuple[str, ...], expected: dict[str, float]
) -> None:
    segments = [
        TextSegment(np.array([(x, y), (x + 90, y), (x + 90, y + 20), (x, y + 20)], np.float32), text)
        for y, row in zip(range(0, 900, 30), rows, strict=False)
        for x, text in zip(range(0, 900, 250), row.split("|"), strict=False)
    ]
    document = encode(segments)
    scores = np.zeros((len(document.text), len(BASIC_CLASSES)), np.float32)
    field = extract(*rows, total=total).fields.total
    assert field is not None
    assert describe_agreement(field, find_amounts_of(Reading(Source(segments, document), scores))) == expected


@pytest.mark.parametrize(
    ("row", "phone"),
    [
        ("Phone: 671-647-7677", "671-647-7677"),
        ("TELEPHONE 046 924 0144", "046 924 0144"),
        ("Tel: 5474 4498", "5474 4498"),
        ("Fax: 671-647-7677", None),
        ("Tel: 12", None),
        ("Ref 671-647-7677", None),
        ("Tel 1234567890123456789", None),
    ],
)
def test_returns_announced_numbers_without_a_known_country(row: str, phone: str | None) -> None:
    found = extract("SHOP", row).fields.phone
    assert (found.value if found else None) == phone
    assert found is None or found.e164 is None
