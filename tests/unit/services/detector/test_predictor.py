"""Tests of the detector without HTTP, with an engine that knows the answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.detector.predictor import COMMON_SIZES, Detection, Predictor, clip_detection
from services.detector.preparation import PreparationSettings, choose_length, scale_page
from services.detector.settings import DetectorSettings
from shared.inference.weights import WeightsError
from tests.support.detector import Oracle, build_predictor, draw_page


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_segments_are_in_pixels_of_page(scale: int) -> None:
    image, boxes = draw_page(scale)
    (detection,) = build_predictor(Oracle()).predict([image])
    order = np.argsort(detection.quads[:, 0, 1])
    found = np.concatenate([detection.quads[order, 0], detection.quads[order, 2]], axis=1)
    assert found == pytest.approx(boxes, abs=3 * scale)
    assert detection.rotation == 0


def test_batches_pages_of_one_size_and_keeps_order() -> None:
    oracle = Oracle()
    small, large = draw_page(1)[0], draw_page(3)[0]
    blank = np.full((100, 100, 3), 255, np.uint8)
    found = build_predictor(oracle, max_batch=2).predict([small, blank, large, small, small])
    assert [len(detection.scores) for detection in found] == [3, 0, 3, 3, 3]
    assert found[2].quads.max() > found[0].quads.max() * 2
    assert [len(run) for run in oracle.runs] == [2, 2]
    assert oracle.sizes == sorted(oracle.sizes)


@pytest.mark.parametrize("batches_by_size", [True, False])
def test_engine_decides_whether_batches_mix_sizes(batches_by_size: bool) -> None:
    detector = build_predictor(Oracle(batches_by_size=batches_by_size))
    pages = [detector.prepare(draw_page(1)[0]), detector.prepare(np.tile(draw_page(1)[0], (3, 1, 1)))]
    groups = {detector.group(page) for page in pages if page is not None}
    assert len(groups) == (2 if batches_by_size else 1)


def test_recomputes_page_at_wrong_scale() -> None:
    oracle = Oracle()
    detector = build_predictor(oracle)
    image, _ = draw_page(1)
    page = detector.prepare(image)
    assert page is not None
    detector.detect([page])
    assert len(oracle.sizes) == 1
    wrong = scale_page(page.source, page.offset, page.page_size, page.scale[1] * 2.5, PreparationSettings())
    (detection,) = detector.detect([wrong])
    assert len(oracle.sizes) == 3
    assert oracle.sizes[2][0] < oracle.sizes[1][0]
    assert len(detection.scores) == 3


def test_quads_are_on_page() -> None:
    image, _ = draw_page(1)
    # Cuts into the first row and the first strokes.
    cut = np.ascontiguousarray(image[62:, 65:])
    (detection,) = build_predictor(Oracle()).predict([cut])
    assert detection.quads.min() >= 0
    assert (detection.quads.max(axis=(0, 1)) <= (cut.shape[1], cut.shape[0])).all()


def test_drops_segments_outside_of_page() -> None:
    quads = np.array([[(90, 5), (130, 5), (130, 9), (90, 9)], [(101, 5), (130, 5), (130, 9), (101, 9)]], np.float32)
    kept = clip_detection(Detection(quads, np.array([0.8, 0.9], np.float32)), (100, 50))
    assert kept.quads.tolist() == [[[90, 5], [100, 5], [100, 9], [90, 9]]]
    assert kept.scores.tolist() == pytest.approx([0.8])


def test_error_for_missing_weights_names_manifest(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="manifest"):
        Predictor.load(DetectorSettings(weights=tmp_path))


def test_warm_up_runs_common_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = Oracle()
    build_predictor(oracle).warm_up()
    sizes = [(64, 64), *COMMON_SIZES]
    assert oracle.sizes == sizes
    assert all(choose_length(side) == side for size in COMMON_SIZES for side in size)
    monkeypatch.setattr("services.detector.predictor._WARM_UP_S", 0.0)
    oracle.runs.clear()
    build_predictor(oracle).warm_up()
    assert len(oracle.sizes) == 1
