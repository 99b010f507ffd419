"""Test timing and summarizing evaluations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.learning.evaluation import build_evaluation_parser, process_receipts, summarize_seconds
from shared.learning.labels import LabeledReceipt


def test_processes_receipts_in_order_and_reports_progress() -> None:
    receipts = [LabeledReceipt(key, Path(key), (), {}) for key in ("a", "b")]
    seen: list[tuple[int, int]] = []
    results, seconds = process_receipts(
        receipts,
        lambda index: np.full((2, 2), index, np.uint8),
        lambda receipt, image: f"{receipt.key}{image[0, 0]}",
        lambda done, total: seen.append((done, total)),
    )
    assert results == ["a0", "b1"]
    assert len(seconds) == 2
    assert seen == [(1, 2), (2, 2)]


def test_summarizes_seconds() -> None:
    assert summarize_seconds([1.0, 2.0, 3.0]) == {"seconds_median": 2.0, "seconds_p95": pytest.approx(2.9)}
    assert summarize_seconds([]) == {"seconds_median": 0.0, "seconds_p95": 0.0}


def test_parser_has_common_options() -> None:
    options = build_evaluation_parser("Measure.").parse_args(["--data", "receipts"])
    assert (options.data, options.split, options.weights) == (Path("receipts"), "validation", None)
