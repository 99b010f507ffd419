"""Label pictures without labels where two of three detectors agree, and write them as a data set.

Run `python -m services.detector.training.pseudo_labels --unlabeled DIR --output DIR`. The detectors are two readers
whose results are beside the folder (see `shared.learning.agreement`) and the detector of this repository
("tri-training", Zhou and Li, 2005). Text that only one of them finds, or that they split differently, is ignored in
training.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.detector.predictor import Detection, Predictor
from services.detector.settings import DetectorSettings
from services.detector.training.samples import measure_heights
from shared.arrays import Flags, Floats
from shared.learning.agreement import Reading, load_readings
from shared.learning.dataset import write_split
from shared.learning.labels import DatasetError, LabeledReceipt
from shared.measures.deteval import match_by_iou

logger = logging.getLogger(__name__)
# Intersection over union at which two detectors mean the same segment.
_SAME = 0.6
# Minimum confidence of the text of a reader; below it, what was found may not be print.
_MIN_CONFIDENCE = 0.5
# Share of a segment inside another one at which it is a part of it.
_INSIDE = 0.7
# Pictures with fewer labels are left out.
_MIN_LABELS = 8


def agree_on_segments(first: Floats, second: Floats, own: Floats) -> tuple[Floats, Floats]:
    """Keep the segments that two of three detectors find and that no detector splits against both others.

    Readers draw boxes of another height than the labels that the detector learned, so boxes that only readers find are
    scaled to the height of its own.

    Args:
        first: `(A, 4, 2)` quads of the first reader in pixels.
        second: `(B, 4, 2)` quads of the second reader.
        own: `(C, 4, 2)` quads of the detector in training.

    Returns:
        `(N, 4, 2)` labels, and `(M, 4, 2)` segments to ignore.
    """
    by_readers = match_by_iou(first, second, _SAME)
    both = np.array([0.5 * (first[a] + second[b]) for a, b in by_readers], np.float32).reshape(-1, 4, 2)
    confirmed = match_by_iou(both, own, _SAME)
    growth = _measure_growth(both, own, confirmed)
    labels = _stretch(both, growth)
    for at, mine in confirmed:
        labels[at] = own[mine]
    # A segment of the detector that one reader confirms counts unless the other reader splits it.
    left = np.setdiff1d(np.arange(len(own)), [mine for _, mine in confirmed])
    singles = [_confirm(own[left], one, other) for one, other in ((first, second), (second, first))]
    added = own[left[singles[0] | singles[1]]]
    added = added[~(_share_inside(labels, added) > _INSIDE).any(axis=0)] if len(labels) and len(added) else added
    labels = np.concatenate([labels, added])
    disputed = [_select_unmatched(quads, labels) for quads in (first, second, own)]
    return labels, np.concatenate(disputed)


def _select_unmatched(quads: Floats, labels: Floats) -> Floats:
    known = [found for _, found in match_by_iou(labels, quads, _SAME)]
    return np.delete(quads, known, axis=0)


def _confirm(quads: Floats, reader: Floats, other: Floats) -> Flags:
    """Return which quads a reader finds too, if the other reader does not find them in parts."""
    found: Flags = np.zeros(len(quads), np.bool_)
    found[[index for index, _ in match_by_iou(quads, reader, _SAME)]] = True
    if len(quads) and len(other):
        found &= (_share_inside(other, quads) > _INSIDE).sum(axis=0) < 2
    return found


def _share_inside(parts: Floats, wholes: Floats) -> Floats:
    """Return the share of the box of each of P parts that is inside each of W wholes, `(P, W)`."""
    low, high = parts.min(axis=1)[:, None], parts.max(axis=1)[:, None]
    common = np.minimum(high, wholes.max(axis=1)[None]) - np.maximum(low, wholes.min(axis=1)[None])
    return np.asarray(np.clip(common, 0, None).prod(axis=2) / np.maximum((high - low).prod(axis=2), 1e-6), np.float32)


def _measure_growth(quads: Floats, own: Floats, pairs: Sequence[tuple[int, int]]) -> float:
    """Return the median ratio of the heights of paired quads, 1 without pairs."""
    if not pairs:
        return 1.0
    at, mine = np.array(pairs).T
    return float(np.median(measure_heights(own[mine]) / np.maximum(measure_heights(quads[at]), 1.0)))


def _stretch(quads: Floats, factor: float) -> Floats:
    """Scale the height of quads `(N, 4, 2)` around their middle."""
    middle = 0.5 * (quads + quads[:, [3, 2, 1, 0]])
    return np.asarray(middle + factor * (quads - middle), np.float32)


def label_picture(picture: LabeledReceipt, detection: Detection, readings: Sequence[Reading]) -> tuple[Floats, Floats]:
    """Label one picture; returns as in `agree_on_segments`.

    Args:
        picture: The picture; its labels are not used.
        detection: What the detector in training finds.
        readings: What the two readers find.
    """
    first, second = (_select_print(reading) for reading in readings)
    if detection.rotation or not len(first) or not len(second) or not len(detection.quads):
        logger.info("Picture left out, because it is turned or one detector finds nothing: %s", picture.key)
        return np.zeros((0, 4, 2), np.float32), np.zeros((0, 4, 2), np.float32)
    return agree_on_segments(first, second, detection.quads)


def _select_print(reading: Reading) -> Floats:
    quads = [part.quad for part, confidence in reading if part.text and confidence >= _MIN_CONFIDENCE]
    return np.array(quads, np.float32).reshape(-1, 4, 2)


def write_labels(root: Path, picture: LabeledReceipt, labels: Floats, ignored: Floats) -> None:
    """Write labels in the layout of `shared.learning.wildreceipt`; the picture becomes a link."""
    for folder in ("images", "segments"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    image = root / "images" / f"{picture.key}.jpg"
    image.unlink(missing_ok=True)
    image.symlink_to(picture.image_path.resolve())
    # The texts do not matter to the detector, but a segment without one would be ignored.
    parts = [{"quad": quad.tolist(), "text": "?", "label": "Others"} for quad in labels]
    parts += [{"quad": quad.tolist(), "text": "", "label": "Ignore"} for quad in ignored]
    (root / "segments" / f"{picture.key}.json").write_text(json.dumps({"segments": parts}), encoding="utf-8")


def label_all(unlabeled: Path, output: Path, settings: DetectorSettings) -> int:
    """Label all pictures of a folder and write them as split `train` of a data set.

    Args:
        unlabeled: Pictures, with the files of two readers beside the folder.
        output: Folder of the data set.
        settings: Settings of the detector in training.

    Returns:
        The number of pictures written.

    Raises:
        DatasetError: If the readings cannot be read or are not those of two readers.
    """
    readings = load_readings(unlabeled)
    predictor = Predictor.load(settings)
    kept = []
    for number, (key, found) in enumerate(sorted(readings.items()), start=1):
        if len(found) != 2:
            raise DatasetError(f"{unlabeled} has readings of {len(found)} readers; expected two")
        picture = LabeledReceipt(key, unlabeled / f"{key}.webp", (), {})
        labels, ignored = label_picture(picture, predictor.predict([picture.read_image()])[0], found)
        if len(labels) >= _MIN_LABELS:
            write_labels(output, picture, labels, ignored)
            kept.append(key)
        if number % 100 == 0:
            logger.info("Pictures labeled: %d of %d, %d kept", number, len(readings), len(kept))
    write_split(output, {"train": kept, "validation": []})
    return len(kept)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Label pictures where two of three detectors agree.")
    parser.add_argument("--unlabeled", type=Path, required=True, help="pictures, with readings beside the folder")
    parser.add_argument("--output", type=Path, required=True, help="folder of the data set to write")
    parser.add_argument("--threads", type=int, help="threads of the engine (default: its own choice)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = DetectorSettings(threads=options.threads)
    logger.info("Pictures written: %d", label_all(options.unlabeled, options.output, settings))


if __name__ == "__main__":
    main()
