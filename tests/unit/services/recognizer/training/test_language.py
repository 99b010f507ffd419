"""Test copying spaces to labels without them."""

from __future__ import annotations

import pytest

from services.recognizer.training.language import copy_spaces


@pytest.mark.parametrize(
    ("label", "reading", "wanted"),
    [
        ("THANKYOU!", "Thank you", "THANK YOU!"),
        ("TOTAL12.00", "TOTAL: 12.00", "TOTAL 12.00"),
        ("SUBTOTAL", "S0B TOTAL", "SUB TOTAL"),
        ("CASH", "", "CASH"),
    ],
)
def test_copies_spaces_of_reading_to_label(label: str, reading: str, wanted: str) -> None:
    assert copy_spaces(label, reading) == wanted
