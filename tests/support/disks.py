"""Directories that cannot be written, and small disks, for tests of what is stored."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_NOBODY = 65534
_BLOCK_BYTES = 4096


@contextmanager
def open_directory() -> Iterator[Path]:
    """Yield a new directory of a user without privileges, who runs the block; root may write everywhere."""
    folder, before = Path(tempfile.mkdtemp()), Path.cwd()
    is_root = os.geteuid() == 0
    try:
        os.chdir("/")
        if is_root:
            os.chown(folder, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        os.chdir(before)
        folder.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def small_disk(size_bytes: int) -> Iterator[Path]:
    """Yield a directory on a disk of its own; skip the test where none can be mounted."""
    folder = Path(tempfile.mkdtemp())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "none", str(folder)]
    try:
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a disk")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


def fill_disk(folder: Path) -> Path:
    """Write a file until its disk is full, and return it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(_BLOCK_BYTES))
    return filler
