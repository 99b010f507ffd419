"""What a run must have written: missing, doubled and wrong rows are found."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from benchmarks.bulk.archives import find_faults
from bulk.output import OutputFolder
from bulk.schema import build_schema

PATHS = [Path(f"/in/{number}.jpg") for number in range(4)]


def write(folder: Path, *numbers: int, broken: int | None = None) -> None:
    error = {"code": "picture-damaged"}
    rows: list[dict[str, object]] = [
        {"source": str(PATHS[n]), "needs_review": False, "review": [], "error": error if n == broken else None}
        for n in numbers
    ]
    OutputFolder(str(folder)).write(pa.Table.from_pylist(rows, build_schema()))


def test_a_complete_output_has_no_faults(tmp_path: Path) -> None:
    write(tmp_path, 0, 1)
    write(tmp_path, 2, 3, broken=3)
    assert find_faults(tmp_path, PATHS, [PATHS[3]]) == []


def test_finds_missing_and_strange_rows(tmp_path: Path) -> None:
    write(tmp_path, 0, 1)
    assert find_faults(tmp_path, PATHS[1:]) == ["2 rows are missing", "1 rows are of no input"]


def test_finds_doubled_rows(tmp_path: Path) -> None:
    write(tmp_path, 0, 1, 2, 3)
    write(tmp_path, 2)
    assert find_faults(tmp_path, PATHS) == ["1 sources have several rows, for example /in/2.jpg."]


def test_finds_wrong_errors(tmp_path: Path) -> None:
    write(tmp_path, 0, 1, 2, 3, broken=1)
    assert find_faults(tmp_path, PATHS, [PATHS[0]]) == ["2 rows have an error, or none, by mistake"]
