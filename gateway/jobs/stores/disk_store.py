"""Jobs on this machine's disk: states and results in SQLite, the files' bytes as files beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from gateway.jobs.contracts import FileState
from gateway.jobs.model import (
    DueWebhook,
    JobOptions,
    JobRecord,
    JobsUnavailableError,
    Outcome,
    Snapshot,
    Work,
)
from gateway.storage.database import database
from shared.contracts import Receipt

Value = TypeVar("Value")

_RECEIPTS = TypeAdapter(list[Receipt])
# A job is there once it has a revision. What is deleted is overwritten, as it is the text of receipts.
_SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, created REAL NOT NULL, expires REAL NOT NULL, finished REAL, options TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0, webhook_at REAL, webhook_attempts INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS files (
    job_id TEXT NOT NULL REFERENCES jobs (id), number INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL, told TEXT NOT NULL, receipts TEXT,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX IF NOT EXISTS changes ON files (job_id, revision);
"""


class DiskStore:
    """A store in the state directory; made with the first job.

    Args:
        directory: See `GatewaySettings.state_directory`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._data = directory / "jobs"

    async def begin(self, record: JobRecord) -> None:
        """See `JobStore.begin`."""
        await self._run(self._begin, record)

    async def add(self, job_id: str, index: int, data: bytes) -> None:
        """See `JobStore.add`."""
        await self._run(_write, self._data / job_id / str(index), data)

    async def commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        """See `JobStore.commit`."""
        await self._run(self._commit, record, files)

    async def get(self, job_id: str) -> Snapshot | None:
        """See `JobStore.get`."""
        return await self._run_if_there(self._get, job_id)

    async def exists(self, job_id: str) -> bool:
        """See `JobStore.exists`."""
        return bool(await self._run_if_there(self._exists, job_id))

    async def changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        """See `JobStore.changes`."""
        return await self._run_if_there(self._changes, job_id, revision)

    async def start(self, job_id: str, index: int) -> Work | None:
        """See `JobStore.start`."""
        return await self._run_if_there(self._start, job_id, index)

    async def finish(self, job_id: str, index: int, outcome: Outcome) -> bool:
        """See `JobStore.finish`."""
        return bool(await self._run_if_there(self._finish, job_id, index, outcome))

    async def next_waiting(self, job_id: str, index: int, step: int) -> int | None:
        """See `JobStore.next_waiting`."""
        return await self._run_if_there(self._next_waiting, job_id, index, step)

    async def outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        """See `JobStore.outcomes`."""
        return await self._run_if_there(self._outcomes, job_id, indices) or []

    async def delete(self, job_id: str) -> bool:
        """See `JobStore.delete`."""
        return bool(await self._run_if_there(self._delete, job_id))

    async def expire(self) -> int:
        """See `JobStore.expire`."""
        return await self._run_if_there(self._expire) or 0

    async def due_webhook(self, lease_s: float) -> DueWebhook | None:
        """See `JobStore.due_webhook`."""
        return await self._run_if_there(self._due_webhook, lease_s)

    async def settle_webhook(self, job_id: str, again_in_s: float | None) -> None:
        """See `JobStore.settle_webhook`."""
        await self._run_if_there(self._settle_webhook, job_id, again_in_s)

    def _database(self) -> AbstractContextManager[sqlite3.Connection]:
        return database(self._directory, "jobs", _SCHEMA)

    async def _run(self, call: Callable[..., Value], *args: object) -> Value:
        try:
            return await asyncio.to_thread(partial(call, *args))
        except (sqlite3.Error, OSError) as error:
            raise JobsUnavailableError(f"{type(error).__name__}: {error}") from error

    async def _run_if_there(self, call: Callable[..., Value], *args: object) -> Value | None:
        """Looks for nothing, and makes nothing, where there never was a job."""
        if not (self._directory / "jobs.sqlite3").exists():
            return None
        return await self._run(call, *args)

    def _begin(self, record: JobRecord) -> None:
        with self._database() as connection:
            connection.execute(
                "INSERT INTO jobs (id, created, expires, options) VALUES (?, ?, ?, ?)",
                (record.id, record.created, record.expires, record.options.model_dump_json()),
            )
        (self._data / record.id).mkdir(parents=True, mode=0o700)

    def _commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        finished = time.time() if all(file.state == "failed" for file in files) else None
        with self._database() as connection:
            # The options as they are now: a field of the form may follow the files.
            known = connection.execute(
                "UPDATE jobs SET revision = 1, finished = ?, options = ? WHERE id = ?",
                (finished, record.options.model_dump_json(), record.id),
            ).rowcount
            if not known:
                raise JobsUnavailableError("the time of the job was over before it was whole")
            connection.executemany(
                "INSERT INTO files (job_id, number, name, state, revision, told) VALUES (?, ?, ?, ?, 1, ?)",
                [(record.id, file.index, file.name, file.state, file.model_dump_json()) for file in files],
            )
            if finished is not None:
                _make_webhook_due(connection, record.id)

    def _get(self, job_id: str) -> Snapshot | None:
        with self._database() as connection:
            job = connection.execute("SELECT * FROM jobs WHERE id = ? AND revision > 0", (job_id,)).fetchone()
            if job is None or job["expires"] < time.time():
                return None
            rows = connection.execute("SELECT told FROM files WHERE job_id = ? ORDER BY number", (job_id,)).fetchall()
        options = JobOptions.model_validate_json(job["options"])
        files = [FileState.model_validate_json(row["told"]) for row in rows]
        record = JobRecord(job_id, job["created"], job["expires"], options)
        return Snapshot(record, files, job["finished"], job["revision"])

    def _exists(self, job_id: str) -> bool:
        with self._database() as connection:
            return _revision(connection, job_id) is not None

    def _changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        with self._database() as connection:
            now = _revision(connection, job_id)
            rows = connection.execute(
                "SELECT told FROM files WHERE job_id = ? AND revision > ? ORDER BY revision", (job_id, revision)
            ).fetchall()
        return None if now is None else (now, [FileState.model_validate_json(row["told"]) for row in rows])

    def _start(self, job_id: str, index: int) -> Work | None:
        with self._database() as connection:
            row = _unfinished(connection, job_id, index)
            if row is None:
                return None
            data = _read(self._data / job_id / str(index))
            told = FileState(index=index, name=row["name"], state="running")
            _change(connection, job_id, told, attempts=row["attempts"] + 1)
        return Work(data, row["attempts"] + 1, JobOptions.model_validate_json(row["options"]))

    def _finish(self, job_id: str, index: int, outcome: Outcome) -> bool:
        with self._database() as connection:
            row = _unfinished(connection, job_id, index)
            if row is None:
                return False
            receipts = _RECEIPTS.dump_json(outcome.receipts).decode()
            _change(connection, job_id, outcome.state(index, row["name"]), attempts=row["attempts"], receipts=receipts)
            left = connection.execute(
                "SELECT count(*) FROM files WHERE job_id = ? AND state IN ('queued', 'running')", (job_id,)
            ).fetchone()[0]
            if left == 0:
                connection.execute("UPDATE jobs SET finished = ? WHERE id = ?", (time.time(), job_id))
                _make_webhook_due(connection, job_id)
        (self._data / job_id / str(index)).unlink(missing_ok=True)
        return True

    def _next_waiting(self, job_id: str, index: int, step: int) -> int | None:
        with self._database() as connection:
            row = connection.execute(
                "SELECT number, state FROM files WHERE job_id = ? AND number > ? AND number % ? = ? "
                "AND state != 'failed' ORDER BY number LIMIT 1",
                (job_id, index, step, index % step),
            ).fetchone()
        return row["number"] if row is not None and row["state"] == "queued" else None

    def _outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        marks = ", ".join("?" * len(indices))
        with self._database() as connection:
            rows = connection.execute(
                f"SELECT number, told, receipts FROM files WHERE job_id = ? AND number IN ({marks})",  # noqa: S608
                (job_id, *indices),
            ).fetchall()
        found = {row["number"]: row for row in rows}
        return [
            Outcome(
                _RECEIPTS.validate_json(found[index]["receipts"] or "[]"),
                FileState.model_validate_json(found[index]["told"]).problem,
            )
            for index in indices
            if index in found
        ]

    def _delete(self, job_id: str) -> bool:
        with self._database() as connection:
            connection.execute("DELETE FROM files WHERE job_id = ?", (job_id,))
            known = connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,)).rowcount > 0
        with self._database() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was overwritten still stands in the log
        shutil.rmtree(self._data / job_id, ignore_errors=True)
        return known

    def _expire(self) -> int:
        with self._database() as connection:
            rows = connection.execute("SELECT id FROM jobs WHERE expires < ?", (time.time(),)).fetchall()
        for row in rows:
            self._delete(row["id"])
        return len(rows)

    def _due_webhook(self, lease_s: float) -> DueWebhook | None:
        now = time.time()
        with self._database() as connection:
            rows = connection.execute(
                "UPDATE jobs SET webhook_at = ?, webhook_attempts = webhook_attempts + 1 WHERE id = "
                "(SELECT id FROM jobs WHERE webhook_at <= ? ORDER BY webhook_at LIMIT 1) "
                "RETURNING id, options, webhook_attempts",
                (now + lease_s, now),
            ).fetchall()
        if not rows:
            return None
        row = rows[0]
        url = JobOptions.model_validate_json(row["options"]).webhook_url
        return DueWebhook(row["id"], url or "", row["webhook_attempts"])

    def _settle_webhook(self, job_id: str, again_in_s: float | None) -> None:
        at = None if again_in_s is None else time.time() + again_in_s
        with self._database() as connection:
            connection.execute("UPDATE jobs SET webhook_at = ? WHERE id = ?", (at, job_id))


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _revision(connection: sqlite3.Connection, job_id: str) -> int | None:
    row = connection.execute("SELECT revision FROM jobs WHERE id = ? AND revision > 0", (job_id,)).fetchone()
    return None if row is None else int(row["revision"])


def _unfinished(connection: sqlite3.Connection, job_id: str, index: int) -> sqlite3.Row | None:
    connection.execute("BEGIN IMMEDIATE")  # what is read here must still hold when it is written
    row: sqlite3.Row | None = connection.execute(
        "SELECT name, state, attempts, options FROM files JOIN jobs ON jobs.id = job_id "
        "WHERE job_id = ? AND number = ? AND state IN ('queued', 'running')",
        (job_id, index),
    ).fetchone()
    return row


def _change(
    connection: sqlite3.Connection, job_id: str, told: FileState, *, attempts: int, receipts: str | None = None
) -> None:
    connection.execute("UPDATE jobs SET revision = revision + 1 WHERE id = ?", (job_id,))
    revision = _revision(connection, job_id)
    connection.execute(
        "UPDATE files SET state = ?, attempts = ?, revision = ?, told = ?, receipts = ? "
        "WHERE job_id = ? AND number = ?",
        (told.state, attempts, revision, told.model_dump_json(), receipts, job_id, told.index),
    )


def _make_webhook_due(connection: sqlite3.Connection, job_id: str) -> None:
    options = connection.execute("SELECT options FROM jobs WHERE id = ?", (job_id,)).fetchone()["options"]
    if JobOptions.model_validate_json(options).webhook_url is not None:
        connection.execute("UPDATE jobs SET webhook_at = ? WHERE id = ?", (time.time(), job_id))
