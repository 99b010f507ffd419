"""Tests of measuring what makes a page hard to read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.detector.quality import Measures, Scores, measure_page, score_empty_page, score_measures
from shared.arrays import Floats, Pixels

HEIGHT = 18


def draw_text(paper: int = 220) -> tuple[Pixels, Floats]:
    """Draw twelve lines of print; return the page and their quads."""
    page = np.full((420, 400), paper, np.uint8)
    quads = []
    for line in range(12):
        y = 30 + line * 30
        cv2.putText(page, "COFFEE AND TEA 12.50", (30, y + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30,), 1, cv2.LINE_AA)
        quads.append([[28, y], [230, y], [230, y + HEIGHT], [28, y + HEIGHT]])
    return page, np.array(quads, np.float32)


def score_page(page: Pixels, quads: Floats, scale: float = 1.0, rotation: int = 0) -> Scores:
    measures = measure_page(page, quads, scale, quads / scale, (round(400 / scale), round(420 / scale)))
    assert measures is not None
    return score_measures(measures, rotation)


def test_clean_page_has_no_faults() -> None:
    scores = score_page(*draw_text())
    assert max(scores.blur, scores.darkness, scores.glare, scores.low_resolution, *scores.cut) < 0.1


def test_blur_grows_with_its_width() -> None:
    page, quads = draw_text()
    blurs = [
        score_page(np.asarray(cv2.GaussianBlur(page, (0, 0), sigma), np.uint8), quads).blur
        for sigma in (0.5, 1.0, 2.0, 3.0)
    ]
    assert blurs == sorted(blurs)
    assert blurs[0] < 0.2
    assert blurs[-1] > 0.9


def test_dark_paper_is_dark() -> None:
    page, quads = draw_text()
    assert score_page((page * 0.2).astype(np.uint8), quads).darkness > 0.8


def test_light_on_gray_paper_is_glare() -> None:
    page, quads = draw_text(180)
    cv2.circle(page, (120, 150), 60, (255,), -1)
    assert score_page(page, quads).glare > 0.9
    white, _ = draw_text(255)
    assert score_page(white, quads).glare < 0.1


def test_few_pixels_are_a_low_resolution() -> None:
    page, quads = draw_text()
    assert score_page(page, quads, scale=1.0).low_resolution < 0.1
    assert score_page(page, quads, scale=2.5).low_resolution > 0.9


@pytest.mark.parametrize(("rotation", "side"), [(0, 0), (90, 3), (180, 2), (270, 1)])
def test_says_which_edge_cuts_text_off(rotation: int, side: int) -> None:
    page, quads = draw_text()
    quads[:, [0, 3], 0] = 0.0
    scores = score_page(page, quads, rotation=rotation)
    assert [cut > 0.5 for cut in scores.cut] == [index == side for index in range(4)]


def test_text_without_contrast_is_blurred() -> None:
    _, quads = draw_text()
    assert score_page(np.full((420, 400), 200, np.uint8), quads).blur > 0.9


def test_page_without_text_is_not_measured() -> None:
    none = np.zeros((0, 4, 2), np.float32)
    assert measure_page(np.zeros((9, 9), np.uint8), none, 1.0, none, (9, 9)) is None


def test_empty_page_is_blurred_if_nothing_is_sharp() -> None:
    sharp = np.full((300, 300), 200, np.uint8)
    sharp[100:200, 100:200] = 60
    assert score_empty_page(sharp).blur < 0.1
    assert score_empty_page(np.asarray(cv2.GaussianBlur(sharp, (0, 0), 8), np.uint8)).blur > 0.9
    assert score_empty_page(np.full((300, 300), 10, np.uint8)).darkness > 0.9


def test_scores_are_half_where_a_fault_begins_to_matter() -> None:
    measures = Measures(blur=0.075, paper=65.0, glare=0.03, text_px=9.5, cut=(3, 0, 3, 0), segments=20, page_px=900.0)
    scores = score_measures(measures, 0)
    found = [scores.blur, scores.darkness, scores.glare, scores.low_resolution, scores.cut[0], scores.cut[2]]
    assert found == pytest.approx([0.5] * 6)


def test_single_line_at_the_top_or_bottom_is_cut_off() -> None:
    measures = Measures(blur=0, paper=200, glare=0, text_px=20, cut=(1, 1, 1, 0), segments=40, page_px=900.0)
    left, top, right, bottom = score_measures(measures, 0).cut
    assert top > 0.5 > max(left, right, bottom)


def test_page_of_very_few_pixels_is_a_low_resolution_whatever_was_found() -> None:
    measures = Measures(blur=0, paper=200, glare=0, text_px=30, cut=(0, 0, 0, 0), segments=5, page_px=160.0)
    assert score_measures(measures, 0).low_resolution > 0.9
