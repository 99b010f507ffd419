"""The command line, with the weights of the repository."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.processes import Process
from quittance.evaluation.records import read_records
from quittance.evaluation.scores import field_values
from shared.contracts import Receipt
from shared.learning.dataset import load_split
from shared.measures.matches import fold


def run_quittance(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quittance", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "receipts"
    result = run_quittance("synthesize", "--count", "2", "--out", folder, "--seed", "5")
    assert result.returncode == 0, result.stderr
    return folder


def test_renders_receipts_of_countries_and_names_unknown_ones(tmp_path: Path) -> None:
    result = run_quittance("synthesize", "--count", "1", "--out", tmp_path, "--countries", "pl,tr", "--scattered", "1")
    assert result.returncode == 0, result.stderr
    (boxes,) = (tmp_path / "boxes").iterdir()
    assert not boxes.read_text(encoding="utf-8").isascii()
    result = run_quittance("synthesize", "--count", "1", "--out", tmp_path, "--countries", "PL,XX")
    assert result.returncode != 0
    assert "XX" in result.stderr


def test_extract_reads_files_without_a_server(repository: Path, tmp_path: Path) -> None:
    sample = repository / "tests" / "samples" / "malaysia.jpg"
    note = tmp_path / "note.jpg"
    note.write_text("not a picture")
    result = run_quittance(
        "extract", sample, note, tmp_path / "absent.png", "--format", "jsonl", "--draw", tmp_path / "drawn"
    )
    assert result.returncode == 1
    (line,) = result.stdout.splitlines()
    content: dict[str, Any] = json.loads(line)
    assert content.pop("file") == str(sample)
    receipt = Receipt.model_validate(content)
    expected = json.loads(sample.with_suffix(".json").read_text())["fields"]
    right = [
        name for name, value in field_values(receipt.fields).items() if fold(value or "") == fold(expected[name] or "")
    ]
    assert right, (field_values(receipt.fields), expected)
    drawn = tmp_path / "drawn" / "malaysia-read.png"
    messages = dict(line.split(": ", 1) for line in result.stderr.splitlines())
    failed = "2 of 3 files could not be read"
    assert list(messages) == [str(sample), str(note), str(tmp_path / "absent.png"), failed]
    assert messages[str(sample)] == f"drawn in {drawn}"
    assert messages[str(tmp_path / "absent.png")] == "no such file"
    assert drawn.stat().st_size > 1000


def test_extract_works_without_torch(repository: Path) -> None:
    """Simulate an installation without the extra `torch`."""
    program = "import sys; sys.modules['torch'] = None; from quittance.cli import main; main()"
    sample = repository / "tests" / "samples" / "malaysia.jpg"
    command = [sys.executable, "-c", program, "extract", str(sample), "--format", "json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    (receipt,) = json.loads(result.stdout)
    assert receipt["fields"]["total"]["value"] == "60.55"


def test_evaluate_measures_the_whole_chain(rendered: Path, tmp_path: Path) -> None:
    output, predictions, report = (tmp_path / name for name in ("measures.json", "predictions.jsonl", "report.html"))
    options: list[str | Path] = ["--data", rendered, "--split", "all", "--output", output, "--predictions", predictions]
    options += ["--report", report]
    result = run_quittance("evaluate", *options)
    assert result.returncode == 0, result.stderr
    measures = json.loads(output.read_text())
    labeled = load_split(rendered, "all")
    assert (measures["receipts"], measures["failed"]) == (len(labeled), 0) == (2, 0)
    assert measures["seconds"]["median"] > 0
    # Low bounds that only fail if the stages do not fit together.
    assert measures["task1"]["deteval"]["hmean"] > 0.3
    assert measures["task2"]["given_boxes"]["f1"] > 0.3
    records = read_records(predictions)
    assert [record.key for record in records] == [receipt.key for receipt in labeled]
    assert all(len(record.given_boxes) == len(record.labels) for record in records)
    assert "Task 3, fields: from pixels" in result.stdout
    assert "2 receipts of" in report.read_text()


def test_watch_reads_new_files_in_a_folder(repository: Path, embedded: Process, tmp_path: Path) -> None:
    data = (repository / "tests" / "samples" / "malaysia.jpg").read_bytes()
    inbox, answers = tmp_path / "inbox", tmp_path / "answers.jsonl"
    inbox.mkdir()
    command = [sys.executable, "-m", "quittance", "extract", "--watch", inbox, "--format", "jsonl"]
    with (
        answers.open("wb") as out,
        subprocess.Popen(
            [*map(str, command), "--url", embedded.url], stdout=out, stderr=subprocess.PIPE, text=True
        ) as watching,
    ):
        assert watching.stderr is not None
        assert watching.stderr.readline().startswith("Watching")
        with (inbox / "slow.jpg").open("wb", buffering=0) as file:
            for start in range(0, len(data), 20_000):  # slowly, as a scanner does
                file.write(data[start : start + 20_000])
                time.sleep(0.3)
        (inbox / "damaged.jpg").write_bytes(data[:3_000])
        end = time.monotonic() + 60
        while len(answers.read_text().splitlines()) < 1 and time.monotonic() < end:
            time.sleep(0.1)
        assert "damaged.jpg" in watching.stderr.readline()
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(30) == 1  # because one file could not be read
    (line,) = answers.read_text().splitlines()
    assert Path(json.loads(line)["file"]).name == "slow.jpg"


def test_exports_corrections_as_a_dataset(repository: Path, embedded: Process, tmp_path: Path) -> None:
    sample = repository / "tests" / "samples" / "photo.jpg"
    with httpx2.Client(base_url=embedded.url, timeout=60) as client:
        receipt = client.post("/v1/receipts", files={"file": sample.open("rb")}).json()
        url = f"/v1/receipts/{receipt['id']}/corrections"
        assert client.put(url, json={"fields": {"company": {"value": "TAUGHT SHOP"}}}).status_code == 200
        try:
            state = embedded.log.parent / "state"
            options: list[str | Path] = ["--pictures", sample.parent, "--state", state, "--least", "0"]
            result = run_quittance("corrections", "export", tmp_path / "data", *options)
        finally:
            client.delete(url)
    assert result.returncode == 0, result.stderr
    (labeled,) = load_split(tmp_path / "data", "train")
    assert labeled.entities["company"] == "TAUGHT SHOP"
    assert len(labeled.segments) == len(receipt["lines"])
    assert labeled.read_image().shape[1::-1] == (receipt["pages"][0]["width"], receipt["pages"][0]["height"])
