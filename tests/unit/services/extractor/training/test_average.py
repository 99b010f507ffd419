"""Averages of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.extractor.network.loading import NAME
from services.extractor.settings import WEIGHTS
from services.extractor.training import average as averaging
from shared.inference.weights import WeightsError, load_weights, save_weights


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `evaluate` says, which needs a data set; the weights are loaded and can be run all the same."""
    measures = {"receipts": 3, "all": {"f1": 0.5}}
    monkeypatch.setattr(averaging, "evaluate", lambda predictor, data: {**measures, "version": predictor.version})
    return measures


def moved(folder: Path, by: float, **architecture: Any) -> Path:
    """The released weights with a number added to the bias of the first layer."""
    manifest, arrays = load_weights(WEIGHTS, name=NAME)
    name = "convolution.bias"
    save_weights(
        folder,
        {**arrays, name: arrays[name] + np.float16(by)},
        name=NAME,
        architecture={**manifest.architecture, **architecture},
        alphabet=manifest.alphabet,
        training={**manifest.training, "steps": 7},
        measures={},
    )
    return folder


def test_writes_the_mean_with_the_scoring_of_the_first(tmp_path: Path, measured: dict[str, Any]) -> None:
    first, second = WEIGHTS, moved(tmp_path / "b", 0.5)
    written = averaging.average([first, second], tmp_path / "mean", tmp_path)
    manifest, arrays = load_weights(tmp_path / "mean", name=NAME)
    original, before = load_weights(first, name=NAME)
    np.testing.assert_allclose(arrays["convolution.bias"], before["convolution.bias"] + 0.25, atol=2e-3)
    np.testing.assert_array_equal(arrays["convolution.weight"], before["convolution.weight"])
    assert manifest.architecture == original.architecture
    assert manifest.training["steps"] == 7
    assert manifest.training["average_of"][0] == original.version
    assert written.measures["validation, given text"]["all"] == measured["all"]


def test_rejects_different_architectures(tmp_path: Path) -> None:
    other = moved(tmp_path / "b", 0.0, network={"hidden": 64})
    with pytest.raises(WeightsError, match="different architectures"):
        averaging.average([WEIGHTS, other], tmp_path / "mean", tmp_path)
