"""What must outlive the process: SQLite files in one directory.

The cache may lose everything at any time; jobs, corrections and API keys may not. Several processes on one machine
share the files; the directory must not lie on a network file system, where SQLite's locks do not hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BUSY_S = 5.0


@contextmanager
def database(directory: Path, name: str, schema: str) -> Iterator[sqlite3.Connection]:
    """Opens a database in the directory, in one transaction: committed at the end, rolled back after an error.

    A connection takes about a tenth of a millisecond to open and is not shared between threads; call this where the
    work is done, outside the event loop.

    Args:
        directory: Made if it is not there, for its owner alone.
        name: Of the file, without its ending.
        schema: Statements `CREATE ... IF NOT EXISTS`, without a comment.

    Raises:
        sqlite3.Error: If the file cannot be read or written, or is locked for longer than five seconds.
        OSError: If the directory cannot be made.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(directory / f"{name}.sqlite3", timeout=_BUSY_S)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(schema)
        with connection:
            yield connection
    finally:
        connection.close()
