"""Units of work: files, and parts of shards, found in folders, patterns and shards.

A unit is small, so that losing a machine loses little, and names what it holds, so that what is already in the output
can be left out. The members of a zip and the rows of a Parquet file are known from its directory. Those of a tar are
not: such a unit has the whole tar, and names what to skip.
"""

from __future__ import annotations

import glob
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bulk.completed import Completed, is_tar
from bulk.locations import BulkError, is_inside, name_location, open_location
from shared.pictures.suffixes import SUFFIXES

# Members of a shard per unit.
_MAX_MEMBERS = 64
# Files and members per task: few while there may be only a few inputs, so that all cores get some; then more, because
# every task costs the driver memory.
_MIN_TASK_SIZE, _MAX_TASK_SIZE = 8, 256
_TASKS_PER_SIZE = 64


class Kind(StrEnum):
    """What a source is, by its name."""

    FILE = "file"
    ZIP = "zip"
    TAR = "tar"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Unit:
    """A file, or a part of a shard.

    Attributes:
        source: The file or shard: an absolute path or a URL.
        kind: What it is.
        members: Of a zip, the names of the files to read; of a Parquet file, the numbers of the rows; of a tar, the
            names to skip.
        group: The row group of a Parquet file that has the rows.
    """

    source: str
    kind: Kind = Kind.FILE
    members: list[str] = field(default_factory=list)
    group: int = 0

    @property
    def count(self) -> int | None:
        """Number of files in the unit; None if only reading it will tell."""
        if self.kind is Kind.TAR:
            return None
        return max(1, len(self.members))


UNIT_SCHEMA = pa.schema(
    [("source", pa.string()), ("kind", pa.string()), ("members", pa.list_(pa.string())), ("group", pa.int32())]
)


def find_units(inputs: Sequence[str], completed: Completed, *, output: str) -> Iterator[Unit]:
    """Yield what is to be read, in a fixed order; each source once, even if several inputs include it.

    Args:
        inputs: Paths and URLs of files, folders and shards, and patterns of them.
        completed: What has been read before.
        output: The output folder, which may be inside an input folder.

    Raises:
        BulkError: If an input does not exist, has no pictures, documents or shards, or cannot be listed.
    """
    listed: set[str] = set()
    for location in inputs:
        found = 0
        for source in _find_sources(location):
            if is_inside(source, output):
                continue
            found += 1
            if not _is_below(source, listed):
                yield from _split(source, completed)
        if not found:
            raise BulkError(f"{location}: there are no pictures, PDFs, zips, tars or Parquet files. Check the input.")
        # Not the name of every file in a folder, of which there may be millions.
        listed |= _find_roots(location) if len(inputs) > 1 else set()


