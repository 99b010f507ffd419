"""What people send, as pictures of pages: a JPEG, PNG or WebP is one page as it is; other formats are rendered.

Rendering runs in a process of its own with bounded memory, which is killed when the time is up: decoders of documents
are large, and no one can tell beforehand what a hostile file makes them do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress

from gateway.documents.limits import DocumentLimits, no_such_page
from shared.pictures.header import FORMATS, identify_format, unsupported_format
from shared.problems import ProblemError

RENDERED = ("PDF", "TIFF", "HEIC", "AVIF", "BMP")
ACCEPTED = (*FORMATS, *RENDERED)

_log = logging.getLogger(__name__)


class Renderer:
    """Makes pictures of pages.

    Args:
        limits: What documents are taken.
        timeout_s: Longest time for one document, however busy the machine is.
        workers: Most processes at once.
    """

    def __init__(self, limits: DocumentLimits, *, timeout_s: float, workers: int) -> None:
        self._limits = limits
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(workers)

    async def pages(self, data: bytes) -> list[bytes]:
        """The pages of an upload as JPEG, PNG or WebP, in order.

        Raises:
            ProblemError: 415 `unsupported-format`, 413 `too-many-pages`, `picture-too-large` or `document-too-large`,
                422 `document-locked`, `document-too-slow`, `no-pages`, `picture-damaged` or `picture-too-small`.
        """
        kind = identify_format(data)
        if kind in FORMATS:
            return [data]
        if kind not in RENDERED:
            raise unsupported_format(kind, ACCEPTED)
        async with self._room:
            return list(_unpacked(await self._render(data, kind), kind))

    async def page(self, data: bytes, number: int) -> tuple[bytes, str]:
        """One page of an upload for people to look at, and its media type: a picture as it is, else a WebP.

        Args:
            data: the whole file.
            number: of the page, from 0.

        Raises:
            ProblemError: As `pages`, and 404 `no-such-page`.
        """
        kind = identify_format(data)
        if kind in FORMATS:
            if number > 0:
                raise no_such_page(number, 1)
            return data, f"image/{kind.lower()}"
        if kind not in RENDERED:
            raise unsupported_format(kind, ACCEPTED)
        async with self._room:
            (picture,) = _unpacked(await self._render(data, kind, str(number)), kind)
        return picture, "image/webp"

    async def _render(self, data: bytes, kind: str, *only: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.documents.render_process", kind, self._limits.to_json(), *only),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # decoders chatter; what is wrong is told on the standard output
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                out, _ = await process.communicate(data)
        except TimeoutError as error:
            raise _too_slow(f"The pages of the {kind} were not rendered after", self._timeout_s) from error
        finally:  # also when the caller hung up
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == -signal.SIGXCPU:
            raise _too_slow(f"A page of the {kind} kept a processor busy for", self._limits.page_s)
        if process.returncode != 0:
            _log.warning("The renderer died", extra={"format": kind, "returncode": process.returncode})
            raise ProblemError(
                422,
                "picture-damaged",
                "The picture is damaged",
                f"The {kind} cannot be decoded: its decoder gave up. Send another copy, or a picture of the page.",
            )
        return out


def _too_slow(what: str, seconds: float) -> ProblemError:
    return ProblemError(
        422,
        "document-too-slow",
        "The document takes too long",
        f"{what} {seconds:g} s. Send fewer or simpler pages.",
        extra={"max_seconds": seconds},
    )


def _unpacked(out: bytes, kind: str) -> Iterator[bytes]:
    """The pages in what the renderer wrote; raises the problem if it told of one."""
    at = 0
    while at < len(out):
        (length,) = struct.unpack_from(">I", out, at)
        at += 4
        if length == 0:
            told = json.loads(out[at:])
            raise ProblemError(told["status"], told["code"], told["title"], told["detail"], extra=told["extra"])
        yield out[at : at + length]
        at += length
