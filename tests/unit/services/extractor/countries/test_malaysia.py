"""Habits of Malaysian receipts."""

from __future__ import annotations

import pytest

from services.extractor.countries.malaysia import punctuate_address


@pytest.mark.parametrize(
    ("read_as", "value"),
    [
        ("19, JALAN KANCIL. OFF JALAN PUDU; 55100 KL.", "19, JALAN KANCIL, OFF JALAN PUDU, 55100 KL."),
        ("NO. 5, JLN. TUN 3.4, S.D.", "NO. 5, JLN. TUN 3.4, S.D."),
        ("LOT 38. 39 JALAN NOVA U5/N. SEKSYEN U5", "LOT 38, 39 JALAN NOVA U5/N, SEKSYEN U5"),
        ("$117, SECOND FLOOR, LOT P.T. 2811", "S117, SECOND FLOOR, LOT P.T. 2811"),
    ],
)
def test_corrects_usual_misreadings_in_addresses(read_as: str, value: str) -> None:
    assert punctuate_address(read_as) == value
