"""The state of jobs, independent of where it is stored."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel, TypeAdapter, field_validator

from gateway.caller import NO_OWNER
from gateway.jobs.contracts import Counts, DeliveryState, FileState, Job, JobState, WebhookDelivery
from shared.contracts import Orientation, Problem, Receipt, Split

_RECEIPTS = TypeAdapter(list[Receipt])


class JobOptions(BaseModel):
    """The options of a job.

    Attributes:
        orientation: Whether to detect turned pages; None for the default of the detector.
        split: How to separate the receipts in a file; None to take everything as one.
        webhook_url: Where to send the job when it is done.
        cache_control: The `Cache-Control` header of the request, which governs the cache of receipts.
        owner: Whose job it is; see `gateway.caller`.
    """

    orientation: Orientation | None = None
    split: Split | None = None
    webhook_url: str | None = None
    cache_control: str | None = None
    owner: str = NO_OWNER

    @field_validator("split", mode="before")
    @classmethod
    def _upgrade_split(cls, value: object) -> object:
        """Read what earlier versions stored: whether each page is a receipt."""
        if isinstance(value, bool):
            return "pages" if value else None
        return value


@dataclass(frozen=True)
class JobRecord:
    """The part of a job that does not change.

    Attributes:
        id: 32 hexadecimal digits, not predictable.
        created: Seconds since the epoch.
        expires: Seconds since the epoch.
        options: The options it was created with.
    """

    id: str
    created: float
    expires: float
    options: JobOptions

    @classmethod
    def create(cls, options: JobOptions, ttl_s: float) -> JobRecord:
        """Create the record of a job that starts now."""
        now = time.time()
        return cls(uuid.uuid4().hex, now, now + ttl_s, options)


@dataclass(frozen=True)
class Delivery:
    """How far the delivery of a webhook has come.

    Attributes:
        attempts: Attempts so far, with one in progress.
        is_due: Whether another attempt follows, or one is in progress.
        error: Why the last attempt that failed did.
        delivered: When it arrived, in seconds since the epoch.
    """

    attempts: int = 0
    is_due: bool = False
    error: str | None = None
    delivered: float | None = None

    def to_contract(self, *, is_job_done: bool) -> WebhookDelivery | None:
        """Return the delivery as callers see it; None if an earlier release ended it, without storing how."""
        if self.delivered is not None:
            state: DeliveryState = "delivered"
        elif self.is_due or not is_job_done:
            state = "pending"
        elif self.error is not None:
            state = "failed"
        else:
            return None
        return WebhookDelivery(
            state=state,
            attempts=self.attempts,
            last_error=self.error,
            delivered=None if self.delivered is None else _to_utc(self.delivered),
        )


@dataclass(frozen=True)
class Snapshot:
    """A job at one moment.

    Attributes:
        record: The part that does not change.
        files: All files, by index.
        finished: When the last file finished, in seconds since the epoch.
        revision: A number that grows with every change.
        delivery: How far its webhook has come, if it has one.
    """

    record: JobRecord
    files: list[FileState]
    finished: float | None
    revision: int
    delivery: Delivery

    def to_job(self) -> Job:
        """Return the job as callers see it."""
        counts = Counts.of(self.files)
        return Job(
            id=self.record.id,
            state=_get_job_state(counts),
            created=_to_utc(self.record.created),
            finished=None if self.finished is None else _to_utc(self.finished),
            expires=_to_utc(self.record.expires),
            counts=counts,
            files=self.files,
            webhook=self._describe_webhook(),
        )

    def _describe_webhook(self) -> WebhookDelivery | None:
        if self.record.options.webhook_url is None:
            return None
        return self.delivery.to_contract(is_job_done=self.finished is not None)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file: receipts, or the problem that prevented them."""

    receipts: list[Receipt] = field(default_factory=list)
    problem: Problem | None = None

    @classmethod
    def from_json(cls, receipts: str | bytes | None, file_state: str | bytes) -> Outcome:
        """Restore an outcome from what `receipts_json` and the file's state were stored as."""
        problem = FileState.model_validate_json(file_state).problem
        return cls(_RECEIPTS.validate_json(receipts or b"[]"), problem)

    def receipts_json(self) -> bytes:
        """Return the receipts as a JSON list."""
        return _RECEIPTS.dump_json(self.receipts)

    def to_file_state(self, index: int, name: str) -> FileState:
        """Return the final state of the file."""
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
        data: The bytes of the file; None if they were lost.
        attempt: Which attempt at reading it this is, from 1.
        options: The options of its job.
    """

    data: bytes | None
    attempt: int
    options: JobOptions


@dataclass(frozen=True)
class DueWebhook:
    """A webhook to send now.

    Attributes:
        job_id: The job that is done.
        url: Where to send it.
        attempt: Which attempt this is, from 1.
    """

    job_id: str
    url: str
    attempt: int


def parse_file_states(states: Iterable[str | bytes]) -> list[FileState]:
    """Parse the states of files from JSON."""
    return [FileState.model_validate_json(state) for state in states]


def _get_job_state(counts: Counts) -> JobState:
    if counts.queued == counts.running == 0:
        return "done"
    return "queued" if counts.queued + counts.failed == counts.total and counts.running == 0 else "running"


def _to_utc(seconds: float) -> datetime:
    """Convert seconds since the epoch, rounded to milliseconds."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
