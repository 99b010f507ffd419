"""Finding files and parts of shards in folders, patterns and file systems."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bulk.completed import Completed
from bulk.locations import BulkError
from bulk.units import Kind, Unit, find_picture_column, find_units, pack_units, units_from_table, units_to_table
from tests.support.archives import make_zip


def find(*inputs: Path | str, completed: Completed | None = None, output: str = "/nowhere") -> list[Unit]:
    return list(find_units([str(one) for one in inputs], completed or Completed(), output=output))


def find_sources(*inputs: Path | str) -> list[str]:
    return [unit.source for unit in find(*inputs)]


def write_files(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"picture")
    return [str(folder / name) for name in names]


def write_parquet(path: Path, pictures: Sequence[bytes], rows_per_group: int) -> str:
    table = pa.table({"label": ["a"] * len(pictures), "image": list(pictures)})
    pq.write_table(table, path, row_group_size=rows_per_group)
    return str(path)


def test_finds_pictures_and_documents_below_a_folder(tmp_path: Path) -> None:
    wanted = write_files(tmp_path, "2025/a.jpg", "2025/b.PDF", "c.heic")
    write_files(tmp_path, "notes.txt", "2025/._a.jpg", "__MACOSX/a.jpg")
    assert sorted(find_sources(tmp_path)) == sorted(wanted)


def test_finds_the_matches_of_a_pattern(tmp_path: Path) -> None:
    write_files(tmp_path, "a/1.jpg", "a/2.png", "b/3.jpg")
    assert find_sources(f"{tmp_path}/*/*.jpg") == [f"{tmp_path}/a/1.jpg", f"{tmp_path}/b/3.jpg"]


def test_reads_a_named_file_whatever_its_suffix(tmp_path: Path) -> None:
    (name,) = write_files(tmp_path, "scan")
    assert find(name) == [Unit(name)]


def test_lists_a_source_once_that_several_inputs_include(tmp_path: Path) -> None:
    first, second = write_files(tmp_path, "a/1.jpg", "a/2.jpg")
    assert find_sources(tmp_path, first, f"{tmp_path}/a", f"{tmp_path}/*") == [first, second]


def test_leaves_out_the_output_folder(tmp_path: Path) -> None:
    (picture,) = write_files(tmp_path, "1.jpg")
    write_files(tmp_path, "out/receipts-1.parquet")
    assert [unit.source for unit in find(tmp_path, output=f"{tmp_path}/out")] == [picture]


def test_divides_a_zip_into_its_pictures(tmp_path: Path) -> None:
    path = tmp_path / "shard.zip"
    path.write_bytes(make_zip(*((f"{n}.jpg", b"x") for n in range(100)), ("readme.txt", b"x")))
    units = find(path)
    assert [member for unit in units for member in unit.members] == [f"{n}.jpg" for n in range(100)]
    assert all(unit.kind is Kind.ZIP and len(unit.members) <= 64 for unit in units)


def test_divides_a_parquet_file_into_rows_of_row_groups(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "shard.parquet", [b"x"] * 5, rows_per_group=3)
    assert [(unit.group, unit.members) for unit in find(path)] == [(0, ["0", "1", "2"]), (1, ["3", "4"])]


def test_leaves_out_what_has_been_read(tmp_path: Path) -> None:
    first, second = write_files(tmp_path, "1.jpg", "2.jpg")
    archive = tmp_path / "shard.zip"
    archive.write_bytes(make_zip(("a.jpg", b"x"), ("b.jpg", b"x")))
    table = write_parquet(tmp_path / "shard.parquet", [b"x"] * 2, rows_per_group=2)
    done = Completed([(first, None), (str(archive), "a.jpg"), (table, "0"), (table, "1")])
    assert find(tmp_path, completed=done) == [Unit(second), Unit(str(archive), Kind.ZIP, ["b.jpg"])]


def test_names_the_members_of_a_tar_to_skip(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w"):
        pass
    done = Completed([(str(path), "a.jpg"), (str(path), "b.jpg")])
    assert find(path, completed=done) == [Unit(str(path), Kind.TAR, ["a.jpg", "b.jpg"])]


def test_keeps_a_damaged_shard_for_its_error(tmp_path: Path) -> None:
    path = tmp_path / "shard.zip"
    path.write_bytes(b"not a zip")
    assert find(path) == [Unit(str(path), Kind.ZIP)]
    assert find(path, completed=Completed([(str(path), None)])) == []


def test_finds_files_on_other_file_systems() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bulk-units/a/1.jpg", b"x")
    assert find_sources("memory://bulk-units") == ["memory:///bulk-units/a/1.jpg"]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("missing", "no such file or folder"),
        ("*.jpg", "no pictures"),
        ("s3://bucket/receipts", "pip install s3fs"),
        ("nonsense://bucket", "nonsense://bucket"),
    ],
)
def test_explains_what_is_wrong_with_an_input(tmp_path: Path, location: str, message: str) -> None:
    where = location if "://" in location else f"{tmp_path}/{location}"
    with pytest.raises(BulkError, match=message):
        find(where)


def test_rejects_a_folder_without_receipts(tmp_path: Path) -> None:
    write_files(tmp_path, "notes.txt")
    with pytest.raises(BulkError, match="there are no pictures"):
        find(tmp_path)


def test_tasks_grow_with_the_number_of_inputs() -> None:
    tasks = list(pack_units(Unit(f"/{number}.jpg") for number in range(300_000)))
    assert sum(map(len, tasks)) == 300_000
    assert len(tasks[0]) == 8
    assert len(tasks[-2]) == 256
    assert len(tasks) < 300_000 / 64


def test_tasks_are_not_larger_than_a_file() -> None:
    tasks = list(pack_units((Unit(f"/{number}.jpg") for number in range(3_000)), max_size=20))
    assert {len(task) for task in tasks[:-1]} == {8, 16, 20}
    assert sum(map(len, tasks)) == 3_000


def test_units_survive_a_table() -> None:
    units = [Unit("/a.jpg"), Unit("/b.zip", Kind.ZIP, ["1.jpg", "2.jpg"]), Unit("/c.parquet", Kind.PARQUET, ["7"], 3)]
    assert units_from_table(units_to_table(units)) == units


def test_finds_the_column_of_pictures() -> None:
    nested = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert find_picture_column(pa.schema([("thumb", pa.binary()), ("image", nested)])) == "image"
    assert find_picture_column(pa.schema([("scan", pa.large_binary())])) == "scan"
    assert find_picture_column(pa.schema([("text", pa.string())])) is None
