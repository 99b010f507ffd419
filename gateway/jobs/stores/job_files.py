"""The bytes of the files of jobs on the disk, readable by their owner only: one folder per job, named by its ID."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class JobFiles:
    """The files of all jobs. Every method accesses the disk; call it outside the event loop.

    Args:
        directory: Where the folders are; created with the first job.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def create_folder(self, job_id: str) -> None:
        """Create the folder of a new job; raise `OSError`."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        (self._directory / job_id).mkdir(mode=0o700)

    def list_job_ids(self) -> list[str]:
        """Return the IDs of all jobs that have a folder; raise `OSError`."""
        try:
            return [folder.name for folder in self._directory.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write(self, job_id: str, index: int, data: bytes) -> None:
        """Write a file; when this returns, it survives a loss of power. Raise `OSError`."""
        with open(self._get_path(job_id, index), "wb", opener=_open_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def read(self, job_id: str, index: int) -> bytes | None:
        """Return the bytes of a file, None if it does not exist; raise `OSError`."""
        try:
            return self._get_path(job_id, index).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, job_id: str, index: int) -> None:
        """Delete a file, if it exists; raise `OSError`."""
        self._get_path(job_id, index).unlink(missing_ok=True)

    def delete_folders(self, job_ids: Iterable[str]) -> None:
        """Delete all files of jobs."""
        for job_id in job_ids:
            self.delete_folder(job_id)

    def delete_folder(self, job_id: str) -> None:
        """Delete the folder of a job as far as possible; what stays is deleted later, by the sweep."""
        shutil.rmtree(self._directory / job_id, ignore_errors=True)

    def list_indices(self, job_id: str) -> list[int]:
        """Return the indices of the files in a folder, which may be about to be deleted."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return [int(file.name) for file in (self._directory / job_id).iterdir() if file.name.isdecimal()]
        return []

    def link_all(self, target: Path) -> None:
        """Link to all files from other folders, in which they stay when they are deleted here; raise `OSError`.

        Args:
            target: Where the folders of the links are created, on the same disk.
        """
        for job_id in self.list_job_ids():
            (target / job_id).mkdir(mode=0o700)
            for index in self.list_indices(job_id):
                # Workers delete the files that they have read.
                with suppress(FileNotFoundError):
                    os.link(self._get_path(job_id, index), target / job_id / str(index))

    def _get_path(self, job_id: str, index: int) -> Path:
        return self._directory / job_id / str(index)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
