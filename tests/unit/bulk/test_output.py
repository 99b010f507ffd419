"""The output folder: complete files, no duplicates, and what is in it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from bulk.locations import BulkError
from bulk.output import OutputFolder
from bulk.schema import build_schema


def make_rows(*keys: tuple[str, str | None]) -> pa.Table:
    rows: list[dict[str, object]] = [
        {"source": source, "member": member, "needs_review": False, "review": []} for source, member in keys
    ]
    return pa.Table.from_pylist(rows, build_schema())


@pytest.fixture(params=["local", "memory"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> OutputFolder:
    folder = OutputFolder(str(tmp_path / "out") if request.param == "local" else f"memory://{tmp_path.name}/out")
    folder.prepare()
    return folder


def test_knows_what_was_written(output: OutputFolder) -> None:
    output.write(make_rows(("/1.jpg", None), ("/s.zip", "a.jpg")))
    output.write(make_rows(("/s.tar", "b.jpg")))
    completed = output.read_completed()
    assert len(completed) == 3
    keys = [("/1.jpg", None), ("/s.zip", "a.jpg"), ("/s.tar", "b.jpg"), ("/2.jpg", None), ("/s.zip", None)]
    assert completed.find(keys) == [True, True, True, False, False]
    assert completed.members_of("/s.tar") == ["b.jpg"]


def test_writing_again_replaces_the_file(output: OutputFolder) -> None:
    first = output.write(make_rows(("/1.jpg", None), ("/2.jpg", None)))
    assert output.write(make_rows(("/1.jpg", None), ("/2.jpg", None))) == first
    assert sum(table.num_rows for table in output.read()) == 2
    assert output.write(make_rows(("/2.jpg", None))) != first


def test_an_empty_folder_has_completed_nothing(tmp_path: Path) -> None:
    completed = OutputFolder(str(tmp_path / "missing")).read_completed()
    assert len(completed) == 0
    assert ("/1.jpg", None) not in completed


def test_removes_what_was_left_unfinished(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-7-receipts-1.parquet").write_bytes(b"half")
    output = OutputFolder(str(tmp_path))
    output.prepare()
    assert list(tmp_path.iterdir()) == []


def test_names_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "receipts-1.parquet").write_bytes(b"half")
    with pytest.raises(BulkError, match=r"receipts-1\.parquet is damaged"):
        OutputFolder(str(tmp_path)).read_completed()
