"""The loss of the extractor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from services.extractor.network.architecture import Architecture
from services.extractor.network.classes import CLASSES
from services.extractor.network.network import CharacterLSTM
from services.extractor.training.examples import encode_labeled
from services.extractor.training.labeling.fields import IGNORED, NO_GROUPS, LabeledText
from services.extractor.training.labeling.targets import BASIC_OTHER
from services.extractor.training.losses import ExtractorLoss
from tests.support.labeled_receipts import TOTAL, box

CPU = torch.device("cpu")


def loss_of(label: int, group: int = NO_GROUPS, /, **bias: float) -> float:
    """The loss of a network that answers the same for every character of a receipt with one label."""
    torch.manual_seed(0)
    architecture = Architecture(embedding=4, channels=4, hidden=4, classes=CLASSES, item_starts=True)
    network = CharacterLSTM(architecture).eval()
    with torch.no_grad():
        network.classifier.weight.zero_()
        network.classifier.bias.zero_()
        for name, value in bias.items():
            network.classifier.bias[len(CLASSES) if name == "start" else CLASSES.index(name)] = value
    segment = LabeledText(box(0, 0), "9.00", np.full(4, label, np.int64), group=group)
    example = encode_labeled([segment])
    example.labels[-1] = label
    return float(ExtractorLoss(CPU)(network, [example]).detach())


def test_an_open_label_accepts_every_class_it_stands_for() -> None:
    for name in ("other", "item_amount", "phone"):
        assert loss_of(BASIC_OTHER, **{name: 20.0}) == pytest.approx(0.0, abs=1e-3)
    assert loss_of(BASIC_OTHER, total=20.0) > 5


def test_an_exact_label_accepts_one_class() -> None:
    assert loss_of(TOTAL, total=20.0) == pytest.approx(0.0, abs=1e-3)
    assert loss_of(TOTAL, item_amount=20.0) > 5


def test_an_ignored_label_costs_nothing() -> None:
    assert loss_of(IGNORED) == 0.0


def test_item_starts_count_where_they_are_known() -> None:
    right, wrong = (loss_of(IGNORED, 1, start=value) for value in (20.0, -20.0))
    assert right == pytest.approx(0.0, abs=1e-3)
    assert wrong > 1
