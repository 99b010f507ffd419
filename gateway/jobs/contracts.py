"""The API contracts of jobs; see also `shared.contracts`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from shared.contracts import Contract, Problem, Receipt

JobState = Literal["queued", "running", "done", "cancelled"]
FileStateName = Literal["queued", "running", "done", "failed"]
DeliveryState = Literal["pending", "delivered", "failed"]

_ID_EXAMPLE = "0f3a6c1e9d2b4857a1c0e4f6b8d2a395"
_RECEIPT_ID_EXAMPLE = "b1946ac92492d2347c6235b4d2611184"


class Counts(Contract):
    """Number of files of a job by state."""

    total: int = Field(ge=0, examples=[3])
    queued: int = Field(default=0, ge=0, examples=[1])
    running: int = Field(default=0, ge=0, examples=[1])
    done: int = Field(default=0, ge=0, examples=[1])
    failed: int = Field(default=0, ge=0, examples=[0])

    @classmethod
    def of(cls, files: list[FileState]) -> Self:
        """Count files by state."""
        states = [file.state for file in files]
        return cls(total=len(states), **{name: states.count(name) for name in set(states)})


class FileState(Contract):
    """State of one file of a job."""

    index: int = Field(ge=0, description="Position in the job, from 0.", examples=[0])
    name: str = Field(
        description="Name given by the sender; for a file in a zip, its path in the zip.", examples=["a.jpg"]
    )
    state: FileStateName = Field(examples=["done"])
    receipt_id: str | None = Field(
        default=None,
        description="ID of its receipt; with `split`, of its first receipt.",
        examples=[_RECEIPT_ID_EXAMPLE],
    )
    receipt_ids: list[str] = Field(
        default_factory=list,
        description="IDs of all its receipts: one, unless `split` was given.",
        examples=[[_RECEIPT_ID_EXAMPLE]],
    )
    problem: Problem | None = Field(default=None, description="The reason if it failed.")


class WebhookDelivery(Contract):
    """Whether the webhook of a job has arrived."""

    state: DeliveryState = Field(
        description="`pending` until it has arrived or, as `failed`, is given up.", examples=["delivered"]
    )
    attempts: int = Field(default=0, ge=0, description="Attempts so far, with one in progress.", examples=[2])
    last_error: str | None = Field(
        default=None,
        description="Why the last attempt that failed did.",
        examples=["The receiver answered with status 500."],
    )
    delivered: datetime | None = Field(default=None, examples=["2026-11-25T09:31:00Z"])


class Job(Contract):
    """A batch of files that are read in the background, and its progress."""

    id: str = Field(pattern="^[0-9a-f]{32}$", examples=[_ID_EXAMPLE])
    state: JobState = Field(description="`done` even if files failed.", examples=["running"])
    created: datetime = Field(examples=["2026-11-25T09:30:00Z"])
    finished: datetime | None = Field(default=None, examples=[None])
    expires: datetime = Field(
        description="When the job and its results are deleted.", examples=["2026-11-26T09:30:00Z"]
    )
    counts: Counts
    files: list[FileState]
    webhook: WebhookDelivery | None = Field(default=None, description="null without a webhook.")


class FileResult(Contract):
    """One row of the results of a job: a receipt and the file it came from, or the reason why there is none."""

    index: int = Field(ge=0, description="Position of the file in the job, from 0.", examples=[0])
    name: str = Field(examples=["a.jpg"])
    state: Literal["done", "failed"] = Field(examples=["done"])
    page: int | None = Field(
        default=None,
        description="Position of the receipt's first page in its file, from 0, if the file has several receipts.",
        examples=[0],
    )
    receipt: Receipt | None = None
    problem: Problem | None = None
