"""Tests of made-up receipts as training data."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.network.classes import CLASSES
from services.extractor.training.examples import batches, encode_labeled
from services.extractor.training.labeling.fields import IGNORED
from services.extractor.training.labeling.world import WorldReceipts, is_held_out


def test_receipts_are_made_when_asked_for_and_are_always_the_same() -> None:
    world = WorldReceipts(10**9, seed=5)
    assert len(world) == 10**9
    assert [one.text for one in world[12345]] == [one.text for one in world[12345]]
    assert [one.text for one in WorldReceipts(10, seed=17)[0]] == [one.text for one in world[12]]
    with pytest.raises(IndexError):
        world[10**9]


def test_labels_are_classes_and_items_are_groups() -> None:
    labels = [label for receipt in WorldReceipts(30) for one in receipt for label in one.labels.tolist()]
    assert set(labels) <= {IGNORED, *range(len(CLASSES))}
    assert CLASSES.index("item_amount") in labels
    example = encode_labeled(WorldReceipts(1)[0])
    assert int((example.starts == 1).sum()) > 0


def test_brands_for_measuring_are_not_trained_on() -> None:
    kept, learned = (WorldReceipts(1, held_out=held_out)._brands for held_out in (True, False))
    assert not {*kept} & {*learned}
    assert 0.05 < len(kept) / (len(kept) + len(learned)) < 0.15
    assert all(is_held_out(name) for name in kept)


def test_share_of_a_pass() -> None:
    real = [[WorldReceipts(1, seed=900)[0]]] * 8
    source = batches(real, [], 0.0, 0, 4, world=WorldReceipts(100), world_share=0.5)
    first = [example for _ in range(6) for example in next(source)]
    lengths = {len(one.labels) for one in first}
    assert len(lengths) > 6
    assert all(np.isfinite(one.document.features).all() for one in first)
