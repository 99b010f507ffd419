"""Measure text localization (task 1): DetEval, and matching by intersection over union.

DetEval is the protocol of Wolf and Jolion (2006, "Object Count / Area Graphs for the Evaluation of Object Detection and
Segmentation Algorithms") as the ICDAR 2019 challenge on scanned receipts scores submissions:

- Every quad is replaced by its upright bounding box, and a box includes its last pixel (its width is `x1 - x0 + 1`).
- A label and a detection match *one to one* if the detection covers at least 0.8 of the label (area recall), at least
  0.4 of the detection is inside the label (area precision), neither qualifies with any other box, and neither touches
  any other box. Each gains 1. (The protocol also limits the distance of the centers to the mean of the diagonals.
  Overlapping boxes are always closer than that, so nothing has to be checked.)
- Remaining detections with an area precision of at least 0.4 that together cover at least 0.8 of a label match *one
  label to many detections*: the label and each detection gain 0.8.
- Remaining labels with an area recall of at least 0.8 that together fill at least 0.4 of a detection match *many labels
  to one detection*: each label and the detection gain 1.
- In the last two cases the "one" must touch at least two boxes, and a "many" of a single box counts as one to one.

Recall is the gain of the labels over their number, and precision is the gain of the detections over their number. Both
are summed over all receipts before the division.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Doubles, Flags

AREA_RECALL = 0.8
AREA_PRECISION = 0.4
# Gain per box if one label is found as many detections.
SPLIT_SCORE = 0.8
# Gain per box if many labels are found as one detection.
MERGED_SCORE = 1.0
# Sums of shares are rounded before they are compared, as in the challenge: 0.5 + 0.3 must reach 0.8.
_SUM_DECIMALS = 4


@dataclass(frozen=True)
class Localization:
    """Gains and counts of boxes of one receipt or, summed, of many.

    Attributes:
        label_gain: Gain of the labels, 0 to `labels`.
        detection_gain: Gain of the detections, 0 to `detections`.
        labels: Number of labeled boxes.
        detections: Number of detected boxes.
    """

    label_gain: float = 0.0
    detection_gain: float = 0.0
    labels: int = 0
    detections: int = 0

    def __add__(self, other: Localization) -> Localization:
        """Sum two results."""
        return Localization(
            self.label_gain + other.label_gain,
            self.detection_gain + other.detection_gain,
            self.labels + other.labels,
            self.detections + other.detections,
        )

    @property
    def precision(self) -> float:
        """Gain of the detections over their number, 0 to 1; 1 or 0 without detections, by whether labels exist."""
        if self.detections == 0:
            return float(self.labels == 0)
        return self.detection_gain / self.detections

    @property
    def recall(self) -> float:
        """Gain of the labels over their number, 0 to 1; 1 without labels."""
        return self.label_gain / self.labels if self.labels else 1.0

    @property
    def hmean(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return `precision`, `recall` and `hmean`."""
        return {"precision": self.precision, "recall": self.recall, "hmean": self.hmean}


