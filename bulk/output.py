"""The output folder: Parquet files that appear complete, and what is in them."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bulk.completed import Completed, Key
from bulk.locations import BulkError, is_local, name_location, open_location

_PREFIX, _SUFFIX = "receipts-", ".parquet"
# Readers of folders, such as Spark, DuckDB and pyarrow, ignore names that begin with a period.
_UNFINISHED = ".unfinished-"
_COMPRESSION = "zstd"
_THREADS = 16


class OutputFolder:
    """A folder of Parquet files, each named after the inputs of its rows.

    A file that is written again, because the machine that wrote it was lost before it could say so, replaces itself, so
    no row is there twice.

    Args:
        url: Path or URL.
    """

    def __init__(self, url: str) -> None:
        self._file_system, self._path = open_location(url)
        self.name = name_location(self._file_system, self._path)

    def prepare(self) -> None:
        """Create the folder, and delete what an earlier run left unfinished.

        Raises:
            BulkError: If it cannot be created.
        """
        try:
            self._file_system.makedirs(self._path, exist_ok=True)
            for path in self._list(_UNFINISHED):
                self._file_system.rm_file(path)
        except OSError as error:
            raise BulkError(f"{self.name}: the output folder cannot be written ({error}).") from error

    def find_files(self) -> list[str]:
        """Return the paths of the files."""
        return [path for path in self._list(_PREFIX) if path.endswith(_SUFFIX)]

    def read_completed(self) -> Completed:
        """Return the inputs that have a row.

        Raises:
            BulkError: If a file is damaged.
        """
        with ThreadPoolExecutor(_THREADS, "read-output") as threads:
            tables = threads.map(self._read_keys, self.find_files())
            return Completed(key for keys in tables for key in keys)

    def write(self, rows: pa.Table) -> str:
        """Write rows as a file that appears complete; return its path."""
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression=_COMPRESSION)
        path = posixpath.join(self._path, f"{_PREFIX}{_hash_keys(rows)}{_SUFFIX}")
        if not is_local(self._file_system):
            # An object store shows an object when it is complete.
            self._file_system.pipe_file(path, buffer.getvalue())
            return path
        unfinished = posixpath.join(self._path, f"{_UNFINISHED}{os.getpid()}-{posixpath.basename(path)}")
        with open(unfinished, "wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        return path

    def read(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of each file."""
        for path in self.find_files():
            with self._file_system.open(path, "rb") as file:
                yield pq.read_table(file, columns=columns)

    def _read_keys(self, path: str) -> list[Key]:
        try:
            with self._file_system.open(path, "rb") as file:
                table = pq.read_table(file, columns=["source", "member"])
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            name = name_location(self._file_system, path)
            raise BulkError(
                f"{name} is damaged ({error}). Delete it and start again; only its receipts are read once more."
            ) from error
        return list(zip(table["source"].to_pylist(), table["member"].to_pylist(), strict=True))

    def _list(self, prefix: str) -> list[str]:
        if not self._file_system.isdir(self._path):
            return []
        paths: list[Any] = self._file_system.ls(self._path, detail=False)
        return sorted(path for path in paths if posixpath.basename(path).startswith(prefix))


def _hash_keys(rows: pa.Table) -> str:
    """Return a name for a set of rows, whatever is in them."""
    digest = hashlib.blake2b(digest_size=16)
    for source, member, page in zip(*(rows[name].to_pylist() for name in ("source", "member", "page")), strict=True):
        digest.update(repr((source, member, page)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
