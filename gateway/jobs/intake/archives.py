"""Files in zips from untrusted senders: nothing is written under their names or unpacked beyond the limits.

The sizes of the directory and of each entry are checked before and while they are read, because what an archive says
about itself may be false.
"""

from __future__ import annotations

import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from gateway.settings import JobLimits
from shared.problems import ProblemError
from shared.service.uploads import upload_too_large_problem

_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # an entry, or the end of an archive without any
_DIRECTORY_BYTES_PER_FILE = 1024  # enough for names of 900 bytes on average
_DIRECTORY_SIZE = 5  # index into the result of `zipfile._EndRecData`
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_MAX_NAME_LENGTH = 255
_CLUTTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its bytes, or the problem that prevents reading it."""

    name: str
    content: bytes | ProblemError


def is_archive(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is a zip."""
    return head.startswith(_MAGICS)


class Archive:
    """A zip that is open for reading, without folders and files that operating systems add.

    Args:
        file: The zip, open for reading in binary mode.
        limits: Limits on its files.

    Attributes:
        names: The names of the files, for display, in their order.

    Raises:
        ProblemError: 422 `archive-damaged`, 413 `too-many-files`.
    """

    def __init__(self, file: IO[bytes], limits: JobLimits) -> None:
        _check_directory(file, limits)
        with _translate_errors():
            self._opened = zipfile.ZipFile(file)
        self._limits = limits
        self._infos = [info for info in self._opened.infolist() if not info.is_dir() and not _is_clutter(info.filename)]
        if len(self._infos) > limits.max_files:
            raise too_many_files_problem(limits.max_files)
        self.names = [clean_name(info.filename) for info in self._infos]

    def read(self, index: int) -> bytes | ProblemError:
        """Unpack a file, or return the problem that prevents it; raise `ProblemError` 422 `archive-damaged`. Blocks."""
        with _translate_errors():
            return _read_entry(self._opened, self._infos[index], self._limits)


def read_entries(file: IO[bytes], limits: JobLimits) -> Iterator[Entry]:
    """Yield the files of a zip in their order, except folders and files that operating systems add. Blocks.

    Raises:
        ProblemError: 422 `archive-damaged`, 413 `too-many-files`.
    """
    archive = Archive(file, limits)
    for index, name in enumerate(archive.names):
        yield Entry(name, archive.read(index))


def clean_name(name: str) -> str:
    """Clean a file name for display: no parent folders, drive letters or control characters, and a limited length.

    Names are only shown and stored as text; no file is ever opened by one.
    """
    visible = "".join(c for c in name.replace("\\", "/") if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    parts = [part.strip() for part in visible.split("/")]
    safe = [part for part in parts if part not in ("", ".", "..") and not (len(part) == 2 and part[1] == ":")]
    return "/".join(safe)[-_MAX_NAME_LENGTH:] or "unnamed"


def too_many_files_problem(max_files: int) -> ProblemError:
    """Return the problem of a job with more than `max_files` files."""
    return ProblemError(
        413,
        "too-many-files",
        "Too many files",
        f"A job can have up to {max_files:,} files, including those in zips. Send the rest as another job.",
        extra={"max_files": max_files},
    )


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise _damaged(str(error)) from error


def _check_directory(archive: IO[bytes], limits: JobLimits) -> None:
    """Reject a directory that is too large for memory, because `ZipFile` reads it as a whole.

    The function of `zipfile` is private, but there is no other way to learn what `ZipFile` is about to read.
    """
    try:
        end = zipfile._EndRecData(archive)  # type: ignore[attr-defined]
    except (OSError, zipfile.BadZipFile) as error:
        raise _damaged(str(error)) from error
    if not end:
        raise _damaged("it has no directory, so it may be truncated")
    if end[_DIRECTORY_SIZE] > (limits.max_files + 1) * _DIRECTORY_BYTES_PER_FILE:
        raise too_many_files_problem(limits.max_files)


def _read_entry(opened: zipfile.ZipFile, info: zipfile.ZipInfo, limits: JobLimits) -> bytes | ProblemError:
    if info.flag_bits & _ENCRYPTED:
        return _invalid_entry("entry-locked", "The file is encrypted", "Send it without a password.")
    if info.compress_type not in _METHODS:
        return _invalid_entry(
            "entry-unsupported",
            "The compression method is not supported",
            f"The zip uses method {info.compress_type}. Create it with the standard method (Deflate).",
        )
    if info.file_size > limits.max_file_bytes:
        return upload_too_large_problem(limits.max_file_bytes)
    try:
        with opened.open(info) as file:
            content = file.read(limits.max_file_bytes + 1)  # ends at the size that the directory states
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError, OSError, RuntimeError):
        return _invalid_entry("entry-damaged", "The file is damaged", "It cannot be unpacked. Send an undamaged zip.")
    if is_archive(content):
        return _invalid_entry(
            "archive-in-archive", "The file is a zip in a zip", "Nested zips are not unpacked. Send it separately."
        )
    return content


def _is_clutter(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] in _CLUTTER or parts[-1] in _CLUTTER or parts[-1].startswith("._")


def _invalid_entry(code: str, title: str, detail: str) -> ProblemError:
    return ProblemError(422, code, title, detail)


def _damaged(reason: str) -> ProblemError:
    return ProblemError(
        422,
        "archive-damaged",
        "The zip is damaged",
        f"The zip cannot be opened: {reason}. Send a complete, undamaged file.",
    )