def to_boxes(shapes: ArrayLike) -> Doubles:
    """Return the upright bounding boxes of shapes.

    Args:
        shapes: Boxes `(N, 4)` of x0, y0, x1, y1, or quads `(N, 4, 2)`, in pixels; may be empty.

    Returns:
        Boxes `(N, 4)` with x0 <= x1 and y0 <= y1.

    Raises:
        ValueError: If the shapes are neither boxes nor quads.
    """
    array = np.asarray(shapes, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim == 2 and array.shape[1] == 4:
        array = array.reshape(-1, 2, 2)
    elif array.ndim != 3 or array.shape[1:] != (4, 2):
        raise ValueError(f"Boxes have the shape (N, 4) and quads (N, 4, 2), not {array.shape}.")
    return np.concatenate([array.min(axis=1), array.max(axis=1)], axis=1)


def measure_receipt_deteval(labels: ArrayLike, detections: ArrayLike) -> Localization:
    """Measure the detections of one receipt by DetEval.

    Args:
        labels: Labeled boxes `(N, 4)` or quads `(N, 4, 2)` in pixels.
        detections: Detected boxes `(M, 4)` or quads `(M, 4, 2)` in pixels of the same picture.
    """
    truth, found = to_boxes(labels), to_boxes(detections)
    nothing = Localization(labels=len(truth), detections=len(found))
    if len(truth) == 0 or len(found) == 0:
        return nothing
    shared_area = _intersections(truth, found, pixel=1.0)
    # All matrices are labels x detections.
    recall = shared_area / _areas(truth, pixel=1.0)[:, None]
    precision = shared_area / _areas(found, pixel=1.0)[None, :]
    touching = shared_area > 0
    one_to_one = _one_to_one(recall, precision, touching)
    label_free: Flags = np.logical_not(one_to_one.any(axis=1))
    detection_free: Flags = np.logical_not(one_to_one.any(axis=0))
    label_gain = detection_gain = float(one_to_one.sum())

    for label in np.flatnonzero(label_free & (touching.sum(axis=1) >= 2)):
        many = np.flatnonzero(detection_free & (precision[label] >= AREA_PRECISION))
        if round(float(recall[label, many].sum()), _SUM_DECIMALS) >= AREA_RECALL:
            score = 1.0 if len(many) == 1 else SPLIT_SCORE
            label_gain += score
            detection_gain += score * len(many)
            label_free[label] = False
            detection_free[many] = False

    for detection in np.flatnonzero(detection_free & (touching.sum(axis=0) >= 2)):
        many = np.flatnonzero(label_free & (recall[:, detection] >= AREA_RECALL))
        if round(float(precision[many, detection].sum()), _SUM_DECIMALS) >= AREA_PRECISION:
            label_gain += MERGED_SCORE * len(many)
            detection_gain += MERGED_SCORE
            label_free[many] = False
            detection_free[detection] = False

    return nothing + Localization(label_gain, detection_gain)


def measure_deteval(labels: Sequence[ArrayLike], detections: Sequence[ArrayLike]) -> Localization:
    """Measure the detections of many receipts by DetEval.

    Args:
        labels: Labeled boxes `(N, 4)` or quads `(N, 4, 2)` per receipt.
        detections: Detected boxes or quads per receipt, in the same order.

    Raises:
        ValueError: If the numbers of receipts differ.
    """
    pairs = zip(labels, detections, strict=True)
    return sum((measure_receipt_deteval(truth, found) for truth, found in pairs), Localization())


def measure_receipt_iou(labels: ArrayLike, detections: ArrayLike, threshold: float = 0.5) -> Localization:
    """Measure the detections of one receipt by one-to-one matching at an intersection over union.

    Args:
        labels: Labeled boxes `(N, 4)` or quads `(N, 4, 2)` in pixels.
        detections: Detected boxes `(M, 4)` or quads `(M, 4, 2)` in pixels of the same picture.
        threshold: Minimum intersection over union of a match, 0 to 1.
    """
    matched = float(len(match_by_iou(labels, detections, threshold)))
    return Localization(matched, matched, labels=len(to_boxes(labels)), detections=len(to_boxes(detections)))


def match_by_iou(labels: ArrayLike, detections: ArrayLike, threshold: float = 0.5) -> list[tuple[int, int]]:
    """Match labels and detections one to one, greedily from the highest intersection over union down.

    Shapes are replaced by their upright bounding boxes.

    Args:
        labels: Labeled boxes `(N, 4)` or quads `(N, 4, 2)` in pixels.
        detections: Detected boxes `(M, 4)` or quads `(M, 4, 2)` in pixels of the same picture.
        threshold: Minimum intersection over union of a match, 0 to 1.

    Returns:
        Pairs of indices (label, detection).
    """
    truth, found = to_boxes(labels), to_boxes(detections)
    if len(truth) == 0 or len(found) == 0:
        return []
    shared_area = _intersections(truth, found, pixel=0.0)
    union = _areas(truth, pixel=0.0)[:, None] + _areas(found, pixel=0.0)[None, :] - shared_area
    iou = shared_area / np.maximum(union, 1e-9)
    rows, columns = np.nonzero(iou >= threshold)
    order = np.argsort(-iou[rows, columns], kind="stable")
    label_taken, detection_taken = np.zeros(len(truth), bool), np.zeros(len(found), bool)
    pairs: list[tuple[int, int]] = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if not label_taken[row] and not detection_taken[column]:
            label_taken[row] = detection_taken[column] = True
            pairs.append((row, column))
    return pairs


def measure_iou(labels: Sequence[ArrayLike], detections: Sequence[ArrayLike], threshold: float = 0.5) -> Localization:
    """Measure the detections of many receipts as `measure_receipt_iou` does.

    Raises:
        ValueError: If the numbers of receipts differ.
    """
    pairs = zip(labels, detections, strict=True)
    return sum((measure_receipt_iou(truth, found, threshold) for truth, found in pairs), Localization())


def _areas(boxes: Doubles, *, pixel: float) -> Doubles:
    """Return areas `(N,)`; `pixel` is 1 if boxes include their last pixel, 0 if coordinates are continuous."""
    return np.asarray((boxes[:, 2] - boxes[:, 0] + pixel) * (boxes[:, 3] - boxes[:, 1] + pixel))


def _intersections(first: Doubles, second: Doubles, *, pixel: float) -> Doubles:
    """Return the areas `(N, M)` that two sets of boxes share."""
    upper_left = np.maximum(first[:, None, :2], second[None, :, :2])
    lower_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.asarray(np.clip(lower_right - upper_left + pixel, 0, None).prod(axis=2))


def _one_to_one(recall: Doubles, precision: Doubles, touching: Flags) -> Flags:
    """Return which pairs match one to one, `(N, M)`."""
    enough = (recall >= AREA_RECALL) & (precision >= AREA_PRECISION)
    label_alone = (enough.sum(axis=1) == 1) & (touching.sum(axis=1) == 1)
    detection_alone = (enough.sum(axis=0) == 1) & (touching.sum(axis=0) == 1)
    return np.asarray(enough & label_alone[:, None] & detection_alone[None, :])
