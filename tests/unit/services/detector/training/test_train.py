"""Test training, resuming and exporting a small CTPN."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from services.detector.network import network as network_module
from services.detector.network.architecture import Architecture
from services.detector.network.network import CTPN
from services.detector.training import train as train_module
from services.detector.training.samples import CropSettings
from services.detector.training.train import TrainingConfig, train
from shared.inference.weights import load_weights
from tests.support.written_receipts import write_receipts

SMALL = Architecture(anchor_heights=(12.0, 18.0, 27.0), window_channels=8, recurrent_units=4, dense_units=8)


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VGG16 with few channels, so that tests are fast."""
    monkeypatch.setattr(network_module, "BLOCKS", ((4, 2), (4, 2), (8, 3), (8, 3), (8, 3)))


@pytest.mark.usefixtures("thin")
def test_trains_resumes_and_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_receipts(tmp_path / "data")
    monkeypatch.setattr(train_module, "CropSettings", lambda: CropSettings(height=64, width=64))
    monkeypatch.setattr(train_module, "CTPN", lambda: CTPN(SMALL))
    config = TrainingConfig(
        data=tmp_path / "data",
        run=tmp_path / "run",
        export=tmp_path / "weights",
        steps=3,
        batch=1,
        warmup=1,
        checkpoint_every=2,
        trunk="none",
        device="cpu",
    )
    seen: list[int] = []
    train(config, progress=lambda values: seen.append(values["step"]))
    assert seen == [1, 2, 3]
    manifest, tensors = load_weights(tmp_path / "weights", name="ctpn")
    assert manifest.training["steps_done"] == 3
    assert Architecture.from_dict(manifest.architecture) == SMALL
    assert "trunk.blocks.0.0.weight" in tensors

    config.steps = 4
    last = train(config, progress=lambda values: seen.append(values["step"]))
    assert seen == [1, 2, 3, 4]
    assert np.isfinite(last["loss"])
    lines = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
