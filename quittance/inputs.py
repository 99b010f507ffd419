"""The files that the command line reads: paths, what is in folders, what matches patterns, and the files in zips."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from shared.pictures.suffixes import SUFFIXES

if TYPE_CHECKING:
    from gateway.jobs.intake.archives import Archive

READABLE_SUFFIXES = SUFFIXES | {".zip"}
"""Names of files that are read where only a folder is named end so."""

_NO_PERMISSION = "you may not read it; change its permissions"
# Of a zip and of a file in it. They keep a malicious zip from filling the memory; the gateway has limits of its own.
_MAX_ARCHIVE_FILES = 100_000
_MAX_FILE_BYTES = 100 * 2**20
_MAX_OPEN_ARCHIVES = 4


class InputError(Exception):
    """A file cannot be read; the message says why, and what to do."""


@dataclass(frozen=True)
class InputFile:
    """One file to read.

    Attributes:
        path: The file; of one in a zip, the path of the zip followed by the one in the zip.
        archive: The zip that it is in; None for a file of its own.
        index: Its position in the zip, from 0.
    """

    path: Path
    archive: Path | None = None
    index: int = 0

    def explain_unreadable(self) -> str | None:
        """Return why the file cannot be opened; None if it looks readable."""
        path = self.archive or self.path
        try:
            path.stat()
        except PermissionError:
            return _NO_PERMISSION
        except (OSError, ValueError):
            return "no file matches" if _is_pattern(path) else "no such file"
        if path.is_dir():
            return "there are no pictures in this folder" if os.access(path, os.R_OK | os.X_OK) else _NO_PERMISSION
        return None if os.access(path, os.R_OK) else _NO_PERMISSION

    def read(self) -> bytes:
        """Return the bytes of the file. Blocks.

        Raises:
            InputError: If it cannot be read.
        """
        if reason := self.explain_unreadable():
            raise InputError(reason)
        try:
            if self.archive is None and not _is_archive(self.path):
                return self.path.read_bytes()
            return _read_member(self.archive or self.path, self.index)
        except OSError as error:
            raise InputError(error.strerror or str(error)) from error


def expand(paths: Sequence[Path]) -> list[InputFile]:
    """Replace folders by what can be read in them, patterns by their matches, and zips by the files in them.

    Files in a folder are sorted by name, those in a zip keep their order. Empty folders, folders that may not be read,
    patterns without a match, and zips that are empty or cannot be opened are kept, so that they can be reported.
    """
    found: list[InputFile] = []
    for path in paths:
        # `Path.is_dir` and `Path.exists` raise an error in a folder that may not be read.
        if os.path.isdir(path):
            inside = [file for one in _find_in_folder(path) for file in expand_file(one)]
        elif _is_pattern(path):
            inside = expand([Path(name) for name in sorted(glob.glob(str(path), recursive=True))])
        else:
            inside = expand_file(path)
        found += inside or [InputFile(path)]
    return found


def expand_file(path: Path) -> list[InputFile]:
    """Return the files in a zip, or a file itself; a zip itself if it is empty or cannot be opened."""
    if not _is_archive(path):
        return [InputFile(path)]
    try:
        names = _open_archive(path).names
    except (InputError, OSError):
        names = []
    return [InputFile(path / name, path, index) for index, name in enumerate(names)] or [InputFile(path)]


def _find_in_folder(folder: Path) -> list[Path]:
    """Return the pictures, documents and zips in a folder and below it, and the folders that may not be read."""
    found: list[Path] = []

    def keep(error: OSError) -> None:
        found.append(Path(error.filename))

    for root, _, names in os.walk(folder, onerror=keep):
        found += [Path(root, name) for name in names if Path(name).suffix.lower() in READABLE_SUFFIXES]
    return sorted(found)


def _is_pattern(path: Path) -> bool:
    """Return whether a path is a pattern that the shell did not expand; an existing file never is."""
    return glob.has_magic(str(path)) and not os.path.exists(path)


def _is_archive(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES:  # saves opening thousands of pictures
        return False
    from gateway.jobs.intake.archives import is_archive

    try:
        with path.open("rb") as file:
            return is_archive(file.read(4))
    except (OSError, ValueError):
        return False


def _read_member(path: Path, index: int) -> bytes:
    from shared.problems import ProblemError

    archive = _open_archive(path)
    if not archive.names:
        raise InputError("The zip is empty. The zip contains no files.")
    content = archive.read(index)
    if isinstance(content, ProblemError):
        raise InputError(f"{content.title}. {content.detail}")
    return content


def _open_archive(path: Path) -> Archive:
    """Open a zip; raise `InputError` or `OSError`."""
    status = path.stat()
    return _open_version(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_MAX_OPEN_ARCHIVES)
def _open_version(path: Path, size: int, modified_ns: int) -> Archive:
    """Open a zip, which stays open until others have been opened; one that changed is another one."""
    from gateway.jobs.intake.archives import Archive
    from gateway.settings import JobLimits
    from shared.problems import ProblemError

    try:
        return Archive(path.open("rb"), JobLimits(_MAX_ARCHIVE_FILES, 0, _MAX_FILE_BYTES))
    except ProblemError as error:
        raise InputError(f"{error.title}. {error.detail}") from error
