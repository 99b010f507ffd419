"""Where the bytes of the files of jobs are: in a folder next to SQLite, or in a table of PostgreSQL.

Gateways on several machines share no folder, and SQLite would write each file several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select

from gateway.jobs.stores.job_files import JobFiles
from gateway.storage.database.database import Database
from gateway.storage.database.schema import CONTENTS, JOBS, contents, files, jobs
from gateway.storage.threads import run_in_state_thread


class JobContents(Protocol):
    """The bytes of the files of jobs. Every method raises `OSError` or `DatabaseError`.

    Methods with a connection are called in the transaction that reads or changes the rows of the files.
    """

    async def begin(self, job_id: str) -> None:
        """Prepare for the files of a job, whose row has been written."""

    async def write(self, job_id: str, index: int, data: bytes) -> None:
        """Keep a file; when this returns, it survives a loss of power."""

    def read(self, connection: Connection, job_id: str, index: int) -> bytes | None:
        """Return the bytes of a file, None if it does not exist."""

    def delete_row(self, connection: Connection, job_id: str, index: int) -> None:
        """Delete the bytes of a file that is finished, if they are in the database."""

    async def delete_file(self, job_id: str, index: int) -> None:
        """Delete the bytes of a file that is finished, if they are outside the database."""

    def delete_jobs(self, connection: Connection, job_ids: Sequence[str]) -> None:
        """Delete all bytes of jobs, before their rows."""

    async def delete_folders(self, job_ids: Sequence[str]) -> None:
        """Delete the bytes of jobs that are outside the database, which needs no space and no rows."""

    async def sweep(self) -> None:
        """Delete what killed processes left outside the database."""


class FolderContents:
    """Files in folders next to SQLite. They are created after their rows and deleted before them.

    So a file without a row is always left over from something that was interrupted.

    Args:
        database: The database with the rows.
        folders: One folder per job.
    """

    def __init__(self, database: Database, folders: JobFiles) -> None:
        self._database = database
        self._folders = folders

    async def begin(self, job_id: str) -> None:
        """Implement `JobContents.begin`."""
        await run_in_state_thread(self._folders.create_folder, job_id)

    async def write(self, job_id: str, index: int, data: bytes) -> None:
        """Implement `JobContents.write`."""
        await run_in_state_thread(self._folders.write, job_id, index, data)

    def read(self, connection: Connection, job_id: str, index: int) -> bytes | None:
        """Implement `JobContents.read`."""
        return self._folders.read(job_id, index)

    def delete_row(self, connection: Connection, job_id: str, index: int) -> None:
        """Implement `JobContents.delete_row`: there are no bytes in the database."""

    async def delete_file(self, job_id: str, index: int) -> None:
        """Implement `JobContents.delete_file`."""
        await run_in_state_thread(self._folders.delete, job_id, index)

    def delete_jobs(self, connection: Connection, job_ids: Sequence[str]) -> None:
        """Implement `JobContents.delete_jobs`."""
        self._folders.delete_folders(job_ids)

    async def delete_folders(self, job_ids: Sequence[str]) -> None:
        """Implement `JobContents.delete_folders`."""
        await run_in_state_thread(self._folders.delete_folders, job_ids)

    async def sweep(self) -> None:
        """Implement `JobContents.sweep`."""
        # Listed first: each folder has a row from before it is created until after it is deleted.
        listed = await run_in_state_thread(self._folders.list_job_ids)
        if listed:
            known = await self._database.read(JOBS, partial(self._sweep_known, listed), missing=set[str]())
            await self.delete_folders([job_id for job_id in listed if job_id not in known])

    def _sweep_known(self, listed: list[str], connection: Connection) -> set[str]:
        """Delete the bytes of finished files; return the IDs of the jobs that have a row."""
        known = set(connection.execute(select(jobs.c.id)).scalars())
        for job_id in known.intersection(listed):
            for index in self._folders.list_indices(job_id):
                key = (files.c.job_id == job_id, files.c.number == index)
                if connection.execute(select(files.c.state).where(*key)).scalar() in ("done", "failed"):
                    self._folders.delete(job_id, index)
        return known


class TableContents:
    """Files in a table of PostgreSQL, which gateways on all machines share.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, job_id: str) -> None:
        """Implement `JobContents.begin`: there is nothing to prepare."""

    async def write(self, job_id: str, index: int, data: bytes) -> None:
        """Implement `JobContents.write`, unless the job has been deleted."""
        await self._database.write(CONTENTS, partial(_insert, job_id, index, data))

    def read(self, connection: Connection, job_id: str, index: int) -> bytes | None:
        """Implement `JobContents.read`."""
        key = (contents.c.job_id == job_id, contents.c.number == index)
        return connection.execute(select(contents.c.data).where(*key)).scalar()

    def delete_row(self, connection: Connection, job_id: str, index: int) -> None:
        """Implement `JobContents.delete_row`."""
        connection.execute(delete(contents).where(contents.c.job_id == job_id, contents.c.number == index))

    async def delete_file(self, job_id: str, index: int) -> None:
        """Implement `JobContents.delete_file`: there are no bytes outside the database."""

    def delete_jobs(self, connection: Connection, job_ids: Sequence[str]) -> None:
        """Implement `JobContents.delete_jobs`."""
        connection.execute(delete(contents).where(contents.c.job_id.in_(job_ids)))

    async def delete_folders(self, job_ids: Sequence[str]) -> None:
        """Implement `JobContents.delete_folders`: there are no bytes outside the database."""

    async def sweep(self) -> None:
        """Implement `JobContents.sweep`: there is nothing outside the database."""


def _insert(job_id: str, index: int, data: bytes, connection: Connection) -> None:
    # Locked, so that the job is not deleted at the same time, without these bytes.
    if connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update(read=True)).first():
        connection.execute(insert(contents).values(job_id=job_id, number=index, data=data))
