"""Judging whether a page was looked at the right way."""

from __future__ import annotations

import pytest

from gateway.reading.legibility import OTHER_VIEWS, choose_sample, choose_view, is_illegible, measure_legibility
from shared.contracts import Quad, RecognizedText


def text(characters: str, confidence: float) -> RecognizedText:
    return RecognizedText(text=characters, confidence=confidence)


def test_long_texts_count_more() -> None:
    assert measure_legibility([text("8", 0.9), text("~~~ ~~~~~", 0.1)]) == pytest.approx(0.18)


def test_blank_texts_do_not_count() -> None:
    assert measure_legibility([text("TOTAL", 0.8), text("  ", 0.1)]) == pytest.approx(0.8)
    assert is_illegible([text("", 1.0)])


def test_chooses_only_clearly_better_view() -> None:
    readings = [[text("ab", 0.2)], [text("ab", 0.9)], [text("ab", 0.3)]]
    assert choose_view(OTHER_VIEWS, readings, 0.2) == OTHER_VIEWS[1]
    assert choose_view(OTHER_VIEWS, readings, 0.8) is None


def test_sample_has_longest_segments_in_any_direction() -> None:
    quads: list[Quad] = [((0, 0), (0, length), (-9, length), (-9, 0)) for length in range(1, 40)]
    assert choose_sample(quads) == quads[:-17:-1]
