"""The command as people type it, with the weights of the repository: render, read, evaluate."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quittance.evaluate import read_records
from quittance.scores import values
from shared.contracts import Receipt
from shared.dataset import load_split
from shared.measures.matches import fold


def quittance(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quittance", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "receipts"
    result = quittance("synthesize", "--count", "2", "--out", folder, "--seed", "5")
    assert result.returncode == 0, result.stderr
    return folder


def test_extract_reads_files_without_a_server(repository: Path, tmp_path: Path) -> None:
    sample = repository / "tests" / "samples" / "malaysia.jpg"
    note = tmp_path / "note.jpg"
    note.write_text("no picture")
    result = quittance(
        "extract", sample, note, tmp_path / "absent.png", "--format", "jsonl", "--draw", tmp_path / "drawn"
    )
    assert result.returncode == 1
    (line,) = result.stdout.splitlines()
    answer: dict[str, Any] = json.loads(line)
    assert answer.pop("file") == str(sample)
    receipt = Receipt.model_validate(answer)
    expected = json.loads(sample.with_suffix(".json").read_text())["fields"]
    right = [name for name, value in values(receipt.fields).items() if fold(value or "") == fold(expected[name] or "")]
    assert right, (values(receipt.fields), expected)
    drawn = tmp_path / "drawn" / "malaysia-read.png"
    told = dict(line.split(": ", 1) for line in result.stderr.splitlines())
    assert list(told) == [str(sample), str(note), str(tmp_path / "absent.png")]
    assert told[str(sample)] == f"drawn in {drawn}"
    assert told[str(tmp_path / "absent.png")] == "there is no such file"
    assert drawn.stat().st_size > 1000


def test_receipts_are_read_without_torch(repository: Path) -> None:
    """As where only what serves on processors is installed: what is not there cannot be imported."""
    program = "import sys; sys.modules['torch'] = None; from quittance.cli import main; main()"
    sample = repository / "tests" / "samples" / "malaysia.jpg"
    command = [sys.executable, "-c", program, "extract", sample, "--format", "json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    (receipt,) = json.loads(result.stdout)
    assert receipt["fields"]["total"]["value"] == "60.55"


def test_evaluate_measures_the_whole_chain(rendered: Path, tmp_path: Path) -> None:
    output, predictions = tmp_path / "measures.json", tmp_path / "predictions.jsonl"
    options = ["--data", rendered, "--split", "all", "--output", output, "--predictions", predictions]
    result = quittance("evaluate", *options)
    assert result.returncode == 0, result.stderr
    measures = json.loads(output.read_text())
    labelled = load_split(rendered, "all")
    assert (measures["receipts"], measures["failed"]) == (len(labelled), 0) == (2, 0)
    assert measures["seconds"]["median"] > 0
    # The parts fit together; how well the models do is measured elsewhere.
    assert measures["task1"]["deteval"]["hmean"] > 0.3
    assert measures["task2"]["given_boxes"]["f1"] > 0.3
    records = read_records(predictions)
    assert [record.key for record in records] == [receipt.key for receipt in labelled]
    assert all(len(record.given_boxes) == len(record.labels) for record in records)
    assert "Task 3, fields: from pixels" in result.stdout
