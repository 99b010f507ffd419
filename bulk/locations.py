"""Paths and URLs of inputs and outputs, on any file system that fsspec knows."""

from __future__ import annotations

import os
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

# What pip installs for each kind of URL.
_DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
}


class BulkError(Exception):
    """The extraction cannot start or go on; the message says why and what to do."""


def open_location(url: str) -> tuple[Any, str]:
    """Return the file system of a path or URL, and the path on it.

    Raises:
        BulkError: If the URL's kind is not known, or its driver is not installed.
    """
    try:
        file_system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        scheme = url.partition("://")[0]
        driver = _DRIVERS.get(scheme)
        advice = f"Run `pip install {driver}` on every machine" if driver else f"Install its driver: {error}"
        raise BulkError(f"{url}: {scheme}:// URLs need a driver that is not installed. {advice}.") from error
    except ValueError as error:
        raise BulkError(f"{url}: {error}. Use a path, or a URL such as s3://bucket/folder.") from error
    return file_system, path


def name_location(file_system: Any, path: str) -> str:
    """Return a path as people write it: an absolute path on this machine, otherwise a URL.

    Bytes that are not valid UTF-8 are escaped. The result then names no file, and its row gets that error.
    """
    name = os.path.abspath(path) if is_local(file_system) else str(file_system.unstrip_protocol(path))
    return name.encode("utf-8", "backslashreplace").decode()


def is_local(file_system: Any) -> bool:
    """Return whether a file system is that of this machine."""
    return isinstance(file_system, LocalFileSystem)


def is_inside(source: str, folder: str) -> bool:
    """Return whether a named location is a folder or below it."""
    return source == folder or source.startswith(folder.rstrip("/") + "/")
