"""The report of the benchmark beside other engines, on answers made up of the labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers.report import measures_of, ratios, table
from shared.dataset import LabelledReceipt, LabelledSegment


@pytest.fixture
def receipts() -> list[LabelledReceipt]:
    quads = [np.array([[0, y], [90, y], [90, y + 20], [0, y + 20]], np.float32) for y in (0, 40)]
    segments = tuple(LabelledSegment(quad, text) for quad, text in zip(quads, ["BOOK SHOP", "9.00"], strict=True))
    return [LabelledReceipt(key, Path(f"{key}.jpg"), segments, {}) for key in "abc"]


def answers(receipts: list[LabelledReceipt], seconds: list[float], lines: int) -> list[dict[str, Any]]:
    """What a system says that finds so many of the lines."""
    return [
        {
            "seconds": spent,
            "cpu_seconds": 2 * spent,
            "peak_mib": 100.0,
            "lines": [[one.quad.tolist(), one.text] for one in receipt.segments[:lines]],
        }
        for receipt, spent in zip(receipts, seconds, strict=True)
    ]


def test_each_receipt_is_compared_with_itself(receipts: list[LabelledReceipt]) -> None:
    ours = measures_of(receipts, answers(receipts, [0.1, 0.2, 0.3], 2))
    theirs = measures_of(receipts, answers(receipts, [1.0, 1.0, 0.3], 1))
    assert (ours["task1"]["hmean"], ours["task2"]["f1"]) == (1.0, 1.0)
    assert theirs["task1"]["recall"] == 0.5
    assert theirs["task2"]["recall"] == pytest.approx(2 / 3)
    result = {
        "receipts": 3,
        "systems": {
            "quittance": {"version": "Q", "start_seconds": 1.0, **ours, "throughput": {"4": {"per_second": 2.5}}},
            "rapidocr": {"version": "R", "start_seconds": 2.0, **theirs},
        },
    }
    assert ratios(result) == {"rapidocr": {"seconds": pytest.approx(5.0), "cpu_seconds": pytest.approx(5.0)}}
    shown = table(json.loads(json.dumps(result)))
    assert "| times ours | 1.0 | 5.0 |" in shown
    assert "| receipts a second, 4 clients | 2.50 |  |" in shown
