"""Jobs in the database: states and results in tables, the bytes of the files next to SQLite or in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from gateway.jobs.contracts import FileState
from gateway.jobs.model import DueWebhook, JobOptions, JobRecord, Outcome, Snapshot, Work
from gateway.jobs.stores import job_rows
from gateway.jobs.stores.job_contents import FolderContents, JobContents, TableContents
from gateway.jobs.stores.job_files import JobFiles
from gateway.jobs.stores.job_store import (
    RESULT_BYTES,
    JobsFullError,
    JobsUnavailableError,
    StoreLimits,
    result_too_large_outcome,
)
from gateway.storage.database.database import Database, DatabaseError
from gateway.storage.database.schema import JOBS
from gateway.storage.disk_space import DiskSpace, is_disk_full
from gateway.storage.threads import run_in_state_thread

Value = TypeVar("Value")

# SQLite and PostgreSQL limit the number of values in a statement.
_MAX_DELETED_AT_ONCE = 500


class DatabaseJobStore:
    """A job store in the database, which several gateways may share.

    Nothing is written, and no directory created, before the first job.

    Args:
        database: The database.
        directory: The state directory, for the bytes of files if the database is there too.
        limits: Limits of all jobs together.
    """

    def __init__(self, database: Database, directory: Path, limits: StoreLimits) -> None:
        self._database = database
        self._directory = directory
        self._limits = limits
        self._space: DiskSpace | None = None
        self._contents: JobContents = TableContents(database)
        if not database.is_shared:
            self._space = DiskSpace(directory, limits.reserve_bytes)
            self._contents = FolderContents(database, JobFiles(directory / JOBS.name))

    async def begin(self, record: JobRecord) -> None:
        """Implement `JobStore.begin`."""
        await self._require_space(0)
        # Until it is committed, it lives no longer than an upload takes.
        expires = min(record.created + self._limits.upload_s, record.expires)
        with self._translate_errors():
            await self._database.write(JOBS, partial(job_rows.insert_job, record, expires))
            await self._contents.begin(record.id)

    async def add_file(self, job_id: str, index: int, data: bytes) -> None:
        """Implement `JobStore.add_file`."""
        await self._require_space(len(data))
        with self._translate_errors():
            await self._database.write(JOBS, partial(self._count_new, job_id, index, len(data) + RESULT_BYTES))
            await self._contents.write(job_id, index, data)

    async def commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        """Implement `JobStore.commit`."""
        if not await self._write(partial(job_rows.show_job, record, files)):
            raise _expired_error()

    async def find(self, job_id: str) -> Snapshot | None:
        """Implement `JobStore.find`."""
        return await self._read(partial(job_rows.find_job, job_id), None)

    async def exists(self, job_id: str) -> bool:
        """Implement `JobStore.exists`."""
        return bool(await self.find_revisions([job_id]))

    async def find_revisions(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Implement `JobStore.find_revisions`."""
        return await self._read(partial(job_rows.find_revisions, job_ids), {})

    async def find_changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        """Implement `JobStore.find_changes`."""
        return await self._read(partial(job_rows.find_changes, job_id, revision), None)

    async def start_file(self, job_id: str, index: int) -> Work | None:
        """Implement `JobStore.start_file`."""
        return await self._write_if_created(partial(self._start_file, job_id, index), None)

    async def finish_file(self, job_id: str, index: int, outcome: Outcome) -> bool:
        """Implement `JobStore.finish_file`."""
        is_finished = await self._write_if_created(partial(self._finish_file, job_id, index, outcome), False)
        if is_finished:
            with self._translate_errors():
                await self._contents.delete_file(job_id, index)
        return is_finished

    async def find_next_queued(self, job_id: str, index: int, step: int) -> int | None:
        """Implement `JobStore.find_next_queued`."""
        return await self._read(partial(job_rows.find_next_queued, job_id, index, step), None)

    async def find_outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        """Implement `JobStore.find_outcomes`."""
        return await self._read(partial(job_rows.find_outcomes, job_id, indices), [])

    async def delete(self, job_id: str) -> bool:
        """Implement `JobStore.delete`."""
        return await self._delete_all([job_id]) > 0

    async def delete_expired(self) -> int:
        """Implement `JobStore.delete_expired`."""
        with self._translate_errors():
            await self._contents.sweep()
        expired = await self._read(job_rows.find_expired, list[str]())
        count = 0
        for start in range(0, len(expired), _MAX_DELETED_AT_ONCE):
            count += await self._delete_all(expired[start : start + _MAX_DELETED_AT_ONCE])
        return count

    async def lease_due_webhook(self, lease_s: float) -> DueWebhook | None:
        """Implement `JobStore.lease_due_webhook`."""
        return await self._write_if_created(partial(job_rows.lease_due_webhook, lease_s), None)

    async def postpone_webhook(self, job_id: str, delay_s: float) -> None:
        """Implement `JobStore.postpone_webhook`."""
        await self._write_if_created(partial(job_rows.postpone_webhook, job_id, delay_s), None)

    async def confirm_webhook(self, job_id: str) -> None:
        """Implement `JobStore.confirm_webhook`."""
        await self._write_if_created(partial(job_rows.confirm_webhook, job_id), None)

    async def fail_webhook(self, job_id: str, error: str, retry_in_s: float | None) -> None:
        """Implement `JobStore.fail_webhook`."""
        await self._write_if_created(partial(job_rows.fail_webhook, job_id, error, retry_in_s), None)

    async def _read(self, work: Callable[[Connection], Value], missing: Value) -> Value:
        with self._translate_errors():
            return await self._database.read(JOBS, work, missing=missing)

    async def _write(self, work: Callable[[Connection], Value]) -> Value:
        with self._translate_errors():
            return await self._database.write(JOBS, work)

    async def _write_if_created(self, work: Callable[[Connection], Value], missing: Value) -> Value:
        """Return `missing`, without creating a database, where there has never been a job."""
        return await self._write(work) if await self._is_created() else missing

    async def _is_created(self) -> bool:
        return self._database.is_shared or await self._read(lambda connection: True, False)

    async def _require_space(self, size: int) -> None:
        if self._space is None:
            return
        with self._translate_errors():
            has_room = await run_in_state_thread(self._space.has_room, size)
        if not has_room:
            raise JobsFullError(f"the disk must keep {self._limits.reserve_bytes:,} bytes free")

    def _count_new(self, job_id: str, index: int, size: int, connection: Connection) -> None:
        if not job_rows.lock_job(job_id, connection):
            raise _expired_error()
        if not job_rows.count_bytes(job_id, index, size, self._limits.max_bytes, connection):
            raise JobsFullError(f"jobs may have {self._limits.max_bytes:,} bytes in total")

    def _start_file(self, job_id: str, index: int, connection: Connection) -> Work | None:
        row = job_rows.lock_unfinished(job_id, index, connection)
        if row is None:
            return None
        data = self._contents.read(connection, job_id, index)
        state = FileState(index=index, name=row.name, state="running")
        job_rows.update_file(connection, job_id, state, attempts=row.attempts + 1)
        return Work(data, row.attempts + 1, JobOptions.model_validate_json(row.options))

    def _finish_file(self, job_id: str, index: int, outcome: Outcome, connection: Connection) -> bool:
        row = job_rows.lock_unfinished(job_id, index, connection)
        if row is None:
            return False
        size = len(outcome.receipts_json())
        if not job_rows.count_bytes(job_id, index, size, self._limits.max_bytes, connection):
            outcome = result_too_large_outcome()
        state, receipts = outcome.to_file_state(index, row.name), outcome.receipts_json().decode()
        job_rows.update_file(connection, job_id, state, attempts=row.attempts, receipts=receipts)
        job_rows.finish_job_if_done(connection, job_id)
        self._contents.delete_row(connection, job_id, index)
        return True

    async def _delete_all(self, job_ids: Sequence[str]) -> int:
        """Delete jobs, and return how many existed."""
        with self._translate_errors():
            if not await self._is_created():
                await self._contents.delete_folders(job_ids)
                return 0
            try:
                count = await self._database.write(JOBS, partial(self._delete_contents_and_rows, job_ids))
            except DatabaseError:  # without space, even the lock may fail
                await self._contents.delete_folders(job_ids)
                count = await self._database.write(JOBS, partial(self._delete_contents_and_rows, job_ids))
            await self._database.shrink(JOBS)
        return count

    def _delete_contents_and_rows(self, job_ids: Sequence[str], connection: Connection) -> int:
        # No worker may start a file without bytes, and report it as lost.
        for job_id in sorted(job_ids):
            job_rows.lock_job(job_id, connection)
        # Bytes first: deleting rows needs space for SQLite's log, and this may be how the disk gets it.
        self._contents.delete_jobs(connection, job_ids)
        return job_rows.delete_jobs(job_ids, connection)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, OSError) as error:
            is_full = isinstance(error, DatabaseError) and error.is_full
            if is_full or (self._space is not None and is_disk_full(self._directory)):
                raise JobsFullError(str(error)) from error
            raise JobsUnavailableError.from_error(error) from error


def _expired_error() -> JobsUnavailableError:
    return JobsUnavailableError("the job expired before all of its files had arrived")