def pack_units(units: Iterable[Unit], *, max_size: int = _MAX_TASK_SIZE) -> Iterator[list[Unit]]:
    """Group units into tasks, small ones first.

    Args:
        units: What is to be read.
        max_size: Files and members per task at which nothing is added to it.
    """
    largest = min(max_size, _MAX_TASK_SIZE)
    packed: list[Unit] = []
    size, tasks = 0, 0
    for unit in units:
        packed.append(unit)
        size += unit.count or _MAX_TASK_SIZE
        if size >= min(_MIN_TASK_SIZE * (1 + tasks // _TASKS_PER_SIZE), largest):
            yield packed
            packed, size, tasks = [], 0, tasks + 1
    if packed:
        yield packed


def units_to_table(units: Sequence[Unit]) -> pa.Table:
    """Return units as a table."""
    return pa.Table.from_pylist([asdict(unit) for unit in units], UNIT_SCHEMA)


def units_from_table(table: pa.Table) -> list[Unit]:
    """Return the units of a table."""
    return [Unit(**row | {"kind": Kind(row["kind"])}) for row in table.to_pylist()]


def find_kind(name: str) -> Kind:
    """Return what a source is, by its name."""
    lower = name.lower()
    if lower.endswith(".zip"):
        return Kind.ZIP
    if lower.endswith((".parquet", ".pq")):
        return Kind.PARQUET
    return Kind.TAR if is_tar(lower) else Kind.FILE


def is_picture_name(name: str) -> bool:
    """Return whether a name in a folder or archive is that of a picture or document, and no clutter of a system."""
    path = PurePosixPath(name.replace("\\", "/"))
    is_clutter = "__MACOSX" in path.parts or path.name.startswith("._")
    return path.suffix.lower() in SUFFIXES and not is_clutter


def find_picture_column(schema: pa.Schema) -> str | None:
    """Return the column of a Parquet file that holds the pictures: bytes, or a struct with `bytes`; None if none does.

    A column named `image`, `picture`, `file`, `content` or `bytes` comes before others.
    """
    names = [one.name for one in schema if _holds_bytes(one.type)]
    preferred = [name for name in ("image", "picture", "file", "content", "bytes") if name in names]
    return next(iter([*preferred, *names]), None)


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _find_sources(location: str) -> Iterator[str]:
    file_system, path = open_location(location)
    try:
        if file_system.isfile(path):
            yield name_location(file_system, path)
        elif file_system.isdir(path):
            yield from _walk(file_system, path)
        elif glob.has_magic(path):
            for found in sorted(file_system.glob(path)):
                if file_system.isdir(found):
                    yield from _walk(file_system, found)
                elif _is_wanted(found):
                    yield name_location(file_system, found)
        else:
            raise BulkError(f"{location}: there is no such file or folder.")
    except OSError as error:
        raise BulkError(f"{location}: cannot be listed ({error}).") from error


def _walk(file_system: Any, folder: str) -> Iterator[str]:
    """Yield the sources below a folder, one folder after the other, so that few names are in memory at once."""
    for parent, folders, files in file_system.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = f"{parent.rstrip('/')}/{name}"
            if _is_wanted(path):
                yield name_location(file_system, path)


def _is_wanted(name: str) -> bool:
    return is_picture_name(name) or find_kind(name) is not Kind.FILE


def _find_roots(location: str) -> set[str]:
    """Return the files and folders that an input names itself, or by a pattern."""
    file_system, path = open_location(location)
    is_pattern = glob.has_magic(path) and not file_system.exists(path)
    return {name_location(file_system, one) for one in (file_system.glob(path) if is_pattern else [path])}


def _is_below(source: str, roots: set[str]) -> bool:
    """Return whether a source is one of some files, or in one of some folders."""
    if not roots:
        return False
    parts = source.split("/")
    return any("/".join(parts[:end]) in roots for end in range(len(parts), 0, -1))


def _split(source: str, completed: Completed) -> Iterator[Unit]:
    """Yield the units of a source, without what has been read before."""
    kind = find_kind(source)
    if (source, None) in completed:
        return
    if kind is Kind.FILE:
        yield Unit(source)
    elif kind is Kind.TAR:
        yield Unit(source, kind, completed.members_of(source))
    else:
        yield from _split_shard(source, kind, completed)


def _split_shard(source: str, kind: Kind, completed: Completed) -> Iterator[Unit]:
    file_system, path = open_location(source)
    try:
        with file_system.open(path, "rb") as file:
            groups = list(_list_zip(file) if kind is Kind.ZIP else _list_parquet(file))
    # Also what the parsers raise for damaged files.
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, pa.ArrowException):
        groups = []
    if not any(members for _, members in groups):
        # Reading it will tell what is wrong.
        yield Unit(source, kind)
    for group, members in groups:
        read = completed.find([(source, member) for member in members])
        left = [member for member, is_read in zip(members, read, strict=True) if not is_read]
        for start in range(0, len(left), _MAX_MEMBERS):
            yield Unit(source, kind, left[start : start + _MAX_MEMBERS], group)


def _list_zip(file: Any) -> Iterator[tuple[int, list[str]]]:
    with zipfile.ZipFile(file) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    yield 0, [name for name in dict.fromkeys(names) if is_picture_name(name)]


def _list_parquet(file: Any) -> Iterator[tuple[int, list[str]]]:
    parquet = pq.ParquetFile(file)
    if find_picture_column(parquet.schema_arrow) is None:
        return
    first = 0
    for group in range(parquet.num_row_groups):
        count = parquet.metadata.row_group(group).num_rows
        yield group, [str(number) for number in range(first, first + count)]
        first += count
