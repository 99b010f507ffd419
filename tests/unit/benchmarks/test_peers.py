"""The comparison with other engines, on answers built from the labels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import __main__ as peers
from benchmarks.peers import tesseract_reader
from benchmarks.peers.report import compute_ratios, format_table, summarize
from shared.learning.labels import LabeledReceipt, LabeledSegment


@pytest.fixture
def receipts() -> list[LabeledReceipt]:
    quads = [np.array([[0, y], [90, y], [90, y + 20], [0, y + 20]], np.float32) for y in (0, 40)]
    segments = tuple(LabeledSegment(quad, text) for quad, text in zip(quads, ["BOOK SHOP", "9.00"], strict=True))
    return [LabeledReceipt(key, Path(f"{key}.jpg"), segments, {}) for key in "abc"]


def answers(receipts: list[LabeledReceipt], seconds: list[float], lines: int) -> list[dict[str, Any]]:
    """Return the answers of a system that finds some of the lines."""
    return [
        {
            "seconds": spent,
            "cpu_seconds": 2 * spent,
            "peak_mib": 100.0,
            "lines": [[one.quad.tolist(), one.text] for one in receipt.segments[:lines]],
        }
        for receipt, spent in zip(receipts, seconds, strict=True)
    ]


def test_compares_each_receipt_with_itself(receipts: list[LabeledReceipt]) -> None:
    ours = summarize(receipts, answers(receipts, [0.1, 0.2, 0.3], 2))
    theirs = summarize(receipts, answers(receipts, [1.0, 1.0, 0.3], 1))
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
    assert compute_ratios(result) == {"rapidocr": {"seconds": pytest.approx(5.0), "cpu_seconds": pytest.approx(5.0)}}
    shown = format_table(json.loads(json.dumps(result)))
    assert "| relative to Quittance | 1.0 | 5.0 |" in shown
    assert "| receipts per second, 4 clients | 2.50 |  |" in shown


def test_tesseract_runs_as_installed_or_limited_to_its_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "tesseract"
    command.write_text("#!/bin/sh\necho tesseract 5.9 limit:${OMP_THREAD_LIMIT:-none}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    free, limited = tesseract_reader.Reader(2), tesseract_reader.Reader(2, limited=True)
    assert (free.version, limited.version) == ("Tesseract 5.9, its own threads", "Tesseract 5.9, 2 threads")
    assert "OMP_THREAD_LIMIT" not in free._environment
    assert limited._environment["OMP_THREAD_LIMIT"] == "2"


@pytest.mark.parametrize(("isa", "openvino"), [("all", True), ("vnni", False), ("avx2", False)])
def test_compares_all_systems_that_can_run(isa: str, openvino: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["peers", "--isa", isa, "--peers-python", "python"])
    systems = peers._parse().systems
    assert ("rapidocr-openvino" in systems) is openvino
    assert {"quittance", "rapidocr", "tesseract", "tesseract-limited"} <= set(systems)


def test_requires_the_environment_of_the_peers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["peers", "--systems", "rapidocr-openvino"])
    with pytest.raises(SystemExit):
        peers._parse()
    assert "needs --peers-python" in capsys.readouterr().err
