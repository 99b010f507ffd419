"""Writes a backup while gateways run: everything as it is at one moment."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from gateway.backup.backup_file import SAVED, BackupFile, Summary, create_backup_file, read_rows
from gateway.jobs.stores.job_files import JobFiles
from gateway.storage.database.database import Database
from gateway.storage.database.schema import CORRECTIONS, JOBS, KEYS, contents, files

_HELD_PREFIX = ".backup-"
_MAX_HELD_S = 86_400.0


def save_backup(database: Database, directory: Path, path: Path, *, with_jobs: bool = True) -> Summary:
    """Write a backup of the database, and of the pictures of jobs that are not read yet.

    Args:
        database: The database, in use or not.
        directory: The state directory.
        path: The new file.
        with_jobs: Whether jobs are saved, too.

    Returns:
        What the backup contains.

    Raises:
        BackupError: If the file exists, or cannot be written.
        DatabaseError: If the database cannot be read, or has the schema of another release.
    """
    parts = SAVED if with_jobs else (KEYS, CORRECTIONS)
    with create_backup_file(path) as backup, _HeldFiles(directory).released_at_end() as held:
        has_folders = with_jobs and not database.is_shared
        with database.snapshot(parts, held.hold if has_folders else lambda: None) as opened:
            for part, connection in opened.items():
                for table in part.metadata.sorted_tables:
                    for rows in read_rows(connection, table):
                        backup.insert(table, rows)
        if has_folders:
            _save_held(backup, held.files)
        return backup.summarize()


class _HeldFiles:
    """Links to the pictures of jobs at one moment, which stay while gateways read and delete the pictures.

    Args:
        directory: The state directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folder: Path | None = None

    @property
    def files(self) -> JobFiles | None:
        """The links; None if there are no pictures."""
        return None if self._folder is None else JobFiles(self._folder)

    def hold(self) -> None:
        """Link to all pictures; raise `OSError`."""
        source = JobFiles(self._directory / JOBS.name)
        if source.list_job_ids():
            self._folder = Path(tempfile.mkdtemp(prefix=_HELD_PREFIX, dir=self._directory))
            source.link_all(self._folder)

    @contextmanager
    def released_at_end(self) -> Iterator[_HeldFiles]:
        """Delete the links after the block, and those that a killed process left."""
        try:
            yield self
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            for left in self._directory.glob(f"{_HELD_PREFIX}*"):
                if time.time() - left.stat().st_mtime > _MAX_HELD_S:
                    shutil.rmtree(left, ignore_errors=True)


def _save_held(backup: BackupFile, held: JobFiles | None) -> None:
    if held is None:
        return
    unread = select(files.c.job_id, files.c.number).where(files.c.state.in_(["queued", "running"]))
    for job_id, number in backup.read().execute(unread).all():
        data = held.read(job_id, number)
        if data is not None:
            backup.insert(contents, [{"job_id": job_id, "number": number, "data": data}])
