"""Everything in one actor: files of limited size that depend only on the units."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from bulk.output import OutputFolder
from bulk.schema import build_schema
from bulk.stages.reading import ReadStage, divide_rows
from bulk.units import Unit, units_to_table


class FakeRender:
    """Yields the sources of units, two at a time."""

    def __call__(self, units: pa.Table) -> Iterator[pa.Table]:
        names = units.select(["source"])
        yield from (names.slice(start, 2) for start in range(0, max(1, names.num_rows), 2))


class FakeExtract:
    """Makes a row of each source, as often as its suffix says."""

    def __init__(self, times: int) -> None:
        self._times = times

    def __call__(self, names: pa.Table) -> pa.Table:
        rows = [
            {"source": name, "page": page, "needs_review": False, "review": []}
            for name in names["source"].to_pylist()
            for page in range(self._times)
        ]
        return pa.Table.from_pylist(rows, build_schema())


def make_stage(folder: Path, *, times: int = 1, most: int = 4) -> ReadStage:
    return ReadStage([(FakeRender, {}), (FakeExtract, {"times": times})], str(folder), most)


@pytest.mark.parametrize(("count", "times", "files"), [(4, 1, [4]), (5, 1, [1, 4]), (3, 3, [1, 4, 4]), (0, 1, [])])
def test_writes_files_of_limited_size(tmp_path: Path, count: int, times: int, files: list[int]) -> None:
    units = units_to_table([Unit(f"/{number}.jpg") for number in range(count)])
    stage = make_stage(tmp_path, times=times)
    described = [row for table in stage(units) for row in table.to_pylist()]
    output = OutputFolder(str(tmp_path))
    assert sorted(table.num_rows for table in output.read()) == files
    assert sorted(row["rows"] for row in described) == files

    # As if the machine had been lost before it could say that it is done.
    names = output.find_files()
    list(make_stage(tmp_path, times=times)(units))
    assert output.find_files() == names
    assert sum(table.num_rows for table in output.read()) == count * times


def test_divides_rows_without_losing_any() -> None:
    tables = [pa.table({"n": list(range(start, start + 5))}) for start in range(0, 15, 5)]
    divided = list(divide_rows(tables, 6))
    assert [table.num_rows for table in divided] == [6, 6, 3]
    assert [number for table in divided for number in table["n"].to_pylist()] == list(range(15))
    assert list(divide_rows([], 6)) == []
