"""Who sends a request, and whose data the sender may use.

Receipts, jobs, corrections and stored responses belong to the group of the key they were sent with, and only keys of
that group and keys of operators may use them.
"""

from __future__ import annotations

from dataclasses import dataclass

# The owner of what callers without a key send, and of what was stored before groups existed.
NO_OWNER = ""


@dataclass(frozen=True)
class Caller:
    """The sender of a request.

    Attributes:
        counted_as: Who is counted for rate limits: `key:ID`, or `address:IP` without a key.
        name: Name of the key; None without one.
        group: Owner of what the caller sends: the group of the key, or `NO_OWNER` without one.
        other_groups: For an operator, the owners of all other data; None for everyone else.
    """

    counted_as: str = ""
    name: str | None = None
    group: str = NO_OWNER
    other_groups: tuple[str, ...] | None = None

    @property
    def is_operator(self) -> bool:
        """Whether the caller may use everyone's data."""
        return self.other_groups is not None

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners whose data the caller may use, its own group first."""
        return (self.group, *(self.other_groups or ()))

    def may_use(self, owner: str) -> bool:
        """Whether the caller may use data of this owner."""
        return self.is_operator or owner == self.group
