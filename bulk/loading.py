"""The bytes of files and of the members of shards; what cannot be read becomes a problem, not an exception.

Everything here may come from strangers: sizes that a shard states are not believed, and nothing is decoded.
"""

from __future__ import annotations

import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from bulk.locations import open_location
from bulk.units import Kind, Unit, find_picture_column, is_picture_name
from shared.problems import ProblemError
from shared.service.uploads import upload_too_large_problem

# Remote stores answer many requests at once, each only after tens of milliseconds.
_THREADS = 16
_ATTEMPTS = 3
_PAUSE_S = 0.5
_ROWS_AT_ONCE = 16
# What trying again does not change.
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
# Private, but `tarfile` has no other way to tell the end from damage.
_ENDS = (tarfile.EOFHeaderError, tarfile.EmptyHeaderError)  # type: ignore[attr-defined]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Loaded:
    """A file, or a member of a shard.

    Attributes:
        source: The file or shard.
        member: The name of the member, or the number of the row; None for a file, and for a shard that cannot be read.
        content: The bytes, or why there are none.
    """

    source: str
    member: str | None
    content: bytes | ProblemError


class _StrictTarInfo(tarfile.TarInfo):
    """Raises for a damaged header, where `tarfile` would take it for the end, and what follows would be missing."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if isinstance(error, _ENDS):
                raise
            raise tarfile.ReadError(str(error)) from error


class Loader:
    """Reads units, several files at once.

    Args:
        max_bytes: Larger files are not read.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._threads = ThreadPoolExecutor(_THREADS, "load")

    def load(self, units: list[Unit]) -> Iterator[Loaded]:
        """Yield the contents of units, in order."""
        files: list[Unit] = []
        for unit in units:
            if unit.kind is Kind.FILE:
                files.append(unit)
            if files and (unit.kind is not Kind.FILE or len(files) == _THREADS):
                yield from self._threads.map(self._load_file, files)
                files = []
            if unit.kind is not Kind.FILE:
                yield from self._load_shard(unit)
        yield from self._threads.map(self._load_file, files)

    def _load_file(self, unit: Unit) -> Loaded:
        try:
            content = _retry(lambda: self._read(*open_location(unit.source)))
        except OSError as error:
            return Loaded(unit.source, None, _unreadable_problem(error))
        return Loaded(unit.source, None, self._check(content))

    def _load_shard(self, unit: Unit) -> Iterator[Loaded]:
        read = {Kind.ZIP: self._read_zip, Kind.TAR: self._read_tar, Kind.PARQUET: self._read_parquet}[unit.kind]
        try:
            with _retry(lambda: _open(unit.source)) as file:
                for member, content in read(file, unit):
                    checked = content if isinstance(content, ProblemError) else self._check(content)
                    yield Loaded(unit.source, member, checked)
        except ProblemError as problem:
            yield Loaded(unit.source, None, problem)
        except OSError as error:
            yield Loaded(unit.source, None, _unreadable_problem(error))
        # What the parsers raise for damaged files.
        except (ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, zlib.error, pa.ArrowException) as error:
            yield Loaded(unit.source, None, _damaged_problem(unit.kind, error))

    def _read(self, file_system: Any, path: str) -> bytes:
        with file_system.open(path, "rb") as file:
            return bytes(file.read(self._max_bytes + 1))

    def _check(self, content: bytes) -> bytes | ProblemError:
        return upload_too_large_problem(self._max_bytes) if len(content) > self._max_bytes else content

    def _read_zip(self, file: Any, unit: Unit) -> Iterator[tuple[str, bytes | ProblemError]]:
        with zipfile.ZipFile(file) as archive:
            if not unit.members:
                raise _empty_problem("zip")
            for member in unit.members:
                try:
                    with archive.open(member) as opened:
                        # A few bytes may unpack to gigabytes.
                        yield member, opened.read(self._max_bytes + 1)
                # RuntimeError: the member is encrypted.
                except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError, KeyError) as error:
                    yield member, _damaged_problem(unit.kind, error)

    def _read_tar(self, file: Any, unit: Unit) -> Iterator[tuple[str, bytes | ProblemError]]:
        seen = set(unit.members)
        try:
            with tarfile.open(fileobj=file, mode="r|*", tarinfo=_StrictTarInfo) as archive:
                for info in archive:
                    if not info.isfile() or info.name in seen or not is_picture_name(info.name):
                        continue
                    seen.add(info.name)
                    opened = archive.extractfile(info)
                    if opened is not None:
                        with closing(opened):
                            yield info.name, opened.read(self._max_bytes + 1)
        except tarfile.TarError as error:
            raise _damaged_problem(unit.kind, error) from error
        if not seen:
            raise _empty_problem("tar")

    def _read_parquet(self, file: Any, unit: Unit) -> Iterator[tuple[str, bytes | ProblemError]]:
        parquet = pq.ParquetFile(file)
        column = find_picture_column(parquet.schema_arrow)
        if column is None:
            raise _empty_problem("Parquet file")
        wanted = set(unit.members)
        number = sum(parquet.metadata.row_group(group).num_rows for group in range(unit.group))
        for batch in parquet.iter_batches(_ROWS_AT_ONCE, row_groups=[unit.group], columns=[column]):
            for value in batch.column(0).to_pylist():
                content = value["bytes"] if isinstance(value, dict) else value
                if str(number) in wanted:
                    yield str(number), content if content is not None else _missing_problem()
                number += 1


def _open(source: str) -> Any:
    file_system, path = open_location(source)
    return file_system.open(path, "rb")


def _retry(act: Callable[[], _Result]) -> _Result:
    """Return the result of an action that may fail now and then."""
    for attempt in range(_ATTEMPTS - 1):
        try:
            return act()
        except _FINAL:
            raise
        except OSError:
            time.sleep(_PAUSE_S * 2**attempt)
    return act()


def _unreadable_problem(error: OSError) -> ProblemError:
    reason = error.strerror or type(error).__name__
    return ProblemError(422, "source-unreadable", "The file cannot be read", f"{reason}. Check that it is still there.")


def _damaged_problem(kind: Kind, error: Exception) -> ProblemError:
    detail = f"The {kind} cannot be unpacked: {error}. Replace it by a complete, unencrypted one."
    return ProblemError(422, "archive-damaged", "The archive is damaged", detail)


def _empty_problem(what: str) -> ProblemError:
    detail = f"The {what} has no pictures or PDFs. Archives need names with known suffixes, Parquet a column of bytes."
    return ProblemError(422, "archive-empty", "There is nothing to read", detail)


def _missing_problem() -> ProblemError:
    return ProblemError(422, "empty-body", "The picture is missing", "The row has no bytes.")
