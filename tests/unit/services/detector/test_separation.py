"""Tests of finding separate receipts on a page."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.separation import enclose, find_areas, measure_edges
from tests.support.composed_pages import TEXT_PX, draw_receipts


@pytest.mark.parametrize(
    ("corners", "degrees"),
    [
        ([(40, 40), (400, 60)], 0.0),
        ([(40, 40), (420, 40), (800, 90)], 0.0),
        ([(40, 40), (480, 60)], 12.0),
        ([(40, 40), (480, 60)], -12.0),
        # The second covers the margin of the first.
        ([(40, 40), (335, 60)], 0.0),
    ],
)
def test_separates_receipts_beside_each_other(corners: list[tuple[int, int]], degrees: float) -> None:
    page, quads = draw_receipts(corners, degrees=degrees)
    areas = find_areas(page, quads)
    per_receipt = len(quads) // len(corners)
    found = sorted((sorted(area.members.tolist()) for area in areas), key=min)
    assert found == [list(range(start, start + per_receipt)) for start in range(0, len(quads), per_receipt)]
    assert all(area.score > 0.9 for area in areas)


def test_outline_encloses_the_text_of_a_receipt() -> None:
    page, quads = draw_receipts([(40, 40), (400, 60)])
    left, right = sorted(find_areas(page, quads), key=lambda area: area.outline[0, 0])
    assert left.outline.min(axis=0) == pytest.approx([60 - 1.5 * TEXT_PX, 65 - 1.5 * TEXT_PX], abs=1)
    assert left.outline[:, 0].max() < right.outline[:, 0].min()


def test_is_less_certain_without_an_edge_between_receipts() -> None:
    page, quads = draw_receipts([(40, 40), (400, 60)])
    assert [area.score for area in find_areas(np.full_like(page, 240), quads)] == [0.7, 0.7]


def test_receipts_above_each_other_must_be_confirmed() -> None:
    page, quads = draw_receipts([(40, 40), (60, 560)])
    areas = find_areas(page, quads)
    assert len(areas) == 2
    assert all(area.score == 0.5 for area in areas)


@pytest.mark.parametrize("lines", [4, 14, 40])
def test_keeps_one_receipt_whole(lines: int) -> None:
    page, quads = draw_receipts([(40, 40)], lines=lines)
    assert find_areas(page, quads) == []


def test_column_of_amounts_is_no_receipt() -> None:
    page, quads = draw_receipts([(40, 40)], lines=20, width=420)
    without_head = quads[3:]
    assert find_areas(page, without_head) == []


def test_page_without_text_has_no_receipts() -> None:
    assert find_areas(np.full((50, 50), 255, np.uint8), np.zeros((0, 4, 2), np.float32)) == []


def test_edge_must_run_through_the_whole_gap() -> None:
    strip = np.full((300, 40), 200.0, np.float32)
    assert measure_edges(strip, TEXT_PX) == 0.0
    strip[:, 20:] = 120.0
    assert measure_edges(strip, TEXT_PX) == 1.0
    strip[:150, 20:] = 200.0
    assert measure_edges(strip, TEXT_PX) == pytest.approx(0.5, abs=0.1)


def test_encloses_turned_text_along_its_direction() -> None:
    turned = np.array([[[10, 0], [10, 100], [0, 100], [0, 0]]], np.float32)
    outline = enclose(turned, 5.0)
    assert outline == pytest.approx(np.array([[15, -5], [15, 105], [-5, 105], [-5, -5]], np.float32))
