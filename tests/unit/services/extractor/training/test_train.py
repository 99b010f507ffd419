"""Training: receipts that are held out, and the start from released weights."""

from __future__ import annotations

import numpy as np

from services.extractor.network.architecture import Architecture
from services.extractor.network.classes import BASIC_CLASSES, CLASSES
from services.extractor.training.train import _widen, split_held_out
from tests.support.labeled_receipts import make_receipt


def test_holds_out_the_same_receipts_every_time() -> None:
    receipts = [make_receipt(key=str(number), company=f"SHOP {number % 5}") for number in range(50)]
    learned, held_out = split_held_out(receipts, 0.2)
    assert len(learned) == 40
    assert len(held_out) == 10
    assert not {r.key for r in learned} & {r.key for r in held_out}
    assert [r.key for r in split_held_out(receipts, 0.2)[1]] == [r.key for r in held_out]
    assert split_held_out(receipts, 0.0) == (receipts, [])


def test_holds_out_companies_with_few_receipts_as_a_whole() -> None:
    receipts = [make_receipt(key=str(number), company=f"SHOP {number // 2}") for number in range(60)]
    kept = [{r.key for r in split_held_out(receipts, 1 / 3, fold)[1]} for fold in range(3)]
    assert sorted(key for keys in kept for key in keys) == sorted(r.key for r in receipts)
    for keys in kept:
        assert {str(int(key) ^ 1) for key in keys} == keys


def test_new_classes_leave_the_old_probabilities_alone() -> None:
    draw = np.random.default_rng(1)
    before, after = Architecture(hidden=8), Architecture(hidden=8, classes=CLASSES, item_starts=True)
    old = {"classifier.weight": draw.normal(size=(5, 16)), "classifier.bias": draw.normal(size=5)}
    new = dict(old)
    _widen(new, before, after)
    state = draw.normal(size=16)

    def probabilities(arrays: dict[str, np.ndarray], count: int) -> np.ndarray:
        scores = np.exp(arrays["classifier.weight"][:count] @ state + arrays["classifier.bias"][:count])
        return np.asarray(scores / scores.sum())

    count = len(BASIC_CLASSES)
    assert new["classifier.bias"].shape == (len(CLASSES) + 1,)
    np.testing.assert_allclose(probabilities(new, len(CLASSES))[1:count], probabilities(old, count)[1:count], atol=0.01)
