"""Jobs and their results."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from quittance_client.models.base import FileStateName, JobState, Model, Problem
from quittance_client.models.receipts import Receipt


class Counts(Model):
    """Number of files of a job in each state."""

    total: int
    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0

    @property
    def finished(self) -> int:
        """Number of files that are done or failed."""
        return self.done + self.failed


class FileState(Model):
    """State of one file of a job.

    Attributes:
        index: Position in the job, from 0.
        name: Name as sent, or the path inside a zip archive.
        state: queued, running, done or failed.
        receipt_id: ID of the receipt, or of the first page's receipt if pages are split.
        receipt_ids: IDs of all receipts of the file.
        problem: Reason why the file failed.
    """

    index: int
    name: str
    state: FileStateName
    receipt_id: str | None = None
    receipt_ids: list[str] = []
    problem: Problem | None = None


class WebhookDelivery(Model):
    """Whether the webhook of a job has arrived.

    Attributes:
        state: pending, delivered, or failed once it is given up.
        attempts: Attempts so far, with one in progress.
        last_error: Why the last attempt that failed did.
        delivered: Time when it arrived.
    """

    state: Literal["pending", "delivered", "failed"]
    attempts: int = 0
    last_error: str | None = None
    delivered: datetime | None = None


class Job(Model):
    """State of a job.

    Attributes:
        id: ID of the job, 32 hexadecimal digits.
        state: queued, running, done (even if files failed) or cancelled.
        created: Time of creation.
        finished: Time when the last file was finished.
        expires: Time when the gateway deletes the job and its results.
        counts: Number of files in each state.
        files: State of each file.
        webhook: Delivery of its webhook; None without one.
    """

    id: str
    state: JobState
    created: datetime
    finished: datetime | None = None
    expires: datetime
    counts: Counts
    files: list[FileState]
    webhook: WebhookDelivery | None = None


class FileResult(Model):
    """Result of one file of a job, or of one page if pages are split.

    Attributes:
        index: Position of the file in the job, from 0.
        name: Name of the file.
        state: done or failed.
        page: Index of the page in its file, from 0, if pages are split.
        receipt: The receipt; None if the file failed.
        problem: Reason why the file failed.
    """

    index: int
    name: str
    state: Literal["done", "failed"]
    page: int | None = None
    receipt: Receipt | None = None
    problem: Problem | None = None
