"""The error of a process that cannot start."""

from __future__ import annotations


class StartupError(Exception):
    """A process cannot start, for a reason that its operator can fix; the message says what is wrong and what to do."""
