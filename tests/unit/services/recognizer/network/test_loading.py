"""Test loading weights of the CRNN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from services.recognizer.alphabet import Alphabet
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.loading import NAME, read_weights
from services.recognizer.network.network import CRNN
from shared.inference.device import arrays_of
from shared.inference.weights import WeightsError, save_weights

ALPHABET = Alphabet("AaBb 1")


TINY = Architecture(classes=7, channels=(2, 2, 3, 3, 4, 4, 5), hidden=4, layers=1, width_stretch=1.0)


BOX = [[10, 10], [90, 10], [90, 30], [10, 30]]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(
        tmp_path,
        arrays_of(CRNN(TINY).state_dict()),
        name=NAME,
        architecture=TINY.to_dict(),
        alphabet=ALPHABET.characters,
        training={},
        measures={},
    )
    return tmp_path


def test_rejects_contradictory_manifest(weights: Path) -> None:
    path = weights / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "alphabet": "AB"}))
    with pytest.raises(WeightsError, match="contradicts"):
        read_weights(weights)
    path.write_text(json.dumps({**manifest, "architecture": {**manifest["architecture"], "heads": 2}}))
    with pytest.raises(WeightsError, match="heads"):
        read_weights(weights)
