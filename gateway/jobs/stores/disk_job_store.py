"""Jobs on the local disk: states and results in SQLite, the bytes of the files in a folder next to it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateway.jobs.contracts import FileState
from gateway.jobs.model import DueWebhook, JobOptions, JobRecord, Outcome, Snapshot, Work, parse_file_states
from gateway.jobs.stores.job_files import JobFiles
from gateway.jobs.stores.job_store import (
    RESULT_BYTES,
    JobsFullError,
    JobsUnavailableError,
    StoreLimits,
    result_too_large_outcome,
)
from gateway.storage.disk_space import DiskSpace, is_disk_full
from gateway.storage.job_databases import open_database, read_database
from gateway.storage.threads import run_in_state_thread

Value = TypeVar("Value")

_NAME = "jobs"
# A job is visible once it has a revision. `told` is the state of a file as JSON, `number` its index in the job. `usage`
# holds the bytes that are counted for each file: its own and some for its result, and then those of its result.
# Deleted rows are overwritten, because they hold the text of receipts.
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
CREATE TABLE IF NOT EXISTS usage (
    job_id TEXT NOT NULL, number INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (job_id, number)
);
"""


class DiskJobStore:
    """A job store in the state directory, which several processes may share.

    Nothing is written, and no directory created, before the first job. The files of a job are created after its row and
    deleted before it, so a file without a row is always left over from something that was interrupted.

    Args:
        directory: See `GatewaySettings.state_directory`.
        limits: Limits of all jobs together.
    """

    def __init__(self, directory: Path, limits: StoreLimits) -> None:
        self._directory = directory
        self._files = JobFiles(directory / _NAME)
        self._limits = limits
        self._space = DiskSpace(directory, limits.reserve_bytes)

    async def begin(self, record: JobRecord) -> None:
        """Implement `JobStore.begin`."""
        await self._run(self._begin, record)

    async def add_file(self, job_id: str, index: int, data: bytes) -> None:
        """Implement `JobStore.add_file`."""
        await self._run(self._add_file, job_id, index, data)

    async def commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        """Implement `JobStore.commit`."""
        await self._run(self._commit, record, files)

    async def find(self, job_id: str) -> Snapshot | None:
        """Implement `JobStore.find`."""
        return await self._run(self._find, job_id)

    async def exists(self, job_id: str) -> bool:
        """Implement `JobStore.exists`."""
        return await self._run(self._exists, job_id)

    async def find_revisions(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Implement `JobStore.find_revisions`."""
        return await self._run(self._find_revisions, job_ids)

    async def find_changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        """Implement `JobStore.find_changes`."""
        return await self._run(self._find_changes, job_id, revision)

    async def start_file(self, job_id: str, index: int) -> Work | None:
        """Implement `JobStore.start_file`."""
        return await self._run_if_created(self._start_file, job_id, index)

    async def finish_file(self, job_id: str, index: int, outcome: Outcome) -> bool:
        """Implement `JobStore.finish_file`."""
        return bool(await self._run_if_created(self._finish_file, job_id, index, outcome))

    async def find_next_queued(self, job_id: str, index: int, step: int) -> int | None:
        """Implement `JobStore.find_next_queued`."""
        return await self._run(self._find_next_queued, job_id, index, step)

    async def find_outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        """Implement `JobStore.find_outcomes`."""
        return await self._run(self._find_outcomes, job_id, indices)

    async def delete(self, job_id: str) -> bool:
        """Implement `JobStore.delete`."""
        return await self._run(self._delete, job_id)

    async def delete_expired(self) -> int:
        """Implement `JobStore.delete_expired`."""
        return await self._run(self._delete_expired)

    async def lease_due_webhook(self, lease_s: float) -> DueWebhook | None:
        """Implement `JobStore.lease_due_webhook`."""
        return await self._run_if_created(self._lease_due_webhook, lease_s)

    async def settle_webhook(self, job_id: str, retry_in_s: float | None, *, attempts: int = 1) -> None:
        """Implement `JobStore.settle_webhook`."""
        await self._run_if_created(self._settle_webhook, job_id, retry_in_s, attempts)

    def _database(self) -> AbstractContextManager[sqlite3.Connection]:
        return open_database(self._directory, _NAME, _SCHEMA)

    async def _run(self, call: Callable[..., Value], *args: object) -> Value:
        try:
            return await run_in_state_thread(partial(call, *args))
        except (sqlite3.Error, OSError) as error:
            if is_disk_full(self._directory):
                raise JobsFullError(str(error)) from error
            raise JobsUnavailableError.from_error(error) from error

    async def _run_if_created(self, call: Callable[..., Value], *args: object) -> Value | None:
        """Return None, without creating a database, where there has never been a job."""
        return await self._run(call, *args) if await self._run(self._is_created) else None

    def _read(self) -> AbstractContextManager[sqlite3.Connection | None]:
        return read_database(self._directory, _NAME)

    def _is_created(self) -> bool:
        with self._read() as connection:
            return connection is not None

    def _require_space(self, size: int) -> None:
        if not self._space.has_room(size):
            raise JobsFullError(f"the disk must keep {self._limits.reserve_bytes:,} bytes free")

    def _begin(self, record: JobRecord) -> None:
        self._require_space(0)
        # Until it is committed, it lives no longer than an upload takes.
        expires = min(record.created + self._limits.upload_s, record.expires)
        with self._database() as connection:
            connection.execute(
                "INSERT INTO jobs (id, created, expires, options) VALUES (?, ?, ?, ?)",
                (record.id, record.created, expires, record.options.model_dump_json()),
            )
        self._files.create_folder(record.id)

    def _add_file(self, job_id: str, index: int, data: bytes) -> None:
        self._require_space(len(data))
        with self._database() as connection:
            if not self._count(connection, job_id, index, len(data) + RESULT_BYTES):
                raise JobsFullError(f"jobs may have {self._limits.max_bytes:,} bytes in total")
        self._files.write(job_id, index, data)

    def _count(self, connection: sqlite3.Connection, job_id: str, index: int, size: int) -> bool:
        """Count so many bytes for a file from now on; return False, counting nothing, if that exceeds the limit."""
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")  # no other process may count meanwhile
        key = (job_id, index)
        row = connection.execute("SELECT bytes FROM usage WHERE job_id = ? AND number = ?", key).fetchone()
        counted = 0 if row is None else int(row["bytes"])
        if size > counted:
            total = int(connection.execute("SELECT ifnull(sum(bytes), 0) FROM usage").fetchone()[0])
            if total - counted + size > self._limits.max_bytes:
                return False
        connection.execute("INSERT OR REPLACE INTO usage VALUES (?, ?, ?)", (*key, size))
        return True

    def _commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        finished = time.time() if all(file.state == "failed" for file in files) else None
        with self._database() as connection:
            # Again with the options, because a field of the form may follow the files.
            updated = connection.execute(
                "UPDATE jobs SET revision = 1, finished = ?, options = ?, expires = ? WHERE id = ?",
                (finished, record.options.model_dump_json(), record.expires, record.id),
            ).rowcount
            if not updated:
                raise JobsUnavailableError("the job expired before all of its files had arrived")
            connection.executemany(
                "INSERT INTO files (job_id, number, name, state, revision, told) VALUES (?, ?, ?, ?, 1, ?)",
                [(record.id, file.index, file.name, file.state, file.model_dump_json()) for file in files],
            )
            if finished is not None:
                _make_webhook_due(connection, record.id)

    def _find(self, job_id: str) -> Snapshot | None:
        with self._read() as connection:
            if connection is None:
                return None
            job = connection.execute("SELECT * FROM jobs WHERE id = ? AND revision > 0", (job_id,)).fetchone()
            if job is None or job["expires"] < time.time():
                return None
            rows = connection.execute("SELECT told FROM files WHERE job_id = ? ORDER BY number", (job_id,)).fetchall()
        options = JobOptions.model_validate_json(job["options"])
        record = JobRecord(job_id, job["created"], job["expires"], options)
        files = parse_file_states(row["told"] for row in rows)
        return Snapshot(record, files, job["finished"], job["revision"])

    def _exists(self, job_id: str) -> bool:
        with self._read() as connection:
            return connection is not None and _find_revision(connection, job_id) is not None

    def _find_revisions(self, job_ids: Sequence[str]) -> dict[str, int]:
        with self._read() as connection:
            if connection is None:
                return {}
            rows = connection.execute(
                "SELECT id, revision FROM jobs WHERE revision > 0 AND id IN (SELECT value FROM json_each(?))",
                (json.dumps(job_ids),),
            ).fetchall()
        return {row["id"]: row["revision"] for row in rows}

    def _find_changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        with self._read() as connection:
            if connection is None:
                return None
            current = _find_revision(connection, job_id)
            rows = connection.execute(
                "SELECT told FROM files WHERE job_id = ? AND revision > ? ORDER BY revision", (job_id, revision)
            ).fetchall()
        return None if current is None else (current, parse_file_states(row["told"] for row in rows))

    def _start_file(self, job_id: str, index: int) -> Work | None:
        with self._database() as connection:
            row = _find_unfinished(connection, job_id, index)
            if row is None:
                return None
            data = self._files.read(job_id, index)
            attempt = row["attempts"] + 1
            _update_file(
                connection, job_id, FileState(index=index, name=row["name"], state="running"), attempts=attempt
            )
        return Work(data, attempt, JobOptions.model_validate_json(row["options"]))

    def _finish_file(self, job_id: str, index: int, outcome: Outcome) -> bool:
        with self._database() as connection:
            row = _find_unfinished(connection, job_id, index)
            if row is None:
                return False
            if not self._count(connection, job_id, index, len(outcome.receipts_json())):
                outcome = result_too_large_outcome()
            state, receipts = outcome.to_file_state(index, row["name"]), outcome.receipts_json().decode()
            _update_file(connection, job_id, state, attempts=row["attempts"], receipts=receipts)
            remaining = connection.execute(
                "SELECT count(*) FROM files WHERE job_id = ? AND state IN ('queued', 'running')", (job_id,)
            ).fetchone()[0]
            if remaining == 0:
                connection.execute("UPDATE jobs SET finished = ? WHERE id = ?", (time.time(), job_id))
                _make_webhook_due(connection, job_id)
        self._files.delete(job_id, index)
        return True

    def _find_next_queued(self, job_id: str, index: int, step: int) -> int | None:
        with self._read() as connection:
            if connection is None:
                return None
            row = connection.execute(
                "SELECT number, state FROM files WHERE job_id = ? AND number > ? AND number % ? = ? "
                "AND state != 'failed' ORDER BY number LIMIT 1",
                (job_id, index, step, index % step),
            ).fetchone()
        return row["number"] if row is not None and row["state"] == "queued" else None

    def _find_outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        placeholders = ", ".join("?" * len(indices))
        with self._read() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                f"SELECT number, told, receipts FROM files WHERE job_id = ? AND number IN ({placeholders})",  # noqa: S608
                (job_id, *indices),
            ).fetchall()
        outcomes = {row["number"]: Outcome.from_json(row["receipts"], row["told"]) for row in rows}
        return [outcomes[index] for index in indices if index in outcomes]

    def _delete(self, job_id: str) -> bool:
        return self._delete_all([job_id]) > 0

    def _delete_expired(self) -> int:
        # Listed first: each folder has a row from before it is created until after it is deleted.
        folders = self._files.list_job_ids()
        expired, known = list[str](), set[str]()
        with self._read() as connection:
            if connection is not None:
                rows = connection.execute("SELECT id, expires FROM jobs").fetchall()
                expired, known = (
                    [row["id"] for row in rows if row["expires"] < time.time()],
                    {row["id"] for row in rows},
                )
                for job_id in known.intersection(folders):
                    self._delete_finished_files(connection, job_id)
        for job_id in folders:
            if job_id not in known:
                self._files.delete_folder(job_id)
        return self._delete_all(expired)

    def _delete_finished_files(self, connection: sqlite3.Connection, job_id: str) -> None:
        """Delete the bytes of files that are finished, which a process killed at that moment left."""
        for index in self._files.list_indices(job_id):
            row = connection.execute(
                "SELECT state FROM files WHERE job_id = ? AND number = ?", (job_id, index)
            ).fetchone()
            if row is not None and row["state"] in ("done", "failed"):
                self._files.delete(job_id, index)

    def _delete_all(self, job_ids: list[str]) -> int:
        """Delete jobs, and return how many existed."""
        if not job_ids or not self._is_created():
            self._files.delete_folders(job_ids)
            return 0
        try:
            return self._delete_files_and_rows(job_ids)
        except (sqlite3.Error, OSError):  # without space, even the lock may fail
            self._files.delete_folders(job_ids)
            return self._delete_files_and_rows(job_ids)

    def _delete_files_and_rows(self, job_ids: list[str]) -> int:
        with self._database() as connection:
            connection.execute("BEGIN IMMEDIATE")  # no worker may start a file without bytes, and report it as lost
            # Files first: deleting rows needs space for SQLite's log, and this may be how the disk gets it.
            self._files.delete_folders(job_ids)
            ids = json.dumps(job_ids)
            for table in ("files", "usage"):
                connection.execute(f"DELETE FROM {table} WHERE job_id IN (SELECT value FROM json_each(?))", (ids,))  # noqa: S608
            count = connection.execute("DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?))", (ids,)).rowcount
        with self._database() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # removes the deleted text from the log
        return count

    def _lease_due_webhook(self, lease_s: float) -> DueWebhook | None:
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

    def _settle_webhook(self, job_id: str, retry_in_s: float | None, attempts: int) -> None:
        at = None if retry_in_s is None else time.time() + retry_in_s
        change = "UPDATE jobs SET webhook_at = ?, webhook_attempts = webhook_attempts - 1 + ? WHERE id = ?"
        with self._database() as connection:
            connection.execute(change, (at, attempts, job_id))


def _find_revision(connection: sqlite3.Connection, job_id: str) -> int | None:
    row = connection.execute("SELECT revision FROM jobs WHERE id = ? AND revision > 0", (job_id,)).fetchone()
    return None if row is None else int(row["revision"])


def _find_unfinished(connection: sqlite3.Connection, job_id: str, index: int) -> sqlite3.Row | None:
    connection.execute("BEGIN IMMEDIATE")  # locks the row that the caller updates next
    row: sqlite3.Row | None = connection.execute(
        "SELECT name, state, attempts, options FROM files JOIN jobs ON jobs.id = job_id "
        "WHERE job_id = ? AND number = ? AND state IN ('queued', 'running')",
        (job_id, index),
    ).fetchone()
    return row


def _update_file(
    connection: sqlite3.Connection, job_id: str, state: FileState, *, attempts: int, receipts: str | None = None
) -> None:
    connection.execute("UPDATE jobs SET revision = revision + 1 WHERE id = ?", (job_id,))
    revision = _find_revision(connection, job_id)
    connection.execute(
        "UPDATE files SET state = ?, attempts = ?, revision = ?, told = ?, receipts = ? "
        "WHERE job_id = ? AND number = ?",
        (state.state, attempts, revision, state.model_dump_json(), receipts, job_id, state.index),
    )


def _make_webhook_due(connection: sqlite3.Connection, job_id: str) -> None:
    options = connection.execute("SELECT options FROM jobs WHERE id = ?", (job_id,)).fetchone()["options"]
    if JobOptions.model_validate_json(options).webhook_url is not None:
        connection.execute("UPDATE jobs SET webhook_at = ? WHERE id = ?", (time.time(), job_id))
