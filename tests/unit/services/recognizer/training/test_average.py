"""Test averaging weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from services.recognizer.alphabet import FIRST_CHARACTERS, Alphabet
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.network import CRNN
from services.recognizer.training.average import average_weights
from services.recognizer.training.samples import MARGIN, STORED_HEIGHT, Sample
from shared.inference.device import arrays_of
from shared.inference.weights import save_weights

ALPHABET = Alphabet("AB 1")
SMALL = Architecture(ALPHABET.classes, channels=(4, 4, 4, 4, 4, 4, 4), hidden=4, layers=1, leveled=True)


@pytest.fixture
def released(tmp_path: Path) -> list[Path]:
    folders = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        folder = tmp_path / str(seed)
        save_weights(
            folder,
            arrays_of(CRNN(SMALL).state_dict()),
            name="crnn",
            architecture=SMALL.to_dict(),
            alphabet=ALPHABET.characters,
            training={},
            measures={},
        )
        folders.append(folder)
    return folders


@pytest.fixture
def samples() -> list[Sample]:
    rng = np.random.default_rng(0)
    shape = (STORED_HEIGHT + 2 * MARGIN, 120 + 2 * MARGIN)
    pictures = [rng.integers(0, 255, shape).astype(np.uint8) for _ in range(8)]
    return [Sample(picture, "AB", ALPHABET.encode("AB"), cased=True, receipt="a") for picture in pictures]


def test_averages_weights_and_remeasures_statistics(released: list[Path], samples: list[Sample]) -> None:
    torch.manual_seed(1)
    first = CRNN(SMALL)
    torch.manual_seed(2)
    second = CRNN(SMALL)
    mean = average_weights(released, samples)
    wanted = (first.classifier.weight + second.classifier.weight) / 2
    torch.testing.assert_close(mean.classifier.weight, wanted, atol=1e-3, rtol=1e-2)
    assert not mean.training
    norm = dict(mean.features.named_modules())["0.1"]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert float(norm.running_var.min()) != 1.0  # type: ignore[union-attr]


def test_average_of_identical_networks_is_same_network(released: list[Path], samples: list[Sample]) -> None:
    twice = average_weights([released[0], released[0]], samples).state_dict()
    torch.manual_seed(1)
    for name, value in CRNN(SMALL).state_dict().items():
        if "running" not in name and value.is_floating_point():
            torch.testing.assert_close(twice[name], value, atol=1e-3, rtol=1e-2)


def test_reserve_lowers_the_biases_of_further_characters(tmp_path: Path, samples: list[Sample]) -> None:
    alphabet = Alphabet(FIRST_CHARACTERS + "ŵŷ")
    architecture = replace(SMALL, classes=alphabet.classes)
    folder = tmp_path / "wide"
    save_weights(
        folder,
        arrays_of(CRNN(architecture).state_dict()),
        name="crnn",
        architecture=architecture.to_dict(),
        alphabet=alphabet.characters,
        training={},
        measures={},
    )
    plain, reserved = (average_weights([folder], samples, reserve=reserve).classifier.bias for reserve in (0.0, 1.0))
    lowered = (plain - reserved).detach().numpy()
    np.testing.assert_allclose(lowered[-2:], 1.0, atol=1e-6)
    np.testing.assert_allclose(lowered[:-2], 0.0, atol=1e-6)
