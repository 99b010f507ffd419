"""Codes and embedded invoices against the print."""

from __future__ import annotations

from typing import Any

from gateway.evidence.applying import apply_statements
from gateway.evidence.statement import Statement
from shared.contracts import AmountField, DateField, Extracted, Fields, Inference, Line, ReceiptField, TaxIdField

QUAD = ((0, 0), (9, 0), (9, 9), (0, 9))
CODE_QUAD = ((0, 90), (9, 90), (9, 99), (0, 99))
LINES = [
    Line(quad=QUAD, text=text, confidence=0.9)
    for text in ("SAMPLE SHOP", "NIF 501 442 600", "03/04/2025 12:30", "Bread 2.50", "Milk 7.50", "TOTAL 10.00")
]


def say(**said: Any) -> Statement:
    known: dict[str, Any] = {"source": "code", "name": "pt-atcud", "is_strong": True, "page": 0, "quad": CODE_QUAD}
    return Statement(**known | said)


def request(**said: Any) -> Statement:
    return say(name="epc069-12", is_strong=False, **said)


def amount(value: str, confidence: float = 0.95) -> AmountField:
    return AmountField(value=value, amount=value, currency=None, confidence=confidence, quad=QUAD, lines=[5])


def date(value: str, iso: str, *, confidence: float = 0.95, ambiguous: bool = False) -> DateField:
    place: dict[str, Any] = {"confidence": confidence, "quad": QUAD, "lines": [2]}
    return DateField(value=value, iso=iso, ambiguous=ambiguous, **place)


def settle(statements: list[Statement], **fields: Any) -> Extracted:
    return apply_statements(Extracted(fields=Fields(**fields)), LINES, statements)


def total(extracted: Extracted) -> tuple[str | None, float, str]:
    field = extracted.fields.total
    assert field is not None
    return field.amount, field.confidence, field.source


def checks(extracted: Extracted) -> dict[str, tuple[bool | None, str | None, str | None]]:
    return {
        check.name: (check.holds, check.expected, check.printed)
        for check in extracted.checks
        if check.name.startswith(("code", "einvoice"))
    }


def test_without_statements_nothing_changes() -> None:
    extracted = Extracted(fields=Fields(total=amount("10.00")))
    assert apply_statements(extracted, LINES, []) is extracted


def test_confirms_a_total() -> None:
    extracted = settle([say(total="10.00", currency="EUR")], total=amount("10.00", 0.6))
    assert total(extracted) == ("10.00", 0.99, "print")
    assert extracted.fields.total is not None
    assert extracted.fields.total.currency == "EUR"
    assert checks(extracted) == {"code_to_total": (True, "10.00", "10.00")}


def test_supplies_what_was_not_found_where_it_is_printed() -> None:
    said = {"total": "10.00", "date": "2025-04-03", "tax_id": "501442600", "time": "12:30:00", "seller": "Shop Ltd"}
    fields = settle([say(**said)]).fields
    assert fields.total is not None
    assert fields.date is not None
    assert fields.time is not None
    assert (fields.total.value, fields.total.lines, fields.total.source) == ("10.00", [5], "code")
    assert (fields.date.value, fields.date.iso, fields.date.lines) == ("03/04/2025", "2025-04-03", [2])
    assert (fields.time.value, fields.time.iso) == ("12:30", "12:30:00")
    assert fields.tax_id is not None
    assert fields.company is not None
    assert (fields.tax_id.value, fields.tax_id.lines) == ("501442600", [1])
    # The name is only in the code.
    assert (fields.company.value, fields.company.lines, fields.company.quad) == ("Shop Ltd", [], CODE_QUAD)


def test_replaces_another_amount_by_the_stated_one_that_is_printed() -> None:
    extracted = settle([say(total="10.00")], total=amount("7.50", 0.97))
    assert total(extracted) == ("10.00", 0.95, "code")
    assert checks(extracted) == {"code_to_total": (True, "10.00", "10.00")}


def test_replaces_an_uncertain_digit_and_says_so() -> None:
    extracted = settle([say(total="18.00")], total=amount("13.00", 0.7))
    assert total(extracted) == ("18.00", 0.9, "code")
    assert checks(extracted) == {"code_to_total": (False, "18.00", "13.00")}


def test_doubts_a_total_that_a_code_contradicts() -> None:
    extracted = settle([say(total="99.00")], total=amount("10.00", 0.97))
    assert total(extracted) == ("10.00", 0.5, "print")
    assert checks(extracted) == {"code_to_total": (False, "99.00", "10.00")}


def test_a_tip_explains_a_difference() -> None:
    extracted = settle([say(total="10.00")], total=amount("12.00", 0.97), tip=amount("2.00"))
    assert total(extracted) == ("12.00", 0.97, "print")
    assert checks(extracted) == {"code_to_total": (True, "12.00", "12.00")}


def test_a_request_to_pay_replaces_nothing() -> None:
    extracted = settle([request(total="7.50", seller="Bank Account Holder")], total=amount("10.00", 0.97))
    assert total(extracted) == ("10.00", 0.97, "print")
    assert checks(extracted) == {"code_to_total": (False, "7.50", "10.00")}
    assert total(settle([request(total="10.00")])) == ("10.00", 0.7, "code")


