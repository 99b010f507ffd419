"""What is known of jobs, wherever it is kept: on this machine's disk or in Redis."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from pydantic import BaseModel

from gateway.jobs.contracts import Counts, FileState, Job, JobState
from shared.contracts import Orientation, Problem, Receipt


class JobsUnavailableError(Exception):
    """What keeps the jobs cannot be asked at the moment, or has no room; nothing is lost."""


class JobOptions(BaseModel):
    """What was asked for with a job.

    Attributes:
        orientation: Whether turned pages are looked for; as the detector is set if None.
        split: Whether each page is a receipt of its own.
        webhook_url: Where to tell that the job is done.
        cache_control: What the cache of receipts may do, as the header of the request said.
    """

    orientation: Orientation | None = None
    split: bool = False
    webhook_url: str | None = None
    cache_control: str | None = None


@dataclass(frozen=True)
class JobRecord:
    """A job without its files.

    Attributes:
        id: 32 hexadecimal digits that nobody can guess.
        created: Seconds since the epoch.
        expires: Seconds since the epoch.
        options: What was asked for.
    """

    id: str
    created: float
    expires: float
    options: JobOptions

    @classmethod
    def new(cls, options: JobOptions, ttl_s: float) -> JobRecord:
        """A job that begins now."""
        now = time.time()
        return cls(uuid.uuid4().hex, now, now + ttl_s, options)


@dataclass(frozen=True)
class Snapshot:
    """A job at one moment.

    Attributes:
        record: What does not change.
        files: All, by index.
        finished: When the last file was finished, seconds since the epoch.
        revision: Grows with every change.
    """

    record: JobRecord
    files: list[FileState]
    finished: float | None
    revision: int

    def job(self) -> Job:
        """As callers see it."""
        counts = Counts.of(self.files)
        return Job(
            id=self.record.id,
            state=job_state(counts),
            created=moment(self.record.created),
            finished=None if self.finished is None else moment(self.finished),
            expires=moment(self.record.expires),
            counts=counts,
            files=self.files,
        )


@dataclass(frozen=True)
class Outcome:
    """What came of one file: receipts, or the reason why there are none."""

    receipts: list[Receipt] = field(default_factory=list)
    problem: Problem | None = None

    def state(self, index: int, name: str) -> FileState:
        """The state of the file that this came of."""
        ids = [receipt.id for receipt in self.receipts]
        return FileState(
            index=index,
            name=name,
            state="done" if self.problem is None else "failed",
            receipt_id=ids[0] if ids else None,
            receipt_ids=ids,
            problem=self.problem,
        )


@dataclass(frozen=True)
class Work:
    """One file to read.

    Attributes:
        data: Its bytes; None if they are lost.
        attempt: How often its reading has begun, from 1.
        options: Of its job.
    """

    data: bytes | None
    attempt: int
    options: JobOptions


@dataclass(frozen=True)
class DueWebhook:
    """A message that has to be sent now.

    Attributes:
        job_id: Of the job that is done.
        url: Where to.
        attempt: From 1.
    """

    job_id: str
    url: str
    attempt: int


class JobStore(Protocol):
    """Keeps jobs, their files and their results. All methods raise `JobsUnavailableError`."""

    async def begin(self, record: JobRecord) -> None:
        """Makes room for a job whose files are still arriving; nobody sees it before `commit`."""

    async def add(self, job_id: str, index: int, data: bytes) -> None:
        """Keeps the bytes of a file of a job that was begun."""

    async def commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        """Makes a job visible: its files are queued, or failed already."""

    async def get(self, job_id: str) -> Snapshot | None:
        """Gives a job, or None."""

    async def exists(self, job_id: str) -> bool:
        """Whether there is such a job."""

    async def changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        """Gives the files that changed after a revision and the revision now, or None if there is no such job."""

    async def start(self, job_id: str, index: int) -> Work | None:
        """Begins to read a file; None if there is nothing to do: it is finished, or its job is no more."""

    async def finish(self, job_id: str, index: int, outcome: Outcome) -> bool:
        """Keeps what came of a file and lets go of its bytes; false if it was finished before, or its job is no more.

        With the last file of a job its webhook, if it has one, becomes due.
        """

    async def next_waiting(self, job_id: str, index: int, step: int) -> int | None:
        """Gives the next file, so many steps on from another, that did not fail; None if its reading has begun."""

    async def outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        """Gives what came of finished files, in the order asked for."""

    async def delete(self, job_id: str) -> bool:
        """Forgets a job with all that belongs to it; gives whether there was one."""

    async def expire(self) -> int:
        """Forgets the jobs whose time is over, whole or not; gives how many."""

    async def due_webhook(self, lease_s: float) -> DueWebhook | None:
        """Takes a webhook that is due; it is due again after the lease unless it is settled."""

    async def settle_webhook(self, job_id: str, again_in_s: float | None) -> None:
        """Makes a webhook due again later, or, with None, never."""


def job_state(counts: Counts) -> JobState:
    """The state of a job whose files are in these states."""
    if counts.queued == counts.running == 0:
        return "done"
    return "queued" if counts.queued + counts.failed == counts.total and counts.running == 0 else "running"


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a date and time in UTC, to the millisecond."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
