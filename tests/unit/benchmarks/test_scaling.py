"""The benchmark of how the cost of reading grows, on made-up figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.scaling import fit_growth, format_table, resize


def points(key: str, values: list[float], power: float) -> list[dict[str, Any]]:
    return [{key: value, "segments": 50 * value, "seconds": 0.3 * value**power} for value in values]


@pytest.mark.parametrize("power", [0.0, 0.4, 1.0, 1.7])
def test_growth_is_the_exponent_of_the_power_law(power: float) -> None:
    assert fit_growth(points("megapixels", [0.5, 1, 2, 8], power), "megapixels") == pytest.approx(power, abs=1e-3)


def test_scales_pictures_to_megapixels_and_keeps_the_aspect_ratio() -> None:
    small, large = (resize(np.zeros((400, 250, 3), np.uint8), size) for size in (0.025, 0.4))
    assert (small.shape, large.shape) == ((200, 125, 3), (800, 500, 3))


def test_the_table_has_the_medians() -> None:
    result = {
        "sizes": [*points("megapixels", [0.5, 2], 1.0), {"megapixels": 2, "segments": 100, "seconds": 1.2}],
        "strips": points("strips", [1, 3], 1.0),
        "clients": [{"clients": 4, "peak_mib": 611.4, "seconds": 0.25}],
        "growth": {"seconds_by_megapixels": 0.31, "seconds_by_segments": 0.97},
    }
    rows = format_table(result).splitlines()
    assert "| 2 | 100 | 0.900 |" in rows
    assert "| 3 | 150 | 0.900 |" in rows
    assert "| 4 | 611 | 0.250 |" in rows
    assert "the megapixels of a receipt to the power 0.31" in rows[-1]
