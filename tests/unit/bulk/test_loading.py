"""Reading files and members of shards, good and bad."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bulk.loading import Loader
from bulk.units import Kind, Unit
from shared.problems import ProblemError
from tests.support.archives import make_zip


def load(*units: Unit, max_bytes: int = 100) -> dict[tuple[str, str | None], bytes | str]:
    """The contents, or the codes of the problems."""
    loaded = Loader(max_bytes).load(list(units))
    return {
        (Path(one.source).name, one.member): one.content.code if isinstance(one.content, ProblemError) else one.content
        for one in loaded
    }


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def make_tar(mode: Literal["", "gz", "xz"], **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{name}.jpg")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    content = buffer.getvalue()
    if mode:
        return gzip.compress(content) if mode == "gz" else lzma.compress(content)
    return content


def test_reads_files_and_notes_those_that_cannot_be(tmp_path: Path) -> None:
    units = [Unit(write(tmp_path / f"{n}.jpg", b"%d" % n)) for n in range(40)]
    units += [Unit(f"{tmp_path}/missing.jpg"), Unit(write(tmp_path / "large.jpg", b"x" * 101))]
    loaded = load(*units)
    assert loaded == {
        **{(f"{n}.jpg", None): b"%d" % n for n in range(40)},
        ("missing.jpg", None): "source-unreadable",
        ("large.jpg", None): "upload-too-large",
    }


def test_reads_members_of_a_zip(tmp_path: Path) -> None:
    content = make_zip(("a.jpg", b"a"), ("b.jpg", b"b"), ("bomb.jpg", bytes(10_000_000)))
    source = write(tmp_path / "s.zip", content)
    assert load(Unit(source, Kind.ZIP, ["b.jpg", "bomb.jpg", "gone.jpg"])) == {
        ("s.zip", "b.jpg"): b"b",
        ("s.zip", "bomb.jpg"): "upload-too-large",
        ("s.zip", "gone.jpg"): "archive-damaged",
    }


def test_a_damaged_member_does_not_affect_the_others(tmp_path: Path) -> None:
    damaged = bytearray(make_zip(("a.jpg", b"first"), ("b.jpg", b"second"), method=0))
    damaged[damaged.index(b"first")] ^= 0xFF
    source = write(tmp_path / "s.zip", bytes(damaged))
    assert load(Unit(source, Kind.ZIP, ["a.jpg", "b.jpg"])) == {
        ("s.zip", "a.jpg"): "archive-damaged",
        ("s.zip", "b.jpg"): b"second",
    }


@pytest.mark.parametrize(("name", "mode"), [("s.tar", ""), ("s.tar.gz", "gz"), ("s.tgz", "gz"), ("s.tar.xz", "xz")])
def test_reads_the_rest_of_a_tar(tmp_path: Path, name: str, mode: Literal["", "gz", "xz"]) -> None:
    source = write(tmp_path / name, make_tar(mode, a=b"a", b=b"b", c=b"x" * 101))
    assert load(Unit(source, Kind.TAR, ["a.jpg"])) == {(name, "b.jpg"): b"b", (name, "c.jpg"): "upload-too-large"}


def test_a_truncated_tar_gives_its_first_members_and_an_error(tmp_path: Path) -> None:
    source = write(tmp_path / "s.tar", make_tar("", a=b"a", b=b"b")[:1100])
    assert load(Unit(source, Kind.TAR)) == {("s.tar", "a.jpg"): b"a", ("s.tar", None): "archive-damaged"}


def test_reads_rows_of_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    pictures = [{"bytes": b"%d" % n if n != 3 else None, "path": f"{n}.jpg"} for n in range(5)]
    pq.write_table(pa.table({"image": pictures}), path, row_group_size=2)
    assert load(Unit(str(path), Kind.PARQUET, ["2", "3"], 1), Unit(str(path), Kind.PARQUET, ["4"], 2)) == {
        ("s.parquet", "2"): b"2",
        ("s.parquet", "3"): "empty-body",
        ("s.parquet", "4"): b"4",
    }


@pytest.mark.parametrize(
    ("name", "kind", "content", "code"),
    [
        ("s.zip", Kind.ZIP, b"no zip", "archive-damaged"),
        ("s.tar", Kind.TAR, b"no tar" * 200, "archive-damaged"),
        ("s.parquet", Kind.PARQUET, b"no parquet", "archive-damaged"),
        ("empty.zip", Kind.ZIP, make_zip(), "archive-empty"),
        ("empty.tar", Kind.TAR, make_tar(""), "archive-empty"),
    ],
)
def test_a_bad_shard_is_one_error(tmp_path: Path, name: str, kind: Kind, content: bytes, code: str) -> None:
    assert load(Unit(write(tmp_path / name, content), kind)) == {(name, None): code}


def test_a_missing_shard_is_one_error(tmp_path: Path) -> None:
    assert load(Unit(f"{tmp_path}/s.tar", Kind.TAR)) == {("s.tar", None): "source-unreadable"}
