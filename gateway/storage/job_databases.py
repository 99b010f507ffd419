"""Data that must outlive the process: SQLite files in one directory.

The cache may lose everything at any time; jobs, corrections and API keys may not. Several processes of one machine
share the files. The directory must not be on a network file system, where SQLite's locks do not work.

Files are readable by their owner only, in whatever directory they are: they contain the text of receipts. Reading
changes nothing, and works where nothing can be written: in a read-only directory, and on a full disk.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from gateway.storage.disk_space import is_disk_full

_LOCK_TIMEOUT_S = 5.0
_PRIVATE_MODE = 0o600
_ACCESS_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
# The files that SQLite keeps next to a database while it is in use.
_COMPANIONS = ("", "-wal", "-shm")


def get_database_path(directory: Path, name: str) -> Path:
    """Return the path of a database in the directory."""
    return directory / f"{name}.sqlite3"


@contextmanager
def open_database(
    directory: Path, name: str, schema: str, *, migrate: Callable[[sqlite3.Connection], None] | None = None
) -> Iterator[sqlite3.Connection]:
    """Open a database in the directory, in one transaction: committed at the end, rolled back after an error.

    Opening a connection takes about a tenth of a millisecond, and threads do not share it. Call this where the work is
    done, outside the event loop.

    Args:
        directory: Created for its owner alone if it does not exist.
        name: Name of the file, without the extension.
        schema: Statements `CREATE ... IF NOT EXISTS`, without comments.
        migrate: Upgrades tables of an earlier release, in one transaction, before the schema is applied.

    Raises:
        sqlite3.Error: If the file cannot be read or written, or is locked for more than five seconds.
        OSError: If the directory cannot be created.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = get_database_path(directory, name)
    if not path.exists():
        _create(path, schema)
    connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _make_private(path)
        if migrate is not None:
            with connection:
                migrate(connection)
        connection.executescript(schema)
        with connection:
            yield connection
    finally:
        connection.close()


@contextmanager
def read_database(directory: Path, name: str) -> Iterator[sqlite3.Connection | None]:
    """Open a database for reading, at one moment; yield None if the file does not exist.

    No directory, file or table is created, and no earlier release's tables are upgraded. If SQLite cannot create the
    files it uses to coordinate with writers, because the directory is read-only or the disk is full, the file is read
    without them.

    Args:
        directory: The directory, which need not exist.
        name: Name of the file, without the extension.

    Raises:
        sqlite3.Error: If the file cannot be read, or was changed while it was read without coordination.
        OSError: If the directory cannot be read.
    """
    path = get_database_path(directory, name)
    try:
        before = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    connection, is_coordinated = _connect_for_reading(path)
    try:
        connection.row_factory = sqlite3.Row
        yield connection
        if not is_coordinated and _has_changed(path, before):
            raise sqlite3.OperationalError("the file changed while it was read")
    finally:
        connection.close()


def describe_database_error(path: Path, error: sqlite3.Error | OSError) -> str:
    """Say for an operator why a database cannot be used, and what to do."""
    name = getattr(error, "sqlite_errorname", "")
    number = error.errno if isinstance(error, OSError) else None
    if name == "SQLITE_FULL" or number in (errno.ENOSPC, errno.EDQUOT) or is_disk_full(path.parent):
        advice = f"The disk is full: free some space in {path.parent}."
    # SQLITE_ERROR: a table or column is missing.
    elif name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or name == "SQLITE_ERROR":
        advice = "The file is damaged: restore it from a backup."
    elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        advice = "Another process has locked it: try again."
    elif name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")) or number in _ACCESS_ERRORS:
        advice = f"Check that the user of this process may read and write {path.parent} and its files."
    else:
        advice = f"Check {path.parent} and its file system."
    return f"{path} cannot be used ({error}). {advice}"


def add_missing_columns(connection: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> None:
    """Add columns that a table of an earlier release lacks; do nothing if there is no such table.

    Args:
        connection: The database.
        table: Name of the table.
        columns: Declarations by name.
    """
    existing = find_columns(connection, table)
    if not existing or existing.issuperset(columns):
        return
    # Another process may be adding them.
    connection.execute("BEGIN IMMEDIATE")
    for name in columns.keys() - find_columns(connection, table):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")


def find_columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of the columns of a table; none if it does not exist."""
    return {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}


def _create(path: Path, schema: str) -> None:
    """Create a database with all its tables, so that no other process ever sees it without; unless there is one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_MODE))
        connection = sqlite3.connect(draft)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(schema)
        finally:
            connection.close()
        # Another process may have been faster; a file system without links gets the file from SQLite.
        with suppress(OSError):
            os.link(draft, path)
    finally:
        for suffix in _COMPANIONS:
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _make_private(path: Path) -> None:
    """Make a database readable by its owner only; earlier releases, and copies, made it readable by others."""
    for suffix in _COMPANIONS:
        with suppress(OSError):  # the file does not exist, or belongs to someone else
            file = path.with_name(path.name + suffix)
            if file.stat().st_mode & 0o077:
                file.chmod(_PRIVATE_MODE)


def _connect_for_reading(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Return a connection in a transaction, and whether it is coordinated with writers."""
    try:
        return _connect_read_only(path, "mode=ro"), True
    except sqlite3.OperationalError:
        # Without the log of writers, the file is complete.
        if _has_log(path):
            raise
        return _connect_read_only(path, "immutable=1"), False


def _connect_read_only(path: Path, option: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?{option}", uri=True, timeout=_LOCK_TIMEOUT_S)
    try:
        connection.execute("BEGIN")
        # The transaction begins with the first reading.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _has_log(path: Path) -> bool:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _has_changed(path: Path, before: os.stat_result) -> bool:
    now = path.stat()
    return (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns) or (
        _has_log(path)
    )
