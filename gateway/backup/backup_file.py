"""The file of a backup: one SQLite database with all parts, whichever database they come from.

It has the schema with its revision, so a later release can upgrade it, and any database can take what it contains.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, create_engine, event, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from gateway.storage.database.revisions import create_tables, find_revision, upgrade_schema
from gateway.storage.database.schema import CONTENTS, CORRECTIONS, HEAD, JOBS, KEYS, QUEUE, contents

# Answers to repeated requests are not worth it: they last a day.
SAVED = (KEYS, CORRECTIONS, JOBS, QUEUE, CONTENTS)
# "Qtcb" as a number, in the header of the file.
_APPLICATION_ID = 0x51746362
_ROWS_AT_ONCE = 500
# Each may be as large as an upload.
_PICTURES_AT_ONCE = 4
_notes = Table("notes", MetaData(), Column("name", Text, primary_key=True), Column("value", Text, nullable=False))


class BackupError(Exception):
    """A backup cannot be written or restored; the message says why and what to do."""


@dataclass(frozen=True)
class Summary:
    """What a backup contains.

    Attributes:
        created: When it was written, ISO 8601 in UTC.
        rows: The number of rows of each table.
    """

    created: str
    rows: Mapping[str, int]

    def __str__(self) -> str:
        """Count what people know."""
        rows = self.rows
        jobs = f"{rows['jobs']:,} with {rows['files']:,} files, {rows['contents']:,} of them unread"
        return f"API keys: {rows['keys']:,}; corrected receipts: {rows['receipts']:,}; jobs: {jobs}"


class BackupFile:
    """A backup that is being written.

    Args:
        connection: In the transaction in which everything is written.
        path: The file, for messages.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to a table; raise `BackupError`."""
        try:
            self._connection.execute(insert(table), list(rows))
        except DBAPIError as error:
            raise _build_write_error(self._path, error.orig) from error

    def read(self) -> Connection:
        """Return the connection, to read what was added."""
        return self._connection

    def summarize(self) -> Summary:
        """Note when the backup was written, and return what it contains."""
        self.insert(_notes, [{"name": "created", "value": datetime.now(UTC).isoformat(timespec="seconds")}])
        return summarize(self._connection)


def summarize(connection: Connection) -> Summary:
    """Return what a backup contains."""
    created = connection.execute(select(_notes.c.value).where(_notes.c.name == "created")).scalar_one()
    tables = [table for part in SAVED for table in part.metadata.sorted_tables]
    counts = {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}
    return Summary(created, counts)


def read_rows(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a table in the order of their keys, some at a time."""
    statement = select(table).order_by(*table.primary_key)
    count = _PICTURES_AT_ONCE if table is contents else _ROWS_AT_ONCE
    result = connection.execute(statement.execution_options(yield_per=count))
    for rows in result.mappings().partitions():
        yield [dict(row) for row in rows]


@contextmanager
def create_backup_file(path: Path) -> Iterator[BackupFile]:
    """Create a backup, which is complete or not there at all, readable by its owner only.

    Raises:
        BackupError: If the file exists, or cannot be written.
    """
    try:
        _create_private(path)
    except FileExistsError as error:
        raise BackupError(f"{path} exists. Choose another name, or delete it.") from error
    except OSError as error:
        raise _build_write_error(path, error) from error
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _create_private(draft)
        with _build_engine(lambda: _connect_for_writing(draft)).begin() as connection:
            create_tables(connection, SAVED)
            _notes.create(connection)
            yield BackupFile(connection, path)
            connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")
        _sync(draft)
        draft.replace(path)
    except BaseException as error:
        for file in (draft, path):
            file.unlink(missing_ok=True)
        if isinstance(error, DBAPIError):
            raise _build_write_error(path, error.orig) from error
        raise


@contextmanager
def open_backup_file(path: Path) -> Iterator[Connection]:
    """Open a backup for reading, upgraded in a copy if an earlier release wrote it.

    Raises:
        BackupError: If it is not a backup, is damaged, or of a later release.
    """
    revision = _check(path)
    with tempfile.TemporaryDirectory() as folder:
        if revision < HEAD:
            path = Path(shutil.copyfile(path, Path(folder) / "backup"))
            with _build_engine(lambda: _connect_for_writing(path)).begin() as connection:
                upgrade_schema(connection, SAVED)
        with _build_engine(lambda: _connect_for_reading(path)).begin() as connection:
            yield connection


def _build_write_error(path: Path, cause: BaseException | None) -> BackupError:
    return BackupError(f"{path} cannot be written ({cause}). Check the folder, and the space on its disk.")


def _check(path: Path) -> str:
    """Return the revision of a backup; raise `BackupError` if it cannot be restored."""
    if not path.is_file():
        raise BackupError(f"{path} does not exist, or is not a file.")
    try:
        with _build_engine(lambda: _connect_for_reading(path)).connect() as connection:
            if connection.exec_driver_sql("PRAGMA application_id").scalar() != _APPLICATION_ID:
                raise BackupError(f"{path} is not a backup of `quittance backup`.")
            problem = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if problem != "ok":
                raise BackupError(f"{path} is damaged ({problem}). Use another backup.")
            revision = find_revision(connection)
    except DBAPIError as error:
        raise BackupError(f"{path} is damaged, or not a backup ({error.orig}). Use another backup.") from error
    if revision is None or revision > HEAD:
        raise BackupError(f"{path} was written by a later release (schema {revision}). Restore it with that release.")
    return revision


def _build_engine(connect: Callable[[], sqlite3.Connection]) -> Engine:
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _connect_for_writing(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    # A draft needs no log: it is deleted if anything fails.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?immutable=1", uri=True, isolation_level=None)


def _create_private(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
