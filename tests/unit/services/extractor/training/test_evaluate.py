"""Tests of the evaluation of the extractor."""

from __future__ import annotations

from pathlib import Path

from services.extractor.predictor import Predictor
from services.extractor.training.evaluate import evaluate, mistakes
from shared.learning.dataset import load_split
from tests.support.extractor import build_settings, save_small_weights, write_data_set


def test_counts_right_values_and_lists_mistakes(tmp_path: Path) -> None:
    root = write_data_set(tmp_path / "data")
    weights = save_small_weights(tmp_path / "weights", only_class=1)
    predictor = Predictor.load(build_settings(weights, merchant_directory="off"))
    result = evaluate(predictor, root)
    assert result["receipts"] == 2
    assert result["date"]["f1"] == result["total"]["f1"] == 0.0
    assert {"precision", "recall", "f1"} == result["unseen_company"].keys()
    wrong = mistakes(predictor, load_split(root, "validation"))
    assert ("g", "total", "9.00", "") in wrong
