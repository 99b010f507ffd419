"""DetEval and matching at an intersection over union, on cases worked by hand.

Boxes hold their last pixel, so `box(0, 0, 100, 20)` below is 100 pixels wide.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from shared.measures.deteval import Localization, as_boxes, deteval, deteval_receipt, iou_matches, iou_receipt


def box(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width - 1, y + height - 1]


LABEL = box(0, 0, 100, 20)


def gains(result: Localization) -> tuple[float, float]:
    return pytest.approx(result.label_gain), pytest.approx(result.detection_gain)  # type: ignore[return-value]


def test_the_same_box_matches_one_to_one() -> None:
    result = deteval_receipt([LABEL], [LABEL])
    assert result == Localization(1.0, 1.0, 1, 1)
    assert result.as_dict() == {"precision": 1.0, "recall": 1.0, "hmean": 1.0}


@pytest.mark.parametrize(
    ("detection", "gain"),
    [
        (box(0, 0, 80, 20), 1.0),  # covers 0.8 of the label exactly
        (box(0, 0, 79, 20), 0.0),
        (box(0, 0, 100, 50), 1.0),  # 0.4 of it is label exactly
        (box(0, 0, 100, 51), 0.0),
        (box(200, 0, 100, 20), 0.0),
    ],
)
def test_area_limits(detection: list[float], gain: float) -> None:
    result = deteval_receipt([LABEL], [detection])
    assert (result.label_gain, result.detection_gain) == (gain, gain)


def test_a_label_in_two_pieces_scores_point_eight_on_both_sides() -> None:
    result = deteval_receipt([LABEL], [box(0, 0, 50, 20), box(50, 0, 50, 20)])
    assert gains(result) == (0.8, 1.6)
    assert result.recall == pytest.approx(0.8)
    assert result.precision == pytest.approx(0.8)


def test_pieces_must_cover_the_label_together() -> None:
    assert gains(deteval_receipt([LABEL], [box(0, 0, 50, 20), box(50, 0, 30, 20)])) == (0.8, 1.6)
    assert gains(deteval_receipt([LABEL], [box(0, 0, 50, 20), box(50, 0, 29, 20)])) == (0.0, 0.0)


def test_two_labels_in_one_detection_score_one_each() -> None:
    result = deteval_receipt([box(0, 0, 40, 20), box(60, 0, 40, 20)], [box(0, 0, 100, 20)])
    assert gains(result) == (2.0, 1.0)


def test_two_labels_far_apart_do_not_fill_one_detection() -> None:
    # 2 x 19 of 100 is below 0.4.
    assert gains(deteval_receipt([box(0, 0, 19, 20), box(81, 0, 19, 20)], [box(0, 0, 100, 20)])) == (0.0, 0.0)


def test_a_match_that_also_touches_a_neighbor_still_scores_one() -> None:
    # The detection covers the first label and touches the second: no longer one to one, but "many" labels of one box.
    labels = [LABEL, box(0, 25, 100, 20)]
    result = deteval_receipt(labels, [box(0, 0, 100, 27), box(0, 28, 100, 17)])
    assert gains(result) == (2.0, 2.0)


def test_a_small_extra_detection_is_counted_against_precision_only() -> None:
    # The extra box lies mostly outside the label: the label is still found by one box, through the one-to-many rule.
    result = deteval_receipt([LABEL], [LABEL, box(90, 0, 60, 20)])
    assert gains(result) == (1.0, 1.0)
    assert result.precision == pytest.approx(0.5)


def test_a_duplicate_detection_splits_the_label() -> None:
    assert gains(deteval_receipt([LABEL], [LABEL, LABEL])) == (0.8, 1.6)


def test_a_detection_is_used_once() -> None:
    # One detection, two identical labels: many to one.
    assert gains(deteval_receipt([LABEL, LABEL], [LABEL])) == (2.0, 1.0)


def test_sums_run_over_all_receipts() -> None:
    perfect = ([LABEL] * 1, [LABEL] * 1)
    missed = ([box(0, y, 100, 20) for y in (0, 40, 80)], [])
    result = deteval([perfect[0], missed[0]], [perfect[1], missed[1]])
    assert result.recall == pytest.approx(0.25)
    assert result.precision == 1.0
    assert result.hmean == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("labels", "detections", "precision", "recall"),
    [([], [], 1.0, 1.0), ([], [LABEL], 0.0, 1.0), ([LABEL], [], 0.0, 0.0)],
)
def test_nothing_to_find_or_nothing_found(
    labels: list[list[float]], detections: list[list[float]], precision: float, recall: float
) -> None:
    for result in (deteval_receipt(labels, detections), iou_receipt(labels, detections)):
        assert (result.precision, result.recall) == (precision, recall)


def test_quads_count_as_their_upright_boxes_in_any_corner_order() -> None:
    quad = [[0, 19], [0, 0], [99, 0], [99, 19]]
    assert as_boxes([quad]).tolist() == [LABEL]
    assert deteval_receipt(np.array([quad], np.float32), [LABEL]).hmean == 1.0


def test_shapes_that_are_neither_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        as_boxes([[1, 2, 3]])


def test_receipts_must_pair_up() -> None:
    with pytest.raises(ValueError, match="zip"):
        deteval([[LABEL]], [])


def test_iou_takes_the_best_pair_first_and_each_box_once() -> None:
    labels = [[0, 0, 10, 10], [8, 0, 18, 10]]
    # The first detection overlaps label 0 by 0.5 (10 of 20 wide) and label 1 exactly.
    result = iou_receipt(labels, [[8, 0, 18, 10], [0, 0, 10, 5]])
    assert result == Localization(2.0, 2.0, 2, 2)
    assert iou_receipt(labels[:1], [[0, 0, 10, 4.9]]).hmean == 0.0


def test_iou_is_over_all_receipts() -> None:
    result = iou_matches([[LABEL], [LABEL, box(0, 50, 10, 10)]], [[LABEL], [LABEL]])
    assert result.recall == pytest.approx(2 / 3)
    assert result.precision == 1.0


def _slow_deteval(labels: np.ndarray, detections: np.ndarray) -> tuple[float, float]:
    """The protocol word for word, in loops, to check the arrays against."""

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


def test_arrays_agree_with_the_loops_on_random_pages() -> None:
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
        result = deteval_receipt(labels, page)
        assert (result.label_gain, result.detection_gain) == pytest.approx(expected)
        kinds += expected[0] != expected[1]
    assert kinds > 20  # the pages do hold splits and merges, not only clean matches


def test_a_data_set_takes_well_under_a_second() -> None:
    generator = np.random.default_rng(1)
    corners = generator.random((100, 50, 2)) * 1000
    pages = np.concatenate([corners, corners + np.array([80, 20])], axis=2)
    started = time.perf_counter()
    deteval(list(pages), list(pages + 2))
    assert time.perf_counter() - started < 1.0
