"""Test DetEval and matching by intersection over union on cases worked by hand.

Boxes include their last pixel, so `box(0, 0, 100, 20)` below is 100 pixels wide.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from shared.measures.deteval import (
    Localization,
    measure_deteval,
    measure_iou,
    measure_receipt_deteval,
    measure_receipt_iou,
    to_boxes,
)


def box(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width - 1, y + height - 1]


LABEL = box(0, 0, 100, 20)


def approximate_gains(result: Localization) -> tuple[float, float]:
    return pytest.approx(result.label_gain), pytest.approx(result.detection_gain)  # type: ignore[return-value]


def test_same_box_matches_one_to_one() -> None:
    result = measure_receipt_deteval([LABEL], [LABEL])
    assert result == Localization(1.0, 1.0, 1, 1)
    assert result.to_dict() == {"precision": 1.0, "recall": 1.0, "hmean": 1.0}


@pytest.mark.parametrize(
    ("detection", "gain"),
    [
        # Covers exactly 0.8 of the label.
        (box(0, 0, 80, 20), 1.0),
        (box(0, 0, 79, 20), 0.0),
        # Exactly 0.4 of it is inside the label.
        (box(0, 0, 100, 50), 1.0),
        (box(0, 0, 100, 51), 0.0),
        (box(200, 0, 100, 20), 0.0),
    ],
)
def test_area_limits(detection: list[float], gain: float) -> None:
    result = measure_receipt_deteval([LABEL], [detection])
    assert (result.label_gain, result.detection_gain) == (gain, gain)


def test_label_in_two_pieces_gains_split_score() -> None:
    result = measure_receipt_deteval([LABEL], [box(0, 0, 50, 20), box(50, 0, 50, 20)])
    assert approximate_gains(result) == (0.8, 1.6)
    assert result.recall == pytest.approx(0.8)
    assert result.precision == pytest.approx(0.8)


def test_pieces_must_cover_label_together() -> None:
    assert approximate_gains(measure_receipt_deteval([LABEL], [box(0, 0, 50, 20), box(50, 0, 30, 20)])) == (0.8, 1.6)
    assert approximate_gains(measure_receipt_deteval([LABEL], [box(0, 0, 50, 20), box(50, 0, 29, 20)])) == (0.0, 0.0)


def test_two_labels_in_one_detection_gain_one_each() -> None:
    result = measure_receipt_deteval([box(0, 0, 40, 20), box(60, 0, 40, 20)], [box(0, 0, 100, 20)])
    assert approximate_gains(result) == (2.0, 1.0)


def test_two_distant_labels_do_not_fill_one_detection() -> None:
    # 2 x 19 of 100 is below 0.4.
    assert approximate_gains(
        measure_receipt_deteval([box(0, 0, 19, 20), box(81, 0, 19, 20)], [box(0, 0, 100, 20)])
    ) == (0.0, 0.0)


def test_match_that_touches_neighbor_gains_one() -> None:
    # The detection covers the first label and touches the second: not one to one, but "many" labels of one box.
    labels = [LABEL, box(0, 25, 100, 20)]
    result = measure_receipt_deteval(labels, [box(0, 0, 100, 27), box(0, 28, 100, 17)])
    assert approximate_gains(result) == (2.0, 2.0)


def test_small_extra_detection_lowers_only_precision() -> None:
    # Most of the extra box is outside the label; one box still finds the label, by the one-to-many rule.
    result = measure_receipt_deteval([LABEL], [LABEL, box(90, 0, 60, 20)])
    assert approximate_gains(result) == (1.0, 1.0)
    assert result.precision == pytest.approx(0.5)


def test_duplicate_detection_splits_label() -> None:
    assert approximate_gains(measure_receipt_deteval([LABEL], [LABEL, LABEL])) == (0.8, 1.6)


def test_detection_matches_two_identical_labels() -> None:

    assert approximate_gains(measure_receipt_deteval([LABEL, LABEL], [LABEL])) == (2.0, 1.0)


def test_sums_over_receipts() -> None:
    missed = [box(0, y, 100, 20) for y in (0, 40, 80)]
    result = measure_deteval([[LABEL], missed], [[LABEL], []])
    assert result.recall == pytest.approx(0.25)
    assert result.precision == 1.0
    assert result.hmean == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("labels", "detections", "precision", "recall"),
    [([], [], 1.0, 1.0), ([], [LABEL], 0.0, 1.0), ([LABEL], [], 0.0, 0.0)],
)
def test_measures_without_labels_or_detections(
    labels: list[list[float]], detections: list[list[float]], precision: float, recall: float
) -> None:
    for result in (measure_receipt_deteval(labels, detections), measure_receipt_iou(labels, detections)):
        assert (result.precision, result.recall) == (precision, recall)


def test_quads_count_as_upright_boxes_in_any_corner_order() -> None:
    quad = [[0, 19], [0, 0], [99, 0], [99, 19]]
    assert to_boxes([quad]).tolist() == [LABEL]
    assert measure_receipt_deteval(np.array([quad], np.float32), [LABEL]).hmean == 1.0


def test_rejects_shapes_that_are_neither_boxes_nor_quads() -> None:
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        to_boxes([[1, 2, 3]])


def test_rejects_different_numbers_of_receipts() -> None:
    with pytest.raises(ValueError, match="zip"):
        measure_deteval([[LABEL]], [])


def test_iou_matches_best_pair_first_and_each_box_once() -> None:
    labels = [[0, 0, 10, 10], [8, 0, 18, 10]]
    # The first detection overlaps label 0 by 0.5 (10 of 20 wide) and label 1 exactly.
    result = measure_receipt_iou(labels, [[8, 0, 18, 10], [0, 0, 10, 5]])
    assert result == Localization(2.0, 2.0, 2, 2)
    assert measure_receipt_iou(labels[:1], [[0, 0, 10, 4.9]]).hmean == 0.0


def test_iou_sums_over_receipts() -> None:
    result = measure_iou([[LABEL], [LABEL, box(0, 50, 10, 10)]], [[LABEL], [LABEL]])
    assert result.recall == pytest.approx(2 / 3)
    assert result.precision == 1.0


def _slow_deteval(labels: np.ndarray, detections: np.ndarray) -> tuple[float, float]:
    """Apply the protocol literally, in loops."""

    def shared(a: np.ndarray, b: np.ndarray) -> float:
        dx = min(a[2], b[2]) - max(a[0], b[0]) + 1
        dy = min(a[3], b[3]) - max(a[1], b[1]) + 1
        return float(dx * dy) if dx >= 0 and dy >= 0 else 0.0

    def area(a: np.ndarray) -> float:
        return float((a[2] - a[0] + 1) * (a[3] - a[1] + 1))

    rows, columns = range(len(labels)), range(len(detections))
    recall = {(i, j): shared(labels[i], detections[j]) / area(labels[i]) for i in rows for j in columns}
    precision = {(i, j): shared(labels[i], detections[j]) / area(detections[j]) for i in rows for j in columns}
    fits = {pair for pair in recall if recall[pair] >= 0.8 and precision[pair] >= 0.4}
    touched_by_label = {i: sum(recall[i, j] > 0 for j in columns) for i in rows}
    touched_by_detection = {j: sum(recall[i, j] > 0 for i in rows) for j in columns}
    used_labels: set[int] = set()
    used_detections: set[int] = set()
    label_gain = detection_gain = 0.0
    for i, j in sorted(fits):
        alone = sum(a == i for a, _ in fits) == 1 and sum(b == j for _, b in fits) == 1
        if alone and touched_by_label[i] == 1 and touched_by_detection[j] == 1:
            used_labels.add(i)
            used_detections.add(j)
            label_gain += 1
            detection_gain += 1
    for i in rows:
        many = [j for j in columns if i not in used_labels and j not in used_detections and precision[i, j] >= 0.4]
        if round(sum(recall[i, j] for j in many), 4) >= 0.8 and touched_by_label[i] >= 2:
            used_labels.add(i)
            used_detections.update(many)
            label_gain += 1 if len(many) == 1 else 0.8
            detection_gain += 1 if len(many) == 1 else 0.8 * len(many)
    for j in columns:
        group = [i for i in rows if j not in used_detections and i not in used_labels and recall[i, j] >= 0.8]
        if round(sum(precision[i, j] for i in group), 4) >= 0.4 and touched_by_detection[j] >= 2:
            used_detections.add(j)
            used_labels.update(group)
            label_gain += len(group)
            detection_gain += 1
    return label_gain, detection_gain


def test_arrays_agree_with_loops_on_random_pages() -> None:
    generator = np.random.default_rng(7)
    kinds = 0
    for _ in range(40):
        rows = np.arange(12) * 22.0
        start = generator.integers(0, 60, 12)
        labels = np.stack([start, rows, start + generator.integers(60, 200, 12), rows + 18], axis=1).astype(float)
        kept = labels[generator.random(12) > 0.1]
        detections = kept + generator.integers(-8, 9, kept.shape)
        split = detections[:3].copy()
        split[:, 0] = (split[:, 0] + split[:, 2]) // 2
        detections[:3, 2] = split[:, 0] - 1
        tall = detections[-1:].copy()
        tall[:, 1] -= 22
        page = np.concatenate([detections, split, tall])
        expected = _slow_deteval(labels, page)
        result = measure_receipt_deteval(labels, page)
        assert (result.label_gain, result.detection_gain) == pytest.approx(expected)
        kinds += expected[0] != expected[1]
    # The pages contain splits and merges, not only clean matches.
    assert kinds > 20


def test_measures_data_set_quickly() -> None:
    generator = np.random.default_rng(1)
    corners = generator.random((100, 50, 2)) * 1000
    pages = np.concatenate([corners, corners + np.array([80, 20])], axis=2)
    started = time.process_time()
    measure_deteval(list(pages), list(pages + 2))
    # CPU time, so that the test passes on a busy machine.
    assert time.process_time() - started < 2.0
