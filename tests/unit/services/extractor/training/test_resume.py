"""Test of a short training of the extractor, resumed and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.extractor.network.loading import NAME
from services.extractor.predictor import Predictor
from services.extractor.scoring import Scoring
from services.extractor.training.train import TrainingConfig, train
from shared.inference.weights import load_weights
from tests.support.extractor import build_settings, write_data_set


def test_training_can_be_resumed_and_exported(tmp_path: Path) -> None:
    root = write_data_set(tmp_path / "data")
    options: dict[str, Any] = {
        "data": root, "run": tmp_path / "run", "synthetic": root, "held_out": 0.34, "threads": 1, "hidden": 4,
        "device": "cpu",
    }  # fmt: skip
    records: list[dict[str, Any]] = []
    train(TrainingConfig(**options, steps=20), progress=records.append)
    assert [record["step"] for record in records] == [20]
    assert Scoring.model_validate_json((tmp_path / "run" / "scoring.json").read_text())
    measures = train(TrainingConfig(**options, steps=21, export=tmp_path / "weights"))
    manifest, _ = load_weights(tmp_path / "weights", name=NAME)
    assert manifest.training["steps"] == 21
    assert manifest.measures == measures
    assert manifest.measures["validation, given text"]["receipts"] == 2
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 1
    Predictor.load(build_settings(tmp_path / "weights")).warm_up()
