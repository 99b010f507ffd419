"""Test the exclusion of detections on ignored print."""

from __future__ import annotations

import numpy as np

from shared.measures.ignored import select_counted


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def test_detection_on_ignored_print_counts_only_if_on_label() -> None:
    quads = np.array([box(0, 0, 10, 10), box(50, 0, 60, 10)], np.float32)
    ignored = np.array([box(0, 0, 12, 12), box(48, 0, 62, 12)], np.float32)
    assert select_counted(quads, ignored, quads[1:]).tolist() == [False, True]
    assert select_counted(quads, ignored[:0], quads[:0]).tolist() == [True, True]


def test_counts_segments_without_ignored_print() -> None:
    def box(x0: float, x1: float) -> list[tuple[float, float]]:
        return [(x0, 0), (x1, 0), (x1, 20), (x0, 20)]

    quads = np.array([box(0, 100), box(200, 300)], np.float32)
    ignored = np.array([box(40, 100), box(260, 400)], np.float32)
    none = quads[:0]
    assert select_counted(quads, ignored, none).tolist() == [False] + [True] * (len(quads) - 1)
    # Also on a label.
    assert select_counted(quads, ignored, quads[:1]).tolist() == [True, True]
    assert select_counted(quads, none, none).tolist() == [True, True]
    assert select_counted(none, ignored, none).tolist() == []
