"""Test telling from the distances of characters along which axis lines run."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.orientation.neighbors import compare_axes, find_neighbors


def compare(centers: np.ndarray) -> float:
    return compare_axes(find_neighbors(centers, 14.0).way)


def place_grid(rows: int, columns: int, pitch: float, advance: float) -> np.ndarray:
    """Return the centers of characters in lines `pitch` apart, and `advance` apart in a line, `(N, 2)`."""
    x, y = np.meshgrid(np.arange(columns) * advance, np.arange(rows) * pitch)
    return np.stack([x.ravel(), y.ravel()], axis=1)


@pytest.mark.parametrize("rows", [12, 300])
def test_lines_of_perfect_columns_run_along_the_nearer_neighbors(rows: int) -> None:
    grid = place_grid(rows, 30, pitch=20.0, advance=9.0)
    assert compare(grid) > 3.0
    assert compare(grid[:, ::-1]) < -3.0


def test_says_nothing_without_neighbors() -> None:
    assert compare(place_grid(3, 3, pitch=200.0, advance=200.0)) == 0.0
    assert compare(np.zeros((1, 2))) == 0.0
