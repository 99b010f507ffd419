"""State as release 0.1.0 wrote it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# By file. The number of the last change to the corrections was in `user_version`.
SCHEMAS = {
    "keys": """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, rate_limit TEXT, created TEXT NOT NULL,
            revoked TEXT
        );
        CREATE UNIQUE INDEX names_in_use ON keys (name) WHERE revoked IS NULL;
    """,
    "corrections": """
        CREATE TABLE receipts (id TEXT PRIMARY KEY, company TEXT, receipt TEXT NOT NULL);
        CREATE TABLE corrections (
            receipt_id TEXT NOT NULL, field TEXT NOT NULL, correction TEXT NOT NULL, change INTEGER NOT NULL,
            PRIMARY KEY (receipt_id, field)
        );
        PRAGMA user_version = 7;
    """,
    "jobs": """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY, created REAL NOT NULL, expires REAL NOT NULL, finished REAL, options TEXT NOT NULL,
            revision INTEGER NOT NULL DEFAULT 0, webhook_at REAL, webhook_attempts INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE files (
            job_id TEXT NOT NULL REFERENCES jobs (id), number INTEGER NOT NULL, name TEXT NOT NULL,
            state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL, told TEXT NOT NULL,
            receipts TEXT, PRIMARY KEY (job_id, number)
        );
        CREATE INDEX changes ON files (job_id, revision);
    """,
    "queue": """
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL, lent_until REAL NOT NULL DEFAULT 0
        );
    """,
}


def write_files(folder: Path) -> None:
    """Create the files, without rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in SCHEMAS.items():
        with sqlite3.connect(folder / f"{name}.sqlite3") as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(schema)
