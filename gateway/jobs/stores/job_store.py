"""The interface of a store of jobs."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.jobs.contracts import FileState
from gateway.jobs.model import DueWebhook, JobRecord, Outcome, Snapshot, Work
from shared.problem_responses import describe_problem
from shared.problems import ProblemError

# Counted for every file until its result is known: a receipt of a hundred lines takes half of it.
RESULT_BYTES = 64 * 1024


class JobsUnavailableError(Exception):
    """The job store or the queue is unavailable or full; no stored job is lost."""

    @classmethod
    def from_error(cls, error: Exception) -> JobsUnavailableError:
        """Describe the error of a database, of Redis or of the disk."""
        message = f"{type(error).__name__}: {error}"
        return JobsFullError(message) if _is_full(error) else cls(message)


class JobsFullError(JobsUnavailableError):
    """There is no space for more files; space returns when jobs finish, are deleted or expire."""


@dataclass(frozen=True)
class StoreLimits:
    """Limits of all jobs together.

    Attributes:
        max_bytes: Maximum size of the files that are not read yet and of the results, together.
        reserve_bytes: Bytes of the disk that jobs leave free.
        upload_s: Seconds after which a job is deleted if its files have not all arrived.
    """

    max_bytes: int
    reserve_bytes: int
    upload_s: float


class JobStore(Protocol):
    """Stores jobs, their files and their results. Every method raises `JobsUnavailableError`."""

    async def begin(self, record: JobRecord) -> None:
        """Create a job whose files are still arriving; it stays invisible until `commit`."""

    async def add_file(self, job_id: str, index: int, data: bytes) -> None:
        """Store the bytes of a file of a job that is not committed yet; raise `JobsFullError` beyond the limits."""

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

        When the last file of a job finishes, its webhook becomes due, if it has one. An outcome larger than
        `RESULT_BYTES` that exceeds the limits becomes a problem.

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
        """Delete a job with its files and results; return whether it existed. Needs no space."""

    async def delete_expired(self) -> int:
        """Delete the jobs that have expired, committed or not, and what killed processes left; return how many."""

    async def lease_due_webhook(self, lease_s: float) -> DueWebhook | None:
        """Take a webhook that is due. It becomes due again after the lease unless it is settled."""

    async def postpone_webhook(self, job_id: str, delay_s: float) -> None:
        """Make a webhook that was taken due again after so many seconds, and do not count an attempt."""

    async def confirm_webhook(self, job_id: str) -> None:
        """Note that a webhook that was taken has arrived."""

    async def fail_webhook(self, job_id: str, error: str, retry_in_s: float | None) -> None:
        """Note why the attempt at a webhook that was taken failed.

        Args:
            job_id: The job of the webhook.
            error: What the job says about it.
            retry_in_s: Seconds until it is due again; None to give up.
        """


def result_too_large_outcome() -> Outcome:
    """Return the outcome of a file whose result does not fit into the store."""
    problem = ProblemError(
        507,
        "storage-full",
        "There is no space for the result",
        "The file was read, but jobs fill the space that they may use. Delete jobs that are done, and send it again.",
    )
    return Outcome(problem=describe_problem(problem, path=None))


def _is_full(error: Exception) -> bool:
    """Return whether SQLite, a file system or Redis says that there is no space."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return getattr(error, "sqlite_errorname", "") == "SQLITE_FULL" or str(error).startswith("OOM ")
