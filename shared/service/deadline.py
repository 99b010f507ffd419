"""The time by which an answer must be there, carried from the caller through all services.

A header tells how many milliseconds are left, not a time of day: clocks differ. A caller can lower what a service
grants with it, never raise it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from shared.problems import ProblemError

HEADER = "X-Timeout-Ms"
_FORM = re.compile(r"[0-9]{1,9}")


class Deadline:
    """The time by which an answer must be there.

    Args:
        seconds: From now on.

    Attributes:
        seconds: As given, or as the one that put it off has it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, not below 0."""
        return max(0.0, self._end - time.monotonic())

    def copy(self) -> Deadline:
        """The same time, to be put off by itself."""
        twin = Deadline(self.seconds)
        twin._end = self._end
        return twin

    def put_off(self, other: Deadline) -> None:
        """Becomes as late as the other one, if that is later."""
        if other._end > self._end:
            self.seconds, self._end = other.seconds, other._end

    def headers(self, most_s: float | None = None) -> dict[str, str]:
        """Headers that tell another service how long it may take, at most `most_s`."""
        left_s = self.remaining() if most_s is None else min(self.remaining(), most_s)
        return {HEADER: str(int(left_s * 1000))}


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def current_deadline() -> Deadline | None:
    """The deadline of the request that is being answered; None outside of one."""
    return _current.get()


@contextmanager
def working_until(deadline: Deadline | None) -> Iterator[None]:
    """Makes it the current deadline inside the block, and in tasks begun there; None for work without an end."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def asked_seconds(headers: Mapping[str, str]) -> float | None:
    """Gives the seconds that a caller grants, None if it does not say; raises `ProblemError` 400."""
    value = headers.get(HEADER)
    if value is None:
        return None
    if not _FORM.fullmatch(value):
        raise ProblemError(
            400, "timeout-invalid", "The timeout is not valid", f"{HEADER} takes milliseconds as a whole number."
        )
    return int(value) / 1000


def deadline_exceeded(seconds: float) -> ProblemError:
    """504: there was no answer in the seconds granted."""
    return ProblemError(
        504,
        "deadline-exceeded",
        "The request took too long",
        f"There was no result after {seconds:g} s. Try again later, or grant more time.",
        headers={"Retry-After": "2"},
    )
