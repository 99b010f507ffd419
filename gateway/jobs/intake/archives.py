"""Takes files out of zips that strangers send: nothing is written under their names or unpacked beyond limits.

The size of an archive's directory and of each entry is checked before it is read, and again while it is: what an
archive says of itself is not believed.
"""

from __future__ import annotations

import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from gateway.settings import JobLimits
from shared.problems import ProblemError
from shared.service.uploads import too_large

_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # an entry, or the end of an archive without any
_DIRECTORY_BYTES_A_FILE = 1024  # names of more than 900 bytes on the average are no names
_SIZE_OF_DIRECTORY = 5  # index into what `zipfile._EndRecData` gives
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_MOST_NAME = 255
_CLUTTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its bytes, or the reason why it cannot be had."""

    name: str
    content: bytes | ProblemError


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return head.startswith(_MAGICS)


def entries_of(archive: IO[bytes], limits: JobLimits) -> Iterator[Entry]:
    """Yields the files of a zip in their order; folders and what operating systems add are left out. Blocks.

    Raises:
        ProblemError: 422 `archive-damaged`, 413 `too-many-files`.
    """
    _check_directory(archive, limits)
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = [info for info in opened.infolist() if not info.is_dir() and not _is_clutter(info.filename)]
            if len(wanted) > limits.max_files:
                raise too_many_files(limits.max_files)
            for info in wanted:
                yield Entry(clean_name(info.filename), _content(opened, info, limits))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise _damaged(str(error)) from error


def clean_name(name: str) -> str:
    """A name for people: without a way out of its folder, drive letters, control characters, or an end.

    Names are shown and stored as text; no file is ever opened by one.
    """
    visible = "".join(c for c in name.replace("\\", "/") if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    steps = [step.strip() for step in visible.split("/")]
    kept = [step for step in steps if step not in ("", ".", "..") and not (len(step) == 2 and step[1] == ":")]
    return "/".join(kept)[-_MOST_NAME:] or "without a name"


def too_many_files(max_files: int) -> ProblemError:
    """The problem of a job with more than `max_files` files."""
    return ProblemError(
        413,
        "too-many-files",
        "There are too many files",
        f"A job may have {max_files:,} files, those in zips included. Send the rest as another job.",
        extra={"max_files": max_files},
    )


def _check_directory(archive: IO[bytes], limits: JobLimits) -> None:
    """Refuses a directory that would fill the memory once `zipfile` reads it, which it does whole.

    The function is private, but nothing else tells what `ZipFile` is about to read.
    """
    try:
        end = zipfile._EndRecData(archive)  # type: ignore[attr-defined]
    except (OSError, zipfile.BadZipFile) as error:
        raise _damaged(str(error)) from error
    if not end:
        raise _damaged("it has no directory, as if it were cut off")
    if end[_SIZE_OF_DIRECTORY] > (limits.max_files + 1) * _DIRECTORY_BYTES_A_FILE:
        raise too_many_files(limits.max_files)


def _content(opened: zipfile.ZipFile, info: zipfile.ZipInfo, limits: JobLimits) -> bytes | ProblemError:
    if info.flag_bits & _ENCRYPTED:
        return _refused("entry-locked", "The file is locked", "It asks for a password. Send it without one.")
    if info.compress_type not in _METHODS:
        return _refused(
            "entry-unsupported",
            "The file cannot be unpacked",
            f"It is packed by the method {info.compress_type}, which is not read here. Pack it as a plain zip.",
        )
    if info.file_size > limits.max_file_bytes:
        return too_large(limits.max_file_bytes)
    try:
        with opened.open(info) as file:
            content = file.read(limits.max_file_bytes + 1)  # never more than the size it told
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError, OSError, RuntimeError):
        return _refused("entry-damaged", "The file is damaged", "It cannot be unpacked: its data are wrong.")
    if is_archive(content):
        return _refused("archive-in-archive", "A zip in a zip", "Zips in zips are not unpacked. Send it by itself.")
    return content


def _is_clutter(name: str) -> bool:
    steps = name.replace("\\", "/").split("/")
    return steps[0] in _CLUTTER or steps[-1] in _CLUTTER or steps[-1].startswith("._")


def _refused(code: str, title: str, detail: str) -> ProblemError:
    return ProblemError(422, code, title, detail)


def _damaged(reason: str) -> ProblemError:
    return ProblemError(
        422,
        "archive-damaged",
        "The zip is damaged",
        f"The zip cannot be opened: {reason}. Send the whole, undamaged file.",
    )
