"""The benchmark of the networks alone: on the processor, with few receipts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.networks import covered, main, table


@pytest.mark.parametrize(
    ("spans", "length"),
    [([], 0), ([(1, 3)], 2), ([(5, 6), (1, 3)], 3), ([(1, 4), (2, 3), (3, 5)], 4), ([(1, 2), (1, 2)], 1)],
)
def test_time_in_which_several_kernels_run_counts_once(spans: list[tuple[float, float]], length: float) -> None:
    assert covered(spans) == length


def test_all_three_networks_are_measured_and_told(tmp_path: Path) -> None:
    sizes = ["--receipts", "2", "--batch", "2", "--threads", "1", "--seconds", "0"]
    result = main(["--device", "cpu", *sizes, "--output", str(tmp_path)])
    assert json.loads((tmp_path / "networks.json").read_text()) == result
    networks = result["networks"]
    assert list(networks) == ["detector", "recognizer", "extractor", "all three"]
    for figures in networks.values():
        assert figures["ms_per_receipt"] * figures["receipts_per_s"] == pytest.approx(1000, rel=0.1)
        assert figures["computing"] is None
    assert networks["all three"]["ms_per_receipt"] > networks["detector"]["ms_per_receipt"] / 2


def test_the_table_tells_how_busy_a_gpu_was() -> None:
    figures = {"receipts_per_s": 500.0, "ms_per_receipt": 2.0, "computing": 0.874}
    result = {"device": "a GPU", "torch": "2.13.0", "receipts": 64, "batch": 16, "networks": {"detector": figures}}
    lines = table({**result, "cuda_graphs": True}).splitlines()
    assert "| detector | 2.00 | 500.0 | 87 % |" in lines
    assert lines[-1].endswith("16 at once, CUDA graphs.")
    assert table({**result, "cuda_graphs": False}).endswith("16 at once.")
