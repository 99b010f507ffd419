"""Arithmetic checks of amounts; see also the tests of the extractor and of corrections."""

from __future__ import annotations

import pytest

from shared.arithmetic import check_arithmetic
from shared.contracts import AmountField, Fields, NumberField, TaxRow

_PLACE = {"confidence": 1.0, "page": 0, "quad": [(0, 0), (1, 0), (1, 1), (0, 1)], "lines": [], "corrected": False}


def build_amount(amount: str) -> AmountField:
    return AmountField.model_validate(_PLACE | {"value": amount, "amount": amount, "currency": "EUR"})


@pytest.mark.parametrize(
    ("rate", "base", "tax", "holds"),
    [
        ("6", "57.12", "3.43", True),
        ("6", "57.12", "3.50", False),
        ("999999999999999", "999999999999999", "1", False),
        ("99.9999", "999999999999999.99", "999998999999999.99", True),
    ],
)
def test_tax_rates_of_any_length_are_checked(rate: str, base: str, tax: str, holds: bool) -> None:
    number = NumberField.model_validate(_PLACE | {"value": rate, "number": rate})
    row = TaxRow(rate=number, base=build_amount(base), amount=build_amount(tax))
    (check,) = (one for one in check_arithmetic(Fields(), [], [row]) if one.name == "tax_rates")
    assert check.holds is holds
