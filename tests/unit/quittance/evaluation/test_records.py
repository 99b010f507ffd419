"""Records: their properties, and how they are stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from quittance.evaluation.records import read_records, write_records
from shared.contracts import Fields
from shared.learning.labels import DatasetError
from tests.support.evaluation import QUADS, TEXTS, make_record


def test_records_survive_a_round_trip(tmp_path: Path) -> None:
    records = [make_record(), make_record(key="b", receipt=None, problem="damaged")]
    path = tmp_path / "deep" / "predictions.jsonl"
    write_records(path, records)
    assert read_records(path) == records


def test_names_the_line_that_is_not_a_record(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    write_records(path, [make_record()])
    path.write_text(path.read_text() + '{"key": 1}\n')
    with pytest.raises(DatasetError, match="line 2 is not a record"):
        read_records(path)


def test_reports_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        read_records(tmp_path / "absent.jsonl")


def test_a_rejected_receipt_has_no_lines_and_no_fields() -> None:
    record = make_record(receipt=None, given_boxes=[])
    assert (record.found_quads, record.found_texts, record.fields) == ([], [], Fields())
    assert (record.label_quads, record.label_texts) == (QUADS, TEXTS)
    assert record.readings_in_boxes == ["", ""]


def test_accepted_values_include_the_alternatives() -> None:
    record = make_record(alternatives={"total": ["9"]})
    assert record.accepted_values("total") == ["9.00", "9"]
    assert record.accepted_values("date") == [""]
