"""Tests of the checks of a request's quads."""

from __future__ import annotations

import pytest

from services.recognizer.quads import find_quad_fault, parse_quads
from shared.problems import ProblemError

UPRIGHT = [[10, 10], [90, 10], [90, 30], [10, 30]]


@pytest.mark.parametrize(
    ("quad", "part"),
    [
        (UPRIGHT, None),
        ([[-5, -5], [50, -5], [50, 20], [-5, 20]], None),
        ([[300, 0], [400, 0], [400, 20], [300, 20]], "outside"),
        ([[0, -40], [100, -40], [100, 0], [0, 0]], "outside"),
        ([[0, 0], [5000, 0], [5000, 20], [0, 20]], "far outside"),
        ([[0, 0], [float("nan"), 0], [5, 5], [0, 5]], "finite"),
        ([[0, 0], [1, 1]], "four corners"),
    ],
)
def test_finds_faults_of_quads(quad: list[list[float]], part: str | None) -> None:
    fault = find_quad_fault(quad, 300, 200)
    if part is None:
        assert fault is None
    else:
        assert fault is not None
        assert part in fault


def test_lists_all_quads_at_fault() -> None:
    with pytest.raises(ProblemError, match=r"Quad 1 .* 1 more are not valid") as caught:
        parse_quads("[[[1, 1], [2, 1], [2, 2], [1, 2]], [], [[1]]]", max_quads=5)
    assert [error["quad"] for error in caught.value.extra["errors"]] == [1, 2]
