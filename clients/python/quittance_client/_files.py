"""Reads the files that a caller passes in, whatever form they have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

FileInput = str | os.PathLike[str] | bytes | IO[bytes]
"""A path, the bytes of a file, or an open binary file."""

NamedFileInput = FileInput | tuple[str, FileInput]
"""A file, or its name and the file."""


def read_file(file: FileInput) -> bytes:
    """Return the bytes of a file.

    Raises:
        OSError: If a file cannot be read from disk.
        TypeError: If an open file is in text mode.
    """
    if isinstance(file, bytes):
        return file
    if isinstance(file, str | os.PathLike):
        return Path(file).read_bytes()
    data = file.read()
    if not isinstance(data, bytes):
        raise TypeError("The file is open in text mode. Open it with mode 'rb'.")
    return data


def read_named_file(file: NamedFileInput, index: int) -> tuple[str, bytes]:
    """Return the name and the bytes of a file of a job; see `read_file`.

    Args:
        file: A file without a name gets one from its position.
        index: Position of the file, from 0.
    """
    if isinstance(file, tuple):
        name, content = file
        return name, read_file(content)
    return _name_of(file) or f"file-{index + 1}", read_file(file)


def _name_of(file: FileInput) -> str | None:
    if isinstance(file, bytes):
        return None
    path = file if isinstance(file, str | os.PathLike) else getattr(file, "name", None)
    return Path(path).name if isinstance(path, str | os.PathLike) else None
