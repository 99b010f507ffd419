"""Tests of loading weights of the CRNN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.recognizer.network.loading import read_weights
from shared.inference.weights import WeightsError
from tests.support.tiny_recognizer import write_weights

BOX = [[10, 10], [90, 10], [90, 30], [10, 30]]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_weights(tmp_path)


def test_rejects_contradictory_manifest(weights: Path) -> None:
    path = weights / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "alphabet": "AB"}))
    with pytest.raises(WeightsError, match="contradicts"):
        read_weights(weights)
    path.write_text(json.dumps({**manifest, "architecture": {**manifest["architecture"], "heads": 2}}))
    with pytest.raises(WeightsError, match="heads"):
        read_weights(weights)
