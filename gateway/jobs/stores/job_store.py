"""The interface of a store of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.jobs.contracts import FileState
from gateway.jobs.model import DueWebhook, JobRecord, Outcome, Snapshot, Work


class JobsUnavailableError(Exception):
    """The job store or the queue is unavailable or full; no stored job is lost."""

    @classmethod
    def from_error(cls, error: Exception) -> JobsUnavailableError:
        """Describe the error of a database, of Redis or of the disk."""
        return cls(f"{type(error).__name__}: {error}")


class JobStore(Protocol):
    """Stores jobs, their files and their results. Every method raises `JobsUnavailableError`."""

    async def begin(self, record: JobRecord) -> None:
        """Create a job whose files are still arriving; it stays invisible until `commit`."""

    async def add_file(self, job_id: str, index: int, data: bytes) -> None:
        """Store the bytes of a file of a job that is not committed yet."""

    async def commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        """Make a job visible. Its files are queued, or failed already."""

    async def find(self, job_id: str) -> Snapshot | None:
        """Return a job, or None if there is none with this ID."""

    async def exists(self, job_id: str) -> bool:
        """Return whether there is a job with this ID."""

    async def find_revisions(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Return the current revisions of jobs; those that do not exist are missing."""

    async def find_changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        """Return the current revision and the files changed since `revision`; None if the job does not exist."""

    async def start_file(self, job_id: str, index: int) -> Work | None:
        """Start reading a file; return None if it is finished or the job does not exist."""

    async def finish_file(self, job_id: str, index: int, outcome: Outcome) -> bool:
        """Store the outcome of a file and drop its bytes.

        When the last file of a job finishes, its webhook becomes due, if it has one.

        Returns:
            False if the file was finished before or the job does not exist.
        """

    async def find_next_queued(self, job_id: str, index: int, step: int) -> int | None:
        """Return the next queued file among `index + step`, `index + 2 * step` and so on.

        Failed files are skipped. If the first other file has been started, return None.
        """

    async def find_outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        """Return the outcomes of finished files, in the order of `indices`."""

    async def delete(self, job_id: str) -> bool:
        """Delete a job with its files and results; return whether it existed."""

    async def delete_expired(self) -> int:
        """Delete the jobs that have expired, committed or not; return how many."""

    async def lease_due_webhook(self, lease_s: float) -> DueWebhook | None:
        """Take a webhook that is due. It becomes due again after the lease unless it is settled."""

    async def settle_webhook(self, job_id: str, retry_in_s: float | None) -> None:
        """Schedule the next attempt at a webhook, or, with None, end its attempts."""
