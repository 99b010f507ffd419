"""The commands `evaluate` and `errors`, with a stand-in for the evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quittance.evaluation import evaluate as evaluation
from quittance.evaluation.records import Record, write_records
from tests.support.command_line import RECEIPT, run_command


def make_record() -> Record:
    label = {"quad": RECEIPT["lines"][0]["quad"], "text": "BOOK SHOP"}
    content = {"key": "a", "labels": [label], "entities": {"company": "BOOK SHOP"}, "given_boxes": ["BOOK SH0P"]}
    return Record.model_validate(content | {"receipt": RECEIPT, "seconds": 1.0})


def test_evaluate_reports_a_folder_without_a_data_set(tmp_path: Path) -> None:
    result = run_command("evaluate", "--data", tmp_path)
    assert result.exit_code == 1
    assert "split.json is missing" in result.stderr


@pytest.mark.usefixtures("wide_terminal")
def test_evaluate_writes_measures_and_answers_and_rescores_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = make_record()

    async def run(*_: object, progress: Callable[[Record, int], None], **__: object) -> tuple[list[Record], Any]:
        progress(record, 1)
        return [record], evaluation.rescore([record])

    monkeypatch.setattr(evaluation, "evaluate", run)
    measures, predictions = tmp_path / "measures.json", tmp_path / "predictions.jsonl"
    options = ["--data", tmp_path, "--predictions", predictions, "--output", measures]
    result = run_command("evaluate", *options)
    assert result.exit_code == 0, result.output
    assert "Task 3, fields: from pixels" in result.stdout
    assert "Straight-through rate at 99% precision" in result.stdout
    first = json.loads(measures.read_text())
    assert first["task3"]["pixels"]["all"]["precision"] == 0
    assert run_command("evaluate", *options, "--rescore").exit_code == 0
    assert json.loads(measures.read_text()) == first


def test_rescore_needs_predictions(tmp_path: Path) -> None:
    assert run_command("evaluate", "--data", tmp_path, "--rescore").exit_code == 2


@pytest.mark.usefixtures("wide_terminal")
def test_errors_prints_fields_reasons_segments_and_characters(tmp_path: Path) -> None:
    write_records(tmp_path / "predictions.jsonl", [make_record()])
    result = run_command("errors", tmp_path / "predictions.jsonl")
    assert result.exit_code == 0, result.output
    for text in ("[b]OOK SHOP", "not on the receipt", "not labeled", "look-alikes"):
        assert text in result.stdout


def test_errors_reports_a_missing_file(tmp_path: Path) -> None:
    result = run_command("errors", tmp_path / "absent.jsonl")
    assert result.exit_code == 1
    assert "No such file" in result.stderr
