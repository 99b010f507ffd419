"""Labels that a trained network gives to receipts without any, where it is sure or arithmetic confirms it.

Pseudo-labels (Lee, 2013) let the next training see more shops. A word gets the class that the network gives with
confidence; sums (subtotal, tax, tip, total) get theirs only where they add up. Everything else says nothing. Serving
code never imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.features.numbers import find_numbers
from services.extractor.items import Run, find_runs, segment_probabilities
from services.extractor.network.classes import CLASSES
from services.extractor.network.engine import Engine, compute_probabilities
from services.extractor.training.labeling.fields import IGNORED, LabeledText
from services.extractor.training.labeling.targets import WILD_OTHER, target_table
from shared.arrays import Floats

_MIN_PROBABILITY = 0.9
_MIN_BACKGROUND = 0.97
# A sum that adds up with the others needs less.
_MIN_CONFIRMED = 0.35
_SUMS = ("subtotal", "tax", "tip", "service_charge", "total")
_TOLERANCE = 0.011
_MAX_CANDIDATES = 3
_MIN_SEGMENTS = 8
_BATCH = 16


def load_unlabeled(path: Path) -> dict[str, list[TextSegment]]:
    """Load texts without labels, by key.

    Args:
        path: JSON Lines with `key` and `segments` (`quad`, `text`, `confidence`).
    """
    found = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            found[record["key"]] = [
                TextSegment(np.array(one["quad"], np.float32), one["text"], confidence=one["confidence"])
                for one in record["segments"]
                if one["text"].strip()
            ]
    return found


def pseudo_versions(
    engine: Engine, readings: Sequence[Mapping[str, list[TextSegment]]]
) -> list[list[list[LabeledText]]]:
    """Label receipts that several readers read; returns the versions of each receipt."""
    keys = sorted({key for one in readings for key in one})
    texts = [one[key] for key in keys for one in readings if len(one.get(key, ())) >= _MIN_SEGMENTS]
    owners = [key for key in keys for one in readings if len(one.get(key, ())) >= _MIN_SEGMENTS]
    order = sorted(range(len(texts)), key=lambda i: sum(len(segment.text) for segment in texts[i]))
    versions: dict[str, list[list[LabeledText]]] = {}
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        documents = [encode(texts[i]) for i in part]
        for i, document, scores in zip(part, documents, compute_probabilities(engine, documents), strict=True):
            if len(document.order):
                versions.setdefault(owners[i], []).append(pseudo_receipt(texts[i], document, scores))
    return [versions[key] for key in sorted(versions)]


def pseudo_receipt(segments: Sequence[TextSegment], document: Document, scores: Floats) -> list[LabeledText]:
    """Label one receipt from the probabilities of its characters, (T, outputs)."""
    labels = np.full(len(document.text), IGNORED, np.int64)
    runs = find_runs(document, scores, CLASSES[1:])
    confirmed = _confirmed_sums(document, runs)
    means = segment_probabilities(document, scores)
    is_background = means[:, target_table()[WILD_OTHER]].sum(axis=1) >= _MIN_BACKGROUND
    labels[is_background[document.segment]] = WILD_OTHER
    for run in runs:
        is_sum = run.kind in _SUMS
        if run in confirmed if is_sum else run.part.score >= _MIN_PROBABILITY:
            labels[run.part.start : run.part.end] = CLASSES.index(run.kind)
    result = []
    for place, index in enumerate(document.order):
        span = slice(document.start[place], document.start[place + 1] - 1)
        one = segments[index]
        result.append(LabeledText(one.quad, document.text[span], labels[span].copy(), one.confidence))
    return result


def _confirmed_sums(document: Document, runs: Sequence[Run]) -> list[Run]:
    """Return the sums that add up to the total: the likeliest combination of at least two parts."""
    candidates: dict[str, list[tuple[Run, float]]] = {}
    for run in sorted(runs, key=lambda run: -run.part.score):
        numbers = find_numbers([document.text[run.part.start : run.part.end]])
        if run.kind in _SUMS and run.part.score >= _MIN_CONFIRMED and len(numbers) == 1:
            candidates.setdefault(run.kind, []).append((run, numbers[0].value))
    totals = candidates.pop("total", [])[:_MAX_CANDIDATES]
    # Each sum may take part with one of its candidates or not at all.
    choices = [[[], *([one] for one in found[:_MAX_CANDIDATES])] for found in candidates.values()]
    best: list[Run] = []
    for total, value in totals:
        for chosen in product(*choices):
            parts = [part for one in chosen for part in one]
            adds_up = abs(sum(amount for _, amount in parts) - value) <= _TOLERANCE
            if adds_up and len(parts) > 1 and len(parts) >= len(best):
                best = [total, *(run for run, _ in parts)]
    everything = {**candidates, "total": totals}
    values = {run.kind: value for found in everything.values() for run, value in found if run in best}
    # Other prints of the same sum count, too.
    return [run for found in everything.values() for run, value in found if values.get(run.kind) == value]
