"""Numbers and arithmetic as inputs of the network."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.features.numbers import NUMBER_FEATURES, find_numbers, number_features


def features(*rows: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """The features of each text, which has to be a single number, by their names."""
    texts = [text for row in rows for text in row]
    row = [number for number, cells in enumerate(rows) for _ in cells]
    right = np.array([100.0 * (column + 1) for cells in rows for column in range(len(cells))], np.float32)
    start = np.cumsum([0, *(len(text) + 1 for text in texts)])
    found = number_features(texts, start, row, right, 20.0, int(start[-1]))
    return {
        text: dict(zip(NUMBER_FEATURES, found[begin].tolist(), strict=True))
        for text, begin in zip(texts, start[:-1].tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("16,500", [16500.0]),
        ("1,234.50", [1234.5]),
        ("1.234,50", [1234.5]),
        ("@2.50", [2.5]),
        ("2 x 4,50", [2.0, 4.5]),
        ("1X", [1.0]),
        ("0.482", [482.0]),
        ("25/12/2018", []),
        ("20:15", []),
        ("07-386 7524", []),
        ("9556939040116", []),
    ],
)
def test_finds_numbers_that_may_be_amounts_or_quantities(text: str, values: list[float]) -> None:
    assert [one.value for one in find_numbers([text])] == values


def test_tells_products() -> None:
    found = features(("TEA",), ("3", "1.50", "4.50"))
    assert found["4.50"]["product"] == 1.0
    assert found["3"]["factor"] == found["1.50"]["factor"] == 1.0
    assert found["4.50"]["factor"] == 0.0


def test_tells_the_sum_of_a_column() -> None:
    found = features(("A", "1.10"), ("B", "2.20"), ("C", "3.30"), ("SUM", "6.60"), ("CASH", "9.99"))
    assert found["6.60"]["column_sum"] == 1.0
    assert found["9.99"]["column_sum"] == 0.0


def test_tells_pairs_that_add_up() -> None:
    found = features(("TOTAL", "7.40"), ("CASH", "10.00"), ("CHANGE", "2.60"))
    assert found["10.00"]["pair_sum"] == 1.0
    assert found["7.40"]["addend"] == found["2.60"]["addend"] == 1.0


def test_compares_with_the_largest_price() -> None:
    found = features(("A", "5.00"), ("B", "10.00"))
    assert found["5.00"]["number_share"] == pytest.approx(0.5)
    assert found["A"]["number"] == 0.0


def test_receipt_without_numbers_has_no_features() -> None:
    assert not any(value for one in features(("A",), ("B",)).values() for value in one.values())
