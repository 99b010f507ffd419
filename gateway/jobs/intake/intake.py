"""The intake of a new job: moves its files one by one from the form, unpacking zips, into the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import IO

from fastapi import Request

from gateway.jobs.contracts import FileState
from gateway.jobs.intake.archives import Entry, clean_name, is_archive, read_entries, too_many_files_problem
from gateway.jobs.intake.form import Part, read_form
from gateway.jobs.model import JobRecord
from gateway.jobs.stores.job_store import JobsFullError, JobStore, JobsUnavailableError
from gateway.settings import JobLimits
from gateway.storage.disk_space import DiskSpace
from shared.problem_responses import describe_problem
from shared.problems import ProblemError
from shared.service.uploads import upload_too_large_problem

FILES_FIELD = "files"
WEBHOOK_FIELD = "webhook_url"
_MAX_URL_BYTES = 2048
_INSTRUCTION = (
    f"Send multipart/form-data with one file field `{FILES_FIELD}` for each picture, document or zip of pictures and "
    "documents."
)

_log = logging.getLogger(__name__)


class Intake:
    """Receives the files of one job.

    Args:
        store: Where to put the files.
        record: The new job.
        limits: Limits of the job.
        folder: Where to hold files while they arrive; created if it does not exist.
        space: The disk of that folder.
        check_webhook_url: Raises a ProblemError for a URL that webhooks cannot go to.
        storing: Limits how many jobs store a file at once.
    """

    def __init__(
        self,
        store: JobStore,
        record: JobRecord,
        *,
        limits: JobLimits,
        folder: Path,
        space: DiskSpace,
        check_webhook_url: Callable[[str], None],
        storing: asyncio.Semaphore,
    ) -> None:
        self._store = store
        self._record = record
        self._limits = limits
        self._folder = folder
        self._space = space
        self._check_webhook_url = check_webhook_url
        self._storing = storing
        self._files: list[FileState] = []
        self._bytes = 0
        self._has_webhook_field = False

    async def receive(self, request: Request) -> list[FileState]:
        """Read the whole form and make the job visible; delete everything if that fails.

        Returns:
            The files: queued, or failed if it is already clear that they cannot be read.

        Raises:
            ProblemError: 400 `bad-multipart`, 413 `too-many-files` or `job-too-large`, 415 `unsupported-content-type`,
                422 `file-missing`, or what `check_webhook_url` raises.
            JobsUnavailableError: If the store fails; a `JobsFullError` if there is no space.
        """
        await self._store.begin(self._record)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            form = read_form(request, self._folder, instruction=_INSTRUCTION, check_space=self._check_space)
            async with aclosing(form) as parts:
                async for part in parts:
                    await self._receive_part(part)
            if not self._files:
                detail = f"The form has no file in the field `{FILES_FIELD}`. {_INSTRUCTION}"
                raise ProblemError(422, "file-missing", "The files are missing", detail)
            await self._store.commit(self._record, self._files)
        except BaseException as error:
            await asyncio.shield(self._delete())
            if isinstance(error, OSError):
                raise JobsUnavailableError.from_error(error) from error
            raise
        return self._files

    async def _delete(self) -> None:
        try:
            await self._store.delete(self._record.id)
        except JobsUnavailableError as error:  # the sweep deletes it later
            _log.warning("Unfinished job could not be deleted", extra={"reason": str(error)})

    def _check_space(self, size: int) -> None:
        if not self._space.has_room(size):
            raise JobsFullError(f"the disk must keep {self._space.reserve_bytes:,} bytes free")

    async def _receive_part(self, part: Part) -> None:
        if part.name == WEBHOOK_FIELD and part.filename is None and not self._has_webhook_field:
            self._has_webhook_field = True
            self._receive_webhook_url(part.content.read(_MAX_URL_BYTES + 1).decode("utf-8", "replace").strip())
        elif part.name == FILES_FIELD and part.filename is not None:
            # A file is in memory on its way from the form to the store.
            async with self._storing:
                async for entry in _unpack(part, self._limits):
                    await self._add_file(entry)
        else:
            raise _unexpected_field(part)

    def _receive_webhook_url(self, url: str) -> None:
        if url:
            self._check_webhook_url(url)
            options = self._record.options.model_copy(update={"webhook_url": url})
            self._record = replace(self._record, options=options)

    async def _add_file(self, entry: Entry) -> None:
        index = len(self._files)
        if index >= self._limits.max_files:
            raise too_many_files_problem(self._limits.max_files)
        if isinstance(entry.content, ProblemError):
            problem = describe_problem(entry.content, path=None)
            self._files.append(FileState(index=index, name=entry.name, state="failed", problem=problem))
            return
        self._bytes += len(entry.content)
        if self._bytes > self._limits.max_bytes:
            raise _job_too_large_problem(self._limits.max_bytes)
        await self._store.add_file(self._record.id, index, entry.content)
        self._files.append(FileState(index=index, name=entry.name, state="queued"))


def _job_too_large_problem(max_bytes: int) -> ProblemError:
    return ProblemError(
        413,
        "job-too-large",
        "The job is too large",
        f"The files of a job can have up to {max_bytes:,} bytes in total, unpacked. Send some of them as another job.",
        extra={"max_bytes": max_bytes},
    )


def _unexpected_field(part: Part) -> ProblemError:
    if part.name == WEBHOOK_FIELD:
        reason = "was sent more than once, or as a file"
    elif part.name == FILES_FIELD:
        reason = "was sent as text, not as a file with a name"
    else:
        reason = "is not known; `orientation` and `split` are parameters of the URL"
    detail = f"The field `{clean_name(part.name)}` {reason}. {_INSTRUCTION}"
    return ProblemError(422, "file-missing", "The files are missing", detail)


async def _unpack(part: Part, limits: JobLimits) -> AsyncIterator[Entry]:
    """Yield the file of a part, or its entries if it is a zip. A zip that cannot be opened is one failed file."""
    name, content = clean_name(part.filename or ""), part.content
    head = content.read(4)
    content.seek(0)
    if not is_archive(head):
        yield Entry(name, await asyncio.to_thread(_read_file, content, limits))
        return
    entries = read_entries(content, limits)
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
        yield Entry(name, ProblemError(422, "archive-empty", "The zip is empty", "The zip contains no files."))


def _read_file(content: IO[bytes], limits: JobLimits) -> bytes | ProblemError:
    data = content.read(limits.max_file_bytes + 1)
    if not data:
        return ProblemError(422, "empty-body", "The file is empty", "The file has no bytes. Send the whole file.")
    return upload_too_large_problem(limits.max_file_bytes) if len(data) > limits.max_file_bytes else data
