"""The benchmark of the networks, on the processor with few receipts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.networks import format_table, main, union_length


@pytest.mark.parametrize(
    ("spans", "length"),
    [([], 0), ([(1, 3)], 2), ([(5, 6), (1, 3)], 3), ([(1, 4), (2, 3), (3, 5)], 4), ([(1, 2), (1, 2)], 1)],
)
def test_overlapping_kernels_count_once(spans: list[tuple[float, float]], length: float) -> None:
    assert union_length(spans) == length


def test_measures_all_three_networks(tmp_path: Path) -> None:
    sizes = ["--receipts", "2", "--batch", "2", "--threads", "1", "--seconds", "0"]
    result = main(["--device", "cpu", *sizes, "--output", str(tmp_path)])
    assert json.loads((tmp_path / "networks.json").read_text()) == result
    networks = result["networks"]
    assert list(networks) == ["detector", "recognizer", "extractor", "all three"]
    for figures in networks.values():
        assert figures["ms_per_receipt"] * figures["receipts_per_s"] == pytest.approx(1000, rel=0.1)
        assert figures["computing"] is None
    assert networks["all three"]["ms_per_receipt"] > networks["detector"]["ms_per_receipt"] / 2


def test_the_table_shows_the_gpu_utilization() -> None:
    figures = {"receipts_per_s": 500.0, "ms_per_receipt": 2.0, "computing": 0.874}
    result = {"device": "a GPU", "torch": "2.13.0", "receipts": 64, "batch": 16, "networks": {"detector": figures}}
    lines = format_table({**result, "cuda_graphs": True}).splitlines()
    assert "| detector | 2.00 | 500.0 | 87% |" in lines
    assert lines[-1].endswith("batches of 16, CUDA graphs.")
    assert format_table({**result, "cuda_graphs": False}).endswith("batches of 16.")
