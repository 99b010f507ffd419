"""A clock that tests set by hand."""

from __future__ import annotations


class FakeClock:
    """Return `now`, in seconds, when called."""

    now = 0.0

    def __call__(self) -> float:
        return self.now
