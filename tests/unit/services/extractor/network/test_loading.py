"""Tests of loading the weights of the character LSTM."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.extractor.network.loading import read_weights
from shared.inference.weights import WeightsError
from tests.support.extractor import save_small_weights


def test_reads_saved_weights(tmp_path: Path) -> None:
    weights = read_weights(save_small_weights(tmp_path))
    assert weights.architecture.hidden == 5
    assert weights.version.startswith("charlstm-")


def test_rejects_weights_with_another_alphabet(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="alphabet"):
        read_weights(save_small_weights(tmp_path, alphabet="AB"))
