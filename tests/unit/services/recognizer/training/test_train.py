"""Test training, resuming and exporting a small CRNN."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from services.recognizer.alphabet import FIRST_CHARACTERS, Alphabet
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.loading import NAME
from services.recognizer.network.network import CRNN
from services.recognizer.predictor import Predictor
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.train import Trainer, TrainingConfig, train
from shared.inference.device import arrays_of
from shared.inference.weights import save_weights
from shared.learning.dataset import write_receipt, write_split
from shared.learning.labels import DatasetError, LabeledSegment

TINY: dict[str, Any] = {"channels": (2, 2, 2, 2, 4, 4, 4), "hidden": 4, "layers": 1}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    image = np.full((200, 300, 3), 255, np.uint8)
    segments = []
    for row, text in enumerate(["Total 9.00", "TAX", "No. 5", "Cash 10"]):
        top, width = 10 + 45 * row, 18 * len(text)
        cv2.putText(image, text, (12, top + 28), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2)
        quad = np.array([[10, top], [10 + width, top], [10 + width, top + 36], [10, top + 36]], np.float32)
        segments.append(LabeledSegment(quad, text))
    for key in ("a", "b"):
        write_receipt(root, key, image, segments, {})
    write_split(root, {"train": ["a"], "validation": ["b"]})
    return root


def test_training_resumes_and_exports_loadable_weights(data: Path, tmp_path: Path) -> None:
    config = TrainingConfig(
        data=data,
        synthetic=data,
        run=tmp_path / "run",
        steps=3,
        short_steps=1,
        threads=1,
        device="cpu",
        architecture=TINY,
    )
    seen: list[int] = []
    measures = train(replace(config, validate_every=2), progress=lambda values: seen.append(values["step"]))
    assert seen == [2, 3]
    assert 0.0 <= measures["word_f1"] <= 1.0

    weights = tmp_path / "weights"
    measures = train(replace(config, steps=5, export=weights), progress=lambda values: seen.append(values["step"]))
    # Resumed at step 3.
    assert seen == [2, 3, 5]
    manifest = json.loads((weights / "manifest.json").read_text())
    assert manifest["training"]["steps"] == 5
    assert manifest["measures"]["given_boxes.f1"] == measures["given_boxes.f1"]
    predictor = Predictor.load(RecognizerSettings(weights=weights, device="cpu", threads=1, language="off"))
    assert len(predictor.recognize([np.full((40, 90), 255, np.uint8)])) == 1

    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if "word_f1" in line] == [2, 3, 5]


def test_training_extends_weights_with_fewer_characters(data: Path, tmp_path: Path) -> None:
    known = Alphabet(FIRST_CHARACTERS)
    network = CRNN(Architecture(known.classes, **TINY))
    start = tmp_path / "start"
    arrays = arrays_of(network.state_dict())
    architecture = network.architecture.to_dict()
    save_weights(
        start, arrays, name=NAME, architecture=architecture, alphabet=known.characters, training={}, measures={}
    )
    config = TrainingConfig(
        data=data, start=start, run=tmp_path / "run", steps=1, short_steps=0, threads=1, warmup=0, architecture=TINY
    )
    trainer = Trainer(replace(config, extension_rate=10.0))
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert trainer.known_rows == known.classes
    trainer.train()
    moved = (trainer.network.classifier.bias - before["classifier.bias"]).abs()
    # The first step of Adam is as long as the learning rate.
    ratio = moved[known.classes :].median() / moved[: known.classes].median()
    assert float(ratio.detach()) == pytest.approx(10.0, rel=0.1)


def test_error_for_missing_synthetic_data_names_folder(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="absent"):
        train(TrainingConfig(data=data, synthetic=tmp_path / "absent", run=tmp_path / "run", architecture=TINY))
