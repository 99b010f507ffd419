"""Words for streets in addresses."""

from __future__ import annotations

import pytest

from shared.normalization.folding import fold
from shared.normalization.streets import STREET_WORD


@pytest.mark.parametrize(
    "line",
    ["12 MAIN ST", "Bahnhofstraße 3", "ul. Prosta 5", "Jalan Sagu 18", "RUE DE RIVOLI", "Kerkstraat 1", "P.O.  BOX 9"],
)
def test_finds_words_for_streets(line: str) -> None:
    assert STREET_WORD.search(fold(line))


@pytest.mark.parametrize("line", ["STEAK AND EGGS", "ESTATE WINE", "RUESS", "Rasse", "TOTAL 9.00"])
def test_finds_no_street_in_other_words(line: str) -> None:
    assert STREET_WORD.search(fold(line)) is None
