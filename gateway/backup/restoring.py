"""Restores a backup into SQLite or PostgreSQL, also while gateways run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from gateway.backup.backup_file import SAVED, BackupError, Summary, open_backup_file, read_rows, summarize
from gateway.jobs.stores.job_files import JobFiles
from gateway.storage.database.database import Database
from gateway.storage.database.schema import (
    CONTENTS,
    CORRECTIONS,
    JOBS,
    KEYS,
    QUEUE,
    Part,
    contents,
    counters,
    jobs,
    keys,
    messages,
    receipts,
)
from gateway.storage.database.statements import replace_rows

# The tables that say whether there is anything, and what people call their rows.
_NAMES = {KEYS: (keys, "API keys"), CORRECTIONS: (receipts, "corrected receipts"), JOBS: (jobs, "jobs")}


def restore_backup(
    database: Database, directory: Path, path: Path, *, replaces: bool = False, with_jobs: bool = True
) -> Summary:
    """Put what a backup contains into the database.

    Args:
        database: The database, in use or not.
        directory: The state directory.
        path: The backup.
        replaces: Whether what the database contains is deleted; otherwise it must be empty.
        with_jobs: Whether jobs are restored, too.

    Returns:
        What the backup contains.

    Raises:
        BackupError: If the file is not a backup that this release can restore, or the database is not empty.
        DatabaseError: If the database cannot be written; nothing is restored then, or only some parts in SQLite.
    """
    with open_backup_file(path) as backup:
        summary = summarize(backup)
        parts = SAVED if with_jobs else (KEYS, CORRECTIONS)
        _require_empty(database, parts, summary, replaces=replaces)
        if database.is_shared:
            _rewrite(database, parts, backup, summary, replaces=replaces)
            return summary
        # Rows of jobs, their pictures, and then the queue: no worker starts a file before its picture is there.
        _rewrite(
            database, [part for part in parts if part not in (QUEUE, CONTENTS)], backup, summary, replaces=replaces
        )
        if with_jobs:
            _place_files(JobFiles(directory / JOBS.name), backup)
            _rewrite(database, [QUEUE], backup, summary, replaces=replaces)
        return summary


def _require_empty(database: Database, parts: Sequence[Part], summary: Summary, *, replaces: bool) -> None:
    """Raise `BackupError` if there is something that must stay, before anything is created."""
    for part in parts:
        if part not in _NAMES:
            continue
        with database.reading(part) as connection:
            if connection is not None:
                _check_part(connection, part, database.describe(part), summary, replaces=replaces)


def _check_part(connection: Connection, part: Part, place: str, summary: Summary, *, replaces: bool) -> None:
    table, name = _NAMES[part]
    count = connection.execute(select(func.count()).select_from(table)).scalar_one()
    if count and not replaces:
        raise BackupError(
            f"{place} has {count:,} {name}. Restore into an empty database; or add --force, which replaces all API "
            "keys, corrections and jobs."
        )
    if count and part is KEYS and not summary.rows["keys"]:
        raise BackupError(f"{place} has {count:,} API keys and the backup has none: without keys, anyone may call.")


def _rewrite(
    database: Database, parts: Sequence[Part], backup: Connection, summary: Summary, *, replaces: bool
) -> None:
    # A file of SQLite without rows is not created: without keys, a gateway takes it for one that lost them.
    needed = [part for part in parts if database.is_shared or database.has_file(part) or _has_rows(part, summary)]
    with database.rewriting(needed) as opened:
        for part, connection in opened.items():
            if part in _NAMES:
                _check_part(connection, part, database.describe(part), summary, replaces=replaces)
        for part, connection in opened.items():
            _replace(part, backup, connection)


def _has_rows(part: Part, summary: Summary) -> bool:
    return any(summary.rows[table.name] for table in part.metadata.sorted_tables if table is not counters)


def _replace(part: Part, source: Connection, target: Connection) -> None:
    """Replace the rows of a part."""
    before = _find_counters(target) if part is CORRECTIONS else {}
    for table in reversed(part.metadata.sorted_tables):
        target.execute(delete(table))
    for table in part.metadata.sorted_tables:
        for rows in read_rows(source, table):
            target.execute(insert(table), [_adapt(table, row) for row in rows])
    if part is CORRECTIONS:
        # Gateways read corrections again when the number of the last change is another one.
        restored = _find_counters(target)
        last = {name: max(before.get(name, 0), restored.get(name, 0)) + 1 for name in before | restored}
        replace_rows(target, counters, [{"name": name, "value": value} for name, value in last.items()])


def _find_counters(connection: Connection) -> dict[str, int]:
    return {row.name: row.value for row in connection.execute(select(counters))}


def _adapt(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for another database: it numbers messages itself, and no one has borrowed them."""
    return {"data": row["data"]} if table is messages else dict(row)


def _place_files(folders: JobFiles, backup: Connection) -> None:
    """Write the pictures of jobs into their folders."""
    created: set[str] = set()
    for rows in read_rows(backup, contents):
        for row in rows:
            if row["job_id"] not in created:
                created.add(row["job_id"])
                folders.delete_folder(row["job_id"])
                folders.create_folder(row["job_id"])
            folders.write(row["job_id"], row["number"], row["data"])
