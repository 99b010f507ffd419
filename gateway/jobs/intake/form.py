"""Multipart forms, read part by part, so that a large upload is never in memory at once.

Small parts are held in memory, larger ones in unnamed temporary files. The middleware in `shared.service.guard` limits
the size of the whole body.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.problems import ProblemError

# Per upload in progress.
_MAX_MEMORY_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 16 * 1024


@dataclass(frozen=True)
class Part:
    """One part of a form.

    Attributes:
        name: The name of the field.
        filename: The name that the sender gave the file, not trusted; None for a plain field.
        content: The content, from its beginning. It is closed when the next part is requested.
    """

    name: str
    filename: str | None
    content: IO[bytes]


async def read_form(
    request: Request, folder: Path, *, instruction: str, check_space: Callable[[int], None]
) -> AsyncGenerator[Part]:
    """Yield the parts of a multipart form as they arrive.

    Args:
        request: The request, whose body has not been read.
        folder: Where to create the temporary files.
        instruction: A sentence for error messages that says what to send.
        check_space: Called before so many bytes are written to the disk; may raise.

    Raises:
        ProblemError: 415 `unsupported-content-type` or 400 `bad-multipart`.
        OSError: If there is no space for a temporary file.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise ProblemError(
            415,
            "unsupported-content-type",
            "The content type is not supported",
            f"The body is not a form. {instruction}",
            extra={"accepted": ["multipart/form-data"]},
        )
    if not options.get(b"boundary"):
        raise _bad_form("its content type has no boundary.", instruction)
    collector = _Collector(folder)
    parser = MultipartParser(options[b"boundary"], collector.callbacks)  # type: ignore[arg-type] # a dict of callables
    try:
        async for chunk in request.stream():
            check_space(len(chunk))
            parser.write(chunk)
            for part in collector.take_finished():
                yield part
                part.content.close()
        parser.finalize()
    except FormParserError as error:
        raise _bad_form(str(error), instruction) from error
    finally:
        collector.close()
    if not collector.ended:
        raise _bad_form("it ends before its last boundary.", instruction)


def _bad_form(reason: str, instruction: str) -> ProblemError:
    return ProblemError(
        400, "bad-multipart", "The form is not valid", f"The multipart body is not valid: {reason} {instruction}"
    )


class _Collector:
    """Collects the parts of a form in callbacks of the parser, which cannot await; drained after each chunk."""

    def __init__(self, folder: Path) -> None:
        self.ended = False
        self._folder = folder
        self._header, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._open: Part | None = None
        self._finished: list[Part] = []
        self.callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._end_of_form,
        }

    def take_finished(self) -> list[Part]:
        parts, self._finished = self._finished, []
        return parts

    def close(self) -> None:
        for part in [*self._finished, *([self._open] if self._open else [])]:
            with suppress(OSError):
                part.content.close()

    def _begin(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._value, data[start:end])

    def _grow(self, text: bytearray, more: bytes) -> None:
        text += more
        if len(text) > _MAX_HEADER_BYTES:
            raise FormParserError("a header of a part is too long.")

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise FormParserError("a part has no name.")
        filename = options.get(b"filename")
        self._open = Part(
            _decode(options[b"name"]),
            None if filename is None else _decode(filename),
            SpooledTemporaryFile(max_size=_MAX_MEMORY_BYTES, dir=str(self._folder)),  # noqa: SIM115 - closed by `read_form`
        )

    def _data(self, data: bytes, start: int, end: int) -> None:
        assert self._open is not None  # noqa: S101 - the parser ends the headers first
        self._open.content.write(data[start:end])

    def _end(self) -> None:
        assert self._open is not None  # noqa: S101 - as above
        self._open.content.seek(0)
        self._finished.append(self._open)
        self._open = None

    def _end_of_form(self) -> None:
        self.ended = True


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
