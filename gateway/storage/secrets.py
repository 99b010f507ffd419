"""Passwords in files, where `docker compose` and Kubernetes put them."""

from __future__ import annotations

from pathlib import Path

from shared.startup import StartupError


def read_secret(path: Path | None, setting: str) -> str | None:
    """Return the content of a file without space around it; None if there is no file in the settings.

    Raises:
        StartupError: If the file cannot be read; the message names the setting.
    """
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except OSError as error:
        raise StartupError(f"A password cannot be read ({error}). Check {setting}.") from error
