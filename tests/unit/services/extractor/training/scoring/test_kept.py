"""Tests of keeping probabilities between fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.training.scoring.kept import KeptProbabilities
from shared.arrays import Floats

QUAD = np.array([[0, 0], [90, 0], [90, 20], [0, 20]], np.float32)


class CountingEngine:
    """An engine that counts the documents it ran."""

    outputs = 3

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        self.runs += len(documents)
        return [np.full((len(document.text), 3), 0.25, np.float32) for document in documents]


def test_runs_each_document_once_per_network(tmp_path: Path) -> None:
    documents = [encode([TextSegment(QUAD, text)]) for text in ("TOTAL 9.00", "CASH", "TOTAL 9.00")]
    engine = CountingEngine()
    kept = KeptProbabilities(tmp_path / "kept.npz", "first")
    found = kept.compute(engine, documents)
    assert [one.shape for one in found] == [(11, 3), (5, 3), (11, 3)]
    assert engine.runs == 2
    kept.save()
    again = KeptProbabilities(tmp_path / "kept.npz", "first").compute(engine, documents)
    assert engine.runs == 2
    np.testing.assert_array_equal(again[0], found[0])
    KeptProbabilities(tmp_path / "kept.npz", "second").compute(engine, documents)
    assert engine.runs == 4
