"""What callers see of jobs; see also `shared.contracts`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from shared.contracts import Contract, Problem, Receipt

JobState = Literal["queued", "running", "done", "cancelled"]
FileStateName = Literal["queued", "running", "done", "failed"]

_ID_EXAMPLE = "0f3a6c1e9d2b4857a1c0e4f6b8d2a395"
_RECEIPT_ID_EXAMPLE = "b1946ac92492d2347c6235b4d2611184"


class Counts(Contract):
    """How many files of a job are in which state."""

    total: int = Field(ge=0, examples=[3])
    queued: int = Field(default=0, ge=0, examples=[1])
    running: int = Field(default=0, ge=0, examples=[1])
    done: int = Field(default=0, ge=0, examples=[1])
    failed: int = Field(default=0, ge=0, examples=[0])

    @classmethod
    def of(cls, files: list[FileState]) -> Self:
        """Counts files."""
        states = [file.state for file in files]
        return cls(total=len(states), **{name: states.count(name) for name in set(states)})


class FileState(Contract):
    """How far one file of a job is."""

    index: int = Field(ge=0, description="Position in the job, from 0.", examples=[0])
    name: str = Field(description="As the sender named it; of a file in a zip, its path in there.", examples=["a.jpg"])
    state: FileStateName = Field(examples=["done"])
    receipt_id: str | None = Field(
        default=None,
        description="Id of its receipt; with `split=pages`, of the receipt of its first page.",
        examples=[_RECEIPT_ID_EXAMPLE],
    )
    receipt_ids: list[str] = Field(
        default_factory=list,
        description="Ids of all its receipts: one, or with `split=pages` one a page.",
        examples=[[_RECEIPT_ID_EXAMPLE]],
    )
    problem: Problem | None = Field(default=None, description="Why it failed.")


class Job(Contract):
    """Many files that are read one after the other, and how far that is."""

    id: str = Field(pattern="^[0-9a-f]{32}$", examples=[_ID_EXAMPLE])
    state: JobState = Field(description="`done` also if files failed.", examples=["running"])
    created: datetime = Field(examples=["2026-11-25T09:30:00Z"])
    finished: datetime | None = Field(default=None, examples=[None])
    expires: datetime = Field(
        description="When the job and its results are forgotten.", examples=["2026-11-26T09:30:00Z"]
    )
    counts: Counts
    files: list[FileState]


class FileResult(Contract):
    """One row of a job's results: a receipt and the file it came from, or why there is none."""

    index: int = Field(ge=0, description="Position of the file in the job, from 0.", examples=[0])
    name: str = Field(examples=["a.jpg"])
    state: Literal["done", "failed"] = Field(examples=["done"])
    page: int | None = Field(
        default=None, description="With `split=pages`, the index of the page in its file, from 0.", examples=[0]
    )
    receipt: Receipt | None = None
    problem: Problem | None = None
