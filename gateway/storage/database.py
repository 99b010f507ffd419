"""Data that must outlive the process: SQLite files in one directory.

The cache may lose everything at any time; jobs, corrections and API keys may not. Several processes of one machine
share the files. The directory must not be on a network file system, where SQLite's locks do not work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LOCK_TIMEOUT_S = 5.0


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
    connection = sqlite3.connect(directory / f"{name}.sqlite3", timeout=_LOCK_TIMEOUT_S)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if migrate is not None:
            with connection:
                migrate(connection)
        connection.executescript(schema)
        with connection:
            yield connection
    finally:
        connection.close()


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
