"""Labels of the boundaries between words, and the fit of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.segmentation.fitting import fit_model
from benchmarks.segmentation.labeling import LabeledPage, label_page
from benchmarks.segmentation.measuring import decide, measure_pages
from benchmarks.segmentation.readings import Reading, ReadReceipt
from shared.contracts import Quad, RecognizedText
from shared.learning.labels import LabeledReceipt, LabeledSegment


def box(left: float, top: float, right: float, bottom: float) -> Quad:
    return (left, top), (right, top), (right, bottom), (left, bottom)


def label(text: str, quad: Quad) -> LabeledSegment:
    return LabeledSegment(np.array(quad, np.float32), text)


@pytest.fixture(name="page")
def labeled_page() -> LabeledPage:
    """A page whose labels part a line that was found as one, and have two found ones as one; one word has no label."""
    segments = (label("2", box(0, 0, 20, 10)), label("TEA", box(30, 0, 100, 10)), label("TOTAL:", box(0, 20, 60, 30)))
    quads = [box(0, 0, 100, 10), box(0, 20, 50, 30), box(54, 20, 58, 30), box(0, 40, 100, 50)]
    texts = [
        RecognizedText(text="2 TEA", confidence=0.9, gaps=[(0.2, 0.3)]),
        RecognizedText(text="TOTAL", confidence=0.9),
        RecognizedText(text=":", confidence=0.9),
        RecognizedText(text="no label", confidence=0.9, gaps=[(0.3, 0.4)]),
    ]
    labeled = LabeledReceipt(key="a", image_path=Path("a.jpg"), segments=segments, entities={}, spaced=False)
    return label_page(ReadReceipt(labeled, Reading(key="a", quads=quads, texts=texts)))


def test_labels_boundaries_by_the_segments_of_their_words(page: LabeledPage) -> None:
    assert page.parted is not None
    assert page.boundaries is not None
    assert page.parted.tolist() == [1, 0, -1]
    assert page.boundaries.between_lines.tolist() == [False, True, False]


def test_measures_decisions(page: LabeledPage) -> None:
    before = measure_pages([page], [None])
    after = measure_pages([page], [decide(page, np.array([1, -1, -1], np.float32), 0.0, 0.0)])
    assert (before["splits"], before["joins"]) == (0, 0)
    assert (after["splits"], after["joins"]) == (1, 1)
    assert after["segments"] > before["segments"]


def test_fits_labeled_boundaries(page: LabeledPage) -> None:
    model = fit_model([page], [1.0])
    assert page.boundaries is not None
    logits = model.compute_logits(page.boundaries.features)
    assert logits[0] > 0 > logits[1]


def test_labels_a_receipt_without_text() -> None:
    labeled = LabeledReceipt(key="b", image_path=Path("b.jpg"), segments=(), entities={})
    page = label_page(ReadReceipt(labeled, Reading(key="b", quads=[], texts=[])))
    assert page.words is None
    assert measure_pages([page], [None])["splits"] == 0
