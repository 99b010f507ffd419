"""Tests of loading the weights of the CTPN."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from services.detector.network.loading import read_weights
from services.detector.settings import WEIGHTS
from shared.inference.weights import WeightsError


def test_rejects_damaged_weights(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    with (tmp_path / "weights" / "model.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0\1\2\3")
    with pytest.raises(WeightsError, match="SHA-256"):
        read_weights(tmp_path / "weights")


def test_rejects_joining_of_wrong_length(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    path = tmp_path / "weights" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["architecture"]["joining"]["break_weights"] = [1.0]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(WeightsError, match="break_weights"):
        read_weights(tmp_path / "weights")
