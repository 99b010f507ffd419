"""Takes the files of a new job in: one by one from the form, out of zips, into the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import IO

from fastapi import Request

from gateway.jobs.contracts import FileState
from gateway.jobs.intake.archives import Entry, clean_name, entries_of, is_archive, too_many_files
from gateway.jobs.intake.form import Part, parts_of_form
from gateway.jobs.model import JobRecord, JobStore, JobsUnavailableError
from gateway.settings import JobLimits
from shared.problems import ProblemError, problem_of
from shared.service.uploads import too_large

FILES_FIELD = "files"
WEBHOOK_FIELD = "webhook_url"
_MOST_URL_BYTES = 2048
_HOW = (
    f"Send multipart/form-data with the pictures, documents or zips of them as files in the field `{FILES_FIELD}`, "
    "repeated for each."
)


class Intake:
    """Fills one job.

    Args:
        store: Where the files go.
        record: The job, not begun yet.
        limits: What it may hold.
        folder: Where files lie while they arrive; made if it is not there.
        check_webhook: Raises a ProblemError for a URL that may not be told anything.
    """

    def __init__(
        self,
        store: JobStore,
        record: JobRecord,
        *,
        limits: JobLimits,
        folder: Path,
        check_webhook: Callable[[str], None],
    ) -> None:
        self._store = store
        self._record = record
        self._limits = limits
        self._folder = folder
        self._check_webhook = check_webhook
        self._files: list[FileState] = []
        self._bytes = 0
        self._asked_webhook = False

    async def take(self, request: Request) -> list[FileState]:
        """Reads the whole form and makes the job visible; forgets everything if that fails.

        Returns:
            The files: queued, or failed where it was clear at once that they cannot be read.

        Raises:
            ProblemError: 400 `bad-multipart`, 413 `too-many-files` or `job-too-large`, 415 `unsupported-content-type`,
                422 `file-missing`, or what `check_webhook` raises.
            JobsUnavailableError: If the store fails, or there is no room on the disk.
        """
        await self._store.begin(self._record)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            async with aclosing(parts_of_form(request, self._folder, how=_HOW)) as parts:
                async for part in parts:
                    await self._take_part(part)
            if not self._files:
                detail = f"The form has no file in the field `{FILES_FIELD}`. {_HOW}"
                raise ProblemError(422, "file-missing", "The files are missing", detail)
            await self._store.commit(self._record, self._files)
        except BaseException as error:
            await asyncio.shield(self._store.delete(self._record.id))
            if isinstance(error, OSError):
                raise JobsUnavailableError(f"{type(error).__name__}: {error}") from error
            raise
        return self._files

    async def _take_part(self, part: Part) -> None:
        if part.name == WEBHOOK_FIELD and part.filename is None and not self._asked_webhook:
            self._asked_webhook = True
            self._take_webhook(part.content.read(_MOST_URL_BYTES + 1).decode("utf-8", "replace").strip())
        elif part.name == FILES_FIELD and part.filename is not None:
            async for entry in _files_of(part, self._limits):
                await self._take_file(entry)
        else:
            raise _wrong_field(part)

    def _take_webhook(self, url: str) -> None:
        if url:
            self._check_webhook(url)
            options = self._record.options.model_copy(update={"webhook_url": url})
            self._record = replace(self._record, options=options)

    async def _take_file(self, entry: Entry) -> None:
        index = len(self._files)
        if index >= self._limits.max_files:
            raise too_many_files(self._limits.max_files)
        if isinstance(entry.content, ProblemError):
            problem = problem_of(entry.content, path=None)
            self._files.append(FileState(index=index, name=entry.name, state="failed", problem=problem))
            return
        self._bytes += len(entry.content)
        if self._bytes > self._limits.max_bytes:
            raise job_too_large(self._limits.max_bytes)
        await self._store.add(self._record.id, index, entry.content)
        self._files.append(FileState(index=index, name=entry.name, state="queued"))


def job_too_large(max_bytes: int) -> ProblemError:
    """The problem of a job with more than `max_bytes` bytes."""
    return ProblemError(
        413,
        "job-too-large",
        "The job is too large",
        f"The files of a job may have {max_bytes:,} bytes, unpacked. Send some of them as another job.",
        extra={"max_bytes": max_bytes},
    )


def _wrong_field(part: Part) -> ProblemError:
    told = "was sent as text, not as a file with a name" if part.filename is None else "is not known for files"
    if part.name == WEBHOOK_FIELD:
        told = "was sent more than once, or as a file"
    detail = f"The field `{clean_name(part.name)}` {told}. {_HOW}"
    return ProblemError(422, "file-missing", "The files are missing", detail)


async def _files_of(part: Part, limits: JobLimits) -> AsyncIterator[Entry]:
    """The file of a part, or what is in it if it is a zip; a zip that cannot be opened is one file that failed."""
    name, content = clean_name(part.filename or ""), part.content
    head = content.read(4)
    content.seek(0)
    if not is_archive(head):
        yield Entry(name, await asyncio.to_thread(_whole, content, limits))
        return
    entries = entries_of(content, limits)
    empty = True
    try:
        while (entry := await asyncio.to_thread(next, entries, None)) is not None:
            empty = False
            yield entry
    except ProblemError as error:
        if error.code == "too-many-files":
            raise
        yield Entry(name, error)
        return
    if empty:
        yield Entry(name, ProblemError(422, "archive-empty", "The zip is empty", "There are no files in the zip."))


def _whole(content: IO[bytes], limits: JobLimits) -> bytes | ProblemError:
    data = content.read(limits.max_file_bytes + 1)
    if not data:
        return ProblemError(422, "empty-body", "There is no picture", "The file has no bytes. Send the whole file.")
    return too_large(limits.max_file_bytes) if len(data) > limits.max_file_bytes else data
