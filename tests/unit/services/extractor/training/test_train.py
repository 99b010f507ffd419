"""Receipts that a training holds out."""

from __future__ import annotations

from services.extractor.training.train import split_held_out
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
