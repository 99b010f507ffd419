"""A receipt with everything that can be printed: additional fields, items with a sub-item, taxes, a failing check."""

from __future__ import annotations

import copy
from typing import Any

from gateway.api.examples import RECEIPT_EXAMPLE


def _field(value: str, **normalized: str | None) -> dict[str, Any]:
    place = {"confidence": 0.8, "page": 0, "quad": [[478, 625], [526, 625], [526, 651], [478, 651]], "lines": [5]}
    return {"value": value, **place, "corrected": False, **normalized}


def _amount(value: str, currency: str | None = "MYR") -> dict[str, Any]:
    return _field(value, amount=value, currency=currency)


def _inference(value: str) -> dict[str, Any]:
    return {"value": value, "confidence": 0.9, "evidence": ["currency: RM"]}


# The items add up to 12.50, the subtotal says 13.00; the other checks hold or are unknown.
ITEMIZED_RECEIPT: dict[str, Any] = copy.deepcopy(RECEIPT_EXAMPLE)
ITEMIZED_RECEIPT["fields"] |= {
    "time": _field("8:13 PM", iso="20:13"),
    "phone": _field("03-7726 1234", e164="+60377261234"),
    "tax_id": _field("000792802133", country="MY"),
    "receipt_number": _field("=R-17"),
    "subtotal": _amount("13.00"),
    "tax": _amount("0.78"),
    "rounding": _amount("-0.03"),
    "paid": _amount("20.00"),
    "change": _amount("6.25"),
    "payment_method": _field("VISA **** 1234", method="card", last4="1234"),
}
ITEMIZED_RECEIPT["fields"]["total"] |= {"value": "13.75", "amount": "13.75"}
ITEMIZED_RECEIPT["items"] = [
    {
        "description": _field("TEH TARIK"),
        "quantity": _field("2", number="2"),
        "unit_price": _amount("4.00"),
        "amount": _amount("8.00"),
        "sub_items": [{"description": _field("+EXTRA MILK"), "amount": _amount("0.50")}],
    },
    {
        "description": _field("RICE"),
        "quantity": _field("0,482", number="0.482"),
        "unit": _field("kg"),
        "unit_price": _amount("8.2988"),
        "amount": _amount("4.00"),
    },
]
ITEMIZED_RECEIPT["taxes"] = [
    {"rate": _field("6%", number="6"), "base": _amount("13.00"), "amount": _amount("0.78")},
]
ITEMIZED_RECEIPT |= {
    "country": _inference("MY"),
    "currency": _inference("MYR"),
    "language": _inference("en"),
    "document_type": "receipt",
    "checks": [
        {"name": "items_to_subtotal", "holds": False, "expected": "12.50", "printed": "13.00"},
        {"name": "subtotal_and_tax_to_total", "holds": True, "expected": "13.75", "printed": "13.75"},
        {"name": "paid_minus_change", "holds": True, "expected": "13.75", "printed": "13.75"},
        {"name": "tax_rates", "holds": None, "expected": None, "printed": None},
    ],
}

# A fiscal code that says more than the receipt, and a barcode that begins like a formula.
_PLACE = {"page": 0, "quad": [[50, 900], [150, 900], [150, 1000], [50, 1000]]}
CODES: list[dict[str, Any]] = [
    {
        **_PLACE,
        **{"format": "qr_code", "text": "A:501442600*B:..."},
        "content": {
            **{"standard": "pt-atcud", "kind": "fiscal", "country": "PT", "seller": None, "address": None},
            **{"tax_id": "501442600", "receipt_number": "FS 1/17", "date": "2018-12-25", "time": None},
            **{"total": "13.75", "currency": "EUR", "tax": "0.78", "taxes": []},
            "identifiers": {"atcud": "CSDF7T5H-17", "type": "FS"},
        },
    },
    {**_PLACE, "format": "code_128", "text": "=R-17\x1b[31m", "content": None},
]
