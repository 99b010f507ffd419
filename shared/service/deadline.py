"""Deadlines: how long a caller waits for an answer, passed on through all services.

A header carries the remaining milliseconds, not a time of day, because clocks differ. A caller can shorten the time
that a service allows, not extend it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from shared.problems import ProblemError

TIMEOUT_HEADER = "X-Timeout-Ms"

_TIMEOUT = re.compile(r"[0-9]{1,9}")


class Deadline:
    """The point in time by which an answer must be sent.

    Args:
        seconds: Seconds from now.

    Attributes:
        seconds: The seconds given; those of the other deadline after `extend_to`.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def restart(self) -> None:
        """Allow the same number of seconds again, from now."""
        self._end = time.monotonic() + self.seconds

    def copy(self) -> Deadline:
        """Return an equal deadline that can be extended independently."""
        twin = Deadline(self.seconds)
        twin._end = self._end
        return twin

    def extend_to(self, other: Deadline) -> None:
        """Move this deadline to another one if that is later."""
        if other._end > self._end:
            self.seconds, self._end = other.seconds, other._end


def timeout_headers(seconds: float) -> dict[str, str]:
    """Return headers that tell another service how long it may take."""
    return {TIMEOUT_HEADER: str(int(seconds * 1000))}


def requested_timeout_s(headers: Mapping[str, str]) -> float | None:
    """Return the timeout that a caller asks for, in seconds; None if the header is absent.

    Raises:
        ProblemError: 400 `timeout-invalid`.
    """
    value = headers.get(TIMEOUT_HEADER)
    if value is None:
        return None
    if not _TIMEOUT.fullmatch(value):
        raise ProblemError(
            400,
            "timeout-invalid",
            "The timeout is not valid",
            f"{TIMEOUT_HEADER} must be a whole number of milliseconds, at most 999999999.",
        )
    return int(value) / 1000


def deadline_problem(timeout_s: float) -> ProblemError:
    """Describe a request that exceeded its deadline: 504 `deadline-exceeded`."""
    return ProblemError(
        504,
        "deadline-exceeded",
        "The request took too long",
        f"There was no result after {timeout_s:g} s. Try again later, or allow more time.",
        headers={"Retry-After": "2"},
    )