def test_tells_the_order_of_day_and_month() -> None:
    extracted = settle([say(date="2025-04-03")], date=date("03/04/2025", "2025-03-04", ambiguous=True))
    field = extracted.fields.date
    assert field is not None
    assert (field.iso, field.ambiguous, field.source, field.confidence) == ("2025-04-03", False, "print", 0.99)
    assert checks(extracted) == {"code_to_date": (True, "2025-04-03", "2025-04-03")}


def test_replaces_or_doubts_a_date() -> None:
    printed = settle([say(date="2025-04-03")], date=date("01/01/2020", "2020-01-01")).fields.date
    uncertain = settle([say(date="2025-04-08")], date=date("06/04/2025", "2025-04-06", confidence=0.6)).fields.date
    doubted = settle([say(date="2025-07-08")], date=date("06/04/2025", "2025-04-06")).fields.date
    assert printed is not None
    assert uncertain is not None
    assert doubted is not None
    assert (printed.iso, printed.source) == ("2025-04-03", "code")
    assert (uncertain.iso, uncertain.lines, uncertain.source) == ("2025-04-08", [2], "code")
    assert (doubted.iso, doubted.confidence, doubted.source) == ("2025-04-06", 0.5, "print")


def test_a_date_in_unknown_time_may_be_a_day_off() -> None:
    gulf = say(name="gulf-zatca", date="2025-04-02", time="23:30:00", has_uncertain_date=True)
    extracted = settle([gulf], date=date("03/04/2025", "2025-04-03"))
    assert extracted.fields.date is not None
    assert (extracted.fields.date.iso, extracted.fields.time) == ("2025-04-03", None)
    assert checks(extracted) == {"code_to_date": (True, "2025-04-02", "2025-04-03")}


def test_prefers_the_stated_tax_number_of_the_seller() -> None:
    def field(value: str) -> TaxIdField:
        return TaxIdField(value=value, country=None, confidence=0.8, quad=QUAD, lines=[1])

    same = settle([say(tax_id="501442600", country="PT")], tax_id=field("PT 501 442 600")).fields.tax_id
    buyer = settle([say(tax_id="501442600", country="PT")], tax_id=field("299999990")).fields.tax_id
    assert same is not None
    assert buyer is not None
    assert (same.value, same.confidence, same.country, same.source) == ("PT 501 442 600", 0.99, "PT", "print")
    assert (buyer.value, buyer.lines, buyer.source) == ("501442600", [1], "code")


def test_keeps_the_printed_name() -> None:
    sign = ReceiptField(value="Sample Shop", confidence=0.8, quad=QUAD, lines=[0])
    for seller, confidence in (("SAMPLE SHOP.", 0.99), ("Holding XY GmbH", 0.8)):
        company = settle([say(seller=seller)], company=sign).fields.company
        assert company is not None
        assert (company.value, company.confidence) == ("Sample Shop", confidence)


def test_states_country_and_currency() -> None:
    extracted = Extracted(
        fields=Fields(total=amount("10.00"), tax=amount("1.00").model_copy(update={"currency": "USD"})),
        country=Inference(value="BR", confidence=0.4, evidence=["language: pt"]),
        currency=Inference(value="BRL", confidence=0.4, evidence=["country: BR"]),
    )
    extracted = apply_statements(extracted, LINES, [say(country="PT", currency="EUR", total="10.00")])
    assert extracted.country is not None
    assert extracted.currency is not None
    assert (extracted.country.value, extracted.country.evidence) == ("PT", ["code: pt-atcud"])
    assert extracted.currency.value == "EUR"
    assert extracted.fields.total is not None
    assert extracted.fields.tax is not None
    # A currency that is printed stays.
    assert (extracted.fields.total.currency, extracted.fields.tax.currency) == ("EUR", "USD")


def test_ignores_codes_of_other_purchases() -> None:
    extracted = settle([say(total="99.00"), say(total="10.00", tax_id="501442600")], total=amount("10.00"))
    assert total(extracted) == ("10.00", 0.99, "print")
    assert extracted.fields.tax_id is not None
    neither = settle([say(total="99.00"), say(total="98.00")], total=amount("10.00"))
    assert total(neither) == ("10.00", 0.95, "print")


def test_a_statement_that_agrees_with_nothing_only_raises_doubts() -> None:
    malaysia = Inference(value="MY", confidence=0.8, evidence=["address"])
    read = Fields(total=amount("10.00"), date=date("03/04/2025", "2025-04-03", confidence=0.8))
    extracted = Extracted(fields=read, country=malaysia)
    statement = say(total="72.90", date="2024-01-31", seller="OTHER SHOP", country="PT", currency="EUR")
    settled = apply_statements(extracted, LINES, [statement])
    assert settled.country == malaysia
    assert settled.currency is settled.fields.company is None
    assert total(settled) == ("10.00", 0.5, "print")
    assert settled.fields.date is not None
    assert (settled.fields.date.iso, settled.fields.date.confidence) == ("2025-04-03", 0.5)
    assert checks(settled) == {
        "code_to_total": (False, "72.90", "10.00"),
        "code_to_date": (False, "2024-01-31", "2025-04-03"),
    }


def test_a_request_to_pay_for_a_part_doubts_nothing() -> None:
    settled = settle([request(total="5.00", currency="EUR")], total=amount("10.00"))
    assert total(settled) == ("10.00", 0.95, "print")
