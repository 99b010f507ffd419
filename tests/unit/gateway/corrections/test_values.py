"""Corrected values: normalized, or rejected."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import assert_problem
from tests.support.text_gateway import TextGateway, corrections_url


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("date", "2021-08-16", {"value": "2021-08-16", "iso": "2021-08-16"}),
        ("date", "DATE: 16/08/21 13:00", {"value": "16/08/21", "iso": "2021-08-16"}),
        ("date", "4/3/2021", {"value": "4/3/2021", "iso": "2021-03-04"}),  # the receipt writes the day first
        ("total", "1,234.50", {"value": "1,234.50", "amount": "1234.50", "currency": "MYR"}),
        ("total", "TOTAL USD 9.00", {"value": "USD 9.00", "amount": "9.00", "currency": "USD"}),
        ("total", "60", {"value": "60", "amount": "60.00", "currency": "MYR"}),
        ("subtotal", "Sub RM 57.12", {"value": "RM 57.12", "amount": "57.12", "currency": "MYR"}),
        ("time", "8:13 PM", {"value": "8:13 PM", "iso": "20:13"}),
        ("phone", "+60 3-7726 1234", {"value": "+60 3-7726 1234", "e164": "+60377261234"}),
        ("payment_method", "Visa 1234", {"value": "Visa 1234", "method": "card", "last4": "1234"}),
        ("receipt_number", "R-17", {"value": "R-17"}),
        ("address", "1 Street", {"value": "1 Street", "street": "1 Street", "iso": None, "amount": None}),
        (
            "address",
            "5 Jalan Sagu, 81100 Johor Bahru, Johor",
            {"street": "5 Jalan Sagu", "postal_code": "81100", "city": "Johor Bahru", "country": "MY"},
        ),
    ],
)
async def test_normalizes_dates_and_amounts(
    gateway: TextGateway, name: str, value: str, expected: dict[str, str]
) -> None:
    corrections = (await gateway.correct(await gateway.read(), **{name: value})).json()
    assert corrections["fields"][name].items() >= expected.items()


@pytest.mark.parametrize(
    ("fields", "code", "detail"),
    [
        ({"date": "yesterday"}, "correction-invalid", "date is not valid: it contains no date"),
        ({"date": "31/02/2021"}, "correction-invalid", "no such day"),
        ({"date": "1/2/2021 2/2/2021"}, "correction-invalid", "more than one date"),
        ({"total": "nine"}, "correction-invalid", "total is not valid: it contains no amount"),
        ({"total": "9.00 9.50"}, "correction-invalid", "more than one amount"),
        ({"change": "none"}, "correction-invalid", "change is not valid: it contains no amount"),
        ({"time": "13:00 PM"}, "correction-invalid", "time is not valid: it is not a time of day"),
        ({"payment_method": "barter"}, "correction-invalid", "payment method is not valid: it names no method"),
        ({"phone": "none"}, "correction-invalid", "phone is not valid: it has no digits"),
        ({"company": " - "}, "correction-invalid", "Send null"),
        ({"company": "A\x00B"}, "correction-invalid", "unprintable"),
        ({"company": {"value": "A", "lines": [5]}}, "correction-invalid", "5 lines, counted from 0"),
        ({"company": {"value": "A", "lines": [-1]}}, "correction-invalid", "no line -1"),
        ({"company": ""}, "invalid-request", "company"),
        ({"shop": "A"}, "invalid-request", "shop"),
        ({}, "invalid-request", "fields"),
    ],
)
async def test_rejects_invalid_values_and_stores_nothing(
    gateway: TextGateway, fields: dict[str, Any], code: str, detail: str
) -> None:
    receipt = await gateway.read()
    valid = {"address": "1 STREET"} if fields else {}
    problem = assert_problem(await gateway.correct(receipt, **valid, **fields), 422, code)
    assert detail in problem.detail
    assert_problem(await gateway.http.get(corrections_url(receipt)), 404, "nothing-corrected")


async def test_rejects_ambiguous_date(gateway: TextGateway) -> None:
    receipt = await gateway.read("SHOP", "STREET", "9.00")
    problem = assert_problem(await gateway.correct(receipt, date="03/04/2021"), 422, "correction-invalid")
    assert "YYYY-MM-DD" in problem.detail


async def test_keeps_taxes_and_properties_next_to_fields(gateway: TextGateway) -> None:
    receipt = await gateway.read()
    url = corrections_url(receipt)
    body = {"taxes": [{"rate": "6", "amount": "0.50"}], "properties": {"country": "DE", "language": None}}
    assert (await gateway.http.put(url, json=body)).status_code == 200
    assert (await gateway.correct(receipt, total="9.50")).status_code == 200
    saved = (await gateway.http.get(url)).json()
    assert saved["taxes"]["taxes"][0]["rate"]["number"] == "6"
    assert {name: one["value"] for name, one in saved["properties"].items()} == {"country": "DE", "language": None}
    assert list(saved["fields"]) == ["total"]
