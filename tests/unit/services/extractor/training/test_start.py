"""The start of a training from weights with fewer inputs and classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from services.extractor.encoding import FEATURES
from services.extractor.network.architecture import Architecture
from services.extractor.network.classes import BASIC_CLASSES, CLASSES
from services.extractor.network.network import CharacterLSTM
from services.extractor.training.start import start_from, widen
from shared.inference.device import arrays_of
from shared.inference.weights import save_weights


def test_new_classes_leave_the_old_probabilities_alone() -> None:
    draw = np.random.default_rng(1)
    before, after = Architecture(hidden=8), Architecture(hidden=8, classes=CLASSES, item_starts=True)
    old = {"classifier.weight": draw.normal(size=(5, 16)), "classifier.bias": draw.normal(size=5)}
    new = dict(old)
    widen(new, before, after)
    state = draw.normal(size=16)

    def probabilities(arrays: dict[str, np.ndarray], count: int) -> np.ndarray:
        scores = np.exp(arrays["classifier.weight"][:count] @ state + arrays["classifier.bias"][:count])
        return np.asarray(scores / scores.sum())

    count = len(BASIC_CLASSES)
    assert new["classifier.bias"].shape == (len(CLASSES) + 1,)
    np.testing.assert_allclose(probabilities(new, len(CLASSES))[1:count], probabilities(old, count)[1:count], atol=0.01)


def test_starts_from_weights_with_fewer_features(tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = Architecture(embedding=4, channels=6, hidden=5)
    manifest = save_weights(
        tmp_path,
        arrays_of(CharacterLSTM(before).state_dict()),
        name="charlstm",
        architecture={"network": before.to_dict()},
        alphabet=None,
        training={},
        measures={},
    )
    after = Architecture(embedding=4, channels=6, hidden=5, features=len(FEATURES), classes=CLASSES, item_starts=True)
    network = CharacterLSTM(after)
    assert start_from(tmp_path, network) == manifest.version
    added = len(FEATURES) - before.features
    assert not network.convolution.weight[:, -added:].any()
    assert network.convolution.weight[:, :-added].any()
